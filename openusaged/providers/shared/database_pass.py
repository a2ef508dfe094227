"""
Reads what is new in another program's database, a page in each transaction.

Short transactions keep nobody from writing, and between two pages the reader may be broken off:
each chunk's cursor holds what the reader has to know to go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from openusaged.core.models import Account, UsageEvent
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.shared.cursors import unit_cursor
from openusaged.providers.shared.sqlite_ro import ForeignDatabase, open_read_only

ReadPage = Callable[[ForeignDatabase, int], tuple[Sequence[UsageEvent], bool]]
"""Events of the next page, of about so many rows, and whether it was the last."""


def read_pages(
    account: Account,
    unit: Unit,
    context: CollectContext,
    *,
    page: ReadPage,
    state: Callable[[], bytes],
    state_version: int,
    page_rows: int,
) -> Iterator[Chunk]:
    """
    A chunk for every page; the last one's cursor marks the database as read.

    Args:
        state: what the reader has to know to go on behind the latest page.
        page_rows: the most rows of one page.

    Raises:
        DatabaseUnreadable: locked, corrupt or no database; what was yielded before stands.
    """
    limit = max(1, min(page_rows, context.max_chunk_events))
    done = False
    while not done:
        with open_read_only(unit.path) as database, database.snapshot():
            events, done = page(database, limit)
        cursor = unit_cursor(account, unit, state=state(), state_version=state_version, done=done)
        yield Chunk(events=events, cursor=cursor)
