"""
What alerts remember and have told: three small tables, read and written as a whole.

The rules, and what an edge is, are the use case's; here is only what must survive a restart.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from openusaged.storage.database import Database

KEPT_RECORDS: Final = 1000
"""Records of the log; older ones go when a new one comes."""

PENDING: Final = "pending"
"""To be delivered: what is still so at a start was interrupted."""
HELD: Final = "held"
"""Held back until the quiet hours end."""
UNSETTLED: Final = (PENDING, HELD)


class AlertState(msgspec.Struct, frozen=True, kw_only=True):
    """
    The edge detector's memory of one rule about one subject.

    `active`: the condition holds and is known to (for a reset: the limit was used enough to tell
    of its reset).  `window_ms` is when the window or period ends and the memory with it (0: never),
    `fired_ms` when it was last told (0: never).
    """

    rule: str
    subject: str
    active: bool = False
    window_ms: int = 0
    fired_ms: int = 0


class AlertRecord(msgspec.Struct, frozen=True, kw_only=True):
    """
    One alert of the log.

    `facts` is what the use case encoded; `deliveries` has the reason a way failed, or an empty
    text where it went well.  `id` is 0 before it is stored.
    """

    id: int = 0
    ts_ms: int
    rule: str
    outcome: str
    facts: bytes
    deliveries: Mapping[str, str] = {}


class AlertChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What one step changes, all in one transaction; a mute until 0 is taken away."""

    states: tuple[AlertState, ...] = ()
    forget_rules: tuple[str, ...] = ()
    records: tuple[AlertRecord, ...] = ()
    """New ones, and ones of an id that replace it."""
    mutes: Mapping[str, int] = {}


class AlertReading:
    """What reader threads ask about alerts; part of `StoreReading`."""

    _database: Database

    def alert_states(self) -> list[AlertState]:
        """Everything the edge detector remembers."""
        with self._database.read_snapshot() as connection:
            rows = connection.execute(
                "SELECT rule, subject, active, window_ms, fired_ms FROM alert_state"
            )
            return [
                AlertState(
                    rule=rule,
                    subject=subject,
                    active=bool(active),
                    window_ms=window_ms,
                    fired_ms=fired_ms,
                )
                for rule, subject, active, window_ms, fired_ms in rows
            ]

    def alert_records(
        self, limit: int = KEPT_RECORDS, outcomes: Iterable[str] | None = None
    ) -> list[AlertRecord]:
        """The log, newest first; with `outcomes` only those."""
        wanted = tuple(outcomes) if outcomes is not None else ()
        where = f" WHERE outcome IN ({', '.join('?' * len(wanted))})" if wanted else ""
        with self._database.read_snapshot() as connection:
            rows = connection.execute(
                "SELECT id, ts_ms, rule, outcome, facts, deliveries FROM alert_log"
                f"{where} ORDER BY id DESC LIMIT ?",
                (*wanted, limit),
            )
            return [
                AlertRecord(
                    id=ident,
                    ts_ms=ts_ms,
                    rule=rule,
                    outcome=outcome,
                    facts=facts,
                    deliveries=msgspec.json.decode(deliveries, type=dict[str, str]),
                )
                for ident, ts_ms, rule, outcome, facts, deliveries in rows
            ]

    def alert_mutes(self) -> dict[str, int]:
        """Until when each rule is silent (epoch milliseconds); `""` is all rules."""
        with self._database.read_snapshot() as connection:
            return dict(connection.execute("SELECT rule, until_ms FROM alert_mute"))


def write_alerts(connection: sqlite3.Connection, changes: AlertChanges) -> list[int]:
    """Apply the changes; the ids of the records, in their order."""
    connection.executemany(
        "REPLACE INTO alert_state (rule, subject, active, window_ms, fired_ms)"
        " VALUES (?, ?, ?, ?, ?)",
        [
            (state.rule, state.subject, int(state.active), state.window_ms, state.fired_ms)
            for state in changes.states
        ],
    )
    connection.executemany(
        "DELETE FROM alert_state WHERE rule = ?", [(rule,) for rule in changes.forget_rules]
    )
    ids = [_write_record(connection, record) for record in changes.records]
    if ids:
        connection.execute(
            "DELETE FROM alert_log WHERE id <= (SELECT MAX(id) FROM alert_log) - ?",
            (KEPT_RECORDS,),
        )
    for rule, until_ms in changes.mutes.items():
        connection.execute("DELETE FROM alert_mute WHERE rule = ?", (rule,))
        if until_ms:
            connection.execute("INSERT INTO alert_mute VALUES (?, ?)", (rule, until_ms))
    return ids


def _write_record(connection: sqlite3.Connection, record: AlertRecord) -> int:
    cursor = connection.execute(
        "REPLACE INTO alert_log (id, ts_ms, rule, outcome, facts, deliveries)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            record.id or None,
            record.ts_ms,
            record.rule,
            record.outcome,
            record.facts,
            msgspec.json.encode(dict(record.deliveries)),
        ),
    )
    return cursor.lastrowid or 0
