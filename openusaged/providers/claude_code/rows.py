"""
The lines of a transcript as Claude Code writes them, and how a line becomes a row.

Only wanted fields are declared; msgspec skips the rest without building it, so prompts and answers
never become objects.  A field of an unexpected type costs that field, not the line.  `UNSET` is an
absent field: a literal null in its place is written by other programs only (see `Row.foreign`).
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

MAX_TOKENS: Final = 10**12
"""No response has more; a larger figure is garbage and must not reach a sum."""

_Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_TOKENS)]
# Null or empty is not declared for what Claude Code never writes so: such lines take the slow way,
# which tells whether they are foreign.
_Id = Annotated[str, msgspec.Meta(min_length=1)] | UnsetType
_ABSENT: Final = Raw()


class CacheSplit(msgspec.Struct, gc=False):
    """`usage.cache_creation`: cache writes by how long they live."""

    ephemeral_5m_input_tokens: _Count | None = None
    ephemeral_1h_input_tokens: _Count | None = None


class OutputDetails(msgspec.Struct, gc=False):
    """`usage.output_tokens_details`."""

    thinking_tokens: _Count | None = None


class Iteration(msgspec.Struct, gc=False):
    """One step of `usage.iterations`; all but advisor steps are inside the totals already."""

    type: str | None = ""
    model: str | None = ""
    input_tokens: _Count | None = 0
    output_tokens: _Count | None = 0
    cache_read_input_tokens: _Count | None = 0
    cache_creation_input_tokens: _Count | None = 0
    cache_creation: CacheSplit | None = None


class Usage(msgspec.Struct, gc=False):
    """`message.usage`: `input_tokens` excludes both cache figures, output includes thinking."""

    input_tokens: _Count | None = 0
    output_tokens: _Count | None = 0
    cache_read_input_tokens: _Count = 0
    cache_creation_input_tokens: _Count = 0
    cache_creation: CacheSplit | None = None
    output_tokens_details: OutputDetails | None = None
    service_tier: str | None = ""
    speed: str = ""
    iterations: list[Iteration] | None = None


class Block(msgspec.Struct, gc=False):
    """One content block: a `tool_use` or a `tool_result`; text blocks keep only their type."""

    type: str = ""
    id: str = ""
    name: str = ""
    input: Raw = _ABSENT
    tool_use_id: str = ""
    is_error: bool | None = False


class Message(msgspec.Struct, gc=False):
    """The API message of an assistant line, or the user message with tool results."""

    id: _Id = UNSET
    model: _Id = UNSET
    stop_reason: str | None = None
    usage: Usage | None = None
    content: list[Block] | str | None = None


class Row(
    msgspec.Struct,
    gc=False,
    rename={
        "session_id": "sessionId",
        "request_id": "requestId",
        "branch": "gitBranch",
        "is_sidechain": "isSidechain",
        "is_api_error": "isApiErrorMessage",
        "cost_usd": "costUSD",
        "prompt_id": "promptId",
        "attribution_agent": "attributionAgent",
        "forked_from": "forkedFrom",
    },
):
    """One line."""

    type: str = ""
    timestamp: str | float | None = None
    session_id: _Id = UNSET
    request_id: _Id = UNSET
    uuid: str | None = ""
    cwd: str | UnsetType = UNSET
    branch: str | None = ""
    version: str | UnsetType = UNSET
    is_sidechain: bool | None = False
    is_api_error: bool = False
    cost_usd: float = 0.0
    prompt_id: str | None = ""
    attribution_agent: str | None = ""
    forked_from: Raw = _ABSENT
    message: Message | None = None
    data: Raw = _ABSENT
    foreign: bool = False
    """
    Whether another program wrote this line into the transcript.

    Claude Code leaves out what it does not know; exporters and proxies write null or "".  Such
    lines are copies of usage that is counted elsewhere.
    """


class _Progress(msgspec.Struct, gc=False):
    type: str = ""
    message: Row | None = None


class _ForkedFrom(msgspec.Struct, gc=False, rename={"session_id": "sessionId"}):
    session_id: str | None = ""


_decode_row = msgspec.json.Decoder(Row).decode
_decode_progress = msgspec.json.Decoder(_Progress).decode
_decode_forked_from = msgspec.json.Decoder(_ForkedFrom).decode
_UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def row_of(line: bytes) -> Row | None:
    """The row on `line`, None when it is no JSON object."""
    try:
        return _decode_row(line)
    except msgspec.ValidationError:
        return _lenient_row(line)
    except _UNDECODABLE:
        return None


def wrapped_row(row: Row) -> Row | None:
    """
    The row that an `agent_progress` line carries, completed from the line around it.

    Some versions write a sub-agent's answers only there, others there and in the agent's own file.
    """
    try:
        progress = _decode_progress(row.data)
    except msgspec.ValidationError:
        progress = _lenient_progress(row.data)
    except _UNDECODABLE:
        return None
    inner = progress.message
    if progress.type != "agent_progress" or inner is None or inner.message is None:
        return None
    for name in ("session_id", "cwd", "version"):
        if getattr(inner, name) is UNSET:
            setattr(inner, name, getattr(row, name))
    # Some versions leave the type out; a message with usage is an answer.
    inner.type = inner.type or "assistant"
    inner.timestamp = inner.timestamp or row.timestamp
    inner.branch = inner.branch or row.branch
    inner.foreign = inner.foreign or row.foreign
    inner.attribution_agent = inner.attribution_agent or row.attribution_agent
    return inner


def forked_from(row: Row) -> str:
    """The session whose history this row was copied from, where the version says so."""
    if row.forked_from is _ABSENT:
        return ""
    try:
        return _decode_forked_from(row.forked_from).session_id or ""
    except _UNDECODABLE:
        return ""


_NEVER_NULL: Final = (
    "cwd",
    "version",
    "sessionId",
    "requestId",
    "costUSD",
    "isApiErrorMessage",
)
_NEVER_EMPTY: Final = ("sessionId", "requestId")


def _is_foreign(value: dict[str, Any]) -> bool:
    message = value.get("message")
    if not isinstance(message, dict):
        message = {}
    usage = message.get("usage")
    if not isinstance(usage, dict):
        usage = {}
    return (
        any(value.get(name, UNSET) is None for name in _NEVER_NULL)
        or any(value.get(name) == "" for name in _NEVER_EMPTY)
        or any(message.get(name, UNSET) in (None, "") for name in ("id", "model"))
        or any(
            usage.get(name, UNSET) is None
            for name in ("speed", "cache_read_input_tokens", "cache_creation_input_tokens")
        )
    )


def _lenient_row(line: bytes | Raw) -> Row | None:
    try:
        value = msgspec.json.decode(line)
    except _UNDECODABLE:
        return None
    return _tolerant(Row, value) if isinstance(value, dict) else None


def _lenient_progress(data: Raw) -> _Progress:
    try:
        value = msgspec.json.decode(data)
    except _UNDECODABLE:
        return _Progress()
    return _tolerant(_Progress, value) if isinstance(value, dict) else _Progress()


_NESTED: Final[dict[tuple[type, str], type[msgspec.Struct]]] = {
    (_Progress, "message"): Row,
    (Row, "message"): Message,
    (Message, "usage"): Usage,
    (Message, "content"): Block,
    (Usage, "cache_creation"): CacheSplit,
    (Usage, "output_tokens_details"): OutputDetails,
    (Usage, "iterations"): Iteration,
    (Iteration, "cache_creation"): CacheSplit,
}


def _tolerant(kind: type[Any], value: dict[str, Any]) -> Any:
    """A `kind` of the fields that fit; the others keep their default."""
    kept: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        if field.encode_name not in value:
            continue
        item = value[field.encode_name]
        nested = _NESTED.get((kind, field.name))
        if nested is not None and isinstance(item, dict):
            kept[field.name] = _tolerant(nested, item)
        elif nested is not None and isinstance(item, list):
            kept[field.name] = [_tolerant(nested, part) for part in item if isinstance(part, dict)]
        elif field.type is Raw:
            kept[field.name] = Raw(msgspec.json.encode(item))
        else:
            try:
                kept[field.name] = msgspec.convert(item, field.type, strict=False)
            except msgspec.ValidationError:
                continue
    if kind is Row:
        kept["foreign"] = _is_foreign(value)
    return kind(**kept)
