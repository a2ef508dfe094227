"""
A scanner's events as a small database in memory, ready for the store to take over in SQL.

Everything that can be worked out without the store is worked out here, in the scanner's process:
events of one identity are merged, names are gathered into *dimensions* (distinct combinations of
names, a few hundred for thousands of events) and the sums of the aggregates are added up.  What
remains for the daemon's only writer is a handful of statements that SQLite runs without the
interpreter's lock; see `staged.py`.

No Pony in here: scanners start often and import little.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any, Final

import msgspec

from openusaged.core.merge import (
    UNIFORM_PRIORITIES,
    CountedEvent,
    count,
    is_other_response,
    merge,
)
from openusaged.core.models import NUMBERS, QUARTER_MS, PreparedEvent
from openusaged.storage.events import STATUS_CODES, TYPE_CODES, flags_of
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
EVENT_COLUMNS: Final = (
    "number",
    "identity",
    "asked",
    "quarter",
    "slot",
    "ts_ms",
    "event_type",
    "dimension",
    "session",
    "flags",
    "response",
    "status",
    *NUMBERS,
    "cost_nano",
    "calc_nano",
    "priorities",
    "counted",
    "calls",
    "first_ms",
    "last_ms",
    "parent",
)
_QUARTER: Final = EVENT_COLUMNS.index("quarter")
_SLOT: Final = EVENT_COLUMNS.index("slot")
MAX_INTEGER: Final = (1 << 63) - 1

_SCHEMA: Final = f"""
CREATE TABLE dimension (id INTEGER PRIMARY KEY, agent_kind, {", ".join(DIMENSION_NAMES)});
CREATE TABLE session (id INTEGER PRIMARY KEY, source, session_id);
CREATE TABLE event ({", ".join(EVENT_COLUMNS)});
CREATE TABLE quarter (quarter INTEGER PRIMARY KEY, slots, counted);
CREATE TABLE message_sum (quarter, dimension, {", ".join(MESSAGE_SUMS)});
CREATE TABLE tool_sum (quarter, dimension, {", ".join(TOOL_SUMS)});
CREATE TABLE session_sum (session, dimension, {", ".join(MESSAGE_SUMS)});
"""


def can_stage() -> bool:
    """Whether this Python's SQLite hands databases over in memory (builds before 3.36 may not)."""
    return hasattr(sqlite3.Connection, "serialize")


class _Entry(msgspec.Struct):
    """One response: the identity it was looked up by, and the span of its reports."""

    event: CountedEvent
    asked: int
    first_ms: int
    last_ms: int
    parent: str


class Staging:
    """Gathers prepared events until `take` hands them over as one database."""

    def __init__(self) -> None:
        self._entries: dict[int, _Entry] = {}
        self.deduplicated = 0
        """Reports since the last `take` that said nothing new about an event gathered before."""
        self.merged = 0
        """Reports that completed an event gathered before."""

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, events: Sequence[PreparedEvent]) -> None:
        """Gather events, merging those of one identity by the store's own rules."""
        entries = self._entries
        for prepared in events:
            asked = identity = prepared.identity
            incoming = count(prepared)
            entry = entries.get(identity)
            if entry is not None and is_other_response(entry.event, incoming):
                identity = prepared.reuse_identity
                entry = entries.get(identity)
            ts_ms = incoming.ts_ms
            parent = prepared.event.parent_session_id
            if entry is None:
                entries[identity] = _Entry(incoming, asked, ts_ms, ts_ms, parent)
                continue
            before, after = entry.event, merge(entry.event, incoming)
            if after is before:
                self.deduplicated += 1
            else:
                entry.event = after
                self.merged += 1
            if after.session_id != before.session_id:
                # Reports for another session are no activity of this one.
                entry.first_ms, entry.last_ms, entry.parent = ts_ms, ts_ms, parent
            elif after.session_id == incoming.session_id:
                entry.first_ms = min(entry.first_ms, ts_ms)
                entry.last_ms = max(entry.last_ms, ts_ms)
                entry.parent = entry.parent or parent

    def take(self) -> bytes:
        """The gathered events as a serialised database; empty bytes when there are none."""
        entries, self._entries = self._entries, {}
        self.deduplicated = self.merged = 0
        if not entries:
            return b""
        try:
            return _serialised(entries)
        except OverflowError:
            # A number that no integer column holds: it costs its event, not the batch.
            fitting = {key: entry for key, entry in entries.items() if _fits(entry.event)}
            return _serialised(fitting) if fitting else b""


def _fits(event: CountedEvent) -> bool:
    return all(
        -MAX_INTEGER <= value <= MAX_INTEGER
        for value in msgspec.structs.astuple(event)
        if isinstance(value, int)
    )


def _serialised(entries: dict[int, _Entry]) -> bytes:
    tables = _Tables()
    # In the order of the store's own ids, which are given by quarter hour and slot.
    rows = sorted(tables.rows(entries), key=itemgetter(_QUARTER, _SLOT))
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.executescript("PRAGMA journal_mode = OFF;" + _SCHEMA + "BEGIN;")
        for table, values in (
            ("event", rows),
            ("dimension", tables.dimensions),
            ("session", tables.sessions),
            ("quarter", [(key, *values) for key, values in tables.quarters.items()]),
            ("message_sum", _added_up(tables.messages)),
            ("tool_sum", _added_up(tables.tools)),
            ("session_sum", _added_up(tables.session_messages)),
        ):
            if values:
                marks = ", ".join("?" * len(values[0]))
                connection.executemany(f"INSERT INTO {table} VALUES ({marks})", values)
        connection.execute("COMMIT")
        return connection.serialize()


class _Tables:
    """The tables of one batch while they are filled."""

    def __init__(self) -> None:
        self.dimensions: list[tuple[Any, ...]] = []
        self.sessions: list[tuple[int, str, str]] = []
        self.messages: dict[tuple[int, int], list[Sums]] = {}
        self.tools: dict[tuple[int, int], list[Sums]] = {}
        self.session_messages: dict[tuple[int, int], list[Sums]] = {}
        self.quarters: dict[int, list[int]] = {}
        """Slots given out, and whether any of them counts, by quarter hour."""
        self._dimension_ids: dict[tuple[Any, ...], int] = {}
        self._session_ids: dict[tuple[str, str], int] = {}

    def rows(self, entries: dict[int, _Entry]) -> Iterator[tuple[Any, ...]]:
        """Rows of `event`, numbered in the order of arrival, while the sums are queued."""
        quarters = self.quarters
        for number, (identity, entry) in enumerate(entries.items()):
            event = entry.event
            quarter = event.ts_ms // QUARTER_MS
            counted = event.event_type in COUNTED_TYPES
            place = quarters.get(quarter)
            if place is None:
                place = quarters[quarter] = [0, 0]
            slot = place[0]
            place[0] = slot + 1
            place[1] |= counted
            dimension = self._dimension(event)
            session = self._session(event)
            calls = self._queue(event, quarter, dimension, session)
            channel = event.priorities & 7
            yield (
                number,
                identity,
                entry.asked,
                quarter,
                slot,
                event.ts_ms,
                TYPE_CODES[event.event_type],
                dimension,
                session,
                flags_of(event),
                event.response,
                STATUS_CODES[event.status],
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
                event.calc_nano,
                (channel if UNIFORM_PRIORITIES[channel] == event.priorities else event.priorities),
                counted,
                calls,
                entry.first_ms,
                entry.last_ms,
                _storable(entry.parent) if entry.parent else "",
            )

    def _dimension(self, event: CountedEvent) -> int:
        names = (
            agent_kind(event),
            event.source,
            event.provider,
            event.account,
            event.client,
            event.agent,
            event.project,
            event.branch,
            event.tool_name,
            event.mcp_server,
            event.mcp_function,
            event.language,
            event.service_tier,
            event.model,
            event.currency,
            event.price_source,
        )
        number = self._dimension_ids.get(names)
        if number is None:
            number = self._dimension_ids[names] = len(self.dimensions)
            self.dimensions.append(
                (number, names[0], *(_storable(str(name)) for name in names[1:]))
            )
        return number

    def _session(self, event: CountedEvent) -> int | None:
        if not event.session_id:
            return None
        key = (event.source, event.session_id)
        number = self._session_ids.get(key)
        if number is None:
            number = self._session_ids[key] = len(self.sessions)
            self.sessions.append((number, _storable(event.source), _storable(event.session_id)))
        return number

    def _queue(self, event: CountedEvent, quarter: int, dimension: int, session: int | None) -> int:
        """Queue what the event adds to the aggregates; how many tool calls it stands for."""
        sums = message_sums(event)
        if sums is not None:
            self.messages.setdefault((quarter, dimension), []).append(sums)
            if session is not None:
                self.session_messages.setdefault((session, dimension), []).append(sums)
            return 0
        sums = tool_sums(event)
        if sums is None:
            return 0
        self.tools.setdefault((quarter, dimension), []).append(sums)
        return sums[0]


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
