"""
Reads a session's conversation for the tools it used; tokens are not in it.

Lines are appended: only new ones are read, and of those only the ones that use a tool.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from openusaged.core.languages import language_of
from openusaged.core.mcp_names import split_mcp
from openusaged.core.models import (
    JSONL,
    STATUS_UNKNOWN,
    TOOL_USAGE,
    Account,
    SourceCursor,
    UsageEvent,
)
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.droid.paths import ID, session_of
from openusaged.providers.droid.sessions import totals_beside
from openusaged.providers.shared import documents
from openusaged.providers.shared.cursors import unit_cursor
from openusaged.providers.shared.files import resume_offset
from openusaged.providers.shared.json_values import as_epoch_ms, as_text
from openusaged.providers.shared.jsonl import iter_blocks, marked_lines

STATE_VERSION: Final = 1

_NOTHING: Final = msgspec.Raw(b"null")
_TOOL: Final = b'"tool_use"'
_START: Final = b'"session_start"'


class _Message(msgspec.Struct, gc=False):
    role: Any = None
    content: msgspec.Raw = _NOTHING


class _Line(msgspec.Struct, gc=False):
    type: Any = None
    id: Any = None
    cwd: Any = None
    timestamp: Any = None
    message: msgspec.Raw = _NOTHING


class _ToolInput(msgspec.Struct, gc=False):
    file_path: Any = None
    path: Any = None


class _Block(msgspec.Struct, gc=False):
    type: Any = None
    id: Any = None
    name: Any = None
    input: msgspec.Raw = _NOTHING


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """Uses of tools behind the cursor; a last line that is still being written waits."""
    offset = resume_offset(unit, cursor, STATE_VERSION)
    cwd = cursor.state.decode(errors="replace") if cursor is not None and offset else ""
    session_id = session_of(unit.path)
    totals = totals_beside(unit.path) if not offset else None
    events: list[UsageEvent] = [totals] if totals is not None else []
    for block, end in iter_blocks(unit.path, offset):
        start, cwd_at_start = offset, cwd
        for line in marked_lines(block, _TOOL, _START):
            told = documents.decode_part(line, _Line)
            if told is None:
                continue
            if told.type == "session_start":
                cwd = as_text(told.cwd) or cwd
            events += _tools(told, session_id, cwd)
            if len(events) >= context.max_chunk_events:
                # The block is read again from here by whoever goes on: identities absorb that.
                yield Chunk(events=events, cursor=_cursor(account, unit, start, cwd_at_start))
                events = []
        offset = end
    yield Chunk(events=events, cursor=_cursor(account, unit, offset, cwd, done=True))


def _tools(line: _Line, session_id: str, cwd: str) -> Iterator[UsageEvent]:
    message = documents.decode_part(line.message, _Message)
    ts_ms = as_epoch_ms(line.timestamp)
    if message is None or message.role != "assistant" or ts_ms is None:
        return
    for item in documents.decode_part(message.content, list[msgspec.Raw]) or ():
        block = documents.decode_part(item, _Block)
        if block is None or block.type != "tool_use":
            continue
        call_id, tool = as_text(block.id), as_text(block.name)
        if not call_id or not tool:
            continue
        server, function = split_mcp(tool)
        given = documents.decode_part(block.input, _ToolInput) or _ToolInput()
        yield UsageEvent(
            source=ID,
            channel=JSONL,
            event_type=TOOL_USAGE,
            ts_ms=ts_ms,
            session_id=session_id,
            # some models number their calls anew in every message
            tool_call_id=f"{as_text(line.id) or session_id}:{call_id}",
            cwd=cwd,
            tool_name=tool.lower(),
            mcp_server=server,
            mcp_function=function,
            language=language_of(as_text(given.file_path) or as_text(given.path)),
            status=STATUS_UNKNOWN,
        )


def _cursor(
    account: Account, unit: Unit, offset: int, cwd: str, *, done: bool = False
) -> SourceCursor:
    return unit_cursor(
        account,
        unit,
        offset=offset,
        state=cwd.encode(errors="replace"),
        state_version=STATE_VERSION,
        done=done,
    )
