"""
Droid: usage of Factory's agent by session and, when asked for, the plan's limits.

kind: agent
reads: ~/.factory/sessions/**/*.settings.json and the *.jsonl beside them; when `options.limits`
  asks for it GET https://api.factory.ai/api/billing/limits
env: DROID_SESSIONS_DIR, FACTORY_DIR, FACTORY_API_KEY
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from openusaged.core.models import Account, SourceCursor, UsageSnapshot
from openusaged.providers.base import (
    Chunk,
    CollectContext,
    FetchContext,
    MetricSpec,
    Provider,
    ProviderSpec,
    Unit,
    WidgetSpec,
)
from openusaged.providers.droid import paths

_WINDOWS: Final = (("five_hour", "5-hour", "5h"), ("weekly", "Weekly", "7d"))
_POOLS: Final = (("usage", ""), ("core", "Core "))

SPEC: Final = ProviderSpec(
    id=paths.ID,
    title=paths.TITLE,
    description="Tokens and tools of Factory's Droid agent, by session, model and project",
    kind="agent",
    auth="local",
    binaries=("droid",),
    home_variable="DROID_SESSIONS_DIR",
    setup="Nothing to do for local sessions; set options.limits to `on` and FACTORY_API_KEY to"
    " see the plan's limits.",
    base_url="https://api.factory.ai",
    metrics=(
        *(
            MetricSpec(key=f"{pool}_{name}", label=f"{title}{label} limit", unit="%", window=window)
            for pool, title in _POOLS
            for name, label, window in (*_WINDOWS, ("monthly", "Monthly", "month"))
        ),
        MetricSpec(
            key="extra_balance",
            label="Extra usage balance",
            unit="USD",
            window="current",
            money_kind="billed",
            moves="balance",
        ),
    ),
    dashboard=WidgetSpec(
        gauges=("usage_five_hour", "usage_weekly", "usage_monthly"),
        sections=("models", "projects"),
    ),
    detail=WidgetSpec(
        gauges=(
            "usage_five_hour",
            "usage_weekly",
            "usage_monthly",
            "core_five_hour",
            "core_weekly",
            "core_monthly",
        ),
        sections=("models", "tools", "mcp", "languages", "projects"),
    ),
    min_poll_s=300.0,
)


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """Read a session's totals, or what is new in its conversation."""
    if paths.is_settings(unit.path):
        from openusaged.providers.droid import sessions

        return sessions.collect(account, unit, cursor, context)
    from openusaged.providers.droid import conversations

    return conversations.collect(account, unit, cursor, context)


def fetch(context: FetchContext, account: Account) -> UsageSnapshot:
    """The plan's limits when the account asks for them, else only whether there are sessions."""
    from openusaged.providers.droid import limits

    return limits.fetch(context, account, SPEC)


PROVIDER: Final = Provider(
    spec=SPEC,
    discover=paths.discover,
    units=paths.units,
    collect=collect,
    locate=paths.locate,
    watch=paths.watch,
    roots=paths.roots,
    fetch=fetch,
)
