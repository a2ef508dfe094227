"""
Brings local records into the store: on notification, on a hook's word, and by a slow safety scan.

A few kilobytes are read in a worker thread; more goes to scanner processes, beside which small
changes still pass at once.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from openusage_proto.messages import ImportProgress
from openusaged.core.errors import StorageError
from openusaged.core.models import SourceCursor
from openusaged.core.windows import iso
from openusaged.providers.base import Machine
from openusaged.runtime.clock import Clock
from openusaged.runtime.pools import Pools
from openusaged.runtime.tasks import Coalescer, Tasks, Timer
from openusaged.scan.protocol import Batch
from openusaged.storage.staging import can_stage
from openusaged.storage.store import Staged, WriteBatch
from openusaged.telemetry.collectors import Collector, Key, Work
from openusaged.telemetry.importer import Importer
from openusaged.usecases.committing import Committer
from openusaged.usecases.limit_news import LimitNews

log = logging.getLogger(__name__)

IMPORT_BYTES: Final = 2 << 20
"""More new bytes than this go to scanner processes: their start costs as much as parsing it."""
MAX_SCANNERS: Final = 2
LOOK_INTERVAL_S: Final = 1.0
"""Between two looks at changed logs that nobody waits for."""
HOOK_RETRIES_S: Final = (0.03, 0.12, 0.9)
"""
Claude Code writes the last answer 25 to 100 ms after its Stop hook has begun; the last look is for
a busy machine.  Each that meets the next turn's first rows costs a commit, so there are few.
"""
UNSTORED_RETRY_S: Final = 10.0
"""Before a log is read again whose events could not be stored: it does not change by itself."""
EVERYTHING: Final = ""
"""Stands for a full scan among the paths to look at."""
COMMIT_TIMEOUT_S: Final = 120.0
REFRESH_WAIT_S: Final = 60.0


@dataclass(slots=True)
class _Progress:
    active: bool = False
    total_bytes: int = 0
    done_bytes: int = 0
    total_units: int = 0
    done_units: int = 0
    events: int = 0
    started_ms: int | None = None
    finished_ms: int | None = None
    seconds: float = 0.0


class Collecting:
    """Drives the collector; hub thread only, except the sink methods of a running import."""

    def __init__(
        self,
        *,
        pools: Pools,
        tasks: Tasks,
        committer: Committer,
        collector: Collector,
        machine: Machine,
        clock: Clock,
        news: LimitNews,
        on_idle: Callable[[], None] = lambda: None,
    ) -> None:
        self._pools = pools
        self._tasks = tasks
        self._committer = committer
        self._collector = collector
        self._machine = machine
        self._clock = clock
        self._on_idle = on_idle
        self._queue: Coalescer[str] = Coalescer(tasks, self._look)
        self._importer: Importer | None = None
        self._importing: set[Key] = set()
        self._again: set[str] = set()
        self._progress = _Progress()
        self._news = news
        self._held: set[str] = set()
        self._timer: Timer | None = None
        self._looked_at = 0.0
        self._lagging: dict[Key, SourceCursor] = {}
        self.first_scan_done = False
        self.imported = False
        """Set when an import has ended; whoever cleans up behind it takes it back."""

    def scan(self) -> None:
        """Look at every unit of every account."""
        self._queue.add((EVERYTHING,))

    def wake(self, paths: Iterable[str]) -> None:
        """
        These paths have changed: look at once, or soon when we have only just looked.

        An agent at work writes a row at a time; rows of one second share a commit, which is what
        a disk is spared by.
        """
        self._held.update(path for path in paths if path)
        if self._held and self._timer is None:
            wait_s = self._looked_at + LOOK_INTERVAL_S - self._clock.monotonic()
            if wait_s <= 0:
                self._release()
            else:
                self._timer = self._tasks.later(wait_s, self._release)

    def _release(self) -> None:
        self._timer = None
        held, self._held = self._held, set()
        self._queue.add(held)

    def _wake_now(self, paths: Iterable[str]) -> None:
        self._queue.add(path for path in paths if path)

    def wake_repeatedly(self, paths: Sequence[str]) -> None:
        """A hook named these logs: look now and again for a second, since they lag behind."""
        if not paths:
            return
        self._wake_now(paths)
        for delay in HOOK_RETRIES_S:
            self._tasks.later(delay, self._wake_now, paths)

    def stop(self) -> None:
        """End a running import; the rest of it is read at the next start."""
        if self._importer is not None:
            self._importer.stop()

    @property
    def idle(self) -> bool:
        """Whether everything known to be new has been read and committed."""
        return self._queue.idle and not self._held and not self._progress.active

    def wait_idle(self, timeout_s: float = REFRESH_WAIT_S) -> bool:
        """Have the calling greenlet wait until nothing known to be new is left."""
        return self._tasks.wait_for(lambda: self.idle, timeout_s)

    @property
    def depth(self) -> int:
        """Paths that wait to be looked at."""
        return self._queue.depth + len(self._held)

    @property
    def imported_ms(self) -> int:
        """When the last import was over, 0 when none was needed."""
        return self._progress.finished_ms or 0

    def progress(self) -> ImportProgress:
        """The running or the last import."""
        progress = self._progress
        running = progress.started_ms is not None and progress.active
        return ImportProgress(
            active=progress.active,
            total_bytes=progress.total_bytes,
            done_bytes=min(progress.done_bytes, progress.total_bytes),
            total_units=progress.total_units,
            done_units=progress.done_units,
            events=progress.events,
            started_at=iso(progress.started_ms),
            finished_at=iso(progress.finished_ms),
            seconds=(
                (self._clock.now_ms() - (progress.started_ms or 0)) / 1000
                if running
                else progress.seconds
            ),
        )

    # ------------------------------------------------------------ looking

    def _look(self, paths: set[str]) -> None:
        self._looked_at = self._clock.monotonic()
        if EVERYTHING in paths:
            self.flush_cursors()
            work, gone = self._pools.work(self._collector.plan_all)
            if gone:
                self._forget(gone)
        else:
            if self._progress.active:
                # It has just listed all directories; they are listed again when it is over.
                later, paths = self._pools.work(_directories_of, paths)
                self._look_afterwards(later)
            work = self._pools.work(self._collector.plan_paths, sorted(paths))
        busy = [item for item in work if item.key in self._importing]
        self._again.update(item.unit.path for item in busy)
        work = [item for item in work if item.key not in self._importing]
        large = can_stage() and sum(item.new_bytes for item in work) > IMPORT_BYTES
        if large and not self._progress.active:
            self._begin_import(work)
        elif EVERYTHING in paths and not self.first_scan_done and not self._progress.active:
            self._read_first(work)
        elif work:
            self._read_and_store(work)
        if not self._progress.active and (EVERYTHING in paths or self.first_scan_done):
            # A notification that comes before the first scan must not pass for it.
            self._scan_finished()

    def _look_afterwards(self, paths: set[str]) -> None:
        """Look at these paths when no import runs any more, which may be now."""
        if self._progress.active:
            self._again.update(paths)
        else:
            self._queue.add(paths)

    def _read_first(self, work: Sequence[Work]) -> None:
        """The first scan found little: it is an import all the same, a short one."""
        begin = self._clock.monotonic()
        progress = self._progress = _Progress(
            total_bytes=sum(item.new_bytes for item in work),
            total_units=len(work),
            started_ms=self._clock.now_ms(),
        )
        self._read_and_store(work)
        progress.done_bytes, progress.done_units = progress.total_bytes, progress.total_units
        progress.finished_ms = self._clock.now_ms()
        progress.seconds = self._clock.monotonic() - begin

    def _scan_finished(self) -> None:
        self.first_scan_done = True
        self._on_idle()

    def _forget(self, gone: Sequence[Key]) -> None:
        self._committer.submit(WriteBatch(forget_cursors=[path for _, path in gone]))
        self._collector.forgotten(gone)

    def _read_and_store(self, work: Sequence[Work]) -> None:
        unstored = self._pools.work(self._read, work)
        if unstored:
            self._tasks.later(UNSTORED_RETRY_S, self._wake_now, unstored)

    def _read(self, work: Sequence[Work]) -> list[str]:
        """Worker thread: read and commit one unit after the other; those that were not stored."""
        unstored = []
        for item in work:
            try:
                for read in self._collector.read(item):
                    batch = self._with_news(read)
                    if not self._worth_a_commit(batch):
                        continue
                    result = self._committer.submit_from_thread(batch, COMMIT_TIMEOUT_S)
                    changed = bool(result.accepted or result.merged)
                    if not self.first_scan_done:
                        self._progress.events += len(batch.events)
                    for cursor in batch.cursors:
                        self._collector.committed(cursor, changed=changed)
            except Exception as error:  # noqa: BLE001 - the next unit may be readable
                self._collector.failed(item.account.id, item.unit.path, _reason(error))
                if isinstance(error, StorageError):
                    unstored.append(item.unit.path)
        return unstored

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

    def flush_cursors(self) -> None:
        """Store the cursors that have been waiting for company; the calling greenlet waits."""
        lagging, self._lagging = self._lagging, {}
        if lagging:
            self._committer.submit(WriteBatch(cursors=list(lagging.values())))

    # ------------------------------------------------------------- import

    def _begin_import(self, work: Sequence[Work]) -> None:
        self._progress = _Progress(
            active=True,
            total_bytes=sum(item.new_bytes for item in work),
            total_units=len(work),
            started_ms=self._clock.now_ms(),
        )
        self._importing = {item.key for item in work}
        log.info("event=import_started units=%d bytes=%d", len(work), self._progress.total_bytes)
        self._importer = Importer(self._machine, self)
        self._tasks.spawn(self._run_import, self._importer, work)

    def _run_import(self, importer: Importer, work: Sequence[Work]) -> None:
        scanners = min(MAX_SCANNERS, os.cpu_count() or 1, len(work))
        begin = self._clock.monotonic()
        problems: list[str] = []
        try:
            problems = self._pools.work(importer.run, work, scanners)
        finally:
            self._progress.seconds = self._clock.monotonic() - begin
            self._progress.finished_ms = self._clock.now_ms()
            self._progress.active = False
            self._importing.clear()
            self._importer = None
        for problem in problems:
            log.warning("event=import_problem error=%s", problem)
        log.info(
            "event=import_finished events=%d seconds=%.2f",
            self._progress.events,
            self._progress.seconds,
        )
        self.imported = True
        again, self._again = self._again, set()
        self._queue.add(again or ((EVERYTHING,) if problems else ()))
        self._scan_finished()

    # The sink of the importer: called from its reading threads.

    def post(self, batch: Batch) -> Callable[[], None]:
        """Queue a scanner's batch; the returned call waits for its commit (back-pressure)."""
        ticket = self._committer.post_from_thread(
            WriteBatch(
                staged=Staged(
                    data=batch.staged,
                    events=batch.events,
                    deduplicated=batch.deduplicated,
                    merged=batch.merged,
                )
                if batch.staged
                else None,
                cursors=batch.cursors,
                snapshots=batch.snapshots,
            )
        )

        def stored() -> None:
            ticket.wait(COMMIT_TIMEOUT_S)
            for cursor in batch.cursors:
                self._collector.committed(cursor, changed=bool(batch.events))
            progress = self._progress
            progress.done_bytes += batch.read_bytes
            progress.done_units += batch.done_units
            progress.events += batch.events

        return stored

    def unit_failed(self, account_id: str, path: str, reason: str) -> None:
        """Remember a unit that could not be read."""
        self._collector.failed(account_id, path, reason)


def _directories_of(paths: set[str]) -> tuple[set[str], set[str]]:
    """The paths that are directories, and the others."""
    directories = {path for path in paths if os.path.isdir(path)}
    return directories, paths - directories


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {error}"
