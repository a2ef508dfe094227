"""
Reads Goose's session database: ledger rows and messages behind the cursor, totals where they grew.

The ledger (since schema 15) has a row per request.  Sessions without such rows are read as totals.
Of messages only ids, names and outcome of tool calls leave SQLite; no text becomes a Python object.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from openusaged.core.models import Account, SourceCursor, UsageEvent
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.goose.records import (
    CARRIED,
    Session,
    Tokens,
    ToolCall,
    call_event,
    larger_of,
    ledger_event,
    totals_event,
)
from openusaged.providers.shared.cursors import resumed, state_of
from openusaged.providers.shared.database_pass import read_pages
from openusaged.providers.shared.growing_rows import (
    GrowingRows,
    Row,
    Window,
)
from openusaged.providers.shared.json_values import as_count, as_epoch_ms, as_text
from openusaged.providers.shared.sqlite_ro import ForeignDatabase

STATE_VERSION: Final = 1
PAGE_ROWS: Final = 500
MAX_OPEN_CALLS: Final = 256
"""Calls of killed processes are never answered; beyond this the oldest are given up."""

_SESSION: Final = ("created_at", "provider_name", "working_dir", "session_type")
_TOTALS: Final = ("input", "output", "total", "cache_read", "cache_write")
_PARTS: Final = ", ".join(
    f"'$.{path}'"
    for path in (
        "type",
        "id",
        "toolCall.value.name",
        "toolCall.value.arguments.path",
        "toolResult.status",
        "toolResult.value.isError",
    )
)
_decode_parts = msgspec.json.Decoder(list[Any]).decode


class _Progress(msgspec.Struct, kw_only=True, omit_defaults=True):
    ledger: int = 0
    messages: int = 0
    totals: bytes = b""
    calls: dict[str, ToolCall] = {}


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """
    Events of what is new; the last chunk's cursor marks the database as read.

    Raises:
        DatabaseUnreadable: locked, corrupt or no database; what was yielded before stands.
    """
    progress = resumed(state_of(unit, cursor, STATE_VERSION), _Progress)
    totals = GrowingRows(progress.totals)

    def read(database: ForeignDatabase, limit: int) -> tuple[list[UsageEvent], bool]:
        reader = _Reader(database)
        events, ledger_done = reader.ledger(progress, limit)
        if not totals.done and reader.has_models:
            events += totals.read(database, reader.totals, limit)
        calls, calls_done = reader.calls(progress, limit)
        progress.totals = totals.encode()
        done = ledger_done and calls_done and (totals.done or not reader.has_models)
        return events + calls, done

    yield from read_pages(
        account,
        unit,
        context,
        page=read,
        state=lambda: msgspec.msgpack.encode(progress),
        state_version=STATE_VERSION,
        page_rows=PAGE_ROWS,
    )


class _Reader:
    """The queries of one transaction, fitted to the columns this version has."""

    def __init__(self, database: ForeignDatabase) -> None:
        self._database = database
        self._columns = database.columns("sessions")
        self._ledger_columns = database.columns("usage_ledger")
        self._has_ledger = bool(self._ledger_columns and self._columns)
        self.has_models = {"id", "created_at", "model_config_json"} <= self._columns

    def ledger(self, progress: _Progress, limit: int) -> tuple[list[UsageEvent], bool]:
        """The next ledger rows, and whether they were the last."""
        if not self._has_ledger:
            return [], True
        newest = as_count(self._database.rows("SELECT max(id) FROM usage_ledger")[0][0]) or 0
        if newest < progress.ledger:
            progress.ledger = 0  # an older copy has been put in its place
        counts = ", ".join(_column(self._ledger_columns, f"{name}_tokens", "u") for name in _TOTALS)
        rows = self._database.rows(
            f"""
            SELECT u.id, {self._session("u.session_id")}, u.created_timestamp, u.model, {counts},
                   {_column(self._ledger_columns, "cost", "u")},
                   {_column(self._ledger_columns, "cost_source", "u")},
                   NOT EXISTS (SELECT 1 FROM usage_ledger e
                               WHERE e.session_id = u.session_id AND e.id < u.id)
            FROM usage_ledger u LEFT JOIN sessions s ON s.id = u.session_id
            WHERE u.id > ? ORDER BY u.id LIMIT ?
            """,
            (progress.ledger, limit),
        )
        events = []
        for row_id, *values in rows:
            session, (created, model, *counts_, cost, source, is_first) = _session_of(values)
            event = ledger_event(
                session,
                row_id,
                created,
                model,
                Tokens(*map(as_count, counts_)),
                cost,
                # a later one is what an older version used without writing to the ledger
                is_carried=source == CARRIED and bool(is_first),
            )
            if event is not None:
                events.append(event)
            progress.ledger = row_id
        return events, len(rows) < limit

    def totals(self, database: ForeignDatabase, window: Window) -> list[Row]:
        """The next sessions without ledger rows."""
        counts = ", ".join(
            _column(self._columns, f"{prefix}{name}_tokens", "s")
            for name in _TOTALS
            for prefix in ("accumulated_", "")
        )
        unlisted = (
            "AND NOT EXISTS (SELECT 1 FROM usage_ledger u WHERE u.session_id = s.id)"
            if self._has_ledger
            else ""
        )
        updated = _column(self._columns, "updated_at", "s")
        rows = database.rows(
            f"""
            SELECT s.rowid, {updated}, {self._session("s.id")}, {counts},
                   {_column(self._columns, "accumulated_cost", "s")}
            FROM sessions s
            WHERE s.rowid > ?
              AND (s.rowid > ? OR {updated} IS NULL OR {updated} >= datetime(? / 1000, 'unixepoch'))
              {unlisted}
            ORDER BY s.rowid LIMIT ?
            """,
            window,
        )
        found = []
        for rowid, changed, *values in rows:
            session, (*pairs, cost) = _session_of(values)
            tokens = Tokens(*map(larger_of, pairs[::2], pairs[1::2]))
            event = totals_event(session, tokens, cost)
            found.append(Row(rowid, as_epoch_ms(changed) or 0, [event] if event else []))
        return found

    def calls(self, progress: _Progress, limit: int) -> tuple[list[UsageEvent], bool]:
        """Tools that answered in the next messages, and whether these were the last."""
        columns = self._database.columns("messages")
        if not {"id", "session_id", "content_json", "created_timestamp"} <= columns:
            return [], True
        newest = as_count(self._database.rows("SELECT max(id) FROM messages")[0][0]) or 0
        if newest < progress.messages:
            progress.messages = 0  # an older copy, or a compaction that removed the newest
        ids = self._database.rows(
            "SELECT id FROM messages WHERE id > ? ORDER BY id LIMIT ?", (progress.messages, limit)
        )
        last = ids[-1][0] if ids else progress.messages
        # CASE, not AND: SQLite promises the order of its evaluation only there.
        rows = self._database.rows(
            f"""
            SELECT {self._session("m.session_id")}, m.created_timestamp,
                   CAST(CASE WHEN e.type = 'object' THEN json_extract(e.value, {_PARTS}) END
                        AS BLOB)
            FROM messages m
            JOIN json_each(CASE WHEN instr(m.content_json, '"tool') THEN
                CASE WHEN json_valid(m.content_json) THEN m.content_json ELSE '[]' END
                ELSE '[]' END) e
            LEFT JOIN sessions s ON s.id = m.session_id
            WHERE m.id > ? AND m.id <= ? ORDER BY m.id, e.id
            """,
            (progress.messages, last),
        )
        events = [event for row in rows if (event := _call(row, progress)) is not None]
        progress.messages = last
        return events, len(ids) < limit

    def _session(self, session_id: str) -> str:
        """Columns for `_session_of`."""
        created, provider, cwd, kind = (_column(self._columns, name, "s") for name in _SESSION)
        parent = _column(self._columns, "parent_session_id", "s")
        model = "NULL"
        if "model_config_json" in self._columns:
            names = ", ".join(
                f"json_extract(s.model_config_json, '$.{name}')"
                for name in ("model_name", "model", "name")
            )
            model = f"CASE WHEN json_valid(s.model_config_json) THEN coalesce({names}) END"
        return f"{session_id}, {created}, {provider}, {model}, {cwd}, {kind}, {parent}"


def _session_of(values: list[Any]) -> tuple[Session, list[Any]]:
    width = len(Session._fields)
    session_id, *rest = values[:width]
    return Session(str(session_id), *rest), values[width:]


def _column(columns: frozenset[str], name: str, table: str) -> str:
    return f"{table}.{name}" if name in columns else "NULL"


def _call(row: tuple[Any, ...], progress: _Progress) -> UsageEvent | None:
    """Remember a request; the event once it is answered."""
    session, (created, data) = _session_of(list(row))
    try:
        kind, call_id, name, file, status, is_error = _decode_parts(data or b"[]")
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        return None
    call_id, ts_ms = as_text(call_id), as_epoch_ms(created)
    if not call_id or ts_ms is None:
        return None
    key = f"{session.key}:{call_id}"
    if kind == "toolResponse":
        call = progress.calls.pop(key, None)
        if call is None:
            return None
        return call_event(
            session, call_id, call, is_error=status == "error" or is_error in (1, True)
        )
    if kind in ("toolRequest", "frontendToolRequest") and as_text(name):
        progress.calls[key] = ToolCall(ts_ms, as_text(name), as_text(file))
        while len(progress.calls) > MAX_OPEN_CALLS:
            del progress.calls[next(iter(progress.calls))]
    return None
