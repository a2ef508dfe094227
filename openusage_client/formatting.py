"""
Numbers and times as words: pure functions shared by the commands and the dashboard.

Unknown (None) is always `-`, never 0.  Nothing here reads a clock, a zone or a locale: a time is
shown in the zone of the `now` it is compared with.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Final

UNKNOWN: Final = "-"
APPROXIMATELY: Final = "≈"
"""Marks an API-equivalent estimate; `~` where the terminal has no Unicode."""
PERIOD_WORDS: Final = {"day": "today", "week": "this week", "month": "this month"}
"""The running periods of budgets."""

_UNITS: Final = ((1, ""), (10**3, "k"), (10**6, "M"), (10**9, "B"), (10**12, "T"))
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip
_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_DAY_S: Final = 86400


def format_tokens(n: int | None) -> str:
    """At most five characters: `999`, `3.4k`, `123k`, `1.2M`, `4.6B`."""
    if n is None:
        return UNKNOWN
    size = abs(n)
    sign = "-" if n < 0 else ""
    if size < 1000:
        return f"{n}"
    for scale, suffix in _UNITS[1:]:
        value = size / scale
        # 999.5k and more would read "1000k": the next unit says it in fewer characters.
        if value < 999.5 or suffix == "T":
            return f"{sign}{value:.1f}{suffix}" if value < 99.95 else f"{sign}{value:,.0f}{suffix}"
    raise AssertionError("unreachable: the last unit takes everything")


def format_count(n: int | None) -> str:
    """All digits with thousands separators: `12,345`."""
    return UNKNOWN if n is None else f"{n:,}"


def format_cost(usd: float | None, *, estimate: bool = True, approx: str = APPROXIMATELY) -> str:
    """
    Dollars: `$0.00`, `$0.0042` below one cent, `$1,234.56`.

    Args:
        usd: amount in US dollars; None when unknown.
        estimate: True for an API-equivalent estimate, which gets the mark; zero gets none.
        approx: the mark.
    """
    if usd is None:
        return UNKNOWN
    mark = approx if estimate and usd else ""
    sign = "-" if usd < 0 else ""
    amount = abs(usd)
    if 0 < amount < 0.00005:
        return f"{mark}<{sign}$0.0001"
    if 0 < amount < 0.00995:
        return f"{mark}{sign}${amount:.4f}"
    return f"{mark}{sign}${amount:,.2f}"


def format_money(amount: float | None, currency: str) -> str:
    """An amount in any currency or in credits: `$1.20`, `12.34 EUR`, `250.00 credits`."""
    if amount is None:
        return UNKNOWN
    if currency == "USD":
        return format_cost(amount, estimate=False)
    return f"{amount:,.2f} {currency}"


def format_percent(x: float | None) -> str:
    """
    Whole per cent of a value in 0..100: `42%`, `<1%` for a trace.

    Rounds down, so that `100%` is shown only once a limit is really reached.
    """
    if x is None:
        return UNKNOWN
    # 29 / 100 * 100 is 28.999999999999996: a share that is whole must not lose one to that.
    x += 1e-9
    if 1e-9 < x < 1:
        return "<1%"
    return f"{math.floor(x)}%"


def format_duration(s: float) -> str:
    """The two largest units: `45s`, `12m`, `2h 10m`, `3d 4h`; nothing below zero."""
    seconds = max(0, int(s))
    if seconds < _MINUTE_S:
        return f"{seconds}s"
    if seconds < _HOUR_S:
        return f"{seconds // _MINUTE_S}m"
    if seconds < _DAY_S:
        hours, rest = divmod(seconds, _HOUR_S)
        minutes = rest // _MINUTE_S
        return f"{hours}h {minutes}m" if minutes else f"{hours}h"
    days, rest = divmod(seconds, _DAY_S)
    hours = rest // _HOUR_S
    return f"{days}d {hours}h" if hours else f"{days}d"


def format_bytes(n: int | None) -> str:
    """Binary units: `512 B`, `3.4 MiB`."""
    if n is None:
        return UNKNOWN
    value = float(n)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def parse_iso(text: str) -> datetime:
    """
    An ISO 8601 instant as an aware time; one without a zone is UTC, as everything on the wire.

    Raises:
        ValueError: the text is no time.
    """
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def format_local(iso: str | None, now: datetime) -> str:
    """`2026-03-04 14:00` in the zone of `now`."""
    if not iso:
        return UNKNOWN
    return f"{parse_iso(iso).astimezone(now.tzinfo):%Y-%m-%d %H:%M}"


def format_clock(iso: str | None, now: datetime) -> str:
    """The shortest clear local time: `14:00` today, `Tue 14:00` within a week, else with a date."""
    if not iso:
        return UNKNOWN
    moment = parse_iso(iso).astimezone(now.tzinfo)
    days = abs((moment.date() - now.date()).days)
    time = f"{moment.hour:02}:{moment.minute:02}"
    if days == 0:
        return time
    if days < 7:
        return f"{_WEEKDAYS[moment.weekday()]} {time}"
    day = f"{_MONTHS[moment.month - 1]} {moment.day}"
    return f"{day} {time}" if moment.year == now.year else f"{day} {moment.year}"


def format_reset(iso: str | None, now: datetime) -> str:
    """When a limit starts over: `14:00 (in 2h 10m)`, `Tue 14:00 (in 3d 4h)`, `14:00 (due)`."""
    if not iso:
        return UNKNOWN
    left = (parse_iso(iso) - now).total_seconds()
    when = format_clock(iso, now)
    return f"{when} (in {format_duration(left)})" if left > 0 else f"{when} (due)"


def format_ago(iso: str | None, now: datetime) -> str:
    """How long ago: `now` below five seconds, then `3m ago`, `2h 10m ago`."""
    if not iso:
        return UNKNOWN
    age = (now - parse_iso(iso)).total_seconds()
    return "now" if age < 5 else f"{format_duration(age)} ago"
