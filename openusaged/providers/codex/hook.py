"""
What Codex's `notify` program and its hooks say.

Neither carries tokens.  They say that a turn or a tool call has ended, under the same ids as the
rollout, and which rollout has grown: the reader takes the numbers from there.  `notify` names its
fields in kebab case, hooks in snake case; camel case is accepted from other senders.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

from openusaged.core.errors import InvalidEvent
from openusaged.core.languages import language_of
from openusaged.core.mcp_names import split_mcp
from openusaged.core.models import (
    HOOK,
    STATUS_ABORTED,
    STATUS_ERROR,
    STATUS_OK,
    STATUS_UNKNOWN,
    TOOL_USAGE,
    TURN_COMPLETED,
    UsageEvent,
)
from openusaged.providers.base import HookResult, Machine
from openusaged.providers.codex.paths import (
    PROVIDER_ID,
    codex_homes,
    discover,
    find_rollout,
    owned_rollout,
)
from openusaged.providers.codex.rows import as_text
from openusaged.providers.codex.thread import global_turn_id

_TURN_EVENTS: Final = frozenset({"agent-turn-complete", "stop", "subagentstop"})
_TOOL_EVENTS: Final = frozenset({"posttooluse", "posttoolusefailure"})
# Hooks show the shell tool under Claude's name; the rollout is where its name comes from.
_TOOL_NAMES: Final = {"Bash": "exec_command"}
_STATUSES: Final = {
    "ok": STATUS_OK,
    "completed": STATUS_OK,
    "success": STATUS_OK,
    "error": STATUS_ERROR,
    "failed": STATUS_ERROR,
    "failure": STATUS_ERROR,
    "aborted": STATUS_ABORTED,
    "cancelled": STATUS_ABORTED,
    "canceled": STATUS_ABORTED,
}


def hook(payload: Mapping[str, Any], observed_ms: int, machine: Machine) -> HookResult:
    """
    The events of one payload and the rollouts to read next.

    A `notify` for a thread without a rollout says nothing: the terminal UI runs hidden threads that
    invent a title, and they notify like any other.

    Raises:
        InvalidEvent: the payload names no event.
    """
    name = _text(payload, "hook_event_name", "hookEventName", "type", "event")
    if not name:
        raise InvalidEvent("payload.hook_event_name", "missing: neither a hook nor a notify event")
    session_id = _text(payload, "thread-id", "thread_id", "threadId")
    session_id = session_id or _text(payload, "session_id", "sessionID", "sessionId", "session.id")
    child_id = _text(payload, "agent_id", "agentId")
    paths = _rollouts(payload, (child_id, session_id), machine)
    kind = name.lower()
    events: tuple[UsageEvent, ...] = ()
    if kind in _TURN_EVENTS:
        if paths or kind != "agent-turn-complete":
            events = _turn(payload, child_id or session_id, observed_ms)
    elif kind in _TOOL_EVENTS or (_text(payload, "tool_name", "toolName") and "pre" not in kind):
        events = _tool(payload, child_id or session_id, observed_ms)
    account_id = _account_of(paths, machine)
    parent_id = session_id if child_id and child_id != session_id else ""
    return HookResult(
        events=tuple(_owned(event, account_id, parent_id, payload) for event in events),
        wake_paths=paths,
        session_id=child_id or session_id,
    )


def _turn(payload: Mapping[str, Any], thread_id: str, observed_ms: int) -> tuple[UsageEvent, ...]:
    turn_id = _text(payload, "turn-id", "turn_id", "turnID", "turnId", "request_id")
    if not turn_id:
        return ()  # without its id it could not be told from the rollout's own row
    identity = global_turn_id(thread_id, turn_id)
    messages = payload.get("input-messages")
    if identity != turn_id and isinstance(messages, list):
        # 0.98 calls every resumed turn "0"; the count of the user's messages goes on
        identity = f"{identity}:{len(messages)}"
    return (
        UsageEvent(
            source=PROVIDER_ID,
            channel=HOOK,
            event_type=TURN_COMPLETED,
            ts_ms=observed_ms,
            client=PROVIDER_ID,
            session_id=thread_id,
            turn_id=identity,
            # a hook cannot know whether the turn failed; the rollout's row does
            status=STATUS_UNKNOWN,
        ),
    )


def _tool(payload: Mapping[str, Any], thread_id: str, observed_ms: int) -> tuple[UsageEvent, ...]:
    call_id = _text(payload, "tool_use_id", "toolUseId", "tool_call_id", "call_id", "callID")
    tool = _text(payload, "tool_name", "toolName")
    if not call_id or not tool:
        return ()
    tool = _TOOL_NAMES.get(tool, tool)
    server, function = split_mcp(tool)
    extension = _text(payload, "file_ext").lstrip(".")
    status = _STATUSES.get(_text(payload, "status", "outcome").lower(), STATUS_UNKNOWN)
    if _text(payload, "hook_event_name").lower() == "posttoolusefailure":
        status = STATUS_ERROR
    turn_id = _text(payload, "turn_id", "turnID", "turnId", "turn-id")
    return (
        UsageEvent(
            source=PROVIDER_ID,
            channel=HOOK,
            event_type=TOOL_USAGE,
            ts_ms=observed_ms,
            client=PROVIDER_ID,
            session_id=thread_id,
            turn_id=global_turn_id(thread_id, turn_id),
            tool_call_id=call_id,
            tool_name=tool,
            mcp_server=server,
            mcp_function=function,
            language=language_of(f"file.{extension}") if extension else "",
            requests=1,
            status=status,
        ),
    )


def _owned(
    event: UsageEvent, account_id: str, parent_id: str, payload: Mapping[str, Any]
) -> UsageEvent:
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    fields |= {
        "account_id": account_id,
        "parent_session_id": parent_id,
        "agent": _text(payload, "agent_type", "agentType"),
        "is_sidechain": bool(parent_id),
        "cwd": _text(payload, "cwd"),
        "model": _text(payload, "model"),
    }
    return UsageEvent(**fields)


def _rollouts(
    payload: Mapping[str, Any], thread_ids: tuple[str, ...], machine: Machine
) -> tuple[str, ...]:
    named = (
        owned_rollout(_text(payload, key), machine)
        for key in ("agent_transcript_path", "transcript_path")
    )
    paths = tuple(dict.fromkeys(path for path in named if path))
    if paths:
        return paths
    found: dict[str, None] = {}
    for thread_id in dict.fromkeys(filter(None, thread_ids)):
        for home, _ in codex_homes(machine):
            path = owned_rollout(find_rollout(home, thread_id), machine)
            if path:
                found[path] = None
    return tuple(found)


def _account_of(paths: tuple[str, ...], machine: Machine) -> str:
    for path in paths:
        for account in discover(machine):
            if path.startswith(os.path.realpath(account.home) + os.sep):
                return account.id
    return ""


def _text(payload: Mapping[str, Any], *keys: str) -> str:
    for key in keys:
        value = as_text(payload.get(key))
        if value:
            return value
    return ""
