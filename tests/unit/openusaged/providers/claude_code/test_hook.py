"""Hook payloads: those the real agent sent, and the ones that lie."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from openusaged.core.errors import InvalidEvent
from openusaged.providers.base import Machine
from openusaged.providers.claude_code.hook import hook

CAPTURES = Path(__file__).parents[4] / "data" / "providers" / "claude_code" / "captures"
NOW_MS = 1_795_341_782_000


@pytest.fixture
def machine(isolated_home, claude_home):
    os.makedirs(f"{claude_home}/projects/p")
    return Machine(env={}, home=isolated_home)


@pytest.fixture
def transcript(claude_home, machine):
    path = f"{claude_home}/projects/p/s.jsonl"
    Path(path).touch()
    return path


def payload(name, transcript="", **fields):
    return {
        "hook_event_name": name,
        "session_id": "s1",
        "cwd": "/home/dev/shop",
        "prompt_id": "p1",
        **({"transcript_path": transcript} if transcript else {}),
        **fields,
    }


def captured(name):
    lines = (CAPTURES / name / "hooks.jsonl").read_text().splitlines()
    return [row["payload"] for row in map(json.loads, lines) if row.get("payload")]


@pytest.mark.parametrize("name", ["headless-2.1.330", "interactive-2.1.330"])
def test_captured_payloads_are_taken(name, machine):
    """Every payload of a real session is understood; turns and tools are what happened in it."""
    counted = {}
    for given in captured(name):
        result = hook(given, NOW_MS, machine)
        assert result.session_id == given["session_id"]
        assert result.wake_paths == ()  # written in a home that is none of this machine
        assert "hello-from-mock" not in repr(result)
        for event in result.events:
            key = (event.event_type, event.tool_name, event.agent, event.status)
            counted.setdefault(key, set()).add(event.tool_call_id or event.turn_id)
    sizes = {key: len(ids) for key, ids in counted.items()}
    if name.startswith("interactive"):
        assert sizes == {
            ("tool_usage", "Bash", "", "ok"): 2,
            ("turn_completed", "", "", "ok"): 2,
        }
    else:
        stops = [p for p in captured(name) if p.get("hook_event_name") == "Stop"]
        assert sizes[("turn_completed", "", "", "ok")] == len({p["prompt_id"] for p in stops})
        assert sizes[("turn_completed", "", "general-purpose", "ok")] == 1
        assert sizes[("tool_usage", "Bash", "general-purpose", "ok")] == 1


class TestEvents:
    def test_stop_is_a_turn(self, machine, transcript):
        """Stop says that a turn is over and which transcript has grown."""
        result = hook(payload("Stop", transcript, last_assistant_message="secret"), NOW_MS, machine)
        (event,) = result.events
        assert (event.event_type, event.channel, event.turn_id) == ("turn_completed", "hook", "p1")
        assert (event.ts_ms, event.account_id, event.cwd) == (
            NOW_MS,
            "claude-code",
            "/home/dev/shop",
        )
        assert (event.input, event.requests) == (None, None)
        assert result.wake_paths == (transcript,)
        assert "secret" not in repr(result)

    @pytest.mark.parametrize("name", ["Stop", "SubagentStop"])
    def test_stop_after_a_stop_hook_is_no_new_turn(self, machine, name):
        """A turn that a stop hook prolonged has been counted at its first stop."""
        given = payload(name, stop_hook_active=True, agent_id="a", agent_type="b")
        assert hook(given, NOW_MS, machine).events == ()

    def test_subagent_stop_is_a_turn_of_the_agent(self, machine, transcript, claude_home):
        """A sub-agent's end is its own turn, apart from its parent's, and wakes both files."""
        nested = f"{claude_home}/projects/p/s1/subagents/agent-a1.jsonl"
        given = payload(
            "SubagentStop",
            transcript,
            agent_id="a1",
            agent_type="Explore",
            agent_transcript_path=nested,
        )
        result = hook(given, NOW_MS, machine)
        assert [(e.agent, e.turn_id, e.is_sidechain) for e in result.events] == [
            ("Explore", "a1:p1", True)
        ]
        assert result.wake_paths == (transcript, nested)
        (old,) = hook({**given, "prompt_id": None}, NOW_MS, machine).events
        assert old.turn_id == ""

    def test_compaction_is_nobodys_turn(self, machine):
        """`/compact` ends a sub-agent without a type: no turn."""
        assert hook(payload("SubagentStop", agent_id="a", agent_type=""), 1, machine).events == ()

    @pytest.mark.parametrize(
        ("name", "fields", "status"),
        [
            ("PostToolUse", {}, "ok"),
            ("PostToolUseFailure", {}, "error"),
            ("PostToolUseFailure", {"is_interrupt": False}, "error"),
            ("PostToolUseFailure", {"is_interrupt": True}, "aborted"),
        ],
    )
    def test_tool_outcomes(self, machine, name, fields, status):
        """A tool call counts once with how it went, under the id the transcript gives it."""
        given = payload(name, tool_use_id="toolu_1", tool_name="mcp__gh__list", **fields)
        (event,) = hook(given, NOW_MS, machine).events
        assert (event.event_type, event.tool_call_id, event.status) == (
            "tool_usage",
            "toolu_1",
            status,
        )
        assert (event.requests, event.mcp_server, event.mcp_function) == (1, "gh", "list")
        assert event.lines_added is None

    @pytest.mark.parametrize(
        ("fields", "language"),
        [
            ({"file_ext": ".py"}, "python"),
            ({"file_ext": "Makefile"}, "make"),
            ({"file_ext": 5, "tool_input": {"file_path": "/a/b.rs"}}, "rust"),
            ({"tool_input": {"file_path": 1, "path": "/a/b.go"}}, "go"),
            ({"tool_input": {"command": "x"}}, ""),
            ({"tool_input": "x"}, ""),
            ({}, ""),
        ],
    )
    def test_language_of_a_tool(self, machine, fields, language):
        """The language comes from the extension the hook sends, or from a full payload's path."""
        given = payload("PostToolUse", tool_use_id="t", tool_name="Edit", **fields)
        (event,) = hook(given, NOW_MS, machine).events
        assert event.language == language

    def test_tool_of_a_subagent(self, machine):
        """A tool call inside a sub-agent is attributed to it."""
        given = payload("PostToolUse", tool_use_id="t", agent_id="a", agent_type="Explore")
        (event,) = hook(given, NOW_MS, machine).events
        assert (event.agent, event.is_sidechain) == ("Explore", True)

    def test_tool_without_id_is_left_to_the_transcript(self, machine):
        """Without the id the transcript's record of the same call could not be matched."""
        assert hook(payload("PostToolUse", tool_name="Bash"), NOW_MS, machine).events == ()

    def test_stop_failure_is_a_failed_turn(self, machine):
        """A turn that ended in an API error is over, with an error."""
        (event,) = hook(payload("StopFailure", error="rate_limit"), NOW_MS, machine).events
        assert (event.event_type, event.status) == ("turn_completed", "error")

    @pytest.mark.parametrize("name", ["SessionStart", "UserPromptSubmit", "SessionEnd", "NewHook"])
    def test_other_hooks_only_wake(self, machine, transcript, name):
        """Hooks that end nothing are no events; unknown ones neither."""
        result = hook(payload(name, transcript, prompt="secret"), NOW_MS, machine)
        assert (result.events, result.wake_paths) == ((), (transcript,))


class TestPaths:
    def test_path_outside_the_homes_is_ignored(self, machine, tmp_path):
        """A file that is in no home of Claude Code is never named for reading."""
        outside = tmp_path / "x.jsonl"
        outside.touch()
        result = hook(payload("Stop", str(outside)), NOW_MS, machine)
        assert result.wake_paths == ()
        assert result.events[0].account_id == ""

    def test_link_out_of_the_home_is_ignored(self, machine, claude_home, tmp_path):
        """A symbolic link in the home does not lead out of it."""
        (tmp_path / "secret.jsonl").touch()
        link = f"{claude_home}/projects/p/link.jsonl"
        os.symlink(tmp_path / "secret.jsonl", link)
        assert hook(payload("Stop", link), NOW_MS, machine).wake_paths == ()

    @pytest.mark.parametrize(
        "path", ["{home}/projects/p/../../settings.jsonl", "{home}/projects/p/x.txt", "p/x.jsonl"]
    )
    def test_odd_paths_are_ignored(self, machine, claude_home, path):
        """Climbing, relative and other files are not taken."""
        given = payload("Stop", path.format(home=claude_home))
        assert hook(given, NOW_MS, machine).wake_paths == ()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
    def test_file_of_another_user_is_ignored(self, machine, transcript):
        """A transcript that belongs to somebody else is not read."""
        os.chown(transcript, 12345, 12345)
        assert hook(payload("Stop", transcript), NOW_MS, machine).wake_paths == ()

    def test_account_without_transcript(self, machine, claude_home, isolated_home):
        """Without a path the only home is meant; with several nothing is guessed."""
        assert hook(payload("Stop"), NOW_MS, machine).events[0].account_id == "claude-code"
        os.makedirs(f"{isolated_home}/.config/claude/projects")
        assert hook(payload("Stop"), NOW_MS, machine).events[0].account_id == ""


class TestStatusLine:
    def test_limits_of_the_status_line(self, machine, transcript):
        """The official percentages become the same gauges as the vendor's endpoint gives."""
        given = {
            "session_id": "s1",
            "transcript_path": transcript,
            "context_window": {"used_percentage": 8},
            "rate_limits": {
                "five_hour": {"used_percentage": 23.5, "resets_at": NOW_MS // 1000 + 60},
                "seven_day": {"used_percentage": 41, "resets_at": "2020-06-01T00:00:00Z"},
            },
        }
        result = hook(given, NOW_MS, machine)
        snapshot = result.snapshot
        assert (snapshot.account_id, snapshot.ts_ms, snapshot.status) == (
            "claude-code",
            NOW_MS,
            "OK",
        )
        five, seven = snapshot.metrics
        assert (five.key, five.used, five.limit, five.remaining, five.window) == (
            "usage_five_hour",
            23.5,
            100.0,
            76.5,
            "5h",
        )
        assert five.resets_at_ms == NOW_MS // 1000 * 1000 + 60_000
        assert (seven.key, seven.used) == ("usage_seven_day", 0.0)  # its reset has passed
        assert (result.events, result.wake_paths) == ((), (transcript,))

    def test_weekly_windows_of_single_models(self, machine):
        """What some versions say of single models is a gauge, too; odd fields beside it are not."""
        limits = {
            "seven_day": {"used_percentage": 41},
            "seven_day_opus": {"used_percentage": 77},
            "seven_day_note": "soon",
            "seven_day_Ü": {"used_percentage": 5},
            **{f"seven_day_m{n}": {"used_percentage": n} for n in range(20)},
        }
        metrics = hook({"rate_limits": limits}, NOW_MS, machine).snapshot.metrics
        assert [(item.label, item.used, item.window) for item in metrics[:3]] == [
            ("Weekly limit", 41.0, "7d"),
            ("Weekly Opus limit", 77.0, "7d"),
            ("Weekly m0 limit", 0.0, "7d"),
        ]
        assert len(metrics) == 1 + 8

    @pytest.mark.parametrize(
        ("used", "status"), [(89.9, "OK"), (90, "NEAR_LIMIT"), (100, "LIMITED")]
    )
    def test_status_by_the_fullest_window(self, machine, used, status):
        """The fullest window decides the status."""
        limits = {"five_hour": {"used_percentage": 1}, "seven_day": {"used_percentage": used}}
        assert hook({"rate_limits": limits}, NOW_MS, machine).snapshot.status == status

    @pytest.mark.parametrize(
        "given",
        [
            {"context_window": {}},
            {"rate_limits": None},
            {"rate_limits": {}},
            {"rate_limits": {"five_hour": None, "seven_day": {"used_percentage": None}}},
        ],
    )
    def test_no_limits_is_no_snapshot(self, machine, given):
        """Without a subscription or before the first answer there is nothing to say."""
        assert hook(given, NOW_MS, machine).snapshot is None


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "payload.hook_event_name"),
        ({"hook_event_name": 5}, "payload.hook_event_name"),
        (payload("Stop", session_id=["x"]), "payload.session_id"),
        (payload("Stop", session_id="x" * 300), "payload.session_id"),
        (payload("Stop", cwd={}), "payload.cwd"),
        ({"rate_limits": []}, "payload.rate_limits"),
        ({"rate_limits": {"five_hour": 5}}, "payload.rate_limits.five_hour"),
        (
            {"rate_limits": {"five_hour": {"used_percentage": "5"}}},
            "payload.rate_limits.five_hour.used_percentage",
        ),
        (
            {"rate_limits": {"seven_day": {"used_percentage": True}}},
            "payload.rate_limits.seven_day.used_percentage",
        ),
    ],
)
def test_invalid_payload_names_its_field(machine, given, field):
    """A payload that cannot be taken says which field is wrong."""
    with pytest.raises(InvalidEvent) as caught:
        hook(given, NOW_MS, machine)
    assert caught.value.field == field
