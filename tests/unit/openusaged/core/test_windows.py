"""Windows and local days: exact in every zone, on every kind of day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from openusaged.core import windows
from openusaged.core.models import QUARTER_MS

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "America/Sao_Paulo",
    "Africa/Casablanca",
    "Asia/Beirut",
    "Pacific/Apia",
)


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@given(
    zone=st.sampled_from(ZONES),
    day=st.dates(min_value=date(2011, 1, 1), max_value=date(2031, 1, 1)),
)
def test_day_start_is_the_first_instant_of_its_day(zone: str, day: date) -> None:
    """The instant before a day's start belongs to an earlier day, the start to the day itself."""
    tz = windows.zone_of(zone)
    start = windows.day_start_ms(day, tz)
    before = windows.local_date(start - 1, tz)
    assert before < day
    # Samoa skipped 2011-12-30 altogether: its start is the next day's.
    assert windows.local_date(start, tz) in (day, day + timedelta(days=1))
    assert start % QUARTER_MS == 0


@settings(max_examples=60)
@given(
    zone=st.sampled_from(ZONES),
    start=st.datetimes(min_value=datetime(2015, 1, 1), max_value=datetime(2030, 1, 1)),
    days=st.integers(min_value=1, max_value=500),
    probe=st.floats(min_value=0, max_value=0.999999),
)
def test_segments_put_every_quarter_into_its_local_day(
    zone: str, start: datetime, days: int, probe: float
) -> None:
    """Segments cover the range without gaps and give each quarter the day a clock on the wall shows."""
    tz = windows.zone_of(zone)
    start_q = windows.quarter_of(int(start.replace(tzinfo=UTC).timestamp() * 1000))
    end_q = start_q + days * 96
    parts = windows.segments(start_q, end_q, tz)
    assert parts[0].start_q == start_q
    assert parts[-1].end_q == end_q
    assert all(left.end_q == right.start_q for left, right in pairwise(parts))
    quarter = start_q + int(probe * (end_q - start_q))
    (segment,) = [part for part in parts if part.start_q <= quarter < part.end_q]
    number = (quarter + segment.offset_q) // 96
    assert windows.day_of_number(number) == windows.local_date(quarter * QUARTER_MS, tz)


def test_no_segments_in_an_empty_range() -> None:
    """An empty range has no segments."""
    assert windows.segments(5, 5, UTC) == []


def test_every_current_offset_divides_into_quarters() -> None:
    """The premise of quarter-hour aggregates holds for every zone in use today."""
    now = datetime(2026, 7, 1, tzinfo=UTC)
    for name in available_timezones():
        offset = now.astimezone(ZoneInfo(name)).utcoffset()
        assert offset is not None
        assert offset.total_seconds() % 900 == 0, name


@pytest.mark.parametrize(
    ("window", "start"),
    [
        ("1d", "2026-03-29T00:00:00+01:00"),
        ("3d", "2026-03-26T10:45:00+00:00"),
        ("7d", "2026-03-22T10:45:00+00:00"),
        ("30d", "2026-02-27T10:45:00+00:00"),
    ],
)
def test_window_starts(window: str, start: str) -> None:
    """`1d` starts at local midnight, the others N times 24 hours ago at their quarter hour."""
    now = ms("2026-03-29T10:50:00+00:00")  # the day clocks go forward in Berlin
    span = windows.window_span(window, now, windows.zone_of("Europe/Berlin"))
    assert span.start_q == ms(start) // QUARTER_MS


def test_all_has_no_start() -> None:
    """`all` reaches back to the first event."""
    assert windows.window_span("all", 0, UTC).start_q is None


def test_unknown_zone_is_named() -> None:
    """A zone that does not exist is refused with its name."""
    for name in ("Mars/Olympus", "../etc/passwd", ""):
        with pytest.raises(ValueError, match="unknown time zone"):
            windows.zone_of(name)


@pytest.mark.parametrize(
    ("ts_ms", "text"),
    [
        (None, None),
        (0, "1970-01-01T00:00:00Z"),
        (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
    ],
)
def test_iso(ts_ms: int | None, text: str | None) -> None:
    """Instants are written as ISO 8601 in UTC, with milliseconds only where there are any."""
    assert windows.iso(ts_ms) == text


@given(
    zone=st.sampled_from(ZONES),
    ts_ms=st.integers(min_value=ms("1971-01-01T00:00:00+00:00"), max_value=4_102_444_800_000),
)
@example(zone="Europe/Berlin", ts_ms=ms("2026-10-25T01:30:00.500+00:00"))
@example(zone="Australia/Lord_Howe", ts_ms=ms("2026-04-04T15:15:00.001+00:00"))
def test_a_local_time_names_its_instant(zone: str, ts_ms: int) -> None:
    """An instant survives being written in any zone, also in the hour that happens twice."""
    text = windows.iso(ts_ms, windows.zone_of(zone))
    assert text is not None
    assert round(datetime.fromisoformat(text).timestamp() * 1000) == ts_ms


@pytest.mark.parametrize(
    ("day", "sunday", "expected"),
    [
        (date(2026, 11, 25), False, date(2026, 11, 23)),
        (date(2026, 11, 23), False, date(2026, 11, 23)),
        (date(2026, 11, 29), False, date(2026, 11, 23)),
        (date(2026, 11, 29), True, date(2026, 11, 29)),
        (date(2026, 11, 28), True, date(2026, 11, 22)),
    ],
)
def test_week_start(day: date, sunday: bool, expected: date) -> None:
    """Weeks begin on Monday, or on Sunday when asked."""
    assert windows.week_start(day, sunday=sunday) == expected
