"""
Pony's binding to one SQLite file: pragmas, this thread's connection, transactions, errors.

Sessions never cross threads and hot paths use Pony's own connection with explicit transactions,
because a Pony session has no read snapshot and takes the write lock for raw SQL.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import pony.orm
from pony.orm import db_session
from pony.orm import dbapiprovider as dbapi

from openusaged.core.errors import DatabaseBusy, StorageError, StoreClosed
from openusaged.storage.entities import define

BUSY_TIMEOUT_S: Final = 5.0
WAL_AUTOCHECKPOINT_PAGES: Final = 4_096
"""Four megabytes of log: flushing what overwrites it takes half as long as what makes it longer."""
JOURNAL_SIZE_LIMIT_BYTES: Final = 16 * 1024 * 1024
CACHE_KIB: Final = 1536
IMPORT_CACHE_KIB: Final = 12 * 1024
"""An import puts events of all times in between each other; pages that do not fit are written and
read again and again.  Given back by `release_memory` when the import is over."""

_PRAGMAS: Final = (
    "PRAGMA synchronous = FULL",
    f"PRAGMA wal_autocheckpoint = {WAL_AUTOCHECKPOINT_PAGES}",
    f"PRAGMA journal_size_limit = {JOURNAL_SIZE_LIMIT_BYTES}",
    f"PRAGMA cache_size = -{CACHE_KIB}",
    "PRAGMA temp_store = MEMORY",
)

DatabaseFailure: Final = (sqlite3.Error, dbapi.DBException, pony.orm.OrmError)
"""Everything SQLite or Pony raises for a database that cannot do what was asked."""


class Database:
    """One file, one connection per thread that used it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._closed = False
        self.pony: Any = pony.orm.Database()
        define(self.pony)

        @self.pony.on_connect(provider="sqlite")  # type: ignore[untyped-decorator]
        def configure(_db: object, connection: sqlite3.Connection) -> None:
            # Pony decodes every text value in Python; SQLite's own decoding is what we want.
            connection.text_factory = str
            for pragma in _PRAGMAS:
                connection.execute(pragma)
            with self._lock:
                self._connections.append(connection)

        with translated_errors(path):
            self.pony.bind(
                provider="sqlite", filename=path, timeout=BUSY_TIMEOUT_S, check_same_thread=False
            )
            self.pony.generate_mapping(create_tables=False, check_tables=True)

    def connection(self) -> sqlite3.Connection:
        """This thread's connection, outside any transaction."""
        if self._closed:
            raise StoreClosed("the store is closed")
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            with db_session:
                self.pony.select("select 1")
                connection = self.pony.provider.pool.con
            assert connection is not None
            self._local.connection = connection
        return connection

    def hasty_connection(self) -> sqlite3.Connection:
        """This thread's connection, which neither waits for a lock nor moves the log."""
        connection: sqlite3.Connection | None = getattr(self._local, "hasty", None)
        if connection is None or self._closed:
            connection = self.connection()
            connection.execute("PRAGMA busy_timeout = 0")
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            self._local.hasty = connection
        return connection

    @contextmanager
    def read_snapshot(self) -> Iterator[sqlite3.Connection]:
        """One consistent state for all reads inside; writers go on."""
        with translated_errors(self.path):
            connection = self.connection()
            connection.execute("BEGIN")
            try:
                # The snapshot starts with the first read, not with BEGIN.
                connection.execute("SELECT 1 FROM meta LIMIT 1").fetchone()
                yield connection
            finally:
                connection.execute("COMMIT")

    @contextmanager
    def write_transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction; rolled back when the body raises."""
        with translated_errors(self.path):
            connection = self.connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def entities(self) -> Iterator[Any]:
        """A Pony session for reading the small tables."""
        if self._closed:
            raise StoreClosed("the store is closed")
        with translated_errors(self.path), db_session:
            yield self.pony

    def prepare_for_import(self) -> None:
        """Let this thread keep more pages, until `release_memory`; not inside a transaction."""
        if not getattr(self._local, "imports", False):
            self.connection().execute(f"PRAGMA cache_size = -{IMPORT_CACHE_KIB}")
            self._local.imports = True

    def release_memory(self) -> None:
        """Give this thread's page cache back to the system."""
        with translated_errors(self.path):
            connection = self.connection()
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            connection.execute("PRAGMA shrink_memory")
            self._local.imports = False

    def disconnect(self) -> None:
        """Close this thread's connection; the next call opens a new one."""
        connection = getattr(self._local, "connection", None)
        self._local.connection = self._local.hasty = None
        self._local.imports = False
        if connection is not None:
            with self._lock:
                self._connections.remove(connection)
        self.pony.disconnect()

    def close(self) -> None:
        """Close every thread's connection; each later call raises StoreClosed."""
        self._closed = True
        with self._lock:
            connections, self._connections = self._connections, []
        for connection in connections:
            connection.close()


@contextmanager
def translated_errors(path: str) -> Iterator[None]:
    """Turn what SQLite and Pony raise into our errors."""
    try:
        yield
    except DatabaseFailure as error:
        raise translate(error, path) from error


def translate(error: BaseException, path: str) -> StorageError:
    """Our error for one of SQLite's or Pony's."""
    text = str(error)
    if "locked" in text or "busy" in text:
        return DatabaseBusy(f"{path}: another process holds the write lock")
    return StorageError(f"{path}: {text}")


@contextmanager
def creating(path: str) -> Iterator[None]:
    """Make the file, for its owner only, unless it is there; for whatever opens it inside."""
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        # Before SQLite does it with the process's umask.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with translated_errors(path):
            yield
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror or error}") from error
