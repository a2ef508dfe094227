"""
One transaction's worth of batches: look up, merge, then touch each table once.

Everything is worked out in memory first; aggregates and sessions move by exactly the difference
between what an event said before the transaction and what it says after it.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from operator import neg
from typing import Final, NamedTuple

import msgspec

from openusaged.core.merge import CountedEvent, count, is_other_response, merge
from openusaged.core.models import QUARTER_MS, TOOL_USAGE, PreparedEvent
from openusaged.storage.events import (
    ACCOUNT,
    BRANCH,
    CLIENT,
    CURRENCY,
    MODEL,
    PROJECT,
    PROVIDER,
    QUARTER_SHIFT,
    SELECT,
    SESSION,
    TOOL,
    EventRows,
    Row,
    decode,
    encode,
)
from openusaged.storage.identities import GONE, Identities
from openusaged.storage.names import Names
from openusaged.storage.rollups import (
    COUNTED_TYPES,
    MESSAGE_DIMENSIONS,
    MESSAGE_SUMS,
    TOOL_DIMENSIONS,
    TOOL_SUMS,
    USD,
    Sums,
    agent_kind,
    message_sums,
    tool_sums,
)
from openusaged.storage.sessions import Sessions

Key = tuple[int, ...]


class Upsert:
    """The statement that adds rows of sums to an aggregate."""

    def __init__(self, table: str, key: Sequence[str], sums: Sequence[str]) -> None:
        moves = ", ".join(f"{name} = {name} + excluded.{name}" for name in sums)
        self._head = f"INSERT INTO {table} ({', '.join((*key, *sums))})"
        self._tail = f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {moves}"
        self.values = self(f"VALUES ({', '.join('?' * (len(key) + len(sums)))})")

    def __call__(self, rows: str) -> str:
        """The statement over `rows`: a SELECT (with a WHERE) or VALUES."""
        return f"{self._head} {rows} {self._tail}"


MESSAGE_UPSERT: Final = Upsert("message_bucket", ("quarter", *MESSAGE_DIMENSIONS), MESSAGE_SUMS)
TOOL_UPSERT: Final = Upsert("tool_bucket", ("quarter", *TOOL_DIMENSIONS), TOOL_SUMS)
SESSION_UPSERT: Final = Upsert(
    "session_model", ("session", "provider", "model", "currency"), MESSAGE_SUMS
)


class _Tracked(msgspec.Struct):
    """An event this transaction deals with: as the file has it and as it will be."""

    ident: int
    before: CountedEvent | None
    after: CountedEvent


class Report(NamedTuple):
    """What one or several reports of an event add up to, when it may be known already."""

    identity: int
    reuse_identity: int
    event: CountedEvent
    first_ms: int
    last_ms: int
    """Span of the reports' times, which is the session's activity."""
    parent: str


class Outcome(msgspec.Struct):
    """What became of one batch's events."""

    accepted: int = 0
    deduplicated: int = 0
    merged: int = 0


class Desk(NamedTuple):
    """What the writer works with: its connection and its own view of the tables."""

    connection: sqlite3.Connection
    names: Names
    sessions: Sessions
    identities: Identities
    rows: EventRows


class Group:
    """The work of one transaction; made anew for each."""

    def __init__(self, desk: Desk) -> None:
        self._connection, self._names, self._sessions, self._identities, self._rows = desk
        self._tracked: dict[int, _Tracked] = {}
        self._gone: set[int] = set()
        self._messages: defaultdict[Key, list[Sums]] = defaultdict(list)
        self._tools: defaultdict[Key, list[Sums]] = defaultdict(list)
        self._session_models: defaultdict[Key, list[Sums]] = defaultdict(list)
        self.hot_delta = 0
        self.outcome = Outcome()
        """Of the reports taken by `take_reports`."""
        self.quarters: set[int] = set()
        """Quarters whose aggregates move."""
        self.last_ms: dict[str, int] = {}
        """Latest time by account of what was counted."""
        self.owners: set[tuple[str, str, str]] = set()
        """(account, provider, client) of messages that were counted."""
        self.projects: set[str] = set()

    def look_up(self, events: Sequence[PreparedEvent]) -> None:
        """Load what the file knows about these events."""
        known = self._identities.find(self._connection, {event.identity for event in events})
        if known:
            self._load(known)

    def _load(self, known: dict[int, int]) -> None:
        hot = []
        for identity, ident in known.items():
            if ident == GONE:
                self._gone.add(identity)
            else:
                hot.append(ident)
        if not hot:
            return
        for identity, event in self._rows.load(self._connection, hot).items():
            self._tracked[identity] = _Tracked(known[identity], event, event)
        # An identity whose row is missing (salvaged file) has lost its detail.
        self._gone.update(identity for identity in known if identity not in self._tracked)

    def take(self, events: Sequence[PreparedEvent]) -> Outcome:
        """Count or merge each event of one batch, in memory."""
        return self._take(
            (
                prepared.identity,
                prepared.reuse_identity,
                count(prepared),
                prepared.event.ts_ms,
                prepared.event.ts_ms,
                prepared.event.parent_session_id,
            )
            for prepared in events
        )

    def take_reports(self, reports: Sequence[Report]) -> Outcome:
        """The same for what a scanner has already added up."""
        self._load(self._identities.find(self._connection, {report.identity for report in reports}))
        self.outcome = self._take(reports)
        return self.outcome

    def _take(
        self, reports: Iterable[Report | tuple[int, int, CountedEvent, int, int, str]]
    ) -> Outcome:
        accepted = deduplicated = merged = 0
        tracked = self._tracked
        gone = self._gone
        for identity, reuse_identity, incoming, first_ms, last_ms, parent in reports:
            entry = tracked.get(identity)
            if entry is not None and is_other_response(entry.after, incoming):
                identity = reuse_identity  # noqa: PLW2901
                entry = self._find(identity)
            if entry is not None:
                after = merge(entry.after, incoming)
                if after is entry.after:
                    deduplicated += 1
                else:
                    entry.after = after
                    merged += 1
                if after.session_id == incoming.session_id:
                    self._touch(after, first_ms, last_ms, parent)
            elif identity in gone:
                deduplicated += 1
            else:
                tracked[identity] = _Tracked(0, None, incoming)
                accepted += 1
                self._touch(incoming, first_ms, last_ms, parent)
        return Outcome(accepted, deduplicated, merged)

    def _find(self, identity: int) -> _Tracked | None:
        """An event under its second identity, which `look_up` did not ask for."""
        if identity not in self._tracked and identity not in self._gone:
            self._load(self._identities.find(self._connection, (identity,)))
        return self._tracked.get(identity)

    def _touch(self, event: CountedEvent, first_ms: int, last_ms: int, parent: str) -> None:
        if not event.session_id or event.event_type not in COUNTED_TYPES:
            return
        state = self._sessions.state(self._connection, event.source, event.session_id)
        state.touch(first_ms, last_ms)
        state.name(
            self._names,
            account=event.account,
            client=event.client,
            project=event.project,
            branch=event.branch,
            parent=parent,
        )

    def write(self) -> bool:
        """Write everything to the file; False when nothing had to be."""
        inserts: list[Row] = []
        replaced: list[Row] = []
        removed: list[int] = []
        identities: list[tuple[int, int]] = []
        moved: list[tuple[int, int]] = []
        rows = self._rows
        for identity, entry in self._tracked.items():
            before, after = entry.before, entry.after
            if before is after:
                continue
            quarter = after.ts_ms // QUARTER_MS
            if before is None:
                ident = rows.new_id(self._connection, quarter)
                row = self._encode(ident, identity, after)
                inserts.append(row)
                identities.append((identity, ident))
            else:
                ident = entry.ident
                self._book(self._encode(ident, identity, before), before, sign=-1)
                if quarter != ident >> QUARTER_SHIFT:
                    removed.append(ident)
                    ident = rows.new_id(self._connection, quarter)
                    moved.append((identity, ident))
                row = self._encode(ident, identity, after)
                replaced.append(row)
            self._book(row, after, sign=1)
        self._names.flush(self._connection)
        if inserts:
            rows.insert(self._connection, inserts)
            self._identities.add(self._connection, identities)
            self.hot_delta += len(inserts)
        if removed:
            rows.delete(self._connection, removed)
            self._identities.move(self._connection, moved)
        if replaced:
            rows.replace(self._connection, replaced)
        self._write_sums()
        sessions_moved = self._sessions.flush(self._connection)
        return sessions_moved or bool(inserts or replaced)

    def _encode(self, ident: int, identity: int, event: CountedEvent) -> Row:
        session = 0
        if event.session_id:
            session = self._sessions.state(self._connection, event.source, event.session_id).id
        return encode(ident, identity, event, session, self._names)

    def _book(self, row: Row, event: CountedEvent, *, sign: int) -> None:
        """Queue what the event adds to (or takes from) the aggregates and its session."""
        quarter = event.ts_ms // QUARTER_MS
        session = row[SESSION]
        calls = 0
        sums = message_sums(event)
        if sums is not None:
            if sign < 0:
                sums = tuple(map(neg, sums))
            provider = row[PROVIDER]
            model = row[MODEL]
            currency = row[CURRENCY] or self._names[USD]
            key: Key = (
                quarter,
                row[ACCOUNT],
                provider,
                row[CLIENT],
                model,
                row[PROJECT],
                row[BRANCH],
                agent_kind(event),
                currency,
            )
            self._messages[key].append(sums)
            if session:
                self._session_models[session, provider, model, currency].append(sums)
        else:
            sums = tool_sums(event)
            if sums is None:
                # Raw envelopes, limits: kept as hot detail, counted nowhere.
                return
            calls = sums[0] * sign
            if sign < 0:
                sums = tuple(map(neg, sums))
            key = (quarter, row[ACCOUNT], row[CLIENT], row[PROJECT], *row[TOOL])
            self._tools[key].append(sums)
        if session:
            self._sessions.count_events(session, sign, calls)
        self.quarters.add(quarter)
        if sign > 0:
            self._note(event)

    def rebook(self, first_quarter: int) -> int:
        """Add all stored events from a quarter on to the buckets (not to the sessions)."""
        count_of_events = 0
        for row in self._connection.execute(
            f"{SELECT} WHERE id >= ?", (first_quarter << QUARTER_SHIFT,)
        ):
            event = decode(row, self._names.text, "")
            self._book((*row[:SESSION], 0, *row[SESSION + 1 :]), event, sign=1)
            count_of_events += 1
        self._names.flush(self._connection)
        self._write_sums()
        return count_of_events

    def _note(self, event: CountedEvent) -> None:
        """Remember who was active, for the store's own memory."""
        self.projects.add(event.project)
        if event.ts_ms > self.last_ms.get(event.account, 0):
            self.last_ms[event.account] = event.ts_ms
        if event.event_type != TOOL_USAGE:
            self.owners.add((event.account, event.provider, event.client))

    def _write_sums(self) -> None:
        for statement, queued in (
            (MESSAGE_UPSERT, self._messages),
            (TOOL_UPSERT, self._tools),
            (SESSION_UPSERT, self._session_models),
        ):
            if queued:
                self._connection.executemany(statement.values, _added_up(queued))


def rebuild_hot_buckets(connection: sqlite3.Connection) -> int:
    """
    Recompute the buckets of all quarters whose events are still there; returns how many events.

    For a file whose bucket pages were damaged.  The oldest hot quarter may have lost some of its
    events to retention already, so it is left as it is.
    """
    names = Names()
    names.load(connection)
    sessions = Sessions(names)
    rows = EventRows(names, sessions)
    first = connection.execute("SELECT MIN(id) FROM event").fetchone()[0]
    if first is None:
        return 0
    first_quarter = (first >> QUARTER_SHIFT) + 1
    for table in ("message_bucket", "tool_bucket"):
        connection.execute(f"DELETE FROM {table} WHERE quarter >= ?", (first_quarter,))
    group = Group(Desk(connection, names, sessions, Identities(), rows))
    return group.rebook(first_quarter)


def _added_up(queued: dict[Key, list[Sums]]) -> list[tuple[int, ...]]:
    """Rows of key and sums; differences that cancel out are left out."""
    rows = []
    for key, parts in queued.items():
        if len(parts) == 1:
            total: tuple[int, ...] = parts[0]
        else:
            total = tuple(map(sum, zip(*parts, strict=True)))
        if any(total):
            rows.append(key + total)
    return rows
