"""
OpenCode: usage of the local agent from its database, its legacy files and our plugin.

kind: agent
reads: opencode*.db (SQLite, read-only), storage/message/**/*.json
env: OPENCODE_DATA_DIR, OPENCODE_DB, XDG_DATA_HOME
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
from openusaged.providers.opencode import json_store, paths, sqlite_store
from openusaged.providers.opencode.hook import hook

SPEC: Final = ProviderSpec(
    id="opencode",
    title="OpenCode",
    description="Tokens, cost and tools of the OpenCode agent, by model and project",
    kind="agent",
    auth="local",
    binaries=("opencode",),
    home_variable="OPENCODE_DATA_DIR",
    setup="Nothing to do: the records are found below ~/.local/share/opencode.",
    dashboard=WidgetSpec(sections=("models", "projects")),
    detail=WidgetSpec(sections=("models", "tools", "mcp", "languages", "projects")),
)


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """Read what is new in a database or in a session directory of the legacy store."""
    store = sqlite_store if paths.is_database(unit.path) else json_store
    yield from store.collect(account, unit, cursor, context)


PROVIDER: Final = Provider(
    spec=SPEC,
    discover=paths.discover,
    units=paths.units,
    collect=collect,
    locate=paths.locate,
    watch=paths.watch,
    roots=paths.roots,
    hook=hook,
)
