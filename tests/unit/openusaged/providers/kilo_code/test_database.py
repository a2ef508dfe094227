"""Kilo 7's database while the tool writes it: each message once, with its final numbers."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from openusaged.core.errors import ProviderError
from openusaged.core.models import TOOL_USAGE, SourceCursor, UsageEvent
from openusaged.providers.base import CollectContext, Machine
from openusaged.providers.kilo_code import PROVIDER, database
from openusaged.providers.shared.files import is_unchanged

T = 1_800_000_000_000


class Kilo:
    """A database that is open for writing while the collector reads it."""

    def __init__(self, home: Path) -> None:
        self.machine = Machine(env={}, home=str(home))
        folder = home / ".local/share/kilo"
        folder.mkdir(parents=True)
        self.path = folder / "kilo.db"
        self.connection = sqlite3.connect(self.path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.cursors: dict[str, SourceCursor] = {}

    def tables(self) -> None:
        self.connection.executescript(
            "CREATE TABLE message (id TEXT PRIMARY KEY, session_id TEXT, data TEXT);"
            "CREATE TABLE part (id TEXT PRIMARY KEY, message_id TEXT, data TEXT);"
        )

    def message(self, name: str, output: int, *, done: bool = True, **fields: Any) -> None:
        time = {"created": T, **({"completed": T + 9} if done else {})}
        data = {"role": "assistant", "modelID": "m", "time": time, "tokens": {"output": output}}
        self.connection.execute(
            "INSERT INTO message VALUES (?, 's', ?)"
            " ON CONFLICT (id) DO UPDATE SET data = excluded.data",
            (name, json.dumps(data | fields)),
        )

    def part(self, name: str, message: str, status: str, **fields: Any) -> None:
        data = {"type": "tool", "tool": "bash", "state": {"status": status}, **fields}
        self.connection.execute(
            "INSERT INTO part VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET data = excluded.data",
            (name, message, json.dumps(data)),
        )

    def read(self, *, chunk_events: int = 2000, stop_after: int = 99) -> list[UsageEvent]:
        [account] = PROVIDER.discover(self.machine)
        context = CollectContext(machine=self.machine, max_chunk_events=chunk_events)
        events: list[UsageEvent] = []
        for unit in PROVIDER.units(account, self.machine):
            cursor = self.cursors.get(unit.path)
            if is_unchanged(unit, cursor):
                continue
            for chunk in PROVIDER.collect(account, unit, cursor, context):
                events += chunk.events
                self.cursors[unit.path] = chunk.cursor
                stop_after -= 1
                if not stop_after:
                    break
        return events

    @property
    def cursor(self) -> SourceCursor:
        return self.cursors[str(self.path)]


@pytest.fixture
def kilo(tmp_path) -> Iterator[Kilo]:
    made = Kilo(tmp_path)
    yield made
    made.connection.close()


def brief(events: list[UsageEvent]) -> list[tuple[str, object]]:
    return [
        (event.tool_call_id, event.status)
        if event.event_type == TOOL_USAGE
        else (event.message_id, event.output)
        for event in events
    ]


def test_database_without_tables_is_read_later(kilo):
    """A file that was just made holds nothing yet; its first rows are found."""
    assert kilo.read() == []
    kilo.tables()
    kilo.message("m1", 5)
    assert brief(kilo.read()) == [("m1", 5)]


def test_streaming_message_is_followed_to_its_end(kilo):
    """Partial numbers are raised in place; once final, a message is not looked at again."""
    kilo.tables()
    kilo.message("m1", 0, done=False)
    kilo.message("m2", 4)
    assert brief(kilo.read()) == [("m2", 4)]
    kilo.message("m1", 3, done=False)
    assert brief(kilo.read()) == [("m1", 3)]
    kilo.message("m3", 1)
    assert brief(kilo.read()) == [("m3", 1)], "what has not changed is not repeated"
    kilo.message("m1", 8)
    assert brief(kilo.read()) == [("m1", 8)]
    kilo.message("m1", 9)
    assert kilo.read() == []


def test_tool_that_runs_keeps_its_message_open(kilo):
    """A call is reported when it has ended, also when that is after the message's end."""
    kilo.tables()
    kilo.message("m1", 5)
    kilo.part("p1", "m1", "running", callID="c1")
    kilo.part("p2", "m1", "completed")
    kilo.part("p3", "m1", "completed", tool="")
    assert brief(kilo.read()) == [("m1", 5), ("m1:p2", "ok")]
    kilo.part("p1", "m1", "error", callID="c1")
    assert brief(kilo.read()) == [("m1:c1", "error")]


def test_deleted_messages_are_forgotten(kilo):
    """An unfinished message that was deleted is not asked for for ever."""
    kilo.tables()
    kilo.message("m1", 1, done=False)
    kilo.message("m2", 1)
    kilo.read()
    kilo.connection.execute("DELETE FROM message WHERE id = 'm1'")
    assert kilo.read() == []
    assert msgspec.msgpack.decode(kilo.cursor.state)["pending"] == {}


def test_renumbered_rows_are_read_again_with_their_identities(kilo):
    """When the row at the cursor is another one, reading starts over and misses nothing."""
    kilo.tables()
    kilo.message("m1", 1)
    kilo.message("m2", 2)
    first = kilo.read()
    kilo.connection.execute("DELETE FROM message WHERE id = 'm2'")
    kilo.message("m3", 3)
    assert brief(kilo.read()) == [("m1", 1), ("m3", 3)]
    assert first[0].message_id == "m1"


def test_reader_that_stops_half_way_goes_on_there(kilo):
    """Chunks are bounded, and only the last cursor says that everything was read."""
    kilo.tables()
    for number in range(5):
        kilo.message(f"m{number}", number + 1)
    assert brief(kilo.read(chunk_events=8, stop_after=1)) == [("m0", 1), ("m1", 2)]
    assert kilo.cursor.size == 0
    assert brief(kilo.read(chunk_events=8)) == [("m2", 3), ("m3", 4), ("m4", 5)]
    assert kilo.read() == []


def test_messages_that_never_end_are_bounded(kilo, monkeypatch):
    """Those of killed processes are given up, oldest first."""
    monkeypatch.setattr(database, "MAX_PENDING", 2)
    kilo.tables()
    for number in range(4):
        kilo.message(f"m{number}", 1, done=False)
    assert len(kilo.read()) == 4
    assert list(msgspec.msgpack.decode(kilo.cursor.state)["pending"]) == ["m2", "m3"]


@pytest.mark.parametrize("change", [{"state": b"\xffdamaged"}, {"state_version": 99}])
def test_unusable_state_means_reading_again(kilo, change):
    """Damaged state and that of another version cost work, not numbers."""
    kilo.tables()
    kilo.message("m1", 1)
    first = kilo.read()
    kilo.message("m2", 2)
    kilo.cursors[str(kilo.path)] = msgspec.structs.replace(kilo.cursor, **change)
    assert brief(kilo.read()) == [*brief(first), ("m2", 2)]


def test_text_that_is_no_utf8_costs_only_its_row(kilo):
    """A row with broken text is passed over, its neighbours are read."""
    kilo.tables()
    kilo.message("m1", 1)
    kilo.connection.execute(
        "INSERT INTO message VALUES ('m2', 's', CAST(x'7b22726f6c65223a22617373697374616e74222c"
        "226d6f64656c4944223a22ff227d' AS TEXT))"
    )
    kilo.message("m3", 3)
    assert brief(kilo.read()) == [("m1", 1), ("m3", 3)]


def test_locked_database_is_reported(kilo):
    """A database that cannot be read says so with its path."""
    kilo.tables()
    kilo.message("m1", 1)
    kilo.connection.execute("PRAGMA journal_mode = DELETE")
    kilo.connection.execute("BEGIN EXCLUSIVE")
    with pytest.raises(ProviderError, match=r"kilo\.db"):
        kilo.read()
