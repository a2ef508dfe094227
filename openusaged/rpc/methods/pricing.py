"""`pricing` and `reprice`: what models cost by which list, and applying it to what is stored."""

from __future__ import annotations

from openusage_proto.methods import PRICING, REPRICE
from openusage_proto.price_messages import Pricing, PricingParams, RepriceParams, RepriceResult
from openusaged.rpc.context import Deferred, RpcContext
from openusaged.rpc.registry import method


@method(PRICING)
def pricing(ctx: RpcContext, params: PricingParams) -> Deferred[Pricing]:
    """A model's price with its source and certainty, or the models that have no price."""
    return Deferred(ctx.app.pricing(params))


@method(REPRICE)
def reprice(ctx: RpcContext, params: RepriceParams) -> RepriceResult:
    """Start estimating stored events anew by the prices of now; `status` shows the progress."""
    return ctx.app.reprice(params)  # type: ignore[no-any-return]
