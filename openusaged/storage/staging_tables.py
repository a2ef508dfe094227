"""The tables of a scanner's database, as `staging_rows.py` fills and `staged.py` reads them."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from openusaged.storage.activity import ACTIVITY_COLUMNS
from openusaged.storage.rollups import MESSAGE_SUMS, TOOL_SUMS


class Dimension(msgspec.Struct, gc=False):
    """What thousands of events have few combinations of; a row of `dimension` without its id."""

    source: str
    provider: str
    account: str
    client: str
    agent: str
    project: str
    branch: str
    tool: str
    mcp_server: str
    mcp_function: str
    language: str
    service_tier: str
    model: str
    currency: str
    price_source: str
    agent_kind: int
    event_type: int
    """This and what follows is coded as the store codes it."""
    flags: int
    status: int
    priorities: int
    newest_ms: int
    """Time of the newest event that counts; 0 when none does."""


_DIMENSION_FIELDS: Final = Dimension.__struct_fields__
DIMENSION_NAMES: Final = _DIMENSION_FIELDS[: _DIMENSION_FIELDS.index("agent_kind")]
DIMENSION_COLUMNS: Final = _DIMENSION_FIELDS[:-1]
"""Names are texts here and ids in the store; the rest is the same in both."""
_BASE: Final = ("place", "number", "identity", "ts_ms", "dimension", "session", "requests")
USAGE_COLUMNS: Final = (
    "response",
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "reasoning",
    "cost_nano",
    "calc_nano",
)
LINE_COLUMNS: Final = ("lines_added", "lines_removed")
EVENT_COLUMNS: Final = (*_BASE, *USAGE_COLUMNS, *LINE_COLUMNS)
"""`place` is quarter and slot as the store's own ids have them, `number` the order of arrival."""
SHAPES: Final = (_BASE, (*_BASE, *USAGE_COLUMNS), (*_BASE, *LINE_COLUMNS), EVENT_COLUMNS)
"""Rows are written without the columns they do not fill: binding a value costs more than a row."""
WITH_USAGE: Final = 1
WITH_LINES: Final = 2
REPORT_COLUMNS: Final = ("asked", "first_ms", "last_ms", "parent")
"""Of events only that were looked up by another identity, reported more than once or are a child's;
of all others these are identity, time, time and nothing."""

_TABLES: Final = {
    "dimension": ("id INTEGER PRIMARY KEY", *_DIMENSION_FIELDS),
    "session": ("id INTEGER PRIMARY KEY", "source", "session_id", *ACTIVITY_COLUMNS),
    "event": ("place INTEGER PRIMARY KEY", *EVENT_COLUMNS[1:]),
    "report": ("place INTEGER PRIMARY KEY", *REPORT_COLUMNS),
    "quarter": ("quarter INTEGER PRIMARY KEY", "slots", "counted"),
    "message_sum": ("quarter", "dimension", *MESSAGE_SUMS),
    "tool_sum": ("quarter", "dimension", *TOOL_SUMS),
    "session_sum": ("session", "dimension", *MESSAGE_SUMS),
}
_SCHEMA: Final = "".join(
    f"CREATE TABLE {table} ({', '.join(columns)});" for table, columns in _TABLES.items()
)

Rows = Iterable[tuple[Any, ...]]


def serialised(events: Iterable[list[tuple[Any, ...]]], others: Mapping[str, Rows]) -> bytes:
    """
    The database of these rows: events by their shape, the other tables by name.

    Raises:
        OverflowError: a number that no integer column holds.
    """
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.executescript("PRAGMA journal_mode = OFF;" + _SCHEMA + "BEGIN;")
        for columns, rows in zip(SHAPES, events, strict=True):
            # In the order of the store's own ids, so that the tree is written from left to right.
            rows.sort()
            marks = ", ".join("?" * len(columns))
            insert = f"INSERT INTO event ({', '.join(columns)}) VALUES ({marks})"
            connection.executemany(insert, rows)
        for table, filled in others.items():
            marks = ", ".join("?" * len(_TABLES[table]))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", filled)
        connection.execute("COMMIT")
        return connection.serialize()
