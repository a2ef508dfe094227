"""
Time windows and local days, in quarter hours.

Everything is stored in UTC quarter hours; a zone is applied when reading.  A *segment* is a span
with one UTC offset, so that a quarter's local day is plain arithmetic inside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from openusage_proto.values import dataclass
from openusaged.core.models import QUARTER_MS

DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
QUARTERS_PER_DAY: Final = DAY_MS // QUARTER_MS
EPOCH: Final = date(1970, 1, 1)
_EPOCH_UTC: Final = datetime(1970, 1, 1, tzinfo=UTC)
WINDOW_DAYS: Final = {"3d": 3, "7d": 7, "30d": 30}
WINDOWS: Final = ("1d", "3d", "7d", "30d", "all")


@dataclass(frozen=True, slots=True)
class Segment:
    """Quarters [start_q, end_q) in which local time is UTC plus `offset_q` quarters."""

    start_q: int
    end_q: int
    offset_q: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Quarters [start_q, end_q); `start_q` None is "since ever"."""

    start_q: int | None
    end_q: int


def quarter_of(ts_ms: int) -> int:
    """The quarter hour that holds an instant."""
    return ts_ms // QUARTER_MS


def zone_of(name: str) -> tzinfo:
    """
    The zone with this IANA name.

    Raises:
        ValueError: there is no such zone.
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f"unknown time zone {name!r}; use an IANA name like Europe/Berlin"
        ) from None


def to_datetime(ts_ms: int, zone: tzinfo = UTC) -> datetime:
    """An aware datetime of an instant."""
    moment = _EPOCH_UTC + timedelta(milliseconds=ts_ms)
    return moment if zone is UTC else moment.astimezone(zone)


def iso(ts_ms: int | None, zone: tzinfo = UTC) -> str | None:
    """ISO 8601 with zone and milliseconds where there are any; None stays None."""
    if ts_ms is None:
        return None
    text = to_datetime(ts_ms, zone).isoformat(
        timespec="milliseconds" if ts_ms % 1000 else "seconds"
    )
    return text.replace("+00:00", "Z")


def local_date(ts_ms: int, zone: tzinfo) -> date:
    """The local day of an instant."""
    return to_datetime(ts_ms, zone).date()


@lru_cache(maxsize=2048)
def day_start_ms(day: date, zone: tzinfo) -> int:
    """
    First instant of a local day.

    Where midnight does not exist (clocks go forward at 00:00) the day begins at the first instant
    that does; where it happens twice, at the first one.
    """
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    start = int(midnight.timestamp() * 1000)
    if local_date(start, zone) < day:
        # The gap: step to the change, which lies on a quarter hour.
        start = (start // QUARTER_MS) * QUARTER_MS
        while local_date(start, zone) < day:
            start += QUARTER_MS
    return start


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def day_of_number(number: int) -> date:
    """The day with this number."""
    return EPOCH + timedelta(days=number)


def window_span(window: str, now_ms: int, zone: tzinfo) -> Span:
    """
    The quarters of a named window: `1d` since local midnight, `3d`/`7d`/`30d` rolling, `all`.

    A rolling window begins at the quarter hour that holds its start, so it may be up to fifteen
    minutes longer than its name.
    """
    end_q = quarter_of(now_ms) + 1
    if window == "all":
        return Span(start_q=None, end_q=_far(end_q))
    if window == "1d":
        start = day_start_ms(local_date(now_ms, zone), zone)
        return Span(start_q=quarter_of(start), end_q=_far(end_q))
    start = now_ms - WINDOW_DAYS[window] * DAY_MS
    return Span(start_q=quarter_of(start), end_q=_far(end_q))


def _far(end_q: int) -> int:
    """A day beyond now, so that an event of a clock slightly ahead is not hidden until later."""
    return end_q + QUARTERS_PER_DAY


def offset_quarters(ts_ms: int, zone: tzinfo) -> int:
    """
    UTC offset at an instant in quarter hours.

    Every offset in use today is a multiple of fifteen minutes; odd historical ones (local mean
    time before 1972) are rounded down.
    """
    offset = to_datetime(ts_ms, zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds() * 1000 // QUARTER_MS)


def segments(start_q: int, end_q: int, zone: tzinfo) -> list[Segment]:
    """Splits [start_q, end_q) at every change of the zone's offset."""
    return list(_segments(start_q, end_q, zone))


def _segments(start_q: int, end_q: int, zone: tzinfo) -> Iterator[Segment]:
    if start_q >= end_q:
        return
    # Offsets change at most a few times a year; probe weekly and bisect where they differ.
    step = 7 * QUARTERS_PER_DAY
    begin = start_q
    offset = offset_quarters(begin * QUARTER_MS, zone)
    probe = begin
    while probe < end_q:
        upper = min(probe + step, end_q)
        if offset_quarters((upper - 1) * QUARTER_MS, zone) != offset or _hidden_change(
            probe, upper, offset, zone
        ):
            change = _bisect(probe, upper - 1, offset, zone)
            yield Segment(start_q=begin, end_q=change, offset_q=offset)
            begin, probe = change, change
            offset = offset_quarters(begin * QUARTER_MS, zone)
        else:
            probe = upper
    yield Segment(start_q=begin, end_q=end_q, offset_q=offset)


def _hidden_change(low: int, high: int, offset: int, zone: tzinfo) -> bool:
    """Whether the offset leaves and returns within a week (Morocco around Ramadan may be close)."""
    middle = (low + high) // 2
    return offset_quarters(middle * QUARTER_MS, zone) != offset


def _bisect(low: int, high: int, offset: int, zone: tzinfo) -> int:
    """First quarter in (low, high] whose offset differs."""
    if offset_quarters(high * QUARTER_MS, zone) == offset:
        high = (low + high) // 2
    while high - low > 1:
        middle = (low + high) // 2
        if offset_quarters(middle * QUARTER_MS, zone) == offset:
            low = middle
        else:
            high = middle
    return high


def week_start(day: date, *, sunday: bool = False) -> date:
    """First day of the week that holds `day`."""
    back = (day.weekday() + 1) % 7 if sunday else day.weekday()
    return day - timedelta(days=back)
