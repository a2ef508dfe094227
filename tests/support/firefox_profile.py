"""A Firefox profile with cookies, as the browser lays it out."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

SCHEMA = """
CREATE TABLE moz_cookies (id INTEGER PRIMARY KEY, originAttributes TEXT NOT NULL DEFAULT '',
  name TEXT, value TEXT, host TEXT, path TEXT, expiry INTEGER, lastAccessed INTEGER,
  creationTime INTEGER, isSecure INTEGER, isHttpOnly INTEGER, inBrowserElement INTEGER DEFAULT 0,
  sameSite INTEGER DEFAULT 0, schemeMap INTEGER DEFAULT 0,
  CONSTRAINT moz_uniqueid UNIQUE (name, host, path, originAttributes))
"""

Row = tuple[str, str, object, object]
"""Host, name, value, expiry."""


def profile(directory: Path, rows: Iterable[Row], *, keep_open: bool = False):
    """
    Make a profile; with `keep_open` the rows stay in the write-ahead log of an open connection.

    Returns the connection, to be closed by the caller.
    """
    directory.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(directory / "cookies.sqlite")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute(SCHEMA)
    connection.executemany(
        "INSERT INTO moz_cookies (host, name, value, expiry, path) VALUES (?, ?, ?, ?, '/')", rows
    )
    connection.commit()
    if not keep_open:
        connection.close()
    return connection


def profiles_ini(root: Path, text: str) -> None:
    """The list of profiles."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "profiles.ini").write_text(text, encoding="utf-8")
