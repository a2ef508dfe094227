"""
Reads another program's SQLite database without writing to it or making its owner wait.

Other tools keep their history in databases that are open while we read.  A connection here is
read-only, sees what is still in the write-ahead log, gives up on a lock quickly (the unit is read
again at its next change) and reads in short transactions.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote

from openusaged.core.errors import ProviderError
from openusaged.providers.base import Unit
from openusaged.providers.shared.files import stat_unit

BUSY_TIMEOUT_S: Final = 0.25
_HEADER_BYTES: Final = 20
_WAL_VERSION: Final = b"\x02\x02"


class DatabaseUnreadable(ProviderError):
    """Locked, corrupt, or no SQLite database; the message names the file and SQLite's words."""


def stat_database(path: str) -> Unit | None:
    """
    The unit of a database: size and time also change when only its write-ahead log has changed.

    None when there is no such file.
    """
    unit = stat_unit(path)
    if unit is None:
        return None
    wal = stat_unit(path + "-wal")
    if wal is None or wal.size == 0:
        return unit
    return Unit(
        path=path,
        device=unit.device,
        inode=unit.inode,
        size=unit.size + wal.size,
        mtime_ns=max(unit.mtime_ns, wal.mtime_ns),
    )


class ForeignDatabase:
    """One open read-only connection; every method raises `DatabaseUnreadable` on failure."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._immutable = _can_be_immutable(path)
        self._stamp = _stamp(path)
        mode = "mode=ro&immutable=1" if self._immutable else "mode=ro"
        try:
            self._connection = sqlite3.connect(
                f"file:{quote(path)}?{mode}",
                uri=True,
                timeout=BUSY_TIMEOUT_S,
                isolation_level=None,
                check_same_thread=False,
            )
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a bounded query."""
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def columns(self, table: str) -> frozenset[str]:
        """Names of a table's columns; empty when there is no such table."""
        return frozenset(row[1] for row in self.rows(f"PRAGMA table_info({table})"))

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """
        Several queries that see one state of the database.

        Raises:
            DatabaseUnreadable: also when the file changed under a connection that does not lock.
        """
        self.rows("BEGIN")
        try:
            yield
        finally:
            self.rows("ROLLBACK")
        if self._immutable and _stamp(self.path) != self._stamp:
            raise DatabaseUnreadable(f"{self.path}: changed while it was read")

    def _failure(self, error: sqlite3.Error) -> DatabaseUnreadable:
        return DatabaseUnreadable(f"{self.path}: {error}")


@contextmanager
def open_read_only(path: str) -> Iterator[ForeignDatabase]:
    """
    A read-only connection to the database at `path`, closed at the end.

    Raises:
        DatabaseUnreadable: it cannot be opened.
    """
    database = ForeignDatabase(path)
    try:
        yield database
    finally:
        database.close()


def _can_be_immutable(path: str) -> bool:
    """
    Whether nobody has the database open, so that it can be read without leaving files behind.

    Even a read-only connection to a database in WAL mode makes `-wal` and `-shm` beside it.  While
    no `-wal` exists nobody is connected, and a writer that comes puts its pages there first; that
    the file itself stays as it was is checked after every snapshot.
    """
    if os.path.exists(path + "-wal"):
        return False
    try:
        with open(path, "rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError:
        return False
    return header[18:20] == _WAL_VERSION


def _stamp(path: str) -> tuple[int, int]:
    try:
        info = os.stat(path)
    except OSError:
        return (0, 0)
    return (info.st_size, info.st_mtime_ns)
