"""The scheduler's loop: polls start when due, end in the queue, and never pile up."""

from __future__ import annotations

from collections.abc import Iterator

import gevent
import pytest
from gevent.event import Event

from openusaged.runtime.poll_policy import PolledAccount, PollState
from openusaged.runtime.scheduler import PollScheduler

NOW = 1_772_366_400_000


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.ms = NOW

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000


class Vendor:
    """Answers polls; can be held."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.polled: list[str] = []
        self.gate = Event()
        self.gate.set()
        self.failing: set[str] = set()

    def poll(self, account_id: str) -> PollState:
        self.polled.append(account_id)
        self.gate.wait()
        if account_id in self.failing:
            raise RuntimeError("no network")
        return PollState(last_poll_ms=self.clock.now_ms(), status="OK")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vendor(clock: Clock) -> Vendor:
    return Vendor(clock)


@pytest.fixture
def scheduler(clock: Clock, vendor: Vendor) -> Iterator[PollScheduler]:
    made = PollScheduler(vendor.poll, clock, interval_s=300)
    yield made
    made.close()


def settle(condition: object = None) -> None:
    with gevent.Timeout(5, AssertionError("not in time")):
        for _ in range(20):
            gevent.sleep(0.001)
        while condition is not None and not condition():  # type: ignore[operator]
            gevent.sleep(0.001)


def accounts(*ids: str) -> list[PolledAccount]:
    return [PolledAccount(id=ident, min_poll_s=60) for ident in ids]


class TestScheduler:
    def test_new_accounts_are_polled_once(
        self, scheduler: PollScheduler, vendor: Vendor, clock: Clock
    ) -> None:
        """Every account is asked when it appears, and then not before its interval ends."""
        scheduler.set_accounts(accounts("a", "b"))
        settle(lambda: len(vendor.polled) == 2)
        assert sorted(vendor.polled) == ["a", "b"]
        due = scheduler.next_poll_ms("a")
        assert due is not None
        assert due >= NOW + 300_000
        assert scheduler.next_poll_ms("nobody") is None

    def test_refresh_polls_or_defers(
        self, scheduler: PollScheduler, vendor: Vendor, clock: Clock
    ) -> None:
        """A refresh within the minimum is deferred, after it polls at once."""
        scheduler.set_accounts(accounts("a"))
        settle(lambda: vendor.polled == ["a"] and scheduler.in_flight == 0)
        assert scheduler.poll_now() == ([], ["a"])
        clock.ms += 61_000
        assert scheduler.poll_now(["a"]) == (["a"], [])
        settle(lambda: vendor.polled == ["a", "a"])

    def test_four_at_a_time(self, scheduler: PollScheduler, vendor: Vendor) -> None:
        """The fifth account waits until one of four is done."""
        vendor.gate.clear()
        scheduler.set_accounts(accounts("a", "b", "c", "d", "e"))
        settle(lambda: len(vendor.polled) == 4)
        assert scheduler.in_flight == 4
        vendor.gate.set()
        settle(lambda: len(vendor.polled) == 5)

    def test_a_raising_poll_counts_as_a_failure(
        self, scheduler: PollScheduler, vendor: Vendor, caplog: pytest.LogCaptureFixture
    ) -> None:
        """An exception backs the account off and leaves the loop running."""
        vendor.failing.add("a")
        scheduler.set_accounts(accounts("a"))
        settle(lambda: vendor.polled == ["a"] and scheduler.in_flight == 0)
        due = scheduler.next_poll_ms("a")
        assert due is not None
        assert due >= NOW + 600_000
        assert "poll_failed" in caplog.text
        scheduler.set_accounts(accounts("b"))
        settle(lambda: vendor.polled == ["a", "b"])

    def test_figures_from_elsewhere_postpone_the_poll(
        self, scheduler: PollScheduler, vendor: Vendor, clock: Clock
    ) -> None:
        """A snapshot that a hook brought counts like a poll."""
        scheduler.set_accounts(accounts("a"))
        settle(lambda: vendor.polled == ["a"] and scheduler.in_flight == 0)
        clock.ms += 200_000
        scheduler.update("a", PollState(last_poll_ms=clock.ms, status="OK"))
        scheduler.update("a", PollState(last_poll_ms=clock.ms, status="OK"))
        due = scheduler.next_poll_ms("a")
        assert due is not None
        assert due >= clock.ms + 300_000

    def test_interval_can_change(
        self, scheduler: PollScheduler, vendor: Vendor, clock: Clock
    ) -> None:
        """A shorter interval takes effect at once."""
        scheduler.set_accounts(accounts("a"))
        settle(lambda: vendor.polled == ["a"] and scheduler.in_flight == 0)
        clock.ms += 120_000
        scheduler.set_interval(60)
        settle(lambda: vendor.polled == ["a", "a"])
