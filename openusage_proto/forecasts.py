"""
What is to be expected, from how an account is really used: by weekday and hour, not all day long.

Pure functions of the active hours of the last weeks and the limits.  Shared by both sides, so that
an alert says the same as the dashboard.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

from openusage_proto.activity_messages import ActivityHour
from openusage_proto.limits import moment, used_percent, window_seconds
from openusage_proto.messages import Metric
from openusage_proto.values import dataclass

PROFILE_DAYS: Final = 28
"""Four weeks: every weekday counts the same, and old habits are forgotten."""
MIN_DAYS: Final = 7
"""With less than a week behind it, a weekday has not been seen at all."""
HORIZON_DAYS: Final = 60
_HOUR: Final = timedelta(hours=1)
_DAY_S: Final = 86_400.0
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
