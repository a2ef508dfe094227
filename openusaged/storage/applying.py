"""
One transaction's worth of batches: look up, merge, then touch each table once.

Everything is worked out in memory first; aggregates and sessions move by exactly the difference
between what an event said before the transaction and what it says after it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from operator import neg
from typing import Final

import msgspec

from openusaged.core.merge import CountedEvent, count, is_other_response, merge
from openusaged.core.models import QUARTER_MS, PreparedEvent
from openusaged.storage.events import QUARTER_SHIFT, EventRows, Row
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
from openusaged.storage.sessions import Sessions, SessionState

Key = tuple[int, ...]


def _upsert(table: str, key: Sequence[str], sums: Sequence[str]) -> str:
    columns = ", ".join((*key, *sums))
    marks = ", ".join("?" * (len(key) + len(sums)))
    moves = ", ".join(f"{name} = {name} + excluded.{name}" for name in sums)
    return (
        f"INSERT INTO {table} ({columns}) VALUES ({marks})"
        f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {moves}"
    )


_MESSAGE_UPSERT: Final = _upsert("message_bucket", ("quarter", *MESSAGE_DIMENSIONS), MESSAGE_SUMS)
_TOOL_UPSERT: Final = _upsert("tool_bucket", ("quarter", *TOOL_DIMENSIONS), TOOL_SUMS)
_SESSION_UPSERT: Final = _upsert(
    "session_model", ("session", "provider", "model", "currency"), MESSAGE_SUMS
)


class _Tracked(msgspec.Struct):
    """An event this transaction deals with: as the file has it and as it will be."""

    ident: int
    before: CountedEvent | None
    after: CountedEvent


class Outcome(msgspec.Struct):
    """What became of one batch's events."""

    accepted: int = 0
    deduplicated: int = 0
    merged: int = 0


class Group:
    """The work of one transaction; made anew for each."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        names: Names,
        sessions: Sessions,
        identities: Identities,
        rows: EventRows,
    ) -> None:
        self._connection = connection
        self._names = names
        self._sessions = sessions
        self._identities = identities
        self._rows = rows
        self._tracked: dict[int, _Tracked] = {}
        self._gone: set[int] = set()
        self._known: dict[int, int] = {}
        self._messages: dict[Key, list[Sums]] = {}
        self._tools: dict[Key, list[Sums]] = {}
        self._session_models: dict[Key, list[Sums]] = {}
        self.hot_delta = 0
        self.quarters: set[int] = set()
        """Quarters whose aggregates move."""
        self.last_ms: dict[str, int] = {}
        """Latest time by account of what was counted."""
        self.owners: set[tuple[str, str, str]] = set()
        """(account, provider, client) of messages that were counted."""
        self.projects: set[str] = set()

    def look_up(self, events: Sequence[PreparedEvent]) -> None:
        """Load what the file knows about these events."""
        self._known = self._identities.find(
            self._connection, {prepared.identity for prepared in events}
        )
        self._load(self._known)

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
        outcome = Outcome()
        tracked = self._tracked
        for prepared in events:
            identity = prepared.identity
            incoming = count(prepared)
            entry = tracked.get(identity)
            if entry is not None and is_other_response(entry.after, incoming):
                identity = prepared.reuse_identity
                entry = self._find(identity)
            if entry is not None:
                after = merge(entry.after, incoming)
                if after is entry.after:
                    outcome.deduplicated += 1
                else:
                    entry.after = after
                    outcome.merged += 1
                if after.session_id == incoming.session_id:
                    self._touch(prepared, after)
            elif identity in self._gone:
                outcome.deduplicated += 1
            else:
                tracked[identity] = _Tracked(0, None, incoming)
                outcome.accepted += 1
                self._touch(prepared, incoming)
        return outcome

    def _find(self, identity: int) -> _Tracked | None:
        """An event under its second identity, which `look_up` did not ask for."""
        if identity not in self._tracked and identity not in self._gone:
            self._load(self._identities.find(self._connection, (identity,)))
        return self._tracked.get(identity)

    def _touch(self, prepared: PreparedEvent, event: CountedEvent) -> None:
        if not event.session_id or event.event_type not in COUNTED_TYPES:
            return
        state = self._sessions.state(self._connection, event.source, event.session_id)
        state.touch(prepared.event.ts_ms)
        if not (state.account and state.client and state.project and state.branch) or (
            prepared.event.parent_session_id and not state.parent
        ):
            names = self._names
            state.name(
                account=names[event.account],
                client=names[event.client],
                project=names[event.project],
                branch=names[event.branch],
                parent=prepared.event.parent_session_id,
            )

    def write(self) -> bool:
        """Write everything to the file; False when nothing had to be."""
        inserts: list[Row] = []
        replaced: list[Row] = []
        removed: list[int] = []
        identities: list[tuple[int, int]] = []
        moved: list[tuple[int, int]] = []
        connection = self._connection
        rows = self._rows
        for identity, entry in self._tracked.items():
            before, after = entry.before, entry.after
            if before is after:
                continue
            if before is None:
                entry.ident = rows.new_id(connection, after.ts_ms)
                inserts.append(rows.encode(connection, entry.ident, identity, after))
                identities.append((identity, entry.ident))
            else:
                if after.ts_ms // QUARTER_MS != entry.ident >> QUARTER_SHIFT:
                    removed.append(entry.ident)
                    entry.ident = rows.new_id(connection, after.ts_ms)
                    moved.append((identity, entry.ident))
                replaced.append(rows.encode(connection, entry.ident, identity, after))
                self._book(before, sign=-1)
            self._book(after, sign=1)
        self._names.flush(connection)
        if inserts:
            rows.insert(connection, inserts)
            self._identities.add(connection, identities)
            self.hot_delta = len(inserts)
        if removed:
            rows.delete(connection, removed)
            self._identities.move(connection, moved)
        if replaced:
            rows.replace(connection, replaced)
        self._write_sums()
        sessions_moved = self._sessions.flush(connection)
        return sessions_moved or bool(inserts or replaced)

    def _book(self, event: CountedEvent, *, sign: int) -> None:
        """Queue what the event adds to (or takes from) the aggregates and its session."""
        names = self._names
        quarter = event.ts_ms // QUARTER_MS
        account = names[event.account]
        client = names[event.client]
        session: SessionState | None = None
        if event.session_id:
            session = self._sessions.state(self._connection, event.source, event.session_id)
        sums = message_sums(event)
        tools = 0
        if sums is not None:
            if sign < 0:
                sums = tuple(map(neg, sums))
            provider = names[event.provider]
            model = names[event.model]
            currency = names[event.currency or USD]
            key: Key = (
                quarter,
                account,
                provider,
                client,
                model,
                names[event.project],
                names[event.branch],
                agent_kind(event),
                currency,
            )
            _queue(self._messages, key, sums)
            if session is not None:
                _queue(self._session_models, (session.id, provider, model, currency), sums)
        else:
            sums = tool_sums(event)
            if sums is None:
                # Raw envelopes, limits: kept as hot detail, counted nowhere.
                return
            tools = sums[0] * sign
            if sign < 0:
                sums = tuple(map(neg, sums))
            key = (
                quarter,
                account,
                client,
                names[event.project],
                names[event.tool_name],
                names[event.mcp_server],
                names[event.mcp_function],
                names[event.language],
            )
            _queue(self._tools, key, sums)
        if session is not None:
            session.count(sign, tools)
        self.quarters.add(quarter)
        if sign > 0:
            self.projects.add(event.project)
            if event.ts_ms > self.last_ms.get(event.account, 0):
                self.last_ms[event.account] = event.ts_ms
            if not tools:
                self.owners.add((event.account, event.provider, event.client))

    def _write_sums(self) -> None:
        for statement, queued in (
            (_MESSAGE_UPSERT, self._messages),
            (_TOOL_UPSERT, self._tools),
            (_SESSION_UPSERT, self._session_models),
        ):
            if queued:
                self._connection.executemany(statement, _added_up(queued))


def _queue(queued: dict[Key, list[Sums]], key: Key, sums: Sums) -> None:
    found = queued.get(key)
    if found is None:
        queued[key] = [sums]
    else:
        found.append(sums)


def _added_up(queued: dict[Key, list[Sums]]) -> Iterator[tuple[int, ...]]:
    """Rows of key and sums; differences that cancel out are left out."""
    for key, parts in queued.items():
        if len(parts) == 1:
            total: tuple[int, ...] = parts[0]
        else:
            total = tuple(map(sum, zip(*parts, strict=True)))
        if any(total):
            yield key + total
