"""
The part of the store's reading half that blocks, project lists and comparisons ask.

Separate from `reading`, which answers the dashboard.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Hashable, Sequence
from contextlib import AbstractContextManager
from typing import TypeVar

import msgspec

from openusaged.core.models import QUARTER_MS
from openusaged.storage import block_queries, read_queries, session_queries
from openusaged.storage.block_queries import Reset
from openusaged.storage.buckets import SPENDERS, BucketReader, Dimensions, Reads, Row, local_days
from openusaged.storage.database import Database
from openusaged.storage.names import Names
from openusaged.storage.records import BlockRow, SessionRecord, UsageRow
from openusaged.storage.session_queries import SessionFilter
from openusaged.storage.span_cache import Span, SpanCache

T = TypeVar("T")


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

        A row is the same object as before while nothing was written to its day.
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

        Of one quarter hour, a row is the same object as before while nothing was written to its
        day.
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
            return self._kept(reads, what, span, read)

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
        """What is read of each UTC day of a range; out of memory while nobody wrote to it."""
        found: list[T] = []
        with self._reads() as reads:
            for span in local_days(start_q, end_q, 0) if start_q < end_q else ():
                found += self._kept(reads, what, span, read)
        return found

    def _kept(
        self,
        reads: Reads,
        what: Hashable,
        span: Span,
        read: Callable[[sqlite3.Connection, Span], list[T]],
    ) -> list[T]:
        rows = self._spans.get(what, span, reads.token)
        if rows is None:
            rows = read(reads.connection, span)
            self._spans.put(what, span, reads.token, rows)
        return list(rows)

    def activity_in(self, quarters: Collection[int]) -> dict[tuple[str, int], tuple[int, int]]:
        """First and last hot message of these quarters by (account, quarter)."""
        with self._database.read_snapshot() as connection:
            return block_queries.activity_in(connection, self._names, quarters)

    def resets(self, account_id: str, metric_key: str, since_ms: int) -> list[Reset]:
        """Every end of a used window that the vendor stated, by time."""
        with self._database.read_snapshot() as connection:
            return block_queries.resets(connection, self._names, account_id, metric_key, since_ms)

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
        with self._database.read_snapshot() as connection:
            return [
                SessionSpan(text[project], text[branch], *rest)
                for project, branch, *rest in connection.execute(
                    "SELECT project, branch, COUNT(*), MIN(first_ms), MAX(last_ms) FROM session"
                    " WHERE events > 0 AND last_ms >= ? AND first_ms < ? GROUP BY 1, 2",
                    (start_ms, end_ms),
                )
            ]


def _key(names: Collection[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(names)
