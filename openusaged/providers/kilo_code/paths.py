"""
Where both generations of Kilo Code keep their records.

Up to 5.x the extension wrote task folders into the editors' storage, as Roo Code does; since 7 the
extension and the command line share a database.  They do not overlap and are one account.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Final

from openusaged.core.models import Account
from openusaged.providers.base import Machine, Shallow, Unit
from openusaged.providers.shared import places, roo_folders
from openusaged.providers.shared.homes import name_homes
from openusaged.providers.shared.sqlite_ro import stat_database

ID: Final = "kilo_code"
TITLE: Final = "Kilo Code"
HOME_VARIABLE: Final = "OPENUSAGE_KILO_CODE_HOME"

_EXTENSION: Final = roo_folders.Extension(
    provider_id=ID, title=TITLE, folder="kilocode.kilo-code", home_variable=HOME_VARIABLE
)
_GENERIC: Final = frozenset({"kilo", "share", roo_folders.TASKS})


def roots(machine: Machine) -> list[str]:
    """The database's directories and the extension's storage in every editor."""
    folders = roo_folders.storage_folders(_EXTENSION, machine)
    named = places.listed(HOME_VARIABLE, machine)
    return named or [*_data_directories(machine), *folders]


def discover(machine: Machine) -> Iterator[Account]:
    """
    One account for the database and the extension's tasks, one for each further data directory.

    `$OPENUSAGE_KILO_CODE_HOME` (comma list) replaces all of it with directories that hold a
    database or `tasks`; `$KILO_DATA_DIR` (comma list) > `$XDG_DATA_HOME/kilo` >
    `~/.local/share/kilo`; `$KILO_DB` names the first one's database.
    """
    if places.listed(HOME_VARIABLE, machine):
        for account_id, home in name_homes(ID, roots(machine), _GENERIC):
            if _has_database(home) or os.path.isdir(_tasks_in(home)):
                yield _account(account_id, home, f"env:{HOME_VARIABLE}")
        return
    folders = [
        folder
        for folder in roo_folders.storage_folders(_EXTENSION, machine)
        if os.path.isdir(folder)
    ]
    origin = "env:KILO_DATA_DIR" if machine.env.get("KILO_DATA_DIR") else "default"
    for account_id, home in name_homes(ID, _data_directories(machine), _GENERIC):
        database = _named_database(machine, home) if account_id == ID else ""
        if _has_database(home) or database:
            paths = {"database": database} if database else {}
            if account_id == ID:
                paths |= roo_folders.folder_paths(folders)
            yield _account(account_id, home, origin, paths)
        elif account_id == ID and folders:
            yield _account(ID, folders[0], "default", roo_folders.folder_paths(folders[1:]))


def units(account: Account, machine: Machine) -> Iterator[Unit]:
    """Every database, then the message list of every task."""
    for path in _databases(account, machine):
        unit = stat_database(path)
        if unit is not None:
            yield unit
    yield from roo_folders.units(_tasks_directories(account, machine))


def locate(account: Account, path: str, machine: Machine) -> Unit | None:
    """The database or task that a changed file belongs to."""
    database = path.removesuffix("-wal")
    if database in _databases(account, machine):
        return stat_database(database)
    return roo_folders.locate(_tasks_directories(account, machine), path)


def watch(account: Account, machine: Machine) -> Iterable[str | Shallow]:
    """The databases' directories without what lies deeper, and those with the tasks."""
    named = account.paths.get("database", "")
    for directory in _database_directories(account, machine):
        yield Shallow(directory)
    if named:
        yield named
        yield named + "-wal"
    yield from _tasks_directories(account, machine)


def is_task(path: str) -> bool:
    """Whether a unit is a task's message list and not a database."""
    return os.path.basename(path) == roo_folders.MESSAGES


def _account(
    account_id: str, home: str, origin: str, paths: dict[str, str] | None = None
) -> Account:
    return Account(
        id=account_id, provider_id=ID, title=TITLE, home=home, paths=paths or {}, origin=origin
    )


def _data_directories(machine: Machine) -> list[str]:
    listed = places.listed("KILO_DATA_DIR", machine)
    return listed or [os.path.join(places.data_home(machine), "kilo")]


def _database_directories(account: Account, machine: Machine) -> list[str]:
    """The user's `data_dir`, else the account's home, else where the tool keeps it."""
    named = account.paths.get("data_dir", "")
    if named:
        return [places.expand(named, machine)]
    return [account.home] if account.home else _data_directories(machine)


def _tasks_directories(account: Account, machine: Machine) -> list[str]:
    """Those that exist: a home with a database need not have any."""
    return [
        directory
        for directory in roo_folders.tasks_directories(_EXTENSION, account, machine)
        if os.path.isdir(directory) or not _has_database(os.path.dirname(directory))
    ]


def _databases(account: Account, machine: Machine) -> list[str]:
    """`kilo.db`, those of other release channels, and the one the user named."""
    found = [
        os.path.join(directory, name)
        for directory in _database_directories(account, machine)
        for name in _database_names(directory)
    ]
    named = account.paths.get("database", "")
    return found if not named or named in found else [named, *found]


def _database_names(directory: str) -> list[str]:
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return []
    return [name for name in names if name.startswith("kilo") and name.endswith(".db")]


def _has_database(directory: str) -> bool:
    return bool(_database_names(directory))


def _tasks_in(home: str) -> str:
    return home if os.path.basename(home) == roo_folders.TASKS else f"{home}/{roo_folders.TASKS}"


def _named_database(machine: Machine, home: str) -> str:
    """`$KILO_DB`, below the data directory when it is relative."""
    named = machine.env.get("KILO_DB", "")
    if not named or named == ":memory:":
        return ""
    path = places.expand(named, machine) if named.startswith(("/", "~")) else f"{home}/{named}"
    return path if os.path.isfile(path) else ""
