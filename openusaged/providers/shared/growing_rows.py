"""
Reads tables in which one row is a session whose totals grow in place.

Several agents keep no record of single requests, only such rows.  A pass looks at rows that are new
or were updated since the last one and reports those that say something else than before; what a row
says is the whole session so far, never a difference, so that a lost cursor costs work, not numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from openusaged.core.models import Account, SourceCursor, UsageEvent
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.shared.cursors import resumed, state_of
from openusaged.providers.shared.database_pass import read_pages
from openusaged.providers.shared.emitted import Emitted
from openusaged.providers.shared.sqlite_ro import ForeignDatabase

PAGE_ROWS: Final = 500
OVERLAP_MS: Final = 300_000
"""A pass goes back this far: clocks are set back, rows commit late."""


class Window(NamedTuple):
    """Which rows to look at: behind `after`, and new (behind `known`) or updated since `since`."""

    after: int
    """`rowid` of the last row of this pass."""
    known: int
    """Highest `rowid` of earlier passes."""
    since_ms: int
    limit: int


class Row(NamedTuple):
    """A row as the provider understood it; `updated_ms` is 0 where the table has no such time."""

    rowid: int
    updated_ms: int
    events: Sequence[UsageEvent]


PageFn = Callable[[ForeignDatabase, Window], list[Row]]
"""The next rows in the order of `rowid`, at most `limit`; fewer mean that there are no more."""


class GrowingRows:
    """Progress through one table; `encode` is what the next pass starts from."""

    def __init__(self, state: bytes = b"") -> None:
        saved = resumed(state, _Saved)
        self._emitted = Emitted(saved.emitted)
        self._after = saved.after
        self._known = saved.known
        self._highest = max(saved.known, saved.highest)
        self._since_ms = saved.since_ms
        self._newest_ms = max(saved.since_ms, saved.newest_ms)
        self.done = False

    def read(self, database: ForeignDatabase, page: PageFn, limit: int) -> list[UsageEvent]:
        """Events of the next page that are news; sets `done` with the last one."""
        window = Window(self._after, self._known, self._since_ms, max(1, min(limit, PAGE_ROWS)))
        rows = page(database, window)
        events: list[UsageEvent] = []
        for row in rows:
            self._after = row.rowid
            self._highest = max(self._highest, row.rowid)
            self._newest_ms = max(self._newest_ms, row.updated_ms)
            if row.events and self._emitted.are_news(_key(row.events[0]), row.events):
                events += row.events
        self.done = len(rows) < window.limit
        return events

    def encode(self) -> bytes:
        """State for the cursor: resumes a pass that was broken off, or begins the next."""
        if not self.done:
            return msgspec.msgpack.encode(
                _Saved(
                    after=self._after,
                    known=self._known,
                    highest=self._highest,
                    since_ms=self._since_ms,
                    newest_ms=self._newest_ms,
                    emitted=self._emitted.encode(keep_unseen=True),
                )
            )
        return msgspec.msgpack.encode(
            _Saved(
                known=self._highest,
                since_ms=max(0, self._newest_ms - OVERLAP_MS),
                emitted=self._emitted.encode(),
            )
        )


def _key(event: UsageEvent) -> str:
    return event.tool_call_id or event.message_id


class _Saved(msgspec.Struct, kw_only=True, omit_defaults=True):
    after: int = 0
    known: int = 0
    highest: int = 0
    since_ms: int = 0
    newest_ms: int = 0
    emitted: bytes = b""


def collect_rows(
    account: Account,
    unit: Unit,
    cursor: SourceCursor | None,
    context: CollectContext,
    *,
    state_version: int,
    page: PageFn,
) -> Iterator[Chunk]:
    """
    Events of a database that holds only one such table.

    Raises:
        DatabaseUnreadable: locked, corrupt or no database; what was yielded before stands.
    """
    rows = GrowingRows(state_of(unit, cursor, state_version))

    def read(database: ForeignDatabase, limit: int) -> tuple[list[UsageEvent], bool]:
        return rows.read(database, page, limit), rows.done

    yield from read_pages(
        account,
        unit,
        context,
        page=read,
        state=rows.encode,
        state_version=state_version,
        page_rows=PAGE_ROWS,
    )
