"""`statusline`: the rendered status line of Claude Code; its limits are kept on the way."""

from __future__ import annotations

from openusage_proto.messages import StatuslineParams, StatuslineResult
from openusage_proto.methods import STATUSLINE
from openusaged.rpc.context import Deferred, RpcContext
from openusaged.rpc.registry import method


@method(STATUSLINE)
def statusline(ctx: RpcContext, params: StatuslineParams) -> Deferred[StatuslineResult]:
    """Render one line from the host's input and the store's costs."""
    return Deferred(ctx.app.receiving.statusline(params))
