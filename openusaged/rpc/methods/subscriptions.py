"""`subscribe` and `unsubscribe`: changes are pushed, so that nobody has to poll."""

from __future__ import annotations

from openusage_proto import methods as names
from openusage_proto.messages import SubscribeParams, SubscribeResult, UnsubscribeParams
from openusaged.rpc.context import RpcContext
from openusaged.rpc.registry import method


@method(names.SUBSCRIBE)
def subscribe(ctx: RpcContext, params: SubscribeParams) -> SubscribeResult:
    """Push `read_model_changed` to this connection whenever the read model has changed."""
    seq: int = ctx.app.seq
    ctx.connection.subscribe(params.after_seq)
    return SubscribeResult(seq=seq, subscribed=True)


@method(names.UNSUBSCRIBE)
def unsubscribe(ctx: RpcContext, params: UnsubscribeParams) -> SubscribeResult:  # noqa: ARG001
    """Stop pushing to this connection."""
    ctx.connection.unsubscribe()
    return SubscribeResult(seq=ctx.app.seq, subscribed=False)
