"""Hermes' database while it lives: growth, copies, replacement."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from openusaged.providers.base import CollectContext, Machine
from openusaged.providers.hermes import PROVIDER, state_db
from tests.support.provider_case import counted

SCHEMA = """
CREATE TABLE sessions (id TEXT PRIMARY KEY, model TEXT, started_at REAL, input_tokens INTEGER, output_tokens INTEGER,
  cwd TEXT);
CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT, role TEXT, tool_call_id TEXT,
  tool_name TEXT, timestamp REAL);
CREATE TABLE session_model_usage (session_id TEXT, model TEXT, task TEXT, input_tokens INTEGER, first_seen REAL,
  last_seen REAL);
"""


class Home:
    """A Hermes home and a reader that remembers its cursor."""

    def __init__(self, path: Path) -> None:
        self.machine = Machine(env={"HOME": str(path)}, home=str(path))
        self.database = path / ".hermes" / "state.db"
        self.database.parent.mkdir()
        self.cursor = None
        self.events: list = []
        for statement in SCHEMA.split(";")[:-1]:
            self.run(statement)

    def run(self, sql: str, *values: object) -> None:
        with closing(sqlite3.connect(self.database)) as connection:
            connection.execute(sql, values)
            connection.commit()

    def read(self, chunk_events: int = 2000, stop_after: int = 99) -> list:
        account = next(iter(PROVIDER.discover(self.machine)))
        (unit,) = PROVIDER.units(account, self.machine)
        context = CollectContext(machine=self.machine, max_chunk_events=chunk_events)
        fresh = []
        for number, chunk in enumerate(PROVIDER.collect(account, unit, self.cursor, context), 1):
            fresh += chunk.events
            self.cursor = chunk.cursor
            if number == stop_after:
                break
        self.events += fresh
        return fresh


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


def session(home: Home, name: str, tokens: int) -> None:
    home.run("INSERT INTO sessions VALUES (?, 'gpt-5', 1780308000, ?, 1, '/w')", name, tokens)


def test_session_that_grows_under_another_model_is_one_event(home):
    """The row's one model may change: what was used before must not count a second time."""
    session(home, "a", 100)
    session(home, "b", 7)
    assert len(home.read()) == 2
    home.run("INSERT INTO messages VALUES (1, 'a', 'user', NULL, NULL, 1780308000)")
    home.run("UPDATE sessions SET input_tokens = 150, model = 'claude-sonnet-4-5' WHERE id = 'a'")
    assert [event.input for event in home.read()] == [150]
    assert sorted(event.input for event in counted(home.events, "hermes")) == [7, 150]


def test_counts_that_are_written_after_the_message_are_noticed(home):
    """A session stays under observation when something has happened in it, others do not."""
    session(home, "a", 100)
    session(home, "b", 100)
    home.run("INSERT INTO messages VALUES (1, 'a', 'user', NULL, NULL, 1780308000)")
    assert len(home.read()) == 2
    home.run("UPDATE sessions SET input_tokens = 150")
    assert [event.session_id for event in home.read()] == ["a"]
    home.run("INSERT INTO messages VALUES (2, 'b', 'user', NULL, NULL, 1780308009)")
    assert [event.session_id for event in home.read()] == ["b"]
    assert [event.input for event in counted(home.events, "hermes")] == [150, 150]


def test_only_the_latest_active_sessions_are_remembered(home, monkeypatch):
    """The cursor stays small however many sessions there were."""
    monkeypatch.setattr(state_db, "MAX_ACTIVE", 1)
    for number, name in enumerate(("a", "b"), 1):
        session(home, name, 100)
        home.run("INSERT INTO messages VALUES (?, ?, 'user', NULL, NULL, 1780308000)", number, name)
    home.read()
    home.run("UPDATE sessions SET input_tokens = 150")
    assert [event.session_id for event in home.read()] == ["b"]


def test_without_messages_every_session_is_looked_at(home):
    """When nothing tells which sessions have changed, none is passed over."""
    session(home, "a", 100)
    home.run("DROP TABLE messages")
    home.read()
    home.run("UPDATE sessions SET input_tokens = 150")
    assert [event.input for event in home.read()] == [150]


def test_reader_that_dies_half_way_goes_on_where_it_was(home):
    """A pass that is broken off resumes behind its last row and forgets nothing."""
    for number in range(5):
        session(home, f"s{number}", 10 + number)
    assert len(home.read(chunk_events=2, stop_after=2)) == 2
    assert home.cursor.size == 0
    assert [event.input for event in home.read(chunk_events=2)] == [12, 13, 14]
    assert len(counted(home.events, "hermes")) == 5


def test_side_task_grows_as_one_event(home):
    """A side task's row is one event beside the session, dated at its first use."""
    session(home, "a", 100)
    home.run(
        "INSERT INTO session_model_usage VALUES ('a', 'gemini-2.5-flash', 'vision', 40, 1780308001, 1780308001)"
    )
    home.run(
        "INSERT INTO session_model_usage VALUES ('a', 'gpt-5', '', 100, 1780308001, 1780308001)"
    )
    assert len(home.read()) == 2
    home.run(
        "UPDATE session_model_usage SET input_tokens = 90, last_seen = 1780308900 WHERE task = 'vision'"
    )
    (event,) = home.read()
    assert (event.model, event.input, event.ts_ms, event.cwd) == (
        "gemini-2.5-flash",
        90,
        1780308001000,
        "/w",
    )


def test_copied_home_counts_nothing_twice(home, tmp_path):
    """A fresh copy of the home holds the same sessions: identities are global."""
    session(home, "a", 100)
    home.read()
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copytree(home.database.parent, copy / ".hermes")
    home.machine = Machine(env={"HOME": str(copy)}, home=str(copy))
    assert len(home.read()) == 1
    assert len(counted(home.events, "hermes")) == 1


def test_only_new_tool_results_are_read(home):
    """Tool results behind the cursor are news; when rows are gone the table is read again."""
    insert = "INSERT INTO messages VALUES (?, 'a', 'tool', ?, 'Terminal', 1780308000)"
    home.run(insert, 1, "c1")
    home.run(insert, 2, "c2")
    assert [event.tool_name for event in home.read(chunk_events=1)] == ["terminal", "terminal"]
    home.run(insert, 3, "c3")
    assert [event.tool_call_id for event in home.read()] == ["a:c3"]
    home.run("DELETE FROM messages WHERE id > 1")
    assert [event.tool_call_id for event in home.read()] == ["a:c1"]


def test_damaged_cursor_starts_over(home):
    """A cursor that cannot be decoded costs work, not numbers."""
    session(home, "a", 100)
    first = home.read()
    home.cursor = msgspec.structs.replace(home.cursor, state=b"\xff")
    assert home.read() == first


def test_damaged_inner_state_starts_over(home):
    """The same for the part of the state that belongs to one table."""
    session(home, "a", 100)
    first = home.read()
    state = msgspec.msgpack.encode({"sessions": b"\xff", "tasks": b"\xff"})
    home.cursor = msgspec.structs.replace(home.cursor, state=state)
    assert home.read() == first


def test_database_without_tables_is_empty(home):
    """A database that has just been made holds nothing, which is no error."""
    for table in ("sessions", "messages", "session_model_usage"):
        home.run(f"DROP TABLE {table}")
    assert home.read() == []
    assert home.cursor.size == os.stat(home.database).st_size


def test_homes_that_do_not_exist_are_watched_for(tmp_path):
    """Every home of the list is a root, with the profiles it has."""
    (tmp_path / "a" / "profiles" / "p").mkdir(parents=True)
    machine = Machine(env={"HERMES_HOME": f"{tmp_path}/a,{tmp_path}/b"}, home=str(tmp_path))
    assert PROVIDER.roots(machine) == [f"{tmp_path}/a", f"{tmp_path}/a/profiles/p", f"{tmp_path}/b"]
    assert list(PROVIDER.discover(machine)) == []
