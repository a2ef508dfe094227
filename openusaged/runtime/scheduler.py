"""
Runs polls when they are due: `poll_policy` decides, this waits and starts greenlets.

There is one timer at most, for the next poll that is due, and none without accounts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

import gevent
from gevent.event import Event
from gevent.pool import Group

from openusaged.runtime.clock import Clock
from openusaged.runtime.poll_policy import PolledAccount, PollQueue, PollState

log = logging.getLogger(__name__)

MAX_WAIT_S: Final = 900.0
"""Timers stand still while a laptop sleeps; the wall clock is looked at this often."""


class PollScheduler:
    """
    Polls accounts by the rules of `poll_policy`.

    `poll(account_id)` is called in a greenlet of its own; it does the work in a pool, stores the
    snapshot and returns the account's new state.  When it raises, that counts as one more failure.
    """

    def __init__(
        self, poll: Callable[[str], PollState], clock: Clock, interval_s: float = 300.0
    ) -> None:
        self._poll = poll
        self._clock = clock
        self._queue = PollQueue(interval_s)
        self._changed = Event()
        self._running = Group()
        self._loop = gevent.spawn(self._run)

    @property
    def in_flight(self) -> int:
        """Polls under way."""
        return self._queue.in_flight

    def set_accounts(self, accounts: Iterable[PolledAccount]) -> None:
        """Poll exactly these from now on."""
        self._queue.set_accounts(accounts)
        self._changed.set()

    def set_interval(self, interval_s: float) -> None:
        """Between two polls of an account when nothing else applies."""
        self._queue.interval_s = interval_s
        self._changed.set()

    def poll_now(self, account_ids: Iterable[str] | None = None) -> tuple[list[str], list[str]]:
        """
        Have these accounts (all when None) polled now.

        Returns:
            Ids that are being polled, and ids deferred: their vendor's minimum interval or
            Retry-After has not passed.
        """
        now, deferred = self._queue.ask(account_ids, self._clock.now_ms())
        self._changed.set()
        return now, deferred

    def update(self, account_id: str, state: PollState) -> None:
        """A snapshot came by another way (a hook carries the vendor's limits): no poll needed."""
        if self._queue.state(account_id) != state:
            self._queue.finished(account_id, state)
            self._changed.set()

    def next_poll_ms(self, account_id: str) -> int | None:
        """When the account's next poll is due, None when it is not polled."""
        return self._queue.due_ms(account_id, self._clock.now_ms())

    def close(self, timeout_s: float = 1.0) -> None:
        """Start no more polls and leave those under way behind."""
        self._loop.kill(timeout=timeout_s)
        self._running.kill(timeout=timeout_s)

    def _run(self) -> None:
        while True:
            self._changed.clear()
            now_ms = self._clock.now_ms()
            for ident in self._queue.take_due(now_ms):
                self._running.spawn(self._one, ident)
            due_ms = self._queue.next_due_ms(now_ms)
            wait_s = None
            if due_ms is not None:
                wait_s = min(MAX_WAIT_S, max(0.001, (due_ms - now_ms) / 1000))
            self._changed.wait(wait_s)

    def _one(self, account_id: str) -> None:
        try:
            state = self._poll(account_id)
        except Exception:
            log.exception("event=poll_failed account=%s", account_id)
            before = self._queue.state(account_id)
            state = replace(before, last_poll_ms=self._clock.now_ms(), failures=before.failures + 1)
        self._queue.finished(account_id, state)
        self._changed.set()
