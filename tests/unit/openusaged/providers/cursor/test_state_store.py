"""Cursor's state database: what is new or was rewritten, each once, however rows move."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from openusaged.core.models import TOOL_USAGE, SourceCursor, UsageEvent
from openusaged.providers.base import CollectContext, Machine
from openusaged.providers.cursor import PROVIDER, state_store
from openusaged.providers.shared.files import is_unchanged

T0 = 1_768_055_295_000


class Store:
    """A state database that a test writes as Cursor does, and a reader of it."""

    def __init__(self, home: Path) -> None:
        self.path = home / ".config/Cursor/User/globalStorage/state.vscdb"
        self.path.parent.mkdir(parents=True)
        self.connection = sqlite3.connect(self.path, isolation_level=None)
        self.connection.execute(
            "CREATE TABLE cursorDiskKV (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB)"
        )
        self.machine = Machine(env={}, home=str(home))
        self.cursor: SourceCursor | None = None

    def put(self, key: str, value: Any) -> None:
        text = value if value is None or isinstance(value, bytes) else json.dumps(value)
        self.connection.execute("INSERT INTO cursorDiskKV VALUES (?, ?)", (key, text))

    def bubble(self, name: str, **fields: Any) -> None:
        self.put(f"bubbleId:c-1:{name}", {"type": 2, "createdAt": T0, **fields})

    def read(self, *, chunk_events: int = 2000, stop_after: int = 1000) -> list[UsageEvent]:
        [account] = PROVIDER.discover(self.machine)
        [unit] = PROVIDER.units(account, self.machine)
        events: list[UsageEvent] = []
        if is_unchanged(unit, self.cursor):
            return events
        context = CollectContext(machine=self.machine, max_chunk_events=chunk_events)
        for number, chunk in enumerate(PROVIDER.collect(account, unit, self.cursor, context), 1):
            events += chunk.events
            self.cursor = chunk.cursor
            if number >= stop_after:
                break
        return events


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    made = Store(tmp_path)
    with closing(made.connection):
        yield made


def tool(name: str, status: str = "completed") -> dict[str, Any]:
    return {"toolFormerData": {"name": name, "status": status}}


def names(events: list[UsageEvent]) -> list[str]:
    return [event.tool_name for event in events if event.event_type == TOOL_USAGE]


def test_only_new_rows_are_read(store):
    """A second pass brings what was written since the first, and nothing of before."""
    store.bubble("b-1", **tool("read_file"))
    assert names(store.read()) == ["read_file"]
    assert store.read() == []
    store.bubble("b-2", **tool("grep"))
    assert names(store.read()) == ["grep"]


def test_replaced_row_is_read_again_and_its_gap_starts_nothing_over(store):
    """A row that was replaced moves to the end; the gap it leaves is no renumbering."""
    store.bubble("b-1", **tool("read_file"))
    store.put("composerData:c-1", {"createdAt": T0, "totalLinesAdded": 1})
    store.read()
    store.put("composerData:c-1", {"createdAt": T0, "totalLinesAdded": 5})
    [event] = store.read()
    assert (event.tool_call_id, event.lines_added) == ("lines:c-1", 5)


def test_rewritten_row_that_says_the_same_is_no_news(store):
    """A conversation is rewritten at every step; only its figures are news."""
    store.put("composerData:c-1", {"createdAt": T0, "totalLinesAdded": 1})
    assert len(store.read()) == 1
    store.put("composerData:c-1", {"createdAt": T0, "totalLinesAdded": 1, "text": "PLANTED"})
    assert store.read() == []


def test_unfinished_call_is_counted_when_it_is_done(store):
    """A call that is still running is looked at again, also when its row stays in its place."""
    store.bubble("b-1", **tool("run_terminal_cmd", "running"))
    assert store.read() == []
    store.bubble("b-2", **tool("grep"))
    assert names(store.read()) == ["grep"]
    done = json.dumps({"type": 2, "createdAt": T0, **tool("run_terminal_cmd", "error")})
    store.connection.execute(
        "UPDATE cursorDiskKV SET value = ? WHERE key = 'bubbleId:c-1:b-1'", (done,)
    )
    [event] = store.read()
    assert (event.tool_name, event.status) == ("run_terminal_cmd", "error")


def test_renumbered_rows_are_found(store):
    """A row that came to lie before the last one read, by a renumbering, is not missed."""
    for number in range(5):
        store.put(f"other:{number}", {})
    store.bubble("b-1", **tool("read_file"))
    store.read()
    store.connection.execute("DELETE FROM cursorDiskKV WHERE key LIKE 'other:%'")
    store.connection.execute("VACUUM")
    store.bubble("b-2", **tool("grep"))
    assert names(store.read()) == ["grep"]


def test_other_row_in_the_anchors_place_starts_over(store):
    """A database that was rebuilt in the same file is read from its beginning."""
    store.bubble("b-1", **tool("read_file"))
    store.read()
    store.connection.execute("DELETE FROM cursorDiskKV")
    store.bubble("b-2", **tool("grep"))
    store.bubble("b-3", **tool("list_dir"))
    assert names(store.read()) == ["grep", "list_dir"]


def test_reader_that_died_half_way_goes_on(store):
    """After a pass that ended early the database looks unread, and the rest follows."""
    for number in range(6):
        store.bubble(f"b-{number}", **tool(f"tool_{number}"))
    first = store.read(chunk_events=8, stop_after=1)
    assert 0 < len(first) < 6
    assert store.cursor.size == 0
    rest = store.read(chunk_events=8)
    assert names(first + rest) == [f"tool_{number}" for number in range(6)]


def test_damaged_state_costs_only_work(store):
    """A cursor of another version or with a broken state reads everything once more."""
    store.bubble("b-1", **tool("read_file"))
    store.read()
    [account] = PROVIDER.discover(store.machine)
    [unit] = PROVIDER.units(account, store.machine)
    context = CollectContext(machine=store.machine)
    for broken in ({"state": b"{", "size": 0}, {"state_version": 99, "size": 0}):
        values = {name: getattr(store.cursor, name) for name in store.cursor.__struct_fields__}
        cursor = SourceCursor(**{**values, **broken})
        [chunk] = state_store.collect(account, unit, cursor, context)
        assert names(list(chunk.events)) == ["read_file"]


def test_rows_that_cannot_be_read_cost_only_themselves(store):
    """Text that is no UTF-8, in key or value, passes; its neighbours are read."""
    store.connection.execute(
        "INSERT INTO cursorDiskKV VALUES (CAST(X'627562626C6549643A63FF3A62' AS TEXT), '{}')"
    )
    store.put("bubbleId:c-1:b-0", b'{"type":2,"model":"\xff\xfe"}')
    store.bubble("b-1", **tool("read_file"))
    assert names(store.read()) == ["read_file"]


def test_database_of_something_else_is_read_as_empty(tmp_path, store):
    """Without Cursor's table there is nothing to read, and the file is not opened again."""
    store.connection.execute("DROP TABLE cursorDiskKV")
    assert store.read() == []
    assert store.cursor.size > 0


def test_calls_that_never_end_are_given_up(store):
    """Unfinished calls of killed windows are remembered up to a bound."""
    for number in range(state_store.MAX_PENDING + 5):
        store.bubble(f"b-{number}", **tool("grep", "pending"))
    store.read()
    progress = state_store.msgspec.json.decode(store.cursor.state, type=state_store.Progress)
    assert len(progress.pending) == state_store.MAX_PENDING
