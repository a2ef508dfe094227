"""The CLI's database: every call once, in whatever state the database is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from openusaged.core.models import SourceCursor, UsageEvent
from openusaged.providers.base import CollectContext, Machine
from openusaged.providers.copilot import PROVIDER
from openusaged.providers.copilot.usage_store import Rows

TABLE = (
    "CREATE TABLE assistant_usage_events (id INTEGER PRIMARY KEY, session_id TEXT, model TEXT,"
    " input_tokens INTEGER, output_tokens INTEGER, created_at TEXT)"
)


class Store:
    """A database that a test writes, and a reader of it."""

    def __init__(self, home: Path) -> None:
        self.path = home / ".copilot" / "session-store.db"
        self.path.parent.mkdir()
        self.connection = sqlite3.connect(self.path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.machine = Machine(env={}, home=str(home))
        self.cursor: SourceCursor | None = None

    def add(self, session: str, output: int) -> None:
        self.connection.execute(
            "INSERT INTO assistant_usage_events VALUES (NULL, ?, 'gpt-5.2', 10, ?, ?)",
            (session, output, "2026-08-01 10:00:00"),
        )

    def read(self, chunk_events: int = 2000, stop_after: int = 1000) -> list[UsageEvent]:
        [account] = PROVIDER.discover(self.machine)
        [unit] = PROVIDER.units(account, self.machine)
        context = CollectContext(machine=self.machine, max_chunk_events=chunk_events)
        events: list[UsageEvent] = []
        for number, chunk in enumerate(PROVIDER.collect(account, unit, self.cursor, context), 1):
            events += chunk.events
            self.cursor = chunk.cursor
            if number >= stop_after:
                break
        return events


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path)
    with closing(made.connection):
        yield made


def test_rows_in_the_log_of_writes_are_seen_and_only_new_ones_read(store):
    """Calls are read while the CLI has the database open, each once."""
    store.connection.execute(TABLE)
    store.add("s1", 1)
    store.add("s1", 2)
    assert [event.output for event in store.read()] == [1, 2]
    store.add("s1", 3)
    assert [event.output for event in store.read()] == [3]


def test_reader_that_died_half_way_goes_on(store):
    """After a pass that ended early the database looks unread, and the rest follows."""
    store.connection.execute(TABLE)
    for number in range(5):
        store.add("s1", number)
    first = store.read(chunk_events=2, stop_after=1)
    assert store.cursor.size == 0
    assert [event.output for event in first + store.read()] == [0, 1, 2, 3, 4]


def test_ids_that_began_anew_are_read_again(store):
    """A table that was emptied and filled again starts over."""
    store.connection.execute(TABLE)
    store.add("s1", 1)
    store.add("s1", 2)
    store.read()
    store.connection.execute("DELETE FROM assistant_usage_events")
    store.add("s2", 3)
    assert [event.session_id for event in store.read()] == ["s2"]
    store.connection.execute("DELETE FROM assistant_usage_events")
    store.add("s3", 4)
    assert [event.session_id for event in store.read()] == ["s3"]


def test_old_database_has_no_calls(store):
    """Without the table nothing is read, and other records may be counted."""
    store.connection.execute("CREATE TABLE turns (id INTEGER)")
    assert store.read() == []
    rows = Rows(str(store.path))
    assert not rows.exist()
    assert not rows.of_session("s1")
    assert rows.between("2026-01-01", "2026-12-31") == set()


def test_calls_of_days_are_told_apart(store):
    """Other readers ask for sessions, and for calls by their counts."""
    store.connection.execute(TABLE)
    store.add("s1", 7)
    rows = Rows(str(store.path))
    assert rows.of_session("s1")
    assert not rows.of_session("s2")
    assert rows.between("2026-07-31", "2026-08-02") == {("s1", 10, 7)}
    assert rows.between("2026-08-02", "2026-08-03") == set()


def test_table_without_counts_knows_no_calls(store):
    """A version whose table lacks the counts cannot say which calls it has."""
    store.connection.execute(
        "CREATE TABLE assistant_usage_events (id INTEGER PRIMARY KEY, session_id TEXT)"
    )
    store.connection.execute("INSERT INTO assistant_usage_events VALUES (1, 's1')")
    assert store.read() == []
    assert Rows(str(store.path)).between("2026-01-01", "2026-12-31") == set()


def test_damaged_state_costs_only_work(store):
    """With a cursor whose state cannot be read everything is read once more."""
    store.connection.execute(TABLE)
    store.add("s1", 1)
    store.read()
    values = {name: getattr(store.cursor, name) for name in store.cursor.__struct_fields__}
    store.cursor = SourceCursor(**{**values, "state": b"["})
    assert [event.output for event in store.read()] == [1]
