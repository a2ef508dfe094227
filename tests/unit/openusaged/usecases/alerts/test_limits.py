"""Conditions on accounts: which figures a rule is about, when it holds, and the sentence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from openusage_proto import forecasts
from openusage_proto.activity_messages import ActivityHour
from openusage_proto.forecasts import Habits
from openusaged.config.alerts import BALANCE, LIMIT, PACE, RESET, STALE, AlertRule
from openusaged.core.models import Account, LimitMetric, UsageSnapshot
from openusaged.storage.store import StoredSnapshot
from openusaged.usecases.alerts.limits import findings_of
from openusaged.usecases.alerts.memory import Finding
from openusaged.usecases.alerts.wording import Words

HOUR = 3_600_000
# A Wednesday, noon.
NOON = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
NOW = int(NOON.timestamp() * 1000)
ACCOUNT = Account(id="claude-code", provider_id="claude_code")


def week(used: float, ends_in_h: float = 90, **more: Any) -> LimitMetric:
    given: dict[str, Any] = {
        "key": "usage_seven_day",
        "unit": "%",
        "window": "7d",
        "label": "7-day limit",
        "used": used,
        "limit": 100.0,
        "resets_at_ms": NOW + round(ends_in_h * HOUR),
    }
    return LimitMetric(**(given | more))


def stored(*metrics: LimitMetric, ts_ms: int = NOW, **more: Any) -> StoredSnapshot:
    good = UsageSnapshot(
        provider_id="claude_code",
        account_id="claude-code",
        ts_ms=ts_ms,
        status="OK",
        metrics=metrics,
    )
    return StoredSnapshot(last_good=good, latest_status="OK", latest_ms=ts_ms, **more)


def look(
    rule: AlertRule, poll: StoredSnapshot, habits: Habits | None = None, now_ms: int = NOW
) -> list[Finding]:
    words = Words(now_ms, UTC)
    return list(findings_of(ACCOUNT, "Claude Code", poll, [("r", rule)], words, lambda: habits))


@pytest.mark.parametrize(
    ("used", "holds", "clear"),
    [(79.9, False, False), (80.0, True, False), (101.0, True, False), (74.9, False, True)],
)
def test_limit(used: float, holds: bool, clear: bool) -> None:
    """It holds from its threshold on and is surely over five points below."""
    (found,) = look(AlertRule(on=LIMIT, at=80), stored(week(used)))
    assert (found.holds, found.clear) == (holds, clear)
    assert found.subject == "claude-code/usage_seven_day"
    assert found.window_ms == NOW + 90 * HOUR


def test_limit_says_what_and_until_when() -> None:
    """One sentence, with the facts for programs beside it."""
    (found,) = look(AlertRule(on=LIMIT, at=80), stored(week(83.6)))
    facts = found.facts()
    assert facts.text == (
        "Claude Code: 83% of 7-day limit used; it starts anew Sun 06:00 (in 3d18h)."
    )
    assert (facts.value, facts.threshold, facts.unit) == (83.6, 80.0, "%")
    assert facts.resets_at == "2026-03-15T06:00:00Z"


@pytest.mark.parametrize(
    ("rule", "count"),
    [
        (AlertRule(on=LIMIT), 1),
        (AlertRule(on=LIMIT, window="5h"), 0),
        (AlertRule(on=LIMIT, window="7d"), 1),
        (AlertRule(on=LIMIT, metric="requests_per_minute"), 1),
        (AlertRule(on=LIMIT, account="codex"), 0),
        (AlertRule(on=LIMIT, account="claude-code", provider="claude_code"), 1),
        (AlertRule(on=LIMIT, provider="codex"), 0),
        (AlertRule(on=BALANCE, below=5), 1),
    ],
)
def test_scope(rule: AlertRule, count: int) -> None:
    """Rate limits of a minute and shares that are no limits are meant only by name."""
    poll = stored(
        week(10),
        LimitMetric(key="requests_per_minute", unit="requests", window="1m", used=99, limit=100),
        LimitMetric(key="cache_hit_ratio", unit="%", used=99.0),
        LimitMetric(key="credits", unit="USD", remaining=4.0),
    )
    assert len(look(rule, poll)) == count


def test_figures_of_a_window_that_is_over_count_no_more() -> None:
    """A percentage is zero after its reset; of counts nothing is known until they are asked."""
    (found,) = look(AlertRule(on=LIMIT), stored(week(99, ends_in_h=-1)))
    assert (found.holds, found.clear) == (False, True)
    used = week(99, ends_in_h=-1, unit="requests")
    assert look(AlertRule(on=LIMIT), stored(used)) == []
    assert look(AlertRule(on=LIMIT), StoredSnapshot()) == []
    unknown = week(0, limit=None, unit="requests")
    assert look(AlertRule(on=LIMIT, metric="usage_seven_day"), stored(unknown)) == []


def test_balance() -> None:
    """A balance in its own unit; surely over only a little above its bound."""
    rule = AlertRule(on=BALANCE, below=5.0)
    for left, holds, clear in ((5.0, True, False), (5.2, False, False), (5.3, False, True)):
        metric = LimitMetric(key="credits", unit="USD", label="credit", remaining=left)
        (found,) = look(rule, stored(metric))
        assert (found.holds, found.clear) == (holds, clear)
        assert found.facts().unit == "USD"
        assert f"${left:.2f} left of credit, not more than $5.00" in found.facts().text


def test_reset() -> None:
    """Armed by use, told with the window's end; never clears by itself."""
    (found,) = look(AlertRule(on=RESET, at=80), stored(week(85)))
    assert (found.holds, found.clear, found.is_reset) == (True, False, True)
    assert found.facts().text == "Claude Code: 7-day limit has started anew."
    (endless,) = look(AlertRule(on=RESET, at=80), stored(week(85, resets_at_ms=None)))
    assert not endless.holds


def office() -> Habits:
    """A dollar an hour from 9 to 17 on working days, for four weeks."""
    hours = []
    for back in range(28):
        day = NOON - timedelta(days=back)
        if day.weekday() < 5:
            for hour in range(9, 17):
                at = day.replace(hour=hour)
                if at < NOON:
                    hours.append(
                        ActivityHour(at=at.isoformat(), tokens=1, requests=1, cost_usd=1.0)
                    )
    found = forecasts.habits(hours, NOON.date() - timedelta(days=27), NOON, "cost")
    assert found is not None
    return found


class TestPace:
    # The window began on Monday morning: 19 of its working hours are behind, 21 ahead.
    RULE = AlertRule(on=PACE, at=20)

    def window(self, used: float) -> LimitMetric:
        return week(used, resets_at_ms=int(datetime(2026, 3, 16, tzinfo=UTC).timestamp() * 1000))

    def test_a_weekend_is_no_working_time(self) -> None:
        """By the clock 49 % after 60 of 168 hours would run out on Saturday; by habit it lasts."""
        assert look(self.RULE, stored(self.window(46)), office()) == []
        (by_clock,) = look(self.RULE, stored(self.window(46)), None)
        assert by_clock.holds

    def test_what_will_not_last_is_told_with_its_end(self) -> None:
        """60 % after 19 hours: 40 % last for 12 h 40 min of work, which end on Thursday."""
        (found,) = look(self.RULE, stored(self.window(60)), office())
        assert found.holds
        assert not found.clear
        facts = found.facts()
        assert facts.lasts_until == "2026-03-12T16:40:00Z"
        assert "as it goes it lasts until Thu 16:40" in facts.text
        assert "not until it starts anew Mon 00:00" in facts.text

    def test_little_use_is_not_worth_a_word(self) -> None:
        """Early in a window a forecast is a guess: from a share on only."""
        assert look(self.RULE, stored(self.window(19)), None) == []
        assert look(self.RULE, stored(week(99, ends_in_h=-1)), None) == []


class TestStale:
    RULE = AlertRule(on=STALE, minutes=120)

    def test_failures_for_so_long(self) -> None:
        """Held from two hours after the last good answer; a good one ends it."""
        failing = {"failures": 2}
        young = stored(ts_ms=NOW - HOUR, **failing)
        old = stored(ts_ms=NOW - 3 * HOUR, **failing)
        (early,) = look(self.RULE, young)
        assert (early.holds, early.clear, early.due_ms) == (False, False, NOW + HOUR)
        (late,) = look(self.RULE, old)
        assert late.holds
        facts = late.facts()
        assert (facts.value, facts.unit) == (180.0, "min")
        assert "no new figures since 09:00 (3h00m ago, ok)" in facts.text
        (good,) = look(self.RULE, stored(ts_ms=NOW - 3 * HOUR))
        assert (good.holds, good.clear) == (False, True)

    def test_a_source_that_never_answered(self) -> None:
        """Several failures stand for the time that is not known."""
        (found,) = look(
            self.RULE, StoredSnapshot(latest_status="AUTH_REQUIRED", latest_ms=NOW, failures=4)
        )
        assert found.holds
        facts = found.facts()
        assert facts.value is None
        assert "could not be read yet (auth required)" in facts.text
        (once,) = look(self.RULE, StoredSnapshot(latest_status="ERROR", latest_ms=NOW, failures=1))
        assert not once.holds
