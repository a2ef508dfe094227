"""
Names interned as small integers, all in memory: a machine knows hundreds of them, not millions.

Only the writer adds names; readers only look up ids they found in committed rows, so both share
one map without a lock.
"""

from __future__ import annotations

import sqlite3
from typing import Final

NO_NAME: Final = 0
"""Id of the empty string, which has no row."""


class Names(dict[str, int]):
    """Text to id; asking for an unknown text gives it the next id and queues its row."""

    def __init__(self) -> None:
        super().__init__()
        self.text: dict[int, str] = {}
        self._added: list[str] = []
        self._next = 1

    def __missing__(self, text: str) -> int:
        ident = self._next
        self._next += 1
        self[text] = ident
        self.text[ident] = text
        self._added.append(text)
        return ident

    def load(self, connection: sqlite3.Connection) -> None:
        """Read all names; also what a rolled-back transaction is undone with."""
        rows = connection.execute("SELECT id, text FROM name").fetchall()
        self.clear()
        self[""] = NO_NAME
        self.update((text, ident) for ident, text in rows)
        # Replaced, not cleared: a reader may be in the middle of translating its rows.
        self.text = {ident: text for text, ident in self.items()}
        self._added = []
        self._next = max(self.text) + 1

    def flush(self, connection: sqlite3.Connection) -> None:
        """Insert the rows queued in this transaction."""
        if self._added:
            connection.executemany(
                "INSERT INTO name (id, text) VALUES (?, ?)",
                [(self[text], text) for text in self._added],
            )
            self._added = []
