"""Goose's database while it lives: growth, the change to the ledger, compaction, replacement."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from openusaged.core.merge import CountedEvent
from openusaged.core.models import TOOL_USAGE
from openusaged.providers.base import CollectContext, Machine
from openusaged.providers.goose import PROVIDER, sessions_db
from tests.support.provider_case import counted

SCHEMA_13 = """
CREATE TABLE sessions (id TEXT PRIMARY KEY, working_dir TEXT, created_at TIMESTAMP, updated_at TIMESTAMP,
  accumulated_total_tokens INTEGER, accumulated_input_tokens INTEGER, accumulated_output_tokens INTEGER,
  accumulated_cost REAL, provider_name TEXT, model_config_json TEXT);
CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT, role TEXT,
  content_json TEXT, created_timestamp INTEGER);
"""
LEDGER = """
CREATE TABLE usage_ledger (id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT, created_timestamp INTEGER,
  model TEXT, input_tokens INTEGER, output_tokens INTEGER, total_tokens INTEGER, cost REAL, cost_source TEXT);
"""
SESSION = "INSERT INTO sessions VALUES (?, '/w', '2026-06-01 09:00:00', ?, ?, ?, ?, NULL, 'openai', '{\"model_name\":\"gpt-5\"}')"
ROW = "INSERT INTO usage_ledger (session_id, created_timestamp, model, input_tokens, output_tokens, cost_source) VALUES (?, ?, ?, ?, ?, ?)"


class Home:
    """A Goose home and a reader that remembers its cursors."""

    def __init__(self, path: Path) -> None:
        self.machine = Machine(env={"HOME": str(path)}, home=str(path))
        self.database = path / ".local/share/goose/sessions/sessions.db"
        self.database.parent.mkdir(parents=True)
        self.run(SCHEMA_13)
        self.events: list = []
        self.cursor = None

    def run(self, *statements: str, values: tuple = ()) -> None:
        with closing(sqlite3.connect(self.database)) as connection:
            for statement in statements:
                if values:
                    connection.execute(statement, values)
                else:
                    connection.executescript(statement)
            connection.commit()

    def read(self, chunk_events: int = 2000) -> list:
        (account,) = PROVIDER.discover(self.machine)
        (unit,) = PROVIDER.units(account, self.machine)
        context = CollectContext(machine=self.machine, max_chunk_events=chunk_events)
        fresh = []
        for chunk in PROVIDER.collect(account, unit, self.cursor, context):
            fresh += chunk.events
            self.cursor = chunk.cursor
        self.events += fresh
        return fresh

    def stored(self) -> list[CountedEvent]:
        return counted(self.events, "goose")


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


def test_growing_totals_stay_one_event(home):
    """A session that grows is the same event with larger numbers, not a second one."""
    home.run(SESSION, values=("20260601_1", "2026-06-01 09:10:00", 110, 100, 10))
    assert len(home.read()) == 1
    home.run(
        "UPDATE sessions SET accumulated_total_tokens = 330, accumulated_input_tokens = 300,"
        " accumulated_output_tokens = 30, updated_at = '2026-06-01 09:20:00'"
    )
    assert len(home.read()) == 1
    (event,) = home.stored()
    assert (event.input, event.output) == (300, 30)


def test_change_to_the_ledger_counts_nothing_twice(home):
    """What was read as totals and is then carried forward into the ledger is one event."""
    home.run(SESSION, values=("20260601_1", "2026-06-01 09:10:00", 110, 100, 10))
    home.read()
    home.run(LEDGER)
    home.run(ROW, values=("20260601_1", 1780308000, None, 100, 10, "carried_forward"))
    home.run(ROW, values=("20260601_1", 1780308000, "gpt-5", 50, 5, None))
    home.read()
    assert [(event.input, event.output) for event in home.stored()] == [(100, 10), (50, 5)]


def test_carried_row_in_the_middle_is_usage_of_its_own(home):
    """After a while with an older version the ledger carries forward again: that is new usage."""
    home.run(LEDGER)
    home.run(SESSION, values=("20260601_1", "2026-06-01 09:10:00", 0, 0, 0))
    home.run(ROW, values=("20260601_1", 1780308000, "gpt-5", 50, 5, None))
    home.run(ROW, values=("20260601_1", 1780308060, None, 70, 7, "carried_forward"))
    home.read()
    assert [(event.input, event.model) for event in home.stored()] == [(50, "gpt-5"), (70, "gpt-5")]


def test_two_databases_use_the_same_session_id(home):
    """Ids that count up per day name another session when it began in another second."""
    home.run(SESSION, values=("20260601_1", "2026-06-01 09:10:00", 110, 100, 10))
    home.read()
    home.run(
        "UPDATE sessions SET created_at = '2026-06-01 09:00:01', updated_at = '2026-06-01 09:10:01'"
    )
    home.read()
    assert len(home.stored()) == 2


def test_ledger_is_read_from_the_cursor_on_in_small_pieces(home):
    """Only rows behind the cursor are read, whatever the size of a chunk."""
    home.run(LEDGER)
    home.run(SESSION, values=("20260601_1", "2026-06-01 09:10:00", 0, 0, 0))
    for number in range(3):
        home.run(ROW, values=("20260601_1", 1780308000 + number, "gpt-5", 10 + number, 1, None))
    assert len(home.read(chunk_events=1)) == 3
    home.run(ROW, values=("20260601_1", 1780308090, "gpt-5", 40, 4, None))
    assert [event.input for event in home.read()] == [40]


def test_older_copy_in_its_place_is_read_again(home):
    """When rows are gone the positions start over, and identities keep the numbers."""
    home.run(LEDGER)
    home.run(SESSION, values=("20260601_1", "2026-06-01 09:10:00", 0, 0, 0))
    for number in range(2):
        home.run(ROW, values=("20260601_1", 1780308000 + number, "gpt-5", 10 + number, 1, None))
    home.run("INSERT INTO messages VALUES (9, '20260601_1', 'user', '[]', 1780308000)")
    home.read()
    home.run("DELETE FROM usage_ledger WHERE id = 2", "DELETE FROM messages")
    assert [event.input for event in home.read()] == [10]
    assert len(home.stored()) == 2


def test_call_is_counted_when_it_is_answered(home):
    """A requested tool waits in the cursor for its answer and is dated at the request."""
    home.run(SESSION, values=("20260601_1", "2026-06-01 09:10:00", 0, 0, 0))
    request = '[{"type":"toolRequest","id":"c1","toolCall":{"status":"success","value":{"name":"shell"}}}]'
    home.run(
        "INSERT INTO messages VALUES (1, '20260601_1', 'assistant', ?, 1780308000)",
        values=(request,),
    )
    assert home.read() == []
    answer = (
        '[{"type":"toolResponse","id":"c1","toolResult":{"status":"success","value":{"isError":true}}},'
        '{"type":"toolResponse","id":"unknown","toolResult":{"status":"success"}}, {"type":"toolRequest"}]'
    )
    home.run(
        "INSERT INTO messages VALUES (2, '20260601_1', 'user', ?, 1780308007)", values=(answer,)
    )
    (event,) = home.read()
    assert (event.event_type, event.tool_name, event.mcp_server) == (TOOL_USAGE, "shell", "")
    assert (event.ts_ms, event.status) == (1780308000000, "error")


def test_calls_never_answered_are_bounded(home, monkeypatch):
    """Calls of killed processes do not fill the cursor."""
    monkeypatch.setattr(sessions_db, "MAX_OPEN_CALLS", 2)
    home.run(SESSION, values=("20260601_1", "2026-06-01 09:10:00", 0, 0, 0))
    for number in range(4):
        request = (
            f'[{{"type":"toolRequest","id":"c{number}","toolCall":{{"value":{{"name":"shell"}}}}}}]'
        )
        home.run(
            "INSERT INTO messages VALUES (?, '20260601_1', 'assistant', ?, 1780308000)",
            values=(number + 1, request),
        )
    home.read()
    for number in range(4):
        answer = f'[{{"type":"toolResponse","id":"c{number}","toolResult":{{"status":"success"}}}}]'
        home.run(
            "INSERT INTO messages VALUES (?, '20260601_1', 'user', ?, 1780308001)",
            values=(number + 9, answer),
        )
    assert [event.tool_call_id.rpartition(":")[2] for event in home.read()] == ["c2", "c3"]


def test_calls_and_rows_of_a_driven_agent_are_left_out(home):
    """What Claude Code did for Goose is in Claude Code's own records."""
    home.run(LEDGER)
    home.run(SESSION, values=("20260601_1", "2026-06-01 09:10:00", 11, 10, 1))
    home.run("UPDATE sessions SET provider_name = 'claude-code'")
    home.run(ROW, values=("20260601_1", 1780308000, "sonnet", 10, 1, None))
    both = (
        '[{"type":"toolRequest","id":"c1","toolCall":{"value":{"name":"shell"}}},'
        '{"type":"toolResponse","id":"c1","toolResult":{"status":"success"}}]'
    )
    home.run(
        "INSERT INTO messages VALUES (1, '20260601_1', 'assistant', ?, 1780308000)", values=(both,)
    )
    assert home.read() == []


def test_rows_without_a_time_are_dropped(home):
    """A row that says when in no known way cannot be counted on any day."""
    home.run(LEDGER)
    home.run(ROW, values=("gone", "never", "gpt-5", 10, 1, None))
    home.run(ROW, values=("gone", "never", None, 10, 1, "carried_forward"))
    home.run(ROW, values=("lost", "never", None, 10, 1, "carried_forward"))
    home.run(ROW, values=("kept", 1780308000, None, 10, 1, "carried_forward"))
    assert [(event.session_id, event.ts_ms) for event in home.read()] == [("kept", 1780308000000)]


def test_input_smaller_than_its_cache_excludes_it(home):
    """A provider whose input leaves the cache out is taken at its word."""
    home.run(LEDGER, "ALTER TABLE usage_ledger ADD COLUMN cache_read_tokens INTEGER")
    home.run(
        "INSERT INTO usage_ledger (session_id, created_timestamp, model, input_tokens, cache_read_tokens, output_tokens)"
        " VALUES ('s', 1780308000, 'gpt-5', 100, 900, 5)"
    )
    (event,) = home.read()
    assert (event.input, event.cache_read, event.output) == (100, 900, 5)


def test_damaged_cursor_starts_over(home):
    """A cursor that cannot be decoded costs work, not numbers."""
    home.run(SESSION, values=("20260601_1", "2026-06-01 09:10:00", 110, 100, 10))
    first = home.read()
    home.cursor = type(home.cursor)(
        **{name: getattr(home.cursor, name) for name in home.cursor.__struct_fields__}
        | {"state": b"\xff"}
    )
    assert home.read() == first


def test_database_of_something_else_is_no_usage(home):
    """A database without Goose's tables is read as empty."""
    home.run(
        "DROP TABLE sessions", "DROP TABLE messages", "CREATE TABLE goose_db_version (id INTEGER)"
    )
    assert home.read() == []
    assert home.cursor.size == os.stat(home.database).st_size
