"""
Hermes Agent: tokens, cost and tools of the local agent from its state database.

kind: agent
reads: state.db, profiles/*/state.db (SQLite, read-only): sessions, session_model_usage, messages
env: HERMES_HOME
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
from openusaged.providers.shared.places import listed

_HOME_VARIABLE: Final = "HERMES_HOME"
_FOLDER: Final = ".hermes"

SPEC: Final = ProviderSpec(
    id="hermes",
    title="Hermes Agent",
    description="Tokens, cost and tools of the Hermes agent, by model and project",
    kind="agent",
    auth="local",
    # a JavaScript engine has the same name: the program alone makes no account
    binaries=("hermes",),
    home_variable=_HOME_VARIABLE,
    setup="Nothing to do: the state database is found in ~/.hermes.",
    dashboard=WidgetSpec(sections=("models", "projects")),
    detail=WidgetSpec(sections=("models", "tools", "mcp", "projects")),
)


def _homes(machine: Machine) -> list[str]:
    """Every directory of `$HERMES_HOME` (comma list), else `~/.hermes`, each with its profiles."""
    homes = []
    for home in listed(_HOME_VARIABLE, machine) or [os.path.join(machine.home, _FOLDER)]:
        profiles = os.path.join(home, "profiles")
        homes.append(home)
        try:
            homes += [os.path.join(profiles, name) for name in sorted(os.listdir(profiles))]
        except OSError:
            continue
    return homes


_PLACES: Final = DatabaseHomes(
    provider_id=SPEC.id,
    account_id="hermes",
    title=SPEC.title,
    homes=_homes,
    names=("state.db",),
    generic=frozenset({_FOLDER, "profiles"}),
    variable=_HOME_VARIABLE,
)


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """Read what is new in a state database."""
    from openusaged.providers.hermes import state_db

    yield from state_db.collect(account, unit, cursor, context)


PROVIDER: Final = Provider(
    spec=SPEC,
    discover=_PLACES.discover,
    units=_PLACES.units,
    collect=collect,
    locate=_PLACES.locate,
    watch=_PLACES.watch,
    roots=_PLACES.roots,
)
