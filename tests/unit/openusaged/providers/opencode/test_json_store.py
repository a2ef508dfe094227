"""OpenCode's legacy files: the same numbers, and cheap where nothing changes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from openusaged.core.models import JSONL, MESSAGE_USAGE, TOOL_USAGE, TURN_COMPLETED, UsageEvent
from openusaged.providers.opencode import PROVIDER, json_store
from tests.support.opencode_db import T0, OpenCodeDb, tokens
from tests.unit.openusaged.providers.opencode.test_sqlite_store import CAPTURES, Reader, usage


class Storage:
    """Writes files as version 1.1 did."""

    def __init__(self, home: str) -> None:
        self.root = Path(home) / ".local/share/opencode/storage"

    def write(self, path: str, value: object) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(value if isinstance(value, str) else json.dumps(value))
        return file

    def message(self, name: str, session: str = "ses_1", **fields: object) -> Path:
        info = {
            "id": name,
            "sessionID": session,
            "role": "assistant",
            "time": {"created": T0, "completed": T0 + 1},
            "parentID": "msg_0",
            "modelID": "m",
            "providerID": "p",
            "tokens": tokens(1),
            "finish": "stop",
        } | fields
        return self.write(f"message/{session}/{name}.json", info)


@pytest.fixture
def storage(isolated_home: str) -> Storage:
    return Storage(isolated_home)


@pytest.fixture
def reader(isolated_home: str) -> Reader:
    return Reader(isolated_home)


def ids(events: list[UsageEvent]) -> list[str]:
    return [event.message_id for event in usage(events)]


def test_capture_equals_its_ground_truth() -> None:
    """The real 1.1.11 store: reasoning is inside output already."""
    folder = CAPTURES / "run-1.1.11"
    events = Reader(str(folder / "home")).read()
    counted = usage(events)
    # README of the captures: 9 answers and one refused request
    assert len(counted) == len({event.message_id for event in counted}) == 10
    assert sum(event.input for event in counted) == 877
    assert sum(event.cache_read for event in counted) == 10980
    assert sum(event.cache_write_5m for event in counted) == 0
    assert sum(event.output for event in counted) == 395
    assert sum(event.reasoning for event in counted) == 45
    assert {event.channel for event in events} == {JSONL}
    assert sum(event.event_type == TURN_COMPLETED for event in events) == 6
    assert sum(event.event_type == TOOL_USAGE for event in events) == 4
    assert {event.agent for event in counted if event.parent_session_id} == {"general"}


def test_unchanged_session_is_not_read(storage: Storage, reader: Reader) -> None:
    """A session in which nothing was written costs a listing."""
    storage.message("msg_1")
    assert ids(reader.read()) == ["msg_1"]
    chunks = reader.chunks
    assert reader.read() == []
    assert reader.chunks == chunks


def test_new_message_is_read_alone(storage: Storage, reader: Reader) -> None:
    """Of a session that goes on only what is new is opened."""
    storage.message("msg_1")
    reader.read()
    storage.message("msg_2")
    storage.write("message/ses_1/msg_1.json", "no longer json")
    assert ids(reader.read()) == ["msg_2"]


def test_message_rewritten_in_place(storage: Storage, reader: Reader) -> None:
    """The newest message is completed in the same file, which its directory does not show."""
    path = storage.message("msg_1", time={"created": T0}, tokens=tokens(0), finish=None)
    before = path.parent.stat()
    assert reader.read() == []
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tokens": tokens(9)}))
    assert path.parent.stat().st_mtime_ns == before.st_mtime_ns
    assert [event.input for event in usage(reader.read())] == [9]


def test_half_written_message_is_read_later(storage: Storage, reader: Reader) -> None:
    """A file that is being written is looked at again."""
    path = storage.write("message/ses_1/msg_1.json", '{"id": "msg_')
    storage.message("msg_2")
    assert ids(reader.read()) == ["msg_2"]
    storage.message("msg_1")
    assert path.exists()
    assert ids(reader.read()) == ["msg_1"]


def test_deleted_pending_message_is_forgotten(storage: Storage, reader: Reader) -> None:
    """A half-written message that was removed leaves the state."""
    path = storage.write("message/ses_1/msg_1.json", "{")
    reader.read()
    path.unlink()
    storage.message("msg_2")
    reader.read()
    [cursor] = reader.cursors.values()
    assert b"pending" not in cursor.state


def test_steps_tools_and_session(storage: Storage, reader: Reader) -> None:
    """Parts give steps and tools, the session its parent; a copy made by a fork is dropped."""
    session = {"id": "ses_1", "parentID": "ses_0", "directory": "/w", "time": {"created": T0}}
    storage.write("session/p1/ses_1.json", session)
    storage.write("session/p0/other.json", {})
    storage.message("msg_0", time={"created": T0 - 1, "completed": T0})
    storage.message("msg_1", tokens=None, agent="explore")
    storage.write(
        "part/msg_1/prt_1.json", {"type": "step-finish", "tokens": tokens(7), "cost": 0.5}
    )
    state = {"status": "error", "time": {"start": T0 + 3}, "input": {"filePath": "x.rs"}}
    storage.write("part/msg_1/prt_2.json", {"type": "tool", "tool": "read", "state": state})
    storage.write("part/msg_1/prt_3.json", {"type": "text", "text": "secret"})
    message, _, tool = reader.read()
    assert (message.message_id, message.input, message.cost_nano) == ("msg_1", 7, 500_000_000)
    assert (message.agent, message.parent_session_id, message.cwd) == ("explore", "ses_0", "/w")
    assert (tool.tool_call_id, tool.status, tool.language) == ("prt_2", "error", "rust")


def test_small_chunks(storage: Storage, isolated_home: str) -> None:
    """Chunks are bounded, and a reader that stops half-way goes on where it was."""
    for number in range(6):
        storage.message(f"msg_{number}")
    whole = Reader(isolated_home).read()
    broken = Reader(isolated_home, max_chunk_events=4)
    events = broken.read(stop_after=1)
    broken.chunks = 0
    assert events
    assert events + broken.read() == whole
    assert broken.chunks >= 2


def test_oversized_and_odd_files(
    storage: Storage, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that are too large, no objects or no messages cost only themselves."""
    monkeypatch.setattr(json_store, "MAX_FILE_BYTES", 20_000)
    storage.message("msg_1", x="y" * 20_000)
    storage.write("message/ses_1/msg_2.json", [1])
    storage.write("message/ses_1/msg_3.json", {"role": "user"})
    storage.write("message/ses_1/msg_4.json", {"role": "assistant"})
    storage.write("message/ses_1/readme.txt", "x")
    storage.message("msg_5")
    assert ids(reader.read()) == ["msg_5"]


@pytest.mark.parametrize("more", [-1, 0, 1, 300_000])
def test_files_of_every_size_are_read_whole(storage: Storage, reader: Reader, more: int) -> None:
    """What one read brings, and what it does not, are one file."""
    size = storage.message("msg_1", x="").stat().st_size
    file = storage.message("msg_1", x="y" * (json_store._USUAL_BYTES - size + more))
    assert file.stat().st_size == json_store._USUAL_BYTES + more
    assert ids(reader.read()) == ["msg_1"]


def test_same_message_in_both_stores_has_one_identity(
    storage: Storage, isolated_home: str, reader: Reader
) -> None:
    """A store that was migrated to the database reports each message under the same id."""
    with OpenCodeDb(Path(isolated_home) / ".local/share/opencode/opencode.db") as db:
        db.session()
        db.message("msg_1", tokens=tokens(1), time={"created": T0, "completed": T0 + 1})
        storage.message("msg_1")
        first, second = usage(reader.read())
    assert (first.message_id, first.ts_ms) == (second.message_id, second.ts_ms)


def test_unreadable_session_directory_is_no_unit(storage: Storage, reader: Reader) -> None:
    """A directory that vanishes between listing and stat is passed over."""
    path = storage.message("msg_1")
    [account] = PROVIDER.discover(reader.machine)
    path.unlink()
    os.rmdir(path.parent)
    assert PROVIDER.locate(account, str(path), reader.machine) is None


def test_event_types(storage: Storage, reader: Reader) -> None:
    """A finished message is one usage and one turn."""
    storage.message("msg_1")
    assert [event.event_type for event in reader.read()] == [MESSAGE_USAGE, TURN_COMPLETED]
