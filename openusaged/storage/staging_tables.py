"""
The tables of a scanner's database: what is in them, and how a batch of events fills them.

Apart from `staging.py`, which gathers and merges, because the writer reads them, too (`staged.py`).
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any, Final

import msgspec
from msgspec.structs import astuple

from openusaged.core.merge import CountedEvent
from openusaged.core.models import QUARTER_MS, TOOL_USAGE
from openusaged.storage.activity import ACTIVITY_COLUMNS, Activity
from openusaged.storage.events import (
    QUARTER_SHIFT,
    STATUS_CODES,
    TYPE_CODES,
    flags_of,
    stored_priorities,
)
from openusaged.storage.rollups import (
    COUNTED_TYPES,
    MESSAGE_SUMS,
    TOOL_SUMS,
    Sums,
    agent_kind,
    message_sums,
    tool_sums,
)

DIMENSION_NAMES: Final = (
    "source",
    "provider",
    "account",
    "client",
    "agent",
    "project",
    "branch",
    "tool",
    "mcp_server",
    "mcp_function",
    "language",
    "service_tier",
    "model",
    "currency",
    "price_source",
)
DIMENSION_FACTS: Final = ("agent_kind", "event_type", "flags", "status", "priorities")
DIMENSION_COLUMNS: Final = (*DIMENSION_NAMES, *DIMENSION_FACTS)
"""What thousands of events have few combinations of; names are texts, the rest is as stored."""
_BASE: Final = ("place", "number", "identity", "ts_ms", "dimension", "session", "requests")
_USAGE: Final = (
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
_LINES: Final = ("lines_added", "lines_removed")
EVENT_COLUMNS: Final = (*_BASE, *_USAGE, *_LINES)
"""`place` is quarter and slot as the store's own ids have them, `number` the order of arrival."""
_SHAPES: Final = (_BASE, (*_BASE, *_USAGE), (*_BASE, *_LINES), EVENT_COLUMNS)
"""Rows are written without the columns they do not fill: binding a value costs more than a row."""
_WITH_USAGE: Final = 1
_WITH_LINES: Final = 2
REPORT_COLUMNS: Final = ("asked", "first_ms", "last_ms", "parent")
"""Of events only that were looked up by another identity, reported more than once or are a child's;
of all others these are identity, time, time and nothing."""

_SCHEMA: Final = f"""
CREATE TABLE dimension (id INTEGER PRIMARY KEY, {", ".join(DIMENSION_COLUMNS)}, newest_ms);
CREATE TABLE session (id INTEGER PRIMARY KEY, source, session_id, {", ".join(ACTIVITY_COLUMNS)});
CREATE TABLE event (place INTEGER PRIMARY KEY, {", ".join(EVENT_COLUMNS[1:])});
CREATE TABLE report (place INTEGER PRIMARY KEY, {", ".join(REPORT_COLUMNS)});
CREATE TABLE quarter (quarter INTEGER PRIMARY KEY, slots, counted);
CREATE TABLE message_sum (quarter, dimension, {", ".join(MESSAGE_SUMS)});
CREATE TABLE tool_sum (quarter, dimension, {", ".join(TOOL_SUMS)});
CREATE TABLE session_sum (session, dimension, {", ".join(MESSAGE_SUMS)});
"""

_FIELDS: Final = CountedEvent.__struct_fields__


def _fields(*names: str) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """Picks these out of the fields of a counted event."""
    return itemgetter(*map(_FIELDS.index, names))


_NAME_FIELDS: Final = tuple("tool_name" if name == "tool" else name for name in DIMENSION_NAMES)
_names_of: Final = _fields(*_NAME_FIELDS)
_kind_of: Final = _fields(
    *_NAME_FIELDS,
    "event_type",
    "status",
    "priorities",
    "is_sidechain",
    "output_is_lower_bound",
    "is_sum",
)
_usage_of: Final = _fields(*_USAGE)
_NO_USAGE: Final = (0, *(None for _ in _USAGE[1:]))


class Entry(msgspec.Struct):
    """One response: the identity it was looked up by, and the span of its reports."""

    event: CountedEvent
    asked: int
    first_ms: int
    last_ms: int
    parent: str


class _Dimension:
    """What many events have in common, and the time of the newest that counts."""

    __slots__ = ("_example", "counted", "id", "is_tool", "newest_ms")

    def __init__(self, ident: int, example: CountedEvent) -> None:
        self.id = ident
        self.counted = example.event_type in COUNTED_TYPES
        self.is_tool = example.event_type == TOOL_USAGE
        self.newest_ms = 0
        self._example = example

    def row(self) -> tuple[Any, ...]:
        """The row of `dimension`."""
        event = self._example
        return (
            self.id,
            *_all_storable(_names_of(astuple(event))),
            agent_kind(event),
            TYPE_CODES[event.event_type],
            flags_of(event),
            STATUS_CODES[event.status],
            stored_priorities(event),
            self.newest_ms,
        )


class _Session:
    __slots__ = ("activity", "dimension", "id")

    def __init__(self, ident: int) -> None:
        self.id = ident
        self.activity = Activity()
        self.dimension: _Dimension | None = None
        """Of its last event: neighbours need not name the session again."""


def serialised(entries: dict[int, Entry]) -> bytes:
    """
    The database of these events, by identity, in the order of their arrival.

    Raises:
        OverflowError: a number that no integer column holds.
    """
    tables = _Tables()
    tables.fill(entries)
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.executescript("PRAGMA journal_mode = OFF;" + _SCHEMA + "BEGIN;")
        for columns, rows in zip(_SHAPES, tables.shapes, strict=True):
            # In the order of the store's own ids, so that the tree is written from left to right.
            rows.sort()
            _insert(connection, f"event ({', '.join(columns)})", rows)
        _insert(connection, "report", tables.reports)
        _insert(connection, "dimension", tables.dimension_rows())
        _insert(connection, "session", tables.session_rows())
        quarters = [(key, *values) for key, values in tables.quarters.items()]
        _insert(connection, "quarter", quarters)
        _insert(connection, "message_sum", _added_up(tables.messages))
        _insert(connection, "tool_sum", _added_up(tables.tools))
        _insert(connection, "session_sum", _added_up(tables.session_messages))
        connection.execute("COMMIT")
        return connection.serialize()


def _insert(connection: sqlite3.Connection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


class _Tables:
    """The tables of one batch while they are filled."""

    def __init__(self) -> None:
        self.shapes: tuple[list[tuple[Any, ...]], ...] = tuple([] for _ in _SHAPES)
        """Rows of `event` by the columns they have."""
        self.reports: list[tuple[Any, ...]] = []
        self.messages: dict[tuple[int, int], list[Sums]] = {}
        self.tools: dict[tuple[int, int], list[Sums]] = {}
        self.session_messages: dict[tuple[int, int], list[Sums]] = {}
        self.quarters: dict[int, list[int]] = {}
        """Slots given out, and whether any of them counts, by quarter hour."""
        self._dimensions: dict[tuple[Any, ...], _Dimension] = {}
        self._sessions: dict[tuple[str, str], _Session] = {}

    def fill(self, entries: dict[int, Entry]) -> None:
        """Number the events in the order of arrival and make everything of them."""
        quarters = self.quarters
        dimensions = self._dimensions
        for number, (identity, entry) in enumerate(entries.items()):
            event = entry.event
            fields = astuple(event)
            kind = _kind_of(fields)
            dimension = dimensions.get(kind)
            if dimension is None:
                dimension = dimensions[kind] = _Dimension(len(dimensions), event)
            session = self._session(event) if event.session_id else None
            ts_ms = event.ts_ms
            quarter = ts_ms // QUARTER_MS
            slots = quarters.get(quarter)
            if slots is None:
                slots = quarters[quarter] = [0, 0]
            place = quarter << QUARTER_SHIFT | slots[0]
            slots[0] += 1
            if dimension.counted:
                slots[1] = 1
                self._count(entry, quarter, dimension, session)
            first_ms, last_ms, parent = entry.first_ms, entry.last_ms, entry.parent
            if parent or first_ms != last_ms or first_ms != ts_ms or entry.asked != identity:
                self.reports.append((place, entry.asked, first_ms, last_ms, _storable(parent)))
            row: tuple[Any, ...] = (
                place,
                number,
                identity,
                ts_ms,
                dimension.id,
                None if session is None else session.id,
                event.requests,
            )
            shape = 0
            usage = _usage_of(fields)
            if usage != _NO_USAGE:
                shape = _WITH_USAGE
                row += usage
            if event.lines_added is not None or event.lines_removed is not None:
                shape |= _WITH_LINES
                row += (event.lines_added, event.lines_removed)
            self.shapes[shape].append(row)

    def _session(self, event: CountedEvent) -> _Session:
        key = (event.source, event.session_id)
        session = self._sessions.get(key)
        if session is None:
            session = self._sessions[key] = _Session(len(self._sessions))
        return session

    def _count(
        self, entry: Entry, quarter: int, dimension: _Dimension, session: _Session | None
    ) -> None:
        """Queue what the event adds to the aggregates, and note that its session was active."""
        event = entry.event
        sums = tool_sums(event) if dimension.is_tool else message_sums(event)
        assert sums is not None, "every type that counts is one of the two"
        key = (quarter, dimension.id)
        queued = self.tools if dimension.is_tool else self.messages
        found = queued.get(key)
        if found is None:
            queued[key] = [sums]
        else:
            found.append(sums)
        ts_ms = event.ts_ms
        if ts_ms > dimension.newest_ms:  # noqa: PLR1730 - a call costs more than all of this
            dimension.newest_ms = ts_ms
        if session is None:
            return
        calls = 0
        if dimension.is_tool:
            calls = sums[0]
        else:
            self.session_messages.setdefault((session.id, dimension.id), []).append(sums)
        activity = session.activity
        activity.add(entry.first_ms, entry.last_ms, calls, entry.parent)
        if session.dimension is not dimension:
            session.dimension = dimension
            activity.name(event.account, event.client, event.project, event.branch)

    def dimension_rows(self) -> list[tuple[Any, ...]]:
        """Rows of `dimension`."""
        return [dimension.row() for dimension in self._dimensions.values()]

    def session_rows(self) -> list[tuple[Any, ...]]:
        """Rows of `session`."""
        rows = []
        for (source, session_id), session in self._sessions.items():
            fields = astuple(session.activity)
            texts = _all_storable((source, session_id, *fields[:_ACTIVITY_TEXTS]))
            rows.append((session.id, *texts, *fields[_ACTIVITY_TEXTS:]))
        return rows


_ACTIVITY_TEXTS: Final = ACTIVITY_COLUMNS.index("first_ms")


def _all_storable(texts: tuple[str, ...]) -> Iterable[str]:
    try:
        # Nearly always all of them are, and asking once is cheaper.
        "".join(texts).encode()
    except UnicodeEncodeError:
        return map(_storable, texts)
    return texts


def _storable(text: str) -> str:
    """The text without the lone surrogates that vendors' JSON may hold and no database takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text


def _added_up(queued: dict[tuple[int, int], list[Sums]]) -> list[tuple[int, ...]]:
    """Rows of key and sums; a group that adds nothing is left out."""
    rows = []
    for key, parts in queued.items():
        total = parts[0] if len(parts) == 1 else tuple(map(sum, zip(*parts, strict=True)))
        if any(total):
            rows.append((*key, *total))
    return rows
