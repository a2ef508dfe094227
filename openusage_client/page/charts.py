"""
Inline SVG of the page: stacked bars over time, a calendar of days, shares.

Pure functions from numbers to text.  Colours are the style sheet's classes, every mark has a title
for the pointer, and every chart a name for those who do not see it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from html import escape
from typing import Final, NamedTuple

SERIES_COLOURS: Final = 7
"""Classes `s0` to `s6` of the style sheet; the last is for everything else."""
LEVELS: Final = 5
_WIDTH: Final = 920
_HEIGHT: Final = 240
_LEFT: Final = 64
_BOTTOM: Final = 24
_TOP: Final = 10
_CELL: Final = 13
_WEEKS: Final = 53
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

Format = Callable[[float], str]


class Bar(NamedTuple):
    """One period: its label and a value per series."""

    label: str
    values: Mapping[str, float]

    @property
    def total(self) -> float:
        """All series together."""
        return sum(self.values.values())


def stacked_bars(name: str, bars: Sequence[Bar], series: Sequence[str], text: Format) -> str:
    """Bars over time, each split into the series."""
    highest = nice_ceiling(max((bar.total for bar in bars), default=0.0))
    inner_w, inner_h = _WIDTH - _LEFT, _HEIGHT - _TOP - _BOTTOM
    slot = inner_w / max(len(bars), 1)
    thick = max(1.0, min(slot * 0.8, 48.0))
    parts = [_grid(highest, inner_h, text)]
    step = max(1, math.ceil(len(bars) / 10))
    for number, bar in enumerate(bars):
        x = _LEFT + number * slot + (slot - thick) / 2
        y = float(_TOP + inner_h)
        marks = []
        for index, key in enumerate(series):
            value = bar.values.get(key, 0.0)
            height = inner_h * value / highest if highest else 0.0
            if height <= 0:
                continue
            y -= height
            tip = escape(f"{bar.label} · {key}: {text(value)} of {text(bar.total)}")
            marks.append(
                f'<rect class="s{min(index, SERIES_COLOURS - 1)}" x="{x:.1f}" y="{y:.1f}"'
                f' width="{thick:.1f}" height="{height:.2f}"><title>{tip}</title></rect>'
            )
        parts.append("".join(marks))
        if number % step == 0:
            parts.append(
                f'<text class="axis" x="{x + thick / 2:.1f}" y="{_HEIGHT - 6}"'
                f' text-anchor="middle">{escape(bar.label)}</text>'
            )
    return _svg(name, _WIDTH, _HEIGHT, "".join(parts))


def nice_ceiling(value: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten, so that the axis reads well."""
    if value <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    for factor in (1.0, 2.0, 2.5, 5.0, 10.0):
        if value <= factor * power * (1 + 1e-9):
            return factor * power
    raise AssertionError("unreachable: ten times the power is larger")


def _grid(highest: float, inner_h: float, text: Format) -> str:
    lines = []
    for part in range(5):
        y = _TOP + inner_h * (1 - part / 4)
        lines.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="axis" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">'
            f"{escape(text(highest * part / 4))}</text>"
        )
    return "".join(lines)


def calendar(name: str, days: Mapping[date, float], last: date, text: Format) -> str:
    """A year of days, a column per week, darker the more was used."""
    first = last - timedelta(days=last.weekday() + 7 * (_WEEKS - 1))
    levels = level_bounds([value for day, value in days.items() if day >= first and value > 0])
    parts = [
        f'<text class="axis" x="0" y="{_CELL * row + 26}">{_WEEKDAYS[row]}</text>'
        for row in (0, 2, 4, 6)
    ]
    month = 0
    for week in range(_WEEKS):
        x = 34 + week * _CELL * 1.25
        monday = first + timedelta(days=7 * week)
        if monday.month != month and monday.day <= 7:
            month = monday.month
            parts.append(f'<text class="axis" x="{x:.1f}" y="11">{monday:%b}</text>')
        for row in range(7):
            day = monday + timedelta(days=row)
            if day > last:
                break
            value = days.get(day, 0.0)
            parts.append(
                f'<rect class="h{level_of(value, levels)}" x="{x:.1f}" y="{16 + _CELL * row}"'
                f' width="{_CELL - 1}" height="{_CELL - 2}" rx="2">'
                f"<title>{day.isoformat()}: {escape(text(value))}</title></rect>"
            )
    return _svg(name, _WIDTH, 16 + 7 * _CELL + 4, "".join(parts))


def level_bounds(values: Sequence[float]) -> list[float]:
    """Upper bounds of the levels but the last: equal parts of the days that used anything."""
    ordered = sorted(values)
    return (
        [ordered[(len(ordered) - 1) * part // (LEVELS - 1)] for part in range(1, LEVELS - 1)]
        if ordered
        else []
    )


def level_of(value: float, bounds: Sequence[float]) -> int:
    """0 for nothing, then 1 to 4."""
    if value <= 0:
        return 0
    return 1 + sum(value > bound for bound in bounds)


def meter(share: float, text: str) -> str:
    """A bar of a share in 0..1; what lies above is cut, the words say it."""
    width = 100 * min(max(share, 0.0), 1.0)
    level = "bad" if share >= 1 else "warn" if share >= 0.8 else "good"
    return (
        f'<svg class="meter" viewBox="0 0 100 8" preserveAspectRatio="none" role="img"'
        f' aria-label="{escape(text)}"><rect class="track" width="100" height="8"/>'
        f'<rect class="{level}" width="{width:.1f}" height="8"/></svg>'
    )


def share_bar(share: float, text: str) -> str:
    """A thin bar beside a figure."""
    width = 100 * min(max(share, 0.0), 1.0)
    return (
        f'<svg class="share" viewBox="0 0 100 8" preserveAspectRatio="none" role="img"'
        f' aria-label="{escape(text)}"><rect class="s0" width="{width:.1f}" height="8"/></svg>'
    )


def _svg(name: str, width: int, height: float, body: str) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height:g}" role="img" aria-label="{escape(name)}">'
        f"<title>{escape(name)}</title>{body}</svg>"
    )
