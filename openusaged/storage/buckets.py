"""
Sums over quarter-hour buckets in any time zone: whole days from the cache, the rest from SQL.

Works for message and tool buckets alike; an answer is one consistent state of the file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

import msgspec

from openusaged.storage.database import Database
from openusaged.storage.day_cache import QUARTERS_PER_DAY, DayCache, DayRow
from openusaged.storage.records import Segment
from openusaged.storage.rollups import (
    MESSAGE_DIMENSIONS,
    MESSAGE_SUMS,
    TOOL_DIMENSIONS,
    TOOL_SUMS,
)

MAX_GAP_DAYS: Final = 4
"""Cached days this short between two missing ones are read again, to save a query."""


class BucketTable(msgspec.Struct, frozen=True):
    """A table of sums per quarter and dimensions."""

    name: str
    dimensions: tuple[str, ...]
    sums: tuple[str, ...]


MESSAGES: Final = BucketTable("message_bucket", MESSAGE_DIMENSIONS, MESSAGE_SUMS)
TOOLS: Final = BucketTable("tool_bucket", TOOL_DIMENSIONS, TOOL_SUMS)

Filters = Mapping[str, Collection[int]]
"""Dimension name to the ids that are wanted."""
Groups = dict[tuple[int, ...], tuple[int, ...]]
"""(bucket, ids of the dimensions asked for) to sums."""


class BucketReader:
    """Reads one table; shared by all reader threads."""

    def __init__(self, database: Database, table: BucketTable) -> None:
        self._database = database
        self._table = table
        self.cache = DayCache()
        self._offset_q = 0
        dimensions = ", ".join(table.dimensions)
        sums = ", ".join(f"SUM({name})" for name in table.sums)
        self._select = (
            f"SELECT {dimensions}, {sums} FROM {table.name}"
            f" WHERE quarter >= ? AND quarter < ? GROUP BY {dimensions}"
        )
        self._select_days = (
            f"SELECT (quarter + ?) / {QUARTERS_PER_DAY} AS day, {dimensions}, {sums}"
            f" FROM {table.name} WHERE quarter >= ? AND quarter < ?"
            f" GROUP BY day, {dimensions}"
        )

    def span(self, connection: sqlite3.Connection) -> tuple[int, int] | None:
        """First quarter and the one behind the last; None when the table is empty."""
        first, last = connection.execute(
            f"SELECT (SELECT MIN(quarter) FROM {self._table.name}),"
            f" (SELECT MAX(quarter) FROM {self._table.name})"
        ).fetchone()
        return None if first is None else (first, last + 1)

    def read(
        self,
        segments: Sequence[Segment],
        *,
        group_by: Sequence[str],
        filters: Filters,
    ) -> Groups:
        """Sums of the segments' quarters per local day, the day being the bucket."""
        if segments:
            self._offset_q = segments[-1].offset_q
        return self._read(segments, by_day=True, group_by=group_by, filters=filters)

    def read_range(
        self, start_q: int, end_q: int, *, group_by: Sequence[str], filters: Filters
    ) -> Groups:
        """Sums of [start_q, end_q), with bucket 0."""
        # In days of the zone that reports are asked for, which are in memory already.
        part = Segment(start_q, end_q, self._offset_q)
        return self._read((part,), by_day=False, group_by=group_by, filters=filters)

    def _read(
        self,
        segments: Sequence[Segment],
        *,
        by_day: bool,
        group_by: Sequence[str],
        filters: Filters,
    ) -> Groups:
        tokens = {part.offset_q: self.cache.token(part.offset_q) for part in segments}
        pick = self._picker(group_by)
        wanted = self._filter(filters)
        width = len(self._table.dimensions)
        queued: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
        with self._database.read_snapshot() as connection:
            for part in self._clip(connection, segments):
                for day, rows in self._days(connection, part, tokens[part.offset_q]):
                    bucket = day if by_day else 0
                    for row in rows:
                        if wanted is None or wanted(row):
                            key = (bucket, *pick(row))
                            found = queued.get(key)
                            if found is None:
                                queued[key] = [row]
                            else:
                                found.append(row)
        groups = {}
        for key, rows in queued.items():
            # Summing whole rows in C and cutting off the ids is cheaper than cutting each.
            sums = rows[0][width:] if len(rows) == 1 else tuple(map(sum, zip(*rows)))[width:]  # noqa: B905
            if any(sums):
                groups[key] = sums
        return groups

    def _picker(self, group_by: Sequence[str]) -> Callable[[DayRow], tuple[int, ...]]:
        indexes = [self._table.dimensions.index(name) for name in group_by]
        if not indexes:
            return lambda _row: ()
        if len(indexes) == 1:
            only = indexes[0]
            return lambda row: (row[only],)
        return itemgetter(*indexes)

    def _filter(self, filters: Filters) -> Callable[[DayRow], bool] | None:
        if not filters:
            return None
        checks = [
            (self._table.dimensions.index(name), frozenset(ids)) for name, ids in filters.items()
        ]
        return lambda row: all(row[index] in ids for index, ids in checks)

    def _clip(
        self, connection: sqlite3.Connection, segments: Sequence[Segment]
    ) -> Iterator[Segment]:
        """The segments, without the stretches before and after the table's contents."""
        span = self.span(connection)
        if span is None:
            return
        for part in segments:
            start_q = max(part.start_q, span[0] - QUARTERS_PER_DAY)
            end_q = min(part.end_q, span[1] + QUARTERS_PER_DAY)
            if start_q < end_q:
                yield Segment(start_q, end_q, part.offset_q)

    def _days(
        self, connection: sqlite3.Connection, part: Segment, token: int
    ) -> Iterator[tuple[int, list[DayRow]]]:
        """(day number, rows) of each day of a segment; cut days at its ends come from SQL."""
        offset = part.offset_q
        first_day = -(-(part.start_q + offset) // QUARTERS_PER_DAY)
        last_day = (part.end_q + offset) // QUARTERS_PER_DAY
        if first_day > last_day:
            # within one day
            yield last_day, self._sums(connection, part.start_q, part.end_q)
            return
        head_end = first_day * QUARTERS_PER_DAY - offset
        tail_start = last_day * QUARTERS_PER_DAY - offset
        if part.start_q < head_end:
            yield first_day - 1, self._sums(connection, part.start_q, head_end)
        yield from self._whole_days(connection, offset, first_day, last_day, token)
        if tail_start < part.end_q:
            yield last_day, self._sums(connection, tail_start, part.end_q)

    def _whole_days(
        self, connection: sqlite3.Connection, offset: int, first_day: int, last_day: int, token: int
    ) -> Iterator[tuple[int, list[DayRow]]]:
        missing: list[int] = []
        for day in range(first_day, last_day):
            rows = self.cache.get(offset, day, token)
            if rows is None:
                missing.append(day)
            elif rows:
                yield day, rows
        for start, end in _runs(missing):
            yield from self._fetch_days(connection, offset, start, end, token, set(missing))

    def _fetch_days(
        self,
        connection: sqlite3.Connection,
        offset: int,
        start: int,
        end: int,
        token: int,
        missing: set[int],
    ) -> Iterator[tuple[int, list[DayRow]]]:
        """Read days [start, end) and keep those that were missing."""
        fetched: dict[int, list[DayRow]] = {day: [] for day in range(start, end) if day in missing}
        for row in connection.execute(
            self._select_days,
            (offset, start * QUARTERS_PER_DAY - offset, end * QUARTERS_PER_DAY - offset),
        ):
            rows = fetched.get(row[0])
            if rows is not None:
                rows.append(row[1:])
        for day, rows in fetched.items():
            self.cache.put(offset, day, token, rows)
            if rows:
                yield day, rows

    def _sums(self, connection: sqlite3.Connection, start_q: int, end_q: int) -> list[Any]:
        return connection.execute(self._select, (start_q, end_q)).fetchall()


def _runs(days: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Half-open runs that cover ascending days, bridging short gaps."""
    start = previous = None
    for day in days:
        if start is None or previous is None:
            start = day
        elif day - previous > MAX_GAP_DAYS:
            yield start, previous + 1
            start = day
        previous = day
    if start is not None and previous is not None:
        yield start, previous + 1
