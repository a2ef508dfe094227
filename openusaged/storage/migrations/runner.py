"""
Brings a database file to the current schema, one numbered step after another.

Works on a connection of its own before Pony sees the file; the steps are the authority on the
schema, the entities only describe it.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from openusaged.core.errors import DatabaseFromFuture, StorageError
from openusaged.storage.migrations import m0001_initial, m0002_alerts

log = logging.getLogger(__name__)

PAGE_BYTES: Final = 1024
"""Small pages: a commit of a few events writes a handful of them (bench/store.py)."""
BUSY_TIMEOUT_S: Final = 5.0
BACKUP_SUFFIX: Final = ".backup"

_HISTORY: Final = (
    "CREATE TABLE IF NOT EXISTS schema_history (version INTEGER NOT NULL PRIMARY KEY,"
    " name TEXT NOT NULL, applied_ms INTEGER NOT NULL, app_version TEXT NOT NULL)"
    " STRICT, WITHOUT ROWID"
)


class Migration(NamedTuple):
    """One step: the version it leads to, its name and its statements."""

    version: int
    name: str
    statements: Sequence[str]


MIGRATIONS: Final = (
    Migration(m0001_initial.VERSION, m0001_initial.NAME, m0001_initial.STATEMENTS),
    Migration(m0002_alerts.VERSION, m0002_alerts.NAME, m0002_alerts.STATEMENTS),
)
CURRENT_VERSION: Final = MIGRATIONS[-1].version


def migrate(
    path: str,
    *,
    app_version: str,
    now_ms: Callable[[], int],
    migrations: Sequence[Migration] = MIGRATIONS,
) -> int:
    """
    Bring the file at `path` to the newest version and return the version it had.

    Each upgrade of an existing file is preceded by a copy at `<path>.backup` (one is kept).

    Raises:
        DatabaseFromFuture: a newer version wrote it; untouched.
        StorageError: it is the Go OpenUsage's database, or not ours at all; untouched.
    """
    connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_S)
    try:
        found = _version(connection, path, migrations[-1].version)
        if found == migrations[-1].version:
            return found
        if found:
            _back_up(connection, path + BACKUP_SUFFIX)
        else:
            connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL")
        _upgrade(connection, found, migrations, app_version, now_ms())
        log.info("event=database_migrated from=%d to=%d", found, migrations[-1].version)
        return found
    finally:
        connection.close()


def _version(connection: sqlite3.Connection, path: str, newest: int) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    if {"usage_events", "usage_raw_events"} <= tables:
        raise StorageError(
            f"{path} was made by the Go OpenUsage and is left untouched; move it away and "
            "import it with: openusaged import-go PATH"
        )
    if version > newest:
        raise DatabaseFromFuture(
            f"{path} has schema version {version}, this program knows up to {newest}: "
            "update OpenUsage"
        )
    if version == 0 and tables:
        raise StorageError(f"{path} is a database of another program and is left untouched")
    return version


def _upgrade(
    connection: sqlite3.Connection,
    found: int,
    migrations: Sequence[Migration],
    app_version: str,
    now_ms: int,
) -> None:
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(_HISTORY)
        for step in migrations:
            if step.version <= found:
                continue
            for statement in step.statements:
                connection.execute(statement)
            connection.execute(
                "INSERT INTO schema_history VALUES (?, ?, ?, ?)",
                (step.version, step.name, now_ms, app_version),
            )
        connection.execute(f"PRAGMA user_version = {migrations[-1].version}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _back_up(connection: sqlite3.Connection, target: str) -> None:
    partial = target + ".tmp"
    if os.path.exists(partial):
        os.unlink(partial)
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    copy = sqlite3.connect(partial)
    try:
        connection.backup(copy)
    finally:
        copy.close()
    os.replace(partial, target)
