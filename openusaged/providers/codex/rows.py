"""
Rows of a rollout: which lines matter, and their fields without believing their types.

Codex changed types between versions (a balance is a number or a string, a source a string or an
object, an output a string or a list).  A row is decoded with the types it usually has; one that has
others is read again field by field, so that one odd field never costs the row.  Prompts and answers
stay undecoded bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import msgspec

from openusaged.providers.codex.counters import Usage
from openusaged.providers.shared.json_values import as_epoch_ms

UNDECODABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding raises: no JSON or of another type, no text, nested too deep."""

Kind = tuple[bytes, bytes | None]
"""Type of the row and, inside an envelope, of its payload."""

ENVELOPES: Final = frozenset({b"event_msg", b"response_item"})

# The line as Codex writes it: compact, `type` first in the payload.  Matching costs a tenth of
# decoding; a line that does not look like this is decoded instead of judged.  The types are taken
# as they are written, in one piece, because most lines are only matched (see `head_of`).
HEAD: Final = re.compile(
    rb'\{"timestamp":"[^"]{19}\.[^"]{3}Z",(?:"ordinal":\d++,)?+"type":"'
    rb'([^"]++"(?:,"payload":\{"type":"[^"]++")?+)'
)
SECOND: Final = slice(14, 33)
MILLISECOND: Final = slice(34, 37)
"""Where they are in the time stamp of a line that `HEAD` matches."""


def head_of(kind: Kind) -> bytes:
    """What `HEAD` captures of a row of this kind."""
    outer, inner = kind
    return outer + b'"' if inner is None else b'%b","payload":{"type":"%b"' % (outer, inner)


MILLISECONDS: Final = {b"%03d" % millisecond: millisecond for millisecond in range(1000)}
_MINUTES: Final = {b":%02d" % minute: minute * 60_000 for minute in range(60)}
_SECONDS: Final = {b":%02d" % second: second * 1000 for second in range(60)}


def second_ms(second: bytes) -> int:
    """
    Epoch milliseconds of `2026-06-01T10:00:05`.

    Raises:
        KeyError: it is no such time.
    """
    hour_ms = _hour_ms(second[:13])
    if hour_ms is None:
        raise KeyError(second)
    return hour_ms + _MINUTES[second[13:16]] + _SECONDS[second[16:]]


@lru_cache(maxsize=1024)
def _hour_ms(hour: bytes) -> int | None:
    """Epoch milliseconds of `2026-06-01T10`, which neighbours share."""
    return as_epoch_ms(hour.decode(errors="replace") + ":00:00Z")


ABSENT: Final = msgspec.Raw(b"null")
Text = str | None
"""An id or a name; None is unknown."""


class SessionMeta(msgspec.Struct, gc=False):
    """Header of a rollout; only the first one of a file is about the file itself."""

    id: Text = None
    session_id: Text = None
    timestamp: Any = None
    cwd: Text = None
    source: Any = None
    thread_source: Text = None
    parent_thread_id: Text = None
    forked_from_id: Text = None
    history_base: Any = None
    model_provider: Text = None
    agent_nickname: Text = None
    agent_role: Text = None
    git: Any = None


class TurnContext(msgspec.Struct, gc=False):
    """Settings of the turn that follows."""

    model: Text = None
    turn_id: Text = None
    cwd: Text = None


class UsageRecord(msgspec.Struct, gc=False):
    """Usage of one model response (since 0.155)."""

    thread_id: Text = None
    turn_id: Text = None
    response_id: Text = None
    model: Text = None
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

    turn_id: Text = None
    started_at: Any = None
    error: msgspec.Raw = ABSENT


class ThreadSettings(msgspec.Struct, gc=False):
    """Settings in force from here on; absent fields have their default."""

    thread_settings: Any = None


class ToolCall(msgspec.Struct, gc=False):
    """A tool call; its arguments stay bytes unless they hold a patch."""

    type: Text = None
    id: Text = None
    call_id: Text = None
    name: Text = None
    namespace: Text = None
    status: Text = None
    arguments: msgspec.Raw = ABSENT
    input: msgspec.Raw = ABSENT
    action: msgspec.Raw = ABSENT


class ToolOutput(msgspec.Struct, gc=False):
    """The answer of a tool; only its head and tail are looked at, as bytes."""

    call_id: Text = None
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
    kind: msgspec.json.Decoder(msgspec.defstruct("Row", [("payload", payload)], gc=False)).decode
    for kind, payload in PAYLOADS.items()
}
"""Decoders of whole rows whose kind is known from their head; strict about types."""


def decode_row(line: bytes) -> tuple[Kind, Any, Payload] | None:
    """
    (kind, timestamp as written, payload) of a row that matters; None for all others.

    Field by field: a count that is a string or a block that is no object costs only itself.

    Raises:
        UNDECODABLE: the line is no JSON object or its payload is none.
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
        payload = decode(row.payload)
    except msgspec.ValidationError:
        payload = _loose(PAYLOADS[kind], row.payload)
    if isinstance(payload, TokenCount):
        # whoever looks for something in these bytes expects them as Codex writes them
        payload.rate_limits = msgspec.Raw(msgspec.json.format(payload.rate_limits, indent=-1))
    return kind, row.timestamp, payload


def _loose(struct: type[Any], raw: msgspec.Raw) -> Any:
    values = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    return struct(
        **{
            field.name: _lenient(field.type, values[field.name])
            for field in msgspec.structs.fields(struct)
            if field.name in values
        }
    )


def _lenient(kind: Any, raw: msgspec.Raw) -> Any:
    if kind is msgspec.Raw:
        return raw
    value = msgspec.json.decode(raw)
    if kind == Text:
        return as_text(value)
    if kind == TokenInfo | None:
        return _loose(TokenInfo, raw) if isinstance(value, dict) else None
    return value


def as_text(value: Any) -> str:
    """A string, or a number as text: some versions number what others name; else unknown."""
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int else ""
