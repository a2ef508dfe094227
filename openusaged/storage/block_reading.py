"""
The part of the store's reading half that blocks, project lists and comparisons ask.

Separate from `reading`, which answers the dashboard.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Hashable, Sequence
from contextlib import AbstractContextManager
from typing import Final, TypeVar

import msgspec

from openusaged.core.models import QUARTER_MS
from openusaged.storage import block_queries, read_queries, session_queries
from openusaged.storage.block_queries import Active, Reset
from openusaged.storage.buckets import SPENDERS, BucketReader, Dimensions, Reads, Row, local_days
from openusaged.storage.database import Database
from openusaged.storage.names import Names
from openusaged.storage.records import BlockRow, SessionRecord, UsageRow
from openusaged.storage.session_queries import SessionFilter
from openusaged.storage.span_cache import Span, SpanCache

T = TypeVar("T")

MAX_KEPT_RESETS: Final = 16


class SessionSpan(msgspec.Struct, frozen=True, gc=False):
    """How many sessions a branch of a project had, and from when to when."""

    project: str
    branch: str
    sessions: int
    first_ms: int
    last_ms: int


class BlockReading:
    """Mixed into `StoreReading`, which sets the attributes."""

    _database: Database
    _names: Names
    _spans: SpanCache
    _kept_resets: tuple[int, dict[tuple[str, str, int], list[Reset]]]
    _spent: BucketReader
    _reads: Callable[[], AbstractContextManager[Reads]]
    _usage_rows: Callable[[int, Sequence[Row], Dimensions], list[UsageRow]]

    def stretch_rows(
        self,
        *,
        start_q: int,
        end_q: int,
        quarters: int,
        dimensions: Sequence[str],
        accounts: Collection[str] | None = None,
    ) -> list[UsageRow]:
        """
        Sums of [start_q, end_q) per stretch of so many quarters, in the order of time.

        Whole hours consist of stretches.  A row is the same object as before while nothing was
        written to its piece of the day (`SpanCache.cut`).
        """
        what = ("stretches", quarters, tuple(dimensions), _key(accounts))

        def read(connection: sqlite3.Connection, span: Span) -> list[UsageRow]:
            return block_queries.stretches(
                connection,
                self._names,
                span=span,
                quarters=quarters,
                dimensions=dimensions,
                accounts=accounts,
            )

        return self._by_day(what, start_q, end_q, read)

    def block_rows(
        self,
        *,
        start_ms: int,
        end_ms: int,
        accounts: Sequence[str] | None = None,
        providers: Sequence[str] | None = None,
    ) -> list[BlockRow]:
        """
        Hot activity per account, provider, model and quarter, ordered by first_ms.

        Of one quarter hour, a row is the same object as before while nothing was written to that.
        """

        def read(connection: sqlite3.Connection, _span: Span) -> list[BlockRow]:
            return read_queries.block_rows(
                connection,
                self._names,
                start_ms=start_ms,
                end_ms=end_ms,
                accounts=accounts,
                providers=providers,
            )

        span = (start_ms // QUARTER_MS, -(-end_ms // QUARTER_MS))
        with self._reads() as reads:
            if span[1] - span[0] != 1:
                return read(reads.connection, span)
            what = ("block rows", start_ms, end_ms, _key(accounts), _key(providers))
            return list(self._kept(reads, what, span, read))

    def quarters_used(self, start_q: int, end_q: int) -> set[tuple[str, int]]:
        """(account, quarter) of every quarter hour in [start_q, end_q) with messages."""

        def read(connection: sqlite3.Connection, span: Span) -> list[tuple[str, int]]:
            return block_queries.quarters_used(connection, self._names, span)

        return set(self._by_day("quarters used", start_q, end_q, read))

    def _by_day(
        self,
        what: Hashable,
        start_q: int,
        end_q: int,
        read: Callable[[sqlite3.Connection, Span], list[T]],
    ) -> list[T]:
        """What is read of each UTC day of a range, in pieces: out of memory but what is new."""
        found: list[T] = []
        with self._reads() as reads:
            for day in local_days(start_q, end_q, 0) if start_q < end_q else ():
                for span in self._spans.cut(day):
                    found += self._kept(reads, what, span, read)
        return found

    def _kept(
        self,
        reads: Reads,
        what: Hashable,
        span: Span,
        read: Callable[[sqlite3.Connection, Span], list[T]],
    ) -> Sequence[T]:
        rows = self._spans.get(what, span, reads.token)
        if rows is None:
            rows = read(reads.connection, span)
            self._spans.put(what, span, reads.token, rows)
        return rows

    def activity_in(self, quarters: Collection[int]) -> dict[tuple[str, int], tuple[int, int]]:
        """First and last hot message of these quarters by (account, quarter)."""

        def read(connection: sqlite3.Connection, span: Span) -> list[Active]:
            return block_queries.activity_in(connection, self._names, span[0])

        found: dict[tuple[str, int], tuple[int, int]] = {}
        with self._reads() as reads:
            for quarter in quarters:
                found.update(self._kept(reads, "activity", (quarter, quarter + 1), read))
        return found

    def resets(self, account_id: str, metric_key: str, since_ms: int) -> list[Reset]:
        """Every end of a used window that the vendor stated, by time; read once per change."""
        asked = (account_id, metric_key, since_ms)
        with self._reads() as reads:
            kept = self._kept_resets
            if kept[0] != reads.snapshot_writes or len(kept[1]) >= MAX_KEPT_RESETS:
                kept = self._kept_resets = (reads.snapshot_writes, {})
            found = kept[1].get(asked)
            if found is None:
                found = block_queries.resets(reads.connection, self._names, *asked)
                kept[1][asked] = found
        return found

    def newest_sessions(
        self, *, start_ms: int | None, end_ms: int | None, limit: int | None
    ) -> tuple[list[SessionRecord], int, list[UsageRow]]:
        """
        Sessions last active in [start_ms, end_ms), newest first.

        Of those beyond `limit` only their number and what they used together.
        """
        wanted = SessionFilter(start_ms=start_ms, end_ms=end_ms)
        with self._reads() as reads:
            count, records = session_queries.find_sessions(
                reads.connection, self._names, wanted, limit, 0
            )
            older = count - len(records)
            if not older:
                return records, 0, []
            # Whole quarters between the beginning and the last of the newest, and their edges.
            start_q = -(-(start_ms or 0) // QUARTER_MS)
            end_q = records[-1].last_ms // QUARTER_MS
            usage = self._spent.range(reads, start_q, end_q, SPENDERS, {})
            usage += session_queries.older_within(
                reads.connection, self._names, wanted, len(records), (start_q - 1, end_q)
            )
            return records, older, self._usage_rows(0, usage, SPENDERS)

    def session_spans(self, start_ms: int, end_ms: int) -> list[SessionSpan]:
        """Sessions active at some time in [start_ms, end_ms) by project and branch."""
        text = self._names.text
        with self._reads() as reads:
            return [
                SessionSpan(text[project], text[branch], *rest)
                for project, branch, *rest in reads.connection.execute(
                    "SELECT project, branch, COUNT(*), MIN(first_ms), MAX(last_ms) FROM session"
                    " WHERE events > 0 AND last_ms >= ? AND first_ms < ? GROUP BY 1, 2",
                    (start_ms, end_ms),
                )
            ]


def _key(names: Collection[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(names)
