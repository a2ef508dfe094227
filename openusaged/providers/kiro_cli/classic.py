"""
Reads the classic sessions (`sessions/cli`): a header with turns and a transcript with tools.

The header is rewritten after every turn and alone says what a turn was charged; the transcript only
grows.  Each is a unit of its own, so that a growing transcript does not have the header read again.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from openusaged.core.models import JSONL, Account, SourceCursor, UsageEvent
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.kiro_cli.records import (
    NOTHING,
    called,
    charged,
    completed,
    credits_nano,
    file_of,
    origin,
    token_counts,
)
from openusaged.providers.shared.append_log import collect_appended
from openusaged.providers.shared.cursors import document_state
from openusaged.providers.shared.documents import (
    DocumentUnreadable,
    decode_object,
    decode_part,
    news,
    read_document,
)
from openusaged.providers.shared.emitted import Emitted
from openusaged.providers.shared.json_values import as_epoch_ms, as_list, as_object, as_text

STATE_VERSION: Final = 1
MAX_OPEN_CALLS: Final = 128


class _Header(msgspec.Struct, gc=False):
    session_id: Any = None
    cwd: Any = None
    created_at: Any = None
    updated_at: Any = None
    session_created_reason: Any = None
    session_state: msgspec.Raw = NOTHING


class _Conversation(msgspec.Struct, gc=False):
    user_turn_metadatas: Any = None


class _SessionState(msgspec.Struct, gc=False):
    rts_model_state: Any = None
    conversation_metadata: msgspec.Raw = NOTHING


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """
    What is new in a header or a transcript.

    Raises:
        ProviderError: it cannot be read, or a header is half-written or too large.
        OSError: a header cannot be read.
    """
    read = _collect_transcript if unit.path.endswith(".jsonl") else _collect_header
    yield from read(account, unit, cursor, context)


def _collect_header(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """The turns of a session that are new or are charged more than before."""
    header = decode_object(unit.path, read_document(unit.path), _Header)
    emitted = Emitted(document_state(cursor, STATE_VERSION))
    events = [] if header is None else _turn_events(header)
    yield from news(account, unit, events, emitted, context, state_version=STATE_VERSION)


def _turn_events(header: _Header) -> list[UsageEvent]:
    session = as_text(header.session_id)
    state = decode_part(header.session_state, _SessionState)
    if not session or state is None:
        return []  # another tool's file
    conversation = decode_part(state.conversation_metadata, _Conversation) or _Conversation()
    info = as_object(as_object(state.rts_model_state).get("model_info"))
    shared = origin(
        JSONL,
        session,
        cwd=as_text(header.cwd),
        model=as_text(info.get("model_id")),
        agent="subagent" if header.session_created_reason == "subagent" else "",
    )
    began_ms = as_epoch_ms(header.created_at) or as_epoch_ms(header.updated_at)
    events: list[UsageEvent] = []
    for index, turn in enumerate(map(as_object, as_list(conversation.user_turn_metadatas))):
        ended_ms = _end_of(turn)
        ts_ms = ended_ms or began_ms
        if ts_ms is None:
            continue
        key = f"{session}:{_name_of(turn, ended_ms, index)}"
        counts = token_counts(
            turn,
            input="input_token_count",
            cache_read="cache_read_input_token_count",
            cache_write_5m="cache_write_input_token_count",
            output="output_token_count",
        )
        own = as_text(turn.get("model"))
        by = msgspec.structs.replace(shared, model=own) if own else shared
        usage = charged(by, ts_ms, key, credits_nano(turn.get("metering_usage"), "value"), counts)
        if usage is not None:
            events.append(usage)
        if ended_ms is not None:
            events.append(completed(by, ts_ms, key))
    return events


def _end_of(turn: Mapping[str, Any]) -> int | None:
    """Text, a number, or what Rust makes of its own clock: `{"secs_since_epoch": ...}`."""
    ended = turn.get("end_timestamp")
    clock = as_object(ended)
    return as_epoch_ms(clock.get("secs_since_epoch") if clock else ended)


def _name_of(turn: Mapping[str, Any], ended_ms: int | None, index: int) -> str:
    """What tells a turn from the session's others: its loop, else its end, else its place."""
    loop = as_object(turn.get("loop_id")).get("rand")
    if isinstance(loop, int | str) and not isinstance(loop, bool) and loop != "":
        return str(loop)
    return str(ended_ms or index)


class _Part(msgspec.Struct, gc=False):
    kind: Any = None
    data: msgspec.Raw = NOTHING


class _ToolUse(msgspec.Struct, gc=False):
    id: Any = msgspec.field(default=None, name="toolUseId")
    name: Any = None
    status: Any = None
    input: msgspec.Raw = NOTHING


class _Data(msgspec.Struct, gc=False):
    content: msgspec.Raw = NOTHING
    timestamp: Any = None
    meta: Any = None


class _Line(msgspec.Struct, gc=False):
    kind: Any = None
    data: _Data | None = None
    timestamp: Any = None


class _State(msgspec.Struct, kw_only=True, omit_defaults=True):
    ts_ms: int = 0
    """Time of the last line that had one."""
    calls: dict[str, tuple[int, str]] = {}
    """Time and name of calls whose result is not known."""


_decode_line = msgspec.json.Decoder(_Line).decode


def _collect_transcript(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """The tools in the lines behind the cursor."""
    header = _header_beside(unit.path)
    session = os.path.basename(unit.path).removesuffix(".jsonl")
    shared = origin(JSONL, as_text(header.session_id) or session, cwd=as_text(header.cwd))
    began_ms = as_epoch_ms(header.created_at) or 0
    yield from collect_appended(
        lambda state: _Transcript(shared, state, began_ms),
        account,
        unit,
        cursor,
        context,
        state_version=STATE_VERSION,
    )


def _header_beside(path: str) -> _Header:
    try:
        data = read_document(path.removesuffix("l"))
        return decode_object(path, data, _Header) or _Header()
    except (OSError, DocumentUnreadable):
        return _Header()


class _Transcript:
    """Follows tool calls through the lines; only some lines have a time."""

    def __init__(self, shared: UsageEvent, state: bytes, began_ms: int) -> None:
        self._shared = shared
        self._state = _State(ts_ms=began_ms)
        if state:
            # A damaged state costs the time of a few calls.
            with contextlib.suppress(msgspec.DecodeError):
                self._state = msgspec.msgpack.decode(state, type=_State)

    def state(self) -> bytes:
        """The last time and the calls without a result."""
        return msgspec.msgpack.encode(self._state)

    def read(self, line: bytes) -> Iterable[UsageEvent]:
        """Tool calls of one line; none when it is damaged or only text."""
        has_tools = b'"toolUse"' in line or b'"toolResult"' in line
        if not has_tools and b'"timestamp"' not in line:
            return ()
        try:
            decoded = _decode_line(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return ()
        data = decoded.data or _Data()
        times = (decoded.timestamp, data.timestamp, as_object(data.meta).get("timestamp"))
        told = next((ms for ms in map(as_epoch_ms, times) if ms is not None), None)
        self._state.ts_ms = told or self._state.ts_ms
        if not has_tools or not self._state.ts_ms:
            return ()
        return [
            event
            for raw in decode_part(data.content, list[msgspec.Raw]) or ()
            if (event := self._part(decode_part(raw, _Part))) is not None
        ]

    def _part(self, part: _Part | None) -> UsageEvent | None:
        use = decode_part(part.data, _ToolUse) if part is not None else None
        if part is None or use is None or not as_text(use.id):
            return None
        calls, call_id, name = self._state.calls, as_text(use.id), as_text(use.name)
        if part.kind == "toolUse" and name:
            calls[call_id] = (self._state.ts_ms, name)
            while len(calls) > MAX_OPEN_CALLS:
                del calls[next(iter(calls))]
            file = file_of(use.input)
            return called(self._shared, self._state.ts_ms, call_id, name, file=file)
        if part.kind == "toolResult":
            ts_ms, name = calls.pop(call_id, (0, ""))
            if name and as_text(use.status).lower() == "error":
                return called(self._shared, ts_ms, call_id, name, is_error=True)
        return None
