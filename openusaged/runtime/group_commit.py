"""
Group commit: everything that waits when the writer becomes free goes into one transaction.

A durable commit costs a disk flush; sharing it is what makes thousands of durable events a second
possible while every caller is still answered after its own commit.

A small group is committed by the hub itself as long as the disk is quick: two threads that take
turns with one interpreter lock need a third more processor time, and a lone caller waits for both
hand-overs.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Generic, TypeVar

import gevent
from gevent.event import Event

from openusaged.core.errors import DatabaseBusy, StoreClosed
from openusaged.runtime.pools import Outcome, Pools

log = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")

MAX_PENDING = 20_000
MAX_HERE: Final = 64
"""Items of a group that the hub commits itself: some three milliseconds of its time."""
MAX_HERE_IN_A_ROW: Final = 500
"""Items after which the writer gets a group, and with it the upkeep that only it does."""
SLOW_S: Final = 0.01
"""After a commit that took longer (a slow or busy disk) the hub leaves it to the writer, until one
was quick again: at worst every second commit holds the hub up."""


class Ticket(Generic[R]):
    """
    An item on its way to a commit.

    Hub thread only.  A greenlet waits with `get`; who may not wait asks to be called.
    """

    __slots__ = ("_call", "_error", "_settled", "_value", "_wake")

    def __init__(self) -> None:
        self._settled = False
        self._value: R | None = None
        self._error: BaseException | None = None
        self._wake: Any = None
        self._call: Callable[[], object] | None = None

    def ready(self) -> bool:
        """Whether the commit has happened (or failed)."""
        return self._settled

    def get(self) -> R:
        """Wait (the calling greenlet only) for the commit; the item's result or its error."""
        if not self._settled:
            if self._wake is None:
                self._wake = Event()
            self._wake.wait()
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]

    def when_ready(self, call: Callable[[], object]) -> None:
        """Have `call()` called once, on the hub, where it must not wait."""
        if self._settled:
            call()
        else:
            self._call = call

    def settle(self, value: R | None, error: BaseException | None) -> None:
        """Called once, on the hub, when the outcome is known."""
        self._value, self._error = value, error
        self._settled = True
        if self._wake is not None:
            self._wake.set()
        if self._call is not None:
            self._call()
            self._call = None


class ThreadTicket(Generic[R]):
    """The same for a native thread, which may not touch gevent's objects."""

    __slots__ = ("_done", "_error", "_value")

    def __init__(self) -> None:
        self._done = threading.Event()
        self._value: R | None = None
        self._error: BaseException | None = None

    def settle(self, value: R | None, error: BaseException | None) -> None:
        """Called once, on the hub, when the outcome is known."""
        self._value, self._error = value, error
        self._done.set()

    def wait(self, timeout_s: float) -> R:
        """Block the thread for the commit; the item's result or its error."""
        if not self._done.wait(timeout_s):
            raise DatabaseBusy(f"no commit within {timeout_s:g} s")
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]


class GroupCommitter(Generic[T, R]):
    """
    Queues items on the hub and commits them in groups in the writer thread.

    `commit(items)` returns one result per item, in order.  A result that is an exception, or whose
    `error` attribute is one, is raised to that item's submitter only; an exception out of `commit`
    is raised to all of the group.  `commit_here(items)` does the same without ever waiting for a
    lock or another file, or returns None: the group is one for the writer.

    All state belongs to the hub thread, so there are no locks; one cross-thread wake-up is paid per
    group.  The queue is bounded: beyond `max_pending` a submitter is refused with `DatabaseBusy`,
    and nothing already queued is ever dropped.
    """

    def __init__(
        self,
        pools: Pools,
        commit: Callable[[Sequence[T]], Sequence[R]],
        commit_here: Callable[[Sequence[T]], Sequence[R] | None] | None = None,
        max_pending: int = MAX_PENDING,
    ) -> None:
        self._pools = pools
        self._commit = commit
        self._commit_here = commit_here
        self._here_in_a_row = 0
        self._slow = False
        self._max_pending = max_pending
        self._waiting: list[tuple[T, Ticket[R] | ThreadTicket[R]]] = []
        self._in_commit: list[tuple[T, Ticket[R] | ThreadTicket[R]]] = []
        self._loop = gevent.get_hub().loop
        self._busy = False
        self._idle = Event()
        self._idle.set()
        self._closed = False
        self.groups = 0
        """Commits so far."""
        self.items = 0
        """Items committed so far."""

    @property
    def depth(self) -> int:
        """Items queued or in the commit under way."""
        return len(self._waiting) + len(self._in_commit)

    def submit(self, item: T) -> R:
        """Queue and wait for the commit (the calling greenlet only)."""
        return self.submit_nowait(item).get()

    def submit_many(self, items: Iterable[T]) -> list[R]:
        """Queue all, then wait for all; raises the first error in their order."""
        return [ticket.get() for ticket in [self.submit_nowait(item) for item in items]]

    def submit_nowait(self, item: T) -> Ticket[R]:
        """
        Queue without waiting; hub thread only.

        Raises:
            StoreClosed: the daemon is shutting down.
            DatabaseBusy: the queue is full.
        """
        ticket = self.submit_patiently(item)
        self.hurry()
        return ticket

    def submit_patiently(self, item: T) -> Ticket[R]:
        """
        The same, but it shares the next commit, which another item or `hurry` begins.

        Raises:
            StoreClosed: the daemon is shutting down.
            DatabaseBusy: the queue is full.
        """
        if self._closed:
            raise StoreClosed("the daemon is shutting down")
        if self.depth >= self._max_pending:
            raise DatabaseBusy(f"{self._max_pending} events are waiting to be written")
        ticket: Ticket[R] = Ticket()
        self._waiting.append((item, ticket))
        self._idle.clear()
        return ticket

    def hurry(self) -> None:
        """Begin the commit of what waits, unless one is under way: it is the next then."""
        if self._waiting and not self._busy:
            self._busy = True
            # It runs after the greenlets that are ready now: their items join this group.
            self._loop.run_callback(self._start)

    def post_from_thread(self, *items: T) -> list[ThreadTicket[R]]:
        """
        Queue from a native thread without waiting; a full queue refuses nobody here.

        The items share a commit.  The caller bounds what it has under way and waits with the
        tickets, which also tell when the daemon is shutting down.
        """
        tickets: list[ThreadTicket[R]] = [ThreadTicket() for _ in items]
        if self._closed:
            _refuse(tickets)
        else:
            self._pools.call_hub(self._accept, items, tickets)
        return tickets

    def close(self) -> None:
        """Refuse further items; what is queued is still committed."""
        self._closed = True
        self.hurry()

    def drain(self, timeout_s: float) -> bool:
        """Wait until nothing is queued or in commit; whether that came true in time."""
        return bool(self._idle.wait(timeout_s))

    def _accept(self, items: Sequence[T], tickets: Sequence[ThreadTicket[R]]) -> None:
        if self._closed:
            _refuse(tickets)
        elif items:
            self._waiting += zip(items, tickets, strict=True)
            self._idle.clear()
            self.hurry()

    def _start(self) -> None:
        """Commit everything that waits, here or in the writer."""
        group, self._waiting = self._waiting, []
        self._in_commit = group
        items = [item for item, _ in group]
        outcome = self._try_here(items)
        if outcome is not None:
            self._done(outcome)
            return
        self._here_in_a_row = 0
        try:
            self._pools.post_write(self._done, self._timed, self._commit, items)
        except StoreClosed as exc:
            self._done((True, exc))

    def _try_here(self, items: list[T]) -> Outcome | None:
        """The outcome of a small group, unless it is one for the writer."""
        if self._commit_here is None or self._slow or len(items) > MAX_HERE:
            return None
        self._here_in_a_row += len(items)
        if self._here_in_a_row > MAX_HERE_IN_A_ROW:
            return None
        outcome = self._pools.write_here(self._timed, self._commit_here, items)
        return None if outcome == (False, None) else outcome

    def _timed(
        self, commit: Callable[[Sequence[T]], Sequence[R] | None], items: Sequence[T]
    ) -> Sequence[R] | None:
        began = time.perf_counter()
        try:
            return commit(items)
        finally:
            self._slow = time.perf_counter() - began > SLOW_S

    def _done(self, outcome: Outcome) -> None:
        group, self._in_commit = self._in_commit, []
        failed, outcomes = outcome
        if not failed and len(outcomes) != len(group):
            failed, outcomes = True, RuntimeError(f"{len(outcomes)} results for {len(group)} items")
        if failed:
            # raised to every submitter of the group
            outcomes = [outcomes] * len(group)
        self.groups += 1
        self.items += len(group)
        if self._waiting:
            # before the answers go out, so that the writer has no pause
            self._start()
        else:
            self._busy = False
            self._idle.set()
        for (_, ticket), result in zip(group, outcomes, strict=True):
            ticket.settle(result, _error_of(result))


def _refuse(tickets: Iterable[ThreadTicket[Any]]) -> None:
    for ticket in tickets:
        ticket.settle(None, StoreClosed("the daemon is shutting down"))


def _error_of(outcome: object) -> Exception | None:
    error = outcome if isinstance(outcome, Exception) else getattr(outcome, "error", None)
    return error if isinstance(error, Exception) else None
