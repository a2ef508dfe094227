"""Edges: what is news, and for how long a crossing is remembered."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from openusage_proto.alert_messages import AlertFacts
from openusaged.storage.store import AlertState
from openusaged.usecases.alerts.memory import Finding, step

HOUR = 3_600_000
COOLDOWN = 900_000
NOW = 1_800_000_000_000


def finding(percent: float, window_ms: int = 0, **more: Any) -> Finding:
    """A limit with a threshold of 80."""
    given: dict[str, Any] = {
        "rule": "limit-80",
        "subject": "a/week",
        "holds": percent >= 80,
        "clear": percent < 75,
        "window_ms": window_ms,
        "facts": lambda: AlertFacts(rule="limit-80", kind="limit", at="", text=""),
    }
    return Finding(**(given | more))


class Watched:
    """Steps through figures as the ledger does: what was told is noted."""

    def __init__(self) -> None:
        self.state: AlertState | None = None
        self.now = NOW
        self.told = 0
        self.repeated = 0

    def see(self, one: Finding, after_ms: int = 60_000) -> bool:
        self.now += after_ms
        edge = step(self.state, one, self.now, COOLDOWN)
        self.state = edge.state
        if edge.is_repeated:
            self.repeated += 1
        elif edge.is_news:
            self.told += 1
            self.state = AlertState(
                rule=edge.state.rule,
                subject=edge.state.subject,
                active=edge.state.active,
                window_ms=edge.state.window_ms,
                fired_ms=self.now,
            )
        return edge.is_news and not edge.is_repeated


def test_a_crossing_is_told_once() -> None:
    """As long as the figure stays above, nothing more is said."""
    limit = Watched()
    end = NOW + 5 * HOUR
    assert [limit.see(finding(percent, end)) for percent in (50, 80, 81, 90, 99)] == [
        False,
        True,
        False,
        False,
        False,
    ]


def test_a_dip_within_hysteresis_is_no_new_crossing() -> None:
    """A figure that wavers around its threshold is told once."""
    limit = Watched()
    seen = [limit.see(finding(percent), after_ms=HOUR) for percent in (81, 79, 80, 76, 82)]
    assert seen == [True, False, False, False, False]


def test_a_real_fall_arms_it_again() -> None:
    """Five points below the threshold the memory ends; within the cooldown nothing is told."""
    limit = Watched()
    assert limit.see(finding(85))
    limit.see(finding(74))
    assert not limit.see(finding(85))
    assert limit.repeated == 1
    limit.see(finding(10))
    assert limit.see(finding(85), after_ms=HOUR)


def test_a_new_window_arms_it_again() -> None:
    """A figure that is high in the next window is told although it was never seen low."""
    limit = Watched()
    assert limit.see(finding(85, NOW + HOUR))
    assert not limit.see(finding(85, NOW + HOUR), after_ms=2 * HOUR)
    assert limit.see(finding(85, NOW + 6 * HOUR))


def test_a_reset_that_jitters_is_no_new_window() -> None:
    """Vendors give a few seconds more or less each time."""
    limit = Watched()
    end = NOW + HOUR
    assert limit.see(finding(85, end))
    for shift in (1_000, -1_000, 2_000):
        assert not limit.see(finding(86, end + shift))
    assert not limit.see(finding(86, end + 1_000), after_ms=HOUR)


class TestReset:
    def one(self, percent: float, window_ms: int) -> Finding:
        return finding(percent, window_ms, clear=False, is_reset=True)

    def test_the_end_of_a_used_window_is_news(self) -> None:
        """Once: when the window has passed, also when no figure of the new one is known yet."""
        limit, end = Watched(), NOW + HOUR
        assert not limit.see(self.one(85, end))
        assert not limit.see(self.one(90, end))
        assert limit.see(self.one(0, end), after_ms=HOUR)
        assert not limit.see(self.one(3, end + 5 * HOUR))

    def test_an_unused_window_ends_without_a_word(self) -> None:
        """Nobody waits for a limit that was hardly used."""
        limit, end = Watched(), NOW + HOUR
        limit.see(self.one(40, end))
        assert not limit.see(self.one(0, end + 5 * HOUR), after_ms=2 * HOUR)

    def test_an_early_reset_is_news(self) -> None:
        """A vendor that starts a window anew before its time is noticed."""
        limit, end = Watched(), NOW + 50 * HOUR
        limit.see(self.one(95, end))
        assert limit.see(self.one(2, end + 20 * HOUR))

    def test_a_jittering_end_is_told_once(self) -> None:
        """The same reset a second later is the same reset."""
        limit, end = Watched(), NOW + HOUR
        limit.see(self.one(85, end))
        limit.see(self.one(86, end + 1_500), after_ms=HOUR - 60_000 + 500)
        assert limit.see(self.one(0, end + 1_500), after_ms=3_000)
        assert not limit.see(self.one(0, end + 1_500), after_ms=3_000)
        assert limit.told == 1

    def test_a_busy_new_window_counts_itself(self) -> None:
        """The next window is armed at once when it is used up again."""
        limit, end = Watched(), NOW + HOUR
        limit.see(self.one(85, end))
        assert limit.see(self.one(90, end + 5 * HOUR), after_ms=2 * HOUR)
        assert limit.see(self.one(0, end + 5 * HOUR), after_ms=10 * HOUR)


@given(st.lists(st.floats(0, 120), max_size=40))
def test_never_twice_without_a_fall_between(percents: list[float]) -> None:
    """However a figure moves, two alerts have a clear fall between them."""
    limit, armed = Watched(), True
    for percent in percents:
        told = limit.see(finding(percent), after_ms=HOUR)
        assert told == (armed and percent >= 80)
        armed = percent < 75 or (armed and not told)
