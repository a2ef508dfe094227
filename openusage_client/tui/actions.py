"""
Commands: what a key does to the state, and what it asks of the world.

A command is a function of a state and the size of the view; effects are values that the
application carries out, so that every key can be tested without a terminal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

from openusage_client.preferences import WINDOWS
from openusage_client.tui.changes import SaveSettings
from openusage_client.tui.keymap import DETAIL, HELP
from openusage_client.tui.state import AppState, scrolled
from openusage_client.tui.views import screens

EffectKind = Literal["quit", "window", "refresh", "redraw"] | SaveSettings


@dataclass(frozen=True, slots=True)
class Size:
    """Cells of the terminal."""

    width: int
    height: int


Outcome = tuple[AppState, tuple[EffectKind, ...]]
_Command = Callable[[AppState, Size], Outcome]


def perform(command: str, state: AppState, size: Size) -> Outcome:
    """
    The state after a command and the effects it asks for.

    Raises:
        KeyError: there is no such command (the keymap test rules that out).
    """
    # A notice answers the key before; any key takes it away.
    return _COMMANDS[command](replace(state, notice="") if state.notice else state, size)


def _select(state: AppState, index: int) -> AppState:
    accounts = state.accounts
    if not accounts:
        return state
    index = max(0, min(index, len(accounts) - 1))
    return replace(state, selected=accounts[index].account_id)


def _step(delta: Callable[[int], int]) -> _Command:
    def command(state: AppState, size: Size) -> Outcome:
        columns = screens.grid_columns(state, size.width)
        target = state.selected_index + delta(columns)
        last = len(state.accounts) - 1
        if target > last and target // columns == last // columns:
            # The last row may be shorter: below its empty places is its last tile.
            target = last
        if not 0 <= target <= last:
            return state, ()
        return _follow(_select(state, target), size), ()

    return command


def _follow(state: AppState, size: Size) -> AppState:
    """Keep the scroll offset of the grid where the selected tile is visible."""
    return scrolled(state, "main", screens.grid_scroll(state, size.width, size.height))


def _page(direction: int) -> _Command:
    def command(state: AppState, size: Size) -> Outcome:
        if state.screen == "main":
            target = screens.grid_page(state, size.width, size.height, direction)
            return _follow(_select(state, target), size), ()
        step = max(1, screens.content_height(size.height) - 2)
        return _scroll(state, size, direction * step), ()

    return command


def _scroll(state: AppState, size: Size, delta: int) -> AppState:
    last = screens.last_scroll(state, size.width, size.height)
    offset = min(state.scroll.get(state.screen, 0), last) + delta
    return scrolled(state, state.screen, max(0, min(offset, last)))


def _line(delta: int) -> _Command:
    return lambda state, size: (_scroll(state, size, delta), ())


def _end(last: bool) -> _Command:  # noqa: FBT001
    def command(state: AppState, size: Size) -> Outcome:
        if state.screen == "main":
            return _follow(_select(state, len(state.accounts) - 1 if last else 0), size), ()
        return _scroll(state, size, 10**6 if last else -(10**6)), ()

    return command


def _open(screen: str) -> _Command:
    def command(state: AppState, _size: Size) -> Outcome:
        if screen == DETAIL and not state.accounts:
            return state, ()
        opened = replace(state, screens=(*state.screens, screen))
        if screen == DETAIL:
            opened = _select(opened, opened.selected_index)
        return scrolled(opened, screen, 0), ()

    return command


def _back(state: AppState, size: Size) -> Outcome:
    if len(state.screens) < 2:
        return state, ()
    return _follow(replace(state, screens=state.screens[:-1]), size), ()


def _neighbour(delta: int) -> _Command:
    def command(state: AppState, _size: Size) -> Outcome:
        if not state.accounts:
            return state, ()
        index = (state.selected_index + delta) % len(state.accounts)
        return scrolled(_select(state, index), DETAIL, 0), ()

    return command


def _window(delta: int) -> _Command:
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


_COMMANDS: Final[dict[str, _Command]] = {
    "select.up": _step(lambda columns: -columns),
    "select.down": _step(lambda columns: columns),
    "select.left": _step(lambda _columns: -1),
    "select.right": _step(lambda _columns: 1),
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
COMMANDS: Final = frozenset(_COMMANDS)
