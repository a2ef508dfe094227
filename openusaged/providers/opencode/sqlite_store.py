"""
Reads OpenCode's database (1.2 and later): what is new since the cursor, in bounded chunks.

New rows are found by `rowid`, which costs what is new; the table has no index on `time_updated`.
Only when rows were deleted or renumbered (the anchor row is another one) is the table searched
for rows updated since the last pass.  Only the wanted fields leave SQLite: texts of prompts,
answers and tools never become Python objects, and no table with credentials is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from openusaged.core.models import SQLITE, Account, SourceCursor, UsageEvent
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.opencode.mcp_servers import configured_servers
from openusaged.providers.opencode.progress import STATE_VERSION, Progress, decode, events_of
from openusaged.providers.opencode.records import (
    Session,
    Step,
    ToolCall,
    count,
)
from openusaged.providers.opencode.rows import MESSAGE_PATHS, PART_PATHS, message_of, part_of
from openusaged.providers.shared.cursors import unit_cursor
from openusaged.providers.shared.json_values import as_text
from openusaged.providers.shared.sqlite_ro import ForeignDatabase, open_read_only

BATCH_MESSAGES: Final = 900
"""Messages of one transaction; also below SQLite's smallest limit of bound values (999)."""
OVERLAP_MS: Final = 300_000
"""A pass that starts over goes back this far: clocks are set back, rows commit late."""

# As bytes, so that text that is no UTF-8 costs its own row and not the whole query.
_MESSAGE_DATA: Final = "CAST(json_extract(m.data, {}) AS BLOB)".format(
    ", ".join(f"'{path}'" for path in MESSAGE_PATHS)
)
_PART_DATA: Final = "CAST(json_extract(data, {}) AS BLOB)".format(
    ", ".join(f"'{path}'" for path in PART_PATHS)
)


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """
    Events of new and of formerly unfinished messages; the last chunk's cursor marks it as read.

    Raises:
        DatabaseUnreadable: locked, corrupt or no database; what was yielded before stands.
    """
    progress = Progress()
    if cursor is not None and (cursor.device, cursor.inode) == (unit.device, unit.inode):
        progress = decode(cursor.state, cursor.state_version)
    reader = _Reader(context)
    batch = max(1, min(BATCH_MESSAGES, context.max_chunk_events // 4))
    first = True
    while True:
        with open_read_only(unit.path) as database, database.snapshot():
            if not reader.is_opencode(database):
                yield Chunk(events=(), cursor=_cursor(account, unit, progress, done=True))
                return
            _check_anchor(database, progress)
            newest = count(database.rows("SELECT max(rowid) FROM message")[0][0])
            events: list[UsageEvent] = []
            if first:
                events += reader.pending(database, progress)
            rows, position = reader.page(database, progress, batch)
            events += reader.events(database, rows, progress)
            done = len(rows) < batch
            progress.position = newest if done else position
            progress.anchor = _id_at(database, progress.position)
            progress.seen_ms = max([progress.seen_ms, *(count(row[6]) for row in rows)])
            if done:
                progress.updated_ms, progress.floor_ms = progress.seen_ms, 0
            share = progress.position / max(1, newest)
        yield Chunk(events=events, cursor=_cursor(account, unit, progress, done=done, share=share))
        if done:
            return
        first = False


def _cursor(
    account: Account, unit: Unit, progress: Progress, *, done: bool, share: float = 1.0
) -> SourceCursor:
    return unit_cursor(
        account,
        unit,
        offset=int(unit.size * min(share, 1.0)),
        state=progress.encode(),
        state_version=STATE_VERSION,
        done=done,
    )


def _check_anchor(database: ForeignDatabase, progress: Progress) -> None:
    if progress.anchor and _id_at(database, progress.position) != progress.anchor:
        progress.position = 0
        progress.floor_ms = max(0, progress.updated_ms - OVERLAP_MS)


def _id_at(database: ForeignDatabase, rowid: int) -> str:
    rows = database.rows("SELECT id FROM message WHERE rowid = ?", (rowid,))
    return str(rows[0][0]) if rows else ""


class _Reader:
    """The queries of one pass; MCP servers per directory are asked for once."""

    def __init__(self, context: CollectContext) -> None:
        self._context = context
        self._servers: dict[str, tuple[str, ...]] = {}
        self._session_columns: frozenset[str] | None = None

    def is_opencode(self, database: ForeignDatabase) -> bool:
        """Whether the tables are there; a database that has just been made has none."""
        if not {"id", "session_id", "time_updated", "data"} <= database.columns("message"):
            return False
        self._session_columns = database.columns("session")
        return {"id", "message_id", "data"} <= database.columns("part")

    def page(
        self, database: ForeignDatabase, progress: Progress, limit: int
    ) -> tuple[list[tuple[Any, ...]], int]:
        """The next assistant messages in the order of their rows, and the last one's `rowid`."""
        where = "m.rowid > ? AND m.time_updated >= ?"
        parameters = (progress.position, progress.floor_ms, limit)
        rows = database.rows(f"{self._select(where)} ORDER BY m.rowid LIMIT ?", parameters)
        return rows, rows[-1][0] if rows else progress.position

    def pending(self, database: ForeignDatabase, progress: Progress) -> list[UsageEvent]:
        """What has become of the messages that were unfinished last time."""
        ids = list(progress.pending)
        rows = []
        for start in range(0, len(ids), BATCH_MESSAGES):
            some = ids[start : start + BATCH_MESSAGES]
            rows += database.rows(self._select(f"m.id IN ({_marks(some)})"), some)
        for gone in progress.pending.keys() - {row[1] for row in rows}:
            del progress.pending[gone]
        return self.events(database, rows, progress)

    def events(
        self, database: ForeignDatabase, rows: Sequence[tuple[Any, ...]], progress: Progress
    ) -> list[UsageEvent]:
        """Events of these message rows with their parts."""
        steps, calls = self._parts(database, [row[1] for row in rows])
        events: list[UsageEvent] = []
        sessions: dict[str, Session] = {}
        for _, message_id, session_id, parent, created, directory, _, summary, error, data in rows:
            session = sessions.get(session_id)
            if session is None:
                session = sessions[session_id] = Session(
                    parent_id=as_text(parent),
                    created_ms=count(created),
                    directory=as_text(directory),
                )
            message = message_of(
                message_id,
                data,
                session_id,
                session,
                steps.get(message_id, ()),
                is_summary=bool(summary),
                has_error=bool(error),
            )
            if message is not None and message.created_ms:
                servers = self._servers_at(message.cwd)
                events += events_of(message, calls.get(message_id, ()), progress, SQLITE, servers)
        return events

    def _servers_at(self, directory: str) -> tuple[str, ...]:
        if directory not in self._servers:
            self._servers[directory] = configured_servers(self._context.machine, directory)
        return self._servers[directory]

    def _select(self, where: str) -> str:
        """Assistant messages with the facts of their session; bad JSON is passed over."""
        assert self._session_columns is not None
        session = ", ".join(
            f"s.{name}" if name in self._session_columns else "NULL"
            for name in ("parent_id", "time_created", "directory")
        )
        join = "LEFT JOIN session s ON s.id = m.session_id" if self._session_columns else ""
        if not join:
            session = "NULL, NULL, NULL"
        # CASE, not AND: SQLite promises the order of its evaluation only there
        return f"""
            SELECT m.rowid, m.id, m.session_id, {session}, m.time_updated,
                   json_type(m.data, '$.summary') = 'true',
                   json_type(m.data, '$.error') NOT IN ('null'),
                   {_MESSAGE_DATA}
            FROM message m {join}
            WHERE {where}
              AND CASE WHEN json_valid(m.data) THEN json_extract(m.data, '$.role') END = 'assistant'
        """

    def _parts(
        self, database: ForeignDatabase, message_ids: Sequence[str]
    ) -> tuple[dict[str, list[Step]], dict[str, list[ToolCall]]]:
        """Steps and tool calls of these messages, by message, in the order they were made."""
        steps: dict[str, list[Step]] = {}
        calls: dict[str, list[ToolCall]] = {}
        if not message_ids:
            return steps, calls
        # Most bytes are texts: how OpenCode begins them is looked for first (no other type begins
        # so), and the words before the JSON functions.
        sql = f"""
            SELECT message_id, id, {_PART_DATA}
            FROM part
            WHERE message_id IN ({_marks(message_ids)})
              AND CASE WHEN substr(data, 1, 13) IN ('{{"type":"text', '{{"type":"reas') THEN 0
                       WHEN instr(data, '"tool"') OR instr(data, '"step-finish"')
                       THEN json_valid(data) END
            ORDER BY message_id, id
        """
        for message_id, part_id, data in database.rows(sql, message_ids):
            part = part_of(part_id, data)
            if isinstance(part, Step):
                steps.setdefault(message_id, []).append(part)
            elif part is not None:
                calls.setdefault(message_id, []).append(part)
        return steps, calls


def _marks(values: Sequence[str]) -> str:
    return ",".join("?" * len(values))
