"""`privacy`: what is read, asked, sent and stored."""

from __future__ import annotations

from openusage_proto.methods import PRIVACY
from openusage_proto.privacy_messages import Privacy, PrivacyParams
from openusaged.rpc.context import RpcContext
from openusaged.rpc.registry import method
from openusaged.usecases import privacy as use_case


@method(PRIVACY, pool="workers")
def privacy(ctx: RpcContext, params: PrivacyParams) -> Privacy:
    """Every file read, host asked, header sent and field stored."""
    del params
    return use_case.privacy(ctx.app.accounts(), ctx.app.alerting.ways())
