"""
Tiles below and beside each other: the grid, as detailed as fits, and the stack of full tiles.

Both scroll as one page; what is taller than the screen is scrolled through before the selection
moves on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from openusage_client.tui.layout import Arrangement, Line, arrange, clip_line, fit_line, scroll_to
from openusage_client.tui.state import AppState, scrolled
from openusage_client.tui.text import clean, wrap
from openusage_client.tui.views import wording
from openusage_client.tui.views.tile import MAX_LEVEL
from openusage_client.tui.views.tile_cache import tile
from openusage_client.tui.views.view import select
from openusage_proto.values import dataclass

_FREE = "main.free"
"""Set while the wheel has moved the page, which then need not show all of the selected tile."""
_AHEAD: Final = 3
"""Screens of a stack that are built below what is in view: further than any key or wheel goes."""


@dataclass(frozen=True, slots=True)
class Page:
    """
    The lines and where each row of tiles starts; the last entry is where the tiles end.

    What lies far below the screen may be missing from both.
    """

    lines: list[Line]
    tops: list[int]
    plan: Arrangement


class Tiles:
    """The grid, or with `stacked` one column of tiles that show everything."""

    def __init__(self, *, stacked: bool) -> None:
        self._stacked = stacked

    def render(self, state: AppState, width: int, room: int) -> tuple[list[Line], str]:
        """The visible lines and which account of how many is selected."""
        page = self.build(state, width, room)
        offset = _offset(state, page, room)
        visible = page.lines[offset : offset + room]
        visible = visible + [[] for _ in range(room - len(visible))]
        return visible, _position(state, page, offset, room)

    def move(self, state: AppState, width: int, room: int, across: int, down: int) -> AppState:
        """To the tile in that direction; below the empty places of a short last row is its last."""
        columns = self._plan(state, width).columns
        target = state.selected_index + across + down * columns
        last = len(state.accounts) - 1
        if target > last and target // columns == last // columns:
            target = last
        if not 0 <= target <= last:
            return state
        return self.follow(select(state, target), width, room)

    def page(self, state: AppState, width: int, room: int, direction: int) -> AppState:
        """One screen on inside a tall tile, else to the tile one screen away in the same column."""
        page = self.build(state, width, room)
        offset = _offset(state, page, room)
        row, column = divmod(state.selected_index, page.plan.columns)
        top, bottom = page.tops[row], page.tops[row + 1]
        step = max(1, room - 2)
        if direction > 0 and bottom > offset + room:
            return self.follow(
                scrolled(state, "main", min(offset + step, bottom - room)), width, room
            )
        if direction < 0 and top < offset:
            return self.follow(scrolled(state, "main", max(offset - step, top)), width, room)
        target = row
        while 0 <= target + direction < len(page.tops) - 1:
            target += direction
            if abs(page.tops[target] - top) >= room - 2:
                break
        return self.follow(select(state, target * page.plan.columns + column), width, room)

    def end(self, state: AppState, width: int, room: int, *, last: bool) -> AppState:
        """To the first or the last tile."""
        chosen = select(state, len(state.accounts) - 1 if last else 0)
        if not last:
            return scrolled(chosen, "main", 0)
        return self.follow(scrolled(chosen, "main", 10**6), width, room)

    def follow(self, state: AppState, width: int, room: int) -> AppState:
        """Scrolled no further than needed to see the selected tile."""
        bound = scrolled(state, _FREE, 0)
        return scrolled(bound, "main", _offset(bound, self.build(bound, width, room), room))

    def account_at(self, state: AppState, width: int, room: int, x: int, y: int) -> str:
        """The account whose tile covers the place."""
        page = self.build(state, width, room)
        line = _offset(state, page, room) + y
        column = x // (page.plan.tile_width + page.plan.gap)
        for row in range(len(page.tops) - 1):
            if page.tops[row] <= line < page.tops[row + 1] and column < page.plan.columns:
                index = row * page.plan.columns + column
                return state.accounts[index].account_id if index < len(state.accounts) else ""
        return ""

    def wheel(
        self, state: AppState, width: int, room: int, _x: int, _y: int, delta: int
    ) -> AppState:
        """The page moves freely; the selection goes along when it would leave the screen."""
        page = self.build(state, width, room)
        offset = _offset(state, page, room) + delta
        offset = max(0, min(offset, len(page.lines) - room))
        moved = scrolled(scrolled(state, _FREE, 1), "main", offset)
        row, column = divmod(state.selected_index, page.plan.columns)
        if page.tops[row] < offset + room and page.tops[row + 1] > offset:
            return moved
        visible = [at for at in range(len(page.tops) - 1) if page.tops[at + 1] > offset + room // 2]
        return select(moved, (visible[0] if visible else row) * page.plan.columns + column)

    def build(self, state: AppState, width: int, room: int) -> Page:
        """
        The page: the grid at the highest level of detail that fits into `room` lines.

        Where there is room left, the blocks of a tile are set apart.
        """
        plan = self._plan(state, width)
        notes = _notes(state, width)
        if self._stacked:
            return _build(state, plan, notes, MAX_LEVEL, ahead=_AHEAD * room)
        best = _build(state, plan, notes, 0)
        if len(best.lines) > room:
            return best
        level = 0
        for richer in range(1, MAX_LEVEL + 1):
            candidate = _build(state, plan, notes, richer)
            if len(candidate.lines) > room:
                break
            best, level = candidate, richer
        airy = _build(state, plan, notes, level, airy=True)
        return airy if len(airy.lines) <= room else best

    def _plan(self, state: AppState, width: int) -> Arrangement:
        if self._stacked:
            return Arrangement(1, width)
        return arrange(width, len(state.accounts))


GRID = Tiles(stacked=False)
STACKED = Tiles(stacked=True)


def _build(
    state: AppState,
    plan: Arrangement,
    notes: Sequence[Line],
    level: int,
    *,
    airy: bool = False,
    ahead: int | None = None,
) -> Page:
    """The page, or of it what is in view and `ahead` lines more: full tiles are dear to draw."""
    at = state.selected_index
    lines: list[Line] = []
    tops: list[int] = []
    for start in range(0, len(state.accounts), plan.columns):
        if ahead is not None and start > at:
            in_view = max(state.scroll.get("main", 0), tops[at // plan.columns])
            if len(lines) > in_view + ahead:
                return Page(lines, [*tops, len(lines)], plan)
        tiles = [
            tile(
                state,
                account,
                plan.tile_width,
                # All rows of an account are asked for with all its sections.
                MAX_LEVEL if account.account_id in state.expanded else level,
                selected=start + index == at,
                airy=airy,
            )
            for index, account in enumerate(state.accounts[start : start + plan.columns])
        ]
        tops.append(len(lines))
        lines += _row(tiles, plan)
    tops.append(len(lines))
    lines += notes
    return Page(lines, tops, plan)


def _row(tiles: Sequence[list[Line]], plan: Arrangement) -> list[Line]:
    """Tiles side by side, the shorter ones filled up inside their frames."""
    height = max(len(lines) for lines in tiles)
    filled = [_stretch(lines, height, plan.tile_width) for lines in tiles]
    rows: list[Line] = []
    for parts in zip(*filled, strict=True):
        line: Line = []
        for index, part in enumerate(parts):
            if index:
                line.append((" " * plan.gap, "text"))
            line += part
        rows.append(line)
    return rows


def _stretch(lines: list[Line], height: int, width: int) -> list[Line]:
    if len(lines) == height or width < 8:
        return lines + [[(" " * width, "text")] for _ in range(height - len(lines))]
    edge, role = lines[1][0]
    blank: Line = [(edge, role), (" " * (width - 4), "text"), (edge[::-1], role)]
    return [*lines[:-1], *([blank] * (height - len(lines))), lines[-1]]


def _offset(state: AppState, page: Page, room: int) -> int:
    wanted = state.scroll.get("main", 0)
    if len(page.tops) < 2:
        return 0
    if state.scroll.get(_FREE):
        return max(0, min(wanted, len(page.lines) - room))
    row = state.selected_index // page.plan.columns
    last_row = row == len(page.tops) - 2
    # At the last tile the notes below it come into view as well.
    bottom = len(page.lines) if last_row else page.tops[row + 1]
    return scroll_to(page.tops[row], bottom, wanted, room, len(page.lines))


def _position(state: AppState, page: Page, offset: int, room: int) -> str:
    if len(page.lines) <= room:
        return ""
    up = "▲" if offset > 0 else " "
    down = "▼" if offset + room < len(page.lines) else " "
    return f"{state.selected_index + 1} of {len(state.accounts)} {up}{down}"


def _notes(state: AppState, width: int) -> list[Line]:
    """What the tiles do not show: models without a price and usage without an account."""
    model = state.model
    if model is None or state.filter:
        return []
    lines: list[Line] = []
    if model.unpriced_models:
        names = ", ".join(clean(name) for name in model.unpriced_models)
        text = f"no price known for {names}: their tokens count, their cost does not"
        mark: Line = [(f" {wording.UNPRICED_MARK} ", "warn")]
        for index, part in enumerate(wrap(text, max(10, width - 5), 2)):
            lines.append([*(mark if index == 0 else [("    ", "text")]), (part, "muted")])
    for entry in model.unmapped:
        line: Line = [(" ◇ ", "warn"), (f"no account owns {clean(entry.source)}: ", "label")]
        line += wording.totals_line(entry.totals)
        if entry.suggestion:
            line.append((f" · {clean(entry.suggestion)}", "muted"))
        lines.append(line)
    return [fit_line(clip_line(line, width), width) for line in lines]
