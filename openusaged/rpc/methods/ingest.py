"""`ingest_turn`: one event from a hook or from any program, answered after its commit."""

from __future__ import annotations

from openusage_proto.errors import INVALID_PARAMS
from openusage_proto.messages import IngestParams, IngestResult
from openusage_proto.methods import INGEST_TURN
from openusaged.rpc.context import Deferred, RpcContext, refuse
from openusaged.rpc.registry import method


@method(INGEST_TURN)
def ingest_turn(ctx: RpcContext, params: IngestParams) -> Deferred[IngestResult]:
    """Store one normalised turn or one agent's hook payload, exactly once."""
    if (params.turn is None) == (params.payload is None):
        refuse(INVALID_PARAMS, "`$`: give either turn or payload")
    awaited, finish = ctx.app.receiving.ingest(params)
    return Deferred(awaited, finish)
