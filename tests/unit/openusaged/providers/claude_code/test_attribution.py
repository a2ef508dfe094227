"""Whose a response is: copies of forks and sidechains, agents, and the tools they call."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from openusaged.core.models import STATUS_ERROR, STATUS_OK, TOOL_USAGE
from tests.unit.openusaged.providers.claude_code.transcripts import (
    SESSION,
    assistant,
    events,
    messages,
    only,
    tool_result,
    tool_use,
    write,
)


class TestCopies:
    def test_fork_copies_keep_their_ids(self, claude_home):
        """A fork's copies have the same identity; the parent, written first, comes first."""
        row = assistant()
        fork = write(claude_home, "p/0fork.jsonl", [dict(row, sessionId="fork")])
        parent = write(claude_home, "p/parent.jsonl", [row])
        os.utime(parent, ns=(1, 1))
        os.utime(fork, ns=(2, 2))
        first, copy = messages(claude_home)
        assert (first.session_id, copy.session_id) == (SESSION, "fork")
        assert (first.message_id, first.request_id) == (copy.message_id, copy.request_id)

    def test_fork_that_names_its_parent(self, claude_home):
        """Where the version says what a line was copied from, that is the parent session."""
        write(claude_home, "p/s.jsonl", [assistant(forkedFrom={"sessionId": "parent"})])
        write(claude_home, "p/t.jsonl", [assistant("msg_B", forkedFrom="?")])
        assert [event.parent_session_id for event in messages(claude_home)] == ["parent", ""]

    def test_sidechain_replay_is_marked(self, claude_home):
        """A replay under a new request id says that it is a side-chain: the store drops it."""
        write(
            claude_home,
            "p/s.jsonl",
            [assistant(), assistant(request="req_B", isSidechain=True)],
        )
        own, replay = messages(claude_home)
        assert (own.is_sidechain, replay.is_sidechain) == (False, True)
        assert (own.agent, replay.agent) == ("", "agent")

    def test_main_line_wins_within_one_response(self, claude_home):
        """Of two lines of one response the one outside the side-chain gives the attribution."""
        write(
            claude_home,
            "p/s.jsonl",
            [
                assistant(isSidechain=True, sessionId="side"),
                assistant(timestamp="2026-06-01T10:00:09.000Z"),
            ],
        )
        event = only(messages(claude_home))
        assert (event.is_sidechain, event.session_id, event.ts_ms) == (
            False,
            SESSION,
            1_780_308_005_120,
        )

    def test_resume_appends_and_is_read_from_there(self, claude_home):
        """A resumed session's file is read from where it ended, without repeating anything."""
        write(claude_home, "p/s.jsonl", [assistant()])
        cursors = {}
        assert len(messages(claude_home, cursors=cursors)) == 1
        assert messages(claude_home, cursors=cursors) == []
        write(claude_home, "p/s.jsonl", [assistant("msg_B", request="req_B")])
        assert only(messages(claude_home, cursors=cursors)).message_id == "msg_B"


class TestAgents:
    def test_agent_type_of_the_sidecar(self, claude_home):
        """The sidecar beside a sub-agent's transcript names the agent, nested ones too."""
        for place in ("p/S/subagents/agent-a1", "p/S/subagents/deep/agent-b2"):
            path = write(
                claude_home,
                f"{place}.jsonl",
                [assistant(f"msg_{place}", isSidechain=True, content=[tool_use(f"t_{place}")])],
            )
            Path(path.replace(".jsonl", ".meta.json")).write_text(
                json.dumps({"agentType": "reviewer" if "deep" in place else "Explore"})
            )
        found = events(claude_home)
        assert sorted((e.event_type, e.agent) for e in found) == [
            ("message_usage", "Explore"),
            ("message_usage", "reviewer"),
            ("tool_usage", "Explore"),
            ("tool_usage", "reviewer"),
        ]
        assert {event.session_id for event in found} == {SESSION}

    @pytest.mark.parametrize(
        ("name", "meta", "attribution", "agent"),
        [
            ("p/S/subagents/agent-a1.jsonl", None, "general-purpose", "general-purpose"),
            ("p/S/subagents/agent-a1.jsonl", "{}", None, "agent"),
            ("p/S/subagents/agent-a1.jsonl", "{broken", None, "agent"),
            ("p/S/subagents/agent-acompact-12ef.jsonl", None, None, "compact"),
            ("p/S/subagents/agent-a-12ef.jsonl", None, None, "agent"),
            ("p/S/subagents/other.jsonl", None, None, "agent"),
            ("p/agent-12ef.jsonl", None, None, "agent"),
        ],
    )
    def test_agent_without_sidecar(self, claude_home, name, meta, attribution, agent):
        """Without a sidecar the line, then the file's name, then the word `agent` names it."""
        path = write(claude_home, name, [assistant(attributionAgent=attribution)])
        if meta is not None:
            Path(path.replace(".jsonl", ".meta.json")).write_text(meta)
        assert only(messages(claude_home)).agent == agent

    def test_progress_wrappers_are_read(self, claude_home):
        """An answer that is only in an `agent_progress` line counts, in the outer session."""
        inner = {
            "type": "assistant",
            "timestamp": "2026-06-01T10:01:00.000Z",
            "requestId": "req_B",
            "isSidechain": True,
            "message": {
                "id": "msg_B",
                "model": "claude-haiku-4-5",
                "usage": {"input_tokens": 0, "output_tokens": 10, "cache_read_input_tokens": 20},
                "content": [tool_use("toolu_9")],
            },
        }
        outer = {
            "type": "progress",
            "sessionId": SESSION,
            "cwd": "/home/dev/shop",
            "version": "2.1.100",
            "gitBranch": "main",
            "timestamp": "2026-06-01T10:02:00.000Z",
            "data": {"type": "agent_progress", "message": inner},
        }
        loose = json.loads(json.dumps(outer))
        loose["data"]["message"]["isSidechain"] = "yes"
        loose["data"]["message"]["message"]["id"] = "msg_C"
        untimed = json.loads(json.dumps(outer))
        del untimed["data"]["message"]["timestamp"]
        untimed["data"]["message"]["message"]["id"] = "msg_D"
        other = {"type": "progress", "data": {"type": "hook_progress", "message": inner}}
        odd = {"type": "progress", "data": ["usage", {"usage": {}}]}
        odder = {"type": "progress", "usage": {}, "data": 5}
        none = {"type": "progress", "usage": {}}
        write(claude_home, "p/s.jsonl", [outer, loose, untimed, other, odd, odder, none])
        found = messages(claude_home)
        assert [(e.message_id, e.session_id, e.cwd, e.branch) for e in found] == [
            (message_id, SESSION, "/home/dev/shop", "main")
            for message_id in ("msg_B", "msg_C", "msg_D")
        ]
        assert (found[0].is_sidechain, found[0].cache_read, found[0].agent) == (True, 20, "agent")
        assert [event.ts_ms for event in found] == [1_780_308_060_000] * 2 + [1_780_308_120_000]

    def test_progress_without_inner_type_is_read(self, claude_home):
        """Some versions leave the inner type out; what has usage is an answer."""
        inner = assistant("msg_B")
        del inner["type"]
        row = {"type": "progress", "data": {"type": "agent_progress", "message": inner}}
        write(claude_home, "p/s.jsonl", [row])
        assert only(messages(claude_home)).message_id == "msg_B"


class TestTools:
    def test_failed_result_marks_its_call(self, claude_home):
        """A tool result with an error makes the call of the same id an error."""
        write(
            claude_home,
            "p/s.jsonl",
            [
                assistant(content=[tool_use("toolu_1"), tool_use("toolu_2")]),
                tool_result("toolu_1", is_error=True),
                tool_result("toolu_2", is_error=False),
                tool_result("", is_error=True),
                {
                    **tool_result("x", is_error=True),
                    "message": {"content": "text"},
                    "is_error": True,
                },
            ],
        )
        found = [event for event in events(claude_home) if event.event_type == TOOL_USAGE]
        assert [(e.tool_call_id, e.status) for e in found] == [
            ("toolu_1", STATUS_ERROR),
            ("toolu_2", STATUS_OK),
        ]

    def test_failed_result_behind_the_seam(self, claude_home):
        """A result that arrives after its call was stored is reported under the call's id."""
        cursors = {}
        write(claude_home, "p/s.jsonl", [assistant(content=[tool_use("toolu_1")])])
        events(claude_home, cursors=cursors)
        write(claude_home, "p/s.jsonl", [tool_result("toolu_1", is_error=True)])
        late = only(events(claude_home, cursors=cursors))
        assert (late.event_type, late.tool_call_id, late.status) == (
            TOOL_USAGE,
            "toolu_1",
            STATUS_ERROR,
        )
        write(claude_home, "p/s.jsonl", [tool_result("toolu_1", is_error=True, timestamp=None)])
        assert events(claude_home, cursors=cursors) == []

    def test_mcp_calls_name_server_and_function(self, claude_home):
        """An MCP tool's event names its server and function."""
        write(claude_home, "p/s.jsonl", [assistant(content=[tool_use("t", "mcp__gh__list")])])
        event = events(claude_home)[1]
        assert (event.tool_name, event.mcp_server, event.mcp_function) == (
            "mcp__gh__list",
            "gh",
            "list",
        )

    def test_no_text_travels(self, claude_home):
        """Nothing of prompts, answers, commands, file contents or paths is in any event."""
        write(
            claude_home,
            "p/s.jsonl",
            [
                assistant(
                    content=[
                        {"type": "text", "text": "secret answer"},
                        {"type": "thinking", "thinking": "secret thought"},
                        tool_use("t1", "Write", file_path="/secret/a.py", content="secret"),
                        tool_use("t2", "Bash", command="secret"),
                    ]
                ),
                tool_result("t2", is_error=True),
            ],
        )
        assert "secret" not in repr(events(claude_home))
