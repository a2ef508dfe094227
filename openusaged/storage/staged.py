"""
Takes a scanner's database (`staging_tables`) over into the store, in SQL and in one transaction.

Events whose identity is new, which in a first import are nearly all, never become Python objects:
SQLite copies them while other threads run.  Those that are known already go through the same
`Group` as every other event, after what the scanner added up for them has been taken off again.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import astuple

from openusaged.core.merge import UNIFORM_PRIORITIES, CountedEvent
from openusaged.core.models import EVENT_TYPES, STATUSES, TOOL_USAGE
from openusaged.storage.activity import ACTIVITY_COLUMNS, Activity
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
    COUNTED_TYPES,
    MESSAGE_DIMENSIONS,
    MESSAGE_SUMS,
    TOOL_DIMENSIONS,
    TOOL_SUMS,
    USD,
    message_sums,
    tool_sums,
)
from openusaged.storage.sessions import SessionState
from openusaged.storage.staging_tables import (
    DIMENSION_COLUMNS,
    DIMENSION_NAMES,
    EVENT_COLUMNS,
    REPORT_COLUMNS,
    Dimension,
)

_TOOL: Final = TYPE_CODES[TOOL_USAGE]
_COUNTED: Final = frozenset(TYPE_CODES[name] for name in COUNTED_TYPES)

# What stands in the way of a plain copy: names and sessions have other ids here, and every quarter
# hour goes on counting where the store's last event of it stands.
_TRANSLATIONS: Final = f"""
CREATE TABLE staged.here (id INTEGER PRIMARY KEY, {", ".join(DIMENSION_COLUMNS)}, bucket_currency);
CREATE TABLE staged.session_here (id INTEGER PRIMARY KEY, session);
CREATE TABLE staged.quarter_here (quarter INTEGER PRIMARY KEY, taken);
"""
_FROM_DIMENSION: Final = frozenset(DIMENSION_COLUMNS)
_COMPUTED: Final = {
    "id": "e.place + q.taken",
    "session": "coalesce(s.session, 0)",
    "response": "coalesce(e.response, 0)",
}
_JOIN_QUARTER: Final = f"JOIN staged.quarter_here q ON q.quarter = e.place >> {QUARTER_SHIFT}"
_COPY_EVENTS: Final = (
    f"INSERT INTO event ({', '.join(COLUMNS)}) SELECT "
    + ", ".join(
        _COMPUTED.get(name) or (f"d.{name}" if name in _FROM_DIMENSION else f"e.{name}")
        for name in COLUMNS
    )
    + f" FROM staged.event e JOIN staged.here d ON d.id = e.dimension {_JOIN_QUARTER}"
    " LEFT JOIN staged.session_here s ON s.id = e.session ORDER BY e.place"
)
_IDENTITIES: Final = f"SELECT e.identity, {_COMPUTED['id']} FROM staged.event e {_JOIN_QUARTER}"
_ASKED: Final = (
    "SELECT r.asked, e.identity FROM staged.report r JOIN staged.event e ON e.place = r.place"
    " WHERE r.asked <> e.identity"
)
_REPORTS: Final = (
    "coalesce(r.asked, e.identity), coalesce(r.first_ms, e.ts_ms), coalesce(r.last_ms, e.ts_ms),"
    " coalesce(r.parent, '') FROM staged.event e LEFT JOIN staged.report r ON r.place = e.place"
)
_KNOWN: Final = (
    f"SELECT {', '.join(f'e.{name}' for name in EVENT_COLUMNS)}, {_REPORTS}"
    " WHERE e.identity IN (SELECT value FROM json_each(?)) ORDER BY e.number"
)
_NO_SESSION: Final = -1
_LEFT_OVER: Final = (
    f"SELECT coalesce(e.session, {_NO_SESSION}), e.dimension, e.ts_ms, e.requests, {_REPORTS}"
    " ORDER BY e.number"
)
_ACTIVITIES: Final = f"SELECT id, {', '.join(ACTIVITY_COLUMNS)} FROM staged.session ORDER BY id"
_DIMENSIONS: Final = (
    f"SELECT {', '.join(Dimension.__struct_fields__)} FROM staged.dimension ORDER BY id"
)
_NAME_COUNT: Final = len(DIMENSION_NAMES)
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
        event.response,
        event,
        values["first_ms"],
        values["last_ms"],
        values["parent"],
    )


class Takeover:
    """One staged batch on its way into the store; inside the group's transaction."""

    def __init__(self, desk: Desk) -> None:
        self._connection, self._names, self._sessions, self._identities, self._rows = desk
        self._dimensions: list[Dimension] = []
        self._activities: dict[int, Activity] = {}

    def take(self, group: Group) -> int:
        """
        Copy the new events, hand the known ones to `group`; how many were copied.

        The caller writes `group` afterwards, in the same transaction.
        """
        connection = self._connection
        self._identities.settle_when_many(connection, imported=True)
        for statement in _TRANSLATIONS.split(";")[:-1]:
            connection.execute(statement)
        self._dimensions = [Dimension(*row) for row in connection.execute(_DIMENSIONS)]
        self._translate_quarters(group)
        known = self._remember()
        if known:
            group.take_reports([_report(values, event) for values, event in known])
            self._recount()
        else:
            self._activities = {
                number: Activity(*values) for number, *values in connection.execute(_ACTIVITIES)
            }
        self._translate_names()
        states = self._translate_sessions()
        self._names.flush(connection)
        copied = connection.execute(_COPY_EVENTS).rowcount
        group.hot_delta += copied
        for upsert, select in (
            (MESSAGE_UPSERT, _COPY_MESSAGES),
            (TOOL_UPSERT, _COPY_TOOLS),
            (SESSION_UPSERT, _COPY_SESSION_SUMS),
        ):
            connection.execute(upsert(select))
        self._note(states)
        self._tell(group)
        return copied

    # ------------------------------------------------------------ known events

    def _remember(self) -> list[_Known]:
        """Remember the new events; set those aside that are not new, and tell them."""
        connection, identities = self._connection, self._identities
        new: dict[int, int] = dict(connection.execute(_IDENTITIES).fetchall())
        aside = set(identities.find(connection, new))
        # Under the identity that was asked for first a response may be waiting that it belongs to.
        asked = connection.execute(_ASKED).fetchall()
        waiting = identities.find(connection, {first for first, _ in asked})
        aside.update(identity for first, identity in asked if first in waiting)
        known = []
        if aside:
            text = msgspec.json.encode(sorted(aside)).decode()
            known = [self._decoded(row) for row in connection.execute(_KNOWN, (text,)).fetchall()]
            self._set_aside(known)
            for identity in aside:
                del new[identity]
        identities.add_selected(connection, _IDENTITIES, new)
        return known

    def _set_aside(self, known: Sequence[_Known]) -> None:
        """Take the known events out of the batch and off its sums."""
        connection = self._connection
        messages, tools, sessions = [], [], []
        for values, event in known:
            quarter, dimension = values["place"] >> QUARTER_SHIFT, values["dimension"]
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
            "DELETE FROM staged.event WHERE place = ?", [(values["place"],) for values, _ in known]
        )

    def _recount(self) -> None:
        """Find out anew who was active when, without the known events."""
        for dimension in self._dimensions:
            dimension.newest_ms = 0
        for (
            session,
            number,
            ts_ms,
            requests,
            _,
            first_ms,
            last_ms,
            parent,
        ) in self._connection.execute(_LEFT_OVER):
            activity = self._activities.setdefault(session, Activity())
            dimension = self._dimensions[number]
            kind = dimension.event_type
            if kind in _COUNTED:
                dimension.newest_ms = max(dimension.newest_ms, ts_ms)
                calls = (1 if requests is None else requests) if kind == _TOOL else 0
                activity.add(first_ms, last_ms, calls, parent)
                activity.name(
                    dimension.account, dimension.client, dimension.project, dimension.branch
                )
        self._activities.pop(_NO_SESSION, None)

    def _decoded(self, row: tuple[Any, ...]) -> _Known:
        values = dict(zip((*EVENT_COLUMNS, *REPORT_COLUMNS), row, strict=True))
        names = self._dimensions[values["dimension"]]
        priorities, flags = names.priorities, names.flags
        event = CountedEvent(
            source=names.source,
            event_type=EVENT_TYPES[names.event_type],
            ts_ms=values["ts_ms"],
            provider=names.provider,
            account=names.account,
            client=names.client,
            session_id=self._session_id(values["session"]),
            agent=names.agent,
            is_sidechain=bool(flags & FLAG_SIDECHAIN),
            project=names.project,
            branch=names.branch,
            tool_name=names.tool,
            mcp_server=names.mcp_server,
            mcp_function=names.mcp_function,
            language=names.language,
            service_tier=names.service_tier,
            response=values["response"] or 0,
            model=names.model,
            status=STATUSES[names.status],
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
            currency=names.currency,
            calc_nano=values["calc_nano"],
            price_source=names.price_source,
            output_is_lower_bound=bool(flags & FLAG_LOWER_BOUND),
            priorities=UNIFORM_PRIORITIES[priorities] if priorities < 8 else priorities,
            is_sum=bool(flags & FLAG_SUM),
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
        rows = []
        for number, dimension in enumerate(self._dimensions):
            fields = astuple(dimension)
            ids = map(names.__getitem__, fields[:_NAME_COUNT])
            currency = names[dimension.currency] or usd
            rows.append((number, *ids, *fields[_NAME_COUNT:-1], currency))
        self._connection.executemany(
            f"INSERT INTO staged.here VALUES ({', '.join('?' * (len(DIMENSION_COLUMNS) + 2))})",
            rows,
        )

    def _translate_sessions(self) -> dict[int, SessionState]:
        """Give every session of the remaining events its row."""
        states = {
            number: self._sessions.state(self._connection, source, session_id)
            for number, source, session_id in self._connection.execute(
                "SELECT id, source, session_id FROM staged.session"
            ).fetchall()
            if number in self._activities
        }
        self._connection.executemany(
            "INSERT INTO staged.session_here VALUES (?, ?)",
            [(number, state.id) for number, state in states.items()],
        )
        return states

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

    # ------------------------------------------------------------ what else is known now

    def _note(self, states: dict[int, SessionState]) -> None:
        """Bring sessions up to date."""
        for number, activity in self._activities.items():
            if not activity.events:
                continue
            state = states[number]
            state.touch(activity.first_ms, activity.last_ms)
            self._sessions.count_events(state.id, activity.events, activity.calls)
            state.name(
                self._names,
                account=activity.account,
                client=activity.client,
                project=activity.project,
                branch=activity.branch,
                parent=activity.parent,
            )

    def _tell(self, group: Group) -> None:
        """Tell who was active."""
        for dimension in self._dimensions:
            newest_ms = dimension.newest_ms
            if not newest_ms:
                continue
            account = dimension.account
            group.projects.add(dimension.project)
            if newest_ms > group.last_ms.get(account, 0):
                group.last_ms[account] = newest_ms
            if dimension.event_type != _TOOL:
                group.owners.add((account, dimension.provider, dimension.client))
