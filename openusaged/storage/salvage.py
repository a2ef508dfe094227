"""
A damaged database file: recognise it, move it aside, take over what can still be read.

Cursors are not taken over: logs are then read again, and identities make that harmless for what
survived and complete for what did not.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, Final

from openusaged.storage.applying import rebuild_hot_buckets
from openusaged.storage.migrations.runner import migrate

log = logging.getLogger(__name__)

CORRUPT_SUFFIX: Final = ".corrupt"
CHECK_LIMIT_BYTES: Final = 64 * 1024 * 1024
"""Larger files are checked only after an unclean end: a check reads everything."""
CHECK_TIMEOUT_STEPS: Final = 20_000_000
COPY_ROWS: Final = 1000

# What history cannot be rebuilt from anything comes first.
_TABLES: Final = (
    "name",
    "identity",
    "recent_identity",
    "message_bucket",
    "tool_bucket",
    "session",
    "session_model",
    "snapshot",
    "series_point",
    "alert_state",
    "alert_log",
    "alert_mute",
    "event",
)


def is_corrupt(path: str) -> bool:
    """
    Whether SQLite finds the file damaged.

    A check that is interrupted or locked out proves nothing and counts as sound.
    """
    if not os.path.getsize(path):
        return False
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        try:
            if os.path.getsize(path) > CHECK_LIMIT_BYTES and _ended_cleanly(connection):
                return False
            ticks = iter(range(CHECK_TIMEOUT_STEPS // 10_000))
            connection.set_progress_handler(lambda: next(ticks, None) is None, 10_000)
            answer = connection.execute("PRAGMA quick_check(1)").fetchone()
            return answer is None or answer[0] != "ok"
        except sqlite3.OperationalError as error:
            if "interrupt" in str(error) or "locked" in str(error):
                return False
            return "malformed" in str(error)
        except sqlite3.DatabaseError as error:
            log.warning("event=database_unreadable reason=%s", error)
            return True


def _ended_cleanly(connection: sqlite3.Connection) -> bool:
    try:
        row = connection.execute("SELECT value FROM meta WHERE key = 'clean'").fetchone()
    except sqlite3.DatabaseError:
        return False
    return row is not None and row[0] == 1


def salvage(path: str, *, app_version: str, now_ms: Callable[[], int]) -> dict[str, int]:
    """Move the file aside, make a new one at `path` and fill it; rows taken over by table."""
    aside = path + CORRUPT_SUFFIX
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(aside + suffix):
            os.unlink(aside + suffix)
        if os.path.exists(path + suffix):
            os.replace(path + suffix, aside + suffix)
    log.warning("event=database_corrupt moved_to=%s", aside)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    migrate(path, app_version=app_version, now_ms=now_ms)
    taken: dict[str, int] = {}
    with (
        closing(sqlite3.connect(aside, isolation_level=None)) as old,
        closing(sqlite3.connect(path, isolation_level=None)) as new,
    ):
        new.execute("BEGIN IMMEDIATE")
        damaged = set()
        for table in _TABLES:
            taken[table], complete = _copy_table(old, new, table)
            if not complete:
                damaged.add(table)
        _reconcile(new)
        if damaged & {"message_bucket", "tool_bucket"} and "event" not in damaged:
            rebuild_hot_buckets(new)
        new.execute("COMMIT")
    log.warning(
        "event=database_salvaged %s", " ".join(f"{name}={rows}" for name, rows in taken.items())
    )
    return taken


def _copy_table(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> tuple[int, bool]:
    """Rows taken over, and whether nothing of the table was unreadable."""
    info = new.execute(f"PRAGMA table_info({table})").fetchall()
    columns = ", ".join(row[1] for row in info)
    keys = [row[1] for row in sorted(info, key=lambda row: row[5]) if row[5]]
    marks = ", ".join("?" * len(info))
    insert = f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})"
    before = new.total_changes
    undamaged = True
    # From both ends: a damaged page hides only what lies on it.
    for direction in ("ASC", "DESC"):
        order = ", ".join(f"{key} {direction}" for key in keys)
        query = f"SELECT {columns} FROM {table} ORDER BY {order}"
        complete = True
        for rows in _readable(old, query):
            if rows is None:
                complete = False
                break
            _insert(new, insert, rows)
        if complete:
            break
        undamaged = False
    return new.total_changes - before, undamaged


def _insert(new: sqlite3.Connection, insert: str, rows: list[tuple[Any, ...]]) -> None:
    try:
        new.executemany(insert, rows)
    except sqlite3.Error:
        for row in rows:
            try:
                new.execute(insert, row)
            except sqlite3.Error as error:
                log.debug("event=row_not_salvaged reason=%s", error)


def _readable(old: sqlite3.Connection, query: str) -> Iterator[list[tuple[Any, ...]] | None]:
    """Rows in blocks; None when the damage is reached."""
    rows: list[tuple[Any, ...]] = []
    try:
        for row in old.execute(query):
            rows.append(row)
            if len(rows) >= COPY_ROWS:
                yield rows
                rows = []
    except sqlite3.DatabaseError as error:
        log.debug("event=table_damaged reason=%s", error)
        yield rows
        yield None
        return
    yield rows


def _reconcile(new: sqlite3.Connection) -> None:
    """Make identities and hot rows agree with each other."""
    new.execute(
        "INSERT OR IGNORE INTO identity (hash, event) SELECT hash, event FROM recent_identity"
    )
    new.execute("DELETE FROM recent_identity")
    new.execute("INSERT OR IGNORE INTO identity (hash, event) SELECT identity, id FROM event")
    new.execute(
        "UPDATE identity SET event = 0 WHERE event != 0"
        " AND NOT EXISTS (SELECT 1 FROM event WHERE event.id = identity.event)"
    )
