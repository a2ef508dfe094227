"""
Reads the task folders of Roo Code and of the extensions that come from it.

`ui_messages.json` holds one row per model call and per use of a tool, `history_item.json` the
workspace, and the model is only named in the text that the extension adds to every prompt, in
`api_conversation_history.json`.  Prompts and answers stay undecoded bytes.

Quirks of the vendor that are settled here:
- The row of a call is written when it starts, with nothing but the protocol, and rewritten with
  the numbers when the stream ends; rows of cancelled calls stay as they were.
- `tokensIn` was the uncached rest for Anthropic's protocol and became the whole prompt with a
  certain version of each extension; `whole_prompt_since_ms` says when that came out.
- A call's prompt is saved just after its row: its model is that of the nearest prompt in time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from openusaged.core.languages import language_of
from openusaged.core.model_names import vendor_of_model
from openusaged.core.models import (
    JSONL,
    MESSAGE_USAGE,
    STATUS_ABORTED,
    STATUS_ERROR,
    STATUS_OK,
    STATUS_UNKNOWN,
    TOOL_USAGE,
    Account,
    SourceCursor,
    UsageEvent,
)
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.shared import documents
from openusaged.providers.shared.cursors import document_state, resumed
from openusaged.providers.shared.emitted import Emitted
from openusaged.providers.shared.files import stat_unit
from openusaged.providers.shared.json_values import (
    as_count,
    as_epoch_ms,
    as_nano,
    as_object,
    as_text,
)

STATE_VERSION: Final = 1
HISTORY: Final = "api_conversation_history.json"
ITEM: Final = "history_item.json"

_NOTHING: Final = msgspec.Raw(b"null")
_TOOL_KINDS: Final = frozenset({"tool", "command", "use_mcp_server"})
_COMMAND_TOOL: Final = "execute_command"
_MCP_TOOL: Final = "use_mcp_tool"
_ENVIRONMENT: Final = b"<environment_details>"
_MODEL: Final = re.compile(rb'<model>([^<>"\\]{1,200})</model>')
_DIRECTORY: Final = re.compile(
    rb'# Current (?:Workspace|Working) Directory \(((?:[^"\\]|\\[^nr]){1,1024}?)\) Files'
)


class _Row(msgspec.Struct, gc=False):
    """One row of the conversation as the user sees it; its text stays undecoded until wanted."""

    ts: Any = None
    say: Any = None
    ask: Any = None
    partial: Any = None
    text: msgspec.Raw = _NOTHING
    condensed: msgspec.Raw = msgspec.field(default=_NOTHING, name="contextCondense")


class _CallText(msgspec.Struct, gc=False, rename="camel"):
    """What the text of an `api_req_started` row says, but for the prompt in old versions."""

    api_protocol: Any = None
    tokens_in: Any = None
    tokens_out: Any = None
    cache_writes: Any = None
    cache_reads: Any = None
    cost: Any = None
    cancel_reason: Any = None


class _Condensed(msgspec.Struct, gc=False):
    cost: Any = None


class _ToolText(msgspec.Struct, gc=False, rename="camel"):
    tool: Any = None
    path: Any = None
    server_name: Any = None
    tool_name: Any = None
    diff_stats: Any = None


class _Prompt(msgspec.Struct, gc=False):
    role: Any = None
    ts: Any = None
    content: msgspec.Raw = _NOTHING


class _Item(msgspec.Struct, gc=False, rename="camel"):
    workspace: Any = None
    parent_task_id: Any = None
    mode: Any = None


class _State(msgspec.Struct, kw_only=True):
    """What is remembered of a task: what was emitted, and what its long history said."""

    emitted: bytes = b""
    history: tuple[int, int] = (0, 0)
    """Size and time of the history file that `models` and `directory` were read from."""
    models: list[tuple[int, str]] = []
    """First and last time of every run of prompts to one model; time 0 when there is none."""
    directory: str = ""


def collect(
    account: Account,
    unit: Unit,
    cursor: SourceCursor | None,
    context: CollectContext,
    *,
    whole_prompt_since_ms: int,
) -> Iterator[Chunk]:
    """
    Events of a task that are new or say something else than before.

    `whole_prompt_since_ms`: from then on `tokensIn` holds cache reads and writes for Anthropic's
    protocol, too.

    Raises:
        DocumentUnreadable: the message list is half-written, damaged or too large.
    """
    rows = _rows(unit.path)
    state = resumed(document_state(cursor, STATE_VERSION), _State)
    folder = os.path.dirname(unit.path)
    _read_history(folder, state)
    task = _Task(account.provider_id, folder, state, whole_prompt_since_ms)
    yield from documents.news(
        account,
        unit,
        task.events(rows, unit.mtime_ns // 1_000_000),
        Emitted(state.emitted),
        context,
        state_version=STATE_VERSION,
        encode=lambda emitted: msgspec.msgpack.encode(
            msgspec.structs.replace(state, emitted=emitted)
        ),
    )


def uncached_input(
    tokens_in: int, reads: int, writes: int, *, protocol: str, is_whole_prompt: bool
) -> int:
    """
    Prompt tokens outside the cache.

    Less than the cached ones, `tokensIn` can only be the rest; else the protocol and the version
    decide.
    """
    cached = reads + writes
    if tokens_in < cached or (protocol == "anthropic" and not is_whole_prompt):
        return tokens_in
    return tokens_in - cached


def model_at(ts_ms: int, models: list[tuple[int, str]]) -> str:
    """The model of the prompt nearest in time, of the last one when prompts have no times."""
    if not models:
        return ""
    timed = [entry for entry in models if entry[0]]
    if not timed:
        return models[-1][1]
    # of two equally near the later one: a prompt is saved after the row of its call
    return min(reversed(timed), key=lambda entry: abs(entry[0] - ts_ms))[1]


class _Task:
    """Turns the rows of one task into events."""

    def __init__(self, source: str, folder: str, state: _State, whole_prompt_since_ms: int) -> None:
        self._id = os.path.basename(folder)
        self._models = state.models
        self._whole_prompt_since_ms = whole_prompt_since_ms
        item = _item(folder)
        parent = as_text(item.parent_task_id)
        self._origin = UsageEvent(
            source=source,
            channel=JSONL,
            event_type=MESSAGE_USAGE,
            ts_ms=0,
            session_id=self._id,
            parent_session_id=parent,
            # `code` and `architect` are the main agent's modes; only a child task is a sub-agent
            agent=(as_text(item.mode) or "subtask") if parent else "",
            cwd=as_text(item.workspace) or state.directory,
        )

    def events(self, rows: list[_Row], written_ms: int) -> Iterator[UsageEvent]:
        """Events of all rows; a row without a time has that of its neighbours."""
        times = [as_epoch_ms(row.ts) for row in rows]
        before = next((time for time in times if time), written_ms)
        for number, (row, time) in enumerate(zip(rows, times, strict=True)):
            before = time or before
            event = self._event(row, before)
            if event is not None:
                name = f"{self._id}:{before}" if time else f"{self._id}:row-{number}"
                ids = {"tool_call_id" if event.event_type == TOOL_USAGE else "message_id": name}
                yield msgspec.structs.replace(event, **ids)

    def _event(self, row: _Row, ts_ms: int) -> UsageEvent | None:
        if row.partial is True:
            return None
        if row.say == "api_req_started":
            return self._call(row, ts_ms)
        if row.say == "condense_context":
            return self._condensing(row, ts_ms)
        kind = row.ask or row.say
        if isinstance(kind, str) and kind in _TOOL_KINDS:
            return self._tool(kind, row, ts_ms)
        return None

    def _call(self, row: _Row, ts_ms: int) -> UsageEvent | None:
        told = _text_of(row, _CallText)
        if told is None:
            return None
        sent, received = as_count(told.tokens_in), as_count(told.tokens_out)
        reads, writes = as_count(told.cache_reads), as_count(told.cache_writes)
        cost = as_nano(told.cost)
        if not (sent or received or reads or writes or cost):
            return None  # the placeholder of a call that runs or was cancelled
        if sent is not None:
            sent = uncached_input(
                sent,
                reads or 0,
                writes or 0,
                # older versions wrote `bedrock/anthropic` and the like
                protocol=re.split("[/:]", as_text(told.api_protocol).lower())[-1],
                is_whole_prompt=ts_ms >= self._whole_prompt_since_ms,
            )
        return self._of_model(
            ts_ms,
            input=sent,
            cache_read=reads,
            cache_write_5m=writes,
            output=received,
            requests=1,
            # 0 is what free, subscribed and unknown models are given: no price, no statement
            cost_nano=cost or None,
            status=_status(as_text(told.cancel_reason)),
        )

    def _condensing(self, row: _Row, ts_ms: int) -> UsageEvent | None:
        """A summary of the context is a call of its own; only its cost is written down."""
        told = documents.decode_part(row.condensed, _Condensed)
        cost = as_nano(told.cost) if told is not None else None
        return self._of_model(ts_ms, requests=1, cost_nano=cost) if cost else None

    def _tool(self, kind: str, row: _Row, ts_ms: int) -> UsageEvent | None:
        if kind == "command":  # its text is the command itself
            return self._of_model(
                ts_ms, event_type=TOOL_USAGE, tool_name=_COMMAND_TOOL, status=STATUS_UNKNOWN
            )
        told = _text_of(row, _ToolText)
        if told is None:
            return None
        server = as_text(told.server_name).lower() if kind == "use_mcp_server" else ""
        name = _MCP_TOOL if kind == "use_mcp_server" else as_text(told.tool).lower()
        if not name:
            return None
        stats = as_object(told.diff_stats)
        return self._of_model(
            ts_ms,
            event_type=TOOL_USAGE,
            tool_name=name,
            mcp_server=server,
            mcp_function=as_text(told.tool_name).lower() if server else "",
            language=language_of(as_text(told.path)),
            lines_added=as_count(stats.get("added")),
            lines_removed=as_count(stats.get("removed")),
            # whether the user allowed it and whether it worked is said in prose only
            status=STATUS_UNKNOWN,
        )

    def _of_model(self, ts_ms: int, **fields: Any) -> UsageEvent:
        model = model_at(ts_ms, self._models)
        return msgspec.structs.replace(
            self._origin, ts_ms=ts_ms, model=model, provider=vendor_of_model(model), **fields
        )


def _rows(path: str) -> list[_Row]:
    items = documents.decode_items(path, documents.read_document(path))
    rows = (documents.decode_part(item, _Row) for item in items)
    return [row for row in rows if row is not None]


def _text_of(row: _Row, kind: type[Any]) -> Any:
    """What the JSON in a row's text says, None when it is no text or no such JSON."""
    text = documents.decode_any(row.text)
    return documents.decode_part(text, kind) if isinstance(text, str) and text else None


def _status(cancel_reason: str) -> str:
    if not cancel_reason:
        return STATUS_OK
    return STATUS_ERROR if cancel_reason == "streaming_failed" else STATUS_ABORTED


def _item(folder: str) -> _Item:
    path = os.path.join(folder, ITEM)
    try:
        return documents.decode_object(path, documents.read_document(path), _Item) or _Item()
    except (OSError, documents.DocumentUnreadable):
        return _Item()  # only newer versions write it


def _read_history(folder: str, state: _State) -> None:
    """
    Bring the state's models and directory up to date with the history file.

    It can have tens of megabytes, so it is read only when it has changed; when it cannot be read
    what is known stays.
    """
    path = os.path.join(folder, HISTORY)
    unit = stat_unit(path)
    if unit is None or state.history == (unit.size, unit.mtime_ns):
        return
    try:
        items = documents.decode_items(path, documents.read_document(path))
    except (OSError, documents.DocumentUnreadable):
        return
    models: list[tuple[int, str]] = []
    directory = ""
    for item in items:
        prompt = documents.decode_part(item, _Prompt)
        if prompt is None or prompt.role != "user":
            continue
        content = bytes(prompt.content)
        # The block is the last of a prompt; what stands before it are the user's own words.
        start = content.rfind(_ENVIRONMENT)
        if start < 0:
            continue
        names = _MODEL.findall(content, start)
        if names:
            _note(models, as_epoch_ms(prompt.ts) or 0, names[-1].decode(errors="replace").strip())
        found = _DIRECTORY.findall(content, start)
        if found:
            directory = as_text(documents.decode_any(b'"' + found[-1] + b'"')) or directory
    state.history = (unit.size, unit.mtime_ns)
    state.models = models
    state.directory = directory


def _note(models: list[tuple[int, str]], ts_ms: int, model: str) -> None:
    """Append a prompt; of a run of prompts to one model only the first and the last are kept."""
    if len(models) > 1 and models[-1][1] == models[-2][1] == model:
        models[-1] = (ts_ms, model)
    else:
        models.append((ts_ms, model))
