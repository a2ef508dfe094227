"""
Rows of a rollout: which lines matter, and their fields without believing their types.

Codex changed types between versions (a balance is a number or a string, a source a string or an
object, an output a string or a list), so every leaf is `Any` and read by a lenient accessor: one
odd field never costs the row.  Prompts and answers stay undecoded bytes.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

# Kind of row -> the struct of its payload; a kind that is not listed carries no usage.
# `turn_started` and `turn_complete` are newer spellings that Codex itself accepts.
TOP_LEVEL: Final = frozenset({b"session_meta", b"turn_context", b"token_usage_record"})
ENVELOPES: Final = frozenset({b"event_msg", b"response_item"})

# The line as Codex writes it: compact, `type` first in the payload.  Matching costs a tenth of
# decoding; a line that does not look like this is decoded instead of judged.
HEAD: Final = re.compile(
    rb'\{"timestamp":"[^"\\]*",(?:"ordinal":\d+,)?"type":"([a-z_]+)"(?:,"payload":\{"type":"([a-z_]+)")?'
)


class SessionMeta(msgspec.Struct, gc=False):
    """Header of a rollout; only the first one of a file is about the file itself."""

    id: Any = None
    session_id: Any = None
    timestamp: Any = None
    cwd: Any = None
    source: Any = None
    thread_source: Any = None
    parent_thread_id: Any = None
    forked_from_id: Any = None
    history_base: Any = None
    model_provider: Any = None
    agent_nickname: Any = None
    agent_role: Any = None
    git: Any = None


class TurnContext(msgspec.Struct, gc=False):
    """Settings of the turn that follows."""

    model: Any = None
    turn_id: Any = None
    cwd: Any = None


class UsageRecord(msgspec.Struct, gc=False):
    """Usage of one model response (since 0.155)."""

    thread_id: Any = None
    turn_id: Any = None
    response_id: Any = None
    model: Any = None
    usage: Any = None
    thread_token_usage: Any = None


class TokenCount(msgspec.Struct, gc=False):
    """Cumulative counters of the thread and the vendor's limits."""

    info: Any = None
    rate_limits: msgspec.Raw = msgspec.Raw(b"null")
    model: Any = None
    model_name: Any = None
    model_id: Any = None
    metadata: Any = None


class TurnEdge(msgspec.Struct, gc=False):
    """Start, end or abort of a turn."""

    turn_id: Any = None
    started_at: Any = None
    error: msgspec.Raw = msgspec.Raw(b"null")


class ThreadSettings(msgspec.Struct, gc=False):
    """Settings in force from here on; absent fields have their default."""

    thread_settings: Any = None


class ToolCall(msgspec.Struct, gc=False):
    """A tool call; its arguments stay bytes unless they hold a patch."""

    type: Any = None
    id: Any = None
    call_id: Any = None
    name: Any = None
    namespace: Any = None
    status: Any = None
    arguments: msgspec.Raw = msgspec.Raw(b"null")
    input: msgspec.Raw = msgspec.Raw(b"null")
    action: msgspec.Raw = msgspec.Raw(b"null")


class ToolOutput(msgspec.Struct, gc=False):
    """The answer of a tool; only its head and tail are looked at, as bytes."""

    call_id: Any = None
    success: Any = None
    output: msgspec.Raw = msgspec.Raw(b"null")


Payload = (
    SessionMeta
    | TurnContext
    | UsageRecord
    | TokenCount
    | TurnEdge
    | ThreadSettings
    | ToolCall
    | ToolOutput
)

PAYLOADS: Final[dict[bytes, type[Payload]]] = {
    b"session_meta": SessionMeta,
    b"turn_context": TurnContext,
    b"token_usage_record": UsageRecord,
    b"token_count": TokenCount,
    b"task_started": TurnEdge,
    b"turn_started": TurnEdge,
    b"task_complete": TurnEdge,
    b"turn_complete": TurnEdge,
    b"turn_aborted": TurnEdge,
    b"thread_settings_applied": ThreadSettings,
    b"function_call": ToolCall,
    b"custom_tool_call": ToolCall,
    b"local_shell_call": ToolCall,
    b"web_search_call": ToolCall,
    b"function_call_output": ToolOutput,
    b"custom_tool_call_output": ToolOutput,
}


class _Envelope(msgspec.Struct, gc=False):
    timestamp: Any = None
    type: Any = None
    payload: msgspec.Raw = msgspec.Raw(b"null")


class _Inner(msgspec.Struct, gc=False):
    type: Any = None


_envelope = msgspec.json.Decoder(_Envelope).decode
_inner = msgspec.json.Decoder(_Inner).decode
_payload = {kind: msgspec.json.Decoder(payload).decode for kind, payload in PAYLOADS.items()}


def decode_row(line: bytes) -> tuple[bytes, Any, Payload] | None:
    """
    (kind, timestamp as written, payload) of a row that matters; None for all others.

    Raises:
        msgspec.MsgspecError: the line is no JSON object or its payload is none.
    """
    row = _envelope(line)
    kind = row.type.encode() if isinstance(row.type, str) else b""
    if kind in ENVELOPES:
        inner = _inner(row.payload).type
        kind = inner.encode() if isinstance(inner, str) else b""
    elif kind not in TOP_LEVEL:
        return None
    decode = _payload.get(kind)
    return None if decode is None else (kind, row.timestamp, decode(row.payload))


def as_text(value: Any) -> str:
    """A string or a number as text; anything else is unknown."""
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int else ""


def as_object(value: Any) -> dict[str, Any]:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def as_epoch_ms(value: Any) -> int | None:
    """Epoch milliseconds of an ISO-8601 text (UTC when it names no zone) or a Unix number."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            try:
                value = float(value)
            except ValueError:
                return None
        else:
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            return round(moment.timestamp() * 1000)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 < value < 1e17:  # also refuses NaN
        return None
    # seconds, milliseconds or microseconds: these ranges are decades apart
    scale = 1000.0 if value < 1e11 else 1.0 if value < 1e14 else 0.001
    return round(value * scale)
