"""Reading the desktop app's database as it is rewritten."""

from __future__ import annotations

import sqlite3

import pytest

from openusaged.core.models import Account
from openusaged.providers.base import CollectContext, Machine
from openusaged.providers.ollama import SPEC, collect
from openusaged.providers.ollama.estimates import note_estimates
from openusaged.providers.ollama.moments import as_moment_ms
from openusaged.providers.ollama.paths import locate, units, watch
from openusaged.providers.shared.figures import Figures
from tests.support.provider_case import counted, iso_ms

NOW_MS = iso_ms("2026-06-10T12:00:00Z")
SCHEMA = """
CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, chat_id TEXT, role TEXT,
    content TEXT, model_name TEXT, created_at TIMESTAMP);
CREATE TABLE tool_calls (id INTEGER PRIMARY KEY AUTOINCREMENT, message_id INTEGER,
    function_name TEXT);
"""


class Desktop:
    """The app's database, written as the app does it."""

    def __init__(self, directory, schema: str = SCHEMA) -> None:
        self.path = str(directory / "db.sqlite")
        self.connection = sqlite3.connect(self.path, isolation_level=None)
        self.connection.executescript(schema)
        self.machine = Machine(env={}, home=str(directory))
        self.account = Account(
            id="ollama-local", provider_id="ollama", home="h", paths={"database": self.path}
        )
        self.cursor = None

    def add(self, chat: str, minute: int, model: str | None, *tools: str, role="assistant"):
        row = self.connection.execute(
            "INSERT INTO messages (chat_id, role, content, model_name, created_at)"
            " VALUES (?, ?, 'PLANTED', ?, ?)",
            (chat, role, model, f"2026-06-10 10:{minute:02}:00.5+00:00"),
        ).lastrowid
        self.call(row, *tools)
        return row

    def call(self, row: int, *tools: str):
        self.connection.execute("DELETE FROM tool_calls WHERE message_id = ?", (row,))
        for tool in tools:
            self.connection.execute(
                "INSERT INTO tool_calls (message_id, function_name) VALUES (?, ?)", (row, tool)
            )

    def save_chat(self, chat: str):
        """Delete a chat's messages and write them again, under new ids."""
        rows = self.connection.execute(
            "SELECT id, role, content, model_name, created_at FROM messages WHERE chat_id = ?",
            (chat,),
        ).fetchall()
        for old, *values in rows:
            self.connection.execute("DELETE FROM messages WHERE id = ?", (old,))
            new = self.connection.execute(
                "INSERT INTO messages (chat_id, role, content, model_name, created_at)"
                " VALUES (?, ?, ?, ?, ?)",
                (chat, *values),
            ).lastrowid
            self.connection.execute(
                "UPDATE tool_calls SET id = id + 100, message_id = ? WHERE message_id = ?",
                (new, old),
            )

    def read(self):
        (unit,) = units(self.account, self.machine)
        events = []
        for chunk in collect(self.account, unit, self.cursor, CollectContext(machine=self.machine)):
            events += chunk.events
            self.cursor = chunk.cursor
        return events


@pytest.fixture
def desktop(tmp_path):
    app = Desktop(tmp_path)
    yield app
    app.connection.close()


def names(events):
    return [(event.event_type, event.model, event.tool_name) for event in events]


def test_saved_chat_counts_once(desktop):
    """A chat that is written again under other row ids is the same usage."""
    desktop.add("c1", 1, "llama3", "web_search", "web_search")
    desktop.add("c1", 2, "llama3")
    first = desktop.read()
    desktop.save_chat("c1")
    again = desktop.read()
    assert len(counted(first, "a")) == 4
    assert counted(first + again, "a") == counted(first, "a")


def test_tool_called_later_in_an_answer_arrives(desktop):
    """An answer that grows is reported again and counted once; others are left alone."""
    desktop.add("c1", 0, "other")
    row = desktop.add("c1", 1, None)
    seen = desktop.read()
    assert names(seen) == [("message_usage", "other", ""), ("message_usage", "", "")]
    desktop.connection.execute("UPDATE messages SET model_name = 'Llama3:latest' WHERE id = 2")
    desktop.call(row, "Web_Search")
    seen += desktop.read()
    desktop.call(row, "web_search", "fetch")
    seen += desktop.read()
    assert [(one.event_type, one.model, one.tool_name) for one in counted(seen, "a")] == [
        ("message_usage", "other", ""),
        ("message_usage", "llama3", ""),
        ("tool_usage", "llama3", "fetch"),
        ("tool_usage", "llama3", "web_search"),
    ]
    desktop.add("c1", 2, "llama3")
    assert names(desktop.read()) == [("message_usage", "llama3", "")]


def test_messages_of_one_moment_are_two(desktop):
    """Answers of one chat with one time are told apart; in two chats they are anyway."""
    desktop.add("c1", 1, "llama3")
    desktop.add("c1", 1, "llama3")
    desktop.add("c2", 1, "llama3")
    assert len(counted(desktop.read(), "a")) == 3


def test_database_without_its_tables_is_empty(tmp_path):
    """A database that has just been made holds nothing, and is read when it grows."""
    app = Desktop(tmp_path, "CREATE TABLE settings (id INTEGER);")
    assert app.read() == []
    app.connection.executescript(SCHEMA.replace("CREATE TABLE tool_calls", "CREATE TABLE x"))
    app.connection.execute(
        "INSERT INTO messages (chat_id, role, model_name, created_at)"
        " VALUES ('c', 'assistant', 'm', '2026-06-10 10:00:00')"
    )
    assert names(app.read()) == [("message_usage", "m", "")]
    app.connection.close()


def test_log_of_the_database_belongs_to_it(desktop):
    """A change of the write-ahead log is one of the database; other files are none of it."""
    found = locate(desktop.account, f"{desktop.path}-wal", desktop.machine)
    assert found is not None
    assert found.path == desktop.path
    assert locate(desktop.account, f"{desktop.path}-shm", desktop.machine) is None
    bare = Account(id="x", provider_id="ollama")
    assert locate(bare, desktop.path, desktop.machine) is None
    assert list(watch(bare, desktop.machine)) == []
    assert list(units(bare, desktop.machine)) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-06-10 10:00:00.123456789+02:00", "2026-06-10T08:00:00.123Z"),
        ("2026-06-10T10:00:00Z", "2026-06-10T10:00:00Z"),
        ("2026-06-10 10:00:00", "2026-06-10T10:00:00Z"),
        ("2026-06-10", "2026-06-10T00:00:00Z"),
        ("2026-06-10 10:00:00 -0700 PDT", "2026-06-10T17:00:00Z"),
        (1781085600, "2026-06-10T10:00:00Z"),
        (1781085600000, "2026-06-10T10:00:00Z"),
        (1781085600000000, "2026-06-10T10:00:00Z"),
    ],
)
def test_times_of_every_driver(text, expected):
    """Offsets are honoured; a time without one is the database's UTC."""
    assert as_moment_ms(text) == iso_ms(expected)


@pytest.mark.parametrize("value", ["", "soon", "one two three", None, -1, b"x"])
def test_no_time_is_unknown(value):
    """What is no time is none; the message is passed over."""
    assert as_moment_ms(value) is None


class TestEstimates:
    def figures(self, path):
        figures = Figures(SPEC)
        note_estimates(figures, path, NOW_MS)
        return figures

    def test_bytes_of_prompt_and_answer_are_quartered(self, desktop):
        """7 bytes asked and 7 answered are 2 + 2 tokens; the prompt counts once."""
        desktop.add("c1", 1, None, role="user")
        desktop.add("c1", 2, "llama3")
        desktop.add("c1", 3, "llama3")
        metrics = self.figures(desktop.path).metrics
        assert metrics["estimated_tokens_7d:llama3"].used == 6
        assert metrics["estimated_tokens_1d"].used == 6

    def test_prompt_without_answer_is_not_carried_over(self, desktop):
        """A chat that was left unanswered adds nothing to the next one."""
        desktop.add("c1", 1, None, role="user")
        desktop.add("c2", 2, "llama3")
        assert self.figures(desktop.path).metrics["estimated_tokens_7d"].used == 2

    def test_unreadable_database_is_told(self, tmp_path):
        """A damaged database costs the estimate, not the poll."""
        (tmp_path / "db.sqlite").write_bytes(b"no database" * 100)
        figures = self.figures(str(tmp_path / "db.sqlite"))
        assert figures.metrics == {}
        assert "db.sqlite" in figures.attributes["desktop_error"]

    def test_other_database_has_no_estimate(self, tmp_path):
        """Without the table there is nothing to guess from."""
        sqlite3.connect(tmp_path / "db.sqlite").close()
        assert self.figures(str(tmp_path / "db.sqlite")).metrics == {}
