"""Payloads of our plugin and of the Go OpenUsage's."""

from __future__ import annotations

from pathlib import Path

import pytest

from openusaged.core.errors import InvalidEvent
from openusaged.core.models import HOOK, MESSAGE_USAGE, TOOL_USAGE, TURN_COMPLETED
from openusaged.providers.base import HookResult, Machine
from openusaged.providers.opencode import PROVIDER

T0 = 1_800_000_000_000
INFO = {
    "id": "msg_1",
    "sessionID": "ses_1",
    "role": "assistant",
    "parentID": "msg_u",
    "modelID": "gpt-5-codex",
    "providerID": "opencode",
    "cost": 0.012,
    "tokens": {"input": 120, "output": 40, "reasoning": 5, "cache": {"read": 10, "write": 2}},
    "time": {"created": T0, "completed": T0 + 5000},
    "path": {"cwd": "/home/dev/shop"},
}
SESSION = {"id": "ses_1", "parentID": "ses_0", "time": {"created": T0}}


def hook(payload: dict, *, observed: int = T0 + 5100, home: str = "/nonexistent") -> HookResult:
    assert PROVIDER.hook is not None
    return PROVIDER.hook(payload, observed, Machine(env={}, home=home))


def updated(info: dict, **more: object) -> dict:
    return {"event": {"type": "message.updated", "properties": {"info": info}}, **more}


def tool(**changes: object) -> dict:
    part = {
        "id": "prt_1",
        "type": "tool",
        "callID": "call_1",
        "tool": "github_list_issues",
        "messageID": "msg_1",
        "sessionID": "ses_1",
        "state": {"status": "completed", "time": {"start": T0 + 1}},
    } | changes
    return {"event": {"type": "message.part.updated", "properties": {"part": part}}}


class TestMessage:
    def test_completed_message(self) -> None:
        """A completed answer is its usage and, by its user message, its turn."""
        result = hook(updated(INFO, session=SESSION))
        usage, turn = result.events
        assert (usage.channel, usage.event_type, usage.message_id) == (HOOK, MESSAGE_USAGE, "msg_1")
        assert (usage.input, usage.output, usage.cache_read) == (120, 40, 10)
        assert (usage.cost_nano, usage.ts_ms, usage.cwd) == (12_000_000, T0, "/home/dev/shop")
        assert usage.parent_session_id == "ses_0"
        assert (turn.event_type, turn.turn_id) == (TURN_COMPLETED, "msg_u")
        assert result.session_id == "ses_1"

    def test_zero_token_first_event_is_ignored(self) -> None:
        """The first streaming report must not win over the final one."""
        first = INFO | {"tokens": {"input": 0, "output": 0}, "time": {"created": T0}}
        assert hook(updated(first)).events == ()

    def test_tokens_without_completion_wait(self) -> None:
        """Numbers are final with the time of completion only."""
        assert hook(updated(INFO | {"time": {"created": T0}})).events == ()

    def test_failed_message(self) -> None:
        """A failed answer counts as failed request."""
        usage, turn = hook(updated(INFO | {"error": {"name": "APIError"}})).events
        assert (usage.status, turn.status) == ("error", "error")

    def test_user_message_carries_no_usage(self) -> None:
        """The user's own message is no request."""
        assert hook(updated(INFO | {"role": "user"})).events == ()

    def test_steps(self) -> None:
        """Several steps sent along are summed; what is no step is ignored."""
        step = {"tokens": INFO["tokens"], "cost": 0.01}
        usage = hook(updated(INFO, steps=[step, step, "x"])).events[0]
        assert (usage.input, usage.requests, usage.cost_nano) == (240, 2, 20_000_000)

    def test_fork_copy(self) -> None:
        """A message older than its session was counted before."""
        session = SESSION | {"time": {"created": T0 + 1}}
        assert hook(updated(INFO, session=session)).events == ()

    def test_late_report_of_an_unknown_session_is_left_to_the_database(self) -> None:
        """A sender that does not know the session may be reporting a fork's copies."""
        assert hook(updated(INFO), observed=T0 + 5000 + 60_001).events == ()
        assert hook(updated(INFO, session=SESSION), observed=T0 + 10**9).events != ()

    def test_bare_event(self) -> None:
        """An event without envelope is taken, too."""
        assert len(hook(updated(INFO)["event"]).events) == 2

    @pytest.mark.parametrize("change", [{"id": ""}, {"id": 5}, {"time": {"completed": T0}}])
    def test_uncountable_message_is_refused(self, change: dict) -> None:
        """Without id or time a message cannot be counted exactly once."""
        with pytest.raises(InvalidEvent, match="payload"):
            hook(updated(INFO | change))


class TestTool:
    def test_settled_tool(self, isolated_home: str) -> None:
        """A tool call carries what is known of its message, and its MCP server."""
        config = Path(isolated_home) / ".config/opencode/opencode.json"
        config.parent.mkdir(parents=True)
        config.write_text('{"mcp": {"github": {}}}')
        message = {"id": "msg_1", "parentID": "msg_u", "modelID": "m", "providerID": "P"}
        payload = tool() | {"message": message, "session": SESSION}
        [event] = hook(payload, home=isolated_home).events
        assert (event.event_type, event.tool_call_id, event.status) == (TOOL_USAGE, "call_1", "ok")
        assert (event.mcp_server, event.mcp_function) == ("github", "list_issues")
        assert (event.model, event.provider, event.turn_id) == ("m", "p", "msg_u")
        assert event.ts_ms == T0 + 1

    def test_without_its_message(self) -> None:
        """Unknown start and message leave the time of observation."""
        [event] = hook(tool(state={"status": "error"})).events
        assert (event.status, event.ts_ms, event.model) == ("error", T0 + 5100, "")

    def test_running_tool_waits(self) -> None:
        """A running call is not counted."""
        assert hook(tool(state={"status": "running"})).events == ()

    def test_without_id_or_name(self) -> None:
        """A call that cannot be told from others is refused."""
        with pytest.raises(InvalidEvent, match="callID"):
            hook(tool(callID=None, id=None))

    def test_fork_copy(self) -> None:
        """A copied message's tool call was counted before."""
        session = {"time": {"created": T0 + 10}}
        payload = tool() | {"message": {"time": {"created": T0}}, "session": session}
        assert hook(payload).events == ()

    def test_go_plugin_tool_hook(self) -> None:
        """The Go plugin reports finished tools from its hook, without a message."""
        payload = {
            "hook": "tool.execute.after",
            "timestamp": T0 + 7,
            "input": {"tool": "Bash", "sessionID": "ses_1", "callID": "call_9"},
            "output": {"title": "ls"},
        }
        [event] = hook(payload).events
        assert (event.tool_call_id, event.tool_name, event.ts_ms) == ("call_9", "bash", T0 + 7)
        assert event.session_id == "ses_1"

    def test_go_plugin_chat_message_is_no_usage(self) -> None:
        """The Go plugin reports the user's message, which used nothing."""
        assert hook({"hook": "chat.message", "input": {}, "output": {}}) == HookResult()


@pytest.mark.parametrize(
    "payload",
    [
        {"event": {"type": "session.idle", "properties": {"sessionID": "ses_1"}}},
        {"event": {"type": "message.part.updated", "properties": {"part": {"type": "text"}}}},
        {"event": {}},
        {"event": {"type": "message.updated", "properties": []}},
        {"type": "file.edited"},
    ],
)
def test_other_events_say_nothing(payload: dict) -> None:
    """Events without usage are accepted and empty; none becomes a row."""
    assert hook(payload).events == ()


@pytest.mark.parametrize("payload", [{}, {"event": "x"}, {"hook": 3}])
def test_no_envelope_is_refused(payload: dict) -> None:
    """A payload that is nobody's envelope names what was expected."""
    with pytest.raises(InvalidEvent, match="payload"):
        hook(payload)
