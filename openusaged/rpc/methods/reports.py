"""`report` and `sessions`: usage by period, session or block."""

from __future__ import annotations

from openusage_proto.messages import Report, ReportParams, Sessions, SessionsParams
from openusage_proto.methods import REPORT, SESSIONS
from openusaged.rpc.context import RpcContext
from openusaged.rpc.dispatch import method


@method(REPORT, pool="readers")
def report(ctx: RpcContext, params: ReportParams) -> Report:
    """Usage and cost per local day, week, month, per session or per five-hour block."""
    return ctx.app.reading.report(params)  # type: ignore[no-any-return]


@method(SESSIONS, pool="readers")
def sessions(ctx: RpcContext, params: SessionsParams) -> Sessions:
    """Sessions by last activity, newest first, with their totals."""
    return ctx.app.reading.sessions(params)  # type: ignore[no-any-return]
