"""
Reads Kiro's database: the conversations of `--no-interactive` runs and of versions before 2026.

A row holds a whole conversation and is written anew at every step.  The table with the sign-in
beside it is never named here.  A conversation that also has a session file is read from there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from openusaged.core.models import SQLITE, Account, SourceCursor, UsageEvent
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.kiro_cli.paths import classic_sessions
from openusaged.providers.kiro_cli.records import (
    CREDITS,
    NOTHING,
    called,
    credits_nano,
    file_of,
    origin,
    token_counts,
)
from openusaged.providers.shared.call_ids import global_call_id
from openusaged.providers.shared.documents import decode_part
from openusaged.providers.shared.growing_rows import Row, Window, collect_rows
from openusaged.providers.shared.json_values import as_count, as_epoch_ms, as_object, as_text
from openusaged.providers.shared.sqlite_ro import ForeignDatabase

STATE_VERSION: Final = 1
MAX_VALUE_BYTES: Final = 64 << 20
PAGE_ROWS: Final = 16
_TABLES: Final = ("conversations_v2", "conversations")


class _ToolUse(msgspec.Struct, gc=False):
    id: Any = None
    name: Any = None
    args: msgspec.Raw = NOTHING


class _ToolUses(msgspec.Struct, gc=False):
    tool_uses: list[msgspec.Raw] = []


class _Assistant(msgspec.Struct, gc=False):
    calls: _ToolUses | None = msgspec.field(default=None, name="ToolUse")


class _Result(msgspec.Struct, gc=False):
    tool_use_id: Any = None
    status: Any = None


class _Results(msgspec.Struct, gc=False):
    tool_use_results: list[msgspec.Raw] = []


class _Content(msgspec.Struct, gc=False):
    prompt: msgspec.Raw = msgspec.field(default=NOTHING, name="Prompt")
    results: _Results | None = msgspec.field(default=None, name="ToolUseResults")


class _User(msgspec.Struct, gc=False):
    content: msgspec.Raw = NOTHING


class _Entry(msgspec.Struct, gc=False):
    """A request with what led to it and what came of it."""

    user: msgspec.Raw = NOTHING
    assistant: msgspec.Raw = NOTHING
    request_metadata: Any = None

    @property
    def content(self) -> _Content:
        """What the request was about; nothing in a shape that is not known."""
        user = decode_part(self.user, _User) or _User()
        return decode_part(user.content, _Content) or _Content()


class _Value(msgspec.Struct, gc=False):
    conversation_id: Any = None
    model_info: Any = None
    user_turn_metadata: Any = None
    history: msgspec.Raw = NOTHING


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """
    Events of the conversations that say something new.

    Raises:
        DatabaseUnreadable: locked, corrupt or no database; what was yielded before stands.
    """
    sessions = classic_sessions(account)
    bounded = CollectContext(
        machine=context.machine, max_chunk_events=min(PAGE_ROWS, context.max_chunk_events)
    )
    yield from collect_rows(
        account,
        unit,
        cursor,
        bounded,
        state_version=STATE_VERSION,
        page=lambda database, window: _page(database, window, sessions),
    )


def _page(database: ForeignDatabase, window: Window, sessions: str) -> list[Row]:
    """The next conversations that are new or were written since the last pass."""
    for table in _TABLES:
        columns = database.columns(table)
        if "value" in columns:
            break
    else:
        return []
    key, name, began, updated = (
        column if column in columns else "NULL"
        for column in ("key", "conversation_id", "created_at", "updated_at")
    )
    rows = database.rows(
        f"""
        SELECT rowid, {updated}, {key}, {name}, {began},
               CASE WHEN length(value) <= ? THEN CAST(value AS BLOB) END
        FROM {table}
        WHERE rowid > ? AND (rowid > ? OR {updated} IS NULL OR {updated} >= ?)
        ORDER BY rowid LIMIT ?
        """,
        (MAX_VALUE_BYTES, *window),
    )
    found = []
    for rowid, changed, cwd, conversation, created, data in rows:
        value = decode_part(data or b"", _Value)
        session = as_text(conversation) or as_text(value.conversation_id if value else None)
        events: list[UsageEvent] = []
        if value is not None and session and not _has_file(sessions, session):
            events = _events(value, session, as_text(cwd), as_epoch_ms(created))
        found.append(Row(rowid, as_count(changed) or 0, events))
    return found


def _has_file(sessions: str, session: str) -> bool:
    return os.sep not in session and os.path.isfile(os.path.join(sessions, f"{session}.json"))


def _events(value: _Value, session: str, cwd: str, created_ms: int | None) -> list[UsageEvent]:
    entries = [
        decode_part(raw, _Entry) or _Entry()
        for raw in decode_part(value.history, list[msgspec.Raw]) or ()
    ]
    contents = [entry.content for entry in entries]
    cost_nano = credits_nano(as_object(value.user_turn_metadata).get("usage_info"), "value")
    # Of credits a row keeps those of its last turn; its first request stands for the turn.
    last_turn = max(
        (place for place, content in enumerate(contents) if content.prompt != NOTHING),
        default=len(entries) - 1,
    )
    model = as_text(as_object(value.model_info).get("model_id"))
    events: list[UsageEvent] = []
    for place, entry in enumerate(entries):
        facts = as_object(entry.request_metadata)
        ts_ms = (
            as_epoch_ms(facts.get("request_start_timestamp_ms"))
            or as_epoch_ms(facts.get("stream_end_timestamp_ms"))
            or created_ms
        )
        request = as_text(facts.get("request_id"))
        if ts_ms is None or not request:
            continue
        shared = origin(SQLITE, session, cwd=cwd, model=as_text(facts.get("model_id")) or model)
        cost = cost_nano if place == last_turn else None
        events.append(
            msgspec.structs.replace(
                shared,
                ts_ms=ts_ms,
                message_id=global_call_id(session, request),
                requests=1,
                cost_nano=cost,
                currency="USD" if cost is None else CREDITS,
                **token_counts(
                    facts,
                    input="uncached_input_tokens",
                    cache_read="cache_read_input_tokens",
                    cache_write_5m="cache_write_input_tokens",
                    output="output_tokens",
                ),
            )
        )
        answer = contents[place + 1] if place + 1 < len(contents) else _Content()
        events += _calls(shared, ts_ms, entry, answer)
    return events


def _calls(shared: UsageEvent, ts_ms: int, entry: _Entry, answer: _Content) -> Iterator[UsageEvent]:
    """Tools that a request asked for; the next one says how they ended."""
    assistant = decode_part(entry.assistant, _Assistant)
    if assistant is None or assistant.calls is None:
        return
    raw_results = answer.results.tool_use_results if answer.results is not None else []
    results = [decode_part(raw, _Result) or _Result() for raw in raw_results]
    failed = {as_text(one.tool_use_id) for one in results if as_text(one.status).lower() == "error"}
    for raw in assistant.calls.tool_uses:
        use = decode_part(raw, _ToolUse) or _ToolUse()
        call_id, name = as_text(use.id), as_text(use.name)
        if call_id and name:
            file = file_of(use.args)
            yield called(shared, ts_ms, call_id, name, file=file, is_error=call_id in failed)
