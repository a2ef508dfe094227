"""
Sums of whole days, kept in memory so that a read of months costs days and not quarter hours.

A day is 96 quarters in a zone of constant offset.  An answer must be one consistent state, so a
reader takes a token before its snapshot begins and may only use or fill a day that no write has
touched since; a writer marks days before its commit and again after it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection
from typing import Final

QUARTERS_PER_DAY: Final = 96
MAX_CACHED_ROWS: Final = 24_000
MAX_OFFSETS: Final = 4

DayRow = tuple[int, ...]
"""Dimension ids followed by sums."""
Day = tuple[int, int]
"""(offset in quarters, day number)."""


class DayCache:
    """Bounded by rows; the days not used for the longest time go first."""

    def __init__(self, max_rows: int = MAX_CACHED_ROWS) -> None:
        self._max_rows = max_rows
        self._lock = threading.Lock()
        self._days: OrderedDict[Day, list[DayRow]] = OrderedDict()
        self._rows = 0
        self._clock = 0
        self._offsets: dict[int, int] = {}
        self._touched: dict[Day, int] = {}
        self._busy: frozenset[Day] = frozenset()

    def token(self, offset_q: int) -> int:
        """Register a reader of this offset; call before its snapshot begins."""
        with self._lock:
            if offset_q not in self._offsets:
                if len(self._offsets) >= MAX_OFFSETS:
                    self._forget_all()
                # Writes are only tracked for registered offsets: older readers know nothing here.
                self._clock += 1
                self._offsets[offset_q] = self._clock
            return self._clock

    def get(self, offset_q: int, day: int, token: int) -> list[DayRow] | None:
        """The day's rows if they equal what the token's snapshot would read."""
        key = (offset_q, day)
        with self._lock:
            rows = self._days.get(key)
            if rows is None or not self._is_settled(key, token):
                return None
            self._days.move_to_end(key)
            return rows

    def put(self, offset_q: int, day: int, token: int, rows: list[DayRow]) -> None:
        """Keep rows read in the token's snapshot."""
        key = (offset_q, day)
        with self._lock:
            if not self._is_settled(key, token) or key in self._days:
                return
            self._days[key] = rows
            self._rows += len(rows) + 1
            while self._rows > self._max_rows:
                _, dropped = self._days.popitem(last=False)
                self._rows -= len(dropped) + 1

    def begin_write(self, quarters: Collection[int]) -> None:
        """Mark the days of these quarters; call before the commit."""
        with self._lock:
            self._busy = frozenset(self._mark(quarters))

    def end_write(self, quarters: Collection[int]) -> None:
        """Mark them again; call after the commit or rollback."""
        with self._lock:
            self._mark(quarters)
            self._busy = frozenset()

    def _mark(self, quarters: Collection[int]) -> set[Day]:
        self._clock += 1
        days = {
            (offset_q, (quarter + offset_q) // QUARTERS_PER_DAY)
            for offset_q in self._offsets
            for quarter in quarters
        }
        for day in days:
            self._touched[day] = self._clock
            rows = self._days.pop(day, None)
            if rows is not None:
                self._rows -= len(rows) + 1
        return days

    def _is_settled(self, key: Day, token: int) -> bool:
        registered = self._offsets.get(key[0])
        return (
            registered is not None
            and registered <= token
            and key not in self._busy
            and self._touched.get(key, 0) <= token
        )

    def _forget_all(self) -> None:
        self._days.clear()
        self._offsets.clear()
        self._touched.clear()
        self._rows = 0
