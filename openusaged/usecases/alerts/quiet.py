"""Quiet hours: whether it is quiet, and until when, by the local clock."""

from __future__ import annotations

from datetime import datetime, timedelta

from openusaged.config.alerts import AlertSettings

DAY_MINUTES = 24 * 60


def quiet_until(settings: AlertSettings, now: datetime) -> datetime | None:
    """The end of the quiet hours that `now` (in the local zone) lies in; None when it is loud."""
    hours = settings.quiet_minutes
    if hours is None:
        return None
    begin, end = hours
    minute = now.hour * 60 + now.minute
    left = (end - minute) % DAY_MINUTES
    if begin == end or (minute - begin) % DAY_MINUTES >= (end - begin) % DAY_MINUTES:
        return None
    day = now.date() + timedelta(days=1 if end <= minute else 0)
    # By the clock on the wall, which a change of the clocks moves within the night.
    until = datetime(day.year, day.month, day.day, end // 60, end % 60, tzinfo=now.tzinfo)
    return until if until > now else now + timedelta(minutes=left)
