"""
A scanner's events as a small database in memory, ready for the store to take over in SQL.

Everything that can be worked out without the store is worked out here, in the scanner's process:
events of one identity are merged, names are gathered into *dimensions* (distinct combinations of
names, a few hundred for thousands of events) and the sums of the aggregates are added up.  What
remains for the daemon's only writer is a handful of statements that SQLite runs without the
interpreter's lock; see `staged.py`.  The rows are made in `staging_rows.py`.

No Pony in here: scanners start often and import little.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from msgspec.structs import astuple

from openusaged.core.merge import CountedEvent, count, is_other_response, merge
from openusaged.core.models import PreparedEvent
from openusaged.storage.staging_rows import Entry, database_of

MAX_INTEGER: Final = (1 << 63) - 1


def can_stage() -> bool:
    """Whether this Python's SQLite hands databases over in memory (builds before 3.36 may not)."""
    return hasattr(sqlite3.Connection, "serialize")


class Staging:
    """Gathers prepared events until `take` hands them over as one database."""

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}
        self.deduplicated = 0
        """Reports since the last `take` that said nothing new about an event gathered before."""
        self.merged = 0
        """Reports that completed an event gathered before."""

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, events: Sequence[PreparedEvent]) -> None:
        """Gather events, merging those of one identity by the store's own rules."""
        entries = self._entries
        for prepared in events:
            asked = identity = prepared.identity
            incoming = count(prepared)
            entry = entries.get(identity)
            if entry is not None and is_other_response(entry.event, incoming):
                identity = prepared.reuse_identity
                entry = entries.get(identity)
            ts_ms = incoming.ts_ms
            parent = prepared.event.parent_session_id
            if entry is None:
                entries[identity] = Entry(incoming, asked, ts_ms, ts_ms, parent)
                continue
            before, after = entry.event, merge(entry.event, incoming)
            if after is before:
                self.deduplicated += 1
            else:
                entry.event = after
                self.merged += 1
            if after.session_id != before.session_id:
                # Reports for another session are no activity of this one.
                entry.first_ms, entry.last_ms, entry.parent = ts_ms, ts_ms, parent
            elif after.session_id == incoming.session_id:
                entry.first_ms = min(entry.first_ms, ts_ms)
                entry.last_ms = max(entry.last_ms, ts_ms)
                entry.parent = entry.parent or parent

    def take(self) -> bytes:
        """The gathered events as a serialised database; empty bytes when there are none."""
        entries, self._entries = self._entries, {}
        self.deduplicated = self.merged = 0
        if not entries:
            return b""
        try:
            return database_of(entries)
        except OverflowError:
            # A number that no integer column holds: it costs its event, not the batch.
            fitting = {key: entry for key, entry in entries.items() if _fits(entry.event)}
            return database_of(fitting) if fitting else b""


def _fits(event: CountedEvent) -> bool:
    return all(
        -MAX_INTEGER <= value <= MAX_INTEGER for value in astuple(event) if isinstance(value, int)
    )
