"""
The reading half of the store: every call is one consistent snapshot and returns records.

Separate from `store.py`, which writes; reader threads call nothing but what is here.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final

from openusaged.core.errors import StoreClosed
from openusaged.core.models import SourceCursor
from openusaged.storage import repricing
from openusaged.storage.alerts import AlertReading
from openusaged.storage.block_queries import Reset
from openusaged.storage.block_reading import BlockReading
from openusaged.storage.buckets import (
    MESSAGES,
    SESSION_USAGE,
    SESSIONS,
    TOOLS,
    BucketReader,
    Dimensions,
    Reads,
    Row,
)
from openusaged.storage.cursors import read_cursors
from openusaged.storage.database import Database
from openusaged.storage.detail_reading import DetailReading
from openusaged.storage.identities import Identities
from openusaged.storage.names import Names
from openusaged.storage.records import (
    Segment,
    StoreCounts,
    StoredSnapshot,
    ToolRow,
    UsageRow,
)
from openusaged.storage.repricing import RepriceRange
from openusaged.storage.rollups import AGENT_KINDS
from openusaged.storage.session_reading import SessionReading
from openusaged.storage.snapshots import SeriesPoint, read_series, read_snapshots
from openusaged.storage.span_cache import SpanCache

_NAMED: Final = (
    "account",
    "provider",
    "client",
    "model",
    "project",
    "branch",
    "agent_kind",
)
DEFAULT_GROUP_BY: Final = ("account", "provider", "client", "model", "project", "agent_kind")
_FAR_PAST: Final = 0
_FAR_FUTURE: Final = 1 << 40


Snapshots = Mapping[tuple[str, str], StoredSnapshot]


class StoreReading(DetailReading, BlockReading, SessionReading, AlertReading):
    """What reader threads may ask; the attributes are kept current by the writer."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._local = threading.local()
        self._names = Names()
        self._spans = SpanCache()
        self._messages = BucketReader(MESSAGES, self._spans)
        self._tools = BucketReader(TOOLS, self._spans)
        self._active = BucketReader(SESSIONS, self._spans)
        self._spent = BucketReader(SESSION_USAGE, self._spans)
        self._identities = Identities()
        self._hot = 0
        self._last_ms: dict[str, int] = {}
        self._owners: set[tuple[str, str, str]] = set()
        self._projects: set[str] = set()
        self._snapshot_writes = 0
        """Commits that held or thinned out snapshots, counted after each."""
        self._kept_snapshots: tuple[int, Snapshots] = (-1, {})
        self._kept_resets: tuple[int, dict[tuple[str, str, int], list[Reset]]] = (-1, {})
        self._closed = False

    def usage_rows(
        self,
        *,
        start_q: int | None = None,
        end_q: int | None = None,
        segments: Sequence[Segment] = (),
        group_by: Sequence[str] = DEFAULT_GROUP_BY,
        accounts: Sequence[str] | None = None,
        providers: Sequence[str] | None = None,
        projects: Sequence[str] | None = None,
    ) -> list[UsageRow]:
        """
        Sums of [start_q, end_q), or of the segments per local day, by the dimensions named.

        Rows with different recorded currencies are never added up.
        """
        dimensions = (*group_by, "currency")
        filters = self._filters(account=accounts, provider=providers, project=projects)
        with self._reads() as reads:
            if segments:
                days = self._messages.days(reads, segments, dimensions, filters)
                return [
                    row for day, rows in days for row in self._usage_rows(day, rows, dimensions)
                ]
            start_q, end_q = _bounds(start_q, end_q)
            rows = self._messages.range(reads, start_q, end_q, dimensions, filters)
            return self._usage_rows(0, rows, dimensions)

    def _usage_rows(
        self, bucket: int, rows: Sequence[Row], dimensions: Dimensions
    ) -> list[UsageRow]:
        text = self._names.text
        # Where each dimension is in a row; None: not asked for.
        account, provider, client, model, project, branch, agent = (
            dimensions.index(name) if name in dimensions else None for name in _NAMED
        )
        width = len(dimensions)
        currency = width - 1
        return [
            UsageRow(
                bucket,
                "" if account is None else text[row[account]],
                "" if provider is None else text[row[provider]],
                "" if client is None else text[row[client]],
                "" if model is None else text[row[model]],
                "" if project is None else text[row[project]],
                "" if branch is None else text[row[branch]],
                "" if agent is None else AGENT_KINDS[row[agent]],
                text[row[currency]],
                *row[width:],
            )
            for row in rows
        ]

    def tool_rows(
        self,
        *,
        start_q: int | None = None,
        end_q: int | None = None,
        group_by: Sequence[str] = TOOLS.dimensions,
        accounts: Sequence[str] | None = None,
    ) -> list[ToolRow]:
        """Tool calls in [start_q, end_q) by the dimensions named."""
        dimensions = tuple(group_by)
        with self._reads() as reads:
            rows = self._tools.range(
                reads, *_bounds(start_q, end_q), dimensions, self._filters(account=accounts)
            )
        text = self._names.text
        account, client, project, tool, server, function, language = (
            dimensions.index(name) if name in dimensions else None for name in TOOLS.dimensions
        )
        width = len(dimensions)
        return [
            ToolRow(
                "" if account is None else text[row[account]],
                "" if client is None else text[row[client]],
                "" if project is None else text[row[project]],
                "" if tool is None else text[row[tool]],
                "" if server is None else text[row[server]],
                "" if function is None else text[row[function]],
                "" if language is None else text[row[language]],
                *row[width:],
            )
            for row in rows
        ]

    @contextmanager
    def one_state(self) -> Iterator[None]:
        """All that this thread reads inside is of one moment, and in one transaction."""
        self.snapshots()  # before: Pony, which reads them, must not meet an open transaction
        with self._reads():
            yield

    def _reads(self) -> AbstractContextManager[Reads]:
        reads: Reads | None = getattr(self._local, "reads", None)
        return self._read() if reads is None else nullcontext(reads)

    @contextmanager
    def _read(self) -> Iterator[Reads]:
        self._check_open()
        # Both come first: what is committed meanwhile is read again, never taken for known.
        token, writes = self._spans.token(), self._snapshot_writes
        with self._database.read_snapshot() as connection:
            reads = self._local.reads = Reads(connection, token, writes)
            try:
                yield reads
            finally:
                self._local.reads = None

    def _filters(self, **wanted: Sequence[str] | None) -> dict[str, frozenset[int]]:
        names = self._names
        return {
            dimension: frozenset(names[text] for text in texts if text in names)
            for dimension, texts in wanted.items()
            if texts is not None
        }

    def last_event_ms(self) -> dict[str, int]:
        """Latest counted event by account."""
        self._check_open()
        return dict(self._last_ms)

    def accounts_with_events(self) -> list[tuple[str, str, str]]:
        """(account, provider, client) of all messages ever counted."""
        self._check_open()
        return sorted(self._owners)

    def projects(self) -> list[str]:
        """Roots of all projects ever counted."""
        self._check_open()
        return sorted(self._projects - {""})

    def first_quarter(self) -> int | None:
        """Quarter of the oldest counted event, or None."""
        with self._reads() as reads:
            quarters = reads.connection.execute(
                "SELECT MIN(quarter) FROM message_bucket"
                " UNION ALL SELECT MIN(quarter) FROM tool_bucket"
            ).fetchall()
        return min((quarter for (quarter,) in quarters if quarter is not None), default=None)

    def pending_reprice(self) -> RepriceRange | None:
        """What a re-pricing that was broken off has left to do."""
        with self._reads() as reads:
            return repricing.pending(reads.connection)

    def count_to_reprice(self, since_ms: int | None) -> int:
        """How many events a re-pricing would look at; reads all of them."""
        with self._reads() as reads:
            return repricing.count_events(
                reads.connection, repricing.range_of(reads.connection, since_ms)
            )

    def count_range(self, span: RepriceRange) -> int:
        """How many events are left of a re-pricing."""
        with self._reads() as reads:
            return repricing.count_events(reads.connection, span)

    def cursors(self) -> list[SourceCursor]:
        """How far each file and database has been read."""
        return read_cursors(self._database)

    def snapshots(self) -> Snapshots:
        """What polls learned, by (provider id, account id); once per change, or per `one_state`."""
        self._check_open()
        # The count comes first: a commit while we read makes the next call read again.
        writes = self._snapshot_writes
        kept_writes, kept = self._kept_snapshots
        if kept_writes != writes and getattr(self._local, "reads", None) is None:
            kept = read_snapshots(self._database)
            self._kept_snapshots = (writes, kept)
        return kept

    def series(self, account_id: str, metric_key: str, since_ms: int) -> list[SeriesPoint]:
        """(ts_ms, used, limit, remaining) of one figure, oldest first."""
        with self._reads() as reads:
            return read_series(reads.connection, self._names, account_id, metric_key, since_ms)

    def counts(self) -> StoreCounts:
        """Sizes, without scanning events."""
        with self._reads() as reads:
            sessions = reads.connection.execute(
                "SELECT COUNT(*) FROM session WHERE events > 0"
            ).fetchone()[0]
        return StoreCounts(
            stored=self._identities.count,
            hot=self._hot,
            identities=self._identities.count,
            sessions=sessions,
            database_bytes=_size(self._database.path),
            wal_bytes=_size(self._database.path + "-wal"),
        )

    def _check_open(self) -> None:
        if self._closed:
            raise StoreClosed("the store is closed")


def _bounds(start_q: int | None, end_q: int | None) -> tuple[int, int]:
    return (
        _FAR_PAST if start_q is None else start_q,
        _FAR_FUTURE if end_q is None else end_q,
    )


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
