"""
Charts in cells: bars per day and lines in braille, with a cursor that names a day and its value.

The scale always begins at zero, so that twice as high means twice as much.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date
from itertools import pairwise
from typing import Final

from openusage_client.tui.layout import Line, clip_line
from openusage_client.tui.text import cell_width, clean, pad
from openusage_proto.values import dataclass

CURSOR: Final = "│"
_BRAILLE: Final = 0x2800
_DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bit of each dot of a cell, by row and column."""
_EIGHTHS: Final = " ▁▂▃▄▅▆▇█"

Words = Callable[[float], str]
"""A value of the axis as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One line of a chart: a value per day, or None where it is not known."""

    name: str
    values: Sequence[float]
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """The days along the bottom, the cells there are, the day of the cursor (None: no cursor)."""

    dates: Sequence[date]
    width: int
    height: int
    words: Words
    cursor: int | None = None


def bar_chart(
    axis: Axis, values: Sequence[float], role: str, marks: Sequence[bool] = ()
) -> list[Line]:
    """
    A bar per day; where there are more days than cells, each cell has the sum of a few.

    `marks` says of each day whether its value is an estimate: its bar gets a `≈` below.
    """
    margin = _margin(axis, max(values, default=0.0))
    room = max(1, axis.width - margin - 1)
    groups = _grouped(len(values), room)
    sums = [math.fsum(values[start:end]) for start, end in groups]
    top = max(sums, default=0.0)
    margin = max(margin, _margin(axis, top))
    wide = max(1, min(4, (axis.width - margin - 1) // max(1, len(sums))))
    at = _cell_of(groups, axis.cursor)
    lines: list[Line] = []
    for row in range(axis.height):
        line: Line = [
            (_label(axis, row, top, margin), "muted"),
            ("┤" if row == 0 else "│", "border"),
        ]
        for index, value in enumerate(sums):
            full = value / top * axis.height * 8 if top > 0 else 0.0
            level = max(0, min(8, round(full) - (axis.height - 1 - row) * 8))
            if value > 0 and row == axis.height - 1:
                # Something is not nothing, however far below the largest it is.
                level = max(1, level)
            chosen = index == at
            gap = " " if wide > 1 else ""
            cell = _EIGHTHS[level] * (wide - len(gap))
            mark = chosen and level == 0 and row < axis.height - 1
            cell = CURSOR + cell[1:] if mark else cell
            line.append((cell + gap, "key" if chosen else role))
        lines.append(joined(line))
    if marks:
        signs = "".join(pad("≈" if any(marks[start:end]) else "", wide) for start, end in groups)
        lines.append([(" " * (margin + 1) + signs, "muted")])
    span = len(sums) * wide
    lines.append(_days(axis, span, margin, groups))
    return [clip_line(line, axis.width) for line in lines]


def line_chart(axis: Axis, curves: Sequence[Curve]) -> list[Line]:
    """Lines in braille over one scale, two dots per cell across and four up."""
    top = max((max(curve.values, default=0.0) for curve in curves), default=0.0)
    margin = _margin(axis, top)
    count = len(axis.dates)
    room = max(2, min(axis.width - margin - 1, max(2, count * 3)))
    masks = [[0] * room for _ in range(axis.height)]
    owners = [[""] * room for _ in range(axis.height)]
    # Drawn last, and so on top, is the first: the largest.
    for curve in reversed(curves):
        for x, y in _path(curve.values, top, room * 2, axis.height * 4):
            row, column = y // 4, x // 2
            masks[row][column] |= _DOTS[y % 4][x % 2]
            owners[row][column] = curve.role
    at = _place(axis.cursor, count, room * 2)
    cursor = None if at is None else min(room - 1, at // 2)
    lines: list[Line] = []
    for row in range(axis.height):
        line: Line = [
            (_label(axis, row, top, margin), "muted"),
            ("┤" if row == 0 else "│", "border"),
        ]
        for column in range(room):
            mask = masks[row][column]
            if mask:
                role = "key" if column == cursor else owners[row][column]
                line.append((chr(_BRAILLE + mask), role))
            else:
                line.append((CURSOR, "key") if column == cursor else (" ", "text"))
        lines.append(joined(line))
    groups = [(index, index + 1) for index in range(count)]
    lines.append(_days(axis, room, margin, groups))
    return [clip_line(line, axis.width) for line in lines]


def legend(curves: Sequence[Curve], words: Sequence[str], width: int) -> list[Line]:
    """`■ name value` for each line of a chart, as many to a line as fit."""
    lines: list[Line] = []
    line: Line = []
    used = 0
    for curve, value in zip(curves, words, strict=True):
        name = clean(curve.name)
        cells = 2 + cell_width(name) + 1 + cell_width(value) + 3
        if line and used + cells > width:
            lines.append(line)
            line, used = [], 0
        line += [("■ ", curve.role), (name, "text"), (f" {value}   ", "muted")]
        used += cells
    return [clip_line(one, width) for one in [*lines, line] if one]


# -------------------------------------------------------------------- drawing


def _path(values: Sequence[float], top: float, width: int, height: int) -> list[tuple[int, int]]:
    """Dots of a line through the values, neighbours joined."""
    if not values or top <= 0:
        return []
    points = [
        (
            _place(index, len(values), width) or 0,
            height - 1 - round(max(0.0, value) / top * (height - 1)),
        )
        for index, value in enumerate(reversed(values))
    ]
    points.reverse()
    dots = [points[0]]
    for (x0, y0), (x1, y1) in pairwise(points):
        steps = max(abs(x1 - x0), abs(y1 - y0), 1)
        dots += [
            (round(x0 + (x1 - x0) * step / steps), round(y0 + (y1 - y0) * step / steps))
            for step in range(1, steps + 1)
        ]
    return dots


def _place(from_last: int | None, count: int, width: int) -> int | None:
    """Where a day lies, given how many days before the last it is."""
    if from_last is None or count < 1:
        return None
    index = max(0, count - 1 - from_last)
    return 0 if count == 1 else round(index / (count - 1) * (width - 1))


def _grouped(count: int, room: int) -> list[tuple[int, int]]:
    """Ranges of neighbouring days, of one size counted from the last day, at most `room`."""
    size = max(1, -(-count // room))
    first = count % size
    groups = [(0, first)] if first else []
    return groups + [(start, start + size) for start in range(first, count, size)]


def _cell_of(groups: Sequence[tuple[int, int]], cursor: int | None) -> int | None:
    if cursor is None or not groups:
        return None
    index = max(0, groups[-1][1] - 1 - cursor)
    return next(at for at, (start, end) in enumerate(groups) if start <= index < end)


def _margin(axis: Axis, top: float) -> int:
    return max(cell_width(axis.words(top)), cell_width(axis.words(0.0)), 4)


def _label(axis: Axis, row: int, top: float, margin: int) -> str:
    if row == 0:
        return pad(axis.words(top), margin, ">")
    if row == axis.height - 1:
        return pad("0", margin, ">")
    return " " * margin


def _days(axis: Axis, span: int, margin: int, groups: Sequence[tuple[int, int]]) -> Line:
    """The first, the middle and the last day below the chart."""
    dates = axis.dates
    if not dates:
        return []
    if len(dates) == 1:
        return [(" " * (margin + 1) + short_day(dates[0]), "muted")]
    first, last = short_day(dates[groups[0][0]]), short_day(dates[-1])
    text = first + " " * max(1, span - len(first) - len(last)) + last
    middle = short_day(dates[len(dates) // 2])
    at = span // 2 - len(middle) // 2
    if at > len(first) + 2 and at + len(middle) + 2 < span - len(last):
        text = text[:at] + middle + text[at + len(middle) :]
    return [(" " * (margin + 1) + text, "muted")]


def joined(line: Line) -> Line:
    """The line with neighbours of one role in one piece."""
    out: Line = []
    for text, role in line:
        if out and out[-1][1] == role:
            out[-1] = (out[-1][0] + text, role)
        else:
            out.append((text, role))
    return out


def short_day(day: date) -> str:
    """`Mar 4`."""
    return f"{day:%b} {day.day}"


def long_day(day: date) -> str:
    """`Wed Mar 4`."""
    return f"{day:%a} {day:%b} {day.day}"
