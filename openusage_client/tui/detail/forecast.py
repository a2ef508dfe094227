"""
What is to be expected, from how an account is really used: by weekday and hour, not all day long.

Pure functions of the active hours of the last weeks, the limits and the measured balances.  Each
forecast can say how it was made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Final

from openusage_client.tui.limits import moment, used_percent, window_seconds
from openusage_proto.activity_messages import ActivityHour, SeriesPoint
from openusage_proto.messages import Metric

PROFILE_DAYS: Final = 28
"""Four weeks: every weekday counts the same, and old habits are forgotten."""
MIN_DAYS: Final = 7
"""With less than a week behind it, a weekday has not been seen at all."""
HORIZON_DAYS: Final = 60
_HOUR: Final = timedelta(hours=1)
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY_S: Final = 86_400.0
_BUSY: Final = 0.05
"""Share of a week from which a weekday is one of the usual ones."""
_SHORT_S: Final = _DAY_S / 2
"""Windows shorter than this say nothing about a day, so only their own pace counts."""

Value = Callable[[ActivityHour], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """
    The mean use of each hour of a week (Monday 0:00 first), and what it was made of.

    `value` says of an hour what is counted; `unit` names it.
    """

    slots: tuple[float, ...]
    hours: Sequence[ActivityHour]
    value: Value
    unit: str
    since: date
    days: int
    active_days: int
    until: datetime

    @property
    def week(self) -> float:
        """What a usual week comes to."""
        return sum(self.slots)


def habits(hours: Sequence[ActivityHour], since: date, now: datetime, unit: str) -> Habits | None:
    """
    What a week looks like, from the last four weeks (fewer when there are fewer).

    None when there is less than a week or nothing was used.

    Args:
        hours: active hours.
        since: first local day that anything is known of.
        now: with the zone that days and hours are counted in.
        unit: `cost` or `tokens`.
    """
    value: Value = (lambda hour: hour.cost_usd) if unit == "cost" else (lambda hour: hour.tokens)
    first = max(since, now.date() - timedelta(days=PROFILE_DAYS - 1))
    days = (now.date() - first).days + 1
    if days < MIN_DAYS:
        return None
    sums = [0.0] * 168
    active: set[date] = set()
    for hour in hours:
        local = moment(hour.at).astimezone(now.tzinfo)
        if local.date() >= first and local <= now and value(hour) > 0:
            sums[local.weekday() * 24 + local.hour] += value(hour)
            active.add(local.date())
    seen = [0.0] * 168
    start = datetime(first.year, first.month, first.day, tzinfo=now.tzinfo)
    at = start.astimezone(UTC)
    while at < now:
        local = at.astimezone(now.tzinfo)
        # The hour we are in has only been seen in part.
        seen[local.weekday() * 24 + local.hour] += min(1.0, (now - at) / _HOUR)
        at += _HOUR
    slots = tuple(total / count if count else 0.0 for total, count in zip(sums, seen, strict=True))
    if not any(slots):
        return None
    return Habits(
        slots=slots,
        hours=hours,
        value=value,
        unit=unit,
        since=first,
        days=days,
        active_days=len(active),
        until=now,
    )


def expected(of: Habits, start: datetime, end: datetime) -> float:
    """What usually comes between two times, hour by hour of the clock on the wall."""
    return sum(part for _, part in _steps(of, start, end))


def reached(of: Habits, start: datetime, amount: float) -> datetime | None:
    """When that much will have come; None when not within two months."""
    left = amount
    for at, part in _steps(of, start, start + timedelta(days=HORIZON_DAYS)):
        if part > 0 and part >= left:
            end = _next_hour(at)
            return (at + (end - at) * (left / part)).astimezone(start.tzinfo)
        left -= part
    return None


def used_between(of: Habits, start: datetime, end: datetime) -> float:
    """What was used between two times; an hour that is cut counts in proportion."""
    total = 0.0
    for hour in of.hours:
        begun = moment(hour.at)
        over = min(begun + _HOUR, max(of.until, begun + timedelta(minutes=1)))
        inside = (min(over, end) - max(begun, start)) / (over - begun)
        if inside > 0:
            total += of.value(hour) * inside
    return total


def _next_hour(at: datetime) -> datetime:
    local = at.astimezone(UTC)
    return local.replace(minute=0, second=0, microsecond=0) + _HOUR


def _steps(of: Habits, start: datetime, end: datetime) -> list[tuple[datetime, float]]:
    found = []
    at = start
    while at < end:
        until = min(_next_hour(at), end)
        share = (until - at).total_seconds() / 3600
        local = at.astimezone(start.tzinfo)
        found.append((at, of.slots[local.weekday() * 24 + local.hour] * share))
        at = until
    return found


# --------------------------------------------------------------------- limits


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitForecast:
    """
    A limit at its reset: `percent` used by then, and when it is full if that comes before.

    `by` is `habits`, or `pace` for a window too short for them.
    """

    percent: float
    resets: datetime
    full: datetime | None
    by: str


def limit_forecast(metric: Metric, of: Habits | None, now: datetime) -> LimitForecast | None:
    """How far a limit will be used at its reset; None when that cannot be known."""
    length = window_seconds(metric.window)
    used = used_percent(metric)
    if not length or used is None or not metric.resets_at:
        return None
    resets = moment(metric.resets_at).astimezone(now.tzinfo)
    begun = resets - timedelta(seconds=length)
    if not begun < now < resets or used <= 0 or used >= 100:
        return None
    elapsed = (now - begun).total_seconds()
    if length < _SHORT_S or of is None:
        if elapsed < length * 0.05:
            return None
        rate = used / elapsed
        percent = used + rate * (resets - now).total_seconds()
        full = now + timedelta(seconds=(100.0 - used) / rate) if percent > 100 else None
        return LimitForecast(percent=percent, resets=resets, full=full, by="pace")
    done = used_between(of, begun, now)
    if done <= 0:
        # Somebody else's use of the same plan: nothing here says how it goes on.
        return None
    ratio = used / done
    percent = used + ratio * expected(of, now, resets)
    full = reached(of, now, (100.0 - used) / ratio) if percent > 100 else None
    return LimitForecast(percent=percent, resets=resets, full=full, by="habits")


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
