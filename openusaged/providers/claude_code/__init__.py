"""
Claude Code: responses and tool calls of its transcripts, and the limits of the plan.

kind: agent
reads: projects/**/*.jsonl, .credentials.json, GET /api/oauth/usage
env: CLAUDE_CONFIG_DIR, XDG_CONFIG_HOME
"""

from __future__ import annotations

from openusaged.providers.base import MetricSpec, Provider, ProviderSpec, WidgetSpec
from openusaged.providers.claude_code.hook import hook
from openusaged.providers.claude_code.paths import PROVIDER_ID, discover, roots, units, watch
from openusaged.providers.claude_code.records import SOURCE, collect
from openusaged.providers.claude_code.usage_api import fetch

SPEC = ProviderSpec(
    id=PROVIDER_ID,
    title="Claude Code",
    description="Anthropic's coding agent: every response and tool call, and the plan's limits",
    kind="agent",
    auth="oauth",
    binaries=("claude",),
    home_variable="CLAUDE_CONFIG_DIR",
    setup="Nothing for usage; sign in with `claude` once for the plan's limits.",
    metrics=(
        MetricSpec(key="usage_five_hour", label="5-hour limit", unit="%", window="5h"),
        MetricSpec(key="usage_seven_day", label="Weekly limit", unit="%", window="7d"),
        MetricSpec(
            key="usage_seven_day_sonnet", label="Weekly Sonnet limit", unit="%", window="7d"
        ),
        MetricSpec(key="usage_seven_day_opus", label="Weekly Opus limit", unit="%", window="7d"),
        MetricSpec(
            key="usage_seven_day_cowork", label="Weekly Cowork limit", unit="%", window="7d"
        ),
        MetricSpec(
            key="extra_usage",
            label="Extra usage",
            unit="USD",
            window="month",
            money_kind="billed",
        ),
    ),
    dashboard=WidgetSpec(
        gauges=("usage_five_hour", "usage_seven_day"),
        sections=("totals", "models"),
    ),
    detail=WidgetSpec(
        gauges=(
            "usage_five_hour",
            "usage_seven_day",
            "usage_seven_day_sonnet",
            "usage_seven_day_opus",
            "usage_seven_day_cowork",
            "extra_usage",
        ),
        sections=(
            "totals",
            "models",
            "projects",
            "clients",
            "agents",
            "tools",
            "mcp",
            "languages",
            "days",
        ),
    ),
    min_poll_s=300.0,
)

PROVIDER = Provider(
    spec=SPEC,
    discover=discover,
    units=units,
    collect=collect,
    watch=watch,
    roots=roots,
    fetch=fetch,
    hook=hook,
    sources=(SOURCE,),
)
