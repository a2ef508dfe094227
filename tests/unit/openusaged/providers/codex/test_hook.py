"""What `notify` and hooks say."""

from __future__ import annotations

import os

import pytest

from openusaged.core.errors import InvalidEvent
from openusaged.providers.codex.hook import hook
from tests.support.codex_log import CHILD, PARENT, machine, rollout_path, write

TURN = "0199b000-0000-7000-8000-000000000001"


@pytest.fixture
def rollout(tmp_path):
    return os.path.realpath(write(rollout_path(tmp_path / ".codex"), ["{}"]))


def _notify(**fields):
    return {
        "type": "agent-turn-complete",
        "thread-id": PARENT,
        "turn-id": TURN,
        "cwd": "/home/dev/shop",
        "input-messages": ["my secret prompt"],
        "last-assistant-message": "a secret answer",
        **fields,
    }


def _hook(name, **fields):
    return {
        "hook_event_name": name,
        "session_id": PARENT,
        "turn_id": TURN,
        "transcript_path": None,
        "cwd": "/home/dev/shop",
        "model": "gpt-5.3-codex",
        **fields,
    }


def test_notify_is_a_turn_and_wakes_its_rollout(rollout, tmp_path):
    """Kebab-case keys give the turn's own id, and the rollout is found by the thread's."""
    result = hook(_notify(), 123, machine(tmp_path))
    (one,) = result.events
    assert (one.event_type, one.turn_id, one.session_id, one.ts_ms) == (
        "turn_completed",
        TURN,
        PARENT,
        123,
    )
    assert (one.channel, one.account_id, one.cwd) == ("hook", "codex-cli", "/home/dev/shop")
    assert (list(result.wake_paths), result.session_id) == ([rollout], PARENT)
    assert "secret" not in repr(result)


def test_notify_of_a_hidden_thread_is_nothing(tmp_path):
    """A thread without a rollout invents titles: no turn, nothing to read."""
    result = hook(_notify(), 1, machine(tmp_path))
    assert (result.events, result.wake_paths) == ((), ())


def test_notify_of_old_versions_tells_turns_apart(rollout, tmp_path):
    """0.98 numbers turns from 0 at each resume; the user's messages go on counting."""
    ids = {
        hook(_notify(**{"turn-id": "0", "input-messages": ["x"] * n}), 1, machine(tmp_path))
        .events[0]
        .turn_id
        for n in (1, 2)
    }
    assert ids == {f"{PARENT}:0:1", f"{PARENT}:0:2"}
    stripped = _notify(**{"turn-id": "0", "input-messages": None})
    assert hook(stripped, 1, machine(tmp_path)).events[0].turn_id == f"{PARENT}:0"


def test_notify_without_a_turn_id_only_wakes(rollout, tmp_path):
    """Without an id the turn could be counted twice."""
    result = hook(_notify(**{"turn-id": None}), 1, machine(tmp_path))
    assert result.events == ()
    assert result.wake_paths


def test_stop_and_notify_are_one_turn(rollout, tmp_path):
    """Both channels of one turn have one identity."""
    stop = hook(_hook("Stop", transcript_path=rollout), 1, machine(tmp_path))
    told = hook(_notify(), 2, machine(tmp_path))
    assert stop.events[0].turn_id == told.events[0].turn_id
    assert stop.events[0].model == "gpt-5.3-codex"
    assert list(stop.wake_paths) == [rollout]


def test_stop_of_an_ephemeral_thread_is_a_turn(tmp_path):
    """A hook runs for real turns only, also when nothing is written down."""
    assert len(hook(_hook("Stop"), 1, machine(tmp_path)).events) == 1


def test_sub_agent_stop_belongs_to_the_child(rollout, tmp_path):
    """The child's own log is read, under its thread and its parent."""
    child = write(rollout_path(tmp_path / ".codex", CHILD), ["{}"])
    payload = _hook("SubagentStop", agent_id=CHILD, agent_type="worker")
    payload |= {"agent_transcript_path": str(child), "transcript_path": rollout}
    result = hook(payload, 1, machine(tmp_path))
    (one,) = result.events
    assert (one.session_id, one.parent_session_id, one.agent) == (CHILD, PARENT, "worker")
    assert one.is_sidechain
    assert list(result.wake_paths) == [os.path.realpath(child), rollout]


def test_tool_use_is_named_like_in_the_log(rollout, tmp_path):
    """Hooks call the shell tool `Bash`; the log's name is the one that counts."""
    payload = _hook("PostToolUse", tool_name="Bash", tool_use_id="call-1", file_ext=".py")
    payload |= {"tool_input": {"command": "cat secret"}, "tool_response": "secret"}
    result = hook(payload, 1, machine(tmp_path))
    (one,) = result.events
    assert (one.tool_call_id, one.tool_name, one.language) == ("call-1", "exec_command", "python")
    # the outcome is in the log, which a hook's word must not outrank
    assert one.status == "unknown"
    assert "secret" not in repr(result)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"status": "completed"}, "ok"),
        ({"status": "failed"}, "error"),
        ({"outcome": "x"}, "unknown"),
    ],
)
def test_tool_outcome_is_taken_when_told(tmp_path, fields, status):
    """Senders that know the outcome are believed."""
    payload = _hook("PostToolUse", tool_name="mcp__gh__search", tool_use_id="c", **fields)
    (one,) = hook(payload, 1, machine(tmp_path)).events
    assert (one.status, one.mcp_server, one.mcp_function) == (status, "gh", "search")


def test_failed_tool_use_is_an_error(tmp_path):
    """A failure hook is one."""
    payload = _hook("PostToolUseFailure", tool_name="Bash", tool_use_id="c")
    assert hook(payload, 1, machine(tmp_path)).events[0].status == "error"


def test_camel_case_of_other_senders_is_known(tmp_path):
    """Synthetic payloads with other spellings of the keys map the same way."""
    payload = {"type": "tool.completed", "sessionID": "s", "turnID": "1", "toolName": "x"}
    (one,) = hook(payload | {"callID": "c"}, 1, machine(tmp_path)).events
    assert (one.session_id, one.turn_id, one.tool_name) == ("s", "s:1", "x")


@pytest.mark.parametrize("name", ["SessionStart", "UserPromptSubmit", "PreToolUse", "SessionEnd"])
def test_other_hooks_only_wake(rollout, tmp_path, name):
    """What is neither an end of a turn nor of a tool call is no event."""
    payload = _hook(name, transcript_path=rollout, tool_name="Bash", tool_use_id="c")
    if name != "PreToolUse":
        del payload["tool_name"]
    result = hook(payload, 1, machine(tmp_path))
    assert result.events == ()
    assert list(result.wake_paths) == [rollout]


def test_tool_use_without_an_id_is_nothing(tmp_path):
    """A call that could not be told from its log row is not counted."""
    assert hook(_hook("PostToolUse", tool_name="Bash"), 1, machine(tmp_path)).events == ()


def test_foreign_path_is_not_read(tmp_path):
    """A path outside the known homes is ignored."""
    outside = write(tmp_path / "x.jsonl", ["{}"])
    result = hook(_hook("Stop", transcript_path=str(outside)), 1, machine(tmp_path))
    assert result.wake_paths == ()


@pytest.mark.parametrize("payload", [{}, {"type": 5.5}, {"session_id": "s"}])
def test_payload_without_an_event_is_refused(tmp_path, payload):
    """The sender is told which field is missing."""
    with pytest.raises(InvalidEvent) as caught:
        hook(payload, 1, machine(tmp_path))
    assert caught.value.field == "payload.hook_event_name"
