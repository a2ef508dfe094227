"""
Cursor: plan and spend of the account, its usage log, and tools and edits of the local IDE.

kind: ide
reads: state.vscdb and ai-code-tracking.db (SQLite, read-only), exported usage CSV,
    POST /aiserver.v1.DashboardService/*, GET /auth/full_stripe_profile, GET /api/usage
env: OPENUSAGE_CURSOR_HOME, CURSOR_CONFIG_DIR, XDG_CONFIG_HOME
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from openusaged.core.models import Account, SourceCursor
from openusaged.providers.base import (
    Chunk,
    CollectContext,
    CookieSpec,
    FetchContext,
    Fetched,
    MetricSpec,
    Provider,
    ProviderSpec,
    Unit,
    WidgetSpec,
)
from openusaged.providers.cursor import paths

_CYCLE: Final = "billing-cycle"


def _dollars(key: str, label: str, moves: str = "", window: str = _CYCLE) -> MetricSpec:
    return MetricSpec(
        key=key, label=label, unit="USD", window=window, money_kind="billed", moves=moves
    )


def _figure(key: str, label: str, unit: str, window: str = _CYCLE) -> MetricSpec:
    return MetricSpec(key=key, label=label, unit=unit, window=window)


SPEC: Final = ProviderSpec(
    id=paths.PROVIDER_ID,
    title="Cursor",
    description="Plan, spend and requests of a Cursor account, tools and edits of the IDE",
    kind="ide",
    auth="token",
    binaries=("cursor", "cursor-agent"),
    home_variable=paths.HOME_VARIABLE,
    setup="Sign in to Cursor on this machine; its login is read, never changed.",
    base_url="https://api2.cursor.sh",
    cookie=CookieSpec(domain=".cursor.com", name="WorkosCursorSessionToken"),
    min_poll_s=300.0,
    metrics=(
        _dollars("plan_spend", "Plan spend", "cumulative"),
        _dollars("plan_included", "Included spend"),
        _dollars("plan_bonus", "Bonus spend"),
        _dollars("plan_included_amount", "Included in the plan"),
        _figure("plan_percent_used", "Plan", "%"),
        _figure("plan_auto_percent_used", "Auto", "%"),
        _figure("plan_api_percent_used", "Named models", "%"),
        _figure("plan_requests", "Plan requests", "requests"),
        _dollars("spend_limit", "Team spend"),
        _dollars("individual_spend", "Own part of the team's spend"),
        _dollars("team_budget_others", "Spend of the others"),
        _dollars("on_demand_spend", "On-demand spend"),
        _dollars("credit_balance", "Credits left", "balance", "current"),
        _figure("billing_cycle_progress", "Billing cycle", "%"),
        MetricSpec(
            key="billing_total_cost",
            label="Value of all usage",
            unit="USD",
            window=_CYCLE,
            money_kind="estimate",
        ),
        _figure("billing_input_tokens", "Input", "tokens"),
        _figure("billing_output_tokens", "Output", "tokens"),
        _figure("billing_cached_tokens", "Cache reads and writes", "tokens"),
        _figure("team_size", "Team members", "members", "current"),
        _figure("team_owners", "Team owners", "members", "current"),
        _figure("scored_commits", "Commits with AI lines", "commits", "all-commits"),
        _figure("ai_code_percentage", "AI share of commits", "%", "all-commits"),
        _figure("tab_suggested_lines", "Lines Tab suggested", "lines", "1d"),
        _figure("tab_accepted_lines", "Lines of Tab accepted", "lines", "1d"),
        _figure("composer_suggested_lines", "Lines the agent suggested", "lines", "1d"),
        _figure("composer_accepted_lines", "Lines of the agent accepted", "lines", "1d"),
    ),
    dashboard=WidgetSpec(
        gauges=("plan_percent_used", "spend_limit", "plan_requests"),
        sections=("models", "projects"),
    ),
    detail=WidgetSpec(
        gauges=(
            "plan_percent_used",
            "plan_auto_percent_used",
            "plan_api_percent_used",
            "plan_spend",
            "plan_requests",
            "spend_limit",
            "individual_spend",
            "billing_cycle_progress",
        ),
        sections=("models", "tools", "mcp", "languages", "projects", "trend"),
    ),
)


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """Read what is new in one of the databases or in an export."""
    if unit.path == paths.state_db(account, context.machine):
        from openusaged.providers.cursor.state_store import collect as read

    elif unit.path == paths.tracking_db(account, context.machine):
        from openusaged.providers.cursor.tracking_store import collect as read

    else:
        from openusaged.providers.cursor.csv_export import collect as read
    yield from read(account, unit, cursor, context)


def fetch(context: FetchContext, account: Account) -> Fetched:
    """Ask Cursor for plan, spend and the usage log of the account that is signed in."""
    from openusaged.providers.cursor.account_api import fetch as ask

    return ask(context, account)


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
