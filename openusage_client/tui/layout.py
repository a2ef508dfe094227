"""
Lines of (text, role) and how they are cut, joined, boxed and arranged in columns.

Every view is built from these, so that a line is never wider than asked and roles survive a cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from openusage_client.tui.text import cell_width, clip

Span = tuple[str, str]
"""A piece of text and the role it is drawn in."""
Line = list[Span]

TILE_MIN_WIDTH = 50
"""Below this a gauge with its reset time no longer fits on one line."""


def line_width(line: Sequence[Span]) -> int:
    """Cells a line takes."""
    # A plain loop: no other function of the dashboard is called nearly as often.
    width = 0
    for text, _ in line:
        width += len(text) if text.isascii() else cell_width(text)
    return width


def plain(line: Sequence[Span]) -> str:
    """A line without roles."""
    return "".join(text for text, _ in line)


def span_at(line: Sequence[Span], x: int) -> Span | None:
    """The piece of a line that covers a cell; None behind its end."""
    end = 0
    for span in line:
        end += cell_width(span[0])
        if x < end:
            return span
    return None


def clip_line(line: Sequence[Span], width: int) -> Line:
    """The line cut to at most `width` cells."""
    if line_width(line) <= width:
        return [span for span in line if span[0]]
    out: Line = []
    room = width
    for index, (text, role) in enumerate(line):
        cells = cell_width(text)
        more = any(rest for rest, _ in line[index + 1 :])
        if cells > room or (cells == room and more and cells > 0):
            # The last visible piece carries the mark of the cut, unless only spaces follow.
            tail = text + "".join(rest for rest, _ in line[index + 1 :])
            kept = text if cells <= room and not tail[len(text) :].strip() else ""
            cut = kept or clip(tail if cells <= room else text, room)
            if cut:
                out.append((cut, role))
            return out
        if text:
            out.append((text, role))
        room -= cells
    return out


def fit_line(line: Sequence[Span], width: int, role: str = "text") -> Line:
    """The line cut or filled with spaces to exactly `width` cells."""
    out = clip_line(line, width)
    room = width - line_width(out)
    if room > 0:
        out.append((" " * room, role))
    return out


def spread(left: Sequence[Span], right: Sequence[Span], width: int, role: str = "text") -> Line:
    """`left` and `right` at the two ends of `width` cells; the left end gives way."""
    right = clip_line(right, width)
    room = width - line_width(right)
    if not right:
        return fit_line(left, width, role)
    return [*fit_line(left, max(0, room - 1), role), (" " * min(1, max(0, room)), role), *right]


def pick(candidates: Sequence[Line], width: int) -> Line:
    """The first candidate that fits, else the last one cut: the way every line sheds detail."""
    for line in candidates:
        if line_width(line) <= width:
            return line
    return clip_line(candidates[-1], width)


def flow(blocks: Sequence[Sequence[Line]], columns: int, width: int, gap: int = 3) -> list[Line]:
    """
    Blocks of lines in `columns` columns side by side, each block whole, in reading order.

    Each block goes to the column that is shortest so far; blocks of a column are kept apart by an
    empty line.  Blocks must have been rendered for `column_width(width, columns, gap)`.
    """
    inner = column_width(width, columns, gap)
    stacks: list[list[Line]] = [[] for _ in range(columns)]
    for block in blocks:
        if not block:
            continue
        stack = min(stacks, key=len)
        if stack:
            stack.append([])
        stack.extend(block)
    height = max(len(stack) for stack in stacks)
    out: list[Line] = []
    for row in range(height):
        line: Line = []
        for index, stack in enumerate(stacks):
            if index:
                line.append((" " * gap, "text"))
            line.extend(fit_line(stack[row] if row < len(stack) else [], inner))
        out.append(clip_line(line, width))
    return out


def column_width(width: int, columns: int, gap: int = 3) -> int:
    """Cells of one of `columns` columns with gaps between them."""
    return max(1, (width - gap * (columns - 1)) // columns)


_LIGHT = ("╭", "╮", "╰", "╯", "─", "│")
_HEAVY = ("┏", "┓", "┗", "┛", "━", "┃")


def box(
    title: Line, status: Line, body: Sequence[Line], foot: Line, width: int, *, heavy: bool = False
) -> list[Line]:
    """
    A frame of `width` cells with the title and status in its top edge and a note in its bottom.

    The heavy frame marks the selection, so that it shows without colours too.  Below 8 cells
    there is no room for a frame and title and body are returned bare.
    """
    if width < 8:
        return [fit_line(line, width) for line in [title, *body]]
    left, right, _, _, across, down = _HEAVY if heavy else _LIGHT
    role = "border.selected" if heavy else "border"
    end: Line = [(f"{across}{right}", role)]
    room = width - 2 - line_width(end) - 2
    if status and line_width(status) + 8 <= room:
        end = [(" ", role), *status, (" ", role), *end]
        room = width - 2 - line_width(end) - 2
    name = clip_line(title, room)
    rule = across * (room - line_width(name))
    top: Line = [(f"{left}{across} ", role), *name, (f" {rule}", role), *end]
    sides = [[(f"{down} ", role), *fit_line(line, width - 4), (f" {down}", role)] for line in body]
    return [fit_line(top, width, role), *sides, lower_edge([], foot, width, heavy=heavy)]


def lower_edge(mark: Line, foot: Line, width: int, *, heavy: bool = False) -> Line:
    """
    The bottom of a frame: where its content is scrolled to at the left, a note at the right.

    Of a note that is too long the parts behind a ` · ` or `: ` are left out, the last one first.
    """
    _, _, low_left, low_right, across, _ = _HEAVY if heavy else _LIGHT
    role = "border.selected" if heavy else "border"
    start: Line = [(low_left, role)]
    place = clip_line(mark, width - 6)
    if place:
        start = [(f"{low_left}{across} ", role), *place, (" ", role)]
    note = pick(_shortened(foot), width - line_width(start) - 5)
    end: Line = [(low_right, role)]
    if note:
        end = [(" ", role), *note, (f" {across}{low_right}", role)]
    rule = across * (width - line_width(start) - line_width(end))
    return fit_line([*start, (rule, role), *end], width, role)


def _shortened(note: Line) -> list[Line]:
    forms = [note]
    for mark in (" · ", ": "):
        while len(note) == 1 and mark in note[0][0]:
            note = [(note[0][0].rpartition(mark)[0], note[0][1])]
            forms.append(note)
    return forms


def side(*, heavy: bool) -> str:
    """The vertical edge of a frame."""
    return (_HEAVY if heavy else _LIGHT)[5]


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Columns of a grid of tiles and the width of each."""

    columns: int
    tile_width: int
    gap: int = 1


def arrange(width: int, tiles: int) -> Arrangement:
    """
    How many columns `tiles` tiles take on `width` cells: 1 below 100 cells, 2 below 150, and so on.

    One column less is chosen when it leaves fewer empty places; never more columns than tiles.
    """
    most = max(1, width // TILE_MIN_WIDTH)
    columns = max(1, min(most, tiles))
    if columns > 2 and -tiles % (columns - 1) < -tiles % columns:
        columns -= 1
    return Arrangement(columns, column_width(width, columns, 1))


def scroll_to(top: int, bottom: int, scroll: int, height: int, total: int) -> int:
    """
    The scroll offset nearest to `scroll` that shows lines `top` to `bottom` (exclusive).

    What is taller than the view shows the part of it that is nearest.
    """
    if bottom - top > height:
        scroll = max(top, min(scroll, bottom - height))
    else:
        scroll = min(max(scroll, bottom - height), top)
    return max(0, min(scroll, total - height))
