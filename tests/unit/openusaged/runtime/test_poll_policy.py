"""When vendors are asked: the rules, and an hour of forty accounts in no time."""

from __future__ import annotations

import dataclasses
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusaged.core.models import ACCOUNT_AUTH_REQUIRED, ACCOUNT_ERROR, ACCOUNT_LIMITED, ACCOUNT_OK
from openusaged.runtime.poll_policy import (
    AUTH_INTERVAL_S,
    BACKOFF_CAP_S,
    JITTER,
    PolledAccount,
    PollQueue,
    PollState,
    earliest_poll_ms,
    next_poll_ms,
)

NOW = 1_772_366_400_000
MIN = 60_000


def account(min_poll_s: float = 60.0, **state: object) -> PolledAccount:
    return PolledAccount(id="a", min_poll_s=min_poll_s, state=PollState(**state))  # type: ignore[arg-type]


def wait_s(polled: PolledAccount, interval_s: float = 300.0, now_ms: int = NOW) -> float:
    assert polled.state.last_poll_ms is not None
    return (next_poll_ms(polled, now_ms, interval_s) - polled.state.last_poll_ms) / 1000


class TestNextPoll:
    def test_first_poll_is_now(self) -> None:
        """An account that was never asked is due."""
        assert next_poll_ms(account(), NOW, 300) == NOW

    def test_interval_with_jitter(self) -> None:
        """After success the interval passes, plus at most the jitter."""
        wait = wait_s(account(last_poll_ms=NOW, status=ACCOUNT_OK))
        assert 300 <= wait <= 300 * (1 + JITTER)

    def test_providers_minimum_wins(self) -> None:
        """An interval shorter than the provider allows is not used."""
        assert wait_s(account(min_poll_s=600, last_poll_ms=NOW), interval_s=30) >= 600

    @pytest.mark.parametrize(
        ("failures", "base"), [(1, 600), (2, 1200), (3, 2400), (4, 3600), (900, 3600)]
    )
    def test_failures_back_off_up_to_an_hour(self, failures: int, base: float) -> None:
        """Each failure in a row doubles the wait, up to the cap."""
        wait = wait_s(account(last_poll_ms=NOW, failures=failures, status=ACCOUNT_ERROR))
        assert base <= wait <= base * (1 + JITTER)
        assert base <= BACKOFF_CAP_S

    def test_minimum_above_the_cap_is_kept(self) -> None:
        """The cap never shortens what the provider asks for."""
        assert wait_s(account(min_poll_s=7200, last_poll_ms=NOW, failures=1)) >= 7200

    def test_refused_credentials_are_tried_rarely(self) -> None:
        """Only the user can change them: half an hour at least."""
        wait = wait_s(
            account(last_poll_ms=NOW, failures=1, status=ACCOUNT_AUTH_REQUIRED), interval_s=60
        )
        assert AUTH_INTERVAL_S <= wait <= AUTH_INTERVAL_S * (1 + JITTER)

    def test_retry_after_is_honoured(self) -> None:
        """What the vendor asked for is kept even when everything else says now."""
        state = account(
            last_poll_ms=NOW - 10 * MIN, retry_at_ms=NOW + 45 * MIN, status=ACCOUNT_LIMITED
        )
        assert next_poll_ms(state, NOW, 300) == NOW + 45 * MIN
        assert earliest_poll_ms(state, NOW) == NOW + 45 * MIN
        assert next_poll_ms(account(retry_at_ms=NOW + MIN), NOW, 300) == NOW + MIN

    def test_a_reset_forces_a_poll(self) -> None:
        """When a limit resets before the interval ends, the poll comes right after it."""
        resets = (NOW - MIN, NOW + 90_000, NOW + 100 * MIN)
        assert wait_s(account(last_poll_ms=NOW, resets_at_ms=resets)) == 95

    def test_a_reset_does_not_beat_the_minimum(self) -> None:
        """The vendor's minimum holds also when a limit resets."""
        assert wait_s(account(min_poll_s=200, last_poll_ms=NOW, resets_at_ms=(NOW + 1000,))) == 200

    def test_a_reset_does_not_shorten_a_back_off(self) -> None:
        """A failing vendor is left alone."""
        assert wait_s(account(last_poll_ms=NOW, failures=2, resets_at_ms=(NOW + 1000,))) >= 1200

    def test_clock_set_back_does_not_silence(self) -> None:
        """A last poll in the future counts as now."""
        ahead = account(last_poll_ms=NOW + 10**9)
        assert next_poll_ms(ahead, NOW, 300) <= NOW + 331_000
        assert earliest_poll_ms(ahead, NOW) == NOW + MIN

    def test_a_restart_changes_nothing(self) -> None:
        """The same stored state gives the same time, jitter included."""
        state = account(last_poll_ms=NOW - MIN, failures=1)
        copy = dataclasses.replace(state, state=dataclasses.replace(state.state))
        assert next_poll_ms(state, NOW, 300) == next_poll_ms(copy, NOW + 1000, 300)

    @given(
        last=st.none() | st.integers(NOW - 10**8, NOW + 10**8),
        failures=st.integers(0, 2000),
        retry=st.none() | st.integers(NOW - 10**8, NOW + 10**8),
        resets=st.lists(st.integers(NOW - 10**8, NOW + 10**8), max_size=3),
        minimum=st.floats(0, 10_000),
        interval=st.floats(1, 100_000),
        status=st.sampled_from([ACCOUNT_OK, ACCOUNT_ERROR, ACCOUNT_AUTH_REQUIRED]),
    )
    def test_never_before_it_is_allowed(
        self,
        last: int | None,
        failures: int,
        retry: int | None,
        resets: list[int],
        minimum: float,
        interval: float,
        status: str,
    ) -> None:
        """No combination makes a poll due before the vendor's minimum and Retry-After."""
        state = PollState(
            last_poll_ms=last,
            failures=failures,
            retry_at_ms=retry,
            resets_at_ms=tuple(resets),
            status=status,
        )
        polled = PolledAccount(id="a", min_poll_s=minimum, state=state)
        due = next_poll_ms(polled, NOW, interval)
        if last is not None:
            assert due >= min(last, NOW) + round(minimum * 1000)
        if retry is not None:
            assert due >= retry


class TestQueue:
    def queue(self, count: int = 10, **state: object) -> PollQueue:
        queue = PollQueue(interval_s=300)
        queue.set_accounts(
            PolledAccount(id=f"a{n:02}", min_poll_s=60, state=PollState(**state))  # type: ignore[arg-type]
            for n in range(count)
        )
        return queue

    def test_at_most_four_in_flight(self) -> None:
        """Ten due accounts are polled four at a time."""
        queue = self.queue()
        assert queue.take_due(NOW) == ["a00", "a01", "a02", "a03"]
        assert queue.take_due(NOW) == []
        assert queue.in_flight == 4
        assert queue.next_due_ms(NOW) is None
        queue.finished("a00", PollState(last_poll_ms=NOW))
        assert queue.next_due_ms(NOW) == NOW
        assert queue.take_due(NOW) == ["a04"]

    def test_nothing_due_without_accounts(self) -> None:
        """No accounts, no timer."""
        queue = PollQueue(interval_s=300)
        assert queue.next_due_ms(NOW) is None
        assert queue.take_due(NOW) == []
        assert queue.due_ms("a", NOW) is None

    def test_asking_honours_the_minimum(self) -> None:
        """A user's refresh polls what may be polled and tells what must wait."""
        queue = self.queue(count=3, last_poll_ms=NOW - 2 * MIN)
        queue.finished("a01", PollState(last_poll_ms=NOW - 1000))
        assert queue.ask(None, NOW) == (["a00", "a02"], ["a01"])
        assert queue.due_ms("a00", NOW) <= NOW  # type: ignore[operator]
        assert queue.take_due(NOW) == ["a00", "a02"]
        assert queue.ask(["a00", "nobody"], NOW) == (["a00"], [])
        queue.finished("a00", PollState(last_poll_ms=NOW))
        assert queue.take_due(NOW) == []

    def test_accounts_that_went_away(self) -> None:
        """A poll of a removed account ends without a trace."""
        queue = self.queue(count=2)
        queue.ask(["a01"], NOW)
        assert queue.take_due(NOW) == ["a00", "a01"]
        queue.set_accounts([])
        queue.finished("a00", PollState(last_poll_ms=NOW))
        assert queue.in_flight == 1
        assert queue.state("a00") == PollState()
        assert queue.next_due_ms(NOW) is None


def test_an_hour_of_forty_accounts() -> None:
    """Forty accounts of all kinds, one hour: nobody is asked too often, nobody is forgotten."""
    queue = PollQueue(interval_s=300)
    kinds = ["ok", "failing", "auth", "throttled", "strict"]
    accounts = [
        PolledAccount(id=f"{kinds[n % 5]}-{n}", min_poll_s=900 if n % 5 == 4 else 60)
        for n in range(40)
    ]
    queue.set_accounts(accounts)
    polls: dict[str, list[int]] = defaultdict(list)
    running: list[tuple[int, str]] = []
    now, end, most = NOW, NOW + 3_600_000, 0
    while now < end:
        for ident in queue.take_due(now):
            polls[ident].append(now)
            running.append((now + 700, ident))
        most = max(most, queue.in_flight)
        next_due = queue.next_due_ms(now)
        moments = [when for when, _ in running] + ([next_due] if next_due is not None else [])
        now = max(now + 1, min(moments))
        for done in [item for item in running if item[0] <= now]:
            running.remove(done)
            ident = done[1]
            before = queue.state(ident)
            state = PollState(last_poll_ms=done[0], status=ACCOUNT_OK)
            if ident.startswith("failing"):
                state = dataclasses.replace(
                    state, status=ACCOUNT_ERROR, failures=before.failures + 1
                )
            elif ident.startswith("auth"):
                state = dataclasses.replace(
                    state, status=ACCOUNT_AUTH_REQUIRED, failures=before.failures + 1
                )
            elif ident.startswith("throttled"):
                state = dataclasses.replace(
                    state,
                    status=ACCOUNT_LIMITED,
                    failures=before.failures + 1,
                    retry_at_ms=done[0] + 40 * MIN,
                )
            queue.finished(ident, state)
    assert most == 4
    assert len(polls) == 40
    bounds = {
        "ok": (11, 12),
        "failing": (3, 3),
        "auth": (2, 2),
        "throttled": (2, 2),
        "strict": (4, 4),
    }
    for ident, times in polls.items():
        low, high = bounds[ident.split("-")[0]]
        assert low <= len(times) <= high, (ident, len(times))
    # they drift apart: the second polls of the healthy ones are spread over the jitter
    seconds = [times[1] for ident, times in polls.items() if ident.startswith("ok")]
    assert max(seconds) - min(seconds) > 10_000
