"""
The reading half of the store: every call is one consistent snapshot and returns records.

Separate from `store.py`, which writes; reader threads call nothing but what is here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from openusaged.core.errors import StoreClosed
from openusaged.core.models import SourceCursor
from openusaged.storage import read_queries, repricing
from openusaged.storage.alerts import AlertReading
from openusaged.storage.block_reading import BlockReading
from openusaged.storage.buckets import MESSAGES, TOOLS, BucketReader
from openusaged.storage.cursors import read_cursors
from openusaged.storage.database import Database
from openusaged.storage.detail_reading import DetailReading
from openusaged.storage.identities import Identities
from openusaged.storage.names import Names
from openusaged.storage.records import (
    BlockRow,
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


class StoreReading(DetailReading, BlockReading, SessionReading, AlertReading):
    """What reader threads may ask; the attributes are kept current by the writer."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._names = Names()
        self._messages = BucketReader(database, MESSAGES)
        self._tools = BucketReader(database, TOOLS)
        self._identities = Identities()
        self._hot = 0
        self._last_ms: dict[str, int] = {}
        self._owners: set[tuple[str, str, str]] = set()
        self._projects: set[str] = set()
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
        self._check_open()
        dimensions = (*group_by, "currency")
        filters = self._filters(account=accounts, provider=providers, project=projects)
        if segments:
            groups = self._messages.read(segments, group_by=dimensions, filters=filters)
        else:
            groups = self._messages.read_range(
                *_bounds(start_q, end_q), group_by=dimensions, filters=filters
            )
        text = self._names.text
        # Where each dimension is in a key (its first element is the bucket); 0: not asked for.
        place = {name: group_by.index(name) + 1 if name in group_by else 0 for name in _NAMED}
        account, provider, client, model, project, branch, agent = place.values()
        return [
            UsageRow(
                key[0],
                text[key[account]] if account else "",
                text[key[provider]] if provider else "",
                text[key[client]] if client else "",
                text[key[model]] if model else "",
                text[key[project]] if project else "",
                text[key[branch]] if branch else "",
                AGENT_KINDS[key[agent]] if agent else "",
                text[key[-1]],
                *sums,
            )
            for key, sums in groups.items()
        ]

    def tool_rows(
        self,
        *,
        start_q: int | None = None,
        end_q: int | None = None,
        accounts: Sequence[str] | None = None,
    ) -> list[ToolRow]:
        """Tool calls in [start_q, end_q)."""
        self._check_open()
        groups = self._tools.read_range(
            *_bounds(start_q, end_q),
            group_by=TOOLS.dimensions,
            filters=self._filters(account=accounts),
        )
        text = self._names.text
        return [
            ToolRow(
                text[account],
                text[client],
                text[project],
                text[tool],
                text[server],
                text[function],
                text[language],
                *sums,
            )
            for (_, account, client, project, tool, server, function, language), sums in (
                groups.items()
            )
        ]

    def _filters(self, **wanted: Sequence[str] | None) -> dict[str, frozenset[int]]:
        names = self._names
        return {
            dimension: frozenset(names[text] for text in texts if text in names)
            for dimension, texts in wanted.items()
            if texts is not None
        }

    def block_rows(
        self,
        *,
        start_ms: int,
        end_ms: int,
        accounts: Sequence[str] | None = None,
        providers: Sequence[str] | None = None,
    ) -> list[BlockRow]:
        """Hot activity per account, provider, model and quarter, ordered by first_ms."""
        with self._database.read_snapshot() as connection:
            return read_queries.block_rows(
                connection,
                self._names,
                start_ms=start_ms,
                end_ms=end_ms,
                accounts=accounts,
                providers=providers,
            )

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
        with self._database.read_snapshot() as connection:
            spans = [self._messages.span(connection), self._tools.span(connection)]
        return min((span[0] for span in spans if span is not None), default=None)

    def unpriced_models(self, start_q: int | None, end_q: int | None) -> list[str]:
        """Models with requests in [start_q, end_q) that have no price and no recorded cost."""
        rows = self.usage_rows(start_q=start_q, end_q=end_q, group_by=("model",))
        return sorted({row.model for row in rows if row.auto_unpriced})

    def pending_reprice(self) -> RepriceRange | None:
        """What a re-pricing that was broken off has left to do."""
        with self._database.read_snapshot() as connection:
            return repricing.pending(connection)

    def count_to_reprice(self, since_ms: int | None) -> int:
        """How many events a re-pricing would look at; reads all of them."""
        with self._database.read_snapshot() as connection:
            return repricing.count_events(connection, repricing.range_of(connection, since_ms))

    def count_range(self, span: RepriceRange) -> int:
        """How many events are left of a re-pricing."""
        with self._database.read_snapshot() as connection:
            return repricing.count_events(connection, span)

    def cursors(self) -> list[SourceCursor]:
        """How far each file and database has been read."""
        return read_cursors(self._database)

    def snapshots(self) -> dict[tuple[str, str], StoredSnapshot]:
        """What polls learned, by (provider id, account id)."""
        return read_snapshots(self._database)

    def series(self, account_id: str, metric_key: str, since_ms: int) -> list[SeriesPoint]:
        """(ts_ms, used, limit, remaining) of one figure, oldest first."""
        with self._database.read_snapshot() as connection:
            return read_series(connection, self._names, account_id, metric_key, since_ms)

    def counts(self) -> StoreCounts:
        """Sizes, without scanning events."""
        with self._database.read_snapshot() as connection:
            sessions = connection.execute(
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
