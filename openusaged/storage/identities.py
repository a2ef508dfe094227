"""
Which events were ever counted: hash to event id, 0 when the detail has gone.

Hashes are random, so putting each into the big tree would write a page per event.  Recent ones go
to a small append-only table (with a copy in memory) and move to the tree in sorted batches; both
steps are part of transactions, so a crash loses neither.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping
from typing import Final

import msgspec

MAX_RECENT: Final = 16_384
MAX_RECENT_IMPORTED: Final = 49_152
"""A scanner's batch has a hash for nearly every page of the tree, so more of them wait together."""
GONE: Final = 0


class Identities:
    """The writer's access to both tables."""

    def __init__(self) -> None:
        self._recent: dict[int, int] = {}
        self._has_tree = True
        self.count = 0

    def load(self, connection: sqlite3.Connection) -> None:
        """Read the recent ones; also the undo of a rolled-back transaction."""
        self._recent = dict(connection.execute("SELECT hash, event FROM recent_identity"))
        self._has_tree = connection.execute("SELECT EXISTS (SELECT 1 FROM identity)").fetchone()[0]

    def find(self, connection: sqlite3.Connection, hashes: Collection[int]) -> dict[int, int]:
        """Event ids of those that are known."""
        recent = self._recent
        found = {}
        others = []
        for value in hashes:
            ident = recent.get(value)
            if ident is None:
                others.append(value)
            else:
                found[value] = ident
        if not self._has_tree:
            return found
        if len(others) == 1:
            row = connection.execute("SELECT event FROM identity WHERE hash = ?", others).fetchone()
            if row is not None:
                found[others[0]] = row[0]
        elif others:
            # sorted, so that neighbours share their pages
            others.sort()
            found.update(
                connection.execute(
                    "SELECT hash, event FROM json_each(?) JOIN identity ON hash = value",
                    (msgspec.json.encode(others).decode(),),
                )
            )
        return found

    def add(self, connection: sqlite3.Connection, pairs: list[tuple[int, int]]) -> None:
        """Remember new (hash, event id) pairs."""
        self.count += len(pairs)
        connection.executemany("INSERT INTO recent_identity (hash, event) VALUES (?, ?)", pairs)
        self._recent.update(pairs)

    def add_selected(
        self, connection: sqlite3.Connection, select: str, pairs: Mapping[int, int]
    ) -> None:
        """The same for pairs that SQL `select`s, for which they need not be bound again."""
        self.count += len(pairs)
        connection.execute(f"INSERT INTO recent_identity (hash, event) {select}")
        self._recent.update(pairs)

    def settle_when_many(self, connection: sqlite3.Connection, *, imported: bool = False) -> None:
        """Keep the recent ones within their bound."""
        if len(self._recent) >= (MAX_RECENT_IMPORTED if imported else MAX_RECENT):
            self.settle(connection)

    def settle_any(self, connection: sqlite3.Connection, hashes: Iterable[int]) -> None:
        """Have all of these in the tree; it is left alone when they are."""
        if any(value in self._recent for value in hashes):
            self.settle(connection)

    def settle(self, connection: sqlite3.Connection) -> None:
        """Move all recent ones to the tree."""
        if self._recent:
            connection.execute(
                "INSERT INTO identity (hash, event)"
                " SELECT hash, event FROM recent_identity ORDER BY hash"
            )
            connection.execute("DELETE FROM recent_identity")
            self._recent = {}
            self._has_tree = True

    def move(self, connection: sqlite3.Connection, pairs: Iterable[tuple[int, int]]) -> None:
        """Change the event ids of known hashes (`GONE` when the detail was removed)."""
        settled = []
        for value, ident in sorted(pairs):
            if value in self._recent:
                connection.execute(
                    "UPDATE recent_identity SET event = ? WHERE hash = ?", (ident, value)
                )
                self._recent[value] = ident
            else:
                settled.append((ident, value))
        if settled:
            connection.executemany("UPDATE identity SET event = ? WHERE hash = ?", settled)
