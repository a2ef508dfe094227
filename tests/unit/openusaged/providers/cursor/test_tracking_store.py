"""Cursor's database of AI-written code: a request counts once per language."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from openusaged.core.models import MESSAGE_USAGE, TOOL_USAGE, SourceCursor, UsageEvent
from openusaged.providers.base import CollectContext, Machine
from openusaged.providers.cursor import PROVIDER
from openusaged.providers.cursor.tracking_store import row_events

T0 = 1_768_055_295_000
ROW = {
    "source": "cli",
    "fileExtension": "py",
    "fileName": "",
    "requestId": "req-1",
    "conversationId": "conv-1",
    "createdAt": T0,
    "timestamp": 0,
    "model": "gpt-5.2",
}


@pytest.mark.parametrize(
    ("source", "tool", "client"),
    [
        ("tab", "tab", "cursor"),
        ("cli", "cli_agent_edit", "cursor-cli"),
        ("terminal", "cli_agent_edit", "cursor-cli"),
        ("background-agent", "cloud_agent_edit", "cursor-cloud-agent"),
        ("Web-Agent", "cloud_agent_edit", "cursor-cloud-agent"),
    ],
)
def test_source_tells_tool_and_client(source, tool, client):
    """Each way of writing code has its name; agents in the cloud are not those of the terminal."""
    edit = next(iter(row_events({**ROW, "source": source})))
    assert (edit.event_type, edit.tool_name, edit.client) == (TOOL_USAGE, tool, client)


@pytest.mark.parametrize("source", ["composer", "human", "", "something new"])
def test_code_counted_elsewhere_or_by_hand_is_left_out(source):
    """The agent's edits are counted by its tool calls, and what people write is no usage."""
    assert list(row_events({**ROW, "source": source})) == []


def test_tab_makes_no_request():
    """A completion is an edit, but no request that a plan counts."""
    kinds = [event.event_type for event in row_events({**ROW, "source": "tab"})]
    assert kinds == [TOOL_USAGE]
    kinds = [event.event_type for event in row_events(ROW)]
    assert kinds == [TOOL_USAGE, MESSAGE_USAGE]


class Reader:
    """The tracking database of a home and a reader of it."""

    def __init__(self, home: Path) -> None:
        path = home / ".cursor/ai-tracking/ai-code-tracking.db"
        path.parent.mkdir(parents=True)
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute(
            "CREATE TABLE ai_code_hashes (hash TEXT PRIMARY KEY, source TEXT NOT NULL,"
            " fileExtension TEXT, requestId TEXT, createdAt INTEGER)"
        )
        self.machine = Machine(env={}, home=str(home))
        self.cursor: SourceCursor | None = None

    def add(self, name: str, request: str) -> None:
        self.connection.execute(
            "INSERT OR REPLACE INTO ai_code_hashes VALUES (?, 'cli', 'py', ?, ?)",
            (name, request, T0),
        )

    def read(self, chunk_events: int = 2000) -> list[UsageEvent]:
        [account] = PROVIDER.discover(self.machine)
        [unit] = PROVIDER.units(account, self.machine)
        context = CollectContext(machine=self.machine, max_chunk_events=chunk_events)
        events: list[UsageEvent] = []
        for chunk in PROVIDER.collect(account, unit, self.cursor, context):
            events += chunk.events
            self.cursor = chunk.cursor
        return events


@pytest.fixture
def reader(tmp_path):
    made = Reader(tmp_path)
    with closing(made.connection):
        yield made


def requests(events: list[UsageEvent]) -> list[str]:
    return [event.message_id for event in events if event.event_type == MESSAGE_USAGE]


def test_new_rows_are_read_and_old_ones_are_not(reader):
    """A later pass reads what was added, and rows that were replaced under a new number."""
    reader.add("h1", "a")
    reader.add("h2", "a")
    assert requests(reader.read()) == ["request:a"]
    reader.add("h3", "b")
    assert requests(reader.read()) == ["request:b"]
    reader.add("h3", "b")
    assert requests(reader.read()) == ["request:b"]


def test_rows_that_were_renumbered_are_read_again(reader):
    """A rebuilt table starts over: nothing is missed, and identities keep it single."""
    reader.add("h1", "a")
    reader.add("h2", "b")
    reader.read()
    reader.connection.execute("DELETE FROM ai_code_hashes")
    reader.add("h9", "c")
    assert requests(reader.read()) == ["request:c"]


def test_broken_state_and_foreign_tables_cost_only_work(reader):
    """An unreadable cursor reads all; a database without the table is read as empty."""
    reader.add("h1", "a")
    reader.read()
    values = {name: getattr(reader.cursor, name) for name in reader.cursor.__struct_fields__}
    reader.cursor = SourceCursor(**{**values, "state": b"["})
    assert requests(reader.read(chunk_events=1)) == ["request:a"]
    reader.connection.execute("DROP TABLE ai_code_hashes")
    assert reader.read() == []
