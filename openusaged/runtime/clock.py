"""
The time, as something that is handed in.

Nothing else in the daemon reads the system's clock, so that every rule about time can be tested
with a clock that a test moves.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the daemon needs to know about time."""

    def now_ms(self) -> int:
        """UTC, epoch milliseconds; follows the system's clock and may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back.  For durations only."""
        ...


class SystemClock:
    """The machine's own clock."""

    __slots__ = ()

    def now_ms(self) -> int:
        """UTC, epoch milliseconds."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()


def iso_utc(epoch_ms: int) -> str:
    """`2026-03-01T12:00:00.250Z` for epoch milliseconds: how times look on the wire."""
    seconds, millis = divmod(epoch_ms, 1000)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{millis:03d}Z"
