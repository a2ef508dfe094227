"""
The part of the store's reading half that lists sessions and looks into one.

Separate from `reading`, which answers the dashboard.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager

from openusaged.core.merge import CountedEvent
from openusaged.core.models import QUARTER_MS
from openusaged.storage import session_queries
from openusaged.storage.buckets import BucketReader, Reads
from openusaged.storage.database import Database
from openusaged.storage.names import Names
from openusaged.storage.records import SessionRecord
from openusaged.storage.session_queries import SessionFilter, SessionWord


class SessionReading:
    """Mixed into `StoreReading`, which sets the attributes."""

    _database: Database
    _names: Names
    _active: BucketReader
    _reads: Callable[[], AbstractContextManager[Reads]]

    def sessions(
        self,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        account: str | None = None,
        projects: Collection[str] | None = None,
        models: Collection[str] | None = None,
        client: str | None = None,
        source: str | None = None,
        session: str | None = None,
        words: Sequence[SessionWord] = (),
        sort: str = "activity",
        descending: bool = True,
        limit: int | None = 100,
        offset: int = 0,
    ) -> tuple[int, list[SessionRecord]]:
        """How many sessions were last active in [start_ms, end_ms), and a page, newest first."""
        wanted = SessionFilter(
            start_ms=start_ms,
            end_ms=end_ms,
            account=account,
            projects=projects,
            models=models,
            client=client,
            source=source,
            session=session,
            words=words,
        )
        with self._reads() as reads:
            return session_queries.find_sessions(
                reads.connection,
                self._names,
                wanted,
                limit,
                offset,
                sort=sort,
                descending=descending,
            )

    def session(self, source: str, session_id: str) -> SessionRecord | None:
        """One session, or None when nothing of it was counted."""
        with self._reads() as reads:
            return session_queries.find_session(reads.connection, self._names, source, session_id)

    def session_events(self, record: SessionRecord, limit: int) -> list[CountedEvent]:
        """The latest model and tool calls of a session that are kept, in the order of time."""
        with self._reads() as reads:
            return session_queries.session_events(reads.connection, self._names, record, limit)

    def session_counts(self, start_ms: int, end_ms: int) -> dict[str, int]:
        """Sessions active within [start_ms, end_ms), by account."""
        # Whoever was last active in a whole quarter before the end has begun before it, too.
        start_q = -(-start_ms // QUARTER_MS)
        whole = (start_q, max(start_q, end_ms // QUARTER_MS))
        with self._reads() as reads:
            rows = self._active.range(reads, *whole, ("account",), {})
            rows += session_queries.active_at_edges(reads.connection, whole, start_ms, end_ms)
        counts: dict[str, int] = {}
        for account, number in rows:
            name = self._names.text[account]
            counts[name] = counts.get(name, 0) + number
        return counts

    def known_names(self) -> Collection[str]:
        """Every name in the store: of models, branches, accounts, tools and all else."""
        return tuple(self._names.text.values())
