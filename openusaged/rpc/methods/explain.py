"""`explain`, `activity`, `series`, `analytics`: numbers taken apart, figures over time."""

from __future__ import annotations

from openusage_proto.activity_messages import Activity, ActivityParams, Series, SeriesParams
from openusage_proto.analytics_messages import Analytics, AnalyticsParams
from openusage_proto.explain_messages import ExplainParams, Explanation
from openusage_proto.methods import ACTIVITY, ANALYTICS, EXPLAIN, SERIES
from openusaged.rpc.context import RpcContext
from openusaged.rpc.registry import method


@method(EXPLAIN, pool="readers")
def explain(ctx: RpcContext, params: ExplainParams) -> Explanation:
    """Where a number comes from: parts, prices, channels, sources, sessions and events."""
    return ctx.app.explaining.explain(params)  # type: ignore[no-any-return]


@method(ACTIVITY, pool="readers")
def activity(ctx: RpcContext, params: ActivityParams) -> Activity:
    """Days by model, tool and project, and the active hours of the last weeks."""
    return ctx.app.activities.activity(params)  # type: ignore[no-any-return]


@method(SERIES, pool="readers")
def series(ctx: RpcContext, params: SeriesParams) -> Series:
    """The measured points of an account's limits and balances."""
    return ctx.app.activities.series(params)  # type: ignore[no-any-return]


@method(ANALYTICS, pool="readers")
def analytics(ctx: RpcContext, params: AnalyticsParams) -> Analytics:
    """Every account over a period, beside the period of equal length before it."""
    return ctx.app.activities.analytics(params)  # type: ignore[no-any-return]
