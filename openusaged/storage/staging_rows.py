"""
The rows of a scanner's database: a batch of events, its dimensions, sessions and sums.

Apart from `staging.py`, which gathers and merges; the tables are in `staging_tables.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
from openusaged.storage.rollups import COUNTED_TYPES, Sums, agent_kind, message_sums, tool_sums
from openusaged.storage.staging_tables import (
    DIMENSION_NAMES,
    LINE_COLUMNS,
    SHAPES,
    USAGE_COLUMNS,
    WITH_LINES,
    WITH_USAGE,
    serialised,
)


def _slice(first: str, last: str) -> slice:
    """Fields of a counted event in a row."""
    fields = CountedEvent.__struct_fields__
    return slice(fields.index(first), fields.index(last) + 1)


# What a dimension is made of; of the names the store calls one otherwise.
_KIND: Final = _slice("source", "priorities")
_NAMES: Final = _slice(DIMENSION_NAMES[0], DIMENSION_NAMES[-1])
_USAGE: Final = _slice(USAGE_COLUMNS[0], USAGE_COLUMNS[-1])
_LINES: Final = _slice(*LINE_COLUMNS)
_NO_USAGE: Final = (0, *(None for _ in USAGE_COLUMNS[1:]))
_NO_LINES: Final = (None, None)

_Row = tuple[Any, ...]


class Entry(msgspec.Struct):
    """One response: the identity it was looked up by, and the span of its reports."""

    event: CountedEvent
    asked: int
    first_ms: int
    last_ms: int
    parent: str


class _Kind:
    """What many events have in common, and the time of the newest that counts."""

    __slots__ = ("_example", "counted", "id", "is_tool", "newest_ms")

    def __init__(self, ident: int, example: CountedEvent) -> None:
        self.id = ident
        self.counted = example.event_type in COUNTED_TYPES
        self.is_tool = example.event_type == TOOL_USAGE
        self.newest_ms = 0
        self._example = example

    def row(self) -> _Row:
        """The row of `dimension`."""
        event = self._example
        return (
            self.id,
            *_all_storable(astuple(event)[_NAMES]),
            agent_kind(event),
            TYPE_CODES[event.event_type],
            flags_of(event),
            STATUS_CODES[event.status],
            stored_priorities(event),
            self.newest_ms,
        )


_Queue = dict[_Kind, list[Sums]]
"""What events of each kind add, not added up yet."""


class _Session:
    __slots__ = ("activity", "id", "kind", "messages")

    def __init__(self, ident: int) -> None:
        self.id = ident
        self.activity = Activity()
        self.messages: _Queue = {}
        self.kind: _Kind | None = None
        """Of its last event: neighbours need not name the session again."""


class _Quarter:
    __slots__ = ("counted", "messages", "slots", "tools")

    def __init__(self) -> None:
        self.slots = 0
        """How many of its events have been numbered."""
        self.counted = False
        self.messages: _Queue = {}
        self.tools: _Queue = {}


def database_of(entries: dict[int, Entry]) -> bytes:
    """
    The database of these events, by identity, in the order of their arrival.

    Raises:
        OverflowError: a number that no integer column holds.
    """
    rows = _Rows()
    rows.fill(entries)
    return serialised(
        rows.shapes,
        {
            "report": rows.reports,
            "dimension": rows.dimensions(),
            "session": rows.sessions(),
            "quarter": rows.quarters(),
            "message_sum": rows.message_sums(),
            "tool_sum": rows.tool_sums(),
            "session_sum": rows.session_sums(),
        },
    )


class _Rows:
    """The rows of one batch while they are made."""

    def __init__(self) -> None:
        self.shapes: tuple[list[_Row], ...] = tuple([] for _ in SHAPES)
        """Rows of `event` by the columns they have."""
        self.reports: list[_Row] = []
        self._kinds: dict[_Row, _Kind] = {}
        self._sessions: dict[tuple[str, str], _Session] = {}
        self._quarters: dict[int, _Quarter] = {}

    def fill(self, entries: dict[int, Entry]) -> None:
        """Number the events in the order of arrival and make everything of them."""
        kinds = self._kinds
        quarters = self._quarters
        for number, (identity, entry) in enumerate(entries.items()):
            event = entry.event
            fields = astuple(event)
            key = fields[_KIND]
            kind = kinds.get(key)
            if kind is None:
                kind = kinds[key] = _Kind(len(kinds), event)
            session = self._session(event) if event.session_id else None
            ts_ms = event.ts_ms
            at = ts_ms // QUARTER_MS
            quarter = quarters.get(at)
            if quarter is None:
                quarter = quarters[at] = _Quarter()
            place = at << QUARTER_SHIFT | quarter.slots
            quarter.slots += 1
            if kind.counted:
                _count(entry, kind, quarter, session)
            first_ms, last_ms, parent = entry.first_ms, entry.last_ms, entry.parent
            if parent or first_ms != last_ms or first_ms != ts_ms or entry.asked != identity:
                self.reports.append((place, entry.asked, first_ms, last_ms, _storable(parent)))
            ident = None if session is None else session.id
            row: _Row = (place, number, identity, ts_ms, kind.id, ident, event.requests)
            shape = 0
            usage = fields[_USAGE]
            if usage != _NO_USAGE:
                shape = WITH_USAGE
                row += usage
            lines = fields[_LINES]
            if lines != _NO_LINES:
                shape |= WITH_LINES
                row += lines
            self.shapes[shape].append(row)

    def _session(self, event: CountedEvent) -> _Session:
        key = (event.source, event.session_id)
        session = self._sessions.get(key)
        if session is None:
            session = self._sessions[key] = _Session(len(self._sessions))
        return session

    def dimensions(self) -> Iterator[_Row]:
        """Rows of `dimension`."""
        return (kind.row() for kind in self._kinds.values())

    def sessions(self) -> Iterator[_Row]:
        """Rows of `session`."""
        for (source, session_id), session in self._sessions.items():
            fields = astuple(session.activity)
            texts = _all_storable((source, session_id, *fields[:_ACTIVITY_TEXTS]))
            yield (session.id, *texts, *fields[_ACTIVITY_TEXTS:])

    def quarters(self) -> Iterator[_Row]:
        """Rows of `quarter`."""
        return ((at, quarter.slots, quarter.counted) for at, quarter in self._quarters.items())

    def message_sums(self) -> Iterator[_Row]:
        """Rows of `message_sum`."""
        for at, quarter in self._quarters.items():
            yield from _added_up(at, quarter.messages)

    def tool_sums(self) -> Iterator[_Row]:
        """Rows of `tool_sum`."""
        for at, quarter in self._quarters.items():
            yield from _added_up(at, quarter.tools)

    def session_sums(self) -> Iterator[_Row]:
        """Rows of `session_sum`."""
        for session in self._sessions.values():
            yield from _added_up(session.id, session.messages)


def _count(entry: Entry, kind: _Kind, quarter: _Quarter, session: _Session | None) -> None:
    """Queue what the event adds to the aggregates, and note that its session was active."""
    event = entry.event
    quarter.counted = True
    calls = 0
    if kind.is_tool:
        sums = tool_sums(event)
        assert sums is not None, "it is a tool call"
        calls = sums[0]
        queue = quarter.tools
    else:
        sums = message_sums(event)
        assert sums is not None, "every type that counts is one of the two"
        queue = quarter.messages
    _put(queue, kind, sums)
    ts_ms = event.ts_ms
    if ts_ms > kind.newest_ms:  # noqa: PLR1730 - a call costs more than all of this
        kind.newest_ms = ts_ms
    if session is None:
        return
    if not kind.is_tool:
        _put(session.messages, kind, sums)
    activity = session.activity
    activity.add(entry.first_ms, entry.last_ms, calls, entry.parent)
    if session.kind is not kind:
        session.kind = kind
        activity.name(event.account, event.client, event.project, event.branch)


def _put(queue: _Queue, kind: _Kind, sums: Sums) -> None:
    found = queue.get(kind)
    if found is None:
        queue[kind] = [sums]
    else:
        found.append(sums)


def _added_up(key: int, queue: _Queue) -> Iterator[_Row]:
    """Rows of key, dimension and sums; one that adds nothing is left out."""
    for kind, parts in queue.items():
        total = parts[0] if len(parts) == 1 else tuple(map(sum, zip(*parts, strict=True)))
        if any(total):
            yield (key, kind.id, *total)


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
