"""
Chats of the Gemini CLI to usage events.

A chat is an appended log, in which a message is written again whenever it has changed, or (older
versions) a document that is rewritten; resuming an old chat turns one into the other, so that both
may hold the same messages.  Every block of tokens is the usage of one response.

Messages that a user has rewound were paid for: they stay counted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Raw, field

from openusaged.core.errors import ProviderError
from openusaged.core.models import (
    JSONL,
    MESSAGE_USAGE,
    TOOL_USAGE,
    Account,
    SourceCursor,
    UsageEvent,
)
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.gemini_cli.paths import CHATS, PROVIDER_ID, chats_root, config_dir
from openusaged.providers.gemini_cli.projects import project_of
from openusaged.providers.shared.append_log import collect_appended
from openusaged.providers.shared.cursors import document_state
from openusaged.providers.shared.documents import (
    decode_object,
    decode_part,
    news,
    read_document,
)
from openusaged.providers.shared.emitted import Emitted
from openusaged.providers.shared.gemini_records import (
    edit_of,
    google_tokens,
    tool_names,
    tool_status,
)
from openusaged.providers.shared.json_values import (
    as_count,
    as_epoch_ms,
    as_object,
    as_text,
    count_or_zero,
)
from openusaged.providers.shared.side_records import NO_JSON, raw_items

STATE_VERSION: Final = 1
"""Raise it when a change of the rules should make every chat be read again."""
_BILLED_BY: Final = "google"
_SUBAGENT: Final = "subagent"


class _Tokens(msgspec.Struct, gc=False):
    input: Any = None
    output: Any = None
    cached: Any = None
    thoughts: Any = None
    tool: Any = None
    total: Any = None
    prompt: Any = None
    candidates: Any = None


class _ToolCall(msgspec.Struct, rename="camel", gc=False):
    id: Any = None
    name: Any = None
    display_name: Any = None
    status: Any = None
    timestamp: Any = None
    args: Raw = NO_JSON
    result_display: Raw = NO_JSON


class _Record(msgspec.Struct, rename="camel", gc=False):
    """A line, a message or a whole document: the fields of all three."""

    session_id: Any = None
    session_id_snake: Any = field(default=None, name="session_id")
    kind: Any = None
    start_time: Any = None
    last_updated: Any = None
    messages: Raw = NO_JSON
    changes: Raw = field(default=NO_JSON, name="$set")
    stats: Any = None
    result: Raw = NO_JSON
    id: Any = None
    type: Any = None
    timestamp: Any = None
    model: Any = None
    tokens: Raw = NO_JSON
    tool_calls: Raw = NO_JSON


class _Session(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a message needs of the lines before it; the state of a log's cursor."""

    id: str
    is_subagent: bool = False
    model: str = ""
    at_ms: int = 0
    """Time of the newest line, for messages without one."""
    messages: int = 0


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """
    Events of a chat that are not known yet.

    Raises:
        ProviderError: the file cannot be read, or is a document that is not complete.
    """
    root = chats_root(account, context.machine)
    project = project_of(unit.path, root, config_dir(account, context.machine))

    def open_reader(state: bytes) -> _ChatReader:
        return _ChatReader(unit, project, state)

    if unit.path.endswith(".jsonl"):
        yield from collect_appended(
            open_reader, account, unit, cursor, context, state_version=STATE_VERSION
        )
        return
    emitted = Emitted(document_state(cursor, STATE_VERSION))
    try:
        document = decode_object(unit.path, read_document(unit.path), _Record)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ProviderError(f"{unit.path}: {error.strerror}") from error
    events = () if document is None else open_reader(b"").document(document)
    yield from news(account, unit, events, emitted, context, state_version=STATE_VERSION)


class _ChatReader:
    """Reads the records of one chat in their order."""

    def __init__(self, unit: Unit, project: str, state: bytes) -> None:
        self._project = project
        stem = os.path.basename(unit.path).rpartition(".")[0]
        self._session = decode_part(state, _Session) or _Session(
            id=stem, at_ms=unit.mtime_ns // 1_000_000
        )
        # `chats/<session>/<sub-agent's session>.jsonl`
        above = os.path.split(os.path.dirname(unit.path))
        nested = os.path.basename(above[0]) == CHATS
        self._parent = above[1] if nested else ""

    def state(self) -> bytes:
        """What the next lines need."""
        return msgspec.json.encode(self._session)

    def read(self, line: bytes) -> Iterator[UsageEvent]:
        """Events of a line: a header, a change of it, or a message."""
        record = decode_part(line, _Record)
        if record is None:
            return
        if not as_text(record.id):
            self._note(record)
        changes = decode_part(record.changes, _Record)
        if changes is not None:
            self._note(changes)
            # After a compression the whole history stands here, usage included.
            yield from self._messages(changes.messages)
        if record.type is not None or record.id is not None:
            yield from self._message(record)

    def document(self, document: _Record) -> Iterator[UsageEvent]:
        """Events of a chat that is one document."""
        self._note(document)
        found = list(self._messages(document.messages))
        yield from found or self._summary(document)

    def _note(self, record: _Record) -> None:
        session = self._session
        session.id = as_text(record.session_id) or as_text(record.session_id_snake) or session.id
        session.is_subagent = session.is_subagent or record.kind == _SUBAGENT
        updated = as_epoch_ms(record.last_updated) or as_epoch_ms(record.start_time)
        session.at_ms = updated or session.at_ms

    def _messages(self, messages: Raw) -> Iterator[UsageEvent]:
        for raw in raw_items(messages):
            message = decode_part(raw, _Record)
            if message is not None:
                yield from self._message(message)

    def _message(self, message: _Record) -> Iterator[UsageEvent]:
        session = self._session
        number, session.messages = session.messages, session.messages + 1
        if message.type == "user":
            return
        session.model = as_text(message.model) or session.model
        own_id = as_text(message.id) or f"msg{number}"
        identity = own_id if ":" in own_id else f"{session.id}:{own_id}"
        ts_ms = as_epoch_ms(message.timestamp) or session.at_ms
        tokens = decode_part(message.tokens, _Tokens)
        if tokens is not None:
            yield from self._usage(identity, ts_ms, session.model, tokens)
        for index, raw in enumerate(raw_items(message.tool_calls)):
            call = decode_part(raw, _ToolCall)
            if call is not None:
                yield self._tool(call, identity, index, ts_ms)

    def _usage(
        self, identity: str, ts_ms: int, model: str, tokens: _Tokens, requests: int = 1
    ) -> Iterator[UsageEvent]:
        counts = google_tokens(
            prompt=count_or_zero(tokens.input if tokens.prompt is None else tokens.prompt),
            candidates=count_or_zero(
                tokens.output if tokens.candidates is None else tokens.candidates
            ),
            thoughts=count_or_zero(tokens.thoughts),
            cached=count_or_zero(tokens.cached),
            tool=count_or_zero(tokens.tool),
            total=count_or_zero(tokens.total),
        )
        if not any(counts):
            return
        yield self._event(
            MESSAGE_USAGE,
            ts_ms,
            model=model,
            message_id=identity,
            input=counts.input,
            cache_read=counts.cache_read,
            output=counts.output,
            reasoning=counts.reasoning,
            requests=requests,
        )

    def _tool(self, call: _ToolCall, message_id: str, index: int, ts_ms: int) -> UsageEvent:
        name, server, function = tool_names(as_text(call.name), as_text(call.display_name))
        call_id = as_text(call.id)
        edit = edit_of(call.args, call.result_display)
        return self._event(
            TOOL_USAGE,
            as_epoch_ms(call.timestamp) or ts_ms,
            model=self._session.model,
            message_id=message_id,
            tool_call_id=f"{self._session.id}:{call_id}" if call_id else f"{message_id}:tc{index}",
            tool_name=name,
            mcp_server=server,
            mcp_function=function,
            language=edit.language,
            lines_added=edit.lines_added,
            lines_removed=edit.lines_removed,
            status=tool_status(call.status),
        )

    def _summary(self, document: _Record) -> Iterator[UsageEvent]:
        """
        Usage of a run without a terminal whose output was kept: sums per model, no messages.

        They stand at the root or under `result`.
        """
        inner = decode_part(document.result, _Record)
        if inner is not None:
            self._note(inner)
        for stats in (document.stats, inner.stats if inner is not None else None):
            for model, figures in as_object(as_object(stats).get("models")).items():
                tokens = _tokens_of(as_object(figures).get("tokens"))
                requests = as_count(as_object(as_object(figures).get("api")).get("totalRequests"))
                identity = f"{self._session.id}:stats:{model}"
                yield from self._usage(identity, self._session.at_ms, model, tokens, requests or 1)

    def _event(self, event_type: str, ts_ms: int, **fields: Any) -> UsageEvent:
        session = self._session
        is_nested = session.is_subagent or bool(self._parent)
        return UsageEvent(
            source=PROVIDER_ID,
            channel=JSONL,
            event_type=event_type,
            ts_ms=ts_ms,
            provider=_BILLED_BY,
            client=PROVIDER_ID,
            session_id=session.id,
            parent_session_id=self._parent,
            # no record names it
            agent=_SUBAGENT if is_nested else "",
            cwd=self._project,
            **fields,
        )


def _tokens_of(value: object) -> _Tokens:
    known = as_object(value)
    return _Tokens(**{name: known.get(name) for name in _Tokens.__struct_fields__})
