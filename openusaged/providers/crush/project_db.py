"""
Reads a Crush project's database: cost per session as it grows, and the tools of new messages.

Quirks of the vendor that are settled here:
- A session's token columns hold the *last* request's counts, not a sum: they are no usage and are
  left out.  Only the cost adds up; 0 mostly means a flat rate and is taken for unknown.
- The cost of sub-agents' sessions is rolled into their parent, so only root sessions are read.
- Times are seconds, whatever the schema's comments say.
- A session names no model; that of its last answer stands for it and may change while the cost
  grows on.  It is therefore no part of the session's identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from openusaged.core.languages import language_of
from openusaged.core.model_names import vendor_of_model
from openusaged.core.models import (
    MESSAGE_USAGE,
    SQLITE,
    STATUS_ERROR,
    STATUS_OK,
    TOOL_USAGE,
    Account,
    SourceCursor,
    UsageEvent,
)
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.shared.cursors import resumed, state_of
from openusaged.providers.shared.database_pass import read_pages
from openusaged.providers.shared.growing_rows import (
    GrowingRows,
    Row,
    Window,
)
from openusaged.providers.shared.json_values import as_count, as_epoch_ms, as_nano, as_text
from openusaged.providers.shared.sqlite_ro import ForeignDatabase

SOURCE: Final = "crush"
STATE_VERSION: Final = 1
PAGE_ROWS: Final = 500

_VENDORS: Final = {
    "bedrock": "aws",
    "vertexai": "google",
    "gemini": "google",
    "xai": "x-ai",
    "copilot": "github-copilot",
    "kimi-coding": "moonshotai",
}
# The result's metadata is JSON in JSON and holds whole files: only these leave SQLite.
_META: Final = "json_extract(e.value, '$.data.metadata')"
_RESULT: Final = (
    "json_extract(e.value, '$.type', '$.data.tool_call_id', '$.data.name', '$.data.is_error')"
)
_CHANGE: Final = (
    f"CASE WHEN json_valid({_META})"
    f" THEN json_extract({_META}, '$.file_path', '$.additions', '$.removals') END"
)
_MS: Final = "CASE WHEN {0} > 100000000000 THEN {0} ELSE {0} * 1000 END"
_decode_list = msgspec.json.Decoder(list[Any]).decode


class _Progress(msgspec.Struct, kw_only=True, omit_defaults=True):
    sessions: bytes = b""
    messages: int = 0
    anchor: str = ""
    """Id of the last message: another one at its place means that rows were deleted."""


def collect(
    account: Account,
    unit: Unit,
    cursor: SourceCursor | None,
    context: CollectContext,
    project: str,
) -> Iterator[Chunk]:
    """
    Events of what is new; the last chunk's cursor marks the database as read.

    Raises:
        DatabaseUnreadable: locked, corrupt or no database; what was yielded before stands.
    """
    progress = resumed(state_of(unit, cursor, STATE_VERSION), _Progress)
    sessions = GrowingRows(progress.sessions)

    def read(database: ForeignDatabase, limit: int) -> tuple[list[UsageEvent], bool]:
        reader = _Reader(database, project)
        if not reader.is_crush:
            return [], True
        events = [] if sessions.done else sessions.read(database, reader.sessions, limit)
        calls, calls_done = reader.calls(progress, limit)
        progress.sessions = sessions.encode()
        return events + calls, sessions.done and calls_done

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
    """The queries of one transaction."""

    def __init__(self, database: ForeignDatabase, project: str) -> None:
        self._database = database
        self._project = project
        sessions, self._messages = database.columns("sessions"), database.columns("messages")
        # A database that has just been made has no tables yet.
        self.is_crush = (
            {"id", "parent_session_id", "message_count", "cost", "created_at", "updated_at"}
            <= sessions
        ) and {"id", "session_id", "role", "parts", "model", "created_at"} <= self._messages

    def sessions(self, database: ForeignDatabase, window: Window) -> list[Row]:
        """The next root sessions in use, with the model of their last answer."""
        provider = "l.provider" if "provider" in self._messages else "NULL"
        updated = _MS.format("s.updated_at")
        rows = database.rows(
            f"""
            SELECT s.rowid, {updated}, s.id, s.created_at, s.cost, l.model, {provider},
                   (SELECT count(*) FROM messages m
                    WHERE m.session_id = s.id AND m.role = 'assistant')
            FROM sessions s
            LEFT JOIN messages l ON l.rowid =
                (SELECT m.rowid FROM messages m
                 WHERE m.session_id = s.id AND m.role = 'assistant'
                 ORDER BY m.created_at DESC, m.rowid DESC LIMIT 1)
            WHERE s.rowid > ? AND (s.rowid > ? OR {updated} >= ?)
              AND s.parent_session_id IS NULL AND (s.message_count > 0 OR s.cost > 0)
            ORDER BY s.rowid LIMIT ?
            """,
            window,
        )
        found = []
        for rowid, changed, session, created, cost, model, billed_by, answers in rows:
            changed_ms = as_count(changed) or 0
            event = self._session_event(
                str(session), as_epoch_ms(created) or changed_ms, cost, model, billed_by, answers
            )
            found.append(Row(rowid, changed_ms, [event] if event else []))
        return found

    def _session_event(
        self, session: str, ts_ms: int, cost: Any, model: Any, billed_by: Any, answers: Any
    ) -> UsageEvent | None:
        cost_nano = as_nano(cost) or None
        requests = as_count(answers) or None
        if not ts_ms or not (cost_nano or requests):
            return None
        name = as_text(model)
        provider = as_text(billed_by).lower()
        return UsageEvent(
            source=SOURCE,
            channel=SQLITE,
            event_type=MESSAGE_USAGE,
            ts_ms=ts_ms,
            provider=_VENDORS.get(provider, provider) or vendor_of_model(name),
            session_id=session,
            message_id=session,
            cwd=self._project,
            model=name,
            requests=requests,
            cost_nano=cost_nano,
        )

    def calls(self, progress: _Progress, limit: int) -> tuple[list[UsageEvent], bool]:
        """Tools that ended in the next messages, and whether these were the last."""
        if progress.anchor and self._id_at(progress.messages) != progress.anchor:
            progress.messages = 0
        rowids = self._database.rows(
            "SELECT rowid FROM messages WHERE rowid > ? ORDER BY rowid LIMIT ?",
            (progress.messages, limit),
        )
        last = rowids[-1][0] if rowids else progress.messages
        # CASE, not AND: SQLite promises the order of its evaluation only there.
        rows = self._database.rows(
            f"""
            SELECT m.session_id, m.created_at, s.parent_session_id,
                   CAST(CASE WHEN e.type = 'object' THEN {_RESULT} END AS BLOB),
                   CAST(CASE WHEN e.type = 'object' THEN {_CHANGE} END AS BLOB)
            FROM messages m
            JOIN json_each(CASE WHEN instr(m.parts, '"tool_result"') THEN
                CASE WHEN json_valid(m.parts) THEN m.parts ELSE '[]' END ELSE '[]' END) e
            LEFT JOIN sessions s ON s.id = m.session_id
            WHERE m.rowid > ? AND m.rowid <= ? ORDER BY m.rowid, e.id
            """,
            (progress.messages, last),
        )
        events = [event for row in rows if (event := self._call_event(*row)) is not None]
        progress.messages, progress.anchor = last, self._id_at(last)
        return events, len(rowids) < limit

    def _id_at(self, rowid: int) -> str:
        rows = self._database.rows("SELECT id FROM messages WHERE rowid = ?", (rowid,))
        return str(rows[0][0]) if rows else ""

    def _call_event(
        self, session: Any, created: Any, parent: Any, result: bytes | None, change: bytes | None
    ) -> UsageEvent | None:
        kind, call_id, name, is_error = _list(result, 4)
        file, added, removed = _list(change, 3)
        tool, ts_ms = as_text(name).lower(), as_epoch_ms(created)
        if kind != "tool_result" or not as_text(call_id) or not tool or ts_ms is None:
            return None
        server, function = _split_mcp(tool)
        return UsageEvent(
            source=SOURCE,
            channel=SQLITE,
            event_type=TOOL_USAGE,
            ts_ms=ts_ms,
            session_id=str(session),
            parent_session_id=as_text(parent),
            agent="subagent" if as_text(parent) else "",
            tool_call_id=f"{session}:{as_text(call_id)}",
            cwd=self._project,
            tool_name=tool,
            mcp_server=server,
            mcp_function=function,
            language=language_of(as_text(file)) if as_text(file) else "",
            lines_added=as_count(added),
            lines_removed=as_count(removed),
            status=STATUS_ERROR if is_error in (1, True) else STATUS_OK,
        )


def _list(data: bytes | None, length: int) -> list[Any]:
    try:
        values = _decode_list(data) if data else []
    except (msgspec.DecodeError, UnicodeDecodeError):
        values = []
    return values if len(values) == length else [None] * length


def _split_mcp(tool: str) -> tuple[str, str]:
    """Crush names an MCP server's tool `mcp_<server>_<function>`."""
    kind, _, rest = tool.partition("_")
    server, found, function = rest.partition("_")
    return (server, function) if kind == "mcp" and found and function else ("", "")
