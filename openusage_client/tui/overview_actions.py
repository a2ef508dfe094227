"""
Commands of the main screen: selection, views, filter, rows, costs.

Separate from `actions` because none of them means anything on another screen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from openusage_client.preferences import HIDDEN, VIEWS
from openusage_client.tui import entry
from openusage_client.tui.changes import SaveSettings, set_costs, set_remaining, set_view
from openusage_client.tui.effects import Command, Outcome, Size
from openusage_client.tui.keymap import MAIN
from openusage_client.tui.state import AppState
from openusage_client.tui.views import overview


def _move(across: int, down: int) -> Command:
    def command(state: AppState, size: Size) -> Outcome:
        return overview.move(state, size.width, size.height, across, down), ()

    return command


def _view(delta: int) -> Command:
    def command(state: AppState, size: Size) -> Outcome:
        view = VIEWS[(VIEWS.index(state.view) + delta) % len(VIEWS)]
        turned = replace(state, view=view, right_side=False)
        shown = overview.followed(turned, size.width, size.height)
        return shown, (SaveSettings(set_view(view)),)

    return command


def _plain(change: Callable[[AppState], AppState]) -> Command:
    return lambda state, _size: (change(state), ())


def _keep_filter(state: AppState, size: Size) -> Outcome:
    return overview.followed(replace(state, entry=None), size.width, size.height), ()


def _clear_filter(state: AppState, size: Size) -> Outcome:
    return overview.followed(entry.filtered(state, ""), size.width, size.height), ()


def _expand(state: AppState, size: Size) -> Outcome:
    account = state.account
    if account is None:
        return state, ()
    expanded = state.expanded ^ {account.account_id}
    return overview.followed(replace(state, expanded=expanded), size.width, size.height), ()


_NEXT: Final[Mapping[bool | None, bool | None]] = {None: True, True: False, False: None}
_COSTS: Final[Mapping[bool | None, str]] = {True: "hidden", False: "shown"}


def _costs(state: AppState, _size: Size) -> Outcome:
    """By its plan, hidden, shown, and round again; on screen at once and kept in the settings."""
    account = state.account
    if account is None or state.raw is None:
        return state, ()
    name = account.account_id
    word = _NEXT[state.preferences.costs_of.get(name)]
    own = {key: value for key, value in state.preferences.costs_of.items() if key != name}
    if word is not None:
        own[name] = word
    wishes = replace(state.preferences, costs_of=own)
    state = replace(state, preferences=wishes, model=wishes.applied(state.raw))
    shown = state.account
    what = _COSTS.get(word, "")
    if not what:
        hidden = shown and shown.usage and shown.usage.totals.cost_basis == HIDDEN
        what = f"left to the plan and settings ({'hidden' if hidden else 'shown'})"
    title = shown.title if shown else name
    save = SaveSettings(set_costs(name, hidden=word))
    return replace(state, notice=f"costs of {title}: {what}"), (save,)


def _remaining(state: AppState, _size: Size) -> Outcome:
    """What is used of limits, or what is left; on screen at once and kept in the settings."""
    shown = not state.preferences.show_remaining
    wishes = replace(state.preferences, show_remaining=shown)
    words = f"limits show what is {'left' if shown else 'used'}"
    save = SaveSettings(set_remaining(shown=shown))
    return replace(state, preferences=wishes, notice=words), (save,)


COMMANDS: Final[dict[str, Command]] = {
    "select.up": _move(0, -1),
    "select.down": _move(0, 1),
    "select.left": _move(-1, 0),
    "select.right": _move(1, 0),
    "view.next": _view(1),
    "view.previous": _view(-1),
    "filter.open": _plain(entry.open_filter),
    "filter.keep": _keep_filter,
    "filter.cancel": _plain(entry.cancel_filter),
    "filter.clear": _clear_filter,
    "text.delete": _plain(entry.delete),
    "text.word": _plain(entry.delete_word),
    "text.clear": _plain(lambda state: entry.edited(state, "")),
    "rows.expand": _expand,
    "costs.next": _costs,
    "limits.turn": _remaining,
}


def point(state: AppState, size: Size, kind: str, x: int, y: int) -> tuple[AppState, str]:
    """
    What the mouse does on the main screen: the state, and a command to carry out after it.

    A click selects an account; one on the selected account opens it.  The wheel scrolls what is
    under it.
    """
    if state.screen != MAIN:
        return state, ""
    if kind == "click":
        name = overview.account_at(state, size.width, size.height, x, y)
        if not name:
            return state, ""
        if state.account is not None and name == state.account.account_id:
            return state, "detail.open"
        return overview.clicked(state, size.width, size.height, name), ""
    delta = 3 if kind == "wheel.down" else -3
    return overview.wheeled(state, size.width, size.height, x, y, delta), ""
