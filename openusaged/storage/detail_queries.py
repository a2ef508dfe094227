"""
Reads behind an explanation: hot events of a selection, grouped or one by one, and active hours.

Separate from `read_queries`, whose answers are sums that are kept for ever; what is here looks at
events, costs time in proportion to them, and is asked for by a person who wants to know.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from openusaged.core.merge import CountedEvent
from openusaged.core.models import (
    MESSAGE_USAGE,
    QUARTER_MS,
    RECONCILE_ADJUSTMENT,
    STATUS_ERROR,
)
from openusaged.storage.events import (
    COLUMNS,
    FLAG_SIDECHAIN,
    QUARTER_SHIFT,
    STATUS_CODES,
    TYPE_CODES,
    decode,
)
from openusaged.storage.names import Names
from openusaged.storage.read_queries import usage_row
from openusaged.storage.records import UsageRow
from openusaged.storage.rollups import APPROXIMATE, MESSAGE_SUMS, USD

Owner = tuple[str, str, str]
"""(account, client, provider) of an event."""

_EVENT_LIST: Final = ", ".join(f"event.{name}" for name in COLUMNS)
_MESSAGES: Final = (TYPE_CODES[MESSAGE_USAGE], TYPE_CODES[RECONCILE_ADJUSTMENT])
_GROUPS: Final = (
    "account, client, provider, model, source, price_source, service_tier, priorities, currency"
)
_SESSION_GROUPS: Final = f"{_GROUPS}, session, project, branch"
_TOKENS: Final = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")
_HAS_TOKENS: Final = "(" + " OR ".join(f"COALESCE({name}, 0) != 0" for name in _TOKENS) + ")"
_REQUESTS: Final = "COALESCE(requests, 1)"
_UNPRICED: Final = f"CASE WHEN {_HAS_TOKENS} AND calc_nano IS NULL THEN {_REQUESTS} ELSE 0 END"


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """
    Which messages: quarters [start_q, end_q) and what they must have; None asks for nothing.

    `owners` are the (account, client, provider) there may be; `agent_kind` is 0 or 1.
    """

    start_q: int | None
    end_q: int
    owners: Collection[Owner] | None = None
    model: str | None = None
    projects: Collection[str] | None = None
    branch: str | None = None
    agent_kind: int | None = None
    session: str | None = None
    session_rows: Collection[int] | None = None
    """Row ids of sessions, as `session_tokens` gives them."""


class EventGroup(msgspec.Struct, frozen=True, kw_only=True):
    """
    Hot events that agree in everything an explanation distinguishes.

    Session, project and branch are empty unless they were asked for.
    """

    usage: UsageRow
    source: str
    session: str
    price_source: str
    service_tier: str
    priorities: int
    first_ms: int
    last_ms: int
    events: int


def _sums(names: Names) -> str:
    """The sums of `rollups.message_sums`, in SQL; a test holds them equal."""
    in_usd = f"cost_nano IS NOT NULL AND currency = {names.get(USD, -1)}"
    failed = f"status = {STATUS_CODES[STATUS_ERROR]} AND NOT {_HAS_TOKENS}"
    approximate = f"calc_nano IS NOT NULL AND price_source = {names.get(APPROXIMATE, -1)}"
    parts = {
        "requests": _REQUESTS,
        "errors": f"CASE WHEN {failed} THEN {_REQUESTS} ELSE 0 END",
        "turns": "0",
        **{name: f"COALESCE({name}, 0)" for name in (*_TOKENS, "reasoning")},
        "calc_nano": "COALESCE(calc_nano, 0)",
        "unpriced": _UNPRICED,
        "rec_nano": "COALESCE(cost_nano, 0)",
        "rec_requests": f"CASE WHEN cost_nano IS NULL THEN 0 ELSE {_REQUESTS} END",
        "auto_nano": f"CASE WHEN {in_usd} THEN cost_nano ELSE COALESCE(calc_nano, 0) END",
        "auto_unpriced": f"CASE WHEN {in_usd} THEN 0 ELSE {_UNPRICED} END",
        "fallback_nano": f"CASE WHEN {in_usd} AND calc_nano IS NULL THEN cost_nano ELSE 0 END",
        "approx": f"CASE WHEN {approximate} THEN {_REQUESTS} ELSE 0 END",
    }
    return ", ".join(f"SUM({parts[name]})" for name in MESSAGE_SUMS)


def _where(
    connection: sqlite3.Connection, names: Names, wanted: Selection
) -> tuple[str, list[Any]]:
    clauses = ["event.id >= ?", "event.id < ?", "event.event_type IN (?, ?)"]
    start_q, end_q = wanted.start_q or 0, wanted.end_q
    sessions = _sessions_of(connection, wanted)
    if sessions:
        # Events are in the order of time, and a session knows when it was.
        start_q = max(start_q, min(row[1] for row in sessions) // QUARTER_MS)
        end_q = min(end_q, max(row[2] for row in sessions) // QUARTER_MS + 1)
    values: list[Any] = [start_q << QUARTER_SHIFT, end_q << QUARTER_SHIFT, *_MESSAGES]
    more, further = _dimensions(names, wanted, "event.")
    clauses += more
    values += further
    if wanted.agent_kind is not None:
        by_sub_agent = f"((event.flags & {FLAG_SIDECHAIN}) != 0 OR event.agent != 0)"
        clauses.append(by_sub_agent if wanted.agent_kind else f"NOT {by_sub_agent}")
    if sessions is not None:
        clauses.append("event.session IN (SELECT value FROM json_each(?))")
        values.append(msgspec.json.encode([row[0] for row in sessions]).decode())
    return " AND ".join(clauses), values


def _sessions_of(
    connection: sqlite3.Connection, wanted: Selection
) -> list[tuple[int, int, int]] | None:
    """(row id, first, last) of the sessions that are asked for; None when none are."""
    if wanted.session_rows is not None:
        clause = "id IN (SELECT value FROM json_each(?))"
        value: str = msgspec.json.encode(list(wanted.session_rows)).decode()
    elif wanted.session is not None:
        clause, value = "session_id = ?", wanted.session
    else:
        return None
    return connection.execute(
        f"SELECT id, first_ms, last_ms FROM session WHERE {clause}", (value,)
    ).fetchall()


def _dimensions(names: Names, wanted: Selection, table: str) -> tuple[list[str], list[Any]]:
    """Conditions on the columns that events and quarter hours have in common."""
    clauses: list[str] = []
    values: list[Any] = []
    if wanted.owners is not None:
        if not wanted.owners:
            return ["0"], []
        places = ", ".join(["(?, ?, ?)"] * len(wanted.owners))
        clauses.append(f"({table}account, {table}client, {table}provider) IN (VALUES {places})")
        for owner in wanted.owners:
            values += [names.get(text, -1) for text in owner]
    for column, text in (("model", wanted.model), ("branch", wanted.branch)):
        if text is not None:
            clauses.append(f"{table}{column} = ?")
            values.append(names.get(text, -1))
    if wanted.projects is not None:
        clauses.append(f"{table}project IN ({', '.join('?' * len(wanted.projects))})")
        values += [names.get(text, -1) for text in wanted.projects]
    return clauses, values


def event_groups(
    connection: sqlite3.Connection, names: Names, wanted: Selection, *, by_session: bool
) -> list[EventGroup]:
    """The selection's hot messages in groups."""
    where, values = _where(connection, names, wanted)
    text = names.text
    groups = _SESSION_GROUPS if by_session else _GROUPS
    columns = _SESSION_GROUPS if by_session else f"{_GROUPS}, 0, 0, 0"
    rows = connection.execute(
        f"SELECT {columns}, MIN(ts_ms), MAX(ts_ms), COUNT(*), {_sums(names)} FROM event"
        f" WHERE {where} GROUP BY {groups}",
        values,
    ).fetchall()
    sessions = _session_ids(connection, {row[9] for row in rows})
    return [
        EventGroup(
            usage=usage_row(
                row[15:],
                account=text[row[0]],
                client=text[row[1]],
                provider=text[row[2]],
                model=text[row[3]],
                project=text[row[10]],
                branch=text[row[11]],
                currency=text[row[8]] or USD,
            ),
            source=text[row[4]],
            session=sessions.get(row[9], ""),
            price_source=text[row[5]],
            service_tier=text[row[6]],
            priorities=row[7],
            first_ms=row[12],
            last_ms=row[13],
            events=row[14],
        )
        for row in rows
    ]


def joined(groups: Iterable[EventGroup]) -> list[EventGroup]:
    """Groups of several days as one each."""
    found: dict[tuple[Any, ...], list[EventGroup]] = {}
    for group in groups:
        usage = group.usage
        key = (
            (usage.account, usage.client, usage.provider, usage.model, usage.currency),
            (group.source, group.price_source, group.service_tier, group.priorities),
        )
        found.setdefault(key, []).append(group)
    return [
        msgspec.structs.replace(
            same[0],
            usage=_added([group.usage for group in same]),
            first_ms=min(group.first_ms for group in same),
            last_ms=max(group.last_ms for group in same),
            events=sum(group.events for group in same),
        )
        for same in found.values()
    ]


def _added(rows: Sequence[UsageRow]) -> UsageRow:
    sums = {name: sum(getattr(row, name) for row in rows) for name in MESSAGE_SUMS}
    return msgspec.structs.replace(rows[0], **sums)


def session_tokens(
    connection: sqlite3.Connection, names: Names, wanted: Selection
) -> list[tuple[int, int]]:
    """(row id, tokens) of each session that the selection has messages of."""
    where, values = _where(connection, names, wanted)
    tokens = " + ".join(f"SUM(COALESCE({name}, 0))" for name in _TOKENS)
    return connection.execute(
        f"SELECT session, {tokens} FROM event WHERE {where} AND event.session != 0"
        " GROUP BY session",
        values,
    ).fetchall()


def are_more_than(
    connection: sqlite3.Connection, names: Names, wanted: Selection, limit: int
) -> bool:
    """Whether the selection has more hot messages than so many; looks at no more."""
    where, values = _where(connection, names, wanted)
    number: int = connection.execute(
        f"SELECT COUNT(*) FROM (SELECT 1 FROM event WHERE {where} LIMIT ?)", (*values, limit + 1)
    ).fetchone()[0]
    return number > limit


def events(
    connection: sqlite3.Connection, names: Names, wanted: Selection, limit: int | None
) -> Iterator[CountedEvent]:
    """The selection's hot messages, newest first."""
    where, values = _where(connection, names, wanted)
    rows = connection.execute(
        f"SELECT {_EVENT_LIST}, COALESCE(session.session_id, '') FROM event"
        f" LEFT JOIN session ON session.id = event.session WHERE {where}"
        " ORDER BY event.id DESC LIMIT ?",
        (*values, -1 if limit is None else limit),
    )
    text = names.text
    for row in rows:
        yield decode(row[:-1], text, row[-1])


def first_hot_quarter(connection: sqlite3.Connection) -> int | None:
    """Quarter of the oldest event whose detail is kept."""
    ident = connection.execute("SELECT MIN(id) FROM event").fetchone()[0]
    return None if ident is None else ident >> QUARTER_SHIFT


def last_hot_quarter(connection: sqlite3.Connection) -> int | None:
    """Quarter of the newest event whose detail is kept."""
    ident = connection.execute("SELECT MAX(id) FROM event").fetchone()[0]
    return None if ident is None else ident >> QUARTER_SHIFT


def session_ids(connection: sqlite3.Connection, start: str, limit: int) -> list[str]:
    """Ids of sessions that begin with a text, by the index on them."""
    found = connection.execute(
        "SELECT DISTINCT session_id FROM session WHERE session_id >= ? AND session_id < ?"
        " ORDER BY session_id LIMIT ?",
        (start, start + "\U0010ffff", limit),
    )
    return [row[0] for row in found]


def active_quarters(
    connection: sqlite3.Connection, names: Names, wanted: Selection
) -> list[tuple[int, int, int, int]]:
    """(quarter, requests, tokens, cost in 1e-9 USD) of the quarter hours with messages."""
    clauses, values = _dimensions(names, wanted, "")
    where = "".join(f" AND {clause}" for clause in clauses)
    tokens = " + ".join(f"SUM({name})" for name in _TOKENS)
    return connection.execute(
        f"SELECT quarter, SUM(requests), {tokens}, SUM(calc_nano) + SUM(fallback_nano)"
        f" FROM message_bucket WHERE quarter >= ? AND quarter < ?{where}"
        " GROUP BY quarter ORDER BY quarter",
        (wanted.start_q or 0, wanted.end_q, *values),
    ).fetchall()


def _session_ids(connection: sqlite3.Connection, idents: Collection[int]) -> dict[int, str]:
    found = connection.execute(
        "SELECT id, session_id FROM session WHERE id IN (SELECT value FROM json_each(?))",
        (msgspec.json.encode(sorted(idents)).decode(),),
    )
    return dict(found.fetchall())


# ----------------------------------------------------------------- for people


def readable_sql(wanted: Selection) -> str:
    """The SQL that sums the selection out of the quarter hours, ready to be run on the file."""
    sums = ", ".join(f"SUM({name}) AS {name}" for name in MESSAGE_SUMS if name != "turns")
    clauses = [f"quarter >= {wanted.start_q or 0}", f"quarter < {wanted.end_q}"]
    if wanted.owners is not None:
        rows = ", ".join(
            "(" + ", ".join(_name_id(text) for text in owner) + ")"
            for owner in sorted(wanted.owners)
        )
        clauses.append(f"(account, client, provider) IN (VALUES {rows})" if rows else "0")
    for column, text in (("model", wanted.model), ("branch", wanted.branch)):
        if text is not None:
            clauses.append(f"{column} = {_name_id(text)}")
    if wanted.projects is not None:
        listed = ", ".join(_name_id(text) for text in sorted(wanted.projects))
        clauses.append(f"project IN ({listed})")
    if wanted.agent_kind is not None:
        clauses.append(f"agent_kind = {wanted.agent_kind}")
    return f"SELECT {sums} FROM message_bucket WHERE {' AND '.join(clauses)}"


def _name_id(text: str) -> str:
    if not text:
        return "0"
    quoted = text.replace("'", "''")
    return f"(SELECT id FROM name WHERE text = '{quoted}')"
