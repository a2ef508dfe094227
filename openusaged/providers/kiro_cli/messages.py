"""
Reads `messages.jsonl`, the log of a session since Kiro CLI 2.13 and Kiro IDE 1.0.

A line is `{id, timestamp, payload}`; `session.json` beside it tells model and directory.  Neither
is part of an identity: the file may come later than the log.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
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
)
from openusaged.providers.shared.append_log import collect_appended
from openusaged.providers.shared.documents import (
    DocumentUnreadable,
    decode_any,
    read_document,
)
from openusaged.providers.shared.json_values import as_epoch_ms, as_list, as_object, as_text
from openusaged.providers.shared.places import local_path

STATE_VERSION: Final = 1
MAX_OPEN_CALLS: Final = 128
MAX_SESSION_BYTES: Final = 4 << 20

# Most bytes are prompts, answers and the system prompt: only lines with these words are decoded.
_MARKERS: Final = (
    b'"turn_start"',
    b'"turn_end"',
    b'"usage_summary"',
    b'"tool_call"',
    b'"tool_result"',
)
_MODEL_KEYS: Final = ("modelId", "model_id", "model")
_FOLDER_KEYS: Final = (
    "workspaceFolders",
    "workspacePaths",
    "workspace_paths",
    "workspacePath",
    "workspace",
    "cwd",
)


class _Payload(msgspec.Struct, rename="camel", gc=False):
    type: Any = None
    execution_id: Any = None
    tool_name: Any = None
    tool_call_id: Any = None
    success: Any = None
    prompt_turn_summaries: Any = None
    file_path: Any = None
    args: msgspec.Raw = NOTHING
    input: msgspec.Raw = NOTHING


class _Line(msgspec.Struct, gc=False):
    id: Any = None
    timestamp: Any = None
    payload: _Payload | None = None


class _State(msgspec.Struct, kw_only=True, omit_defaults=True):
    turn: str = ""
    calls: dict[str, tuple[int, str, str]] = {}
    """Time, name and turn of calls whose result is not known."""


_decode_line = msgspec.json.Decoder(_Line).decode


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """
    Events of the lines behind the cursor.

    Raises:
        ProviderError: the log cannot be read; what was yielded before stands.
    """
    session = os.path.basename(os.path.dirname(unit.path))
    model, cwd = _session_facts(os.path.join(os.path.dirname(unit.path), "session.json"))
    shared = origin(JSONL, session, cwd=cwd, model=model)
    yield from collect_appended(
        lambda state: _Reader(shared, state),
        account,
        unit,
        cursor,
        context,
        state_version=STATE_VERSION,
    )


class _Reader:
    """Follows turns and calls through the lines of a log."""

    def __init__(self, shared: UsageEvent, state: bytes) -> None:
        self._shared = shared
        try:
            self._state = msgspec.msgpack.decode(state, type=_State) if state else _State()
        except msgspec.DecodeError:
            self._state = _State()

    def state(self) -> bytes:
        """The current turn and the calls without a result."""
        return msgspec.msgpack.encode(self._state)

    def read(self, line: bytes) -> Iterable[UsageEvent]:
        """Events of one line; none when it is damaged or says nothing about usage."""
        if not any(marker in line for marker in _MARKERS):
            return ()
        try:
            decoded = _decode_line(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return ()
        payload, ts_ms = decoded.payload, as_epoch_ms(decoded.timestamp)
        if payload is None or ts_ms is None:
            return ()
        record = as_text(decoded.id)
        execution = as_text(payload.execution_id)
        match payload.type:
            case "turn_start":
                # Without an id of its own a turn is called after the line that began it.
                self._state.turn = execution or record
            case "usage_summary":
                cost = credits_nano(payload.prompt_turn_summaries, "usage")
                event = charged(self._shared, ts_ms, self._turn(execution, record), cost, {})
                return () if event is None else (event,)
            case "turn_end":
                return (completed(self._shared, ts_ms, self._turn(execution, record)),)
            case "tool_call":
                return self._called(payload, ts_ms, record)
            case "tool_result":
                return self._failed(payload)
        return ()

    def _turn(self, execution: str, record: str) -> str:
        return f"{self._shared.session_id}:{execution or self._state.turn or record}"

    def _called(self, payload: _Payload, ts_ms: int, record: str) -> Iterable[UsageEvent]:
        name, call_id = as_text(payload.tool_name), as_text(payload.tool_call_id) or record
        if not name or not call_id:
            return ()
        turn = self._turn(as_text(payload.execution_id), record)
        calls = self._state.calls
        calls[call_id] = (ts_ms, name, turn)
        while len(calls) > MAX_OPEN_CALLS:
            del calls[next(iter(calls))]
        file = as_text(payload.file_path) or file_of(payload.args) or file_of(payload.input)
        return (called(self._shared, ts_ms, call_id, name, file=file, turn=turn),)

    def _failed(self, payload: _Payload) -> Iterable[UsageEvent]:
        """The call once more when it turns out to have failed."""
        call_id = as_text(payload.tool_call_id)
        call = self._state.calls.pop(call_id, None)
        if call is None or payload.success is not False:
            return ()
        ts_ms, name, turn = call
        return (called(self._shared, ts_ms, call_id, name, turn=turn, is_error=True),)


def _session_facts(path: str) -> tuple[str, str]:
    """(model, directory) of a session; unknown without its file."""
    try:
        data = read_document(path, max_bytes=MAX_SESSION_BYTES)
    except (OSError, DocumentUnreadable):
        return "", ""
    facts = as_object(decode_any(data))
    models = (as_text(facts.get(key)) for key in _MODEL_KEYS)
    model = next((model for model in models if model), "")
    folders = (_folder(facts.get(key)) for key in _FOLDER_KEYS)
    return model, next((folder for folder in folders if folder), "")


def _folder(value: Any) -> str:
    """The first of some folders: a path, a `file:` address or an object with either."""
    first = next(iter(as_list(value)), value)
    entry = as_object(first)
    text = as_text(first) or as_text(entry.get("path")) or as_text(entry.get("uri"))
    return local_path(text) if text.startswith("file:") else text
