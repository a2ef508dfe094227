"""
Kiro CLI: credits, turns, requests and tools of the local agent and of the Kiro IDE.

kind: agent
reads: ~/.kiro/sessions/*/sess_*/messages.jsonl, ~/.kiro/sessions/cli/*.{json,jsonl}, data.sqlite3
env: KIRO_HOME, KIRO_SESSIONS_DIR, KIRO_DATA_DIR, XDG_DATA_HOME
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from openusaged.core.models import Account, SourceCursor
from openusaged.providers.base import (
    Chunk,
    CollectContext,
    Provider,
    ProviderSpec,
    Unit,
    WidgetSpec,
)
from openusaged.providers.kiro_cli import paths

SPEC: Final = ProviderSpec(
    id=paths.PROVIDER_ID,
    title=paths.TITLE,
    description="Credits, turns and tools of the Kiro agent; Kiro records no tokens on the machine",
    kind="agent",
    auth="local",
    # `q` is the name it had as Amazon Q
    binaries=("kiro-cli", "kiro", "q"),
    home_variable=paths.HOME_VARIABLE,
    setup="Nothing to do: sessions are found in ~/.kiro and in Kiro's own database.",
    dashboard=WidgetSpec(sections=("models", "projects")),
    detail=WidgetSpec(sections=("models", "tools", "mcp", "languages", "projects", "sessions")),
)


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """Read what is new in a session's log, its header, its transcript or the database."""
    if paths.is_message_log(unit.path):
        from openusaged.providers.kiro_cli import messages

        yield from messages.collect(account, unit, cursor, context)
    elif unit.path.endswith((".json", ".jsonl")):
        from openusaged.providers.kiro_cli import classic

        yield from classic.collect(account, unit, cursor, context)
    else:
        from openusaged.providers.kiro_cli import database

        yield from database.collect(account, unit, cursor, context)


PROVIDER: Final = Provider(
    spec=SPEC,
    discover=paths.discover,
    units=paths.units,
    collect=collect,
    locate=paths.locate,
    watch=paths.watch,
    roots=paths.roots,
)
