"""Times in the forms that occur."""

from __future__ import annotations

import pytest

from openusaged.providers.claude_code.timestamps import (
    _MINUTE_CACHE_SIZE,
    TimestampParser,
    epoch_ms,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-06-01T10:00:05.120Z", 1_780_308_005_120),
        ("2026-06-01T12:00:05.120+02:00", 1_780_308_005_120),
        ("2026-06-01 10:00:05", 1_780_308_005_000),
        ("2026-06-01", 1_780_272_000_000),
        (1_780_308_005, 1_780_308_005_000),
        (1_780_308_005.5, 1_780_308_005_500),
        (1_780_308_005_120, 1_780_308_005_120),
        (1_780_308_005_120_999, 1_780_308_005_120),
        ("1999-06-01T10:00:05.120Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        ("", None),
        (True, None),
        (float("nan"), None),
        (float("inf"), None),
        (0, None),
        (None, None),
        ([], None),
    ],
)
def test_epoch_ms_takes_what_occurs(value, expected):
    """ISO text and numbers of any unit become milliseconds; anything else is no time."""
    assert epoch_ms(value) == expected
    assert TimestampParser().epoch_ms(value) == expected


def test_neighbours_are_exact():
    """The short way for a known minute gives the same as the long one."""
    parser = TimestampParser()
    for minute in range(3):
        for text in ("00.000", "07.001", "59.999"):
            stamp = f"2026-06-01T10:0{minute}:{text}Z"
            assert parser.epoch_ms(stamp) == epoch_ms(stamp)
    assert parser.epoch_ms("2026-06-01T10:00:xx.000Z") is None


def test_memory_of_minutes_is_bounded():
    """A file that spans years does not keep every minute of them."""
    parser = TimestampParser()
    for number in range(_MINUTE_CACHE_SIZE + 10):
        stamp = f"2026-0{1 + number // 1440 % 9}-01T{number // 60 % 24:02}:{number % 60:02}:01.500Z"
        assert parser.epoch_ms(stamp) == epoch_ms(stamp)
    assert len(parser._minutes) <= _MINUTE_CACHE_SIZE
