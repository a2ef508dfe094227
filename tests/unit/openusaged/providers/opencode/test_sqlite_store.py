"""OpenCode's database: right numbers, each once, and work only for what is new."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from openusaged.core.errors import ProviderError
from openusaged.core.models import (
    MESSAGE_USAGE,
    SQLITE,
    TOOL_USAGE,
    TURN_COMPLETED,
    SourceCursor,
    UsageEvent,
)
from openusaged.providers.base import CollectContext, Machine
from openusaged.providers.opencode import PROVIDER
from openusaged.providers.shared import files
from tests.support.opencode_db import T0, OpenCodeDb, tokens

CAPTURES = Path(__file__).resolve().parents[4] / "data" / "providers" / "opencode" / "captures"


@pytest.fixture
def db(isolated_home: str) -> Iterator[OpenCodeDb]:
    with OpenCodeDb(Path(isolated_home) / ".local/share/opencode/opencode.db") as database:
        yield database


class Reader:
    """Reads as the collector does: changed units only, cursor after cursor."""

    def __init__(self, home: str, *, max_chunk_events: int = 2000) -> None:
        self.machine = Machine(env={}, home=home)
        self.context = CollectContext(machine=self.machine, max_chunk_events=max_chunk_events)
        self.cursors: dict[str, SourceCursor] = {}
        self.chunks = 0

    def read(self, *, stop_after: int | None = None) -> list[UsageEvent]:
        events: list[UsageEvent] = []
        [account] = PROVIDER.discover(self.machine)
        for unit in PROVIDER.units(account, self.machine):
            cursor = self.cursors.get(unit.path)
            if files.is_unchanged(unit, cursor):
                continue
            for chunk in PROVIDER.collect(account, unit, cursor, self.context):
                events += chunk.events
                self.cursors[unit.path] = chunk.cursor
                self.chunks += 1
                if stop_after is not None and self.chunks >= stop_after:
                    return events
        return events


@pytest.fixture
def reader(isolated_home: str) -> Reader:
    return Reader(isolated_home)


def usage(events: list[UsageEvent]) -> list[UsageEvent]:
    return [event for event in events if event.event_type == MESSAGE_USAGE]


def test_capture_equals_its_ground_truth() -> None:
    """The real 1.18.33 database: fork copies dropped, reasoning inside output, cost to the nano."""
    folder = CAPTURES / "run-1.18.33"
    events = Reader(str(folder / "home")).read()
    rows = json.loads((folder / "expected.json").read_text())["assistant_rows_in_db"]
    expected = rows["without_fork_copies"]
    counted = usage(events)
    assert len(counted) == len({event.message_id for event in counted}) == expected["messages"]
    assert sum(event.input for event in counted) == expected["input"]
    assert sum(event.cache_read for event in counted) == expected["cache_read"]
    assert sum(event.cache_write_5m for event in counted) == expected["cache_write"]
    assert sum(event.reasoning for event in counted) == expected["reasoning"]
    assert sum(event.output for event in counted) == expected["output"] + expected["reasoning"]
    assert sum(event.cost_nano or 0 for event in counted) == round(expected["cost"] * 1e9)
    children = [event for event in counted if event.parent_session_id]
    assert {event.agent for event in children} == {"general"}
    assert len(children) == 2
    turns = [event.turn_id for event in events if event.event_type == TURN_COMPLETED]
    assert len(turns) == len(set(turns)) == 10
    tools = [event.tool_call_id for event in events if event.event_type == TOOL_USAGE]
    assert len(tools) == len(set(tools)) == 7


def test_fields_of_a_message(db: OpenCodeDb, reader: Reader) -> None:
    """A message carries ids, model, lower-case provider, directory, disjoint buckets and its cost."""
    db.session()
    db.message("msg_1", tokens=tokens(120, 40, 5, 10, 2, total=177), cost=0.012)
    [event, turn] = reader.read()
    assert event == UsageEvent(
        source="opencode",
        channel=SQLITE,
        event_type=MESSAGE_USAGE,
        ts_ms=T0 + 1000,
        provider="anthropic",
        client="opencode",
        session_id="ses_1",
        turn_id="msg_user",
        message_id="msg_1",
        cwd="/w",
        model="m",
        input=120,
        cache_read=10,
        cache_write_5m=2,
        output=45,
        reasoning=5,
        requests=1,
        cost_nano=12_000_000,
    )
    assert (turn.event_type, turn.turn_id, turn.message_id) == (TURN_COMPLETED, "msg_user", "")


class TestIncrement:
    def test_nothing_new_reads_nothing(self, db: OpenCodeDb, reader: Reader) -> None:
        """An unchanged database is not opened again."""
        db.session()
        db.message("msg_1", tokens=tokens(1))
        assert len(usage(reader.read())) == 1
        chunks = reader.chunks
        assert reader.read() == []
        assert reader.chunks == chunks

    def test_change_in_the_log_only_is_seen(self, db: OpenCodeDb, reader: Reader) -> None:
        """A row that is still in the -wal file is new although the database file is not."""
        db.session()
        reader.read()
        before = db.path.stat()
        db.message("msg_1", tokens=tokens(1))
        assert db.path.stat().st_mtime_ns == before.st_mtime_ns
        assert len(usage(reader.read())) == 1

    def test_only_new_messages_are_reported(self, db: OpenCodeDb, reader: Reader) -> None:
        """A second read reports what came since the first."""
        db.session()
        db.message("msg_1", tokens=tokens(1))
        reader.read()
        db.message("msg_2", tokens=tokens(2))
        assert [event.message_id for event in usage(reader.read())] == ["msg_2"]

    def test_message_that_grows_is_reported_when_done(self, db: OpenCodeDb, reader: Reader) -> None:
        """The zero-token first state of a message is not reported; its final one is."""
        db.session()
        db.message("msg_1", tokens=tokens(0), time={"created": T0}, finish=None)
        db.message("msg_2", tokens=tokens(7))
        assert [event.message_id for event in usage(reader.read())] == ["msg_2"]
        db.message("msg_1", tokens=tokens(5), time={"created": T0, "completed": T0 + 9})
        [event] = usage(reader.read())
        assert (event.message_id, event.input, event.ts_ms) == ("msg_1", 5, T0)
        db.message("msg_3", tokens=tokens(1))
        assert [event.message_id for event in usage(reader.read())] == ["msg_3"]

    def test_killed_agent_leaves_its_tokens(self, db: OpenCodeDb, reader: Reader) -> None:
        """A message that never completes is reported once with the tokens it has."""
        db.session()
        db.message("msg_1", tokens=tokens(5), time={"created": T0}, finish=None)
        first = reader.read()
        assert [event.input for event in usage(first)] == [5]
        assert len(first) == 1  # its turn has not ended
        db.message("msg_2", tokens=tokens(7))
        assert [event.message_id for event in usage(reader.read())] == ["msg_2"]

    def test_running_tool_is_reported_when_settled(self, db: OpenCodeDb, reader: Reader) -> None:
        """A running tool is looked at again, a settled one is reported once."""
        db.session()
        db.message("msg_1", time={"created": T0}, finish=None)
        db.tool("prt_1", "msg_1")
        db.tool("prt_2", "msg_1", "running")
        assert [event.tool_call_id for event in reader.read()] == ["call_prt_1"]
        db.tool("prt_2", "msg_1", "error")
        [event] = reader.read()
        assert (event.tool_call_id, event.status) == ("call_prt_2", "error")

    def test_tool_that_settles_after_its_message(self, db: OpenCodeDb, reader: Reader) -> None:
        """A call that ends after its message was completed is not lost."""
        db.session()
        db.message("msg_1", tokens=tokens(1))
        db.tool("prt_1", "msg_1", "pending")
        reader.read()
        db.tool("prt_1", "msg_1")
        assert "call_prt_1" in [event.tool_call_id for event in reader.read()]
        db.message("msg_2", tokens=tokens(1))
        assert [event.message_id for event in usage(reader.read())] == ["msg_2"]

    def test_small_chunks_give_the_same_events(self, db: OpenCodeDb, isolated_home: str) -> None:
        """Bounded chunks add up to one read, and each cursor resumes where its chunk ended."""
        db.session()
        for number in range(10):
            db.message(f"msg_{number}", tokens=tokens(number + 1))
            db.message(f"usr_{number}", role="user")
        whole = Reader(isolated_home).read()
        small = Reader(isolated_home, max_chunk_events=8)
        assert small.read() == whole
        assert small.chunks > 4
        broken = Reader(isolated_home, max_chunk_events=8)
        events = broken.read(stop_after=2)
        cursor = next(iter(broken.cursors.values()))
        assert (cursor.size, cursor.mtime_ns) == (0, 0)  # it must not pass for read
        assert 0 < cursor.offset < db.path.stat().st_size + (1 << 20)
        broken.chunks = 0
        assert events + broken.read() == whole

    def test_rowids_taken_again_after_a_deletion(self, db: OpenCodeDb, reader: Reader) -> None:
        """Rows that reuse the place of deleted ones are found by their time of update."""
        db.session()
        for number in range(3):
            db.message(f"msg_{number}", tokens=tokens(1))
        reader.read()
        db.connection.execute("DELETE FROM message WHERE id IN ('msg_1', 'msg_2')")
        db.message("msg_a", tokens=tokens(8))
        assert "msg_a" in [event.message_id for event in usage(reader.read())]
        db.message("msg_b", tokens=tokens(9))
        assert [event.message_id for event in usage(reader.read())] == ["msg_b"]

    def test_start_over_reads_only_what_was_updated(self, db: OpenCodeDb, reader: Reader) -> None:
        """When rows were deleted, messages updated long before are not reported again."""
        db.session()
        db.message("msg_old", tokens=tokens(1))
        db.clock += 3_600_000
        db.message("msg_1", tokens=tokens(1))
        reader.read()
        db.connection.execute("DELETE FROM message WHERE id = 'msg_1'")
        db.message("msg_2", tokens=tokens(1))
        assert [event.message_id for event in usage(reader.read())] == ["msg_2"]

    def test_vacuum_renumbers_rows(self, db: OpenCodeDb, reader: Reader) -> None:
        """VACUUM moves rows to other places; what comes after is still found."""
        db.session()
        for number in range(5):
            db.message(f"msg_{number}", tokens=tokens(1))
        db.connection.execute("DELETE FROM message WHERE id = 'msg_1'")
        reader.read()
        db.connection.execute("VACUUM")
        db.message("msg_9", tokens=tokens(1))
        assert "msg_9" in [event.message_id for event in usage(reader.read())]

    def test_replaced_database_is_read_from_its_start(
        self, db: OpenCodeDb, reader: Reader, tmp_path: Path
    ) -> None:
        """Another file under the same name has its own history."""
        db.session()
        db.message("msg_1", tokens=tokens(1))
        reader.read()
        db.connection.close()
        with OpenCodeDb(tmp_path / "other.db") as other:
            other.session()
            other.message("msg_x", tokens=tokens(1))
        (tmp_path / "other.db").replace(db.path)
        assert [event.message_id for event in usage(reader.read())] == ["msg_x"]

    def test_damaged_state_starts_over(self, db: OpenCodeDb, reader: Reader) -> None:
        """A cursor that cannot be decoded costs a re-read, nothing else."""
        db.session()
        db.message("msg_1", tokens=tokens(1))
        reader.read()
        [cursor] = reader.cursors.values()
        reader.cursors[cursor.path] = SourceCursor(
            source=cursor.source,
            account_id=cursor.account_id,
            path=cursor.path,
            device=cursor.device,
            inode=cursor.inode,
            state=b"{",
            state_version=cursor.state_version,
        )
        assert len(usage(reader.read())) == 1

    def test_pending_messages_are_bounded(self, db: OpenCodeDb, reader: Reader) -> None:
        """Messages of killed processes do not make the state grow without end."""
        db.session()
        for number in range(300):
            db.message(f"msg_{number:03d}", time={"created": T0}, finish=None)
        reader.read()
        [cursor] = reader.cursors.values()
        assert len(json.loads(cursor.state)["pending"]) == 256

    def test_deleted_pending_message_is_forgotten(self, db: OpenCodeDb, reader: Reader) -> None:
        """An unfinished message whose session was deleted is not looked for again."""
        db.session()
        db.message("msg_1", time={"created": T0}, finish=None)
        reader.read()
        db.connection.execute("DELETE FROM message")
        assert reader.read() == []
        [cursor] = reader.cursors.values()
        assert "pending" not in json.loads(cursor.state)


class TestTraps:
    def test_fork_copies_are_dropped(self, db: OpenCodeDb, reader: Reader) -> None:
        """Messages older than their session are copies; their tools and turns are, too."""
        db.session("ses_1", created=T0)
        db.message("msg_1", tokens=tokens(3))
        db.session("ses_fork", created=T0 + 500_000)
        db.message("msg_copy", "ses_fork", tokens=tokens(3), parentID="msg_user_copy")
        db.tool("prt_copy", "msg_copy")
        db.clock = T0 + 600_000
        db.message("msg_own", "ses_fork", tokens=tokens(4), parentID="msg_user_2")
        events = reader.read()
        assert [event.message_id for event in usage(events)] == ["msg_1", "msg_own"]
        turns = [event.turn_id for event in events if event.event_type == TURN_COMPLETED]
        assert turns == ["msg_user", "msg_user_2"]
        assert not [event for event in events if event.event_type == TOOL_USAGE]

    def test_several_steps_are_summed(self, db: OpenCodeDb, reader: Reader) -> None:
        """A message of two requests counts both, although its own tokens are the last one's."""
        db.session()
        db.message("msg_1", tokens=tokens(20, 2), cost=0.5)
        db.step("prt_1", "msg_1", tokens(10, 1, read=5), 0.2)
        db.step("prt_2", "msg_1", tokens(20, 2), 0.3)
        [event] = usage(reader.read())
        assert (event.input, event.output, event.cache_read) == (30, 3, 5)
        assert (event.requests, event.cost_nano) == (2, 500_000_000)

    def test_message_without_tokens_takes_its_steps(self, db: OpenCodeDb, reader: Reader) -> None:
        """Rows of 1.2 that lack tokens and cost fall back to the parts."""
        db.session()
        db.message("msg_1", cost=None)
        db.step("prt_1", "msg_1", tokens(26876, 1173, total=28049), 0.00126)
        [event] = usage(reader.read())
        assert (event.input, event.output, event.requests) == (26876, 1173, 1)
        assert event.cost_nano == 1_260_000

    def test_single_step_is_not_counted_twice(self, db: OpenCodeDb, reader: Reader) -> None:
        """The usual message repeats its only step."""
        db.session()
        db.message("msg_1", tokens=tokens(10, 1))
        db.step("prt_1", "msg_1", tokens(10, 1))
        assert usage(reader.read())[0].input == 10

    def test_failed_message(self, db: OpenCodeDb, reader: Reader) -> None:
        """A refused request has status error, no tokens, and ends its turn."""
        db.session()
        error = {"name": "APIError", "data": {"message": "secret", "responseBody": "secret"}}
        db.message("msg_1", tokens=tokens(0), error=error, finish=None)
        [event, turn] = reader.read()
        assert (event.status, event.output, turn.status) == ("error", 0, "error")

    def test_aborted_message(self, db: OpenCodeDb, reader: Reader) -> None:
        """An interrupted message is aborted, not failed."""
        db.session()
        db.message("msg_1", tokens=tokens(4), error={"name": "MessageAbortedError"}, finish=None)
        assert {event.status for event in reader.read()} == {"aborted"}

    def test_turn_ends_once(self, db: OpenCodeDb, reader: Reader) -> None:
        """The model's own continuation after tool calls ends no turn; a summary is none."""
        db.session()
        db.message("msg_1", tokens=tokens(1), finish="tool-calls")
        db.message("msg_2", tokens=tokens(1), finish="unknown")
        db.message("msg_3", tokens=tokens(1), parentID="msg_compaction", summary=True)
        db.message("msg_4", tokens=tokens(1))
        turns = [event for event in reader.read() if event.event_type == TURN_COMPLETED]
        assert [turn.turn_id for turn in turns] == ["msg_user"]

    def test_sub_agent_session(self, db: OpenCodeDb, reader: Reader) -> None:
        """A child session's messages name their agent and the parent session."""
        db.session("ses_1")
        db.session("ses_child", parent="ses_1")
        db.message("msg_1", "ses_child", tokens=tokens(1), agent="general")
        db.message("msg_2", "ses_child", tokens=tokens(1), agent=None)
        first, second = usage(reader.read())
        assert (first.agent, first.parent_session_id) == ("general", "ses_1")
        assert second.agent == "subagent"

    def test_tool_fields(self, db: OpenCodeDb, reader: Reader) -> None:
        """A tool call tells language, line counts and start; its id falls back to the part's."""
        db.session()
        db.message("msg_1", tokens=tokens(1))
        db.tool("prt_1", "msg_1", metadata={"filediff": {"additions": 3, "deletions": 1}})
        db.part("prt_2", "msg_1", type="tool", tool="Bash", state={"status": "completed"})
        tools = [event for event in reader.read() if event.event_type == TOOL_USAGE]
        assert [tool.tool_call_id for tool in tools] == ["call_prt_1", "prt_2"]
        assert (tools[0].language, tools[0].lines_added, tools[0].lines_removed) == ("python", 3, 1)
        assert (tools[0].ts_ms, tools[0].model) == (T0 + 77, "m")
        assert (tools[1].tool_name, tools[1].ts_ms) == ("bash", T0 + 1000)

    def test_mcp_tool_of_a_configured_server(
        self, db: OpenCodeDb, reader: Reader, isolated_home: str
    ) -> None:
        """`<server>_<tool>` is an MCP call when opencode.jsonc configures that server."""
        config = Path(isolated_home) / ".config/opencode/opencode.jsonc"
        config.parent.mkdir(parents=True)
        config.write_text('{ // mine\n "mcp": {"git hub": {"type": "local"},}, }')
        db.session()
        db.message("msg_1", tokens=tokens(1))
        for number, name in enumerate(("git_hub_list_issues", "web_search")):
            state = {"status": "completed"}
            db.part(f"prt_{number}", "msg_1", type="tool", tool=name, callID=name, state=state)
        tools = [event for event in reader.read() if event.event_type == TOOL_USAGE]
        assert [(tool.mcp_server, tool.mcp_function) for tool in tools] == [
            ("git_hub", "list_issues"),
            ("", ""),
        ]

    def test_bad_rows_do_not_spoil_the_rest(self, db: OpenCodeDb, reader: Reader) -> None:
        """Broken JSON, wrong types and missing fields cost only their own row."""
        db.session()
        db.message("msg_1", data="{")
        db.message("msg_2", data="[1]")
        db.message("msg_3", time="x", tokens=tokens(1))
        db.message("msg_4", tokens="many", path=3, modelID=7, cost="free", parentID=None)
        db.message("msg_5", tokens={"input": "x", "output": -4, "cache": 3, "total": "x"})
        db.message("msg_6", "ses_gone", tokens=tokens(6))
        db.connection.execute(
            "INSERT INTO part VALUES ('prt_x', 'msg_6', 'ses_1', 1, 1, '{\"tool\"')"
        )
        counted = {event.message_id: event for event in usage(reader.read())}
        assert counted.keys() == {"msg_4", "msg_5", "msg_6"}
        assert counted["msg_4"].cost_nano is None
        assert (counted["msg_5"].input, counted["msg_5"].output) == (0, 0)
        assert counted["msg_6"].input == 6

    def test_bytes_that_are_no_text_cost_their_row(self, db: OpenCodeDb, reader: Reader) -> None:
        """A field that is no UTF-8 hides its own message, not the database."""
        db.session()
        db.message("msg_1", tokens=tokens(1), finish="BAD")
        db.message("msg_2", tokens=tokens(2))
        db.connection.execute("UPDATE message SET data = CAST(replace(data, 'BAD', x'ff') AS TEXT)")
        db.connection.commit()
        assert [event.message_id for event in usage(reader.read())] == ["msg_2"]

    def test_text_never_becomes_an_object(self, db: OpenCodeDb, reader: Reader) -> None:
        """Neither events nor the state hold anything of prompts, answers, tools or titles."""
        db.session()
        db.message("msg_1", tokens=tokens(1))
        db.part("prt_0", "msg_1", type="text", text='a secret "step-finish" answer')
        db.tool("prt_1", "msg_1", title="secret title")
        events = reader.read()
        [cursor] = reader.cursors.values()
        assert "secret" not in repr(events) + cursor.state.decode()
        assert len(events) == 3


class TestOtherDatabases:
    def test_every_channel_is_read(self, db: OpenCodeDb, isolated_home: str) -> None:
        """opencode.db and opencode-<channel>.db in one directory are all history."""
        db.session()
        db.message("msg_1", tokens=tokens(1))
        with OpenCodeDb(db.path.with_name("opencode-next.db")) as other:
            other.session()
            other.message("msg_2", tokens=tokens(1))
            events = Reader(isolated_home).read()
        assert {event.message_id for event in usage(events)} == {"msg_1", "msg_2"}

    def test_closed_database_is_read_without_traces(self, db: OpenCodeDb, reader: Reader) -> None:
        """Reading a database nobody has open leaves no -wal or -shm beside it."""
        db.session()
        db.message("msg_1", tokens=tokens(1))
        db.connection.close()
        assert len(usage(reader.read())) == 1
        assert [path.name for path in db.path.parent.iterdir()] == ["opencode.db"]

    def test_database_without_tables(self, isolated_home: str) -> None:
        """A database that has just been made is empty, not an error."""
        path = Path(isolated_home) / ".local/share/opencode/opencode.db"
        path.parent.mkdir(parents=True)
        sqlite3.connect(path).close()
        path.touch()
        assert Reader(isolated_home).read() == []

    def test_old_schema_without_session_table(self, isolated_home: str) -> None:
        """Without sessions messages are read with what they know themselves."""
        path = Path(isolated_home) / ".local/share/opencode/opencode.db"
        path.parent.mkdir(parents=True)
        connection = sqlite3.connect(path)
        times = "session_id TEXT, time_created INTEGER, time_updated INTEGER, data TEXT"
        connection.execute(f"CREATE TABLE message (id TEXT PRIMARY KEY, {times})")
        connection.execute(f"CREATE TABLE part (id TEXT, message_id TEXT, {times})")
        info = {"role": "assistant", "time": {"created": T0, "completed": T0}, "tokens": tokens(4)}
        connection.execute(
            "INSERT INTO message VALUES ('msg_1', 's', 1, 1, ?)", (json.dumps(info),)
        )
        connection.commit()
        connection.close()
        [event] = Reader(isolated_home).read()
        assert (event.input, event.model, event.session_id) == (4, "", "s")

    def test_no_database_at_all(self, isolated_home: str) -> None:
        """Garbage under the name of a database is reported as such."""
        path = Path(isolated_home) / ".local/share/opencode/opencode.db"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"no database, but long enough to be taken for one" * 100)
        with pytest.raises(ProviderError, match=r"opencode\.db"):
            Reader(isolated_home).read()
