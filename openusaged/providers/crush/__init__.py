"""
Crush: cost, requests and tools of the local agent from the databases of its projects.

kind: agent
reads: projects.json, <project>/.crush/crush.db (SQLite, read-only): sessions, messages
env: CRUSH_GLOBAL_DATA, OPENUSAGE_CRUSH_REGISTRY, XDG_DATA_HOME
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from openusaged.core.models import Account, SourceCursor
from openusaged.providers.base import (
    Chunk,
    CollectContext,
    Machine,
    Provider,
    ProviderSpec,
    Shallow,
    Unit,
    WidgetSpec,
)
from openusaged.providers.shared.json_values import as_list, as_object, as_text
from openusaged.providers.shared.places import data_home, expand
from openusaged.providers.shared.sqlite_ro import stat_database

_HOME_VARIABLE: Final = "CRUSH_GLOBAL_DATA"
_REGISTRY_VARIABLE: Final = "OPENUSAGE_CRUSH_REGISTRY"
_REGISTRY: Final = "projects.json"
_DATA_DIR: Final = ".crush"
_DATABASE: Final = "crush.db"
MAX_REGISTRY_BYTES: Final = 8 << 20

SPEC: Final = ProviderSpec(
    id="crush",
    title="Crush",
    description="Cost, requests and tools of the Crush agent, by model and project",
    kind="agent",
    auth="local",
    binaries=("crush",),
    home_variable=_HOME_VARIABLE,
    setup="Nothing to do: Crush lists its projects in ~/.local/share/crush/projects.json.",
    dashboard=WidgetSpec(sections=("models", "projects")),
    detail=WidgetSpec(sections=("models", "tools", "mcp", "languages", "projects")),
)


def discover(machine: Machine) -> Iterator[Account]:
    """One account when the registry lists a project that has a database."""
    registry = _registry(machine)
    found = {path: None for path in _registered(registry) if os.path.isfile(path)}
    if not found:
        return
    # What is told to have changed is looked up by these; what is read, the registry says anew.
    paths = {f"project {number}": os.path.dirname(path) for number, path in enumerate(found, 1)}
    if machine.env.get(_REGISTRY_VARIABLE):
        paths["registry_path"] = registry
    variables = (_REGISTRY_VARIABLE, _HOME_VARIABLE)
    moved = next((name for name in variables if machine.env.get(name)), "")
    yield Account(
        id=SPEC.id,
        provider_id=SPEC.id,
        title=SPEC.title,
        home=os.path.dirname(registry),
        paths=paths,
        origin=f"env:{moved}" if moved else "default",
    )


def units(account: Account, machine: Machine) -> Iterator[Unit]:
    """The databases of the projects that are registered now."""
    for path in project_databases(account, machine):
        unit = stat_database(path)
        if unit is not None:
            yield unit


def locate(account: Account, path: str, machine: Machine) -> Unit | None:
    """The database a changed file belongs to; of a changed registry the project used last."""
    databases = list(project_databases(account, machine))
    if path == registry_of(account, machine):
        return stat_database(databases[0]) if databases else None
    database = path.removesuffix("-wal")
    return stat_database(database) if database in databases else None


def watch(account: Account, machine: Machine) -> Iterable[str | Shallow]:
    """The registry's directory and those of the databases, without what lies deeper."""
    places = [os.path.dirname(registry_of(account, machine))]
    places += [os.path.dirname(path) for path in project_databases(account, machine)]
    return [Shallow(place) for place in dict.fromkeys(places)]


def roots(machine: Machine) -> list[str]:
    """Crush's own data directory; projects are anywhere."""
    return [os.path.dirname(_registry(machine))]


def project_databases(account: Account, machine: Machine) -> dict[str, str]:
    """
    Database to project directory, in the order of their last use.

    `db_paths` (separated as in PATH) or `db_path` of the account replace the registry.
    """
    named = account.paths.get("db_paths") or account.paths.get("db_path")
    if not named:
        return _registered(registry_of(account, machine))
    paths = [expand(part, machine) for part in named.split(os.pathsep) if part]
    return {path: _project_of(path) for path in paths}


def registry_of(account: Account, machine: Machine) -> str:
    """The account's project list."""
    named = account.paths.get("registry_path", "")
    if named:
        return expand(named, machine)
    return os.path.join(account.home, _REGISTRY) if account.home else _registry(machine)


def _registry(machine: Machine) -> str:
    named = machine.env.get(_REGISTRY_VARIABLE, "").strip()
    if named:
        return expand(named, machine)
    moved = machine.env.get(_HOME_VARIABLE, "").strip()
    home = expand(moved, machine) if moved else os.path.join(data_home(machine), "crush")
    return os.path.join(home, _REGISTRY)


def _registered(registry: str) -> dict[str, str]:
    """Database to project of every entry; none when the list cannot be read."""
    try:
        with open(registry, "rb") as file:
            listed = msgspec.json.decode(file.read(MAX_REGISTRY_BYTES))
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    found: dict[str, str] = {}
    for entry in as_list(as_object(listed).get("projects")):
        project = as_text(as_object(entry).get("path"))
        if not os.path.isabs(project):
            continue
        data = as_text(as_object(entry).get("data_dir")) or _DATA_DIR
        path = os.path.normpath(os.path.join(project, data, _DATABASE))
        found.setdefault(path, project)
    return found


def _project_of(database: str) -> str:
    """The directory with `.crush` in it; a data directory elsewhere tells no project."""
    data = os.path.dirname(database)
    return os.path.dirname(data) if os.path.basename(data) == _DATA_DIR else ""


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """Read what is new in a project's database."""
    from openusaged.providers.crush import project_db

    project = project_databases(account, context.machine).get(unit.path, "")
    yield from project_db.collect(account, unit, cursor, context, project)


PROVIDER: Final = Provider(
    spec=SPEC,
    discover=discover,
    units=units,
    collect=collect,
    locate=locate,
    watch=watch,
    roots=roots,
)
