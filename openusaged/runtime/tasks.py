"""
Greenlets of the daemon: things that run later, again, or one at a time with their work coalesced.

One place spawns them, so that a failure is logged once and stopping ends them all.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Any, Generic, TypeVar

import gevent
from gevent.pool import Group

log = logging.getLogger(__name__)

T = TypeVar("T", bound=Hashable)
N = TypeVar("N")

WAIT_STEP_S = 0.01


class Timer:
    """A call that has been scheduled; `cancel` is harmless at any time."""

    __slots__ = ("_greenlet",)

    def __init__(self, greenlet: Any) -> None:
        self._greenlet = greenlet

    def cancel(self) -> None:
        """Forget the call when it has not begun."""
        self._greenlet.kill(block=False)


class Tasks:
    """All background greenlets of one daemon."""

    def __init__(self) -> None:
        self._group = Group()
        self._closed = False

    def spawn(self, fn: Callable[..., object], *args: object) -> None:
        """Run `fn(*args)` in a greenlet of its own; an exception is logged."""
        if not self._closed:
            self._group.start(gevent.Greenlet(self._guarded, fn, args))

    def later(self, delay_s: float, fn: Callable[..., object], *args: object) -> Timer:
        """Run `fn(*args)` in a greenlet after a delay."""
        greenlet = gevent.Greenlet(self._guarded, fn, args)
        if not self._closed:
            self._group.add(greenlet)
            greenlet.start_later(delay_s)
        return Timer(greenlet)

    def every(self, interval_s: float, fn: Callable[[], object]) -> None:
        """Run `fn` again and again, an interval after it returned; a failure does not end it."""

        def loop() -> None:
            while True:
                gevent.sleep(interval_s)
                self._guarded(fn, ())

        self.spawn(loop)

    def wait_for(self, predicate: Callable[[], bool], timeout_s: float) -> bool:
        """Have the calling greenlet wait until something is true; whether it came true in time."""
        left = timeout_s
        while not predicate():
            if left <= 0:
                return False
            gevent.sleep(WAIT_STEP_S)
            left -= WAIT_STEP_S
        return True

    def close(self, timeout_s: float = 1.0) -> None:
        """End all greenlets."""
        self._closed = True
        self._group.kill(timeout=timeout_s)

    @staticmethod
    def _guarded(fn: Callable[..., object], args: tuple[object, ...]) -> None:
        try:
            fn(*args)
        except Exception:
            log.exception("event=task_failed task=%s", getattr(fn, "__qualname__", fn))


class Coalescer(Generic[T]):
    """
    Runs `work(items)` in a greenlet, never twice at once; what arrives meanwhile is the next run.

    Hub thread only.
    """

    def __init__(self, tasks: Tasks, work: Callable[[set[T]], object]) -> None:
        self._tasks = tasks
        self._work = work
        self._waiting: set[T] = set()
        self._running = False

    @property
    def depth(self) -> int:
        """Items that wait for a run."""
        return len(self._waiting)

    @property
    def idle(self) -> bool:
        """Whether nothing runs and nothing waits."""
        return not self._running and not self._waiting

    def add(self, items: Iterable[T]) -> None:
        """Have these items worked on, soon."""
        self._waiting.update(items)
        if self._waiting and not self._running:
            self._running = True
            self._tasks.spawn(self._run)

    def _run(self) -> None:
        try:
            while self._waiting:
                items, self._waiting = self._waiting, set()
                try:
                    self._work(items)
                except Exception:
                    log.exception("event=work_failed items=%d", len(items))
        finally:
            self._running = False


class Gatherer(Generic[N]):
    """
    Tells the hub what is noted in any thread: at once, then what came within a while together.

    `tell(news)` runs on the hub, where it must not wait; `call_hub` is that of `pools.Pools`.
    """

    def __init__(
        self,
        tasks: Tasks,
        call_hub: Callable[..., object],
        interval_s: float,
        tell: Callable[[list[N]], object],
    ) -> None:
        self._tasks = tasks
        self._call_hub = call_hub
        self._interval_s = interval_s
        self._tell = tell
        self._news: deque[N] = deque()
        self._is_due = False
        """Whether the hub will look at the news by itself."""

    def note(self, news: N) -> None:
        """Have this told, within the interval; any thread."""
        self._news.append(news)
        if not self._is_due:
            self._is_due = True
            self._call_hub(self._deliver)

    def _deliver(self) -> None:
        news = [self._news.popleft() for _ in range(len(self._news))]
        if news:
            self._tasks.later(self._interval_s, self._look_again)
            self._tell(news)

    def _look_again(self) -> None:
        # in this order: what another thread notes in between is looked for twice, not never
        self._is_due = False
        if self._news:
            self._is_due = True
            self._deliver()
