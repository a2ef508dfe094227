"""
GitHub Copilot: tokens, cost and tools of the CLI, and the monthly quotas of the account.

kind: agent
reads: session-store.db (SQLite, read-only), session-state/*/events.jsonl, otel/**/*.jsonl,
    history-session-state/*.json, logs/*.log, and of VS Code and its siblings
    workspaceStorage/*/chatSessions and globalStorage/emptyWindowChatSessions,
    GET /copilot_internal/user, GET /rate_limit, GET /orgs/{org}/copilot/billing
env: COPILOT_HOME, COPILOT_OTEL_FILE_EXPORTER_PATH, COPILOT_GITHUB_TOKEN, GH_TOKEN, GITHUB_TOKEN,
    GH_CONFIG_DIR
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from openusaged.core.models import Account, SourceCursor, UsageSnapshot
from openusaged.providers.base import (
    Chunk,
    CollectContext,
    FetchContext,
    KeyVariable,
    MetricSpec,
    Provider,
    ProviderSpec,
    Unit,
    WidgetSpec,
)
from openusaged.providers.copilot import paths

SPEC: Final = ProviderSpec(
    id=paths.PROVIDER_ID,
    title="GitHub Copilot",
    description="Quotas of a Copilot plan; tokens, cost and tools of the Copilot CLI",
    kind="agent",
    auth="token",
    binaries=("copilot",),
    home_variable=paths.HOME_VARIABLE,
    setup="Sign in with `copilot`, `gh auth login` or Copilot in an editor.",
    base_url="https://api.github.com",
    keys=(KeyVariable(name="COPILOT_GITHUB_TOKEN", account_id=paths.ACCOUNT_ID),),
    min_poll_s=300.0,
    metrics=(
        MetricSpec(
            key="premium_interactions_quota",
            label="Premium requests",
            unit="requests",
            window="month",
        ),
        MetricSpec(
            key="ai_credits_quota",
            label="AI credits",
            unit="credits",
            window="month",
            money_kind="credits",
        ),
        MetricSpec(key="chat_quota", label="Chat messages", unit="messages", window="month"),
        MetricSpec(
            key="completions_quota", label="Completions", unit="completions", window="month"
        ),
        MetricSpec(key="overage", label="Beyond the plan", unit="requests", window="month"),
        MetricSpec(
            key="credits_used",
            label="AI credits used",
            unit="credits",
            window="month",
            money_kind="credits",
        ),
        MetricSpec(key="org_seats", label="Seats", unit="seats", window="cycle"),
        MetricSpec(
            key="org_credits",
            label="Organisation's AI credits",
            unit="credits",
            window="month",
            money_kind="credits",
        ),
        MetricSpec(
            key="org_spend",
            label="Organisation's spend",
            unit="USD",
            window="month",
            money_kind="billed",
            moves="cumulative",
        ),
        MetricSpec(
            key="context_window",
            label="Context of the latest session",
            unit="tokens",
            window="session",
        ),
        MetricSpec(key="gh_core_rpm", label="GitHub API", unit="requests", window="1h"),
        MetricSpec(key="gh_search_rpm", label="GitHub search", unit="requests", window="1m"),
        MetricSpec(key="gh_graphql_rpm", label="GitHub GraphQL", unit="requests", window="1h"),
    ),
    dashboard=WidgetSpec(
        gauges=("premium_interactions_quota", "ai_credits_quota", "chat_quota"),
        sections=("models", "projects"),
    ),
    detail=WidgetSpec(
        gauges=(
            "premium_interactions_quota",
            "ai_credits_quota",
            "chat_quota",
            "completions_quota",
            "org_seats",
        ),
        sections=("models", "tools", "mcp", "languages", "projects", "sessions", "trend"),
    ),
)


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """Read what is new in the database, a session's log, exported telemetry or a chat."""
    if paths.is_store(account, context.machine, unit.path):
        from openusaged.providers.copilot.usage_store import collect as read
    elif paths.is_session_log(account, context.machine, unit.path):
        from openusaged.providers.copilot.session_log import collect as read
    elif paths.is_history(account, context.machine, unit.path):
        from openusaged.providers.copilot.history import collect as read
    elif paths.is_chat(account, context.machine, unit.path):
        from openusaged.providers.copilot.editor_chats import collect as read
    else:
        from openusaged.providers.copilot.otel import collect as read
    yield from read(account, unit, cursor, context)


def fetch(context: FetchContext, account: Account) -> UsageSnapshot:
    """Ask GitHub for the quotas of the account that is signed in."""
    from openusaged.providers.copilot.account_api import fetch as ask

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
