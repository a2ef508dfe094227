"""
Commands: what a key does to the state, and what it asks of the world.

A command is a function of a state and the size of the view; effects are values that the
application carries out, so that every key can be tested without a terminal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import Final

from openusage_client.preferences import WINDOWS
from openusage_client.tui import entry, overview_actions, palette_actions
from openusage_client.tui.detail.model import DetailState
from openusage_client.tui.effects import Command, Outcome, Size
from openusage_client.tui.keymap import DETAIL, DRILL, HELP, MAIN
from openusage_client.tui.state import AppState, scrolled
from openusage_client.tui.views import overview, screens
from openusage_client.tui.views.view import select

__all__ = ["Outcome", "Size", "perform"]


def perform(command: str, state: AppState, size: Size) -> Outcome:
    """
    The state after a command and the effects it asks for.

    Raises:
        KeyError: there is no such command (the keymap test rules that out).
    """
    # A notice answers the key before; any key takes it away.
    carry_out = COMMANDS.get(command) or _of_a_screen(command)
    return carry_out(replace(state, notice="") if state.notice else state, size)


def _page(direction: int) -> Command:
    def command(state: AppState, size: Size) -> Outcome:
        if state.screen == MAIN:
            return overview.page(state, size.width, size.height, direction), ()
        step = max(1, screens.content_height(size.height) - 2)
        return _scroll(state, size, direction * step), ()

    return command


def _scroll(state: AppState, size: Size, delta: int) -> AppState:
    last = screens.last_scroll(state, size.width, size.height)
    offset = min(state.scroll.get(state.screen, 0), last) + delta
    return scrolled(state, state.screen, max(0, min(offset, last)))


def _line(delta: int) -> Command:
    return lambda state, size: (_scroll(state, size, delta), ())


def _end(last: bool) -> Command:  # noqa: FBT001
    def command(state: AppState, size: Size) -> Outcome:
        if state.screen == MAIN:
            return overview.end(state, size.width, size.height, last=last), ()
        return _scroll(state, size, 10**6 if last else -(10**6)), ()

    return command


def _open(screen: str) -> Command:
    def command(state: AppState, size: Size) -> Outcome:
        if screen == DETAIL and not state.accounts:
            # Before there are any, the key does what the splash screen says it does.
            return _refresh(state, size) if state.link.phase == "lost" else (state, ())
        opened = replace(state, screens=(*state.screens, screen))
        if screen == DETAIL:
            opened = replace(select(opened, opened.selected_index), detail=DetailState())
        return scrolled(opened, screen, 0), ()

    return command


def _back(state: AppState, size: Size) -> Outcome:
    if len(state.screens) < 2:
        return state, ()
    if state.filters.get(state.screen):
        # The first step back is to everything the screen has.
        return entry.filtered(state, ""), ()
    if state.screen == DRILL:
        from openusage_client.tui.detail.commands import step_up

        return step_up(state), ()
    below = replace(state, screens=state.screens[:-1])
    return overview.followed(below, size.width, size.height), ()


def _neighbour(delta: int) -> Command:
    def command(state: AppState, _size: Size) -> Outcome:
        if not state.accounts:
            return state, ()
        index = (state.selected_index + delta) % len(state.accounts)
        chosen = replace(select(state, index), detail=DetailState())
        return scrolled(chosen, DETAIL, 0), ()

    return command


def _window(delta: int) -> Command:
    def command(state: AppState, _size: Size) -> Outcome:
        index = (WINDOWS.index(state.window) + delta) % len(WINDOWS)
        return replace(state, window=WINDOWS[index], window_chosen=True), ("window",)

    return command


def _refresh(state: AppState, _size: Size) -> Outcome:
    words = {
        "connecting": "still connecting",
        "live": "asking the daemon to look now",
        "failing": "asking the daemon again",
        "lost": "looking for the daemon, starting one if none runs",
    }
    return replace(state, notice=words[state.link.phase]), ("refresh",)


def _of_a_screen(command: str) -> Command:
    table = import_module(SCREEN_COMMANDS[command.partition(".")[0]]).COMMANDS
    found: Command = table[command]
    return found


_TUI: Final = "openusage_client.tui"
SCREEN_COMMANDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("settings", "theme"), f"{_TUI}.settings.commands"),
    **dict.fromkeys(("row", "card", "cursor", "drill", "explain"), f"{_TUI}.detail.commands"),
    **dict.fromkeys(("analytics", "screen"), f"{_TUI}.analytics.commands"),
    **dict.fromkeys(("sessions", "session"), f"{_TUI}.sessions.commands"),
}
"""By the first word of a command: the module whose `COMMANDS` have it, see `late`."""
COMMANDS: Final[Mapping[str, Command]] = {
    **overview_actions.COMMANDS,
    **palette_actions.commands(perform),
    "detail.open": _open(DETAIL),
    "help.open": _open(HELP),
    "back": _back,
    "window.next": _window(1),
    "window.previous": _window(-1),
    "refresh": _refresh,
    "page.down": _page(1),
    "page.up": _page(-1),
    "go.first": _end(last=False),
    "go.last": _end(last=True),
    "scroll.down": _line(1),
    "scroll.up": _line(-1),
    "account.next": _neighbour(1),
    "account.previous": _neighbour(-1),
    "redraw": lambda state, _size: (state, ("redraw",)),
    "quit": lambda state, _size: (state, ("quit",)),
}
