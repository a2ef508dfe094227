"""How far each file and database has been read; written with the events that came from it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

from pony.orm import select

from openusaged.core.models import SourceCursor
from openusaged.storage.database import Database

_WRITE: Final = (
    "REPLACE INTO source_cursor (path, source, account, device, inode, size, mtime_ns,"
    " read_offset, state, state_version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def write_cursors(connection: sqlite3.Connection, cursors: Iterable[SourceCursor]) -> None:
    """Store cursors; of several for one path the last counts."""
    newest = {cursor.path: cursor for cursor in cursors}
    connection.executemany(
        _WRITE,
        [
            (
                cursor.path,
                cursor.source,
                cursor.account_id,
                _signed(cursor.device),
                _signed(cursor.inode),
                cursor.size,
                cursor.mtime_ns,
                cursor.offset,
                cursor.state,
                cursor.state_version,
            )
            for cursor in newest.values()
        ],
    )


def forget_cursors(connection: sqlite3.Connection, paths: Sequence[str]) -> None:
    """Drop the cursors of paths that no longer exist."""
    connection.executemany("DELETE FROM source_cursor WHERE path = ?", [(path,) for path in paths])


def read_cursors(database: Database) -> list[SourceCursor]:
    """All cursors, by path."""
    with database.entities() as entities:
        rows = select(
            (
                row.path,
                row.source,
                row.account,
                row.device,
                row.inode,
                row.size,
                row.mtime_ns,
                row.read_offset,
                row.state,
                row.state_version,
            )
            for row in entities.SourceCursorRow
        ).order_by(1)[:]
    return [
        SourceCursor(
            path=path,
            source=source,
            account_id=account,
            device=_unsigned(device),
            inode=_unsigned(inode),
            size=size,
            mtime_ns=mtime_ns,
            offset=offset,
            state=bytes(state or b""),
            state_version=version,
        )
        for path, source, account, device, inode, size, mtime_ns, offset, state, version in rows
    ]


# Device and inode numbers are unsigned 64-bit (network and overlay file systems use the top bit).
def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _unsigned(value: int) -> int:
    return value + (1 << 64) if value < 0 else value
