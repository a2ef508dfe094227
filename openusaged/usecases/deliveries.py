"""
What each source has delivered through each channel since the start: new, completed, repeated.

The store keeps no trace of a report that changed nothing; this is where those are counted.
"""

from __future__ import annotations

import threading
from typing import Final

from openusage_proto.values import dataclass
from openusaged.storage.store import BatchResult, WriteBatch

IMPORT: Final = "import"
"""Channel of a first import, which merges in its scanners whatever the logs repeat."""
SEVERAL: Final = "several"
"""Stands for the channels of a batch that has more than one: its counts are of the whole batch."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """Counts of one source and channel."""

    new: int = 0
    completed: int = 0
    repeated: int = 0


class Deliveries:
    """Written by the writer thread, read by reader threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str], list[int]] = {}

    def note(self, batch: WriteBatch, result: BatchResult) -> None:
        """Count what became of a batch that was stored."""
        new, completed, repeated = result.accepted, result.merged, result.deduplicated
        if not (new or completed or repeated):
            return
        key = _origin(batch)
        with self._lock:
            counts = self._counts.get(key)
            if counts is None:
                counts = self._counts[key] = [0, 0, 0]
            counts[0] += new
            counts[1] += completed
            counts[2] += repeated

    def total(self) -> Delivered:
        """Counts of all sources and channels together."""
        with self._lock:
            sums = [sum(counts) for counts in zip(*self._counts.values(), strict=True)]
        return Delivered(*sums)

    def counts(self) -> dict[tuple[str, str], Delivered]:
        """Counts by (source, channel)."""
        with self._lock:
            return {key: Delivered(*counts) for key, counts in self._counts.items()}


def _origin(batch: WriteBatch) -> tuple[str, str]:
    if batch.staged is not None:
        sources = {cursor.source for cursor in batch.cursors}
        return (sources.pop() if len(sources) == 1 else SEVERAL), IMPORT
    if len(batch.events) == 1:
        event = batch.events[0].event
        return event.source, event.channel
    origins = {(item.event.source, item.event.channel) for item in batch.events}
    if len(origins) == 1:
        return origins.pop()
    sources = {source for source, _ in origins}
    return (sources.pop() if len(sources) == 1 else SEVERAL), SEVERAL
