"""Days and months in UTC, at their edges."""

from __future__ import annotations

import pytest

from openusaged.providers.shared.utc_days import (
    day_start,
    month_start,
    next_month_ms,
    utc_date,
    utc_time,
)
from tests.support.provider_case import iso_ms


@pytest.mark.parametrize(
    ("moment", "date", "first", "following"),
    [
        ("2026-06-15T12:00:00Z", "2026-06-15", "2026-06-01", "2026-07-01T00:00:00Z"),
        ("2026-06-30T23:59:59.999Z", "2026-06-30", "2026-06-01", "2026-07-01T00:00:00Z"),
        ("2026-07-01T00:00:00Z", "2026-07-01", "2026-07-01", "2026-08-01T00:00:00Z"),
        ("2026-12-31T23:00:00Z", "2026-12-31", "2026-12-01", "2027-01-01T00:00:00Z"),
        ("2028-02-29T01:00:00Z", "2028-02-29", "2028-02-01", "2028-03-01T00:00:00Z"),
        ("2026-06-30T22:30:00-04:00", "2026-07-01", "2026-07-01", "2026-08-01T00:00:00Z"),
    ],
)
def test_day_and_month_are_those_of_utc(moment, date, first, following):
    """A moment belongs to its day and month in UTC, whatever zone it was written in."""
    ts_ms = iso_ms(moment)
    assert utc_date(ts_ms) == date
    assert month_start(ts_ms).isoformat() == f"{first}T00:00:00+00:00"
    assert next_month_ms(ts_ms) == iso_ms(following)
    assert day_start(ts_ms).isoformat() == f"{date}T00:00:00+00:00"
    assert utc_time(ts_ms).timestamp() * 1000 == pytest.approx(ts_ms)


def test_earlier_days_are_counted_back():
    """Thirty days before 15 June lie in May."""
    start = day_start(iso_ms("2026-06-15T12:00:00Z"), days_before=30)
    assert start.isoformat() == "2026-05-16T00:00:00+00:00"
