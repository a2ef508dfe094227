"""
The part of the store's reading half that explanations and charts ask: single events, hours, days.

Separate from `reading` because its answers cost time in proportion to the events they look at.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import chain
from typing import Final, TypeVar

import msgspec

from openusaged.core.merge import CountedEvent
from openusaged.core.windows import EPOCH
from openusaged.storage import detail_queries
from openusaged.storage.buckets import BucketReader, Reads, hours_of_week, local_days
from openusaged.storage.database import Database
from openusaged.storage.detail_queries import EventGroup, Selection
from openusaged.storage.names import Names
from openusaged.storage.records import Segment
from openusaged.storage.span_cache import SpanCache

T = TypeVar("T")
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

        def read(connection: sqlite3.Connection, day: Selection) -> list[EventGroup]:
            return detail_queries.event_groups(connection, self._names, day, by_session=False)

        with self._reads() as reads:
            return detail_queries.joined(self._of_days(reads, "event groups", wanted, read))

    def session_groups(self, wanted: Selection, limit: int) -> tuple[int, list[EventGroup]]:
        """How many sessions the selection has, and the groups of those with most tokens."""

        def read(connection: sqlite3.Connection, day: Selection) -> list[tuple[int, int]]:
            return detail_queries.session_tokens(connection, self._names, day)

        tokens: dict[int, int] = {}
        with self._reads() as reads:
            for session, count in self._of_days(reads, "session tokens", wanted, read):
                tokens[session] = tokens.get(session, 0) + count
            most = sorted(tokens, key=lambda session: (-tokens[session], session))[:limit]
            # One by one: each knows when it was, together they may have been at any time.
            return len(tokens), [
                group
                for session in most
                for group in detail_queries.event_groups(
                    reads.connection,
                    self._names,
                    msgspec.structs.replace(wanted, session_rows=[session]),
                    by_session=True,
                )
            ]

    def _of_days(
        self,
        reads: Reads,
        what: str,
        wanted: Selection,
        read: Callable[[sqlite3.Connection, Selection], list[T]],
    ) -> Iterator[T]:
        """What is read of each UTC day of a selection, in pieces: out of memory but what is new."""
        first_q = detail_queries.first_hot_quarter(reads.connection)
        last_q = detail_queries.last_hot_quarter(reads.connection)
        if first_q is None or last_q is None:
            return
        start_q, end_q = max(wanted.start_q or 0, first_q), min(wanted.end_q, last_q + 1)
        if wanted.session is not None or start_q >= end_q:
            # An index leads to the events of a session.
            yield from read(reads.connection, wanted)
            return
        anytime = msgspec.structs.replace(wanted, start_q=None, end_q=0)
        key = (what, msgspec.json.encode(anytime))
        days = local_days(start_q, end_q, 0)
        for span in chain.from_iterable(map(self._spans.cut, days)):
            rows = self._spans.get(key, span, reads.token)
            if rows is None:
                piece = msgspec.structs.replace(wanted, start_q=span[0], end_q=span[1])
                rows = read(reads.connection, piece)
                self._spans.put(key, span, reads.token, rows, spare=True)
            yield from rows

    def newest_events(self, wanted: Selection, limit: int) -> list[CountedEvent]:
        """The selection's latest hot messages, newest first."""
        with self._reads() as reads:
            return list(detail_queries.events(reads.connection, self._names, wanted, limit))

    def sum_events(
        self, wanted: Selection, value: Callable[[CountedEvent], int], *, limit: int
    ) -> int | None:
        """A figure of each hot message of the selection, added up; None for more than `limit`."""
        with self._reads() as reads:
            if detail_queries.are_more_than(reads.connection, self._names, wanted, limit):
                return None
            return sum(
                map(value, detail_queries.events(reads.connection, self._names, wanted, None))
            )

    def session_ids(self, start: str, limit: int) -> list[str]:
        """Ids of sessions that begin with a text, the text itself first."""
        with self._reads() as reads:
            return detail_queries.session_ids(reads.connection, start, limit)

    def first_hot_quarter(self) -> int | None:
        """Quarter of the oldest event whose detail is kept, or None."""
        with self._reads() as reads:
            return detail_queries.first_hot_quarter(reads.connection)

    def active_quarters(self, wanted: Selection) -> list[tuple[int, int, int, int]]:
        """(quarter, requests, tokens, cost in 1e-9 USD) of the quarter hours with messages."""
        with self._reads() as reads:
            return detail_queries.active_quarters(reads.connection, self._names, wanted)

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
