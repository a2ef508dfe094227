"""
Claude Code's hook payloads and status line input to events, limits and transcripts to read.

No hook carries tokens: what a turn used is in the transcript it names, which lags by some 50 ms.
So a hook says that a turn or a tool call is over, and which file to read.  Text that an unreduced
payload may hold (prompts, answers, tool input and output) is never looked at.
"""

from __future__ import annotations

import re
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
    TOOL_USAGE,
    TURN_COMPLETED,
    Account,
    LimitMetric,
    UsageEvent,
    UsageSnapshot,
)
from openusaged.providers.base import HookResult, Machine
from openusaged.providers.claude_code.limits import percent_metric, status_of
from openusaged.providers.claude_code.paths import PROVIDER_ID, discover, home_of_transcript
from openusaged.providers.claude_code.records import SOURCE
from openusaged.providers.claude_code.timestamps import epoch_ms

MAX_ID_CHARS: Final = 256
MAX_PATH_CHARS: Final = 4096
MAX_MODEL_WINDOWS: Final = 8
_MODEL_WINDOW: Final = re.compile(r"seven_day_[a-z0-9_]{1,40}")
_PATH_KEYS: Final = ("file_path", "notebook_path", "path")


def hook(payload: Mapping[str, Any], observed_ms: int, machine: Machine) -> HookResult:
    """
    What one payload says, at the time it was observed (payloads carry none).

    Transcripts are named only when they really lie below a home of this machine.

    Raises:
        InvalidEvent: a field has the wrong type, or it is no payload of Claude Code.
    """
    paths = [
        _text(payload, key, MAX_PATH_CHARS) for key in ("transcript_path", "agent_transcript_path")
    ]
    owners = {path: home_of_transcript(path, machine) for path in paths if path}
    wake = tuple(path for path, owner in owners.items() if owner is not None)
    account_id = _account_id(paths[0], owners, machine)
    session_id = _text(payload, "session_id")
    name = _text(payload, "hook_event_name")
    if name:
        event = _event(name, payload, observed_ms, account_id)
        return HookResult(
            events=() if event is None else (event,), wake_paths=wake, session_id=session_id
        )
    if "context_window" not in payload and "rate_limits" not in payload:
        raise InvalidEvent("payload.hook_event_name", "is missing")
    return HookResult(
        wake_paths=wake,
        snapshot=_snapshot(payload, observed_ms, account_id),
        session_id=session_id,
    )


def _event(
    name: str, payload: Mapping[str, Any], observed_ms: int, account_id: str
) -> UsageEvent | None:
    if name == "Stop":
        # A stop hook made the model go on: the turn has been counted at its first stop.
        return None if payload.get("stop_hook_active") else _turn(payload, observed_ms, account_id)
    if name == "StopFailure":
        return _turn(payload, observed_ms, account_id, status=STATUS_ERROR)
    if name == "SubagentStop":
        # `/compact` reports its own call as a sub-agent without a type: no turn of anyone's.
        if payload.get("stop_hook_active") or not _text(payload, "agent_type"):
            return None
        return _turn(payload, observed_ms, account_id, agent_id=_text(payload, "agent_id"))
    if name == "PostToolUse":
        return _tool(payload, observed_ms, account_id, STATUS_OK)
    if name == "PostToolUseFailure":
        interrupted = payload.get("is_interrupt") is True
        return _tool(
            payload, observed_ms, account_id, STATUS_ABORTED if interrupted else STATUS_ERROR
        )
    return None


def _turn(
    payload: Mapping[str, Any],
    observed_ms: int,
    account_id: str,
    *,
    agent_id: str = "",
    status: str = STATUS_OK,
) -> UsageEvent:
    turn_id = _text(payload, "prompt_id")
    agent = ""
    if agent_id:
        # Several agents answer one prompt, and one agent may be asked again.
        agent = _text(payload, "agent_type")
        turn_id = f"{agent_id}:{turn_id}" if turn_id else ""
    return UsageEvent(
        source=SOURCE,
        channel=HOOK,
        event_type=TURN_COMPLETED,
        ts_ms=observed_ms,
        provider="anthropic",
        account_id=account_id,
        client=SOURCE,
        session_id=_text(payload, "session_id"),
        turn_id=turn_id,
        agent=agent,
        is_sidechain=bool(agent),
        cwd=_text(payload, "cwd", MAX_PATH_CHARS),
        status=status,
    )


def _tool(
    payload: Mapping[str, Any], observed_ms: int, account_id: str, status: str
) -> UsageEvent | None:
    call_id = _text(payload, "tool_use_id")
    if not call_id:
        # Nothing would match it with the same call in the transcript: it would count twice.
        return None
    tool = _text(payload, "tool_name")
    server, function = split_mcp(tool)
    agent = _text(payload, "agent_type") if payload.get("agent_id") else ""
    return UsageEvent(
        source=SOURCE,
        channel=HOOK,
        event_type=TOOL_USAGE,
        ts_ms=observed_ms,
        provider="anthropic",
        account_id=account_id,
        client=SOURCE,
        session_id=_text(payload, "session_id"),
        turn_id=_text(payload, "prompt_id"),
        tool_call_id=call_id,
        agent=agent,
        is_sidechain=bool(agent),
        cwd=_text(payload, "cwd", MAX_PATH_CHARS),
        requests=1,
        tool_name=tool,
        mcp_server=server,
        mcp_function=function,
        language=_language(payload),
        status=status,
    )


def _language(payload: Mapping[str, Any]) -> str:
    # Our own hook sends only the extension; the path itself stays in its process.
    extension = payload.get("file_ext")
    if isinstance(extension, str):
        return language_of(extension)
    arguments = payload.get("tool_input")
    if isinstance(arguments, Mapping):
        for key in _PATH_KEYS:
            path = arguments.get(key)
            if isinstance(path, str) and language_of(path):
                return language_of(path)
    return ""


def _snapshot(
    payload: Mapping[str, Any], observed_ms: int, account_id: str
) -> UsageSnapshot | None:
    windows = payload.get("rate_limits")
    if windows is None:
        # Only subscribers have limits, and only after the session's first answer.
        return None
    if not isinstance(windows, Mapping):
        raise InvalidEvent("payload.rate_limits", "is no object")
    # Some versions name weekly windows of single models, too.
    of_models = [
        name
        for name, window in windows.items()
        if isinstance(window, Mapping) and _MODEL_WINDOW.fullmatch(name)
    ]
    metrics: list[LimitMetric] = []
    for name in ("five_hour", "seven_day", *of_models[:MAX_MODEL_WINDOWS], "spend_limit"):
        window = windows.get(name)
        if window is None:
            continue
        if not isinstance(window, Mapping):
            raise InvalidEvent(f"payload.rate_limits.{name}", "is no object")
        used = window.get("used_percentage")
        if used is None:
            continue
        if isinstance(used, bool) or not isinstance(used, (int, float)) or not 0 <= used < 1e6:
            raise InvalidEvent(f"payload.rate_limits.{name}.used_percentage", "is no percentage")
        metrics.append(percent_metric(name, used, epoch_ms(window.get("resets_at")), observed_ms))
    if not metrics:
        return None
    return UsageSnapshot(
        provider_id=PROVIDER_ID,
        account_id=account_id,
        ts_ms=observed_ms,
        status=status_of(metrics),
        metrics=tuple(metrics),
        attributes={"usage_source": "statusline"},
    )


def _account_id(transcript: str, owners: Mapping[str, Account | None], machine: Machine) -> str:
    if transcript:
        owner = owners[transcript]
        return owner.id if owner is not None else ""
    accounts = discover(machine)
    return accounts[0].id if len(accounts) == 1 else ""


def _text(payload: Mapping[str, Any], key: str, limit: int = MAX_ID_CHARS) -> str:
    value = payload.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidEvent(f"payload.{key}", "is no text")
    if len(value) > limit:
        raise InvalidEvent(f"payload.{key}", f"is longer than {limit} characters")
    return value
