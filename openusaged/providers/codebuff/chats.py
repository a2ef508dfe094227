"""
Reads a chat: one JSON array of messages, rewritten with every step.

Quirks of the vendor that are settled here:
- The usage of an answer may be in three places; what one leaves at zero the next one fills.
- The run state beside an answer holds the whole session: only its newest answer is this one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from openusaged.core.languages import language_of
from openusaged.core.mcp_names import split_mcp
from openusaged.core.model_names import vendor_of_model
from openusaged.core.models import (
    JSONL,
    MESSAGE_USAGE,
    STATUS_UNKNOWN,
    TOOL_USAGE,
    Account,
    SourceCursor,
    UsageEvent,
)
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.codebuff.paths import ID, chat_of
from openusaged.providers.codebuff.usage import CREDITS, counts_of, credits_of, merged
from openusaged.providers.shared import documents
from openusaged.providers.shared.cursors import document_state
from openusaged.providers.shared.emitted import Emitted
from openusaged.providers.shared.json_values import (
    as_epoch_ms,
    as_object,
    as_text,
    first_epoch_ms,
)

STATE_VERSION: Final = 1
MAX_NESTING: Final = 8
"""Agents that start agents; deeper no chat goes."""

_NOTHING: Final = msgspec.Raw(b"null")
_ANSWERS: Final = frozenset({"ai", "agent", "assistant"})
_OWN_MODELS: Final = ("codebuff-", "manicode-")
_TIME_DASHES: Final = re.compile(r"^(\d\d)-(\d\d)-")
_OFFSET_DASH: Final = re.compile(r"([+-]\d\d)-(\d\d)$")


class _Message(msgspec.Struct, gc=False, rename="camel"):
    id: Any = None
    variant: Any = None
    role: Any = None
    timestamp: Any = None
    created_at: Any = None
    credits: Any = None
    metadata: msgspec.Raw = _NOTHING
    blocks: msgspec.Raw = _NOTHING
    content: msgspec.Raw = _NOTHING


class _Metadata(msgspec.Struct, gc=False, rename="camel"):
    model: Any = None
    timestamp: Any = None
    usage: Any = None
    codebuff: Any = None
    run_state: msgspec.Raw = _NOTHING


class _AgentState(msgspec.Struct, gc=False, rename="camel"):
    message_history: msgspec.Raw = _NOTHING


class _FileContext(msgspec.Struct, gc=False, rename="camel"):
    project_root: Any = None


class _SessionState(msgspec.Struct, gc=False, rename="camel"):
    main_agent_state: msgspec.Raw = _NOTHING
    file_context: msgspec.Raw = _NOTHING


class _RunState(msgspec.Struct, gc=False, rename="camel"):
    session_state: msgspec.Raw = _NOTHING


class _HistoryItem(msgspec.Struct, gc=False, rename="camel"):
    role: Any = None
    provider_options: Any = None


class _ToolInput(msgspec.Struct, gc=False):
    path: Any = None


class _Block(msgspec.Struct, gc=False, rename="camel"):
    type: Any = None
    tool_call_id: Any = None
    tool_name: Any = None
    agent_type: Any = None
    input: msgspec.Raw = _NOTHING
    blocks: msgspec.Raw = _NOTHING


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """
    Events of a chat that are new or say something else than before.

    Raises:
        DocumentUnreadable: the chat is half-written, damaged or too large.
    """
    items = documents.decode_items(unit.path, documents.read_document(unit.path))
    yield from documents.news(
        account,
        unit,
        _events(items, unit),
        Emitted(document_state(cursor, STATE_VERSION)),
        context,
        state_version=STATE_VERSION,
    )


def chat_started_ms(chat_id: str) -> int | None:
    """The time a chat is named after: `2026-01-02T03-04-05.000Z` has dashes for its colons."""
    date, separator, time = chat_id.partition("T")
    time = _OFFSET_DASH.sub(r"\1:\2", _TIME_DASHES.sub(r"\1:\2:", time))
    return as_epoch_ms(f"{date}{separator}{time}")


def _events(items: list[msgspec.Raw], unit: Unit) -> Iterator[UsageEvent]:
    project, chat_id = chat_of(unit.path)
    started_ms = chat_started_ms(chat_id) or unit.mtime_ns // 1_000_000
    for number, item in enumerate(items):
        message = documents.decode_part(item, _Message)
        if message is None:
            continue
        kind = as_text(message.variant) or as_text(message.role)
        if kind.lower() in _ANSWERS:
            name = as_text(message.id) or f"row-{number}"
            yield from _answer(message, f"{chat_id}:{name}", chat_id, project, started_ms)


def _answer(
    message: _Message, message_id: str, chat_id: str, project: str, started_ms: int
) -> Iterator[UsageEvent]:
    metadata = documents.decode_part(message.metadata, _Metadata) or _Metadata()
    session = _session_state(metadata)
    codebuff = as_object(metadata.codebuff)
    usages = [as_object(metadata.usage), as_object(codebuff.get("usage"))]
    newest, newest_model = _newest_answer(session)
    usages.append(newest)
    counts = merged([counts_of(usage) for usage in usages if usage])
    model = (
        as_text(metadata.model)
        or next((name for usage in usages[:2] if (name := as_text(usage.get("model")))), "")
        or as_text(codebuff.get("model"))
        or newest_model
    )
    # the terminal writes the time of day alone, which is no moment
    told_ms = first_epoch_ms(message.timestamp, message.created_at, metadata.timestamp)
    origin = UsageEvent(
        source=ID,
        channel=JSONL,
        event_type=MESSAGE_USAGE,
        ts_ms=told_ms or started_ms,
        provider=ID if model.lower().startswith(_OWN_MODELS) else vendor_of_model(model),
        session_id=chat_id,
        message_id=message_id,
        cwd=_project_root(session) or project,
        model=model,
    )
    credit_nano = credits_of(usages, message.credits)
    if counts.known or credit_nano:
        yield msgspec.structs.replace(
            origin,
            input=counts.input,
            cache_read=counts.cache_read,
            # the record does not say how long an entry lives; the default is 5 minutes
            cache_write_5m=counts.cache_write,
            output=counts.output,
            requests=1,
            cost_nano=credit_nano,
            currency=CREDITS if credit_nano else "USD",
        )
    for blocks in (message.blocks, message.content):
        yield from _tools(blocks, origin, chat_id)


def _tools(
    raw: msgspec.Raw, origin: UsageEvent, chat_id: str, depth: int = 0
) -> Iterator[UsageEvent]:
    """Uses of tools among the blocks of an answer, and of the agents it started."""
    for item in documents.decode_part(raw, list[msgspec.Raw]) or ():
        block = documents.decode_part(item, _Block)
        if block is None:
            continue
        if block.type == "agent" and depth < MAX_NESTING:
            agent = as_text(block.agent_type) or "agent"
            inner = msgspec.structs.replace(origin, agent=agent)
            yield from _tools(block.blocks, inner, chat_id, depth + 1)
        call_id, tool = as_text(block.tool_call_id), as_text(block.tool_name)
        if block.type != "tool" or not call_id or not tool:
            continue
        server, function = split_mcp(tool)
        given = documents.decode_part(block.input, _ToolInput)
        yield msgspec.structs.replace(
            origin,
            event_type=TOOL_USAGE,
            tool_call_id=f"{chat_id}:{call_id}",
            tool_name=tool.lower(),
            mcp_server=server,
            mcp_function=function,
            language=language_of(as_text(given.path)) if given is not None else "",
            # whether it worked is said in its output only, which is not read
            status=STATUS_UNKNOWN,
        )


def _session_state(metadata: _Metadata) -> _SessionState:
    run = documents.decode_part(metadata.run_state, _RunState) or _RunState()
    return documents.decode_part(run.session_state, _SessionState) or _SessionState()


def _newest_answer(session: _SessionState) -> tuple[Mapping[str, Any], str]:
    """Usage and model of the newest answer that a run state knows."""
    agent = documents.decode_part(session.main_agent_state, _AgentState) or _AgentState()
    for item in reversed(documents.decode_part(agent.message_history, list[msgspec.Raw]) or []):
        entry = documents.decode_part(item, _HistoryItem)
        if entry is None or entry.role != "assistant":
            continue
        options = as_object(entry.provider_options)
        codebuff = as_object(options.get("codebuff"))
        usage = as_object(options.get("usage")) or as_object(codebuff.get("usage"))
        if usage:
            return usage, as_text(codebuff.get("model"))
    return {}, ""


def _project_root(session: _SessionState) -> str:
    context = documents.decode_part(session.file_context, _FileContext)
    return as_text(context.project_root) if context is not None else ""
