"""
Reads the database of Kilo 7 (extension and command line): what is new since the cursor.

Messages are found by `rowid`; those that are still being written are remembered by id and looked
at again.  When the row at the cursor is another one (rows were deleted or renumbered) everything
is read again, which costs work but no numbers.  Only the wanted fields leave SQLite: texts of
prompts, answers and tools never become Python objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from openusaged.core.models import Account, SourceCursor, UsageEvent
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.kilo_code.records import MESSAGE_FIELDS, PART_FIELDS, Call, Message
from openusaged.providers.shared.cursors import resumed, state_of
from openusaged.providers.shared.database_pass import read_pages
from openusaged.providers.shared.emitted import Emitted
from openusaged.providers.shared.json_values import as_epoch_ms, as_text
from openusaged.providers.shared.sqlite_ro import ForeignDatabase

STATE_VERSION: Final = 1
CALLS_PER_MESSAGE: Final = 4
"""Events of a message that a page makes room for: itself and its tools."""
BATCH_MESSAGES: Final = 400
"""Messages of one transaction; also below SQLite's smallest limit of bound values (999)."""
MAX_PENDING: Final = 256
"""Messages of killed processes stay unfinished for ever; beyond this the oldest are given up."""


def _fields(table: str, paths: Sequence[str]) -> str:
    # As bytes, so that text that is no UTF-8 costs its own row and not the whole query.
    wanted = ", ".join(f"'{path}'" for path in paths)
    return f"CAST(json_extract({table}.data, {wanted}) AS BLOB)"


class _State(msgspec.Struct, kw_only=True):
    """Where a reader was and what was unfinished."""

    position: int = 0
    """`rowid` of the newest message that was read."""
    anchor: str = ""
    """Id of that message."""
    pending: dict[str, bytes] = {}
    """What was emitted of each unfinished message, by row id."""


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """
    Events of new and of formerly unfinished messages; the last chunk's cursor marks it as read.

    Raises:
        DatabaseUnreadable: locked, corrupt or no database; what was yielded before stands.
    """
    state = resumed(state_of(unit, cursor, STATE_VERSION), _State)
    is_first = True

    def read(database: ForeignDatabase, limit: int) -> tuple[list[UsageEvent], bool]:
        nonlocal is_first
        reader = _Reader(database, state)
        if not reader.is_kilo:
            return [], True  # just made: the tables come with the first start
        if state.anchor and reader.id_at(state.position) != state.anchor:
            state.position = 0
        events = reader.pending() if is_first else []
        is_first = False
        page, done = reader.page(max(1, limit // CALLS_PER_MESSAGE))
        return events + page, done

    yield from read_pages(
        account,
        unit,
        context,
        page=read,
        state=lambda: msgspec.msgpack.encode(state),
        state_version=STATE_VERSION,
        page_rows=BATCH_MESSAGES * CALLS_PER_MESSAGE,
    )


class _Reader:
    """The queries of one transaction; moves the state along."""

    def __init__(self, database: ForeignDatabase, state: _State) -> None:
        self._database = database
        self._state = state
        self._sessions = database.columns("session")
        self._has_parts = {"id", "message_id", "data"} <= database.columns("part")
        self.is_kilo = {"id", "session_id", "data"} <= database.columns("message")

    def id_at(self, rowid: int) -> str:
        """Id of the message in a row, "" when it is gone."""
        rows = self._database.rows("SELECT id FROM message WHERE rowid = ?", (rowid,))
        return str(rows[0][0]) if rows else ""

    def pending(self) -> list[UsageEvent]:
        """What has become of the messages that were unfinished last time."""
        ids = list(self._state.pending)
        events: list[UsageEvent] = []
        for start in range(0, len(ids), BATCH_MESSAGES):
            some = ids[start : start + BATCH_MESSAGES]
            rows = self._database.rows(self._select(f"m.id IN ({_marks(some)})"), some)
            for gone in set(some) - {row[1] for row in rows}:
                del self._state.pending[gone]
            events += self._events(rows)
        return events

    def page(self, limit: int) -> tuple[list[UsageEvent], bool]:
        """Events of the next messages in the order of their rows, and whether it was the end."""
        newest = self._database.rows("SELECT max(rowid) FROM message")[0][0] or 0
        sql = f"{self._select('m.rowid > ?')} ORDER BY m.rowid LIMIT ?"
        rows = self._database.rows(sql, (self._state.position, limit))
        done = len(rows) < limit
        self._state.position = newest if done else rows[-1][0]
        self._state.anchor = self.id_at(self._state.position)
        return self._events(rows), done

    def _select(self, where: str) -> str:
        """Assistant messages with the facts of their session; bad JSON is passed over."""
        names = ("parent_id", "time_created", "directory")
        session = ", ".join(f"s.{name}" if name in self._sessions else "NULL" for name in names)
        join = "LEFT JOIN session s ON s.id = m.session_id" if "id" in self._sessions else ""
        # CASE, not AND: SQLite promises the order of its evaluation only there
        return f"""
            SELECT m.rowid, m.id, m.session_id, {session if join else "NULL, NULL, NULL"},
                   json_type(m.data, '$.error') NOT IN ('null'),
                   {_fields("m", MESSAGE_FIELDS)}
            FROM message m {join}
            WHERE {where}
              AND CASE WHEN json_valid(m.data) THEN json_extract(m.data, '$.role') END = 'assistant'
        """

    def _events(self, rows: Sequence[tuple[Any, ...]]) -> list[UsageEvent]:
        parts = self._parts([row[1] for row in rows])
        events: list[UsageEvent] = []
        for _, row_id, session_id, parent, born, directory, has_error, data in rows:
            values = _values(data, len(MESSAGE_FIELDS))
            if not values:
                continue
            message = Message(
                row_id,
                as_text(session_id),
                as_text(parent),
                as_text(directory),
                values,
                has_error=bool(has_error),
            )
            if message.is_copy(as_epoch_ms(born)):
                continue
            calls = [Call(part_id, call) for part_id, call in parts.get(row_id, ())]
            emitted = Emitted(self._state.pending.pop(row_id, b""))
            told = (message.usage(), *(call.event(message) for call in calls))
            events += [
                event
                for event in told
                if event is not None
                and emitted.is_news(event.tool_call_id or event.event_type, event)
            ]
            if not (message.is_final and all(call.is_settled for call in calls)):
                self._state.pending[row_id] = emitted.encode()
                while len(self._state.pending) > MAX_PENDING:
                    del self._state.pending[next(iter(self._state.pending))]
        return events

    def _parts(self, message_ids: Sequence[str]) -> dict[str, list[tuple[str, list[Any]]]]:
        """Tool calls of these messages, by message."""
        found: dict[str, list[tuple[str, list[Any]]]] = {}
        if not message_ids or not self._has_parts:
            return found
        # `instr` before the JSON functions: most bytes are texts that need not be parsed
        sql = f"""
            SELECT p.message_id, p.id, {_fields("p", PART_FIELDS)}
            FROM part p
            WHERE p.message_id IN ({_marks(message_ids)})
              AND CASE WHEN instr(p.data, '"tool"') AND json_valid(p.data)
                       THEN json_extract(p.data, '$.type') END = 'tool'
            ORDER BY p.message_id, p.id
        """
        for message_id, part_id, data in self._database.rows(sql, message_ids):
            values = _values(data, len(PART_FIELDS))
            if values:
                found.setdefault(message_id, []).append((part_id, values))
        return found


def _values(data: bytes, size: int) -> list[Any]:
    """The fields of a row, none when they cannot be decoded."""
    try:
        values = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    return values if isinstance(values, list) and len(values) == size else []


def _marks(values: Sequence[str]) -> str:
    return ",".join("?" * len(values))
