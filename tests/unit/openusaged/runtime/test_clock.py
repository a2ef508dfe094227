"""The machine's clock and how times look on the wire."""

from __future__ import annotations

import time

import pytest

from openusaged.runtime.clock import SystemClock, iso_utc


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_772_366_400_250, "2026-03-01T12:00:00.250Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
    ],
)
def test_iso_utc(ms: int, text: str) -> None:
    """Milliseconds are kept and the zone is said."""
    assert iso_utc(ms) == text


def test_system_clock_is_the_machines() -> None:
    """Now is now, and durations never go back."""
    clock = SystemClock()
    before = int(time.time() * 1000) - 1
    assert before <= clock.now_ms() <= int(time.time() * 1000) + 1
    assert clock.monotonic() <= clock.monotonic()
