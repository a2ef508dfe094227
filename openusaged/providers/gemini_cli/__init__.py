"""
Gemini CLI: usage of the local agent from its chats, daily quotas of its Google login.

kind: agent
reads: ~/.gemini/tmp/**/chats/*.json, *.jsonl and POST cloudcode-pa.googleapis.com/v1internal:*
env: GEMINI_CLI_HOME, GEMINI_DATA_DIR, GOOGLE_CLOUD_PROJECT, GOOGLE_CLOUD_PROJECT_ID
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
from openusaged.providers.gemini_cli import paths

SPEC: Final = ProviderSpec(
    id="gemini_cli",
    title="Gemini CLI",
    description="Tokens, tools and daily quotas of Google's Gemini CLI, by model and project",
    kind="agent",
    auth="oauth",
    setup="Sign in once with `gemini`; chats and login are found below ~/.gemini.",
    metrics=(
        MetricSpec(key="quota", label="Daily quota, tightest model", unit="%", window="1d"),
        MetricSpec(key="quota_pro", label="Daily quota of Pro models", unit="%", window="1d"),
        MetricSpec(key="quota_flash", label="Daily quota of Flash models", unit="%", window="1d"),
        MetricSpec(key="quota_model", label="Daily quota of a model", unit="%", window="1d"),
        MetricSpec(key="quota_models_tracked", label="Models with a quota", unit="models"),
        MetricSpec(key="quota_models_low", label="Models almost used up", unit="models"),
        MetricSpec(key="quota_models_exhausted", label="Models used up", unit="models"),
    ),
    dashboard=WidgetSpec(
        gauges=("quota", "quota_pro", "quota_flash"), sections=("models", "projects")
    ),
    detail=WidgetSpec(
        gauges=("quota", "quota_pro", "quota_flash"),
        sections=("models", "tools", "mcp", "languages", "projects"),
    ),
    min_poll_s=300.0,
    base_url="https://cloudcode-pa.googleapis.com",
    binaries=("gemini",),
    home_variable="GEMINI_CLI_HOME",
)


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """Read what is new in a chat: an appended log, or a document that is rewritten."""
    from openusaged.providers.gemini_cli import chats

    yield from chats.collect(account, unit, cursor, context)


def fetch(context: FetchContext, account: Account) -> UsageSnapshot:
    """Ask Code Assist for the quotas of the login, which is never renewed on disk."""
    from openusaged.providers.gemini_cli import quota

    return quota.fetch(context, account, SPEC)


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
