"""
What the user does, from any device, as the next state: keys, typed and pasted text, the mouse.

Separate from `actions`, which knows commands but not what leads to them.
"""

from __future__ import annotations

from dataclasses import replace

from openusage_client.preferences import WINDOWS
from openusage_client.tui import actions, entry, keymap, overview_actions, pointing
from openusage_client.tui.effects import Outcome, Size
from openusage_client.tui.state import AppState
from openusage_client.tui.views import frame

_WHEEL_LINES = 3
_WINDOW = "window:"


def on_key(state: AppState, key: str, size: Size) -> Outcome:
    """The key's command on this screen; in a line that is being typed, else, its text."""
    command = keymap.lookup(state.context, key)
    if command:
        return actions.perform(command, state, size)
    if state.entry is not None:
        return entry.insert(state, entry.text_of_key(key)), ()
    return state, ()


def on_paste(state: AppState, text: str) -> AppState:
    """Pasted text goes into the line that is being typed and never runs a command."""
    return entry.insert(state, " ".join(text.split()))


def on_mouse(state: AppState, kind: str, x: int, y: int, size: Size) -> Outcome:
    """
    A click or a turn of the wheel (`click`, `wheel.up`, `wheel.down`) at a cell.

    Header and footer have their own places to click, rows are chosen by `pointing`; but for what
    scrolls by itself the wheel is as good as arrow keys.
    """
    if kind == "click":
        place = frame.command_at(state, size.width, size.height, x, y)
        window = next((name for name in WINDOWS if place == _WINDOW + name), None)
        if window is not None:
            return replace(state, window=window, window_chosen=True), ("window",)
        if place:
            return actions.perform(place, state, size)
    if state.entry is None and state.screen == keymap.MAIN:
        state, command = overview_actions.point(state, size, kind, x, y)
        return actions.perform(command, state, size) if command else (state, ())
    down = kind == "wheel.down"
    if kind == "click":
        state, command = pointing.clicked(state, size, x, y)
    else:
        command = pointing.wheel_command(state, size, x, y, down=down)
    if command:
        return actions.perform(command, state, size)
    if kind == "click":
        return state, ()
    for _ in range(1 if state.entry else _WHEEL_LINES):
        state, _effects = on_key(state, "Down" if down else "Up", size)
    return state, ()
