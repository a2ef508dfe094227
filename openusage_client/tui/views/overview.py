"""The main screen: which view draws the accounts, and what keys and mouse mean in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from openusage_client.tui.layout import Line
from openusage_client.tui.state import AppState
from openusage_client.tui.text import wrap
from openusage_client.tui.views import budgets
from openusage_client.tui.views.compact import COMPACT
from openusage_client.tui.views.compact import questions as compact_questions
from openusage_client.tui.views.compare import COMPARE, activated
from openusage_client.tui.views.frame import content_height, header_height
from openusage_client.tui.views.grid import GRID, STACKED
from openusage_client.tui.views.model_section import trend_question
from openusage_client.tui.views.split import SPLIT
from openusage_client.tui.views.tabs import TABS
from openusage_client.tui.views.view import View
from openusage_client.tui.views.view_choice import shown_view
from openusage_client.tui.watching import Question

_VIEWS: Final[dict[str, View]] = {
    "grid": GRID,
    "stacked": STACKED,
    "tabs": TABS,
    "split": SPLIT,
    "compare": COMPARE,
    "compact": COMPACT,
}


def render(state: AppState, width: int, height: int) -> tuple[list[Line], str]:
    """The lines between header and footer, and where they are scrolled to."""
    room = content_height(height)
    if not state.accounts:
        return _no_match(state, width, room), ""
    return _view(state, width).render(state, width, room)


def move(state: AppState, width: int, height: int, across: int, down: int) -> AppState:
    """An arrow key."""
    if not state.accounts:
        return state
    return _view(state, width).move(state, width, content_height(height), across, down)


def page(state: AppState, width: int, height: int, direction: int) -> AppState:
    """A page key."""
    if not state.accounts:
        return state
    return _view(state, width).page(state, width, content_height(height), direction)


def end(state: AppState, width: int, height: int, *, last: bool) -> AppState:
    """To the first or the last of all there is."""
    if not state.accounts:
        return state
    return _view(state, width).end(state, width, content_height(height), last=last)


def followed(state: AppState, width: int, height: int) -> AppState:
    """Scrolled to where the selected account is visible."""
    if not state.accounts:
        return state
    return _view(state, width).follow(state, width, content_height(height))


def account_at(state: AppState, width: int, height: int, x: int, y: int) -> str:
    """The account drawn at a place of the screen; empty where none is."""
    row = y - header_height(height)
    room = content_height(height)
    if not state.accounts or not 0 <= row < room:
        return ""
    return _view(state, width).account_at(state, width, room, x, row)


def clicked(state: AppState, width: int, height: int, account_id: str) -> AppState:
    """The account selected, on whatever side of the view it is."""
    if shown_view(state, width) == "compare":
        return activated(state, account_id)
    return followed(replace(state, selected=account_id), width, height)


def wheeled(state: AppState, width: int, height: int, x: int, y: int, delta: int) -> AppState:
    """The wheel scrolls what is under it."""
    if not state.accounts:
        return state
    row = max(0, y - header_height(height))
    return _view(state, width).wheel(state, width, content_height(height), x, row, delta)


def questions(state: AppState) -> tuple[Question, ...]:
    """What is shown besides the read model: budgets, other windows, or the models' trend."""
    if state.view == "compact":
        return (*budgets.questions(state), *compact_questions(state))
    account = state.account
    opened = account is not None and account.account_id in state.expanded
    trend = trend_question(state) if opened or state.view != "grid" else ()
    return (*budgets.questions(state), *trend)


def _view(state: AppState, width: int) -> View:
    return _VIEWS[shown_view(state, width)]


def _no_match(state: AppState, width: int, room: int) -> list[Line]:
    """A filter that finds nothing says so, and what to press."""
    count = len(state.model.accounts) if state.model else 0
    text = (
        f"No match: none of the {count} accounts contains “{state.filter}” in its name, provider, "
        "state, models or projects. Esc shows them all again, / changes the filter."
    )
    lines: list[Line] = [[]] * min(2, max(0, room - 1))
    lines += [[(f"  {part}", "muted")] for part in wrap(text, max(8, width - 4))]
    return (lines + [[] for _ in range(room)])[:room]
