"""
Native threads for everything that can block, and the way back to the hub.

The hub thread runs greenlets only; SQLite, files, HTTP and subprocesses run here (design, section
3).  Nothing is monkey patched: code in a pool thread is plain blocking Python.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any, Final, Generic, ParamSpec, TypeVar

import gevent
from gevent.threadpool import ThreadPool

from openusaged.core.errors import StoreClosed

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

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


def _guarded(fn: Callable[..., Any], args: tuple[Any, ...]) -> tuple[bool, Any]:
    # An exception that escapes a pool job is printed by gevent's hub besides being raised.
    try:
        return False, fn(*args)
    except BaseException as exc:  # noqa: BLE001  # handed to whoever waits
        return True, exc


class Pools:
    """
    The daemon's threads: one writer, some readers, some workers.

    Create it in the hub's thread.  Every method but `call_hub` may only be called there: gevent
    pools take work from the thread that made them.
    """

    def __init__(self, readers: int = READERS, workers: int = WORKERS) -> None:
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._hub = gevent.get_hub()
        self._writer = ThreadPool(1, hub=self._hub)
        self._readers = ThreadPool(readers, hub=self._hub)
        self._workers = ThreadPool(workers, hub=self._hub)
        self._closed = False

    def write(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run in the writer thread, the only one that writes to the store."""
        return self._start(self._writer, fn, args, kwargs).get()

    def read(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run in a reader thread."""
        return self._start(self._readers, fn, args, kwargs).get()

    def work(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run in a worker thread: HTTP, file scans, subprocesses."""
        return self._start(self._workers, fn, args, kwargs).get()

    def spawn_write(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Job[T]:
        """Start in the writer thread; the caller must `get` the job."""
        return self._start(self._writer, fn, args, kwargs)

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
        if not self._closed:
            self._hub.loop.run_callback_threadsafe(fn, *args)

    def busy(self) -> dict[str, int]:
        """Jobs running or waiting per pool, for `status`."""
        return {
            "writer": len(self._writer),
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
            for pool in (self._workers, self._readers, self._writer):
                pool.join()
                pool.kill()
            finished = True
        if not finished:
            log.warning("event=pools_close_timeout busy=%s", self.busy())
        return finished

    def _start(
        self, pool: Any, fn: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Job[T]:
        if self._closed:
            raise StoreClosed("the daemon is shutting down")
        if kwargs:
            keywords, plain = kwargs, fn

            def fn(*positional: Any) -> T:
                return plain(*positional, **keywords)

        return Job(pool.spawn(_guarded, fn, args))
