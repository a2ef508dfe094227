"""
Reads of the session table: pages of sessions in any order, one session, and its single events.

In the order of last activity a page is found by the index on it.  Every other order, and every
filter on models or text, looks at each session of the range once, by primary key.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec

from openusaged.core.merge import CountedEvent
from openusaged.core.models import (
    MESSAGE_USAGE,
    QUARTER_MS,
    RECONCILE_ADJUSTMENT,
    TOOL_USAGE,
)
from openusaged.storage.events import COLUMNS, QUARTER_SHIFT, TYPE_CODES, decode
from openusaged.storage.names import Names
from openusaged.storage.read_queries import usage_row
from openusaged.storage.records import SessionRecord, UsageRow
from openusaged.storage.rollups import MESSAGE_SUMS

_SUM_LIST: Final = ", ".join(MESSAGE_SUMS)
_EVENT_LIST: Final = ", ".join(COLUMNS)
_SESSION_COLUMNS: Final = (
    "id, source, session_id, account, client, project, branch, parent,"
    " first_ms, last_ms, events, tool_calls"
)
_OF_SESSION: Final = "FROM session_model WHERE session_model.session = session.id"
_TOKENS: Final = "input + cache_read + cache_write_5m + cache_write_1h + output"
_ORDERS: Final[Mapping[str, str]] = {
    "activity": "last_quarter {0}, last_ms {0}, id {0}",
    "started": "first_ms {0}, id {0}",
    "duration": "last_ms - first_ms {0}, last_ms {0}, id {0}",
    "tokens": f"(SELECT SUM({_TOKENS}) {_OF_SESSION}) {{0}}, last_ms {{0}}, id {{0}}",
    "requests": f"(SELECT SUM(requests) {_OF_SESSION}) {{0}}, last_ms {{0}}, id {{0}}",
    "cost": f"(SELECT SUM(calc_nano + fallback_nano) {_OF_SESSION}) {{0}}, last_ms {{0}}, id {{0}}",
}
ORDERS: Final = frozenset(_ORDERS)


class SessionWord(msgspec.Struct, frozen=True):
    """
    A word that a session must have somewhere.

    In its id, as `text`; or by one of the names: a branch, tool, account, model or project.
    """

    text: str
    names: Collection[str]
    projects: Collection[str]


class SessionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Last activity within [start_ms, end_ms), and what else a session must have."""

    start_ms: int | None = None
    end_ms: int | None = None
    account: str | None = None
    projects: Collection[str] | None = None
    models: Collection[str] | None = None
    client: str | None = None
    source: str | None = None
    session: str | None = None
    words: Sequence[SessionWord] = ()


def find_sessions(
    connection: sqlite3.Connection,
    names: Names,
    wanted: SessionFilter,
    limit: int | None,
    offset: int,
    *,
    sort: str = "activity",
    descending: bool = True,
) -> tuple[int, list[SessionRecord]]:
    """How many sessions match, and one page of them, newest first unless asked otherwise."""
    where, values = _session_clauses(names, wanted)
    total = connection.execute(f"SELECT COUNT(*) FROM session WHERE {where}", values).fetchone()[0]
    order = _ORDERS[sort].format("DESC" if descending else "ASC")
    rows = connection.execute(
        f"SELECT {_SESSION_COLUMNS} FROM session WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?",
        (*values, -1 if limit is None else limit, offset),
    ).fetchall()
    return total, _session_records(connection, names, rows)


def older_within(
    connection: sqlite3.Connection,
    names: Names,
    wanted: SessionFilter,
    offset: int,
    quarters: Sequence[int],
) -> list[tuple[int, ...]]:
    """
    What sessions behind the newest `offset` ones used that were last active in these quarters.

    Ids of account, tool, provider, model and currency, then sums.
    """
    where, values = _session_clauses(names, wanted)
    newest = _ORDERS["activity"].format("DESC")
    return connection.execute(
        f"SELECT account, client, provider, model, currency, {_SUM_LIST}"
        " FROM session CROSS JOIN session_model ON session_model.session = session.id"
        f" WHERE {where} AND last_quarter IN (SELECT value FROM json_each(?))"
        " AND (last_quarter, last_ms, id) < (SELECT last_quarter, last_ms, id"
        f" FROM session WHERE {where} ORDER BY {newest} LIMIT 1 OFFSET ?)",
        (*values, msgspec.json.encode(quarters).decode(), *values, offset - 1),
    ).fetchall()


def _session_clauses(names: Names, wanted: SessionFilter) -> tuple[str, list[Any]]:
    clauses = ["events > 0"]
    values: list[Any] = []
    if wanted.start_ms is not None:
        clauses.append("last_quarter >= ? AND last_ms >= ?")
        values += [wanted.start_ms // QUARTER_MS, wanted.start_ms]
    if wanted.end_ms is not None:
        clauses.append("last_quarter <= ? AND last_ms < ?")
        values += [wanted.end_ms // QUARTER_MS, wanted.end_ms]
    for column in ("account", "client", "source"):
        text = getattr(wanted, column)
        if text is not None:
            clauses.append(f"{column} = ?")
            values.append(names.get(text, -1))
    if wanted.session is not None:
        clauses.append("session_id = ?")
        values.append(wanted.session)
    if wanted.projects is not None:
        clauses.append("project IN (SELECT value FROM json_each(?))")
        values.append(_ids(names, wanted.projects))
    if wanted.models is not None:
        clauses.append(f"EXISTS (SELECT 1 {_OF_SESSION} AND {_IN_MODELS})")
        values.append(_ids(names, wanted.models))
    for word in wanted.words:
        clauses.append(
            "(session_id LIKE ? ESCAPE '\\'"
            " OR project IN (SELECT value FROM json_each(?))"
            " OR branch IN (SELECT value FROM json_each(?))"
            " OR client IN (SELECT value FROM json_each(?))"
            " OR account IN (SELECT value FROM json_each(?))"
            f" OR EXISTS (SELECT 1 {_OF_SESSION} AND {_IN_MODELS}))"
        )
        found = _ids(names, word.names)
        values += [_like(word.text), _ids(names, word.projects), found, found, found, found]
    return " AND ".join(clauses), values


_IN_MODELS: Final = "model IN (SELECT value FROM json_each(?))"


def _ids(names: Names, texts: Collection[str]) -> str:
    return msgspec.json.encode([names[text] for text in texts if text in names]).decode()


def _like(text: str) -> str:
    for special in ("\\", "%", "_"):
        text = text.replace(special, f"\\{special}")
    return f"%{text}%"


def find_session(
    connection: sqlite3.Connection, names: Names, source: str, session_id: str
) -> SessionRecord | None:
    """One session, or None when none of its events was counted."""
    rows = connection.execute(
        f"SELECT {_SESSION_COLUMNS} FROM session"
        " WHERE session_id = ? AND source = ? AND events > 0",
        (session_id, names.get(source, -1)),
    ).fetchall()
    records = _session_records(connection, names, rows)
    return records[0] if records else None


def session_events(
    connection: sqlite3.Connection, names: Names, record: SessionRecord, limit: int
) -> list[CountedEvent]:
    """
    The latest model and tool calls of a session whose detail is kept, in the order of time.

    Ids of events begin with their quarter, so only the stretch of the session is looked at.
    """
    row = connection.execute(
        "SELECT id FROM session WHERE session_id = ? AND source = ?",
        (record.session_id, names.get(record.source, -1)),
    ).fetchone()
    if row is None:
        return []
    kinds = [TYPE_CODES[name] for name in (MESSAGE_USAGE, RECONCILE_ADJUSTMENT, TOOL_USAGE)]
    rows = connection.execute(
        f"SELECT {_EVENT_LIST} FROM event WHERE id >= ? AND id < ? AND session = ?"
        " AND event_type IN (?, ?, ?) ORDER BY id DESC LIMIT ?",
        (
            (record.first_ms // QUARTER_MS) << QUARTER_SHIFT,
            (record.last_ms // QUARTER_MS + 1) << QUARTER_SHIFT,
            row[0],
            *kinds,
            limit,
        ),
    ).fetchall()
    text = names.text
    # Within a quarter hour, ids are in the order of arrival, which is kept for equal times.
    found = [decode(one, text, record.session_id) for one in rows[::-1]]
    return sorted(found, key=lambda event: event.ts_ms)


def _session_records(
    connection: sqlite3.Connection, names: Names, rows: Sequence[tuple[Any, ...]]
) -> list[SessionRecord]:
    text = names.text
    usage: dict[int, list[UsageRow]] = {row[0]: [] for row in rows}
    owner = {row[0]: row for row in rows}
    if len(rows) == 1:
        clause, values = "session = ?", (rows[0][0],)
    else:
        clause = "session IN (SELECT value FROM json_each(?))"
        values = (msgspec.json.encode(list(usage)).decode(),)
    for session, provider, model, currency, *sums in connection.execute(
        f"SELECT session, provider, model, currency, {_SUM_LIST} FROM session_model WHERE {clause}",
        values,
    ):
        if any(sums):
            _, _, _, account, client, project, branch, *_ = owner[session]
            usage[session].append(
                usage_row(
                    sums,
                    account=text[account],
                    provider=text[provider],
                    client=text[client],
                    model=text[model],
                    project=text[project],
                    branch=text[branch],
                    currency=text[currency],
                )
            )
    return [_session_record(row, text, usage[row[0]]) for row in rows]


def _session_record(
    row: tuple[Any, ...], text: dict[int, str], usage: list[UsageRow]
) -> SessionRecord:
    usage.sort(key=lambda part: (-part.total_tokens, part.model, part.provider, part.currency))
    return SessionRecord(
        source=text[row[1]],
        session_id=row[2],
        account=text[row[3]],
        client=text[row[4]],
        project=text[row[5]],
        branch=text[row[6]],
        parent_session_id=row[7],
        first_ms=row[8],
        last_ms=row[9],
        events=row[10],
        tool_calls=row[11],
        rows=tuple(usage),
    )


def active_at_edges(
    connection: sqlite3.Connection, whole: tuple[int, int], start_ms: int, end_ms: int
) -> list[tuple[int, ...]]:
    """(account id, sessions active in [start_ms, end_ms)), of those not last active in `whole`."""
    return connection.execute(
        "SELECT account, COUNT(*) FROM session"
        " WHERE (last_quarter >= ? AND last_quarter < ? OR last_quarter >= ?)"
        " AND last_ms >= ? AND first_ms < ? AND events > 0 GROUP BY account",
        (start_ms // QUARTER_MS, *whole, start_ms, end_ms),
    ).fetchall()
