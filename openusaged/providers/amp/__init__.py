"""
Amp: usage of the agent's local threads and, when asked for, the account's balance.

kind: agent
reads: threads/**/*.json and ledger.jsonl of the data directory, and of the old extension
  globalStorage/sourcegraph.amp/threads3; when `options.balance` asks for it
  POST https://ampcode.com/api/internal with the key of secrets.json
env: AMP_DATA_DIR, AMP_API_KEY, XDG_DATA_HOME, XDG_CONFIG_HOME
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from openusaged.core.models import Account, SourceCursor, UsageSnapshot
from openusaged.providers.amp import paths
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

SPEC: Final = ProviderSpec(
    id=paths.ID,
    title=paths.TITLE,
    description="Tokens, credits and tools of Amp's local threads, by model and project",
    kind="agent",
    auth="local",
    binaries=("amp",),
    home_variable="AMP_DATA_DIR",
    setup="Nothing to do for local threads; set options.balance to `on` to ask for the balance.",
    base_url="https://ampcode.com",
    metrics=(
        MetricSpec(key="free_usage", label="Amp Free", unit="%", window="1d"),
        MetricSpec(key="agent_usage", label="Agent usage", unit="%", window="month"),
        MetricSpec(key="orb_usage", label="Orb usage", unit="%", window="month"),
        MetricSpec(
            key="free_balance",
            label="Amp Free",
            unit="USD",
            window="current",
            money_kind="estimate",
        ),
        MetricSpec(
            key="agent_balance",
            label="Agent usage",
            unit="USD",
            window="month",
            money_kind="estimate",
        ),
        MetricSpec(
            key="individual_credits",
            label="Individual credits",
            unit="USD",
            window="current",
            money_kind="billed",
            moves="balance",
        ),
        MetricSpec(
            key="workspace_credits",
            label="Workspace credits",
            unit="USD",
            window="current",
            money_kind="billed",
            moves="balance",
        ),
    ),
    dashboard=WidgetSpec(
        gauges=("free_usage", "agent_usage", "orb_usage"), sections=("models", "projects")
    ),
    detail=WidgetSpec(
        gauges=("free_usage", "agent_usage", "orb_usage"),
        sections=("models", "tools", "mcp", "languages", "projects"),
    ),
    min_poll_s=300.0,
)


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """Read what is new in a thread or in the ledger."""
    if paths.is_thread(unit.path):
        from openusaged.providers.amp import threads

        return threads.collect(account, unit, cursor, context)
    from openusaged.providers.amp import ledger

    return ledger.collect(account, unit, cursor, context)


def fetch(context: FetchContext, account: Account) -> UsageSnapshot:
    """The balance when the account asks for it, else how old the local threads are."""
    from openusaged.providers.amp import balance

    return balance.fetch(context, account, SPEC)


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
