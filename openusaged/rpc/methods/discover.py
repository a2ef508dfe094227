"""`rpc.discover`: the wire describes itself (OpenRPC)."""

from __future__ import annotations

from typing import Any

from openusage_proto.messages import DiscoverParams
from openusage_proto.methods import DISCOVER
from openusaged.rpc.context import RpcContext
from openusaged.rpc.registry import method


@method(DISCOVER, pool="workers")
def discover(ctx: RpcContext, params: DiscoverParams) -> dict[str, Any]:
    """Return the OpenRPC document of this daemon."""
    del params
    # loaded on demand: it is asked for once in a blue moon and imports every message's schema
    from openusaged.rpc.openrpc import build

    return build(ctx.methods)
