"""
Zed: tokens and tools of the editor's own agent threads.

kind: ide
reads: threads/threads.db (SQLite with zstd-compressed JSON, read-only)
env: OPENUSAGE_ZED_HOME, XDG_DATA_HOME
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
from openusaged.providers.shared.places import application_support, data_home, listed

_HOME_VARIABLE: Final = "OPENUSAGE_ZED_HOME"

SPEC: Final = ProviderSpec(
    id="zed",
    title="Zed",
    description="Tokens and tools of Zed's agent threads, by model and project",
    kind="ide",
    auth="local",
    # some distributions call it `zeditor`: `zed` is ZFS' event daemon there
    binaries=("zed", "zeditor"),
    home_variable=_HOME_VARIABLE,
    setup="Nothing to do: the agent's threads are found in Zed's data directory.",
    dashboard=WidgetSpec(sections=("models", "projects")),
    detail=WidgetSpec(sections=("models", "tools", "languages", "projects")),
)


def _homes(machine: Machine) -> list[str]:
    """Directories of `$OPENUSAGE_ZED_HOME` (comma list), else where Zed keeps its data."""
    named = listed(_HOME_VARIABLE, machine)
    if named:
        return named
    if machine.platform == "darwin":
        return [os.path.join(application_support(machine), "Zed")]
    return [
        os.path.join(data_home(machine), "zed"),
        os.path.join(machine.home, ".local", "share", "zed"),
        # the Flatpak's own data home
        os.path.join(machine.home, ".var", "app", "dev.zed.Zed", "data", "zed"),
    ]


_PLACES: Final = DatabaseHomes(
    provider_id=SPEC.id,
    account_id="zed",
    title=SPEC.title,
    homes=_homes,
    names=(os.path.join("threads", "threads.db"),),
    generic=frozenset({"zed", "data", "share"}),
    variable=_HOME_VARIABLE,
)


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """Read the threads that have changed."""
    from openusaged.providers.zed import threads_db

    yield from threads_db.collect(account, unit, cursor, context)


PROVIDER: Final = Provider(
    spec=SPEC,
    discover=_PLACES.discover,
    units=_PLACES.units,
    collect=collect,
    locate=_PLACES.locate,
    watch=_PLACES.watch,
    roots=_PLACES.roots,
)
