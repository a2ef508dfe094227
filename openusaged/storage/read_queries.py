"""
Reads: sums of quarter-hour buckets, sessions and blocks.

Every function works inside one read snapshot that its caller opened, and translates name ids
only in what it returns.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import msgspec

from openusaged.core.merge import CountedEvent
from openusaged.core.models import MESSAGE_USAGE, QUARTER_MS, RECONCILE_ADJUSTMENT
from openusaged.storage.events import COLUMNS, QUARTER_SHIFT, TYPE_CODES, decode
from openusaged.storage.names import Names
from openusaged.storage.records import BlockRow, SessionRecord, UsageRow
from openusaged.storage.rollups import (
    AGENT_KINDS,
    MESSAGE_SUMS,
    USD,
    Sums,
    agent_kind,
    message_sums,
)

_EVENT_LIST: Final = ", ".join(COLUMNS)
_SUM_LIST: Final = ", ".join(MESSAGE_SUMS)
_SESSION_COLUMNS: Final = (
    "id, source, session_id, account, client, project, branch, parent,"
    " first_ms, last_ms, events, tool_calls"
)
_NEWEST_FIRST: Final = "ORDER BY last_quarter DESC, last_ms DESC, id DESC"


def usage_row(
    sums: Sequence[int],
    *,
    account: str,
    provider: str,
    client: str,
    model: str,
    project: str = "",
    branch: str = "",
    kind: str = "",
    currency: str,
) -> UsageRow:
    """One row out of names and sums in the order of `MESSAGE_SUMS`."""
    return UsageRow(0, account, provider, client, model, project, branch, kind, currency, *sums)


# ------------------------------------------------------------------- sessions


class SessionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Last activity within [start_ms, end_ms), of one account, of one project."""

    start_ms: int | None = None
    end_ms: int | None = None
    account: str | None = None
    project: str | None = None


def find_sessions(
    connection: sqlite3.Connection,
    names: Names,
    wanted: SessionFilter,
    limit: int | None,
    offset: int,
) -> tuple[int, list[SessionRecord]]:
    """How many sessions match, and one page of them, newest first."""
    where, values = _session_clauses(names, wanted)
    total = connection.execute(f"SELECT COUNT(*) FROM session WHERE {where}", values).fetchone()[0]
    rows = connection.execute(
        f"SELECT {_SESSION_COLUMNS} FROM session WHERE {where} {_NEWEST_FIRST} LIMIT ? OFFSET ?",
        (*values, -1 if limit is None else limit, offset),
    ).fetchall()
    return total, _session_records(connection, names, rows)


def sum_sessions(
    connection: sqlite3.Connection, names: Names, wanted: SessionFilter, offset: int
) -> list[UsageRow]:
    """What the sessions behind the newest `offset` ones used, by account, tool and model."""
    where, values = _session_clauses(names, wanted)
    sums = ", ".join(f"SUM({name})" for name in MESSAGE_SUMS)
    text = names.text
    return [
        usage_row(
            row[5:],
            account=text[row[0]],
            client=text[row[1]],
            provider=text[row[2]],
            model=text[row[3]],
            currency=text[row[4]],
        )
        for row in connection.execute(
            f"SELECT older.account, older.client, provider, model, currency, {sums}"
            f" FROM (SELECT id, account, client FROM session WHERE {where} {_NEWEST_FIRST}"
            " LIMIT -1 OFFSET ?) AS older JOIN session_model ON session_model.session = older.id"
            " GROUP BY 1, 2, 3, 4, 5",
            (*values, offset),
        )
    ]


def _session_clauses(names: Names, wanted: SessionFilter) -> tuple[str, list[Any]]:
    clauses = ["events > 0"]
    values: list[Any] = []
    if wanted.start_ms is not None:
        clauses.append("last_quarter >= ? AND last_ms >= ?")
        values += [wanted.start_ms // QUARTER_MS, wanted.start_ms]
    if wanted.end_ms is not None:
        clauses.append("last_quarter <= ? AND last_ms < ?")
        values += [wanted.end_ms // QUARTER_MS, wanted.end_ms]
    for column, text in (("account", wanted.account), ("project", wanted.project)):
        if text is not None:
            clauses.append(f"{column} = ?")
            values.append(names.get(text, -1))
    return " AND ".join(clauses), values


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


def session_counts(
    connection: sqlite3.Connection, names: Names, start_ms: int, end_ms: int
) -> dict[str, int]:
    """Sessions active at some time in [start_ms, end_ms), by account."""
    text = names.text
    return {
        text[account]: number
        for account, number in connection.execute(
            "SELECT account, COUNT(*) FROM session WHERE last_quarter >= ? AND last_ms >= ?"
            " AND first_ms < ? AND events > 0 GROUP BY account",
            (start_ms // QUARTER_MS, start_ms, end_ms),
        )
    }


# --------------------------------------------------------------------- blocks


class _Activity(msgspec.Struct):
    first_ms: int
    last_ms: int
    sums: Sums


def block_rows(
    connection: sqlite3.Connection,
    names: Names,
    *,
    start_ms: int,
    end_ms: int,
    accounts: Collection[str] | None = None,
    providers: Collection[str] | None = None,
) -> list[BlockRow]:
    """Hot activity in [start_ms, end_ms) per all dimensions and quarter, by time."""
    found: dict[tuple[Any, ...], _Activity] = {}
    for event in _messages(connection, names, start_ms, end_ms):
        if accounts is not None and event.account not in accounts:
            continue
        if providers is not None and event.provider not in providers:
            continue
        sums = message_sums(event)
        assert sums is not None
        key = (
            event.ts_ms // QUARTER_MS,
            event.account,
            event.provider,
            event.client,
            event.model,
            event.project,
            event.branch,
            agent_kind(event),
            event.currency or USD,
        )
        activity = found.get(key)
        if activity is None:
            found[key] = _Activity(event.ts_ms, event.ts_ms, sums)
        else:
            activity.first_ms = min(activity.first_ms, event.ts_ms)
            activity.last_ms = max(activity.last_ms, event.ts_ms)
            activity.sums = tuple(map(sum, zip(activity.sums, sums, strict=True)))
    rows = [
        BlockRow(
            first_ms=activity.first_ms,
            last_ms=activity.last_ms,
            usage=usage_row(
                activity.sums,
                account=account,
                provider=provider,
                client=client,
                model=model,
                project=project,
                branch=branch,
                kind=AGENT_KINDS[kind],
                currency=currency,
            ),
        )
        for (
            _,
            account,
            provider,
            client,
            model,
            project,
            branch,
            kind,
            currency,
        ), activity in found.items()
    ]
    rows.sort(key=lambda row: (row.first_ms, row.last_ms, row.usage.account, row.usage.model))
    return rows


def _messages(
    connection: sqlite3.Connection, names: Names, start_ms: int, end_ms: int
) -> Iterable[CountedEvent]:
    first = (start_ms // QUARTER_MS) << QUARTER_SHIFT
    last = (end_ms // QUARTER_MS + 1) << QUARTER_SHIFT
    text = names.text
    cursor = connection.execute(
        f"SELECT {_EVENT_LIST} FROM event WHERE id >= ? AND id < ? AND ts_ms >= ? AND ts_ms < ?"
        " AND event_type IN (?, ?)",
        (
            first,
            last,
            start_ms,
            end_ms,
            TYPE_CODES[MESSAGE_USAGE],
            TYPE_CODES[RECONCILE_ADJUSTMENT],
        ),
    )
    for row in cursor:
        yield decode(row, text, "")
