"""
Kilo Code: usage of the editor extension and of the Kilo command line.

kind: ide
reads: kilo*.db (SQLite, read-only) and globalStorage/kilocode.kilo-code/tasks/*/ui_messages.json
  with api_conversation_history.json and history_item.json beside it
env: KILO_DATA_DIR, KILO_DB, OPENUSAGE_KILO_CODE_HOME, XDG_DATA_HOME, XDG_CONFIG_HOME
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
from openusaged.providers.kilo_code import paths

SPEC: Final = ProviderSpec(
    id="kilo_code",
    title="Kilo Code",
    description="Tokens, cost and tools of the Kilo Code extension and CLI, by model and project",
    kind="ide",
    auth="local",
    binaries=("kilo",),
    # KILO_DATA_DIR moves the database only, this one also the extension's tasks
    home_variable=paths.HOME_VARIABLE,
    setup="Nothing to do: ~/.local/share/kilo and the extension's tasks are found.",
    dashboard=WidgetSpec(sections=("models", "projects")),
    detail=WidgetSpec(sections=("models", "tools", "mcp", "languages", "projects")),
)
WHOLE_PROMPT_SINCE_MS: Final = 1_762_905_600_000
"""2025-11-12, when 4.119.0 came out: `tokensIn` has held the cached tokens ever since."""


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """Read what is new in a database or in a task of the old extension."""
    if paths.is_task(unit.path):
        from openusaged.providers.shared import roo_tasks

        return roo_tasks.collect(
            account, unit, cursor, context, whole_prompt_since_ms=WHOLE_PROMPT_SINCE_MS
        )
    from openusaged.providers.kilo_code import database

    return database.collect(account, unit, cursor, context)


PROVIDER: Final = Provider(
    spec=SPEC,
    discover=paths.discover,
    units=paths.units,
    collect=collect,
    locate=paths.locate,
    watch=paths.watch,
    roots=paths.roots,
)
