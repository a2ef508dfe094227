"""
Rows of OpenCode's database: which fields leave SQLite, and how they become messages and parts.

SQLite hands over the wanted fields of a row as one JSON array, and msgspec checks their types while
it decodes: a tenth of what a query column and a check per field cost.  A row with a field of
another type takes the slow way, where only that field is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec

from openusaged.providers.opencode.records import (
    MAX_AMOUNT,
    Count,
    Message,
    Session,
    Step,
    Tokens,
    ToolCall,
    amount,
    count,
    optional_count,
    parse_tokens,
)
from openusaged.providers.shared.json_values import as_text

# In the order of the fields of `_MessageFields` and `_PartFields`.
MESSAGE_PATHS: Final = (
    "$.parentID",
    "$.providerID",
    "$.model.providerID",
    "$.modelID",
    "$.model.modelID",
    "$.agent",
    "$.mode",
    "$.path.cwd",
    "$.cost",
    "$.tokens",
    "$.time.created",
    "$.time.completed",
    "$.finish",
    "$.error.name",
)
PART_PATHS: Final = (
    "$.type",
    "$.callID",
    "$.tool",
    "$.state.status",
    "$.state.time.start",
    "$.state.input.filePath",
    "$.state.metadata.filediff.additions",
    "$.state.metadata.filediff.deletions",
    "$.cost",
    "$.tokens",
)
_STEP: Final = "step-finish"
_TOOL: Final = "tool"

_Amount = Annotated[float, msgspec.Meta(ge=0, lt=MAX_AMOUNT)]


class _MessageFields(msgspec.Struct, array_like=True, gc=False):
    parent_id: str | None
    provider: str | None
    model_provider: str | None
    model: str | None
    model_model: str | None
    agent: str | None
    mode: str | None
    cwd: str | None
    cost: _Amount | None
    tokens: Tokens | None
    created_ms: Count | None
    completed_ms: Count | None
    finish: str | None
    error: str | None


class _PartFields(msgspec.Struct, array_like=True, gc=False):
    type: str | None
    call_id: str | None
    tool: str | None
    status: str | None
    started_ms: Count | None
    file: str | None
    added: Count | None
    removed: Count | None
    cost: _Amount | None
    tokens: Tokens | None


_decode_message = msgspec.json.Decoder(_MessageFields).decode
_decode_part = msgspec.json.Decoder(_PartFields).decode
_UNDECODABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def message_of(
    message_id: str,
    data: bytes,
    session_id: str,
    session: Session,
    steps: Sequence[Step],
    *,
    is_summary: bool,
    has_error: bool,
) -> Message | None:
    """The message with the fields `data` (MESSAGE_PATHS); None when they cannot be decoded."""
    try:
        fields = _decode_message(data)
    except msgspec.ValidationError:
        try:
            fields = _lenient_message(msgspec.json.decode(data))
        except _UNDECODABLE:
            return None
    except _UNDECODABLE:
        return None
    return Message(
        id=message_id,
        session_id=session_id,
        parent_id=fields.parent_id or "",
        provider=fields.provider or fields.model_provider or "",
        model=fields.model or fields.model_model or "",
        agent=fields.agent or fields.mode or "",
        cwd=fields.cwd or session.directory,
        cost=fields.cost or 0.0,
        tokens=fields.tokens,
        created_ms=fields.created_ms or 0,
        completed_ms=fields.completed_ms or 0,
        finish=fields.finish or "",
        error=(fields.error or "error") if has_error else "",
        is_summary=is_summary,
        steps=steps,
        session=session,
    )


def part_of(part_id: str, data: bytes) -> Step | ToolCall | None:
    """The step or tool call with the fields `data` (PART_PATHS); None for anything else."""
    try:
        fields = _decode_part(data)
    except msgspec.ValidationError:
        try:
            fields = _lenient_part(msgspec.json.decode(data))
        except _UNDECODABLE:
            return None
    except _UNDECODABLE:
        return None
    if fields.type == _STEP:
        return Step(tokens=fields.tokens or Tokens(), cost=fields.cost or 0.0)
    if fields.type != _TOOL:
        return None
    return ToolCall(
        id=fields.call_id or part_id,
        name=fields.tool or "",
        status=(fields.status or "").lower(),
        started_ms=fields.started_ms or 0,
        file=fields.file or "",
        lines_added=fields.added,
        lines_removed=fields.removed,
    )


def _lenient_message(values: list[Any]) -> _MessageFields:
    parent, provider, model_provider, model, model_model, agent, mode, cwd = values[:8]
    cost, tokens, created, completed, finish, error = values[8:]
    return _MessageFields(
        parent_id=as_text(parent),
        provider=as_text(provider),
        model_provider=as_text(model_provider),
        model=as_text(model),
        model_model=as_text(model_model),
        agent=as_text(agent),
        mode=as_text(mode),
        cwd=as_text(cwd),
        cost=amount(cost),
        tokens=_lenient_tokens(tokens),
        created_ms=count(created),
        completed_ms=count(completed),
        finish=as_text(finish),
        error=as_text(error),
    )


def _lenient_part(values: list[Any]) -> _PartFields:
    kind, call_id, tool, status, started, file, added, removed, cost, tokens = values
    return _PartFields(
        type=as_text(kind),
        call_id=as_text(call_id),
        tool=as_text(tool),
        status=as_text(status),
        started_ms=count(started),
        file=as_text(file),
        added=optional_count(added),
        removed=optional_count(removed),
        cost=amount(cost),
        tokens=_lenient_tokens(tokens),
    )


def _lenient_tokens(value: object) -> Tokens | None:
    return parse_tokens(value) if isinstance(value, dict) else None
