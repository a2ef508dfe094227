"""
Wire logs of the Kimi CLI to usage events.

A status update carries the counts of one response; it may be repeated, and those of sub-agents
stand in their own log and in the one of the session.  Response ids come from whatever server
answered: local ones hand out the same again, so an id seen in another session is a copy only when
it says the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Raw

from openusaged.core.languages import language_of
from openusaged.core.model_names import vendor_of_model
from openusaged.core.models import (
    JSONL,
    MESSAGE_USAGE,
    STATUS_ERROR,
    TOOL_USAGE,
    Account,
    SourceCursor,
    UsageEvent,
)
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.kimi_cli.sessions import SUBAGENT, Facts
from openusaged.providers.shared.append_log import collect_appended
from openusaged.providers.shared.documents import decode_part
from openusaged.providers.shared.json_values import (
    as_number,
    as_object,
    as_text,
    count_or_zero,
)
from openusaged.providers.shared.open_calls import OpenCalls
from openusaged.providers.shared.side_records import NO_JSON

SOURCE: Final = "kimi_cli"
STATE_VERSION: Final = 1
_BILLED_BY: Final = "moonshotai"


class _Message(msgspec.Struct, gc=False):
    type: Any = None
    payload: Raw = NO_JSON


class _Line(msgspec.Struct, gc=False):
    timestamp: Any = None
    message: Raw = NO_JSON


class _Status(msgspec.Struct, gc=False):
    token_usage: Any = None
    message_id: Any = None
    model: Any = None


class _Nested(msgspec.Struct, gc=False):
    subagent_type: Any = None
    event: Raw = NO_JSON


class _Function(msgspec.Struct, gc=False):
    name: Any = None
    arguments: Any = None


class _ToolCall(msgspec.Struct, gc=False):
    id: Any = None
    function: Raw = NO_JSON


class _Arguments(msgspec.Struct, gc=False):
    path: Any = None
    file_path: Any = None


class _Outcome(msgspec.Struct, gc=False):
    is_error: Any = None


class _ToolResult(msgspec.Struct, gc=False):
    tool_call_id: Any = None
    return_value: Raw = NO_JSON


class _State(msgspec.Struct, omit_defaults=True):
    calls: dict[str, str] = {}


def collect(
    facts: Facts,
    account: Account,
    unit: Unit,
    cursor: SourceCursor | None,
    context: CollectContext,
) -> Iterator[Chunk]:
    """
    Events of the lines behind the cursor.

    Raises:
        ProviderError: the log cannot be read.
    """

    def open_reader(state: bytes) -> _WireReader:
        return _WireReader(facts, unit, state)

    yield from collect_appended(
        open_reader, account, unit, cursor, context, state_version=STATE_VERSION
    )


class _WireReader:
    """Reads the lines of one wire log in their order."""

    def __init__(self, facts: Facts, unit: Unit, state: bytes) -> None:
        self._facts = facts
        self._mtime_ms = unit.mtime_ns // 1_000_000
        self._calls = OpenCalls((decode_part(state, _State) or _State()).calls)

    def state(self) -> bytes:
        """The calls that have no result yet."""
        return msgspec.json.encode(_State(calls=self._calls.known))

    def read(self, line: bytes) -> Iterator[UsageEvent]:
        """Events of a line: a status update, a call or its result."""
        record = decode_part(line, _Line)
        message = decode_part(record.message, _Message) if record is not None else None
        if record is None or message is None:
            return
        seconds = as_number(record.timestamp)
        ts_ms = round(seconds * 1000) if seconds is not None and seconds > 0 else self._mtime_ms
        agent = self._facts.agent
        match message.type:
            case "StatusUpdate":
                yield from self._usage(message.payload, ts_ms, agent)
            case "SubagentEvent":
                # Its calls stand in the sub-agent's own log only: here they have another time.
                nested = decode_part(message.payload, _Nested)
                event = decode_part(nested.event, _Message) if nested is not None else None
                if nested is not None and event is not None and event.type == "StatusUpdate":
                    name = as_text(nested.subagent_type) or SUBAGENT
                    yield from self._usage(event.payload, ts_ms, name)
            case "ToolCall":
                yield from self._call(message.payload, ts_ms, agent)
            case "ToolResult":
                yield from self._result(message.payload, ts_ms, agent)

    def _usage(self, payload: Raw, ts_ms: int, agent: str) -> Iterator[UsageEvent]:
        status = decode_part(payload, _Status)
        if status is None:
            return
        usage = as_object(status.token_usage)
        fresh = count_or_zero(usage.get("input_other"))
        read = count_or_zero(usage.get("input_cache_read"))
        written = count_or_zero(usage.get("input_cache_creation"))
        output = count_or_zero(usage.get("output"))
        if output == 0:
            # some gateways report a total and no output
            output = max(0, count_or_zero(usage.get("total")) - fresh - read - written)
        if not (fresh or read or written or output):
            return
        message_id = as_text(status.message_id)
        model = as_text(status.model) or self._facts.model
        yield self._event(
            MESSAGE_USAGE,
            ts_ms,
            agent,
            model=model,
            provider=vendor_of_model(model) or _BILLED_BY,
            message_id=message_id,
            request_id=f"{self._facts.session_id}:{message_id}" if message_id else "",
            input=fresh,
            cache_read=read,
            # Moonshot does not say how long a written entry lives.
            cache_write_5m=written,
            output=output,
            requests=1,
        )

    def _call(self, payload: Raw, ts_ms: int, agent: str) -> Iterator[UsageEvent]:
        call = decode_part(payload, _ToolCall)
        function = decode_part(call.function, _Function) if call is not None else None
        if call is None or function is None:
            return
        arguments = decode_part(as_text(function.arguments), _Arguments) or _Arguments()
        path = as_text(arguments.path) or as_text(arguments.file_path)
        yield self._event(
            TOOL_USAGE,
            ts_ms,
            agent,
            tool_call_id=self._calls.open(as_text(call.id), ts_ms),
            tool_name=as_text(function.name).lower(),
            language=language_of(path),
        )

    def _result(self, payload: Raw, ts_ms: int, agent: str) -> Iterator[UsageEvent]:
        result = decode_part(payload, _ToolResult)
        identity = self._calls.close(as_text(result.tool_call_id)) if result is not None else ""
        outcome = decode_part(result.return_value, _Outcome) if result is not None else None
        if identity and outcome is not None and outcome.is_error is True:
            yield self._event(TOOL_USAGE, ts_ms, agent, tool_call_id=identity, status=STATUS_ERROR)

    def _event(self, event_type: str, ts_ms: int, agent: str, **fields: Any) -> UsageEvent:
        return UsageEvent(
            source=SOURCE,
            channel=JSONL,
            event_type=event_type,
            ts_ms=ts_ms,
            client=SOURCE,
            session_id=self._facts.session_id,
            agent=agent,
            cwd=self._facts.cwd,
            **fields,
        )
