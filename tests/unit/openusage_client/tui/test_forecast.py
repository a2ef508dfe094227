"""Forecasts: worked out by hand from simple weeks, and silent where nothing can be known."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from openusage_client.tui.detail import forecast
from openusage_proto.activity_messages import ActivityHour, SeriesPoint
from openusage_proto.messages import Metric

BERLIN = ZoneInfo("Europe/Berlin")
# A Thursday, 12:00.
NOW = datetime(2026, 3, 12, 12, 0, tzinfo=BERLIN)


def hour(at: datetime, tokens: int = 100, cost: float = 1.0) -> ActivityHour:
    return ActivityHour(at=at.isoformat(), tokens=tokens, requests=1, cost_usd=cost)


def office(now: datetime = NOW, days: int = 28) -> list[ActivityHour]:
    """One dollar in each hour from 9 to 17 on working days: 8 a day, 40 a week."""
    found = []
    for back in range(days):
        day = now - timedelta(days=back)
        if day.weekday() < 5:
            found += [
                hour(day.replace(hour=at, minute=0))
                for at in range(9, 17)
                if day.replace(hour=at, minute=0) < now
            ]
    return found


def habits(now: datetime = NOW, unit: str = "cost", days: int = 28) -> forecast.Habits:
    since = now.date() - timedelta(days=days - 1)
    found = forecast.habits(office(now, days), since, now, unit)
    assert found is not None
    return found


def test_a_usual_week_is_the_mean_of_its_hours():
    """Five days of eight dollars are forty; nobody works on the weekend or at night."""
    of = habits()
    assert of.week == pytest.approx(40.0)
    assert (of.days, of.active_days) == (28, 20)
    assert forecast.usual_days(of) == "Mon–Fri"
    assert forecast.usual_hours(of) == "9–17 h"


def test_the_next_days_follow_the_calendar_not_the_clock():
    """From Thursday noon: five hours today, eight on Friday, none until Monday."""
    of = habits()
    assert forecast.expected(of, NOW, NOW + timedelta(days=1)) == pytest.approx(5 + 3)
    friday = NOW + timedelta(days=2)
    assert forecast.expected(of, NOW, friday.replace(hour=0)) == pytest.approx(13)
    monday = (NOW + timedelta(days=4)).replace(hour=9)
    assert forecast.expected(of, NOW, monday) == pytest.approx(13)
    assert forecast.expected(of, NOW, NOW + timedelta(days=7)) == pytest.approx(40)


def test_an_amount_is_reached_in_a_working_hour():
    """Thirteen dollars are gone on Friday at 17:00, one more on Monday at 10:00."""
    of = habits()
    friday = (NOW + timedelta(days=1)).replace(hour=17)
    assert forecast.reached(of, NOW, 13.0) == friday
    assert forecast.reached(of, NOW, 13.5) == (NOW + timedelta(days=4)).replace(hour=9, minute=30)
    assert forecast.reached(of, NOW, 10_000) is None


def test_less_than_a_week_or_nothing_says_nothing():
    """Without a whole week behind it, and without any use, there are no habits."""
    assert forecast.habits(office(), NOW.date() - timedelta(days=5), NOW, "cost") is None
    assert forecast.habits([], NOW.date() - timedelta(days=30), NOW, "cost") is None
    free = [hour(NOW - timedelta(days=3), cost=0.0)]
    assert forecast.habits(free, NOW.date() - timedelta(days=30), NOW, "cost") is None
    assert forecast.habits(free, NOW.date() - timedelta(days=30), NOW, "tokens") is not None


def test_hours_keep_their_place_when_the_clocks_change():
    """Office hours stay office hours in the week after the change to summer time."""
    now = datetime(2026, 3, 31, 12, 0, tzinfo=BERLIN)
    of = habits(now)
    assert forecast.usual_hours(of) == "9–17 h"
    assert of.week == pytest.approx(40.0)
    change = datetime(2026, 3, 28, 0, 0, tzinfo=BERLIN)
    monday = datetime(2026, 3, 30, 10, 0, tzinfo=BERLIN)
    assert forecast.reached(of, change, 1.0) == monday


def weekly(used: float, resets: datetime) -> Metric:
    return Metric(
        key="w", unit="%", window="7d", used=used, limit=100.0, resets_at=resets.isoformat()
    )


def test_a_weekly_limit_is_extended_by_working_hours():
    """Begun on Monday 9:00, 27 hours of work used 60 %: nothing is added over the weekend."""
    monday = datetime(2026, 3, 9, 9, 0, tzinfo=BERLIN)
    found = forecast.limit_forecast(weekly(54.0, monday + timedelta(days=7)), habits(), NOW)
    assert found is not None
    # 27 hours came to 54 %; 13 hours are still to come: 26 % more.
    assert found.percent == pytest.approx(80.0)
    assert (found.full, found.by) == (None, "habits")
    close = forecast.limit_forecast(weekly(81.0, monday + timedelta(days=7)), habits(), NOW)
    assert close is not None
    # 19 % left at 3 % an hour: six hours and twenty minutes of work from now.
    assert close.full is not None
    expected = (NOW + timedelta(days=1)).replace(hour=10, minute=20)
    assert abs(close.full - expected) < timedelta(seconds=1)


def test_a_short_window_goes_by_its_own_pace():
    """Five hours know no weekday: 40 % in two of them are 100 % at the end."""
    metric = Metric(key="h", unit="%", window="5h", used=44.0, limit=100.0,
                    resets_at=(NOW + timedelta(hours=3)).isoformat())  # fmt: skip
    found = forecast.limit_forecast(metric, habits(), NOW)
    assert found is not None
    assert (found.by, round(found.percent)) == ("pace", 110)
    assert found.full is not None
    assert found.full < found.resets


@pytest.mark.parametrize("changes", [
    {"used": None}, {"used": 0.0}, {"used": 100.0}, {"resets_at": None}, {"window": "month"},
    {"resets_at": (NOW - timedelta(hours=1)).isoformat()},
])  # fmt: skip
def test_a_limit_without_a_future_has_no_forecast(changes):
    """Unknown use, no reset, an unknown window, a reset that is over, nothing or all used."""
    from dataclasses import replace

    metric = replace(weekly(50.0, NOW + timedelta(days=3)), **changes)
    assert forecast.limit_forecast(metric, habits(), NOW) is None


def test_use_from_elsewhere_is_not_extended():
    """A plan used on another machine only: the hours here say nothing about it."""
    sunday = NOW - timedelta(days=4)
    metric = weekly(50.0, sunday + timedelta(days=7))
    idle = forecast.habits(
        [one for one in office() if one.at < sunday.isoformat()],
        NOW.date() - timedelta(days=27), NOW, "cost",
    )  # fmt: skip
    assert forecast.limit_forecast(metric, idle, NOW) is None
    early = Metric(key="h", unit="%", window="5h", used=1.0, limit=100.0,
                   resets_at=(NOW + timedelta(hours=4, minutes=58)).isoformat())  # fmt: skip
    assert forecast.limit_forecast(early, None, NOW) is None


def point(at: datetime, left: float | None) -> SeriesPoint:
    return SeriesPoint(at=at.isoformat(), remaining=left)


def test_a_balance_runs_out_by_measured_losses():
    """Since Monday 9:00, 27 hours of work took 27 dollars: 13 are left, until Friday at 17:00."""
    start = datetime(2026, 3, 9, 9, 0, tzinfo=BERLIN)
    found = forecast.run_out([point(start, 40.0), point(NOW, 13.0)], habits(), NOW)
    assert found is not None
    assert (found.spent, found.remaining, found.points, found.by) == (27.0, 13.0, 2, "habits")
    assert found.empty is not None
    assert abs(found.empty - (NOW + timedelta(days=1)).replace(hour=17)) < timedelta(seconds=1)


def test_a_top_up_is_no_loss_and_unknown_points_are_left_out():
    """Only what went down counts."""
    days = [NOW - timedelta(days=back) for back in (4, 3, 2, 1, 0)]
    points = [point(at, left) for at, left in zip(days, (10.0, 8.0, None, 28.0, 26.0), strict=True)]
    found = forecast.run_out(points, None, NOW)
    assert found is not None
    assert (found.spent, found.per_day, found.by) == (4.0, 1.0, "calendar")
    assert found.empty == NOW + timedelta(days=26)


def test_a_balance_that_does_not_fall_has_no_end():
    """One point, no loss, or so little that it lasts: nothing is invented."""
    day = timedelta(days=1)
    assert forecast.run_out([point(NOW, 5.0)], None, NOW) is None
    assert forecast.run_out([point(NOW - day, 5.0), point(NOW, 5.0)], None, NOW) is None
    slow = forecast.run_out([point(NOW - day, 1000.0), point(NOW, 999.0)], None, NOW)
    assert slow is not None
    assert slow.empty is None
    empty = forecast.run_out([point(NOW - day, 1.0), point(NOW, 0.0)], habits(), NOW)
    assert empty is not None
    assert empty.empty == NOW


def test_scattered_days_are_named_one_by_one():
    """Two days that are no run, and a single hour."""
    hours = [
        hour((NOW - timedelta(days=back)).replace(hour=20, minute=0)) for back in (2, 5, 9, 12)
    ]
    of = forecast.habits(hours, NOW.date() - timedelta(days=27), NOW, "tokens")
    assert of is not None
    assert forecast.usual_days(of) == "Tue, Sat"
    assert forecast.usual_hours(of) == "20–21 h"
