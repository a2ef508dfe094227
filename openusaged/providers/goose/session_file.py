"""
Reads the files in which Goose kept its sessions before it had a database.

The first line holds the session's totals, the others its messages; the file is rewritten at every
step and names neither model nor vendor.  Newer versions copy such sessions into their database and
leave the files where they are: by its id both are one session.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from openusaged.core.models import JSONL, Account, SourceCursor, UsageEvent
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.goose.records import (
    Session,
    Tokens,
    ToolCall,
    call_event,
    larger_of,
    totals_event,
)
from openusaged.providers.shared.cursors import document_state
from openusaged.providers.shared.documents import decode_part, news, read_document
from openusaged.providers.shared.emitted import Emitted
from openusaged.providers.shared.json_values import as_epoch_ms, as_text
from openusaged.providers.shared.side_records import NO_JSON, raw_items

STATE_VERSION: Final = 1
SUFFIX: Final = ".jsonl"
_TOOL_MARK: Final = b'"tool'


class _Totals(msgspec.Struct, gc=False):
    working_dir: Any = None
    input_tokens: Any = None
    output_tokens: Any = None
    total_tokens: Any = None
    accumulated_input_tokens: Any = None
    accumulated_output_tokens: Any = None
    accumulated_total_tokens: Any = None


class _Message(msgspec.Struct, gc=False):
    created: Any = None
    content: msgspec.Raw = NO_JSON


class _ToolValue(msgspec.Struct, gc=False):
    """A call's name and path; or of an answer only whether it failed."""

    name: Any = None
    arguments: msgspec.Raw = NO_JSON
    is_error: Any = msgspec.field(default=None, name="isError")


class _Outcome(msgspec.Struct, gc=False):
    status: Any = None
    value: msgspec.Raw = NO_JSON


class _Part(msgspec.Struct, gc=False, rename="camel"):
    """A part of a message, but for its text."""

    type: Any = None
    id: Any = None
    tool_call: msgspec.Raw = NO_JSON
    tool_result: msgspec.Raw = NO_JSON


class _Path(msgspec.Struct, gc=False):
    path: Any = None


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """
    Events of a session file that are new or say something else than before.

    Raises:
        DocumentUnreadable: the file is too large.
        OSError: it cannot be read.
    """
    lines = read_document(unit.path).split(b"\n")
    name = os.path.basename(unit.path).removesuffix(SUFFIX)
    yield from news(
        account,
        unit,
        _events(name, lines),
        Emitted(document_state(cursor, STATE_VERSION)),
        context,
        state_version=STATE_VERSION,
    )


def _events(name: str, lines: Sequence[bytes]) -> Iterator[UsageEvent]:
    """The session's totals, dated at its first message, and the tools that have answered."""
    messages = [message for line in lines if (message := decode_part(line, _Message)) is not None]
    times = (as_epoch_ms(message.created) for message in messages)
    began_ms = next((ts_ms for ts_ms in times if ts_ms is not None), None)
    if began_ms is None:
        return
    # The oldest files have no line of totals: their first is a message, and has none of these.
    totals = decode_part(lines[0], _Totals) or _Totals()
    session = Session(name, began_ms, None, None, totals.working_dir, None, None)
    tokens = Tokens(
        larger_of(totals.accumulated_input_tokens, totals.input_tokens),
        larger_of(totals.accumulated_output_tokens, totals.output_tokens),
        larger_of(totals.accumulated_total_tokens, totals.total_tokens),
        None,
        None,
    )
    for event in (totals_event(session, tokens, None), *_calls(session, messages)):
        if event is not None:
            yield msgspec.structs.replace(event, channel=JSONL)


def _calls(session: Session, messages: Sequence[_Message]) -> Iterator[UsageEvent | None]:
    open_calls: dict[str, ToolCall] = {}
    for message in messages:
        ts_ms = as_epoch_ms(message.created)
        if ts_ms is None or _TOOL_MARK not in bytes(message.content):
            continue
        for raw in raw_items(message.content):
            part = decode_part(raw, _Part) or _Part()
            call_id = as_text(part.id)
            if part.type == "toolRequest":
                call = _call(part.tool_call, ts_ms)
                if call_id and call is not None:
                    open_calls[call_id] = call
            elif part.type == "toolResponse" and call_id in open_calls:
                answer = decode_part(part.tool_result, _Outcome) or _Outcome()
                value = decode_part(answer.value, _ToolValue) or _ToolValue()
                is_error = answer.status == "error" or value.is_error is True
                yield call_event(session, call_id, open_calls.pop(call_id), is_error=is_error)


def _call(raw: msgspec.Raw, ts_ms: int) -> ToolCall | None:
    request = decode_part(raw, _Outcome) or _Outcome()
    value = decode_part(request.value, _ToolValue) or _ToolValue()
    name = as_text(value.name)
    given = decode_part(value.arguments, _Path) or _Path()
    return ToolCall(ts_ms, name, as_text(given.path)) if name else None
