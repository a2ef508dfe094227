"""
Epoch milliseconds from what Claude Code, its hooks and the vendor write as a time.

Apart from the readers because a transcript has tens of thousands of them and the usual form
deserves a short way.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import Final

_SECONDS: Final = {f"{second:02}": second * 1000 for second in range(60)}
_MILLISECONDS: Final = {f".{millisecond:03}Z": millisecond for millisecond in range(1000)}
_MINUTE_CACHE_SIZE: Final = 4096
_EARLIEST_MS: Final = 946_684_800_000
_LATEST_MS: Final = 4_102_444_800_000
"""2000 and 2100: whatever lies outside is no time at which Claude Code ran."""


class TimestampParser:
    """Parses the timestamps of one file; remembers minutes, because neighbours share them."""

    def __init__(self) -> None:
        self._minutes: dict[str, int] = {}

    def epoch_ms(self, value: str | float | None) -> int | None:
        """Epoch milliseconds of an ISO text or a number (see `epoch_ms`), None when it is none."""
        try:
            # "2026-06-01T10:00:05.120Z" in three look-ups; anything else misses one of them.
            minute, second, millisecond = value[:17], value[17:19], value[19:]  # type: ignore[index]
            return self._minutes[minute] + _SECONDS[second] + _MILLISECONDS[millisecond]
        except (KeyError, TypeError):
            parsed = epoch_ms(value)
        if parsed is not None and isinstance(value, str) and value[19:] in _MILLISECONDS:
            if len(self._minutes) >= _MINUTE_CACHE_SIZE:
                self._minutes.clear()
            self._minutes[value[:17]] = parsed - parsed % 60_000
        return parsed


def epoch_ms(value: object) -> int | None:
    """
    Epoch milliseconds of ISO 8601 text, or of a number in seconds, milliseconds or microseconds.

    Text without a zone is UTC.  A number is told by its size.  None for anything else and for
    times before 2000 or after 2100.
    """
    if isinstance(value, str):
        result = _from_text(value)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        result = _from_number(value)
    else:
        result = None
    return result if result is not None and _EARLIEST_MS <= result < _LATEST_MS else None


def _from_text(text: str) -> int | None:
    try:
        moment = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    try:
        return round(moment.timestamp() * 1000)
    except (OverflowError, ValueError):
        return None


def _from_number(number: float) -> int | None:
    if not math.isfinite(number):
        return None
    if number > 1e15:
        return int(number // 1000)
    if number > 1e12:
        return int(number)
    return round(number * 1000)
