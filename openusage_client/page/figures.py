"""
The numbers of the page, out of the daemon's answers: periods, series, the largest of each list.

Separate from how they look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Final

from openusage_client.page.charts import SERIES_COLOURS, Bar
from openusage_proto.messages import ReadModel, Report, ReportRow
from openusage_proto.values import dataclass

OTHERS: Final = "others"
MAX_DAILY_BARS: Final = 92
MAX_WEEKLY_BARS: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Everything the page shows."""

    model: ReadModel
    daily: Report
    models: Report
    projects: Report
    sessions: Report


def days_of(daily: Report, value: Callable[[ReportRow], float]) -> dict[date, float]:
    """A figure of each local day that used anything."""
    return {date.fromisoformat(row.key): value(row) for row in daily.rows}


def series_of(daily: Report) -> list[str]:
    """
    The costliest models, by tokens where cost decides nothing, and `others` when there are more.

    One list for all charts, so that a model has one colour on the page.
    """
    sums: dict[str, tuple[float, int]] = {}
    for row in daily.rows:
        for child in row.model_breakdown or ():
            cost, tokens = sums.get(child.label, (0.0, 0))
            sums[child.label] = (cost + child.cost_usd, tokens + child.total_tokens)
    names = sorted((name for name in sums if any(sums[name])), key=lambda name: (sums[name], name))
    names.reverse()
    if len(names) <= SERIES_COLOURS:
        return names
    return [*names[: SERIES_COLOURS - 1], OTHERS]


def bars_of(
    daily: Report, series: Sequence[str], value: Callable[[ReportRow], float]
) -> tuple[str, list[Bar]]:
    """`day`, `week` or `month`, and a bar for each from the first to the last, idle ones too."""
    if not daily.rows:
        return "day", []
    keys = [date.fromisoformat(row.key) for row in daily.rows]
    first, last = min(keys), max(keys)
    unit, begin, step = _period((last - first).days + 1)
    sums: dict[date, dict[str, float]] = {}
    at = begin(first)
    while at <= last:
        sums[at] = {}
        at = step(at)
    for row in daily.rows:
        bucket = sums[begin(date.fromisoformat(row.key))]
        for child in row.model_breakdown or ():
            name = child.label if child.label in series else OTHERS
            bucket[name] = bucket.get(name, 0.0) + value(child)
    return unit, [
        Bar(f"{at:%b %Y}" if unit == "month" else f"{at:%b} {at.day}", values)
        for at, values in sums.items()
    ]


def _period(days: int) -> tuple[str, Callable[[date], date], Callable[[date], date]]:
    if days <= MAX_DAILY_BARS:
        return "day", lambda day: day, lambda day: day + timedelta(days=1)
    if days <= 7 * MAX_WEEKLY_BARS:
        return "week", _monday, lambda day: day + timedelta(days=7)
    return "month", lambda day: day.replace(day=1), _next_month


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)
