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
from openusaged.core.windows import iso
from openusaged.providers.base import Machine
from openusaged.runtime.clock import Clock
from openusaged.runtime.pools import Pools
from openusaged.runtime.tasks import Coalescer, Tasks, Timer
from openusaged.scan.protocol import Batch
from openusaged.storage.staging import can_stage
from openusaged.storage.store import BatchResult, Staged, WriteBatch
from openusaged.telemetry.collectors import Collector, Key, Work
from openusaged.telemetry.importer import Importer
from openusaged.usecases.committing import Committer, Write
from openusaged.usecases.limit_news import LimitNews
from openusaged.usecases.new_rows import COMMIT_TIMEOUT_S, NewRows

log = logging.getLogger(__name__)

IMPORT_BYTES: Final = 2 << 20
"""More new bytes than this go to scanner processes: their start costs as much as parsing it."""
MAX_SCANNERS: Final = 2
LOOK_INTERVAL_S: Final = 1.0
"""Between two looks at changed logs that nobody waits for."""
HOOK_RETRIES_S: Final = (0.03, 0.12, 0.9)
"""
Claude Code writes the last answer 25 to 100 ms after its Stop hook has begun; the last look is for
a busy machine.  None is taken when the answer is there: a look that meets the next turn's first
rows costs a commit.
"""
ANSWER_AGE_MS: Final = 1_000
"""An agent calls its hook sooner after it has had an answer."""
HOOK_PATIENCE_S: Final = 0.02
"""How long a hook's word waits for the log's, which takes some two milliseconds to read."""
UNSTORED_RETRY_S: Final = 10.0
MAX_UNSTORED_RETRY_S: Final = 600.0
"""Before a log is read again whose events could not be stored (it does not change by itself): at
first, and at last when it goes on."""
EVERYTHING: Final = ""
"""Stands for a full scan among the paths to look at."""
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
        self._rows = NewRows(committer, collector, news)
        self._held: set[str] = set()
        self._timer: Timer | None = None
        self._looked_at = 0.0
        self._retry_s: dict[str, float] = {}
        self._retrying: set[str] = set()
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

    def wake_repeatedly(self, paths: Sequence[str], ended_ms: int) -> None:
        """Turns have ended that these logs may not have yet: look now and again for a second."""
        self._wake_now(paths)
        self._look_for_answers(paths, ended_ms)

    def _look_for_answers(self, paths: Sequence[str], ended_ms: int) -> None:
        if paths:
            for delay in HOOK_RETRIES_S:
                self._tasks.later(delay, self._wake_unanswered, paths, ended_ms)

    def _wake_unanswered(self, paths: Sequence[str], ended_ms: int) -> None:
        early_ms = ended_ms - ANSWER_AGE_MS
        self._wake_now(path for path in paths if self._rows.answered_ms(path) < early_ms)

    def store_turn(self, write: Write, paths: Sequence[str], ended_ms: int) -> BatchResult:
        """
        Commit a hook's word that a turn has ended, together with what its logs have of it.

        They lag behind, so they are looked at until the answer is there.  The calling greenlet
        waits for the commit.
        """
        result = self._store_beside(write, paths)
        self._look_for_answers(paths, ended_ms)
        return result

    def store_call(self, write: Write, paths: Sequence[str]) -> BatchResult:
        """The same for what happens within a turn: with its logs when a look is almost due."""
        if self._clock.monotonic() - self._looked_at >= LOOK_INTERVAL_S / 2:
            return self._store_beside(write, paths)
        result = self._committer.submit(write)
        self.wake(paths)
        return result

    def _store_beside(self, write: Write, paths: Sequence[str]) -> BatchResult:
        """Commit in one transaction with what a look at these logs finds now."""
        if not paths or not self._queue.idle:
            result = self._committer.submit(write)
            self._wake_now(paths)
            return result
        ticket = self._committer.submit_patiently(write)
        self._wake_now(paths)
        self._tasks.later(HOOK_PATIENCE_S, self._committer.hurry)
        return ticket.get()

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
        self._held = set() if EVERYTHING in paths else self._held - paths
        if not self._held and self._timer is not None:
            self._timer.cancel()
            self._timer = None
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
            self._read(work)
        self._committer.hurry()
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
        self._read(work)
        progress.done_bytes, progress.done_units = progress.total_bytes, progress.total_units
        progress.finished_ms = self._clock.now_ms()
        progress.seconds = self._clock.monotonic() - begin

    def _read(self, work: Sequence[Work]) -> None:
        before = self._rows.stored
        unstored = self._pools.work(self._rows.store, work)
        if not self.first_scan_done:
            self._progress.events += self._rows.stored - before
        for item in work:
            path = item.unit.path
            if path in unstored:
                self._try_later(path)
            else:
                self._retry_s.pop(path, None)

    def _try_later(self, path: str) -> None:
        """Read a log again in a while, once, however often it grows until then."""
        if path in self._retrying:
            return
        wait_s = self._retry_s.get(path, UNSTORED_RETRY_S)
        self._retry_s[path] = min(2 * wait_s, MAX_UNSTORED_RETRY_S)
        self._retrying.add(path)
        self._tasks.later(wait_s, self._try_again, path)

    def _try_again(self, path: str) -> None:
        self._retrying.discard(path)
        self._wake_now((path,))

    def _scan_finished(self) -> None:
        self.first_scan_done = True
        self._on_idle()

    def _forget(self, gone: Sequence[Key]) -> None:
        self._committer.submit(WriteBatch(forget_cursors=[path for _, path in gone]))
        self._collector.forgotten(gone)
        self._rows.forget(gone)
        for _, path in gone:
            self._retry_s.pop(path, None)

    def flush_cursors(self) -> None:
        """Store the cursors that have been waiting for company; the calling greenlet waits."""
        self._rows.flush_cursors()

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
        (ticket,) = self._committer.post_from_thread(
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
