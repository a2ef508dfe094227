"""
How cards become a page: in columns, with the places of the rows that can be chosen.

Separate from the cards, which know what they show, and from the keys, which need the places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field, replace

from openusage_client.tui.detail.model import Figure
from openusage_client.tui.layout import Line, clip_line, column_width, fit_line, line_width
from openusage_client.tui.text import cell_width
from openusage_proto.values import dataclass

MARK = "▸ "
GAP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """
    A row that can be chosen: `line` within its card.

    `figure` is what `e` explains, `opens` what Enter goes down to; `days` is how many days the
    cursor of a chart can walk over (0: no chart).
    """

    id: str
    line: int
    figure: Figure | None = None
    opens: Figure | None = None
    days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One block of a page; the first line is its heading, rows begin with two spaces."""

    id: str
    title: str
    lines: Sequence[Line]
    spots: Sequence[Spot] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a spot or the top of a card is on the page."""

    line: int
    card: str
    spot: Spot | None = None
    column: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """The lines of a page, and its cards and spots in reading order."""

    lines: list[Line] = field(default_factory=list)
    cards: tuple[tuple[Card, int], ...] = ()
    places: tuple[Place, ...] = ()
    column_cells: int = 0
    """Cells of a column, without the gap."""

    def spot_at(self, x: int, line: int) -> Spot | None:
        """The row that is drawn at a cell of the page."""
        column = max(0, x - 1) // (self.column_cells + GAP)
        return next(
            (one.spot for one in self.places if (one.line, one.column) == (line, column)), None
        )

    def place(self, spot: str) -> Place | None:
        """Where a spot is; None when it is not on the page."""
        return next((one for one in self.places if one.spot and one.spot.id == spot), None)


def marked(card: Card, focus: str) -> Card:
    """The card with its row in focus marked, so that it shows without colours too."""
    spot = next((one for one in card.spots if one.id == focus), None)
    if spot is None or spot.line >= len(card.lines):
        return card
    lines = list(card.lines)
    lines[spot.line] = _mark(lines[spot.line])
    return replace(card, lines=lines)


def _mark(line: Line) -> Line:
    if line and line[0][0].startswith("  "):
        rest = line[0][0][2:]
        head: Line = [(MARK, "key"), *([(rest, line[0][1])] if rest else [])]
        return [*head, *line[1:]]
    return [(MARK, "key"), *line]


def compose(head: Sequence[Line], cards: Sequence[Card], columns: int, width: int) -> Page:
    """
    The cards in `columns` columns below the head, each whole, in reading order.

    Each card goes to the column that is shortest so far.
    """
    inner = column_width(width, columns, GAP)
    stacks: list[list[Line]] = [[] for _ in range(columns)]
    tops: list[tuple[Card, int]] = []
    at: list[int] = []
    for card in cards:
        column = min(range(columns), key=lambda number: len(stacks[number]))
        stack = stacks[column]
        at.append(column)
        if stack:
            stack.append([])
        tops.append((card, len(head) + len(stack)))
        stack.extend(card.lines)
    lines = list(head)
    for row in range(max(map(len, stacks))):
        line: Line = []
        for index, stack in enumerate(stacks):
            if index:
                line.append((" " * GAP, "text"))
            line.extend(fit_line(stack[row] if row < len(stack) else [], inner))
        lines.append(line)
    places = tuple(
        Place(top + spot.line, card.id, spot, column)
        for (card, top), column in zip(tops, at, strict=True)
        for spot in card.spots
    )
    drawn = [[(" ", "text"), *line] if line else [] for line in lines]
    return Page(drawn, tuple(tops), places, inner)


def strip(cards: Sequence[Card], current: str, width: int) -> Line:
    """The names of the cards, the current one marked; what does not fit around it is left out."""
    names = [(card.title, card.id == current) for card in cards]
    at = next((index for index, (_, on) in enumerate(names) if on), 0)
    first, last = at, at
    while True:
        grown = False
        for low, high in ((first, last + 1), (first - 1, last)):
            if low < 0 or high >= len(names):
                continue
            if line_width(_names(names, low, high)) <= width:
                first, last, grown = low, high, True
        if not grown:
            break
    return clip_line(_names(names, first, last), width)


def _names(names: Sequence[tuple[str, bool]], first: int, last: int) -> Line:
    line: Line = [(" «" if first else "  ", "muted")]
    for title, on in names[first : last + 1]:
        line.append((f"[{title}]", "tab.on") if on else (f" {title} ", "tab"))
    line.append(("»" if last < len(names) - 1 else " ", "muted"))
    return line


def widest(texts: Sequence[str], limit: int) -> int:
    """Cells of the longest text, at most `limit`."""
    return min(max((cell_width(text) for text in texts), default=0), limit)
