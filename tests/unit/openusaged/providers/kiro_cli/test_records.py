"""What Kiro's records say, in the shapes the recorded machines do not hold."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from openusaged.core.models import TURN_COMPLETED, Account
from openusaged.providers.base import CollectContext, Machine
from openusaged.providers.kiro_cli import PROVIDER, classic, messages
from openusaged.providers.kiro_cli.records import credits_nano, split_tool
from tests.support.provider_case import counted


class Home:
    """A Kiro home and a reader that remembers its cursors."""

    def __init__(self, path) -> None:
        self.path = path / ".kiro" / "sessions"
        self.machine = Machine(env={}, home=str(path))
        self.account = Account(id="k", provider_id="kiro_cli", home=str(path / ".kiro"))
        self.cursors: dict[str, Any] = {}
        self.events: list = []

    def write(self, name: str, *lines: Any, mode: str = "a") -> None:
        place = self.path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open(mode, encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)

    def read(self) -> list:
        fresh = []
        for unit in PROVIDER.units(self.account, self.machine):
            cursor = self.cursors.get(unit.path)
            context = CollectContext(machine=self.machine)
            for chunk in PROVIDER.collect(self.account, unit, cursor, context):
                fresh += chunk.events
                self.cursors[unit.path] = chunk.cursor
        self.events += fresh
        return fresh


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


def line(number: int, **payload: Any) -> dict[str, Any]:
    return {"id": f"r{number}", "timestamp": f"2026-09-03T12:00:{number:02}Z", "payload": payload}


LOG = "9f3c/sess_1/messages.jsonl"
CREDIT = [{"unit": "credit", "usage": 0.5}]


class TestMessageLog:
    def test_turn_is_known_across_reads(self, home):
        """The turn that was begun in an earlier read owns the summary of a later one."""
        home.write(LOG, line(1, type="turn_start", executionId="x1"))
        assert home.read() == []
        home.write(LOG, line(2, type="usage_summary", promptTurnSummaries=CREDIT))
        home.write(LOG, line(3, type="usage_summary", promptTurnSummaries=CREDIT))
        home.write(LOG, line(4, type="usage_summary", executionId="x1", promptTurnSummaries=CREDIT))
        home.read()
        (event,) = counted(home.events, "k")
        assert event.cost_nano == 500_000_000
        assert home.events[0].message_id == "sess_1:x1"

    def test_session_file_that_comes_later_moves_no_turn(self, home):
        """`session.json` tells model and directory, and is no part of what a turn is."""
        home.write(LOG, line(1, type="usage_summary", executionId="x1", promptTurnSummaries=CREDIT))
        home.read()
        facts = {"model_id": "claude-sonnet-4.5", "workspacePaths": ["/w"]}
        home.write("9f3c/sess_1/session.json", facts, mode="w")
        home.write(LOG, line(2, type="usage_summary", executionId="x1", promptTurnSummaries=CREDIT))
        home.read()
        (event,) = counted(home.events, "k")
        assert (event.model, event.project) == ("claude-sonnet-4.5", "/w")

    def test_calls_without_a_result_are_bounded(self, home, monkeypatch):
        """Calls that were never answered do not fill the cursor."""
        monkeypatch.setattr(messages, "MAX_OPEN_CALLS", 1)
        home.write(
            LOG,
            line(1, type="tool_call", toolName="a", toolCallId="1"),
            line(2, type="tool_call", toolName="b", toolCallId="2"),
            line(3, type="tool_result", toolCallId="1", success=False),
            line(4, type="tool_result", toolCallId="2", success=False),
            line(5, type="tool_call", toolName=7, toolCallId="3"),
        )
        stored = counted(home.read(), "k")
        assert [(event.tool_name, event.status) for event in stored] == [
            ("a", "ok"),
            ("b", "error"),
        ]

    def test_damaged_state_goes_on_without_it(self, home):
        """A state that cannot be decoded costs the name of the turn, not the reader."""
        home.write(LOG, line(1, type="turn_start", executionId="x1"))
        home.read()
        home.cursors = {
            path: msgspec.structs.replace(cursor, state=b"\xff")
            for path, cursor in home.cursors.items()
        }
        home.write(LOG, line(2, type="turn_end"))
        (event,) = home.read()
        assert (event.event_type, event.turn_id) == (TURN_COMPLETED, "sess_1:r2")

    @pytest.mark.parametrize(
        ("facts", "cwd"),
        [
            ({"workspaceFolders": ["file:///a%20b"]}, "/a b"),
            ({"workspacePath": "/w"}, "/w"),
            ({"workspaceFolders": [], "cwd": "/w"}, "/w"),
            ({"workspaceFolders": [{"path": "/w"}]}, "/w"),
            ({"workspaceFolders": 7}, ""),
            ([], ""),
        ],
    )
    def test_directory_in_the_spellings_of_versions(self, home, facts, cwd):
        """The first workspace folder is the project, however it is written."""
        home.write("9f3c/sess_1/session.json", facts)
        home.write(LOG, line(1, type="turn_end"))
        (event,) = home.read()
        assert event.cwd == cwd


def header(*turns: Any, **more: Any) -> dict[str, Any]:
    state = {"conversation_metadata": {"user_turn_metadatas": list(turns)}}
    return {"session_id": "s", "created_at": "2026-05-20T10:00:00Z", "session_state": state} | more


def turn(credit: float, **more: Any) -> dict[str, Any]:
    return {"metering_usage": [{"value": credit, "unit": "credit"}]} | more


class TestClassicSession:
    def test_rewritten_header_sends_only_news(self, home):
        """A header that is written anew with another turn brings that turn alone."""
        first = turn(0.1, end_timestamp="2026-05-20T10:00:10Z")
        home.write("cli/s.json", header(first), mode="w")
        assert len(home.read()) == 2
        second = turn(0.2, end_timestamp="2026-05-20T10:01:10Z")
        home.write("cli/s.json", header(first, second), mode="w")
        assert [event.cost_nano for event in home.read()] == [200_000_000, None]
        assert len(counted(home.events, "k")) == 4

    def test_turn_that_is_written_while_it_runs_is_one(self, home):
        """A turn is told by its loop, so its end may come with a later writing."""
        home.write("cli/s.json", header(turn(0.1, loop_id={"rand": 7})), mode="w")
        home.read()
        ended = turn(0.3, loop_id={"rand": 7}, end_timestamp="2026-05-20T10:01:10Z")
        home.write("cli/s.json", header(ended), mode="w")
        home.read()
        usage, completed = counted(home.events, "k")
        assert usage.cost_nano == 300_000_000
        assert completed.event_type == TURN_COMPLETED

    def test_header_without_any_time_or_turn_says_nothing(self, home):
        """What cannot be put on a day is not invented one."""
        home.write("cli/a.json", header(turn(0.1), created_at=None), mode="w")
        home.write("cli/b.json", {"session_id": "b", "session_state": {}}, mode="w")
        (home.path / "cli/c.json").write_text("")
        assert home.read() == []

    def test_transcript_without_header_takes_the_times_it_has(self, home):
        """Before any line tells a time its calls cannot be counted."""
        use = {"kind": "toolUse", "data": {"toolUseId": "t1", "name": "fs_read"}}
        later = {"kind": "toolUse", "data": {"toolUseId": "t2", "name": "fs_read"}}
        home.write(
            "cli/x.jsonl",
            {"kind": "AssistantMessage", "data": {"content": [use]}},
            {"kind": "Prompt", "data": {"content": [], "timestamp": "2026-05-20T10:00:00Z"}},
            {"kind": "AssistantMessage", "data": {"content": [later, "odd"]}},
            {
                "kind": "AssistantMessage",
                "data": None,
                "timestamp": "2026-05-20T10:00:01Z",
                "x": "toolUse",
            },
        )
        (event,) = home.read()
        assert (event.tool_call_id, event.session_id, event.ts_ms) == ("x:t2", "x", 1779271200000)

    def test_open_calls_are_kept_across_reads_and_bounded(self, home, monkeypatch):
        """A result in a later read still finds its call, unless too many are open."""
        monkeypatch.setattr(classic, "MAX_OPEN_CALLS", 1)
        uses = [
            {"kind": "toolUse", "data": {"toolUseId": f"t{n}", "name": "fs_read"}} for n in (1, 2)
        ]
        home.write(
            "cli/x.jsonl",
            {
                "kind": "AssistantMessage",
                "data": {"content": uses},
                "timestamp": "2026-05-20T10:00:00Z",
            },
        )
        home.read()
        results = [
            {"kind": "toolResult", "data": {"toolUseId": f"t{n}", "status": "error"}}
            for n in (1, 2)
        ]
        home.write("cli/x.jsonl", {"kind": "ToolResults", "data": {"content": results}})
        home.read()
        stored = counted(home.events, "k")
        assert sorted(event.status for event in stored) == ["error", "ok"]

    def test_damaged_state_goes_on_without_it(self, home):
        """A state that cannot be decoded costs the times of a few calls."""
        home.write(
            "cli/x.jsonl", {"kind": "Prompt", "data": {}, "timestamp": "2026-05-20T10:00:00Z"}
        )
        home.read()
        home.cursors = {
            path: msgspec.structs.replace(cursor, state=b"\xff")
            for path, cursor in home.cursors.items()
        }
        use = {"kind": "toolUse", "data": {"toolUseId": "t1", "name": "fs_read"}}
        home.write("cli/x.jsonl", {"kind": "AssistantMessage", "data": {"content": [use]}})
        assert home.read() == []


@pytest.mark.parametrize(
    ("tool", "split"),
    [
        ("@github/create_issue", ("github", "create_issue")),
        ("@github", ("github", "")),
        ("github___create_issue", ("github", "create_issue")),
        ("mcp__github__create_issue", ("github", "create_issue")),
        ("fs_read", ("", "")),
    ],
)
def test_server_of_an_mcp_tool(tool, split):
    """Kiro has named MCP tools in several ways."""
    assert split_tool(tool) == split


@pytest.mark.parametrize(
    ("entries", "nano"),
    [
        ([{"unit": "credit", "usage": 0.1}, {"unit": "credit", "usage": 0.2}], 300_000_000),
        ([{"unit": "credit", "usage": 0}], 0),
        ([{"unit": "credit", "usage": -1}], None),
        ([{"unit": "request", "usage": 3}], None),
        ([{"usage": 3}, None, 7], None),
        (None, None),
    ],
)
def test_only_credits_are_credits(entries, nano):
    """Zero credits are known to be none; anything that is no amount of credits is unknown."""
    assert credits_nano(entries, "usage") == nano
