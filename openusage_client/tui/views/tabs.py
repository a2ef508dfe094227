"""One account per tab: a strip of names, the active one always in it, and one tall tile."""

from __future__ import annotations

from openusage_client.tui.layout import Line, clip_line, line_width
from openusage_client.tui.state import AppState
from openusage_client.tui.text import clip
from openusage_client.tui.views import wording
from openusage_client.tui.views.pane import render_pane, scroll_pane
from openusage_client.tui.views.view import select, stepped

_NAME_MAX = 20
_STRIP = 1
"""Lines of the strip."""


class Tabs:
    """The tabs view."""

    def render(self, state: AppState, width: int, room: int) -> tuple[list[Line], str]:
        """The strip and the selected account."""
        account = state.account
        if account is None:
            return [[] for _ in range(room)], ""
        strip, _ = _strip(state, width)
        pane = render_pane(state, account, width, room - _STRIP, selected=True)
        return [strip, *pane][:room], f"{state.selected_index + 1} of {len(state.accounts)}"

    def move(self, state: AppState, _width: int, _room: int, across: int, down: int) -> AppState:
        """Any arrow goes to the neighbour."""
        return stepped(state, across + down)

    def page(self, state: AppState, width: int, room: int, direction: int) -> AppState:
        """Scrolls inside the tile."""
        step = max(1, room - _STRIP - 3)
        return self._scrolled(state, width, room, direction * step)

    def end(self, state: AppState, width: int, room: int, *, last: bool) -> AppState:
        """To the start or the end of the tile."""
        return self._scrolled(state, width, room, 10**6 if last else -(10**6))

    def follow(self, state: AppState, _width: int, _room: int) -> AppState:
        """The strip shows the active name by itself."""
        return state

    def account_at(self, state: AppState, width: int, _room: int, x: int, y: int) -> str:
        """The name in the strip, or the account whose tile is shown."""
        if y >= _STRIP:
            return state.account.account_id if state.account else ""
        for start, end, index in _strip(state, width)[1]:
            if start <= x < end:
                return state.accounts[index].account_id
        return ""

    def wheel(
        self, state: AppState, width: int, room: int, _x: int, y: int, delta: int
    ) -> AppState:
        """Over the strip to the neighbour, over the tile inside it."""
        if y < _STRIP:
            return select(state, state.selected_index + (1 if delta > 0 else -1))
        return self._scrolled(state, width, room, delta)

    def _scrolled(self, state: AppState, width: int, room: int, delta: int) -> AppState:
        account = state.account
        if account is None:
            return state
        return scroll_pane(state, account, width, room - _STRIP, delta)


TABS = Tabs()


def _strip(state: AppState, width: int) -> tuple[Line, list[tuple[int, int, int]]]:
    """The names as far as they fit, the selected one among them, and the cells of each."""
    names = []
    for account in state.accounts:
        icon = wording.status_words(account)[0][:1]
        names.append(f" {icon} {clip(wording.title(account), _NAME_MAX)} ")
    at = state.selected_index
    first = at
    used = line_width([(names[at], "")]) if names else 0
    # To the left as long as the half of the line lasts, so that both neighbours are seen.
    while first > 0 and used + line_width([(names[first - 1], "")]) <= width // 2:
        first -= 1
        used += line_width([(names[first], "")])
    line: Line = [("◀" if first else " ", "muted")]
    places = []
    x = 1
    for index in range(first, len(names)):
        cells = line_width([(names[index], "")])
        if x + cells > width - 2 and index > at:
            line.append(("▶", "muted"))
            break
        line.append((names[index], "tab.on" if index == at else "tab"))
        places.append((x, x + cells, index))
        x += cells
    return clip_line(line, width), places
