"""
What an OpenCode plugin's payload says: our own plugin's and that of the Go OpenUsage.

Both forward bus events as `{"event": {"type", "properties"}}`; ours adds `session`, `message` and
`steps`, which it has seen earlier and a single event does not hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from openusaged.core.errors import InvalidEvent
from openusaged.core.models import HOOK
from openusaged.providers.base import HookResult, Machine
from openusaged.providers.opencode.mcp_servers import configured_servers
from openusaged.providers.opencode.records import (
    Message,
    Session,
    ToolCall,
    count,
    message_events,
    parse_message,
    parse_step,
    parse_tool,
    tool_event,
)
from openusaged.providers.shared.json_values import as_object

LIVE_MS: Final = 60_000
"""A message reported later than this after its end, by a sender that does not know its session,
may be a copy a fork has just made: it is left to the database, which tells."""


def hook(payload: Mapping[str, Any], observed_at_ms: int, machine: Machine) -> HookResult:
    """
    Events of one plugin payload; none for what carries no usage.

    Raises:
        InvalidEvent: it is no envelope, or an event lacks the id that makes it countable.
    """
    event = payload.get("event")
    if isinstance(payload.get("hook"), str):
        return _from_hook(payload, observed_at_ms, machine)
    if not isinstance(event, Mapping):
        event = payload if isinstance(payload.get("type"), str) else None
    if event is None:
        raise InvalidEvent("payload", "expected an `event`, a `hook` or a `type`")
    properties = as_object(event.get("properties"))
    if event.get("type") == "message.updated":
        return _from_message(as_object(properties.get("info")), payload, observed_at_ms)
    if event.get("type") == "message.part.updated":
        part = as_object(properties.get("part"))
        if part.get("type") == "tool":
            return _from_tool(parse_tool(part), payload, observed_at_ms, machine)
    return HookResult()


def _from_message(
    info: Mapping[str, Any], payload: Mapping[str, Any], observed_at_ms: int
) -> HookResult:
    if info.get("role") != "assistant":
        return HookResult()
    steps = payload.get("steps")
    message = parse_message(
        info,
        _session(payload),
        [parse_step(step) for step in steps if isinstance(step, Mapping)]
        if isinstance(steps, list)
        else [],
    )
    if not message.id:
        raise InvalidEvent("payload.event.properties.info.id", "must not be empty")
    # The first reports of a message hold zeros; only its last one counts.
    if not message.is_final:
        return HookResult(session_id=message.session_id)
    if not message.created_ms:
        raise InvalidEvent("payload.event.properties.info.time.created", "must be epoch ms")
    is_late = observed_at_ms - message.completed_ms > LIVE_MS
    if message.completed_ms and is_late and not message.session.created_ms:
        return HookResult(session_id=message.session_id)
    return HookResult(events=tuple(message_events(message, HOOK)), session_id=message.session_id)


def _from_tool(
    call: ToolCall, payload: Mapping[str, Any], observed_at_ms: int, machine: Machine
) -> HookResult:
    if not call.is_settled:
        return HookResult(session_id=call.session_id)
    if not call.id or not call.name:
        raise InvalidEvent("payload.event.properties.part", "needs `callID` and `tool`")
    seen = parse_message(as_object(payload.get("message")), _session(payload), ())
    message = Message(
        id=call.message_id or seen.id,
        session_id=call.session_id or seen.session_id,
        parent_id=seen.parent_id,
        provider=seen.provider,
        model=seen.model,
        agent=seen.agent,
        cwd=seen.cwd,
        created_ms=seen.created_ms or observed_at_ms,
        session=seen.session,
    )
    event = tool_event(call, message, HOOK, configured_servers(machine, message.cwd))
    return HookResult(events=(event,) if event else (), session_id=message.session_id)


def _from_hook(payload: Mapping[str, Any], observed_at_ms: int, machine: Machine) -> HookResult:
    """The Go plugin's own envelopes: a finished tool; the user's message carries no usage."""
    if payload["hook"] != "tool.execute.after":
        return HookResult()
    given = as_object(payload.get("input"))
    call = parse_tool(
        {
            "callID": given.get("callID"),
            "tool": given.get("tool"),
            "sessionID": given.get("sessionID"),
            "state": {
                "status": "completed",
                "time": {"start": count(payload.get("timestamp")) or observed_at_ms},
            },
        }
    )
    return _from_tool(call, payload, observed_at_ms, machine)


def _session(payload: Mapping[str, Any]) -> Session:
    session = as_object(payload.get("session"))
    parent, directory = session.get("parentID"), session.get("directory")
    return Session(
        parent_id=parent if isinstance(parent, str) else "",
        created_ms=count(as_object(session.get("time")).get("created")),
        directory=directory if isinstance(directory, str) else "",
    )
