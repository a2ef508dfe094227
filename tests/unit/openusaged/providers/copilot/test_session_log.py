"""A session's log: each line once, and its tokens only where nothing better has them."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from openusaged.core.errors import ProviderError
from openusaged.core.models import (
    MESSAGE_USAGE,
    TOOL_USAGE,
    TURN_COMPLETED,
    SourceCursor,
    UsageEvent,
)
from openusaged.providers.base import CollectContext, Machine
from openusaged.providers.copilot import PROVIDER, session_reader
from openusaged.providers.shared.files import is_unchanged

USAGE_TABLE = (
    "CREATE TABLE assistant_usage_events (id INTEGER PRIMARY KEY, session_id TEXT, model TEXT,"
    " input_tokens INTEGER, output_tokens INTEGER, created_at TEXT)"
)


class Session:
    """One session's log that a test writes, and a reader of it."""

    def __init__(self, home: Path) -> None:
        self.home = home / ".copilot"
        self.path = self.home / "session-state" / "s1" / "events.jsonl"
        self.path.parent.mkdir(parents=True)
        self.machine = Machine(env={}, home=str(home))
        self.cursor: SourceCursor | None = None
        self.lines = 0

    def add(self, kind: str, data: Any, *, at: str = "", end: str = "\n", **more: Any) -> None:
        self.lines += 1
        stamp = at or f"2026-08-01T10:00:{self.lines:02d}Z"
        line = {"type": kind, "id": f"e{self.lines}", "timestamp": stamp, "data": data, **more}
        with self.path.open("a") as file:
            file.write(json.dumps(line, separators=(",", ":")) + end)

    def message(self, output: int, model: str = "gpt-5.2") -> None:
        self.add("assistant.message", {"model": model, "outputTokens": output})

    def shutdown(self, gross: int, output: int, model: str = "gpt-5.2") -> None:
        usage = {"inputTokens": gross, "outputTokens": output}
        metrics = {model: {"requests": {"count": 1}, "usage": usage}}
        self.add("session.shutdown", {"modelMetrics": metrics})

    def database(self, *rows: tuple[str, str]) -> None:
        with closing(sqlite3.connect(self.home / "session-store.db")) as connection, connection:
            connection.execute(USAGE_TABLE)
            connection.executemany(
                "INSERT INTO assistant_usage_events VALUES (NULL, ?, ?, 1, 1, '2026-08-01')", rows
            )

    def read(self, chunk_events: int = 2000, stop_after: int = 1000) -> list[UsageEvent]:
        [account] = PROVIDER.discover(self.machine)
        [unit] = [u for u in PROVIDER.units(account, self.machine) if u.path == str(self.path)]
        if is_unchanged(unit, self.cursor):
            return []
        context = CollectContext(machine=self.machine, max_chunk_events=chunk_events)
        events: list[UsageEvent] = []
        for number, chunk in enumerate(PROVIDER.collect(account, unit, self.cursor, context), 1):
            events += chunk.events
            self.cursor = chunk.cursor
            if number >= stop_after:
                break
        return events


@pytest.fixture
def session(tmp_path):
    return Session(tmp_path)


def own(ident: str) -> str:
    """The vendor's part of an id."""
    return ident.partition(":")[2]


def usage(events: list[UsageEvent]) -> list[tuple[int | None, int | None, int | None]]:
    return [(e.input, e.output, e.requests) for e in events if e.event_type == MESSAGE_USAGE]


def test_totals_grow_under_one_identity(session):
    """Messages, the end of the process and the next messages raise one event."""
    session.message(100)
    first = session.read()
    session.shutdown(1000, 150)
    second = session.read()
    session.message(30)
    third = session.read()
    assert usage(first) == [(None, 100, 1)]
    assert usage(second) == [(1000, 150, 1)]
    assert usage(third) == [(1000, 180, 2)]
    events = [*first, *second, *third]
    assert {(event.message_id, event.ts_ms) for event in events} == {("s1:gpt-5.2", first[0].ts_ms)}


def test_messages_are_no_record_where_calls_go_to_the_database(session):
    """With a database that takes calls, a call may just not be there yet: nothing is guessed."""
    session.database()
    session.message(100)
    assert usage(session.read()) == []
    session.shutdown(1000, 150)
    assert usage(session.read()) == [(1000, 150, 1)]


def test_session_of_the_database_is_never_counted_here(session):
    """Once its calls are in the database a session stays counted there."""
    session.database(("s1", "gpt-5.2"))
    session.shutdown(1000, 150)
    assert usage(session.read()) == []
    os.unlink(session.home / "session-store.db")
    session.shutdown(2000, 300)
    assert usage(session.read()) == []


def test_unreadable_database_is_waited_for(session):
    """Whether the session is counted there cannot be told: the log stays unread until it can."""
    (session.home / "session-store.db").write_bytes(b"no database" * 200)
    session.shutdown(1000, 150)
    with pytest.raises(ProviderError):
        session.read()
    assert session.cursor is None
    os.unlink(session.home / "session-store.db")
    assert usage(session.read()) == [(1000, 150, 1)]


def test_half_written_line_waits(session):
    """A line without its end is read when it has one."""
    session.add("user.message", {"messageId": "u1"})
    session.add("user.message", {"messageId": "u2"}, end="")
    assert [own(event.turn_id) for event in session.read()] == ["u1"]
    with session.path.open("a") as file:
        file.write("\n")
    assert [own(event.turn_id) for event in session.read()] == ["u2"]


def test_call_that_spans_two_reads_keeps_its_facts(session):
    """What a call's beginning said is remembered until its end is read."""
    arguments = {"path": "a.py", "old_str": "", "new_str": "x\ny"}
    session.add(
        "assistant.message",
        {
            "model": "gpt-5.2",
            "toolRequests": [{"toolCallId": "c1", "name": "edit", "arguments": arguments}],
        },
    )
    session.add("tool.execution_start", {"toolCallId": "c1", "toolName": "edit"})
    assert session.read() == []
    session.add("tool.execution_complete", {"toolCallId": "c1", "success": True})
    [event] = session.read()
    assert (event.tool_name, event.language, event.lines_added) == ("edit", "python", 2)


def test_call_without_an_id_is_its_line(session):
    """A completed call that names itself counts also without a beginning or an id."""
    session.add("tool.execution_complete", {"toolName": "bash", "success": True})
    [event] = session.read()
    assert (own(event.tool_call_id), event.tool_name) == ("e1", "bash")


def test_log_that_repeats_itself_adds_nothing(session):
    """Messages, calls and totals that stand there twice are counted once."""
    session.message(100)
    session.add("assistant.usage", {"model": "gpt-5.2", "inputTokens": 900, "outputTokens": 90})
    session.shutdown(1000, 150)
    session.shutdown(500, 40)
    session.message(30)
    once = usage(session.read())
    text = session.path.read_text()
    session.path.write_text(text + text)
    twice = usage(session.read())
    assert once == [(1500, 220, 3)]
    assert twice == []


def test_ids_that_are_counted_anew_are_not_mixed_up(session):
    """The same id at another time is another call; a copied line is the same one."""
    done = {"toolCallId": "call_0", "toolName": "bash", "success": True}
    for at in ("2026-08-01T10:00:00Z", "2026-08-01T10:00:05Z", "2026-08-01T10:00:05Z"):
        session.add("tool.execution_complete", done, at=at)
    first, second, copied = session.read()
    assert first.tool_call_id != second.tool_call_id == copied.tool_call_id


def test_calls_that_never_end_are_forgotten(session):
    """Beginnings of killed processes are remembered up to a bound."""
    for number in range(session_reader.MAX_CALLS + 3):
        session.add("tool.execution_start", {"toolCallId": f"c{number}", "toolName": "bash"})
    session.read()
    state = session_reader.msgspec.json.decode(session.cursor.state, type=session_reader.State)
    assert len(state.calls) == session_reader.MAX_CALLS


def test_lines_without_a_time_are_at_the_time_before(session):
    """A missing or odd time is that of the line before; without any, nothing is invented."""
    session.add("user.message", {"messageId": "u0"}, at="soon")
    session.add("user.message", {"messageId": "u1"}, at="2026-08-01T10:00:00Z")
    session.add("user.message", {"messageId": "u2"}, at="soon")
    events = session.read()
    assert [own(event.turn_id) for event in events] == ["u1", "u2"]
    assert events[0].ts_ms == events[1].ts_ms


@pytest.mark.parametrize("data", [None, 5, [], "text", {"toolRequests": 5, "outputTokens": {}}])
def test_odd_records_cost_only_themselves(session, data):
    """Records of another shape are passed over; the lines around them are read."""
    for kind in (
        "session.start",
        "session.shutdown",
        "assistant.message",
        "assistant.usage",
        "tool.execution_start",
        "tool.execution_complete",
        "session.model_change",
    ):
        session.add(kind, data)
    session.add("user.message", {"messageId": "u1"})
    kinds = [event.event_type for event in session.read() if event.event_type != MESSAGE_USAGE]
    assert kinds == [TURN_COMPLETED]


def test_reader_that_died_half_way_goes_on(session):
    """After a pass that ended early the log looks unread, and the rest follows once."""
    for number in range(5):
        session.add("tool.execution_complete", {"toolCallId": f"c{number}", "toolName": "bash"})
    first = session.read(chunk_events=2, stop_after=1)
    assert session.cursor.size == 0
    rest = session.read()
    ids = [own(event.tool_call_id) for event in first + rest if event.event_type == TOOL_USAGE]
    assert ids == [f"c{number}" for number in range(5)]


def test_damaged_state_costs_only_work(session):
    """With a cursor whose state cannot be read the log is read from its beginning."""
    session.add("user.message", {"messageId": "u1"})
    session.read()
    values = {name: getattr(session.cursor, name) for name in session.cursor.__struct_fields__}
    for state in (b"{", b""):
        session.cursor = SourceCursor(**{**values, "state": state, "size": 0})
        assert [own(event.turn_id) for event in session.read()] == ["u1"]


def test_messages_wait_for_telemetry_that_is_being_written(session):
    """Exported calls arrive after the message they are about; an old export tells of no session."""
    export = session.home / "otel" / "x.jsonl"
    export.parent.mkdir()
    export.write_text("{}\n", encoding="utf-8")
    session.message(210)
    assert [event for event in session.read() if event.event_type == MESSAGE_USAGE] == []
    os.utime(export, (1, 1))
    session.message(40)
    (event,) = [event for event in session.read() if event.event_type == MESSAGE_USAGE]
    assert event.output == 250
