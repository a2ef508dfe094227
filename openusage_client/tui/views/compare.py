"""
Two accounts side by side, either of them to be chosen.

The side whose keys are active holds the selected account, so that every command means it; changing
sides swaps the two.
"""

from __future__ import annotations

from dataclasses import replace

from openusage_client.tui.layout import Line
from openusage_client.tui.state import AppState
from openusage_client.tui.views.pane import render_pane, scroll_pane
from openusage_client.tui.views.view import select
from openusage_proto.messages import AccountSnapshot

_GAP = 1


class Compare:
    """The compare view."""

    def render(self, state: AppState, width: int, room: int) -> tuple[list[Line], str]:
        """Left and right pane; the active one has the heavy frame."""
        account = state.account
        if account is None:
            return [[] for _ in range(room)], ""
        other = other_account(state)
        half = _half(width)
        if other is None:
            return render_pane(
                state, account, width, room, selected=True
            ), "nothing to compare with"
        active = render_pane(state, account, half, room, selected=True)
        passive = render_pane(state, other, half, room, selected=False)
        left, right = (passive, active) if state.right_side else (active, passive)
        lines = [[*a, (" " * _GAP, "text"), *b] for a, b in zip(left, right, strict=True)]
        side = "right" if state.right_side else "left"
        return lines, f"{side} side: ↑↓ other account"

    def move(self, state: AppState, _width: int, _room: int, across: int, down: int) -> AppState:
        """Left and right change sides; up and down show another account on the active side."""
        if across:
            return _side(state, right=across > 0)
        return _turn(state, down)

    def page(self, state: AppState, width: int, room: int, direction: int) -> AppState:
        """Scrolls the active side."""
        return self._scrolled(state, width, room, direction * max(1, room - 3))

    def end(self, state: AppState, width: int, room: int, *, last: bool) -> AppState:
        """To the start or the end of the active side."""
        return self._scrolled(state, width, room, 10**6 if last else -(10**6))

    def follow(self, state: AppState, _width: int, _room: int) -> AppState:
        """Both are always visible."""
        return state

    def account_at(self, state: AppState, width: int, _room: int, x: int, _y: int) -> str:
        """The account of the side."""
        account, other = state.account, other_account(state)
        if account is None:
            return ""
        right = x >= _half(width) + _GAP
        if other is None or right == state.right_side:
            return account.account_id
        return other.account_id

    def wheel(
        self, state: AppState, width: int, room: int, x: int, _y: int, delta: int
    ) -> AppState:
        """Scrolls the side under it."""
        other = other_account(state)
        if other is not None and (x >= _half(width) + _GAP) != state.right_side:
            return scroll_pane(state, other, _half(width), room, delta)
        return self._scrolled(state, width, room, delta)

    def _scrolled(self, state: AppState, width: int, room: int, delta: int) -> AppState:
        account = state.account
        if account is None:
            return state
        cells = _half(width) if other_account(state) else width
        return scroll_pane(state, account, cells, room, delta)


COMPARE = Compare()


def other_account(state: AppState) -> AccountSnapshot | None:
    """The account on the side that is not active: the chosen one, else the selected one's next."""
    accounts, account = state.accounts, state.account
    if account is None or len(accounts) < 2:
        return None
    for candidate in accounts:
        if candidate.account_id == state.compared and candidate is not account:
            return candidate
    at = state.selected_index
    return accounts[at + 1] if at + 1 < len(accounts) else accounts[at - 1]


def activated(state: AppState, account_id: str) -> AppState:
    """The state with the side active that shows this account."""
    if state.account is None or state.account.account_id == account_id:
        return state
    return _side(state, right=not state.right_side)


def _side(state: AppState, *, right: bool) -> AppState:
    """Makes the other side active, if it is not yet."""
    other, account = other_account(state), state.account
    if right == state.right_side or other is None or account is None:
        return state
    return replace(state, selected=other.account_id, compared=account.account_id, right_side=right)


def _turn(state: AppState, delta: int) -> AppState:
    """The next account on the active side, passing over the one on the other side."""
    other = other_account(state)
    if other is None:
        return state
    pinned = replace(state, compared=other.account_id)
    index = state.selected_index + delta
    while 0 <= index < len(state.accounts):
        if state.accounts[index].account_id != other.account_id:
            return select(pinned, index)
        index += delta
    return state


def _half(width: int) -> int:
    return (width - _GAP) // 2
