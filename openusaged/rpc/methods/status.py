"""`status`: how the daemon is doing."""

from __future__ import annotations

from openusage_proto.messages import Status, StatusParams
from openusage_proto.methods import STATUS
from openusaged.rpc.context import RpcContext
from openusaged.rpc.registry import method


@method(STATUS, pool="readers")
def status(ctx: RpcContext, params: StatusParams) -> Status:
    """Version, load, sources, import progress, spool, queues, database and recent errors."""
    del params
    return ctx.app.status()  # type: ignore[no-any-return]
