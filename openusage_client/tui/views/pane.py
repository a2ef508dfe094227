"""
One account in a frame of fixed height, everything of it reachable by scrolling inside the frame.

Shared by the views that show few accounts at a time.
"""

from __future__ import annotations

from openusage_client.tui.layout import Line, fit_line, lower_edge, side
from openusage_client.tui.state import AppState, scrolled
from openusage_client.tui.views import wording
from openusage_client.tui.views.tile import MAX_LEVEL
from openusage_client.tui.views.tile_cache import tile
from openusage_proto.messages import AccountSnapshot

_PREFIX = "tile:"


def render_pane(
    state: AppState, account: AccountSnapshot, width: int, height: int, *, selected: bool
) -> list[Line]:
    """The account's tile, exactly `height` lines, scrolled to where the state says."""
    lines = tile(state, account, width, MAX_LEVEL, selected=selected)
    airy = tile(state, account, width, MAX_LEVEL, selected=selected, airy=True)
    if len(airy) <= height:
        lines = airy
    if len(lines) <= height or width < 8 or height < 3:
        return _stretched(lines, width, height)
    body, room = lines[1:-1], height - 2
    last = len(body) - room
    offset = min(state.scroll.get(_PREFIX + account.account_id, 0), last)
    visible = body[offset : offset + room]
    first, size = _thumb(offset, room, len(body))
    role, edge = "border.selected" if selected else "border", side(heavy=selected)
    rows = [
        # The frame's right edge, its last span, is where the position bar runs.
        [*line[:-1], (" ", role), ("█" if first <= at < first + size else edge, role)]
        for at, line in enumerate(visible)
    ]
    up, down = "▲" if offset else " ", "▼" if offset < last else " "
    place = f"{up}{offset + 1}–{offset + room} of {len(body)}{down}"  # noqa: RUF001
    note, note_role = wording.staleness(account, state.now)
    foot: Line = [(note, note_role)] if note else []
    return [lines[0], *rows, lower_edge([(place, "accent")], foot, width, heavy=selected)]


def scroll_pane(
    state: AppState, account: AccountSnapshot, width: int, height: int, delta: int
) -> AppState:
    """The state with the pane scrolled by `delta` lines, no further than its ends."""
    lines = tile(state, account, width, MAX_LEVEL, selected=True)
    last = max(0, len(lines) - height)
    key = _PREFIX + account.account_id
    offset = min(state.scroll.get(key, 0), last) + delta
    return scrolled(state, key, max(0, min(offset, last)))


def _thumb(offset: int, room: int, total: int) -> tuple[int, int]:
    """First row and number of rows of the position bar."""
    size = max(1, room * room // total)
    last = total - room
    return round(offset / last * (room - size)), size


def _stretched(lines: list[Line], width: int, height: int) -> list[Line]:
    """The tile filled up inside its frame, or cut, to exactly `height` lines."""
    missing = height - len(lines)
    if missing <= 0:
        return lines[:height]
    if width < 8:
        return lines + [fit_line([], width) for _ in range(missing)]
    edge, role = lines[0][0][0][:1], lines[0][0][1]
    bar = side(heavy=edge == "┏")
    blank: Line = [(f"{bar} ", role), (" " * (width - 4), "text"), (f" {bar}", role)]
    return [*lines[:-1], *([blank] * missing), lines[-1]]
