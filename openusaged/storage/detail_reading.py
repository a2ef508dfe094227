"""
The part of the store's reading half that explanations and charts ask: single events, hours, days.

Separate from `reading` because its answers cost time in proportion to the events they look at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final

import msgspec

from openusaged.core.merge import CountedEvent
from openusaged.core.windows import EPOCH
from openusaged.storage import detail_queries
from openusaged.storage.buckets import BucketReader, Reads, hours_of_week
from openusaged.storage.database import Database
from openusaged.storage.detail_queries import EventGroup, Selection
from openusaged.storage.names import Names
from openusaged.storage.records import Segment
from openusaged.storage.span_cache import SpanCache

_SERVERS: Final = ("account", "client", "mcp_server")


class DetailReading:
    """Mixed into `StoreReading`, which sets the attributes."""

    _database: Database
    _names: Names
    _spans: SpanCache
    _tools: BucketReader
    _reads: Callable[[], AbstractContextManager[Reads]]

    def event_groups(self, wanted: Selection) -> list[EventGroup]:
        """The selection's hot messages, grouped by tool, model, price and channel."""
        with self._database.read_snapshot() as connection:
            return detail_queries.event_groups(connection, self._names, wanted, by_session=False)

    def session_groups(self, wanted: Selection, limit: int) -> tuple[int, list[EventGroup]]:
        """How many sessions the selection has, and the groups of those with most tokens."""
        with self._database.read_snapshot() as connection:
            count, rows = detail_queries.top_sessions(connection, self._names, wanted, limit)
            if not rows:
                return count, []
            narrowed = msgspec.structs.replace(wanted, session_rows=rows)
            return count, detail_queries.event_groups(
                connection, self._names, narrowed, by_session=True
            )

    def newest_events(self, wanted: Selection, limit: int) -> list[CountedEvent]:
        """The selection's latest hot messages, newest first."""
        with self._database.read_snapshot() as connection:
            return list(detail_queries.events(connection, self._names, wanted, limit))

    def sum_events(
        self, wanted: Selection, value: Callable[[CountedEvent], int], *, limit: int
    ) -> int | None:
        """A figure of each hot message of the selection, added up; None for more than `limit`."""
        with self._database.read_snapshot() as connection:
            if detail_queries.count_events(connection, self._names, wanted) > limit:
                return None
            return sum(map(value, detail_queries.events(connection, self._names, wanted, None)))

    def session_ids(self, start: str, limit: int) -> list[str]:
        """Ids of sessions that begin with a text, the text itself first."""
        with self._database.read_snapshot() as connection:
            return detail_queries.session_ids(connection, start, limit)

    def first_hot_quarter(self) -> int | None:
        """Quarter of the oldest event whose detail is kept, or None."""
        with self._database.read_snapshot() as connection:
            return detail_queries.first_hot_quarter(connection)

    def active_quarters(self, wanted: Selection) -> list[tuple[int, int, int, int]]:
        """(quarter, requests, tokens, cost in 1e-9 USD) of the quarter hours with messages."""
        with self._database.read_snapshot() as connection:
            return detail_queries.active_quarters(connection, self._names, wanted)

    def owner_hours(
        self, segments: Sequence[Segment]
    ) -> list[tuple[int, int, str, str, str, int, int]]:
        """
        (weekday, hour, account, client, provider, requests, tokens) of the segments.

        Weekdays count from Monday; both are local ones.
        """
        text = self._names.text
        found = []
        with self._reads() as reads:
            for part in segments:
                table = hours_of_week(part.offset_q)
                rows = BucketReader(table, self._spans).range(
                    reads, part.start_q, part.end_q, table.dimensions, {}
                )
                for account, client, provider, at, requests, tokens in rows:
                    day, hour = divmod(at, 24)
                    weekday = (EPOCH.weekday() + day) % 7
                    names = (text[account], text[client], text[provider])
                    found.append((weekday, hour, *names, requests, tokens))
        return found

    def server_calls(self, segments: Sequence[Segment]) -> list[tuple[int, str, str, str, int]]:
        """(local day number, account, client, MCP server, calls) of the segments."""
        text = self._names.text
        with self._reads() as reads:
            return [
                (day, text[account], text[client], text[server], calls)
                for day, rows in self._tools.days(reads, segments, _SERVERS, {})
                for account, client, server, calls, *_ in rows
                if server
            ]
