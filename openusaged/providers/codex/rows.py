"""
Rows of a rollout: which lines matter, and their fields without believing their types.

Codex changed types between versions (a balance is a number or a string, a source a string or an
object, an output a string or a list), so every leaf is `Any` and read by a lenient accessor: one
odd field never costs the row.  Prompts and answers stay undecoded bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from openusaged.providers.codex.counters import Usage

Kind = tuple[bytes, bytes | None]
"""Type of the row and, inside an envelope, of its payload."""

ENVELOPES: Final = frozenset({b"event_msg", b"response_item"})

# The line as Codex writes it: compact, `type` first in the payload.  Matching costs a tenth of
# decoding; a line that does not look like this is decoded instead of judged.  The types are taken
# as they are written, in one piece, because most lines are only matched (see `head_of`).
HEAD: Final = re.compile(
    rb'\{"timestamp":"[^"]{20,32}",(?:"ordinal":\d+,)?"type":"'
    rb'([^"]+"(?:,"payload":\{"type":"[^"]+")?)'
)


def head_of(kind: Kind) -> bytes:
    """What `HEAD` captures of a row of this kind."""
    outer, inner = kind
    return outer + b'"' if inner is None else b'%b","payload":{"type":"%b"' % (outer, inner)


ABSENT: Final = msgspec.Raw(b"null")


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
    usage: Usage | None = None
    thread_token_usage: Usage | None = None


class TokenInfo(msgspec.Struct, gc=False):
    """Cumulative usage of the thread, and of the last response."""

    total_token_usage: Usage | None = None
    last_token_usage: Usage | None = None
    model: Any = None
    model_name: Any = None
    metadata: Any = None


class TokenCount(msgspec.Struct, gc=False):
    """Cumulative counters of the thread and the vendor's limits."""

    info: TokenInfo | None = None
    rate_limits: msgspec.Raw = ABSENT
    model: Any = None
    model_name: Any = None
    model_id: Any = None
    metadata: Any = None


class TurnEdge(msgspec.Struct, gc=False):
    """Start, end or abort of a turn."""

    turn_id: Any = None
    started_at: Any = None
    error: msgspec.Raw = ABSENT


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
    arguments: msgspec.Raw = ABSENT
    input: msgspec.Raw = ABSENT
    action: msgspec.Raw = ABSENT


class ToolOutput(msgspec.Struct, gc=False):
    """The answer of a tool; only its head and tail are looked at, as bytes."""

    call_id: Any = None
    success: Any = None
    output: msgspec.Raw = ABSENT


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

# A kind that is not listed carries no usage.  `turn_started` and `turn_complete` are spellings
# that Codex itself accepts for the two.
PAYLOADS: Final[dict[Kind, type[Payload]]] = {
    (b"session_meta", None): SessionMeta,
    (b"turn_context", None): TurnContext,
    (b"token_usage_record", None): UsageRecord,
    (b"event_msg", b"token_count"): TokenCount,
    (b"event_msg", b"task_started"): TurnEdge,
    (b"event_msg", b"turn_started"): TurnEdge,
    (b"event_msg", b"task_complete"): TurnEdge,
    (b"event_msg", b"turn_complete"): TurnEdge,
    (b"event_msg", b"turn_aborted"): TurnEdge,
    (b"event_msg", b"thread_settings_applied"): ThreadSettings,
    (b"response_item", b"function_call"): ToolCall,
    (b"response_item", b"custom_tool_call"): ToolCall,
    (b"response_item", b"local_shell_call"): ToolCall,
    (b"response_item", b"web_search_call"): ToolCall,
    (b"response_item", b"function_call_output"): ToolOutput,
    (b"response_item", b"custom_tool_call_output"): ToolOutput,
}


class _Envelope(msgspec.Struct, gc=False):
    timestamp: Any = None
    type: Any = None
    payload: msgspec.Raw = ABSENT


class _Inner(msgspec.Struct, gc=False):
    type: Any = None


_envelope = msgspec.json.Decoder(_Envelope).decode
_inner = msgspec.json.Decoder(_Inner).decode
_payload: Final[dict[Kind, Callable[[msgspec.Raw], Any]]] = {
    kind: msgspec.json.Decoder(payload).decode for kind, payload in PAYLOADS.items()
}

ROWS: Final[dict[Kind, Callable[[bytes], Any]]] = {
    kind: msgspec.json.Decoder(
        msgspec.defstruct("Row", [("payload", payload), ("timestamp", Any, None)], gc=False)
    ).decode
    for kind, payload in PAYLOADS.items()
}
"""Decoders of whole rows whose kind is known from their head; strict about counts."""


def decode_row(line: bytes) -> tuple[Kind, Any, Payload] | None:
    """
    (kind, timestamp as written, payload) of a row that matters; None for all others.

    Field by field: a count that is a string or a block that is no object costs only itself.

    Raises:
        msgspec.MsgspecError: the line is no JSON object or its payload is none.
    """
    row = _envelope(line)
    outer = row.type.encode() if isinstance(row.type, str) else b""
    kind: Kind = (outer, None)
    if outer in ENVELOPES:
        inner = _inner(row.payload).type
        kind = (outer, inner.encode() if isinstance(inner, str) else b"")
    decode = _payload.get(kind)
    if decode is None:
        return None
    try:
        return kind, row.timestamp, decode(row.payload)
    except msgspec.ValidationError:
        return kind, row.timestamp, _loose(PAYLOADS[kind], row.payload)


def _loose(payload: type[Payload], raw: msgspec.Raw) -> Payload:
    values = msgspec.json.decode(raw, type=dict[str, Any])
    if payload is TokenCount:
        info = values.get("info")
        values["info"] = TokenInfo(**_known(TokenInfo, info)) if isinstance(info, dict) else None
        values["rate_limits"] = msgspec.Raw(msgspec.json.encode(values.get("rate_limits")))
    return payload(**_known(payload, values))


def _known(struct: type[msgspec.Struct], values: dict[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in struct.__struct_fields__ if name in values}


def as_text(value: Any) -> str:
    """A string, or a number as text: some versions number what others name; else unknown."""
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int else ""
