"""
Text measured in terminal cells: width, clip, pad, bars and sparklines.

npyscreen counts every character as one cell, so everything that must line up is measured and cut
here.  Pure functions on strings; lines of roles are in `layout`.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence

ELLIPSIS = "…"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
FULL = "█"
TRACK = "░"
_EIGHTHS = " ▏▎▍▌▋▊▉"
_LEVELS = "▁▂▃▄▅▆▇█"
_VARIATION_16 = "\N{VARIATION SELECTOR-16}"
_MAX_MARKS = 3
"""curses keeps five characters per cell, one of them the base; the rest of a pile is noise."""


@functools.lru_cache(maxsize=4096)
def _char_width(char: str) -> int:
    category = unicodedata.category(char)
    if category in {"Mn", "Me", "Cf"} or "\u1160" <= char <= "\u11ff":
        # Hangul vowels and finals join the consonant before them.
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cell_width(text: str) -> int:
    """Cells that `text` takes: 2 for wide East Asian characters and emoji, 0 for marks."""
    return len(text) if text.isascii() else _wide_width(text)


@functools.lru_cache(maxsize=8192)
def _wide_width(text: str) -> int:
    """Measured once: bars, frames and names come back with every screen."""
    width = 0
    last = 0
    for char in text:
        if char == _VARIATION_16:
            # The selector asks for the emoji form of a narrow character, which is wide.
            width += 1 if last == 1 else 0
            last = 0
            continue
        cells = _char_width(char)
        width += cells
        last = cells or last
    return width


@functools.lru_cache(maxsize=4096)
def clean(text: str) -> str:
    """
    `text` with nothing in it that could move the cursor or change the terminal.

    Control characters and unassigned code points become a replacement character; format characters
    (bidirectional overrides, joiners, variation selectors) vanish, since terminals disagree on the
    width of what they build; of a pile of combining marks the first three stay.
    """
    if text.isascii() and text.isprintable():
        return text
    out: list[str] = []
    marks = 0
    for char in text:
        category = unicodedata.category(char)
        if category in {"Mn", "Me"}:
            marks += 1
            # A mark needs something before it to sit on, and U+FE0F is a mark by category.
            if char != _VARIATION_16 and out and marks <= _MAX_MARKS:
                out.append(char)
            continue
        marks = 0
        if category == "Cf":
            continue
        if category in {"Cc", "Cs", "Co", "Cn"}:
            out.append(REPLACEMENT)
        elif category in {"Zl", "Zp", "Zs"}:
            out.append(" ")
        else:
            out.append(char)
    return "".join(out)


def clip(text: str, width: int, ellipsis: str = ELLIPSIS) -> str:
    """`text` cut to at most `width` cells, the cut marked when there is room for the mark."""
    if width <= 0:
        return ""
    if cell_width(text) <= width:
        return text
    room = width - cell_width(ellipsis)
    if room < 0:
        ellipsis, room = "", width
    return _take(text, room) + ellipsis


def _take(text: str, width: int) -> str:
    """The longest start of `text` that fits, marks of its last character included."""
    used = 0
    for index, char in enumerate(text):
        cells = cell_width(text[index - 1 : index + 1]) - cell_width(text[index - 1 : index])
        used += _char_width(char) if index == 0 else cells
        if used > width:
            return text[:index]
    return text


def clip_middle(text: str, width: int) -> str:
    """`text` cut in the middle: for names whose end tells them apart (models, paths)."""
    if width < 8 or cell_width(text) <= width:
        return clip(text, width)
    tail = ""
    for char in reversed(text):
        if cell_width(char + tail) > (width - 1) // 3:
            break
        tail = char + tail
    return clip(text, width - cell_width(tail)) + tail


def pad(text: str, width: int, align: str = "<") -> str:
    """`text` clipped or filled with spaces to exactly `width` cells; align is `<`, `>` or `^`."""
    text = clip(text, width)
    room = max(0, width - cell_width(text))
    if align == ">":
        return " " * room + text
    if align == "^":
        return " " * (room // 2) + text + " " * (room - room // 2)
    return text + " " * room


def wrap(text: str, width: int, limit: int = 0) -> list[str]:
    """`text` in lines of at most `width` cells, broken at spaces, `limit` of them (0: all)."""
    lines: list[str] = []
    current = ""
    for word in text.split():
        candidate = f"{current} {word}" if current else word
        if cell_width(candidate) <= width:
            current = candidate
            continue
        if current:
            lines.append(current)
        current = word
        while cell_width(current) > width > 1:
            head = _take(current, width)
            lines.append(head)
            current = current[len(head) :]
    if current:
        lines.append(clip(current, width))
    if limit and len(lines) > limit:
        rest = " ".join(lines[limit - 1 :])
        lines = [*lines[: limit - 1], clip(rest, width)]
    return lines


def bar(fraction: float, width: int) -> tuple[str, str]:
    """The filled and the empty part of a bar of `width` cells, to an eighth of a cell."""
    if width <= 0:
        return "", ""
    eighths = round(max(0.0, min(1.0, fraction)) * width * 8)
    if fraction > 0 and eighths == 0:
        # Something is not nothing: the smallest share still shows.
        eighths = 1
    full, rest = divmod(eighths, 8)
    filled = FULL * full + (_EIGHTHS[rest] if rest else "")
    return filled, TRACK * (width - cell_width(filled))


def sparkline(values: Sequence[float]) -> str:
    """One character per value, from zero to the largest; zero is the lowest, a dot-like bar."""
    top = max(values, default=0)
    if top <= 0:
        return _LEVELS[0] * len(values)
    steps = len(_LEVELS) - 1
    # Only a true zero gets the lowest level, so that a quiet day and a day off look different.
    return "".join(
        _LEVELS[0] if value <= 0 else _LEVELS[max(1, round(value / top * steps))]
        for value in values
    )
