"""
OpenCode: usage of the local agent, limits of the Go plan and the balance of Zen.

kind: agent
reads: opencode*.db (SQLite, read-only), storage/message/**/*.json, auth.json, GET /zen and /_server of opencode.ai
env: OPENCODE_DATA_DIR, OPENCODE_DB, XDG_DATA_HOME, ZEN_API_KEY, OPENCODE_API_KEY
"""  # noqa: E501 - one fact, one line

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from openusaged.core.models import Account, SourceCursor, UsageSnapshot
from openusaged.providers.base import (
    Chunk,
    CollectContext,
    CookieSpec,
    FetchContext,
    KeyVariable,
    MetricSpec,
    Provider,
    ProviderSpec,
    Unit,
    WidgetSpec,
)
from openusaged.providers.opencode import json_store, paths, sqlite_store
from openusaged.providers.opencode.hook import hook


def _percent(key: str, label: str, window: str) -> MetricSpec:
    return MetricSpec(key=key, label=label, unit="%", window=window)


def _money(key: str, label: str, window: str = "", moves: str = "") -> MetricSpec:
    return MetricSpec(
        key=key, label=label, unit="USD", window=window, money_kind="billed", moves=moves
    )


SPEC: Final = ProviderSpec(
    id="opencode",
    title="OpenCode",
    description="Tokens, cost and tools of the OpenCode agent, by model and project",
    kind="agent",
    auth="local",
    binaries=("opencode",),
    home_variable="OPENCODE_DATA_DIR",
    setup="Nothing to do: the records are found below ~/.local/share/opencode.",
    base_url="https://opencode.ai",
    keys=(
        KeyVariable(name="ZEN_API_KEY", account_id="opencode"),
        KeyVariable(name="OPENCODE_API_KEY", account_id="opencode"),
    ),
    cookie=CookieSpec(domain=".opencode.ai", name="auth"),
    metrics=(
        _percent("usage_five_hour", "Go plan, 5 hours", "5h"),
        _percent("usage_weekly", "Go plan, week", "7d"),
        _percent("usage_monthly", "Go plan, month", "month"),
        _money("console_balance", "Zen balance", "current", "balance"),
        _money("monthly_usage", "Zen spend this month", "month"),
        _money("monthly_limit", "Zen monthly limit", "month"),
        _money("reload_amount", "Automatic reload"),
        _money("reload_trigger", "Reload below"),
    ),
    dashboard=WidgetSpec(
        gauges=("usage_five_hour", "usage_weekly", "monthly_limit"),
        sections=("models", "projects"),
    ),
    detail=WidgetSpec(
        gauges=("usage_five_hour", "usage_weekly", "usage_monthly", "monthly_limit"),
        sections=("models", "tools", "mcp", "languages", "projects"),
    ),
    # Behind the console is a website, and its windows move slowly.
    min_poll_s=300.0,
)


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """Read what is new in a database or in a session directory of the legacy store."""
    store = sqlite_store if paths.is_database(unit.path) else json_store
    yield from store.collect(account, unit, cursor, context)


def fetch(context: FetchContext, account: Account) -> UsageSnapshot:
    """
    Windows of the Go plan by a key and the balance of Zen by the browser's session.

    Raises:
        AuthRequired, RateLimited, Unreachable, UpstreamChanged: as the key's call failed, or the
            console's where there is no key.
    """
    from openusaged.providers.opencode import console

    return console.fetch(context, account, SPEC)


PROVIDER: Final = Provider(
    spec=SPEC,
    discover=paths.discover,
    units=paths.units,
    collect=collect,
    locate=paths.locate,
    watch=paths.watch,
    roots=paths.roots,
    fetch=fetch,
    hook=hook,
)
