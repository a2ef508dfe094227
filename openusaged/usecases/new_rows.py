"""
Reads what changed logs have that the store has not, and commits it.

A commit costs the disk four kilobytes and a page of every table it touches, so the rows of one
look share one, whatever logs they came from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from openusaged.core.errors import StorageError
from openusaged.core.models import MESSAGE_USAGE, TURN_COMPLETED, SourceCursor
from openusaged.storage.store import BatchResult, WriteBatch
from openusaged.telemetry.collectors import Collector, Key, Work
from openusaged.usecases.committing import Committer
from openusaged.usecases.limit_news import LimitNews

GROUP_EVENTS: Final = 1_000
"""Events of different logs that share a commit at most: some 50 ms of the writer's time."""
COMMIT_TIMEOUT_S: Final = 120.0
_ENDS: Final = frozenset({MESSAGE_USAGE, TURN_COMPLETED})
"""What a log ends with when the agent has answered; after a tool call it goes on."""


class NewRows:
    """Remembers between two looks what the second is spared by."""

    def __init__(self, committer: Committer, collector: Collector, news: LimitNews) -> None:
        self._committer = committer
        self._collector = collector
        self._news = news
        self._lagging: dict[Key, SourceCursor] = {}
        self._answers: dict[str, int] = {}
        self._unstored: set[str] = set()
        self.stored = 0
        """Events that went to the store so far."""

    def store(self, work: Sequence[Work]) -> set[str]:
        """
        Worker thread: read one unit after the other, commit what they bring together.

        Returns the paths of units that could be read but not stored.
        """
        self._unstored = set()
        waiting: list[tuple[Work, WriteBatch]] = []
        for item in work:
            try:
                for read in self._collector.read(item):
                    batch = self._with_news(read)
                    if not self._worth_a_commit(batch):
                        continue
                    # A unit's cursor must not get ahead of events that could not be stored.
                    is_next = bool(waiting) and waiting[-1][0] is item
                    if is_next and not self._commit(waiting):
                        break
                    waiting.append((item, batch))
            except Exception as error:  # noqa: BLE001 - the next unit may be readable
                self._commit(waiting)
                self._failed(item, error)
            if sum(len(batch.events) for _, batch in waiting) >= GROUP_EVENTS:
                self._commit(waiting)
        self._commit(waiting)
        return self._unstored

    def flush_cursors(self) -> None:
        """Store the cursors that have been waiting for company; the calling greenlet waits."""
        lagging, self._lagging = self._lagging, {}
        if lagging:
            self._committer.submit(WriteBatch(cursors=list(lagging.values())))

    def answered_ms(self, path: str) -> int:
        """When the last answer was given that a look has found at the end of a log; 0: none was."""
        return self._answers.get(path, 0)

    def forget(self, keys: Iterable[Key]) -> None:
        """These units are gone."""
        for _, path in keys:
            self._answers.pop(path, None)

    # ------------------------------------------------------------ in a worker thread

    def _with_news(self, batch: WriteBatch) -> WriteBatch:
        """The batch without limits that say nothing new."""
        if not batch.snapshots:
            return batch
        news = [taken for one in batch.snapshots if (taken := self._news.take(one)) is not None]
        return WriteBatch(events=batch.events, cursors=batch.cursors, snapshots=news)

    def _worth_a_commit(self, batch: WriteBatch) -> bool:
        """
        False for rows without usage: only the cursor has moved, which can wait for company.

        Should the daemon die before, they are read once more.
        """
        if batch.events or batch.snapshots:
            for cursor in batch.cursors:
                self._lagging.pop((cursor.account_id, cursor.path), None)
            return True
        for cursor in batch.cursors:
            self._lagging[cursor.account_id, cursor.path] = cursor
            self._collector.committed(cursor, changed=False)
        return False

    def _commit(self, waiting: list[tuple[Work, WriteBatch]]) -> bool:
        """Commit what waits, which is nothing then; whether the last of it could be stored."""
        stored = True
        tickets = self._committer.post_from_thread(*(batch for _, batch in waiting))
        for (item, batch), ticket in zip(waiting, tickets, strict=True):
            try:
                self._committed(item, batch, ticket.wait(COMMIT_TIMEOUT_S))
                stored = True
            except Exception as error:  # noqa: BLE001 - the others may be stored
                stored = False
                self._failed(item, error)
        waiting.clear()
        return stored

    def _committed(self, item: Work, batch: WriteBatch, result: BatchResult) -> None:
        self.stored += len(batch.events)
        for cursor in batch.cursors:
            self._collector.committed(cursor, changed=bool(result.accepted or result.merged))
        last = batch.events[-1].event if batch.events else None
        if last is not None and last.event_type in _ENDS:
            self._answers[item.unit.path] = last.ts_ms

    def _failed(self, item: Work, error: Exception) -> None:
        self._collector.failed(item.account.id, item.unit.path, _reason(error))
        if isinstance(error, StorageError):
            self._unstored.add(item.unit.path)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {error}"
