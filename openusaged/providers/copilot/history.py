"""
Reads the sessions of the first versions of the CLI: one document each, without any tokens.

It tells which tools ran and when, when the user wrote, and how often a model answered; the vendor
has never described it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from openusaged.core.models import (
    JSONL,
    MESSAGE_USAGE,
    STATUS_ABORTED,
    STATUS_ERROR,
    STATUS_OK,
    STATUS_UNKNOWN,
    TOOL_USAGE,
    TURN_COMPLETED,
    Account,
    SourceCursor,
    UsageEvent,
)
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.copilot.tokens import BILLED_BY, SOURCE
from openusaged.providers.copilot.tool_calls import call_of
from openusaged.providers.shared import documents
from openusaged.providers.shared.cursors import document_state
from openusaged.providers.shared.emitted import Emitted
from openusaged.providers.shared.json_values import as_epoch_ms, as_text
from openusaged.providers.shared.side_records import NO_JSON, raw_items

STATE_VERSION: Final = 1

_OUTCOMES: Final = {
    "success": STATUS_OK,
    "failure": STATUS_ERROR,
    "error": STATUS_ERROR,
    "rejected": STATUS_ABORTED,
    "denied": STATUS_ABORTED,
}


class _Session(msgspec.Struct, rename="camel", gc=False):
    session_id: Any = None
    start_time: Any = None
    selected_model: Any = None
    chat_messages: msgspec.Raw = NO_JSON
    timeline: msgspec.Raw = NO_JSON


class _Message(msgspec.Struct, gc=False):
    role: Any = None


class _Entry(msgspec.Struct, rename="camel", gc=False):
    """Something that happened, but for its text."""

    type: Any = None
    id: Any = None
    call_id: Any = None
    timestamp: Any = None
    tool_title: Any = None
    arguments: Any = None
    result: msgspec.Raw = NO_JSON


class _Result(msgspec.Struct, gc=False):
    type: Any = None


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """
    Events of a session that are new or say something else than before.

    Raises:
        DocumentUnreadable: the session is half-written, damaged or too large.
    """
    data = documents.read_document(unit.path)
    session = documents.decode_object(unit.path, data, _Session)
    name = os.path.splitext(os.path.basename(unit.path))[0]
    yield from documents.news(
        account,
        unit,
        _events(session, name) if session is not None else (),
        Emitted(document_state(cursor, STATE_VERSION)),
        context,
        state_version=STATE_VERSION,
    )


def _events(session: _Session, name: str) -> Iterator[UsageEvent]:
    entries = [
        entry
        for raw in raw_items(session.timeline)
        if (entry := documents.decode_part(raw, _Entry)) is not None
    ]
    times = (as_epoch_ms(value) for value in (session.start_time, *(e.timestamp for e in entries)))
    start_ms = next((ts_ms for ts_ms in times if ts_ms is not None), None)
    if start_ms is None:
        return
    origin = UsageEvent(
        source=SOURCE,
        channel=JSONL,
        event_type=MESSAGE_USAGE,
        ts_ms=start_ms,
        provider=BILLED_BY,
        client=SOURCE,
        session_id=as_text(session.session_id) or name,
        model=as_text(session.selected_model),
    )
    answers = sum(
        (documents.decode_part(raw, _Message) or _Message()).role == "assistant"
        for raw in raw_items(session.chat_messages)
    )
    if answers:
        yield msgspec.structs.replace(
            origin,
            message_id=f"{origin.session_id}:{origin.model}",
            requests=answers,
            is_sum=True,
        )
    for number, entry in enumerate(entries):
        event = _event(entry, origin, number)
        if event is not None:
            yield event


def _event(entry: _Entry, origin: UsageEvent, number: int) -> UsageEvent | None:
    ts_ms = as_epoch_ms(entry.timestamp)
    if ts_ms is None:
        return None
    own = as_text(entry.call_id) or as_text(entry.id) or str(number)
    ident = f"{origin.session_id}:{own}"
    if entry.type == "user":
        return msgspec.structs.replace(
            origin, event_type=TURN_COMPLETED, ts_ms=ts_ms, turn_id=ident
        )
    call = call_of(as_text(entry.tool_title), "", "", entry.arguments)
    if entry.type != "tool_call_completed" or call is None:
        return None
    result = documents.decode_part(entry.result, _Result) or _Result()
    status = _OUTCOMES.get(as_text(result.type).lower(), STATUS_UNKNOWN)
    # What was refused or failed has changed nothing.
    has_run = status in (STATUS_OK, STATUS_UNKNOWN)
    return msgspec.structs.replace(
        origin,
        event_type=TOOL_USAGE,
        ts_ms=ts_ms,
        tool_call_id=ident,
        tool_name=call.name,
        mcp_server=call.server,
        mcp_function=call.function,
        language=call.language,
        lines_added=call.added if has_run else None,
        lines_removed=call.removed if has_run else None,
        requests=1,
        status=status,
    )
