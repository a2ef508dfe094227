"""A list of the accounts at the left, everything about the selected one at the right."""

from __future__ import annotations

from openusage_client.tui.layout import Line, fit_line
from openusage_client.tui.state import AppState
from openusage_client.tui.views.account_rows import list_entry
from openusage_client.tui.views.pane import render_pane, scroll_pane
from openusage_client.tui.views.view import select, stepped

_ROWS = 2
"""Lines of one account in the list."""


class Split:
    """The split view."""

    def render(self, state: AppState, width: int, room: int) -> tuple[list[Line], str]:
        """List, rule, pane."""
        account = state.account
        if account is None:
            return [[] for _ in range(room)], ""
        cells = list_width(width)
        first = _first(state, room)
        entries: list[Line] = []
        for index, item in enumerate(state.accounts[first : first + _shown(room)], first):
            entries += list_entry(state, item, cells, selected=index == state.selected_index)
        entries += [[] for _ in range(room - len(entries))]
        more = len(state.accounts) - first - _shown(room)
        if more > 0:
            entries[room - 1] = [(f"   ▼ {more} more", "muted")]
        pane = render_pane(state, account, width - cells - 1, room, selected=True)
        lines = [
            [*fit_line(left, cells), (" ", "text"), *right]
            for left, right in zip(entries[:room], pane, strict=True)
        ]
        return lines, f"{state.selected_index + 1} of {len(state.accounts)}"

    def move(self, state: AppState, _width: int, _room: int, across: int, down: int) -> AppState:
        """Up and down in the list."""
        return stepped(state, across + down)

    def page(self, state: AppState, width: int, room: int, direction: int) -> AppState:
        """Scrolls the pane."""
        return self._scrolled(state, width, room, direction * max(1, room - 3))

    def end(self, state: AppState, _width: int, _room: int, *, last: bool) -> AppState:
        """To the first or the last account."""
        return select(state, len(state.accounts) - 1 if last else 0)

    def follow(self, state: AppState, _width: int, _room: int) -> AppState:
        """The list shows the selected one by itself."""
        return state

    def account_at(self, state: AppState, width: int, room: int, x: int, y: int) -> str:
        """The entry of the list, or the account of the pane."""
        if x > list_width(width):
            return state.account.account_id if state.account else ""
        index = _first(state, room) + y // _ROWS
        shown = y // _ROWS < _shown(room)
        return state.accounts[index].account_id if shown and index < len(state.accounts) else ""

    def wheel(
        self, state: AppState, width: int, room: int, x: int, _y: int, delta: int
    ) -> AppState:
        """Over the list it moves the selection, over the pane it scrolls that."""
        if x <= list_width(width):
            return select(state, state.selected_index + (1 if delta > 0 else -1))
        return self._scrolled(state, width, room, delta)

    def _scrolled(self, state: AppState, width: int, room: int, delta: int) -> AppState:
        account = state.account
        if account is None:
            return state
        return scroll_pane(state, account, width - list_width(width) - 1, room, delta)


SPLIT = Split()


def list_width(width: int) -> int:
    """Cells of the list."""
    return max(28, min(38, width // 3))


def _shown(room: int) -> int:
    """Accounts in the list at a time; its last line is kept for the count of the others."""
    return max(1, (room - 1) // _ROWS)


def _first(state: AppState, room: int) -> int:
    """The first account in the list: the selected one is in its middle, where there are enough."""
    count, shown = len(state.accounts), _shown(room)
    return max(0, min(state.selected_index - shown // 2, count - shown))
