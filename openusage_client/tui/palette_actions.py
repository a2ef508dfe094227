"""Commands of the command palette: open it, choose, and do what was chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from openusage_client.tui.effects import Command, Outcome, Size
from openusage_client.tui.keymap import MAIN, PALETTE
from openusage_client.tui.state import AppState, Entry
from openusage_client.tui.views import command_list, frame

Perform = Callable[[str, AppState, Size], Outcome]


def commands(perform: Perform) -> dict[str, Command]:
    """The palette's commands; `perform` carries out the one that was chosen."""

    def run(state: AppState, size: Size) -> Outcome:
        chosen = command_list.chosen(state)
        state = replace(state, entry=None)
        if chosen is None:
            return replace(state, notice="no command of that name"), ()
        if state.screen not in chosen.contexts:
            if MAIN not in chosen.contexts:
                return replace(state, notice=f"{chosen.help}: not on this screen"), ()
            state = replace(state, screens=(MAIN,))
        return perform(chosen.command, state, size)

    return {
        "palette.open": lambda state, _size: (replace(state, entry=Entry(kind=PALETTE)), ()),
        "palette.close": lambda state, _size: (replace(state, entry=None), ()),
        "palette.down": lambda state, _size: (_choose(state, 1), ()),
        "palette.up": lambda state, _size: (_choose(state, -1), ()),
        "palette.run": run,
    }


def clicked(state: AppState, size: Size, _x: int, line: int) -> tuple[AppState, str]:
    """The command under the mouse is carried out."""
    rows = max(1, frame.content_height(size.height) - command_list.HEAD)
    index = command_list.first_shown(state, rows) + line - command_list.HEAD
    found = len(command_list.matches(state))
    if state.entry is None or line < command_list.HEAD or index >= found:
        return state, ""
    return replace(state, entry=replace(state.entry, choice=index)), "palette.run"


def _choose(state: AppState, delta: int) -> AppState:
    entry = state.entry
    if entry is None:
        return state
    last = len(command_list.matches(state)) - 1
    return replace(state, entry=replace(entry, choice=max(0, min(entry.choice + delta, last))))
