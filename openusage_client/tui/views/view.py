"""
What a view of the main screen is: how it draws the accounts and what keys and mouse do in it.

Separate from the views, so that each is one module and `overview` chooses among them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from openusage_client.tui.layout import Line
from openusage_client.tui.state import AppState


class View(Protocol):
    """One way to show the accounts; `room` is the number of lines between header and footer."""

    def render(self, state: AppState, width: int, room: int) -> tuple[list[Line], str]:
        """Exactly `room` lines, and where they are scrolled to."""
        ...

    def move(self, state: AppState, width: int, room: int, across: int, down: int) -> AppState:
        """An arrow key."""
        ...

    def page(self, state: AppState, width: int, room: int, direction: int) -> AppState:
        """A page key."""
        ...

    def end(self, state: AppState, width: int, room: int, *, last: bool) -> AppState:
        """To the first or the last of all there is."""
        ...

    def follow(self, state: AppState, width: int, room: int) -> AppState:
        """Scrolled to where the selected account is visible."""
        ...

    def account_at(self, state: AppState, width: int, room: int, x: int, y: int) -> str:
        """The account whose figures are drawn there; empty where none is."""
        ...

    def wheel(self, state: AppState, width: int, room: int, x: int, y: int, delta: int) -> AppState:
        """The mouse wheel over a place."""
        ...


def select(state: AppState, index: int) -> AppState:
    """The state with another account selected; the nearest one when there is none of that index."""
    accounts = state.accounts
    if not accounts:
        return state
    return replace(state, selected=accounts[max(0, min(index, len(accounts) - 1))].account_id)


def stepped(state: AppState, delta: int) -> AppState:
    """The state with the selection moved; it stops at both ends."""
    target = state.selected_index + delta
    return select(state, target) if 0 <= target < len(state.accounts) else state
