"""
Chats of Qwen Code to usage events.

Every line is written once and has a UUID that copies keep: `/branch` copies a chat into a new
session line by line.  An assistant line holds the usage of one response and the calls it asks for;
what became of a call stands in a later line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Raw

from openusaged.core.model_names import vendor_of_model
from openusaged.core.models import (
    JSONL,
    MESSAGE_USAGE,
    STATUS_OK,
    STATUS_UNKNOWN,
    TOOL_USAGE,
    Account,
    SourceCursor,
    UsageEvent,
)
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.shared.append_log import collect_appended
from openusaged.providers.shared.documents import decode_part
from openusaged.providers.shared.gemini_records import (
    edit_of,
    google_tokens,
    tool_names,
    tool_status,
)
from openusaged.providers.shared.json_values import as_epoch_ms, as_object, as_text, count_or_zero
from openusaged.providers.shared.side_records import NO_JSON, raw_items, side_record

SOURCE: Final = "qwen_cli"
STATE_VERSION: Final = 1
_BILLED_BY: Final = "qwen"
_SUBAGENTS: Final = "subagents"
_ASSISTANT: Final = "assistant"
_TOOL_RESULT: Final = "tool_result"


class _Usage(msgspec.Struct, rename="camel", gc=False):
    prompt_token_count: Any = None
    candidates_token_count: Any = None
    thoughts_token_count: Any = None
    cached_content_token_count: Any = None
    tool_use_prompt_token_count: Any = None
    total_token_count: Any = None


class _Call(msgspec.Struct, gc=False):
    id: Any = None
    name: Any = None
    args: Raw = NO_JSON


class _Part(msgspec.Struct, rename="camel", gc=False):
    function_call: Raw = NO_JSON
    function_response: Raw = NO_JSON


class _Message(msgspec.Struct, gc=False):
    parts: Raw = NO_JSON


class _Result(msgspec.Struct, rename="camel", gc=False):
    call_id: Any = None
    status: Any = None
    result_display: Raw = NO_JSON


class _Line(msgspec.Struct, rename="camel", gc=False):
    type: Any = None
    uuid: Any = None
    session_id: Any = None
    timestamp: Any = None
    cwd: Any = None
    git_branch: Any = None
    model: Any = None
    agent_name: Any = None
    agent_id: Any = None
    forked_from: Any = None
    usage_metadata: Raw = NO_JSON
    message: Raw = NO_JSON
    tool_call_result: Raw = NO_JSON


class _AgentFacts(msgspec.Struct, rename="camel", gc=False):
    """The sidecar of a sub-agent's transcript."""

    model: Any = None
    agent_type: Any = None


class _State(msgspec.Struct, omit_defaults=True):
    model: str = ""


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """
    Events of the lines behind the cursor.

    Raises:
        ProviderError: the chat cannot be read.
    """

    def open_reader(state: bytes) -> _ChatReader:
        return _ChatReader(unit, state)

    yield from collect_appended(
        open_reader, account, unit, cursor, context, state_version=STATE_VERSION
    )


class _ChatReader:
    """Reads the lines of one chat in their order."""

    def __init__(self, unit: Unit, state: bytes) -> None:
        self._mtime_ms = unit.mtime_ns // 1_000_000
        directory, name = os.path.split(unit.path)
        stem = name[: -len(".jsonl")]
        project = os.path.basename(os.path.dirname(directory))
        self._fallback_session = f"{project}-{stem}"
        self._agent = ""
        facts = _AgentFacts()
        if f"{os.sep}{_SUBAGENTS}{os.sep}" in unit.path:
            # Lines of sub-agents do not name their model; the sidecar of newer versions does.
            facts = side_record(os.path.join(directory, f"{stem}.meta.json"), _AgentFacts) or facts
            self._agent = as_text(facts.agent_type) or "subagent"
        known = decode_part(state, _State) or _State(model=as_text(facts.model))
        self._model = known.model

    def state(self) -> bytes:
        """The model that was used last."""
        return msgspec.json.encode(_State(model=self._model))

    def read(self, line: bytes) -> Iterator[UsageEvent]:
        """Usage and tool calls of an assistant line, the outcome of a call of a result line."""
        record = decode_part(line, _Line)
        if record is None:
            return
        if record.type == _ASSISTANT:
            self._model = as_text(record.model) or self._model
            yield from self._usage(record)
            yield from self._calls(record)
        elif record.type == _TOOL_RESULT:
            yield from self._outcome(record)

    def _usage(self, record: _Line) -> Iterator[UsageEvent]:
        usage = decode_part(record.usage_metadata, _Usage)
        if usage is None:
            return
        counts = google_tokens(
            prompt=count_or_zero(usage.prompt_token_count),
            candidates=count_or_zero(usage.candidates_token_count),
            thoughts=count_or_zero(usage.thoughts_token_count),
            cached=count_or_zero(usage.cached_content_token_count),
            tool=count_or_zero(usage.tool_use_prompt_token_count),
            total=count_or_zero(usage.total_token_count),
        )
        if any(counts):
            yield self._event(
                record,
                MESSAGE_USAGE,
                input=counts.input,
                cache_read=counts.cache_read,
                output=counts.output,
                reasoning=counts.reasoning,
                requests=1,
            )

    def _calls(self, record: _Line) -> Iterator[UsageEvent]:
        for index, part in enumerate(_parts(record)):
            call = decode_part(part.function_call, _Call)
            if call is None:
                continue
            edit = edit_of(call.args, NO_JSON)
            yield self._tool(
                record,
                as_text(call.id) or f"{as_text(record.uuid)}:tc{index}",
                as_text(call.name),
                language=edit.language,
            )

    def _outcome(self, record: _Line) -> Iterator[UsageEvent]:
        """What a result adds to its call: a bad end, or the lines an edit changed."""
        result = decode_part(record.tool_call_result, _Result)
        call_id = as_text(result.call_id) if result is not None else ""
        if result is None or not call_id:
            return
        status = tool_status(result.status)
        edit = edit_of(NO_JSON, result.result_display)
        if status in (STATUS_OK, STATUS_UNKNOWN) and edit.lines_added is None:
            return
        name = ""
        for part in _parts(record):
            answered = decode_part(part.function_response, _Call)
            if answered is not None and as_text(answered.id) in (call_id, ""):
                name = as_text(answered.name)
        yield self._tool(record, call_id, name, status=status, **edit._asdict())

    def _tool(self, record: _Line, call_id: str, name: str, **fields: Any) -> UsageEvent:
        tool, server, function = tool_names(name, "")
        return self._event(
            record,
            TOOL_USAGE,
            tool_call_id=call_id,
            tool_name=tool,
            mcp_server=server,
            mcp_function=function,
            **fields,
        )

    def _event(self, record: _Line, event_type: str, **fields: Any) -> UsageEvent:
        # A copied line belongs to the session it was written in.
        original = as_text(as_object(record.forked_from).get("sessionId"))
        agent = as_text(record.agent_name) or as_text(record.agent_id) or self._agent
        return UsageEvent(
            source=SOURCE,
            channel=JSONL,
            event_type=event_type,
            ts_ms=as_epoch_ms(record.timestamp) or self._mtime_ms,
            provider=vendor_of_model(self._model) or _BILLED_BY,
            client=SOURCE,
            session_id=original or as_text(record.session_id) or self._fallback_session,
            message_id=as_text(record.uuid),
            agent=agent,
            cwd=as_text(record.cwd),
            branch=as_text(record.git_branch),
            model=self._model,
            **fields,
        )


def _parts(record: _Line) -> Iterator[_Part]:
    message = decode_part(record.message, _Message)
    for raw in raw_items(message.parts) if message is not None else ():
        part = decode_part(raw, _Part)
        if part is not None:
            yield part
