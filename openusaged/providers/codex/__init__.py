"""
OpenAI Codex: tokens, tools and turns of its rollouts, and the limits of a ChatGPT plan.

kind: agent
reads: sessions/**/*.jsonl, archived_sessions/**/*.jsonl, GET /wham/usage
env: CODEX_HOME
"""

from __future__ import annotations

from typing import Final

from openusaged.providers.base import MetricSpec, Provider, ProviderSpec, WidgetSpec
from openusaged.providers.codex.hook import hook
from openusaged.providers.codex.paths import PROVIDER_ID, discover, roots, units, watch
from openusaged.providers.codex.rollout import collect
from openusaged.providers.codex.usage_api import fetch

SPEC: Final = ProviderSpec(
    id=PROVIDER_ID,
    title="Codex",
    description="OpenAI Codex in the terminal, the desktop app and IDEs",
    kind="agent",
    auth="oauth",
    binaries=("codex",),
    home_variable="CODEX_HOME",
    setup="Run `codex login`; sessions are found in ~/.codex or $CODEX_HOME.",
    metrics=(
        MetricSpec(key="rate_limit_primary", label="5-hour limit", unit="%", window="5h"),
        MetricSpec(key="rate_limit_secondary", label="Weekly limit", unit="%", window="7d"),
        MetricSpec(
            key="rate_limit_code_review_primary", label="Code review limit", unit="%", window="5h"
        ),
        MetricSpec(
            key="rate_limit_code_review_secondary",
            label="Code review weekly limit",
            unit="%",
            window="7d",
        ),
        MetricSpec(
            key="codex_credit_limit",
            label="Credit limit",
            unit="credits",
            window="current-period",
            money_kind="credits",
        ),
        MetricSpec(
            key="credit_balance",
            label="Credit balance",
            unit="credits",
            window="current",
            money_kind="credits",
        ),
    ),
    dashboard=WidgetSpec(
        gauges=("rate_limit_primary", "rate_limit_secondary"), sections=("models", "tools")
    ),
    detail=WidgetSpec(
        gauges=(
            "rate_limit_primary",
            "rate_limit_secondary",
            "rate_limit_code_review_secondary",
            "codex_credit_limit",
        ),
        sections=("models", "projects", "tools", "mcp", "languages", "sessions", "trend"),
    ),
    min_poll_s=300.0,
)

PROVIDER: Final = Provider(
    spec=SPEC,
    discover=discover,
    units=units,
    collect=collect,
    watch=watch,
    roots=roots,
    fetch=fetch,
    hook=hook,
)
