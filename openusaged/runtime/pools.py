"""
Native threads for everything that can block, and the way back to the hub.

The hub thread runs greenlets only; SQLite, files, HTTP and subprocesses run here (design, section
3).  Nothing is monkey patched: code in a pool thread is plain blocking Python.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, Final, Generic, ParamSpec, TypeVar

import gevent
from gevent.event import AsyncResult
from gevent.threadpool import ThreadPool

from openusaged.core.errors import StoreClosed
from openusaged.runtime import memory, tracing

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

Outcome = tuple[bool, Any]
"""`(False, value)` or `(True, exception)`."""
Done = Callable[[Outcome], object]
Run = Callable[[Callable[..., Any], tuple[Any, ...]], Outcome]

SWITCH_INTERVAL_S: Final = 0.001
"""A thread that computes gives the interpreter lock back this often: with the default of 5 ms the
hub's p99 while a log is parsed is 6 ms, with 1 ms it is 1.3 ms."""

READERS: Final = 2
WORKERS: Final = 4


class Job(Generic[T]):
    """A call under way in a pool thread."""

    __slots__ = ("_result",)

    def __init__(self, result: Any) -> None:
        self._result = result

    def ready(self) -> bool:
        """Whether `get` would return at once."""
        return bool(self._result.ready())

    def get(self) -> T:
        """Wait (the calling greenlet only) and return the call's value or raise its error."""
        failed, value = self._result.get()
        if failed:
            raise value
        return value  # type: ignore[no-any-return]


def _guarded(fn: Callable[..., Any], args: tuple[Any, ...]) -> Outcome:
    # An exception that escapes a pool job is printed by gevent's hub besides being raised.
    try:
        return False, fn(*args)
    except BaseException as exc:  # noqa: BLE001  # handed to whoever waits
        return True, exc


def _runner(pool: str) -> Run:
    """What runs the jobs of a pool."""
    if not tracing.wanted():
        return _guarded

    def run(fn: Callable[..., Any], args: tuple[Any, ...]) -> Outcome:
        called = fn.func if isinstance(fn, partial) else fn
        name = getattr(called, "__qualname__", type(called).__name__)
        return tracing.timed(f"job pool={pool} call={name}", _guarded)(fn, args)

    return run


class _Writer:
    """
    The writer thread.

    Not one of gevent's pools: those pay several lock hand-overs and a greenlet switch per job, a
    third of a small commit.
    """

    def __init__(self, hub: Any) -> None:
        self._jobs: SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...], Done] | None] = (
            SimpleQueue()
        )
        self._calls: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._back = hub.loop.async_()
        self._thread: threading.Thread | None = None
        self.ident: int | None = None
        """Of the thread, once it runs."""
        self.busy = 0
        """Jobs running or waiting."""
        self.run_job = _runner("writer")
        """Guards a job and, when asked to, logs how long it took."""

    def post(self, done: Done, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Run `fn(*args)` after the jobs before it; `done(outcome)` follows on the hub."""
        if self._thread is None:
            # A native thread cannot be stopped: as a daemon it does not keep the process alive.
            self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
            self._thread.start()
        if not self.busy:
            # Active only while something is awaited: it is what tells gevent that somebody waits.
            self._back.start(self._deliver)
        self.busy += 1
        self._jobs.put((fn, args, done))

    def join(self) -> None:
        """Let the jobs end, then the thread (the calling greenlet waits)."""
        if self._thread is not None:
            ended = AsyncResult()
            self.post(ended.set, int, ())
            self._jobs.put(None)
            ended.get()
            self._thread.join()
            self._thread = None
        self._back.close()

    def call_hub(self, fn: Callable[..., object], args: tuple[Any, ...]) -> None:
        """Inside a job: call `fn(*args)` on the hub just before the job's `done`."""
        self._calls.append((fn, args))

    def _run(self) -> None:
        self.ident = threading.get_ident()
        while (job := self._jobs.get()) is not None:
            fn, args, done = job
            self._calls.append((self._finished, (done, self.run_job(fn, args))))
            self._back.send()
            # an idle thread holds on to nobody's events
            del job, fn, args, done

    def _deliver(self) -> None:
        while self._calls:
            fn, args = self._calls.popleft()
            try:
                fn(*args)
            except Exception:
                log.exception("event=call_failed call=%s", getattr(fn, "__qualname__", fn))
        if not self.busy:
            self._back.stop()

    def _finished(self, done: Done, outcome: Outcome) -> None:
        self.busy -= 1
        done(outcome)


class Pools:
    """
    The daemon's threads: one writer, some readers, some workers.

    Create it in the hub's thread.  Every method but `call_hub` may only be called there: gevent
    pools take work from the thread that made them.
    """

    def __init__(self, readers: int = READERS, workers: int = WORKERS) -> None:
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        memory.share_one_heap()
        self._hub = gevent.get_hub()
        self._hub_thread = threading.get_ident()
        self._writer = _Writer(self._hub)
        self._readers = ThreadPool(readers, hub=self._hub)
        self._workers = ThreadPool(workers, hub=self._hub)
        self._run = {self._readers: _runner("readers"), self._workers: _runner("workers")}
        self._closed = False

    def write(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run in the writer thread, the only one that writes to the store."""
        return self.spawn_write(fn, *args, **kwargs).get()

    def read(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run in a reader thread."""
        return self._start(self._readers, fn, args, kwargs).get()

    def work(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run in a worker thread: HTTP, file scans, subprocesses."""
        return self._start(self._workers, fn, args, kwargs).get()

    def spawn_write(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Job[T]:
        """Start in the writer thread; the caller must `get` the job."""
        result = AsyncResult()
        self.post_write(result.set, _bound(fn, kwargs), *args)
        return Job(result)

    def post_write(self, done: Done, fn: Callable[..., Any], *args: Any) -> None:
        """Run in the writer thread, then call `done` on the hub, where it must not wait."""
        if self._closed:
            raise StoreClosed("the daemon is shutting down")
        self._writer.post(done, fn, args)

    def write_here(self, fn: Callable[..., Any], *args: Any) -> Outcome | None:
        """
        Run in the hub's thread, in the writer's place; None when the writer has something to do.

        For what takes a fraction of a millisecond: the hub stands still meanwhile.
        """
        if self._closed or self._writer.busy:
            return None
        return self._writer.run_job(fn, args)

    def spawn_read(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Job[T]:
        """Start in a reader thread; the caller must `get` the job."""
        return self._start(self._readers, fn, args, kwargs)

    def spawn_work(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Job[T]:
        """Start in a worker thread; the caller must `get` the job."""
        return self._start(self._workers, fn, args, kwargs)

    def call_hub(self, fn: Callable[..., object], *args: object) -> None:
        """
        Have `fn(*args)` called on the hub, from any thread.  It must not block there.

        Calls of one thread run in their order.  After `close` the call is dropped.
        """
        thread = threading.get_ident()
        if thread == self._writer.ident:
            # with the job's outcome: a wake-up of its own costs the hub a tenth of a small commit
            self._writer.call_hub(fn, args)
        elif thread == self._hub_thread:
            # behind the answers to what runs in the writer's place: somebody waits for those
            self._hub.loop.run_callback(self._hub.loop.run_callback, fn, *args)
        elif not self._closed:
            self._hub.loop.run_callback_threadsafe(fn, *args)

    def busy(self) -> dict[str, int]:
        """Jobs running or waiting per pool, for `status`."""
        return {
            "writer": self._writer.busy,
            "readers": len(self._readers),
            "workers": len(self._workers),
        }

    def close(self, timeout_s: float = 2.0) -> bool:
        """
        Take no more work and wait for what runs, at most `timeout_s` in total.

        Returns:
            Whether every thread came to its end.  One that did not is left behind: a native thread
            cannot be stopped, and it does not keep the process from ending.
        """
        if self._closed:
            return True
        self._closed = True
        finished = False
        with gevent.Timeout(timeout_s, False):
            for pool in (self._workers, self._readers):
                pool.join()
                pool.kill()
            self._writer.join()
            finished = True
        if not finished:
            log.warning("event=pools_close_timeout busy=%s", self.busy())
        return finished

    def _start(
        self, pool: Any, fn: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Job[T]:
        if self._closed:
            raise StoreClosed("the daemon is shutting down")
        return Job(pool.spawn(self._run[pool], _bound(fn, kwargs), args))


def _bound(fn: Callable[..., T], kwargs: dict[str, Any]) -> Callable[..., T]:
    return partial(fn, **kwargs) if kwargs else fn
