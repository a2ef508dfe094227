"""`report`, `reconcile` and `sessions`: usage by period, session, block, model or place."""

from __future__ import annotations

import msgspec

from openusage_proto.messages import Report, ReportParams
from openusage_proto.methods import RECONCILE, REPORT, SESSIONS
from openusage_proto.report_messages import ReconcileParams, Reconciliation
from openusage_proto.session_messages import Sessions, SessionsParams
from openusaged.rpc.context import RpcContext
from openusaged.rpc.registry import method


@method(REPORT, pool="readers", result=Report)
def report(ctx: RpcContext, params: ReportParams) -> msgspec.Raw:
    """Usage and cost by local day, week, month, session, block, model, project or branch."""
    return ctx.app.reading.encoded_report(params)  # type: ignore[no-any-return]


@method(RECONCILE, pool="readers")
def reconcile(ctx: RpcContext, params: ReconcileParams) -> Reconciliation:
    """What vendors report of an account's usage, beside what was counted here."""
    return ctx.app.reading.reconcile(params)  # type: ignore[no-any-return]


@method(SESSIONS, pool="readers")
def sessions(ctx: RpcContext, params: SessionsParams) -> Sessions:
    """Sessions by last activity, newest first, with their totals."""
    return ctx.app.reading.sessions(params)  # type: ignore[no-any-return]
