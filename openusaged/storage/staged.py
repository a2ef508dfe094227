"""
Takes a scanner's database (`staging.py`) over into the store, in SQL and inside one transaction.

Events whose identity is new, which in a first import are nearly all, never become Python objects:
SQLite copies them while other threads run.  Those that are known already go through the same
`Group` as every other event, after what the scanner added up for them has been taken off again.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, Final

from openusaged.core.merge import UNIFORM_PRIORITIES, CountedEvent
from openusaged.core.models import EVENT_TYPES, STATUSES, TOOL_USAGE
from openusaged.storage.applying import (
    MESSAGE_UPSERT,
    SESSION_UPSERT,
    TOOL_UPSERT,
    Desk,
    Group,
    Report,
)
from openusaged.storage.events import (
    COLUMNS,
    FLAG_LOWER_BOUND,
    FLAG_SIDECHAIN,
    FLAG_SUM,
    QUARTER_SHIFT,
    TYPE_CODES,
)
from openusaged.storage.rollups import (
    MESSAGE_DIMENSIONS,
    MESSAGE_SUMS,
    TOOL_DIMENSIONS,
    TOOL_SUMS,
    USD,
    message_sums,
    tool_sums,
)
from openusaged.storage.sessions import SessionState
from openusaged.storage.staging import DIMENSION_NAMES, EVENT_COLUMNS

_TOOL: Final = TYPE_CODES[TOOL_USAGE]

# What stands in the way of a plain copy: names and sessions have other ids here, and every quarter
# hour goes on counting where the store's last event of it stands.
_TRANSLATIONS: Final = f"""
CREATE TABLE staged.here (id INTEGER PRIMARY KEY, agent_kind, bucket_currency,
    {", ".join(DIMENSION_NAMES)});
CREATE TABLE staged.session_here (id INTEGER PRIMARY KEY, session);
CREATE TABLE staged.quarter_here (quarter INTEGER PRIMARY KEY, first);
"""
_FROM_DIMENSION: Final = frozenset(DIMENSION_NAMES)
_COMPUTED: Final = {
    "id": f"(e.quarter << {QUARTER_SHIFT}) + q.first + e.slot",
    "session": "coalesce(s.session, 0)",
}
_COPY_EVENTS: Final = (
    f"INSERT INTO event ({', '.join(COLUMNS)}) SELECT "
    + ", ".join(
        _COMPUTED.get(name) or (f"d.{name}" if name in _FROM_DIMENSION else f"e.{name}")
        for name in COLUMNS
    )
    + " FROM staged.event e JOIN staged.here d ON d.id = e.dimension"
    " JOIN staged.quarter_here q ON q.quarter = e.quarter"
    " LEFT JOIN staged.session_here s ON s.id = e.session ORDER BY e.rowid"
)
_COPY_IDENTITIES: Final = (
    f"INSERT INTO identity (hash, event) SELECT e.identity, {_COMPUTED['id']}"
    " FROM staged.event e JOIN staged.quarter_here q ON q.quarter = e.quarter ORDER BY 1"
)
_KNOWN: Final = (
    f"SELECT {', '.join(f'e.{name}' for name in EVENT_COLUMNS)}, e.rowid FROM staged.event e"
    " WHERE EXISTS (SELECT 1 FROM identity WHERE hash = e.identity)"
    " OR (e.asked <> e.identity AND EXISTS (SELECT 1 FROM identity WHERE hash = e.asked))"
    " ORDER BY e.number"
)
_ACTIVITY: Final = (
    "SELECT session, dimension, event_type, min(number), min(first_ms), max(last_ms), max(ts_ms),"
    " count(*), sum(calls) FROM staged.event WHERE counted"
    " GROUP BY session, dimension, event_type ORDER BY 4"
)
_PARENTS: Final = (
    "SELECT session, parent FROM staged.event WHERE counted AND session IS NOT NULL"
    " AND parent <> '' GROUP BY session, parent ORDER BY min(number)"
)
# No alias may hide the columns that an upsert adds up: "WHERE 1" tells its ON CONFLICT from a join.
_COPY_MESSAGES: Final = (
    "SELECT m.quarter, "
    + ", ".join(
        "d.bucket_currency" if name == "currency" else f"d.{name}" for name in MESSAGE_DIMENSIONS
    )
    + f", {', '.join(f'm.{name}' for name in MESSAGE_SUMS)}"
    " FROM staged.message_sum m JOIN staged.here d ON d.id = m.dimension WHERE 1"
)
_COPY_TOOLS: Final = (
    "SELECT t.quarter, "
    + ", ".join(f"d.{name}" for name in TOOL_DIMENSIONS)
    + f", {', '.join(f't.{name}' for name in TOOL_SUMS)}"
    " FROM staged.tool_sum t JOIN staged.here d ON d.id = t.dimension WHERE 1"
)
_COPY_SESSION_SUMS: Final = (
    "SELECT s.session, d.provider, d.model, d.bucket_currency, "
    + ", ".join(f"m.{name}" for name in MESSAGE_SUMS)
    + " FROM staged.session_sum m JOIN staged.here d ON d.id = m.dimension"
    " JOIN staged.session_here s ON s.id = m.session WHERE 1"
)


@contextlib.contextmanager
def attached(connection: sqlite3.Connection, data: bytes) -> Iterator[None]:
    """The scanner's database as the schema `staged`; not inside a transaction."""
    connection.execute("ATTACH ':memory:' AS staged")
    try:
        connection.deserialize(data, name="staged")
        yield
    finally:
        # Gives the memory back; a failed batch must not stay either.
        connection.execute("DETACH staged")


_Known = tuple[dict[str, Any], CountedEvent]
"""A staged row by column name, and the event it is."""


def _report(values: dict[str, Any], event: CountedEvent) -> Report:
    return Report(
        values["asked"],
        values["response"],
        event,
        values["first_ms"],
        values["last_ms"],
        values["parent"],
    )


class Takeover:
    """One staged batch on its way into the store; inside the group's transaction."""

    def __init__(self, desk: Desk) -> None:
        self._connection, self._names, self._sessions, self._identities, self._rows = desk
        self._dimensions: list[tuple[Any, ...]] = []
        self._states: dict[int, SessionState] = {}

    def take(self, group: Group) -> int:
        """
        Copy the new events, hand the known ones to `group`; how many were copied.

        The caller writes `group` afterwards, in the same transaction.
        """
        connection = self._connection
        # Only the tree can be asked in SQL; what waits beside it moves there first.
        self._identities.settle(connection)
        for statement in _TRANSLATIONS.split(";")[:-1]:
            connection.execute(statement)
        self._dimensions = connection.execute(
            "SELECT * FROM staged.dimension ORDER BY id"
        ).fetchall()
        known = [self._decoded(row) for row in connection.execute(_KNOWN).fetchall()]
        if known:
            self._set_aside(known)
            group.take_reports([_report(values, event) for values, event in known])
        self._translate_names()
        self._translate_sessions()
        self._translate_quarters(group)
        self._names.flush(connection)
        copied = connection.execute(_COPY_EVENTS).rowcount
        connection.execute(_COPY_IDENTITIES)
        self._identities.count += copied
        group.hot_delta += copied
        for upsert, select in (
            (MESSAGE_UPSERT, _COPY_MESSAGES),
            (TOOL_UPSERT, _COPY_TOOLS),
            (SESSION_UPSERT, _COPY_SESSION_SUMS),
        ):
            connection.execute(upsert(select))
        self._note(group)
        return copied

    # ------------------------------------------------------------ known events

    def _set_aside(self, known: Sequence[_Known]) -> None:
        """Take the known events out of the batch and off its sums."""
        connection = self._connection
        messages, tools, sessions = [], [], []
        for values, event in known:
            quarter, dimension = values["quarter"], values["dimension"]
            sums = message_sums(event)
            if sums is not None:
                messages.append((*sums, quarter, dimension))
                if values["session"] is not None:
                    sessions.append((*sums, values["session"], dimension))
                continue
            sums = tool_sums(event)
            if sums is not None:
                tools.append((*sums, quarter, dimension))
        for table, key, columns, rows in (
            ("message_sum", "quarter", MESSAGE_SUMS, messages),
            ("tool_sum", "quarter", TOOL_SUMS, tools),
            ("session_sum", "session", MESSAGE_SUMS, sessions),
        ):
            if not rows:
                continue
            connection.execute(f"CREATE INDEX staged.{table}_key ON {table} ({key}, dimension)")
            changes = ", ".join(f"{name} = {name} - ?" for name in columns)
            connection.executemany(
                f"UPDATE staged.{table} SET {changes} WHERE {key} = ? AND dimension = ?", rows
            )
            nothing = " AND ".join(f"{name} = 0" for name in columns)
            connection.execute(f"DELETE FROM staged.{table} WHERE {nothing}")
        connection.executemany(
            "DELETE FROM staged.event WHERE rowid = ?", [(values["rowid"],) for values, _ in known]
        )

    def _decoded(self, row: tuple[Any, ...]) -> _Known:
        values = dict(zip((*EVENT_COLUMNS, "rowid"), row, strict=True))
        names = self._names_of(values["dimension"])
        priorities = values["priorities"]
        event = CountedEvent(
            source=names["source"],
            event_type=EVENT_TYPES[values["event_type"]],
            ts_ms=values["ts_ms"],
            provider=names["provider"],
            account=names["account"],
            client=names["client"],
            session_id=self._session_id(values["session"]),
            agent=names["agent"],
            is_sidechain=bool(values["flags"] & FLAG_SIDECHAIN),
            project=names["project"],
            branch=names["branch"],
            tool_name=names["tool"],
            mcp_server=names["mcp_server"],
            mcp_function=names["mcp_function"],
            language=names["language"],
            service_tier=names["service_tier"],
            response=values["response"],
            model=names["model"],
            status=STATUSES[values["status"]],
            input=values["input"],
            cache_read=values["cache_read"],
            cache_write_5m=values["cache_write_5m"],
            cache_write_1h=values["cache_write_1h"],
            output=values["output"],
            reasoning=values["reasoning"],
            requests=values["requests"],
            lines_added=values["lines_added"],
            lines_removed=values["lines_removed"],
            cost_nano=values["cost_nano"],
            currency=names["currency"],
            calc_nano=values["calc_nano"],
            price_source=names["price_source"],
            output_is_lower_bound=bool(values["flags"] & FLAG_LOWER_BOUND),
            priorities=UNIFORM_PRIORITIES[priorities] if priorities < 8 else priorities,
            is_sum=bool(values["flags"] & FLAG_SUM),
        )
        return values, event

    def _session_id(self, number: int | None) -> str:
        if number is None:
            return ""
        row = self._connection.execute(
            "SELECT session_id FROM staged.session WHERE id = ?", (number,)
        ).fetchone()
        return str(row[0])

    # ------------------------------------------------------------ translation

    def _translate_names(self) -> None:
        names = self._names
        usd = names[USD]
        self._connection.executemany(
            f"INSERT INTO staged.here VALUES ({', '.join('?' * (len(DIMENSION_NAMES) + 3))})",
            [
                (number, kind, names[texts[_CURRENCY]] or usd, *map(names.__getitem__, texts))
                for number, kind, *texts in self._dimensions
            ],
        )

    def _translate_sessions(self) -> None:
        """Give every session of the remaining events its row."""
        sessions = self._sessions
        self._states = {
            number: sessions.state(self._connection, source, session_id)
            for number, source, session_id in self._connection.execute(
                "SELECT id, source, session_id FROM staged.session"
                " WHERE id IN (SELECT session FROM staged.event)"
            ).fetchall()
        }
        self._connection.executemany(
            "INSERT INTO staged.session_here VALUES (?, ?)",
            [(number, state.id) for number, state in self._states.items()],
        )

    def _translate_quarters(self, group: Group) -> None:
        connection = self._connection
        quarters = connection.execute("SELECT quarter, slots, counted FROM staged.quarter")
        rows = []
        for quarter, slots, counted in quarters.fetchall():
            first = self._rows.new_ids(connection, quarter, slots)
            rows.append((quarter, first - (quarter << QUARTER_SHIFT)))
            if counted:
                group.quarters.add(quarter)
        connection.executemany("INSERT INTO staged.quarter_here VALUES (?, ?)", rows)

    def _note(self, group: Group) -> None:
        """Bring sessions up to date, in the order of arrival, and tell who was active."""
        newest: dict[int, int] = {}
        with_messages: set[int] = set()
        for (
            session,
            dimension,
            kind,
            _,
            first_ms,
            last_ms,
            newest_ms,
            events,
            calls,
        ) in self._connection.execute(_ACTIVITY):
            if newest_ms > newest.get(dimension, -1):
                newest[dimension] = newest_ms
            if kind != _TOOL:
                with_messages.add(dimension)
            state = self._states.get(session)
            if state is not None:
                state.touch(first_ms)
                state.touch(last_ms)
                self._sessions.count_events(state.id, events, calls)
                if not state.is_named:
                    self._name(state, self._names_of(dimension))
        for session, parent in self._connection.execute(_PARENTS):
            self._states[session].name(account=0, client=0, project=0, branch=0, parent=parent)
        for dimension, newest_ms in newest.items():
            names = self._names_of(dimension)
            account = names["account"]
            group.projects.add(names["project"])
            group.last_ms[account] = max(newest_ms, group.last_ms.get(account, 0))
            if dimension in with_messages:
                group.owners.add((account, names["provider"], names["client"]))

    def _names_of(self, dimension: int) -> dict[str, str]:
        return dict(zip(DIMENSION_NAMES, self._dimensions[dimension][2:], strict=True))

    def _name(self, state: SessionState, names: dict[str, str]) -> None:
        ids = self._names
        state.name(
            account=ids[names["account"]],
            client=ids[names["client"]],
            project=ids[names["project"]],
            branch=ids[names["branch"]],
            parent="",
        )


_CURRENCY: Final = DIMENSION_NAMES.index("currency")
