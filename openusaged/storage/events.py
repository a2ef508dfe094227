"""
Hot events: a counted event as a row of small integers and back, and the ids of those rows.

An id is `quarter << 24 | n`; a merge that moves an event to an earlier quarter gives it a new one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from openusaged.core.merge import UNIFORM_PRIORITIES, CountedEvent
from openusaged.core.models import EVENT_TYPES, NUMBERS, STATUS_UNKNOWN, STATUSES
from openusaged.storage.names import Names
from openusaged.storage.sessions import Sessions

QUARTER_SHIFT: Final = 24
_MAX_PER_QUARTER: Final = 1 << QUARTER_SHIFT
MAX_CACHED_QUARTERS: Final = 4096

# Stored codes; append only.
TYPE_CODES: Final = {name: code for code, name in enumerate(EVENT_TYPES)}
STATUS_CODES: Final = {name: code for code, name in enumerate(STATUSES)}

FLAG_SIDECHAIN: Final = 1
FLAG_LOWER_BOUND: Final = 2
FLAG_SUM: Final = 4

COLUMNS: Final = (
    "id",
    "identity",
    "ts_ms",
    "event_type",
    "source",
    "provider",
    "account",
    "client",
    "session",
    "agent",
    "flags",
    "project",
    "branch",
    "tool",
    "mcp_server",
    "mcp_function",
    "language",
    "service_tier",
    "response",
    "model",
    "status",
    *NUMBERS,
    "cost_nano",
    "currency",
    "calc_nano",
    "price_source",
    "priorities",
)
# Places in a row.
PROVIDER: Final = COLUMNS.index("provider")
ACCOUNT: Final = COLUMNS.index("account")
CLIENT: Final = COLUMNS.index("client")
SESSION: Final = COLUMNS.index("session")
PROJECT: Final = COLUMNS.index("project")
BRANCH: Final = COLUMNS.index("branch")
MODEL: Final = COLUMNS.index("model")
CURRENCY: Final = COLUMNS.index("currency")
TOOL: Final = slice(COLUMNS.index("tool"), COLUMNS.index("language") + 1)
"""Tool, MCP server, MCP function and language."""

_LIST: Final = ", ".join(COLUMNS)
INSERT: Final = f"INSERT INTO event ({_LIST}) VALUES ({', '.join('?' * len(COLUMNS))})"
_REPLACE: Final = INSERT.replace("INSERT", "REPLACE", 1)
SELECT: Final = f"SELECT {_LIST} FROM event"

Row = tuple[Any, ...]


def flags_of(event: CountedEvent) -> int:
    """The truth values of an event in one column."""
    return (
        event.is_sidechain * FLAG_SIDECHAIN
        + event.output_is_lower_bound * FLAG_LOWER_BOUND
        + event.is_sum * FLAG_SUM
    )


def stored_priorities(event: CountedEvent) -> int:
    """One byte instead of five when all fields came from one channel."""
    channel = event.priorities & 7
    return channel if UNIFORM_PRIORITIES[channel] == event.priorities else event.priorities


def encode(ident: int, identity: int, event: CountedEvent, session: int, names: Names) -> Row:
    """The row of an event, in the order of `COLUMNS`."""
    return (
        ident,
        identity,
        event.ts_ms,
        TYPE_CODES[event.event_type],
        names[event.source],
        names[event.provider],
        names[event.account],
        names[event.client],
        session,
        names[event.agent],
        flags_of(event),
        names[event.project],
        names[event.branch],
        names[event.tool_name],
        names[event.mcp_server],
        names[event.mcp_function],
        names[event.language],
        names[event.service_tier],
        event.response,
        names[event.model],
        STATUS_CODES.get(event.status, STATUS_CODES[STATUS_UNKNOWN]),
        event.input,
        event.cache_read,
        event.cache_write_5m,
        event.cache_write_1h,
        event.output,
        event.reasoning,
        event.requests,
        event.lines_added,
        event.lines_removed,
        event.cost_nano,
        names[event.currency],
        event.calc_nano,
        names[event.price_source],
        stored_priorities(event),
    )


def decode(row: Row, text: dict[int, str], session_id: str) -> CountedEvent:
    """The event of a row; `text` translates name ids."""
    flags = row[10]
    priorities = row[34]
    return CountedEvent(
        text[row[4]],
        text[row[5]],
        text[row[6]],
        text[row[7]],
        text[row[9]],
        text[row[11]],
        text[row[12]],
        text[row[13]],
        text[row[14]],
        text[row[15]],
        text[row[16]],
        text[row[17]],
        text[row[19]],
        text[row[31]],
        text[row[33]],
        EVENT_TYPES[row[3]],
        STATUSES[row[20]],
        bool(flags & FLAG_SIDECHAIN),
        bool(flags & FLAG_LOWER_BOUND),
        bool(flags & FLAG_SUM),
        UNIFORM_PRIORITIES[priorities] if priorities < 8 else priorities,
        row[2],
        session_id,
        row[27],
        row[18],
        row[21],
        row[22],
        row[23],
        row[24],
        row[25],
        row[26],
        row[30],
        row[32],
        row[28],
        row[29],
    )


class EventRows:
    """The writer's access to the hot tier."""

    def __init__(self, names: Names, sessions: Sessions) -> None:
        self._names = names
        self._sessions = sessions
        self._next: dict[int, int] = {}

    def reset(self) -> None:
        """Forget which ids were given out; also the undo of a rolled-back transaction."""
        self._next = {}

    def new_id(self, connection: sqlite3.Connection, quarter: int) -> int:
        """The next id within a quarter hour."""
        return self.new_ids(connection, quarter, 1)

    def new_ids(self, connection: sqlite3.Connection, quarter: int, wanted: int) -> int:
        """The first of `wanted` ids in a row within a quarter hour."""
        ident = self._next.get(quarter)
        if ident is None:
            if len(self._next) >= MAX_CACHED_QUARTERS:
                self._next = {}
            first = quarter << QUARTER_SHIFT
            last = connection.execute(
                "SELECT MAX(id) FROM event WHERE id >= ? AND id < ?",
                (first, first + _MAX_PER_QUARTER),
            ).fetchone()[0]
            ident = first if last is None else last + 1
        self._next[quarter] = ident + wanted
        return ident

    def load(
        self, connection: sqlite3.Connection, idents: Iterable[int]
    ) -> dict[int, CountedEvent]:
        """Stored events by identity."""
        wanted = list(idents)
        if len(wanted) == 1:
            rows = connection.execute(f"{SELECT} WHERE id = ?", wanted).fetchall()
        else:
            rows = connection.execute(
                f"{SELECT} WHERE id IN (SELECT value FROM json_each(?))",
                (msgspec.json.encode(wanted).decode(),),
            ).fetchall()
        text = self._names.text
        return {row[1]: decode(row, text, self._session_id(connection, row[8])) for row in rows}

    def _session_id(self, connection: sqlite3.Connection, ident: int) -> str:
        return self._sessions.key(connection, ident) if ident else ""

    def insert(self, connection: sqlite3.Connection, rows: list[Row]) -> None:
        """Add new rows."""
        connection.executemany(INSERT, rows)

    def replace(self, connection: sqlite3.Connection, rows: list[Row]) -> None:
        """Overwrite rows by id."""
        connection.executemany(_REPLACE, rows)

    def delete(self, connection: sqlite3.Connection, idents: Iterable[int]) -> None:
        """Remove rows by id."""
        connection.executemany("DELETE FROM event WHERE id = ?", [(ident,) for ident in idents])
