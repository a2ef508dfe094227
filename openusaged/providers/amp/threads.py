"""
Reads a thread: one JSON document per conversation, rewritten with every step.

The ledger inside it, where there is one, lists every call; else the usage beside the messages does.
Of the messages' texts nothing is decoded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from openusaged.core.models import Account, SourceCursor, UsageEvent
from openusaged.providers.amp.records import (
    Tokens,
    credits_of,
    ledger_tokens,
    message_name,
    message_tokens,
    tokens_of,
    tool_event,
    usage_event,
)
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.shared import documents
from openusaged.providers.shared.cursors import document_state
from openusaged.providers.shared.emitted import Emitted
from openusaged.providers.shared.json_values import (
    as_epoch_ms,
    as_list,
    as_object,
    as_text,
    first_epoch_ms,
)
from openusaged.providers.shared.places import local_path

STATE_VERSION: Final = 1

_NOTHING: Final = msgspec.Raw(b"null")


class _Thread(msgspec.Struct, gc=False):
    id: Any = None
    created: Any = None
    created_at: Any = None
    created_at_camel: Any = msgspec.field(default=None, name="createdAt")
    env: Any = None
    messages: msgspec.Raw = _NOTHING
    ledger: msgspec.Raw = msgspec.field(default=_NOTHING, name="usageLedger")


class _Message(msgspec.Struct, gc=False):
    role: Any = None
    number: Any = msgspec.field(default=None, name="messageId")
    id: Any = None
    message_id: Any = None
    model: Any = None
    timestamp: Any = None
    created_at: Any = None
    created_at_camel: Any = msgspec.field(default=None, name="createdAt")
    usage: Any = None
    content: msgspec.Raw = _NOTHING


class _ToolInput(msgspec.Struct, gc=False):
    path: Any = None


class _ToolRun(msgspec.Struct, gc=False):
    status: Any = None


class _Block(msgspec.Struct, gc=False):
    """A block of a message, but for its text."""

    type: Any = None
    id: Any = None
    name: Any = None
    input: msgspec.Raw = _NOTHING
    answers: Any = msgspec.field(default=None, name="toolUseID")
    run: msgspec.Raw = _NOTHING


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """
    Events of a thread that are new or say something else than before.

    Raises:
        DocumentUnreadable: the thread is half-written, damaged or too large.
    """
    thread = documents.decode_object(unit.path, documents.read_document(unit.path), _Thread)
    name = os.path.basename(unit.path).removesuffix(".json")
    events = _Reader(thread, name, unit.mtime_ns // 1_000_000).events() if thread else ()
    yield from documents.news(
        account,
        unit,
        events,
        Emitted(document_state(cursor, STATE_VERSION)),
        context,
        state_version=STATE_VERSION,
    )


class _Reader:
    """One thread's events; what several of them need is worked out once."""

    def __init__(self, thread: _Thread, name: str, written_ms: int) -> None:
        self._id = as_text(thread.id) or name
        self._cwd = _directory(as_object(thread.env))
        self._created_ms = (
            first_epoch_ms(thread.created, thread.created_at, thread.created_at_camel) or written_ms
        )
        items = documents.decode_part(thread.messages, list[msgspec.Raw]) or []
        messages = (documents.decode_part(item, _Message) for item in items)
        self._messages = [message for message in messages if message is not None]
        ledger = as_object(documents.decode_any(thread.ledger))
        self._ledger = [as_object(item) for item in as_list(ledger.get("events"))]

    def events(self) -> Iterator[UsageEvent]:
        """The calls, then the uses of tools."""
        calls = list(self._from_ledger())
        # Not every archive has a ledger, and some have an empty one.
        yield from calls or self._from_messages()
        yield from self._tools()

    def _from_ledger(self) -> Iterator[UsageEvent]:
        usage_of = {
            self._name(message): tokens_of(as_object(message.usage))
            for message in self._messages
            if as_object(message.usage)
        }
        first_of = self._first_events()
        for record in self._ledger:
            ts_ms = as_epoch_ms(record.get("timestamp"))
            logged = tokens_of(as_object(record.get("tokens")))
            about = message_name(self._id, record.get("toMessageId"))
            own_name = f"{self._id}:{as_text(record.get('id')) or ts_ms}"
            # Retries and titles are further events of one message: its cache counts once.
            is_first = bool(about) and first_of.get(about) is record
            tokens = ledger_tokens(logged, usage_of.get(about) if is_first else None)
            credit_nano = credits_of(record)
            if ts_ms is None or not (tokens.known or credit_nano):
                continue
            yield usage_event(
                about if is_first else own_name,
                thread=self._id,
                ts_ms=ts_ms,
                model=as_text(record.get("model")),
                cwd=self._cwd,
                tokens=tokens,
                credit_nano=credit_nano,
            )

    def _first_events(self) -> dict[str, Mapping[str, Any]]:
        """The ledger's event of every message: an inference, else the first."""
        found: dict[str, Mapping[str, Any]] = {}
        for record in self._ledger:
            about = message_name(self._id, record.get("toMessageId"))
            known = found.get(about)
            if known is None or (_is_inference(record) and not _is_inference(known)):
                found[about] = record
        return found

    def _from_messages(self) -> Iterator[UsageEvent]:
        for number, message in enumerate(self._messages):
            usage = as_object(message.usage)
            tokens = message_tokens(usage) if usage else Tokens()
            if as_text(message.role).lower() != "assistant" or not tokens.known:
                continue
            yield usage_event(
                self._name(message) or f"{self._id}:row-{number}",
                thread=self._id,
                ts_ms=self._time(message),
                model=self._model(message),
                cwd=self._cwd,
                tokens=tokens,
                credit_nano=credits_of(usage),
            )

    def _tools(self) -> Iterator[UsageEvent]:
        blocks = [
            (message, block) for message in self._messages for block in _blocks(message.content)
        ]
        results = {
            as_text(block.answers): _run_status(block.run)
            for _, block in blocks
            if block.type == "tool_result"
        }
        for message, block in blocks:
            call_id, tool = as_text(block.id), as_text(block.name)
            if block.type != "tool_use" or not call_id or not tool:
                continue
            given = documents.decode_part(block.input, _ToolInput)
            yield tool_event(
                call_id,
                tool,
                thread=self._id,
                message_id=self._name(message),
                ts_ms=self._time(message),
                model=self._model(message),
                cwd=self._cwd,
                path=as_text(given.path) if given is not None else "",
                run_status=results.get(call_id, ""),
            )

    def _name(self, message: _Message) -> str:
        for value in (message.number, message.id, message.message_id):
            name = message_name(self._id, value)
            if name:
                return name
        return ""

    def _time(self, message: _Message) -> int:
        usage = as_object(message.usage)
        return (
            first_epoch_ms(
                usage.get("timestamp"),
                message.timestamp,
                message.created_at,
                message.created_at_camel,
            )
            or self._created_ms
        )

    @staticmethod
    def _model(message: _Message) -> str:
        return as_text(as_object(message.usage).get("model")) or as_text(message.model)


def _is_inference(record: Mapping[str, Any]) -> bool:
    return as_text(record.get("operationType")) == "inference"


def _blocks(content: msgspec.Raw) -> Iterator[_Block]:
    for item in documents.decode_part(content, list[msgspec.Raw]) or ():
        block = documents.decode_part(item, _Block)
        if block is not None:
            yield block


def _run_status(run: msgspec.Raw) -> str:
    ended = documents.decode_part(run, _ToolRun)
    return as_text(ended.status) if ended is not None else ""


def _directory(env: Mapping[str, Any]) -> str:
    """Path of the first directory the thread began with."""
    trees = as_list(as_object(env.get("initial")).get("trees"))
    return local_path(as_text(as_object(trees[0]).get("uri"))) if trees else ""
