"""
Finds the records of a tool that keeps one SQLite database in each of its data directories.

Bound to a provider's list of directories, its methods are the provider's `discover`, `units`,
`locate`, `watch` and `roots`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from openusage_proto.values import dataclass
from openusaged.core.models import Account
from openusaged.providers.base import Machine, Shallow, Unit
from openusaged.providers.shared.files import stat_unit
from openusaged.providers.shared.homes import name_homes
from openusaged.providers.shared.places import expand
from openusaged.providers.shared.sqlite_ro import stat_database

DB_PATH: Final = "db_path"
"""Named path with which an account names its database itself."""
_SIDE_FILES: Final = ("-wal", "-journal")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseHomes:
    """Where one tool's databases lie."""

    provider_id: str
    account_id: str
    title: str
    homes: Callable[[Machine], list[str]]
    """Data directories in order of preference, whether or not they exist."""
    names: tuple[str, ...]
    """The database below a data directory, the layouts of all versions."""
    generic: frozenset[str] = frozenset()
    """Folder names that do not tell one home from another."""
    variable: str = ""
    """Environment variable that moves the data directory, for the account's origin."""
    older_suffix: str = ""
    """Records of versions before the database: files that end so where it lies."""

    def discover(self, machine: Machine) -> Iterator[Account]:
        """One account per data directory that holds a database."""
        # Most tools use one of these: whichever it is has the tool's own id.
        homes = [home for home in self.homes(machine) if self._holds_records(home)]
        moved = bool(self.variable and machine.env.get(self.variable))
        for account_id, home in name_homes(self.account_id, homes, self.generic):
            yield Account(
                id=account_id,
                provider_id=self.provider_id,
                title=self.title,
                home=home,
                origin=f"env:{self.variable}" if moved else "default",
            )

    def _holds_records(self, home: str) -> bool:
        databases = [os.path.join(home, name) for name in self.names]
        return any(map(os.path.isfile, databases)) or any(self._older_files(home))

    def units(self, account: Account, machine: Machine) -> Iterator[Unit]:
        """The account's databases that exist, then the files from before them."""
        for path in self.databases(account, machine):
            unit = stat_database(path)
            if unit is not None:
                yield unit
        for path in self._older_files_of(account):
            unit = stat_unit(path)
            if unit is not None:
                yield unit

    def locate(self, account: Account, path: str, machine: Machine) -> Unit | None:
        """The database that a changed file is or belongs to, or the file from before it."""
        for database in self.databases(account, machine):
            if path in (database, *(database + suffix for suffix in _SIDE_FILES)):
                return stat_database(database)
        return stat_unit(path) if path in self._older_files_of(account) else None

    def watch(self, account: Account, machine: Machine) -> Iterable[str | Shallow]:
        """The directories of the databases."""
        places = {os.path.dirname(path): None for path in self.databases(account, machine)}
        found = [place for place in places if os.path.isdir(place)]
        return [Shallow(place) for place in found or places]

    def roots(self, machine: Machine) -> list[str]:
        """The data directories, whether or not they exist."""
        return self.homes(machine)

    def _older_files_of(self, account: Account) -> Iterator[str]:
        # A database of its own may lie anywhere, among files that are none of the tool's.
        own = account.paths.get(DB_PATH, "")
        return iter(()) if own or not account.home else self._older_files(account.home)

    def _older_files(self, home: str) -> Iterator[str]:
        if not self.older_suffix:
            return
        for place in dict.fromkeys(os.path.dirname(name) for name in self.names):
            directory = os.path.join(home, place)
            try:
                names = sorted(os.listdir(directory))
            except OSError:
                continue
            for name in names:
                if name.endswith(self.older_suffix):
                    yield os.path.join(directory, name)

    def databases(self, account: Account, machine: Machine) -> list[str]:
        """Where the account's databases are or would be; a path of its own replaces them."""
        named = account.paths.get(DB_PATH, "")
        if named:
            return [expand(named, machine)]
        if not account.home:
            return []
        return [os.path.join(account.home, name) for name in self.names]
