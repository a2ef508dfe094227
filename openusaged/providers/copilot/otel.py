"""
Reads exported OpenTelemetry (JSON lines): one span or log record per model call.

A call may be recorded up to four times, from its own span down to a sum over the agent's whole
run; the weaker ones count only where their trace has no better one.  Calls that are in the CLI's
database are counted there.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from openusaged.core.models import JSONL, MESSAGE_USAGE, Account, SourceCursor, UsageEvent
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.copilot import paths
from openusaged.providers.copilot.tokens import BILLED_BY, SOURCE, Counts
from openusaged.providers.copilot.usage_store import Rows
from openusaged.providers.shared.cursors import document_state, unit_cursor
from openusaged.providers.shared.documents import decode_part
from openusaged.providers.shared.files import resume_offset
from openusaged.providers.shared.json_values import as_count, as_epoch_ms, as_object, as_text
from openusaged.providers.shared.jsonl import iter_blocks, marked_lines

STATE_VERSION: Final = 1
MAX_TRACES: Final = 256
MARKER: Final = b'"gen_ai.usage.'

# The better the record, the larger.
_CHAT: Final = 4
_INFERENCE: Final = 3
_TURN: Final = 2
_RUN: Final = 1

_INFERENCE_EVENT: Final = "gen_ai.client.inference.operation.details"
_TURN_EVENT: Final = "copilot_chat.agent.turn"
_TIMES: Final = (
    "endTime",
    "startTime",
    "hrTime",
    "_hrTime",
    "time",
    "timestamp",
    "observedTimestamp",
    "timeUnixNano",
)


class _Attributes(
    msgspec.Struct,
    rename={
        "operation": "gen_ai.operation.name",
        "event": "event.name",
        "turn": "turn.index",
        "request_model": "gen_ai.request.model",
        "response_model": "gen_ai.response.model",
        "response_id": "gen_ai.response.id",
        "conversation": "gen_ai.conversation.id",
        "chat_session": "copilot_chat.session_id",
        "old_chat_session": "copilot_chat.chat_session_id",
        "session": "session.id",
        "interaction": "github.copilot.interaction_id",
        "input": "gen_ai.usage.input_tokens",
        "output": "gen_ai.usage.output_tokens",
        "total": "gen_ai.usage.total_tokens",
        "cache_read": "gen_ai.usage.cache_read.input_tokens",
        "cache_creation": "gen_ai.usage.cache_creation.input_tokens",
        "cache_write": "gen_ai.usage.cache_write.input_tokens",
        "reasoning": "gen_ai.usage.reasoning.output_tokens",
    },
):
    operation: Any = None
    event: Any = None
    turn: Any = None
    request_model: Any = None
    response_model: Any = None
    response_id: Any = None
    conversation: Any = None
    chat_session: Any = None
    old_chat_session: Any = None
    session: Any = None
    interaction: Any = None
    input: Any = None
    output: Any = None
    total: Any = None
    cache_read: Any = None
    cache_creation: Any = None
    cache_write: Any = None
    reasoning: Any = None


class _Record(msgspec.Struct, rename={"trace_id": "traceId", "span_id": "spanId"}):
    trace_id: Any = None
    span_id: Any = None
    spanContext: Any = None  # noqa: N815 - as the exporter spells it
    endTime: Any = None  # noqa: N815
    startTime: Any = None  # noqa: N815
    hrTime: Any = None  # noqa: N815
    _hrTime: Any = None  # noqa: N815
    time: Any = None
    timestamp: Any = None
    observedTimestamp: Any = None  # noqa: N815
    timeUnixNano: Any = None  # noqa: N815
    attributes: _Attributes | None = None


class Trace(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is known of one trace."""

    rank: int = 0
    model: str = ""
    session: str = ""


class _Call(msgspec.Struct, frozen=True, kw_only=True):
    """One record of a model call, in one of its four forms."""

    rank: int
    trace_id: str
    span_id: str
    ts_ms: int | None
    facts: _Attributes

    @property
    def model(self) -> str:
        return as_text(self.facts.response_model) or as_text(self.facts.request_model)

    @property
    def response(self) -> str:
        return as_text(self.facts.response_id)


_decode = msgspec.json.Decoder(_Record).decode


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """
    Events of the calls behind the cursor; an incomplete last line waits.

    Raises:
        OSError: the file cannot be read.
        DatabaseUnreadable: whether the calls are in the database cannot be told now.
    """
    offset = resume_offset(unit, cursor, STATE_VERSION)
    traces = _traces_of(cursor) if offset else {}
    rows = Rows(paths.session_store(account, context.machine))
    position, size = offset, context.max_chunk_events
    for block, end in iter_blocks(unit.path, offset):
        calls = [call for line in marked_lines(block, MARKER) if (call := _call(line)) is not None]
        # First all of them: a call's own span is written after its weaker records.
        for call in calls:
            _note(call, traces)
        events = [event for call in calls if (event := _event(call, traces)) is not None]
        events = list(_unknown(events, rows))
        for start in range(0, len(events), size):
            some = events[start : start + size]
            yield Chunk(events=some, cursor=_cursor(account, unit, traces, position))
        position = end
    yield Chunk(events=(), cursor=_cursor(account, unit, traces, position, done=True))


def mentions(path: str, session_id: str) -> bool:
    """Whether an exported file holds records of a session."""
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return data.find(f'"{session_id}"'.encode()) >= 0
    except (OSError, ValueError):
        return False  # gone, or empty: it holds nothing


def _call(line: bytes) -> _Call | None:
    try:
        record = _decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    facts = record.attributes
    rank = 0 if facts is None else _rank(facts)
    if facts is None or not rank:
        return None
    context = as_object(record.spanContext)
    call = _Call(
        rank=rank,
        trace_id=as_text(record.trace_id) or as_text(context.get("traceId")),
        span_id=as_text(record.span_id) or as_text(context.get("spanId")),
        ts_ms=_time(record),
        facts=facts,
    )
    return call if call.trace_id or call.response else None


def _note(call: _Call, traces: dict[str, Trace]) -> None:
    known = traces.pop(call.trace_id, Trace())
    traces[call.trace_id] = Trace(
        rank=max(call.rank, known.rank),
        model=call.model or known.model,
        session=_session(call.facts) or known.session,
    )
    while len(traces) > MAX_TRACES:
        del traces[next(iter(traces))]


def _event(call: _Call, traces: dict[str, Trace]) -> UsageEvent | None:
    trace = traces.get(call.trace_id) or Trace(rank=call.rank)
    if call.rank < trace.rank or call.ts_ms is None:
        return None
    facts = call.facts
    gross, output = as_count(facts.input), as_count(facts.output)
    total = as_count(facts.total)
    if output is None and total is not None and gross is not None:
        output = max(total - gross, 0)
    written = facts.cache_creation if facts.cache_write is None else facts.cache_write
    counts = Counts.of_gross(gross, output, facts.cache_read, written, facts.reasoning)
    return UsageEvent(
        source=SOURCE,
        channel=JSONL,
        event_type=MESSAGE_USAGE,
        ts_ms=call.ts_ms,
        provider=BILLED_BY,
        client=SOURCE,
        session_id=_session(facts) or trace.session or call.response or call.trace_id,
        message_id=_key(call),
        model=call.model or trace.model,
        input=counts.input,
        cache_read=counts.cache_read,
        cache_write_5m=counts.cache_write,
        output=counts.output,
        reasoning=counts.reasoning,
        requests=1,
    )


def _key(call: _Call) -> str:
    if call.rank == _TURN:
        return f"{call.trace_id}:turn:{call.facts.turn}"
    if call.rank >= _INFERENCE and call.response:
        # Span and log of one call share it, so that they are one in whichever order they come.
        return f"response:{call.response}"
    return f"{call.trace_id}:{call.span_id}"


def _rank(facts: _Attributes) -> int:
    if facts.operation == "chat":
        return _CHAT
    if facts.event == _INFERENCE_EVENT:
        return _INFERENCE
    if facts.event == _TURN_EVENT:
        return _TURN
    return _RUN if facts.operation == "invoke_agent" else 0


def _session(facts: _Attributes) -> str:
    return next(
        (
            text
            for value in (
                facts.conversation,
                facts.chat_session,
                facts.old_chat_session,
                facts.session,
                facts.interaction,
            )
            if (text := as_text(value))
        ),
        "",
    )


def _time(record: _Record) -> int | None:
    for name in _TIMES:
        value = getattr(record, name)
        if isinstance(value, list):
            # seconds and nanoseconds
            parts = [as_count(part) for part in value[:2]]
            if len(parts) == 2 and parts[0] and parts[1] is not None:
                return parts[0] * 1000 + parts[1] // 1_000_000
            continue
        if name == "timeUnixNano":
            nanoseconds = as_count(value)
            value = None if nanoseconds is None else nanoseconds // 1000
        ts_ms = as_epoch_ms(value)
        if ts_ms is not None:
            return ts_ms
    return None


def _unknown(events: list[UsageEvent], rows: Rows) -> Iterator[UsageEvent]:
    """The events of calls that the database does not have."""
    if not events:
        return
    times = [event.ts_ms for event in events]
    known = rows.between(_day(min(times), -1), _day(max(times), 1))
    sessions = {session for session, _, _ in known}
    calls = {(gross, output) for _, gross, output in known}
    for event in events:
        gross = (event.input or 0) + (event.cache_read or 0) + (event.cache_write_5m or 0)
        # The ids of a session need not be the same in both: its calls tell.
        if event.session_id not in sessions and (gross, event.output or 0) not in calls:
            yield event


def _day(ts_ms: int, offset: int) -> str:
    moment = datetime.fromtimestamp(ts_ms / 1000, UTC) + timedelta(days=offset)
    return moment.strftime("%Y-%m-%d")


def _traces_of(cursor: SourceCursor | None) -> dict[str, Trace]:
    return decode_part(document_state(cursor, STATE_VERSION), dict[str, Trace]) or {}


def _cursor(
    account: Account, unit: Unit, traces: dict[str, Trace], position: int, *, done: bool = False
) -> SourceCursor:
    return unit_cursor(
        account,
        unit,
        offset=position,
        state=msgspec.json.encode(traces),
        state_version=STATE_VERSION,
        done=done,
    )
