"""Quiet hours by the local clock, over midnight and over changes of the clocks."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from openusaged.config.alerts import AlertSettings
from openusaged.usecases.alerts.quiet import quiet_until

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("hours", "now", "until"),
    [
        ("22:00-07:00", "2026-03-07 21:59", None),
        ("22:00-07:00", "2026-03-07 22:00", "2026-03-08 07:00"),
        ("22:00-07:00", "2026-03-08 00:30", "2026-03-08 07:00"),
        ("22:00-07:00", "2026-03-08 07:00", None),
        ("9:30 - 17:00", "2026-03-08 12:00", "2026-03-08 17:00"),
        ("9:30 - 17:00", "2026-03-08 08:00", None),
        ("00:00-00:00", "2026-03-08 12:00", None),
        ("", "2026-03-08 12:00", None),
        # The night the clocks go forward is an hour shorter; it ends by the clock all the same.
        ("22:00-07:00", "2026-03-28 23:00", "2026-03-29 07:00"),
    ],
)
def test_quiet_until(hours: str, now: str, until: str | None) -> None:
    """Quiet from the first minute to the last, and never the whole day by mistake."""
    at = datetime.fromisoformat(now).replace(tzinfo=BERLIN)
    expected = None if until is None else datetime.fromisoformat(until).replace(tzinfo=BERLIN)
    assert quiet_until(AlertSettings(quiet_hours=hours), at) == expected


def test_an_end_in_the_hour_that_comes_twice() -> None:
    """An end within the repeated hour lies ahead, however often the clock shows it."""
    now = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1)
    until = quiet_until(AlertSettings(quiet_hours="22:00-02:45"), now)
    assert until is not None
    assert until > now
