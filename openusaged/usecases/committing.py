"""
What goes into the store: what the writer thread, or the hub in its place, runs per group of writes.

Events of hooks and other programs are prepared here.  Looking for a repository reads directories:
a group that needs it is never committed on the hub.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import msgspec

from openusaged.core.models import UsageEvent, UsageSnapshot
from openusaged.runtime.group_commit import GroupCommitter
from openusaged.storage.store import BatchResult, Store, WriteBatch
from openusaged.telemetry.pipeline import Pipeline
from openusaged.usecases.deliveries import Deliveries


class EventWrite(msgspec.Struct, frozen=True):
    """Checked events that still have to be prepared."""

    events: Sequence[UsageEvent] = ()
    snapshots: Sequence[UsageSnapshot] = ()


MAX_LIGHT: Final = 128
"""Events that take the hub less than some five milliseconds."""

Write: TypeAlias = EventWrite | WriteBatch
Committer: TypeAlias = GroupCommitter[Write, BatchResult]
Change: TypeAlias = tuple[Sequence[str], bool]
"""Which accounts have new limits, and whether events are new or changed."""


class Writing:
    """
    The commit functions, of which one runs at a time.

    `on_change` hears of each commit that has changed something, in the thread that made it.
    """

    def __init__(
        self,
        store: Store,
        pipeline: Pipeline,
        on_change: Callable[[Change], object] = lambda _: None,
    ) -> None:
        self._store = store
        self._pipeline = pipeline
        self._on_change = on_change
        self.rejected = 0
        """Batches that could not be stored."""
        self.deliveries = Deliveries()

    def commit(self, writes: Sequence[Write]) -> list[BatchResult]:
        """One transaction for all of them; one result each.  Writer thread."""
        before = self._store.seq
        batches = [self._batch(write) for write in writes]
        results = self._store.apply(batches)
        self._note(before, batches, results)
        return results

    def commit_here(self, writes: Sequence[Write]) -> list[BatchResult] | None:
        """The same on the hub while the writer is idle; None when it could wait for something."""
        if not self._are_light(writes):
            return None
        before = self._store.seq
        batches = [self._batch(write) for write in writes]
        results = self._store.apply_at_once(batches)
        if results is not None:
            self._note(before, batches, results)
        return results

    def _are_light(self, writes: Sequence[Write]) -> bool:
        events = 0
        for write in writes:
            if write.__class__ is not EventWrite or write.snapshots:
                return False
            events += len(write.events)
            if events > MAX_LIGHT or not self._pipeline.knows_projects(write.events):
                return False
        return True

    def _note(
        self, before: int, batches: Sequence[WriteBatch], results: Sequence[BatchResult]
    ) -> None:
        changed = False
        polled: list[str] = []
        for batch, result in zip(batches, results, strict=True):
            if result.error is not None:
                self.rejected += 1
                continue
            self.deliveries.note(batch, result)
            changed = changed or bool(result.accepted or result.merged)
            if batch.snapshots:
                polled += [snapshot.account_id for snapshot in batch.snapshots]
        if self._store.seq != before:
            self._on_change((polled, changed))

    def _batch(self, write: Write) -> WriteBatch:
        if isinstance(write, WriteBatch):
            return write
        return WriteBatch(
            events=self._pipeline.prepare(write.events), snapshots=tuple(write.snapshots)
        )
