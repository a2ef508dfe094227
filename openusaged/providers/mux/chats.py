"""
Mux's rows of single requests to usage events: chats, and background calls that have no chat.

A chat is appended to, and written anew when messages are edited, cleared or compacted; forks and
archives copy it.  Id and time of a message are kept, so that both together name it everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Raw

from openusaged.core.languages import language_of
from openusaged.core.mcp_names import split_mcp
from openusaged.core.models import (
    JSONL,
    MESSAGE_USAGE,
    STATUS_ERROR,
    STATUS_OK,
    STATUS_UNKNOWN,
    TOOL_USAGE,
    Account,
    SourceCursor,
    UsageEvent,
)
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.mux.models import split_model, usage_of
from openusaged.providers.mux.workspaces import Workspace
from openusaged.providers.shared.append_log import collect_appended
from openusaged.providers.shared.documents import decode_part
from openusaged.providers.shared.json_values import as_epoch_ms, as_text
from openusaged.providers.shared.side_records import NO_JSON, raw_items

SOURCE: Final = "mux"
STATE_VERSION: Final = 1
_RUNNING: Final = "input-available"


class _Row(msgspec.Struct, rename="camel", gc=False):
    """A message of a chat, or (without a role) a background call."""

    id: Any = None
    role: Any = None
    created_at: Any = None
    parts: Raw = NO_JSON
    metadata: Raw = NO_JSON
    timestamp: Any = None
    model: Any = None
    usage: Any = None
    provider_metadata: Any = None


class _Metadata(msgspec.Struct, rename="camel", gc=False):
    timestamp: Any = None
    model: Any = None
    usage: Any = None
    provider_metadata: Any = None
    agent_id: Any = None


class _Part(msgspec.Struct, rename="camel", gc=False):
    type: Any = None
    tool_call_id: Any = None
    tool_name: Any = None
    state: Any = None
    failed: Any = None
    input: Raw = NO_JSON
    output: Raw = NO_JSON
    nested_calls: Raw = NO_JSON


class _Input(msgspec.Struct, gc=False):
    path: Any = None
    file_path: Any = None
    file: Any = msgspec.field(default=None, name="filePath")


class _Output(msgspec.Struct, gc=False):
    success: Any = None


def collect(
    workspace: Workspace,
    account: Account,
    unit: Unit,
    cursor: SourceCursor | None,
    context: CollectContext,
) -> Iterator[Chunk]:
    """
    Events of the rows behind the cursor.

    Raises:
        ProviderError: the log cannot be read.
    """

    def open_reader(_state: bytes) -> _RowReader:
        return _RowReader(workspace, unit)

    yield from collect_appended(
        open_reader, account, unit, cursor, context, state_version=STATE_VERSION
    )


class _RowReader:
    """Reads rows; each stands for itself."""

    def __init__(self, workspace: Workspace, unit: Unit) -> None:
        self._workspace = workspace
        self._mtime_ms = unit.mtime_ns // 1_000_000

    def state(self) -> bytes:
        """Nothing is carried over."""
        return b""

    def read(self, line: bytes) -> Iterator[UsageEvent]:
        """Usage and tool calls of an assistant's message, usage of a background call."""
        row = decode_part(line, _Row)
        # What a parent's totals hold is counted there.
        if row is None or self._workspace.is_counted_by_parent:
            return
        if row.role == "assistant":
            yield from self._message(row)
        elif row.role is None and row.usage is not None:
            ts_ms = as_epoch_ms(row.timestamp) or self._mtime_ms
            facts = _Metadata(
                model=row.model, usage=row.usage, provider_metadata=row.provider_metadata
            )
            yield from self._usage(facts, ts_ms, "")

    def _message(self, row: _Row) -> Iterator[UsageEvent]:
        metadata = decode_part(row.metadata, _Metadata) or _Metadata()
        ts_ms = as_epoch_ms(metadata.timestamp) or as_epoch_ms(row.created_at) or self._mtime_ms
        row_id = as_text(row.id)
        message_id = f"{row_id}:{ts_ms}" if row_id else ""
        yield from self._usage(metadata, ts_ms, message_id)
        for raw in raw_items(row.parts):
            part = decode_part(raw, _Part)
            if part is None or part.type != "dynamic-tool":
                continue
            yield self._tool(part, metadata, ts_ms, message_id)
            for inner in raw_items(part.nested_calls):
                call = decode_part(inner, _Part)
                if call is not None:
                    yield self._tool(call, metadata, ts_ms, message_id)

    def _usage(self, facts: _Metadata, ts_ms: int, message_id: str) -> Iterator[UsageEvent]:
        counts = usage_of(facts.usage, facts.provider_metadata)
        if counts:
            yield self._event(
                MESSAGE_USAGE, ts_ms, facts, message_id=message_id, requests=1, **counts
            )

    def _tool(self, call: _Part, metadata: _Metadata, ts_ms: int, message_id: str) -> UsageEvent:
        name = as_text(call.tool_name)
        server, function = split_mcp(name)
        given = decode_part(call.input, _Input) or _Input()
        path = as_text(given.path) or as_text(given.file_path) or as_text(given.file)
        call_id = as_text(call.tool_call_id)
        return self._event(
            TOOL_USAGE,
            ts_ms,
            metadata,
            message_id=message_id,
            tool_call_id=f"{ts_ms}:{call_id}" if call_id else "",
            tool_name=name.lower(),
            mcp_server=server,
            mcp_function=function,
            language=language_of(path),
            status=_status(call),
        )

    def _event(self, event_type: str, ts_ms: int, facts: _Metadata, **fields: Any) -> UsageEvent:
        workspace = self._workspace
        provider, model = split_model(as_text(facts.model))
        return UsageEvent(
            source=SOURCE,
            channel=JSONL,
            event_type=event_type,
            ts_ms=ts_ms,
            provider=provider,
            client=SOURCE,
            session_id=workspace.id,
            parent_session_id=workspace.parent_id,
            # `exec` and `plan` are modes of the user's own agent
            agent=(as_text(facts.agent_id) or workspace.agent) if workspace.parent_id else "",
            cwd=workspace.project,
            model=model,
            **fields,
        )


def _status(call: _Part) -> str:
    if call.state == _RUNNING:
        return STATUS_UNKNOWN
    output = decode_part(call.output, _Output)
    failed = call.failed is True or (output is not None and output.success is False)
    return STATUS_ERROR if failed else STATUS_OK
