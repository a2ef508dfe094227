"""
Re-pricing: our estimate of stored events anew, with every sum moved by exactly the difference.

Works from the newest event to the oldest in short transactions, each of which also records how far
it has come: what was killed half-way goes on there, and an event that a merge moves to an earlier
quarter meanwhile still lies ahead.  Recorded costs, tokens and times are never touched.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Sequence
from operator import sub
from typing import Any, Final

import msgspec

from openusaged.core.merge import CountedEvent
from openusaged.core.models import MESSAGE_USAGE, QUARTER_MS, RECONCILE_ADJUSTMENT
from openusaged.storage.events import (
    ACCOUNT,
    BRANCH,
    CLIENT,
    CURRENCY,
    MODEL,
    PROJECT,
    PROVIDER,
    QUARTER_SHIFT,
    SELECT,
    SESSION,
    TYPE_CODES,
    Row,
    decode,
)
from openusaged.storage.names import Names
from openusaged.storage.rollups import (
    MESSAGE_DIMENSIONS,
    MESSAGE_SUMS,
    USD,
    agent_kind,
    message_sums,
)

STEP_EVENTS: Final = 1000
"""Events looked at in one transaction: some 20 ms of the only writer."""
_NEXT: Final = "reprice_next"
_FIRST: Final = "reprice_first"

COST_SUMS: Final = (
    "calc_nano",
    "unpriced",
    "auto_nano",
    "auto_unpriced",
    "fallback_nano",
    "approx",
)
"""The sums that an estimate is part of."""
_COST_PLACES: Final = tuple(MESSAGE_SUMS.index(name) for name in COST_SUMS)
_MOVES: Final = ", ".join(f"{name} = {name} + ?" for name in COST_SUMS)
_MOVE_BUCKET: Final = f"UPDATE message_bucket SET {_MOVES} WHERE " + " AND ".join(
    f"{name} = ?" for name in ("quarter", *MESSAGE_DIMENSIONS)
)
_MOVE_SESSION: Final = (
    f"UPDATE session_model SET {_MOVES}"
    " WHERE session = ? AND provider = ? AND model = ? AND currency = ?"
)
_TYPES: Final = (TYPE_CODES[MESSAGE_USAGE], TYPE_CODES[RECONCILE_ADJUSTMENT])

Estimator = Callable[[CountedEvent], tuple[int | None, str]]
"""(1e-9 USD or None, where the price is from) of an event, by the prices of now."""
Key = tuple[int, ...]


class RepriceRange(msgspec.Struct, frozen=True, kw_only=True):
    """Event ids still to be looked at: [first, next)."""

    first: int
    next: int

    @property
    def first_quarter(self) -> int:
        """The quarter hour that it begins with; sums without events are re-priced from there."""
        return self.first >> QUARTER_SHIFT


class RepriceStep(msgspec.Struct, frozen=True, kw_only=True):
    """What one step did."""

    remaining: RepriceRange | None
    """None when nothing is left."""
    seen: int = 0
    changed: int = 0
    before_nano: int = 0
    """Sum of the old estimates of the changed events; unpriced ones count nothing."""
    after_nano: int = 0
    quarters: frozenset[int] = frozenset()
    """Quarters whose events, or whose sessions' sums, have changed."""


def range_of(connection: sqlite3.Connection, since_ms: int | None) -> RepriceRange:
    """The ids of the hot events from a time on, perhaps none."""
    first = 0 if since_ms is None else (since_ms // QUARTER_MS) << QUARTER_SHIFT
    last = connection.execute("SELECT MAX(id) FROM event").fetchone()[0]
    return RepriceRange(first=first, next=first if last is None else max(first, last + 1))


def count_events(connection: sqlite3.Connection, span: RepriceRange) -> int:
    """How many events of the range carry an estimate or could; reads all of them."""
    (number,) = connection.execute(
        "SELECT COUNT(*) FROM event WHERE id >= ? AND id < ? AND event_type IN (?, ?)",
        (span.first, span.next, *_TYPES),
    ).fetchone()
    return int(number)


def pending(connection: sqlite3.Connection) -> RepriceRange | None:
    """What a job that was broken off has left to do."""
    meta = dict(
        connection.execute("SELECT key, value FROM meta WHERE key IN (?, ?)", (_NEXT, _FIRST))
    )
    if len(meta) < 2:
        return None
    return RepriceRange(first=meta[_FIRST], next=meta[_NEXT])


def remember(connection: sqlite3.Connection, span: RepriceRange | None) -> None:
    """Record what is left, in the caller's transaction; None for nothing."""
    if span is None:
        connection.execute("DELETE FROM meta WHERE key IN (?, ?)", (_NEXT, _FIRST))
    else:
        connection.executemany(
            "REPLACE INTO meta (key, value) VALUES (?, ?)",
            [(_FIRST, span.first), (_NEXT, span.next)],
        )


def reprice_events(
    connection: sqlite3.Connection,
    names: Names,
    span: RepriceRange,
    estimate: Estimator,
    limit: int = STEP_EVENTS,
) -> RepriceStep:
    """Re-price up to `limit` events at the upper end of the range, in the caller's transaction."""
    rows = connection.execute(
        f"{SELECT} WHERE id >= ? AND id < ? AND event_type IN (?, ?) ORDER BY id DESC LIMIT ?",
        (span.first, span.next, *_TYPES, limit),
    ).fetchall()
    work = _Work(names)
    for row in rows:
        work.look_at(row, estimate)
    work.write(connection)
    more = len(rows) == limit
    # At the end nothing of the range is left, but the job is not over before somebody says so.
    left = RepriceRange(first=span.first, next=rows[-1][0] if more else span.first)
    remember(connection, left)
    return RepriceStep(
        remaining=left if more else None,
        seen=len(rows),
        changed=len(work.events),
        before_nano=work.before_nano,
        after_nano=work.after_nano,
        # Of events whose price got another source at the same cost, too: explanations name it.
        quarters=frozenset(ident >> QUARTER_SHIFT for *_, ident in work.events)
        | _last_active(connection, {key[0] for key in work.sessions}),
    )


def _last_active(connection: sqlite3.Connection, sessions: Collection[int]) -> frozenset[int]:
    """Quarters in which these sessions were last active: their sums are read by that."""
    return frozenset(
        quarter
        for (quarter,) in connection.execute(
            "SELECT last_quarter FROM session WHERE id IN (SELECT value FROM json_each(?))",
            (msgspec.json.encode(list(sessions)).decode(),),
        )
    )


class _Work:
    """The changes of one step, gathered so that each row of sums is written once."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self.events: list[tuple[int | None, int, int]] = []
        self.buckets: dict[Key, list[int]] = {}
        self.sessions: dict[Key, list[int]] = {}
        self.before_nano = 0
        self.after_nano = 0

    def look_at(self, row: Row, estimate: Estimator) -> None:
        """Queue what a new estimate of this event changes."""
        before = decode(row, self._names.text, "")
        calc_nano, source = estimate(before)
        if (calc_nano, source) == (before.calc_nano, before.price_source):
            return
        after = msgspec.structs.replace(before, calc_nano=calc_nano, price_source=source)
        self.events.append((calc_nano, self._names[source], row[0]))
        self.before_nano += before.calc_nano or 0
        self.after_nano += calc_nano or 0
        old, new = message_sums(before), message_sums(after)
        assert old is not None, "only messages are asked for"
        assert new is not None
        moves = tuple(map(sub, new, old))
        costs = [moves[place] for place in _COST_PLACES]
        if not any(costs):
            return
        currency = row[CURRENCY] or self._names[USD]
        _add(
            self.buckets,
            (
                before.ts_ms // QUARTER_MS,
                row[ACCOUNT],
                row[PROVIDER],
                row[CLIENT],
                row[MODEL],
                row[PROJECT],
                row[BRANCH],
                agent_kind(before),
                currency,
            ),
            costs,
        )
        if row[SESSION]:
            _add(self.sessions, (row[SESSION], row[PROVIDER], row[MODEL], currency), costs)

    def write(self, connection: sqlite3.Connection) -> None:
        """Write everything that was queued."""
        self._names.flush(connection)
        connection.executemany(
            "UPDATE event SET calc_nano = ?, price_source = ? WHERE id = ?", self.events
        )
        connection.executemany(_MOVE_BUCKET, _rows(self.buckets))
        connection.executemany(_MOVE_SESSION, _rows(self.sessions))


def _add(sums: dict[Key, list[int]], key: Key, moves: Sequence[int]) -> None:
    found = sums.get(key)
    sums[key] = list(moves) if found is None else [a + b for a, b in zip(found, moves, strict=True)]


def _rows(sums: dict[Key, list[int]]) -> list[tuple[Any, ...]]:
    return [(*moves, *key) for key, moves in sums.items() if any(moves)]
