"""
Session rows as the writer sees them: a bounded cache of states, and what must be written back.

A session is one (source, session id).  Its totals move with its events; its names are the first
known ones; its first and last activity span every report of its events.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import msgspec

from openusaged.core.models import QUARTER_MS
from openusaged.storage.names import Names

MAX_CACHED_SESSIONS: Final = 4096
NO_SESSION: Final = 0

_COLUMNS: Final = (
    "id, source, session_id, account, client, project, branch, parent,"
    " first_ms, last_ms, events, tool_calls"
)
_INSERT: Final = (
    f"INSERT INTO session ({_COLUMNS}, last_quarter) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_CHANGE: Final = (
    "UPDATE session SET account = ?, client = ?, project = ?, branch = ?, parent = ?,"
    " first_ms = ?, last_ms = ?, events = ?, tool_calls = ?"
)
_UPDATE: Final = f"{_CHANGE} WHERE id = ?"
_UPDATE_AND_MOVE: Final = f"{_CHANGE}, last_quarter = ? WHERE id = ?"
_BY_KEY: Final = f"SELECT {_COLUMNS} FROM session WHERE session_id = ? AND source = ?"


class SessionState(msgspec.Struct):
    """One session's row; `dirty` when it differs from the file's."""

    id: int
    source: int
    session_id: str
    account: int = 0
    client: int = 0
    project: int = 0
    branch: int = 0
    parent: str = ""
    first_ms: int = 0
    last_ms: int = 0
    events: int = 0
    tool_calls: int = 0
    stored_quarter: int = -1
    """`last_quarter` as the file has it; -1 when the row is new."""
    dirty: bool = False

    def touch(self, first_ms: int, last_ms: int) -> None:
        """An event of the session was reported, once or for several times up to `last_ms`."""
        if self.first_ms == 0 or first_ms < self.first_ms:
            self.first_ms = first_ms
            self.dirty = True
        if last_ms > self.last_ms:
            self.last_ms = last_ms
            self.dirty = True

    def name(
        self, names: Names, *, account: str, client: str, project: str, branch: str, parent: str
    ) -> None:
        """Fill what is not known yet."""
        if account and not self.account:
            self.account = names[account]
            self.dirty = True
        if client and not self.client:
            self.client = names[client]
            self.dirty = True
        if project and not self.project:
            self.project = names[project]
            self.dirty = True
        if branch and not self.branch:
            self.branch = names[branch]
            self.dirty = True
        if parent and not self.parent:
            self.parent = parent
            self.dirty = True


def _from_row(row: tuple[Any, ...]) -> SessionState:
    """The state of a stored row."""
    state = SessionState(*row)
    state.stored_quarter = state.last_ms // QUARTER_MS
    return state


class Sessions:
    """The writer's view of the session table."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._by_key: dict[tuple[str, str], SessionState] = {}
        self._by_id: dict[int, SessionState] = {}
        self._used: dict[int, SessionState] = {}
        self._next = 1
        self.moved: set[int] = set()
        """Quarters in which what the last `flush` wrote was and is last active."""

    def load(self, connection: sqlite3.Connection) -> None:
        """Forget the cache and read the next id; also the undo of a rolled-back transaction."""
        self._by_key = {}
        self._by_id = {}
        self._used = {}
        self._next = connection.execute("SELECT COALESCE(MAX(id), 0) + 1 FROM session").fetchone()[
            0
        ]

    @property
    def count(self) -> int:
        """Sessions ever seen; rows are never deleted."""
        return self._next - 1

    def state(self, connection: sqlite3.Connection, source: str, session_id: str) -> SessionState:
        """The session's state, new when it was never seen."""
        key = (source, session_id)
        state = self._by_key.get(key)
        if state is None:
            source_id = self._names[source]
            row = connection.execute(_BY_KEY, (session_id, source_id)).fetchone()
            if row is None:
                state = SessionState(self._next, source_id, session_id, dirty=True)
                self._next += 1
            else:
                state = _from_row(row)
            self._remember(key, state)
        self._used[state.id] = state
        return state

    def count_events(self, ident: int, events: int, tool_calls: int) -> None:
        """Add to the totals of a session that this transaction has asked for."""
        state = self._used[ident]
        state.events += events
        state.tool_calls += tool_calls
        state.dirty = True

    def key(self, connection: sqlite3.Connection, ident: int) -> str:
        """The session id behind a row id."""
        state = self._by_id.get(ident)
        if state is None:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM session WHERE id = ?", (ident,)
            ).fetchone()
            if row is None:
                return ""
            state = _from_row(row)
            self._remember((self._names.text[state.source], state.session_id), state)
        return state.session_id

    def _remember(self, key: tuple[str, str], state: SessionState) -> None:
        self._by_key[key] = state
        self._by_id[state.id] = state

    def flush(self, connection: sqlite3.Connection) -> bool:
        """Write what changed, keep the cache within its bound, say whether anything was written."""
        new = []
        moved = []
        same = []
        quarters: set[int] = set()
        for state in self._used.values():
            if not state.dirty:
                continue
            state.dirty = False
            quarter = state.last_ms // QUARTER_MS
            quarters.add(quarter)
            quarters.add(state.stored_quarter)
            names = (state.account, state.client, state.project, state.branch, state.parent)
            values = (state.first_ms, state.last_ms, state.events, state.tool_calls)
            if state.stored_quarter == -1:
                new.append((state.id, state.source, state.session_id, *names, *values, quarter))
            elif state.stored_quarter != quarter:
                moved.append((*names, *values, quarter, state.id))
            else:
                same.append((*names, *values, state.id))
            state.stored_quarter = quarter
        if new:
            connection.executemany(_INSERT, new)
        if same:
            connection.executemany(_UPDATE, same)
        if moved:
            connection.executemany(_UPDATE_AND_MOVE, moved)
        self._used = {}
        quarters.discard(-1)
        self.moved = quarters
        if len(self._by_id) > MAX_CACHED_SESSIONS:
            self._by_key = {}
            self._by_id = {}
        return bool(new or same or moved)
