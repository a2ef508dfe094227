"""
Goose: tokens, cost and tools of the local agent from its session database.

kind: agent
reads: sessions/sessions.db (SQLite, read-only): usage_ledger, sessions, messages, and the older
  sessions/*.jsonl
env: GOOSE_PATH_ROOT, XDG_DATA_HOME
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from openusaged.core.models import Account, SourceCursor
from openusaged.providers.base import (
    Chunk,
    CollectContext,
    Machine,
    Provider,
    ProviderSpec,
    Unit,
    WidgetSpec,
)
from openusaged.providers.shared.database_homes import DatabaseHomes
from openusaged.providers.shared.places import application_support, data_home, expand

_ROOT_VARIABLE: Final = "GOOSE_PATH_ROOT"
_OLDER_SUFFIX: Final = ".jsonl"

SPEC: Final = ProviderSpec(
    id="goose",
    title="Goose",
    description="Tokens, cost and tools of the Goose agent, by model and project",
    kind="agent",
    auth="local",
    # also the name of a tool for SQL migrations: the program alone makes no account
    binaries=("goose",),
    home_variable=_ROOT_VARIABLE,
    setup="Nothing to do: the session database is found below ~/.local/share/goose.",
    dashboard=WidgetSpec(sections=("models", "projects")),
    detail=WidgetSpec(sections=("models", "tools", "mcp", "languages", "projects")),
)


def _homes(machine: Machine) -> list[str]:
    """`$GOOSE_PATH_ROOT`, as Goose itself reads it, else the defaults of all its versions."""
    root = machine.env.get(_ROOT_VARIABLE, "").strip()
    if root:
        return [expand(root, machine)]
    homes = []
    if machine.platform == "darwin":
        support = application_support(machine)
        homes = [os.path.join(support, "Block", "goose"), os.path.join(support, "goose")]
    homes.append(os.path.join(data_home(machine), "goose"))
    # The project moved to another owner; directories still carry the first one's name.
    homes.append(os.path.join(machine.home, ".local", "share", "Block", "goose"))
    return homes


_PLACES: Final = DatabaseHomes(
    provider_id=SPEC.id,
    account_id="goose",
    title=SPEC.title,
    homes=_homes,
    names=(
        os.path.join("data", "sessions", "sessions.db"),
        os.path.join("sessions", "sessions.db"),
    ),
    generic=frozenset({"goose", "data", "share"}),
    variable=_ROOT_VARIABLE,
    older_suffix=_OLDER_SUFFIX,
)


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """Read what is new in a session database, or in a session's file from before it."""
    if unit.path.endswith(_OLDER_SUFFIX):
        from openusaged.providers.goose.session_file import collect as read
    else:
        from openusaged.providers.goose.sessions_db import collect as read
    yield from read(account, unit, cursor, context)


PROVIDER: Final = Provider(
    spec=SPEC,
    discover=_PLACES.discover,
    units=_PLACES.units,
    collect=collect,
    locate=_PLACES.locate,
    watch=_PLACES.watch,
    roots=_PLACES.roots,
)
