"""The main screen: a grid of tiles, one per account, as detailed as fits; scrolls when it must."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from openusage_client.tui.layout import Arrangement, Line, arrange, clip_line, fit_line, scroll_to
from openusage_client.tui.state import AppState
from openusage_client.tui.text import clean, wrap
from openusage_client.tui.views import wording
from openusage_client.tui.views.frame import content_height
from openusage_client.tui.views.tile import MAX_LEVEL, render_tile


@dataclass(frozen=True, slots=True)
class Grid:
    """All lines of the grid and where each row of tiles starts; the last entry is the end."""

    lines: list[Line]
    tops: list[int]
    columns: int


def render_grid(state: AppState, width: int, height: int) -> tuple[list[Line], str]:
    """The visible lines, exactly `content_height(height)` of them, and where they are."""
    room = content_height(height)
    grid = build(state, width, room)
    offset = _offset(state, grid, room)
    visible = grid.lines[offset : offset + room]
    visible += [[] for _ in range(room - len(visible))]
    return visible, _position(state, grid, offset, room)


def columns(state: AppState, width: int) -> int:
    """Columns of tiles at this width."""
    return arrange(width, len(state.accounts)).columns


def scroll(state: AppState, width: int, height: int) -> int:
    """The scroll offset at which the selected tile is visible."""
    room = content_height(height)
    return _offset(state, build(state, width, room), room)


def page_target(state: AppState, width: int, height: int, direction: int) -> int:
    """Index of the account one screen up or down from the selected one, in the same column."""
    room = content_height(height)
    grid = build(state, width, room)
    row, column = divmod(state.selected_index, grid.columns)
    top = grid.tops[row]
    target = row
    while 0 <= target + direction < len(grid.tops) - 1:
        target += direction
        if abs(grid.tops[target] - top) >= room - 2:
            break
    return max(0, min(target * grid.columns + column, len(state.accounts) - 1))


def build(state: AppState, width: int, room: int) -> Grid:
    """
    The grid at the highest level of detail that fits into `room` lines, else at the lowest.

    Where there is room left, the blocks of a tile are set apart.
    """
    plan = arrange(width, len(state.accounts))
    notes = _notes(state, width)
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


def _build(
    state: AppState, plan: Arrangement, notes: Sequence[Line], level: int, *, airy: bool = False
) -> Grid:
    selected = state.selected_index
    tiles = [
        render_tile(state, account, plan.tile_width, level, selected=index == selected, airy=airy)
        for index, account in enumerate(state.accounts)
    ]
    lines: list[Line] = []
    tops: list[int] = []
    for start in range(0, len(tiles), plan.columns):
        tops.append(len(lines))
        lines += _row(tiles[start : start + plan.columns], plan)
    tops.append(len(lines))
    lines += notes
    return Grid(lines, tops, plan.columns)


def _row(tiles: Sequence[list[Line]], plan: Arrangement) -> list[Line]:
    """Tiles side by side, the shorter ones filled up inside their frames."""
    height = max(len(tile) for tile in tiles)
    filled = [_stretch(tile, height, plan.tile_width) for tile in tiles]
    lines: list[Line] = []
    for parts in zip(*filled, strict=True):
        line: Line = []
        for index, part in enumerate(parts):
            if index:
                line.append((" " * plan.gap, "text"))
            line += part
        lines.append(line)
    return lines


def _stretch(tile: list[Line], height: int, width: int) -> list[Line]:
    if len(tile) == height or width < 8:
        return tile + [[(" " * width, "text")] for _ in range(height - len(tile))]
    edge, role = tile[1][0]
    blank: Line = [(edge, role), (" " * (width - 4), "text"), (edge[::-1], role)]
    return [*tile[:-1], *([blank] * (height - len(tile))), tile[-1]]


def _offset(state: AppState, grid: Grid, room: int) -> int:
    wanted = state.scroll.get("main", 0)
    if len(grid.tops) < 2:
        return 0
    row = state.selected_index // grid.columns
    last_row = row == len(grid.tops) - 2
    # At the last tile the notes below it come into view as well.
    bottom = len(grid.lines) if last_row else grid.tops[row + 1]
    return scroll_to(grid.tops[row], bottom, wanted, room, len(grid.lines))


def _position(state: AppState, grid: Grid, offset: int, room: int) -> str:
    if len(grid.lines) <= room:
        return ""
    up = "▲" if offset > 0 else " "
    down = "▼" if offset + room < len(grid.lines) else " "
    return f"{state.selected_index + 1} of {len(state.accounts)} {up}{down}"


def _notes(state: AppState, width: int) -> list[Line]:
    """What the tiles do not show: models without a price and usage without an account."""
    model = state.model
    if model is None:
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
