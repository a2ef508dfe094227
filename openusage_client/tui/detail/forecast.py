"""
What is to be expected of an account, for its forecast card: limits, balances, and words for habits.

The arithmetic of habits and limits is `openusage_proto.forecasts`; balances are only forecast on
screen.  Each forecast can say how it was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from openusage_client.tui.limits import moment
from openusage_proto.activity_messages import SeriesPoint
from openusage_proto.forecasts import (
    HORIZON_DAYS,
    Habits,
    LimitForecast,
    expected,
    habits,
    limit_forecast,
    reached,
    used_between,
)
from openusage_proto.values import dataclass

__all__ = [
    "HORIZON_DAYS",
    "Habits",
    "LimitForecast",
    "RunOut",
    "expected",
    "habits",
    "limit_forecast",
    "reached",
    "run_out",
    "used_between",
    "usual_days",
    "usual_hours",
]

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY_S: Final = 86_400.0
_BUSY: Final = 0.05
"""Share of a week from which a weekday is one of the usual ones."""


# ------------------------------------------------------------------- balances


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOut:
    """
    A balance that goes down: `spent` over `days` between measured points, and when it is empty.

    `by` is `habits`, or `calendar` when the hours say nothing; `empty` None is not within two
    months.
    """

    remaining: float
    spent: float
    days: float
    points: int
    per_day: float
    empty: datetime | None
    by: str


def run_out(points: Sequence[SeriesPoint], of: Habits | None, now: datetime) -> RunOut | None:
    """
    When a balance is used up, from what it has lost between the points; top-ups are not losses.

    None with fewer than two points, or when nothing was lost.
    """
    known = [(moment(point.at), point.remaining) for point in points if point.remaining is not None]
    if len(known) < 2:
        return None
    spent = sum(max(0.0, a[1] - b[1]) for a, b in pairwise(known))
    first, remaining = known[0][0], known[-1][1]
    days = (max(known[-1][0], first) - first).total_seconds() / _DAY_S
    if spent <= 0 or days <= 0:
        return None
    per_day = spent / days
    done = used_between(of, first, known[-1][0]) if of is not None else 0.0
    if of is not None and done > 0:
        empty = reached(of, now, remaining / (spent / done)) if remaining > 0 else now
        by = "habits"
    else:
        left = timedelta(days=remaining / per_day)
        empty = now + left if left <= timedelta(days=HORIZON_DAYS) else None
        by = "calendar"
    return RunOut(
        remaining=remaining,
        spent=spent,
        days=days,
        points=len(known),
        per_day=per_day,
        empty=empty,
        by=by,
    )


# ---------------------------------------------------------------------- words


def usual_days(of: Habits) -> str:
    """The weekdays that most of the week falls on, runs of them joined."""
    shares = [sum(of.slots[day * 24 : day * 24 + 24]) / of.week for day in range(7)]
    busy = [day for day, share in enumerate(shares) if share >= _BUSY]
    runs: list[list[int]] = []
    for day in busy:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    words = [
        f"{_DAYS[run[0]]}–{_DAYS[run[-1]]}"  # noqa: RUF001
        if len(run) > 2
        else ", ".join(_DAYS[day] for day in run)
        for run in runs
    ]
    return ", ".join(words)


def usual_hours(of: Habits) -> str:
    """The hours that the middle 80 % of the use falls in."""
    by_hour = [sum(of.slots[day * 24 + hour] for day in range(7)) for hour in range(24)]
    edges = []
    for share in (0.1, 0.9):
        left = of.week * share
        for hour, part in enumerate(by_hour):
            if part > 0 and part >= left:
                edges.append(hour)
                break
            left -= part
    return f"{edges[0]}–{edges[1] + 1} h" if len(edges) == 2 else ""  # noqa: RUF001
