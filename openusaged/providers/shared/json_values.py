"""
Reads leaves of foreign JSON without believing their types: one odd field never costs the record.

Vendors change a number into a string, an object into a list, seconds into milliseconds; every
reader asks for what it needs and gets that or "unknown".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

_EMPTY: Final[Mapping[str, Any]] = {}
_BEYOND: Final = 1 << 63
"""No column holds it, and no record means it."""
_MICROSECONDS: Final = 10**15
_LATEST: Final = 10**17
"""Beyond it lie milliseconds that no 64-bit column holds, and no date."""
_MILLISECONDS: Final = 10**11
"""5,138 in seconds, 1973 in milliseconds: no record of an AI tool is as old or as young."""


def as_object(value: object) -> Mapping[str, Any]:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else _EMPTY


def as_list(value: object) -> Sequence[Any]:
    """The list, or an empty one."""
    return value if isinstance(value, list | tuple) else ()


def as_text(value: object) -> str:
    """The text without surrounding blanks; anything else is unknown."""
    return value.strip() if isinstance(value, str) else ""


def as_number(value: object) -> float | None:
    """A finite number, also one in quotes; None when it is none."""
    if type(value) is float:  # the usual cases first
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = float(value.replace(",", ""))
        except ValueError:
            return None
    if not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:  # hundreds of digits
        return None
    return number if math.isfinite(number) else None


def as_count(value: object) -> int | None:
    """A number of tokens, requests or lines: whole and not negative; None when it is none."""
    if type(value) is int:  # the usual case; bool is another type
        return value if 0 <= value < _BEYOND else None
    number = as_number(value)
    return int(number) if number is not None and 0 <= number < _BEYOND else None


def count_or_zero(value: object) -> int:
    """A count that is zero when the record does not have it."""
    return as_count(value) or 0


def first_count(values: Mapping[str, Any], names: Sequence[str]) -> int | None:
    """The first count under these names that is not zero, else the first there is."""
    counts = [count for name in names if (count := as_count(values.get(name))) is not None]
    return next((count for count in counts if count), counts[0] if counts else None)


def as_nano(value: object) -> int | None:
    """An amount of money in 1e-9 of its currency; None when it is no amount or negative."""
    number = as_number(value)
    return round(number * 1e9) if number is not None and 0 <= number * 1e9 < _BEYOND else None


def as_epoch_ms(value: object) -> int | None:
    """
    A moment: ISO 8601 text (UTC when it names no zone), or seconds, milli- or microseconds.

    Numbers above 1e15 are microseconds, above 1e11 milliseconds, else seconds.
    """
    if type(value) is int and 0 < value < _MICROSECONDS:  # the usual case, in exact numbers
        return value if value >= _MILLISECONDS else value * 1000
    if isinstance(value, str):
        text = value.strip()
        number = as_number(text) if text[:1].isdigit() and "-" not in text else None
        if number is None:
            return _iso_ms(text)
        value = number
    number = as_number(value)
    if number is None or not 0 < number < _LATEST:
        return None
    if number >= _MICROSECONDS:
        return round(number / 1000)
    return round(number) if number >= _MILLISECONDS else round(number * 1000)


def first_epoch_ms(*values: object) -> int | None:
    """The first of these that is a moment."""
    return next((ms for value in values if (ms := as_epoch_ms(value)) is not None), None)


def _iso_ms(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    ms = round(moment.timestamp() * 1000)
    return ms if ms > 0 else None  # what Go writes for "never" is in the year 1
