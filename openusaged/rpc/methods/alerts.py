"""`alerts`, `alert_test`, `alert_mute`, `budgets`: what is watched, was told and may be spent."""

from __future__ import annotations

from openusage_proto.alert_messages import (
    AlertMuteParams,
    AlertMuteResult,
    Alerts,
    AlertsParams,
    AlertTestParams,
    AlertTestResult,
    Budgets,
    BudgetsParams,
)
from openusage_proto.methods import ALERT_MUTE, ALERT_TEST, ALERTS, BUDGETS
from openusaged.rpc.context import RpcContext
from openusaged.rpc.registry import method


@method(ALERTS)
def alerts(ctx: RpcContext, params: AlertsParams) -> Alerts:
    """The rules and what of them holds, the ways alerts go out, and the latest alerts."""
    return ctx.app.alerting.alerts(params)  # type: ignore[no-any-return]


@method(ALERT_TEST)
def alert_test(ctx: RpcContext, params: AlertTestParams) -> AlertTestResult:
    """Send a sample alert every way that is set, or one of them, now."""
    return ctx.app.alerting.test(params)  # type: ignore[no-any-return]


@method(ALERT_MUTE)
def alert_mute(ctx: RpcContext, params: AlertMuteParams) -> AlertMuteResult:
    """Have a rule, or all of them, silent for some minutes."""
    return ctx.app.alerting.mute(params)  # type: ignore[no-any-return]


@method(BUDGETS, pool="readers")
def budgets(ctx: RpcContext, params: BudgetsParams) -> Budgets:
    """Every budget and what has been spent of it in the period that runs."""
    return ctx.app.alerting.budgets(params)  # type: ignore[no-any-return]
