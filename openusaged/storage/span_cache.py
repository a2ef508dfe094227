"""
What was read of spans of quarter hours, kept in memory so that a read costs what is new.

An answer must be one consistent state, so a reader takes a token before its snapshot begins and
may only use or keep what no write has touched since; a writer marks its quarters before its commit
and again after it.  Writes are told apart by quarter in the days that were written to latest, else
by UTC day.  So what is kept of today in pieces around the hour at work (`cut`) outlives an event.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Hashable, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from openusaged.core.windows import QUARTERS_PER_DAY

MAX_CACHED_ROWS: Final = 16_000
QUARTERS_PER_HOUR: Final = 4
FINE_DAYS: Final = 8
"""Days of which the quarters are told apart: today, and those whose sessions went on today."""
FINE_QUARTERS: Final = 64
"""A write of more quarters than this is an import's, of which the days are enough to know."""

Span = tuple[int, int]
"""Quarters [start, end)."""


class _Kept(NamedTuple):
    token: int
    """Of the reader that read them."""
    rows: Sequence[Any]
    spare: bool


class _Day:
    """When each quarter of a day was written to, and which one was last."""

    __slots__ = ("last", "touched")

    def __init__(self, touched: int) -> None:
        self.touched = [touched] * QUARTERS_PER_DAY
        self.last = 0


class SpanCache:
    """Bounded by rows; what was not used for the longest time goes first."""

    def __init__(self, max_rows: int = MAX_CACHED_ROWS) -> None:
        self._max_rows = max_rows
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[Hashable, Span], _Kept] = OrderedDict()
        self._rows = 0
        self._clock = 0
        self._writing = False
        self._touched: dict[int, int] = {}
        """By day."""
        self._fine: OrderedDict[int, _Day] = OrderedDict()
        """The days that were written to latest, in that order."""

    def token(self) -> int:
        """The state of the file that a snapshot begun after this call reads."""
        with self._lock:
            return self._clock

    def get(self, what: Hashable, span: Span, token: int) -> Sequence[Any] | None:
        """The rows of `what` if they equal what the token's snapshot would read."""
        key = (what, span)
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or self._last_write(span) > min(kept.token, token):
                return None
            if not kept.spare:
                self._kept.move_to_end(key)
            return kept.rows

    def put(
        self, what: Hashable, span: Span, token: int, rows: Sequence[Any], *, spare: bool = False
    ) -> None:
        """
        Keep rows read in the token's snapshot, unless a write has overtaken them.

        Spare rows are kept as long as there is room and never push out others.
        """
        key = (what, span)
        with self._lock:
            if len(rows) >= self._max_rows or self._last_write(span) > token:
                return
            self._drop(key)
            self._kept[key] = _Kept(token, rows, spare)
            self._kept.move_to_end(key, last=not spare)
            self._rows += len(rows) + 1
            while self._rows > self._max_rows:
                self._drop(next(iter(self._kept)))

    def cut(self, span: Span) -> list[Span]:
        """
        A stretch of at most a day in pieces of which an event like the last changes only one.

        These are the hour that was written to last, what lies before it and what lies behind it;
        all of it when it has not been written to lately.
        """
        low, high = span
        with self._lock:
            for day in reversed(_days(span)):
                fine = self._fine.get(day)
                if fine is None:
                    continue
                within = fine.last - fine.last % QUARTERS_PER_HOUR
                first = day * QUARTERS_PER_DAY + within
                behind = first + QUARTERS_PER_HOUR
                if first < high and behind > low:
                    edges = (low, max(low, first), min(behind, high), high)
                    return [piece for piece in pairwise(edges) if piece[0] < piece[1]]
        return [span]

    def begin_write(self, quarters: Collection[int]) -> None:
        """Mark what a transaction changes; call before the commit."""
        if not quarters:
            return
        with self._lock:
            self._writing = True
            # Of no reader yet: what was read before the commit is neither served nor kept.
            mark = self._clock + 1
            touched, fine = self._touched, self._fine
            if len(quarters) > FINE_QUARTERS:
                for day in {quarter // QUARTERS_PER_DAY for quarter in quarters}:
                    touched[day] = mark
                    fine.pop(day, None)
                return
            for quarter in sorted(quarters):
                day, within = divmod(quarter, QUARTERS_PER_DAY)
                found = fine.pop(day, None) or _Day(touched.get(day, 0))
                fine[day] = found
                found.last = within
                found.touched[within] = touched[day] = mark
            while len(fine) > FINE_DAYS:
                fine.popitem(last=False)

    def end_write(self) -> None:
        """What was marked is over; call after the commit or rollback."""
        if self._writing:
            with self._lock:
                self._clock += 1
                self._writing = False

    def _last_write(self, span: Span) -> int:
        touched, fine = self._touched, self._fine
        low, high = span
        latest = 0
        for day in _days(span):
            mark = touched.get(day, 0)
            if mark > latest:
                found = fine.get(day)
                if found is not None:
                    start_q = day * QUARTERS_PER_DAY
                    mark = max(found.touched[max(low - start_q, 0) : high - start_q])
                latest = max(latest, mark)
        return latest

    def _drop(self, key: tuple[Hashable, Span]) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._rows -= len(kept.rows) + 1


def _days(span: Span) -> range:
    """UTC days that a span has quarters of."""
    return range(span[0] // QUARTERS_PER_DAY, (span[1] - 1) // QUARTERS_PER_DAY + 1)
