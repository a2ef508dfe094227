"""Rows that grow in place: what a pass looks at and what it reports."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from openusaged.core.models import MESSAGE_USAGE, SQLITE, Account, UsageEvent
from openusaged.providers.base import CollectContext, Machine
from openusaged.providers.shared.growing_rows import (
    OVERLAP_MS,
    Row,
    Window,
    collect_rows,
)
from openusaged.providers.shared.sqlite_ro import ForeignDatabase, stat_database

ACCOUNT = Account(id="a", provider_id="p")
HOUR_MS = 3_600_000


class Table:
    """A table of sessions and a reader that notes which rows it looked at."""

    def __init__(self, path: Path) -> None:
        self.path = str(path / "x.db")
        self.cursor = None
        self.looked_at: list[str] = []
        self.run("CREATE TABLE s (id TEXT PRIMARY KEY, updated INTEGER, tokens INTEGER)")

    def run(self, sql: str, *values: object) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute(sql, values)
            connection.commit()

    def put(self, name: str, updated: int, tokens: int) -> None:
        self.run(
            "INSERT INTO s VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET updated = excluded.updated,"
            " tokens = excluded.tokens",
            name,
            updated,
            tokens,
        )

    def page(self, database: ForeignDatabase, window: Window) -> list[Row]:
        rows = database.rows(
            "SELECT rowid, updated, id, tokens FROM s WHERE rowid > ? AND (rowid > ? OR updated >= ?)"
            " ORDER BY rowid LIMIT ?",
            window,
        )
        self.looked_at += [name for _, _, name, _ in rows]
        return [Row(rowid, updated, [event(name, tokens)]) for rowid, updated, name, tokens in rows]

    def read(self, chunk_events: int = 100, stop_after: int = 99) -> dict[str, int]:
        self.looked_at = []
        unit = stat_database(self.path)
        assert unit is not None
        context = CollectContext(machine=Machine(env={}, home="/"), max_chunk_events=chunk_events)
        found: dict[str, int] = {}
        chunks = collect_rows(ACCOUNT, unit, self.cursor, context, state_version=1, page=self.page)
        for number, chunk in enumerate(chunks, 1):
            found.update({each.message_id: each.input for each in chunk.events})
            self.cursor = chunk.cursor
            if number == stop_after:
                break
        return found


def event(name: str, tokens: int) -> UsageEvent:
    return UsageEvent(
        source="p", channel=SQLITE, event_type=MESSAGE_USAGE, ts_ms=1, message_id=name, input=tokens
    )


@pytest.fixture
def table(tmp_path) -> Table:
    return Table(tmp_path)


def test_rows_out_of_the_overlap_are_not_looked_at_again(table):
    """A pass costs what has changed lately, not what is stored."""
    table.put("old", HOUR_MS, 1)
    table.put("recent", 9 * HOUR_MS - OVERLAP_MS, 2)
    table.put("newest", 9 * HOUR_MS, 3)
    assert table.read() == {"old": 1, "recent": 2, "newest": 3}
    table.put("newest", 9 * HOUR_MS + 1, 4)
    assert table.read() == {"newest": 4}
    assert table.looked_at == ["recent", "newest"]


def test_new_row_with_an_old_time_is_read(table):
    """Imported rows come with the time they had elsewhere."""
    table.put("newest", 9 * HOUR_MS, 3)
    table.read()
    table.put("imported", HOUR_MS, 5)
    assert table.read() == {"imported": 5}


def test_broken_off_pass_goes_on_behind_its_last_row(table):
    """What a pass has read is not read again when it is resumed, and the rest is not missed."""
    for number in range(4):
        table.put(f"s{number}", (number + 1) * HOUR_MS, number)
    assert table.read(chunk_events=2, stop_after=1) == {"s0": 0, "s1": 1}
    assert table.cursor.size == 0
    assert table.read(chunk_events=2) == {"s2": 2, "s3": 3}
    assert table.looked_at == ["s2", "s3"]
    assert table.cursor.size > 0
