"""
What was read of spans of quarter hours, kept in memory so that a read costs what is new.

An answer must be one consistent state, so a reader takes a token before its snapshot begins and
may only use or keep what no write has touched since; a writer marks its quarters before its commit
and again after it.  Writes are told apart by UTC day: that is enough, because nothing that is
kept for long ends near the days that are written to.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Hashable, Sequence
from typing import Any, Final, NamedTuple

from openusaged.core.windows import QUARTERS_PER_DAY

MAX_CACHED_ROWS: Final = 16_000

Span = tuple[int, int]
"""Quarters [start, end)."""


class _Kept(NamedTuple):
    token: int
    """Of the reader that read them."""
    rows: Sequence[Any]
    spare: bool


class SpanCache:
    """Bounded by rows; what was not used for the longest time goes first."""

    def __init__(self, max_rows: int = MAX_CACHED_ROWS) -> None:
        self._max_rows = max_rows
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[Hashable, Span], _Kept] = OrderedDict()
        self._rows = 0
        self._clock = 0
        self._touched: dict[int, int] = {}
        self._busy: set[int] = set()

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
            if len(rows) >= self._max_rows or self._last_write(span) > token or self._is_busy(span):
                return
            self._drop(key)
            self._kept[key] = _Kept(token, rows, spare)
            self._kept.move_to_end(key, last=not spare)
            self._rows += len(rows) + 1
            while self._rows > self._max_rows:
                self._drop(next(iter(self._kept)))

    def begin_write(self, quarters: Collection[int]) -> None:
        """Mark what a transaction changes; call before the commit."""
        if not quarters:
            return
        days = {quarter // QUARTERS_PER_DAY for quarter in quarters}
        with self._lock:
            self._busy = days
            self._clock += 1
            self._touched.update(dict.fromkeys(days, self._clock))

    def end_write(self) -> None:
        """Mark it again, if anything was; call after the commit or rollback."""
        days = self._busy
        if days:
            with self._lock:
                self._busy = set()
                self._clock += 1
                self._touched.update(dict.fromkeys(days, self._clock))

    def _last_write(self, span: Span) -> int:
        touched = self._touched
        return max([touched.get(day, 0) for day in _days(span)])

    def _is_busy(self, span: Span) -> bool:
        return bool(self._busy) and not self._busy.isdisjoint(_days(span))

    def _drop(self, key: tuple[Hashable, Span]) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._rows -= len(kept.rows) + 1


def _days(span: Span) -> range:
    """UTC days that a span has quarters of."""
    return range(span[0] // QUARTERS_PER_DAY, (span[1] - 1) // QUARTERS_PER_DAY + 1)
