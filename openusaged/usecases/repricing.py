"""
The re-pricing job: stored estimates anew by the prices of now, on the user's word only.

Goes through the single writer in short steps, so that events keep coming in between; what is left
is recorded with each step, and a daemon that was killed half-way goes on at its next start.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from openusage_proto.price_messages import RepriceResult
from openusage_proto.status_messages import RepriceProgress
from openusaged.core.errors import OpenUsageError
from openusaged.core.models import NANO, QUARTER_MS
from openusaged.core.windows import iso
from openusaged.runtime.clock import Clock
from openusaged.runtime.pools import Pools
from openusaged.runtime.tasks import Tasks
from openusaged.storage.store import Estimator, FlatPrice, RepriceRange, Store

log = logging.getLogger(__name__)

RESUME_AFTER_S: Final = 5.0
"""After the start, when whoever waits for an answer has got it."""


@dataclass(slots=True)
class _Progress:
    active: bool = False
    total: int = 0
    done: int = 0
    changed: int = 0
    before_nano: int = 0
    after_nano: int = 0
    started_ms: int | None = None
    finished_ms: int | None = None
    began: float = 0.0
    seconds: float = 0.0
    error: str = ""
    aged_changed: int = 0
    aged_left: int = 0


class Repricing:
    """Runs one job at a time; hub thread."""

    def __init__(
        self,
        *,
        store: Store,
        estimate: Estimator,
        flat_price: FlatPrice,
        pools: Pools,
        tasks: Tasks,
        clock: Clock,
        on_change: Callable[[], object],
    ) -> None:
        self._store = store
        self._estimate = estimate
        self._flat_price = flat_price
        self._pools = pools
        self._tasks = tasks
        self._clock = clock
        self._on_change = on_change
        self._progress = _Progress()

    def start(self, since_ms: int | None, *, dry_run: bool = False) -> RepriceResult:
        """Begin a job unless one runs; the calling greenlet waits for the count."""
        if self._progress.active:
            return RepriceResult(started=False, running=True, events=self._progress.total)
        if dry_run:
            count = self._pools.read(self._store.count_to_reprice, since_ms)
            return RepriceResult(started=False, running=False, events=count)
        # Before anything is waited for: a second caller must find it taken.
        progress = self._begin()
        try:
            progress.total = self._pools.read(self._store.count_to_reprice, since_ms)
            span = self._pools.write(self._store.begin_reprice, since_ms)
        except BaseException:
            progress.active = False
            raise
        self._tasks.spawn(self._run, progress, span)
        return RepriceResult(started=True, running=True, events=progress.total)

    def resume_later(self) -> None:
        """Go on with what a daemon before this one has left, soon."""
        self._tasks.later(RESUME_AFTER_S, self.resume)

    def resume(self) -> None:
        """Go on with what was broken off; nothing when nothing was."""
        if self._progress.active:
            return
        span = self._pools.read(self._store.pending_reprice)
        if span is None:
            return
        log.info("event=reprice_resumed")
        progress = self._begin()
        progress.total = self._pools.read(self._store.count_range, span)
        self._run(progress, span)

    def progress(self) -> RepriceProgress:
        """The running or the last job."""
        progress = self._progress
        seconds = progress.seconds
        if progress.active:
            seconds = self._clock.monotonic() - progress.began
        return RepriceProgress(
            active=progress.active,
            total_events=max(progress.total, progress.done),
            done_events=progress.done,
            changed_events=progress.changed,
            cost_before_usd=progress.before_nano / NANO,
            cost_after_usd=progress.after_nano / NANO,
            started_at=iso(progress.started_ms),
            finished_at=iso(progress.finished_ms),
            seconds=seconds,
            error=progress.error,
            aged_requests_changed=progress.aged_changed,
            aged_requests_left=progress.aged_left,
        )

    def _begin(self) -> _Progress:
        self._progress = _Progress(
            active=True, started_ms=self._clock.now_ms(), began=self._clock.monotonic()
        )
        return self._progress

    def _run(self, progress: _Progress, span: RepriceRange) -> None:
        try:
            self._run_events(progress, span)
            self._run_aged(progress, span.first_quarter)
            self._pools.write(self._store.end_reprice)
        except OpenUsageError as error:
            progress.error = str(error)
            log.warning("event=reprice_failed error=%s", error)
        finally:
            progress.active = False
            progress.finished_ms = self._clock.now_ms()
            progress.seconds = self._clock.monotonic() - progress.began
            # Who waits for the end is told of it also when no figure has changed.
            self._store.bump()
            self._on_change()
        log.info(
            "event=reprice_finished events=%d changed=%d seconds=%.1f",
            progress.done,
            progress.changed,
            progress.seconds,
        )

    def _run_events(self, progress: _Progress, span: RepriceRange) -> None:
        left: RepriceRange | None = span
        while left is not None:
            step = self._pools.write(self._store.reprice, left, self._estimate)
            progress.done += step.seen
            progress.changed += step.changed
            progress.before_nano += step.before_nano
            progress.after_nano += step.after_nano
            left = step.remaining
            if step.changed:
                self._on_change()

    def _run_aged(self, progress: _Progress, start_q: int) -> None:
        """What is older than any event's detail, after the events: sums are worked out whole."""
        since_ms = start_q * QUARTER_MS
        place: int | None = start_q
        while place is not None:
            step = self._pools.write(self._store.reprice_aged_buckets, place, self._flat_price)
            progress.aged_changed += step.changed
            progress.aged_left += step.left
            place = step.next
        place = 0
        while place is not None:
            step = self._pools.write(
                self._store.reprice_aged_sessions, since_ms, place, self._flat_price
            )
            place = step.next
        if progress.aged_changed:
            self._on_change()
