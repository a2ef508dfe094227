"""
Sums over quarter-hour buckets in any time zone, of any dimensions.

A range is cut into what has settled, its last days one by one, and what is left of days at both
ends.  Each piece is read from the file once, by all dimensions that anybody may ask for, and its
sums by fewer dimensions are made of that; both stay in memory until the piece is written to.  A day
that was written to lately is made of the hour at work and the rest of it.  So a read after an event
costs one hour, however long the range is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, pairwise
from operator import itemgetter
from typing import Final

import msgspec

from openusaged.core.windows import QUARTERS_PER_DAY
from openusaged.storage.records import Segment
from openusaged.storage.rollups import (
    MESSAGE_DIMENSIONS,
    MESSAGE_SUMS,
    TOOL_DIMENSIONS,
    TOOL_SUMS,
)
from openusaged.storage.span_cache import Span, SpanCache

SETTLING_DAYS: Final = 3
"""Yesterday, today and the day ahead, which a range that ends now has: most writes are there."""
BLOCK_QUARTERS: Final = 32 * QUARTERS_PER_DAY
"""Longer stretches are made of blocks, so that a late event costs one and not years."""

Dimensions = tuple[str, ...]
Row = tuple[int, ...]
"""Ids of the dimensions, then sums."""
Filters = Mapping[str, Collection[int]]
"""Dimension name to the ids that are wanted."""


class BucketTable(msgspec.Struct, frozen=True, kw_only=True):
    """
    A table of sums per quarter and dimensions.

    `usual` are the dimensions that are read unless another one is asked for: fewer rows to keep.
    `quarter` names the column, `joined` is what has to be joined to the table.
    """

    name: str
    dimensions: Dimensions
    usual: Dimensions
    sums: tuple[str, ...]
    quarter: str = "quarter"
    joined: str = ""


MESSAGES: Final = BucketTable(
    name="message_bucket",
    dimensions=MESSAGE_DIMENSIONS,
    usual=MESSAGE_DIMENSIONS,
    sums=MESSAGE_SUMS,
)
TOOLS: Final = BucketTable(
    name="tool_bucket",
    dimensions=TOOL_DIMENSIONS,
    usual=tuple(name for name in TOOL_DIMENSIONS if name != "project"),
    sums=TOOL_SUMS,
)
SESSIONS: Final = BucketTable(
    name="session",
    dimensions=("account",),
    usual=("account",),
    sums=("events > 0",),
    quarter="last_quarter",
)
"""How many sessions were last active when."""
SPENDERS: Final = ("account", "client", "provider", "model", "currency")
SESSION_USAGE: Final = BucketTable(
    name="session",
    dimensions=SPENDERS,
    usual=SPENDERS,
    sums=MESSAGE_SUMS,
    quarter="last_quarter",
    joined="CROSS JOIN session_model ON session_model.session = session.id",
)
"""What sessions used over all their time, by when they were last active."""


def hours_of_week(offset_q: int) -> BucketTable:
    """Requests and tokens of each hour of a local week, which begins like 1970-01-01."""
    dimensions = ("account", "client", "provider", f"(quarter + {offset_q}) / 4 % 168")
    tokens = "input + cache_read + cache_write_5m + cache_write_1h + output"
    return BucketTable(
        name=MESSAGES.name, dimensions=dimensions, usual=dimensions, sums=("requests", tokens)
    )


class Reads(msgspec.Struct, frozen=True):
    """
    One state of the file: a connection within its snapshot, and what was known before that began.

    The cache's token, and how many commits with snapshots there had been.
    """

    connection: sqlite3.Connection
    token: int
    snapshot_writes: int


class BucketReader:
    """Reads one table; shared by all reader threads."""

    def __init__(self, table: BucketTable, cache: SpanCache) -> None:
        self._table = table
        self._cache = cache
        self._offset_q = 0

    def span(self, connection: sqlite3.Connection) -> Span | None:
        """First quarter and the one behind the last; None when the table is empty."""
        name, quarter = self._table.name, self._table.quarter
        first, last = connection.execute(
            f"SELECT (SELECT MIN({quarter}) FROM {name}), (SELECT MAX({quarter}) FROM {name})"
        ).fetchone()
        return None if first is None else (first, last + 1)

    def range(
        self, reads: Reads, start_q: int, end_q: int, group_by: Dimensions, filters: Filters
    ) -> list[Row]:
        """Sums of [start_q, end_q) by the dimensions named; groups that are all 0 are left out."""
        clipped = self._clip(reads.connection, start_q, end_q)
        if clipped is None:
            return []
        # In days of the zone that reports are asked for, which are in memory already.
        pieces = _cut(*clipped, self._offset_q)
        return self._of(reads, pieces, group_by, filters)

    def days(
        self, reads: Reads, segments: Sequence[Segment], group_by: Dimensions, filters: Filters
    ) -> Iterator[tuple[int, list[Row]]]:
        """(local day number, its sums by the dimensions named), in order of the days."""
        pieces: dict[int, list[Span]] = {}
        for part in segments:
            self._offset_q = part.offset_q
            clipped = self._clip(reads.connection, part.start_q, part.end_q)
            if clipped is not None:
                for span in local_days(*clipped, part.offset_q):
                    day = (span[0] + part.offset_q) // QUARTERS_PER_DAY
                    # Two where the clocks change within the day.
                    pieces.setdefault(day, []).append(span)
        for day, spans in pieces.items():
            rows = self._of(reads, spans, group_by, filters)
            if rows:
                yield day, rows

    def _clip(self, connection: sqlite3.Connection, start_q: int, end_q: int) -> Span | None:
        """The range without the stretches before and after the table's contents."""
        span = self.span(connection)
        if span is None:
            return None
        start_q = max(start_q, span[0] - QUARTERS_PER_DAY)
        end_q = min(end_q, span[1] + QUARTERS_PER_DAY)
        return (start_q, end_q) if start_q < end_q else None

    def _of(
        self, reads: Reads, spans: Sequence[Span], group_by: Dimensions, filters: Filters
    ) -> list[Row]:
        """The sums of some pieces together."""
        wanted = group_by
        if filters:
            wanted = tuple(n for n in self._table.dimensions if n in group_by or n in filters)
        rows = _together([self._rows(reads, span, wanted) for span in spans], wanted)
        if filters:
            checks = [(wanted.index(name), frozenset(ids)) for name, ids in filters.items()]
            rows = [row for row in rows if all(row[at] in ids for at, ids in checks)]
            rows = folded(rows, wanted, group_by)
        width = len(group_by)
        return [row for row in rows if any(row[width:])]

    def _rows(
        self, reads: Reads, span: Span, group_by: Dimensions, *, asked: bool = True
    ) -> Sequence[Row]:
        """The sums of one piece, out of memory where they are; not `asked` to make others of."""
        what = (self._table.name, self._table.sums, group_by)
        rows = self._cache.get(what, span, reads.token)
        if rows is None:
            rows = self._made(reads, span, group_by)
            # Years of days by all dimensions are more than what is made of them and asked for.
            spare = not asked and span[1] - span[0] <= QUARTERS_PER_DAY
            self._cache.put(what, span, reads.token, rows, spare=spare)
        return rows

    def _made(self, reads: Reads, span: Span, group_by: Dimensions) -> Sequence[Row]:
        if span[1] - span[0] <= QUARTERS_PER_DAY:
            pieces = self._cache.cut(span)
            if len(pieces) > 1:
                return _together([self._rows(reads, piece, group_by) for piece in pieces], group_by)
        table = self._table
        finest = table.usual if set(group_by) <= set(table.usual) else table.dimensions
        if group_by != finest:
            return folded(self._rows(reads, span, finest, asked=False), finest, group_by)
        parts = _parts(*span)
        if len(parts) > 1:
            rows = (row for part in parts for row in self._rows(reads, part, finest, asked=False))
            return folded(rows, finest, finest)
        dimensions = ", ".join(finest)
        sums = ", ".join(f"SUM({name})" for name in table.sums)
        return reads.connection.execute(
            f"SELECT {dimensions}, {sums} FROM {table.name} {table.joined}"
            f" WHERE {table.quarter} >= ? AND {table.quarter} < ? GROUP BY {dimensions}",
            span,
        ).fetchall()


def _cut(start_q: int, end_q: int, offset_q: int) -> list[Span]:
    """A range as the rest of its first day, whole days that have settled, and the others."""
    first_day = -(-(start_q + offset_q) // QUARTERS_PER_DAY)
    last_day = max(first_day, (end_q + offset_q) // QUARTERS_PER_DAY)
    settled = max(first_day, last_day - SETTLING_DAYS)
    days = [first_day, *range(settled, last_day + 1)]
    edges = [min(day * QUARTERS_PER_DAY - offset_q, end_q) for day in days]
    return [(low, high) for low, high in pairwise((start_q, *edges, end_q)) if low < high]


def local_days(start_q: int, end_q: int, offset_q: int) -> list[Span]:
    """A range as the local days it consists of."""
    first = start_q + QUARTERS_PER_DAY - (start_q + offset_q) % QUARTERS_PER_DAY
    return list(pairwise((start_q, *range(first, end_q, QUARTERS_PER_DAY), end_q)))


def _parts(start_q: int, end_q: int) -> list[Span]:
    """What a stretch of whole days is made of: blocks, of which the days are made."""
    length = end_q - start_q
    step = BLOCK_QUARTERS if length > BLOCK_QUARTERS else QUARTERS_PER_DAY
    phase = start_q % QUARTERS_PER_DAY
    first = ((start_q - phase) // step + 1) * step + phase
    return list(pairwise((start_q, *range(first, end_q, step), end_q)))


def _together(pieces: Sequence[Sequence[Row]], dimensions: Dimensions) -> Sequence[Row]:
    """The sums of several stretches; most often all but one are empty."""
    filled = [rows for rows in pieces if rows]
    if len(filled) < 2:
        return filled[0] if filled else []
    return folded(chain.from_iterable(filled), dimensions, dimensions)


def folded(rows: Iterable[Row], dimensions: Dimensions, group_by: Dimensions) -> list[Row]:
    """Rows of some dimensions, added up by fewer of them."""
    width = len(dimensions)
    pick = _picker([dimensions.index(name) for name in group_by])
    groups: dict[Row, list[Row]] = {}
    for row in rows:
        key = pick(row)
        found = groups.get(key)
        if found is None:
            groups[key] = [row]
        else:
            found.append(row)
    # Summing whole rows in C and cutting off the ids is cheaper than cutting each.
    return [
        (*key, *(same[0] if len(same) == 1 else tuple(map(sum, zip(*same))))[width:])  # noqa: B905
        for key, same in groups.items()
    ]


def _picker(places: Sequence[int]) -> Callable[[Row], Row]:
    if len(places) > 1:
        return itemgetter(*places)
    return lambda row: tuple([row[place] for place in places])
