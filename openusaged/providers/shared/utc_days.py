"""Days and months as vendors bill them: in UTC, whatever the user's own zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def utc_time(ts_ms: int) -> datetime:
    """The moment as a UTC time."""
    return datetime.fromtimestamp(ts_ms / 1000, UTC)


def utc_date(ts_ms: int) -> str:
    """`YYYY-MM-DD` of the day that the moment lies in."""
    return utc_time(ts_ms).date().isoformat()


def day_start(ts_ms: int, *, days_before: int = 0) -> datetime:
    """Midnight that the day of the moment began with, or of an earlier day."""
    midnight = utc_time(ts_ms).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=days_before)


def month_start(ts_ms: int) -> datetime:
    """Midnight that the month of the moment began with."""
    return day_start(ts_ms).replace(day=1)


def next_month_ms(ts_ms: int) -> int:
    """When the month of the moment is over."""
    # 32 days after the first are in the next month, however long this one is.
    later = month_start(ts_ms) + timedelta(days=32)
    return round(later.replace(day=1).timestamp() * 1000)
