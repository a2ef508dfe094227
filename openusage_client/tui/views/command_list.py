"""The command palette: every command of the keymap, found by its words or its key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from openusage_client.tui import keymap
from openusage_client.tui.key_row import Key
from openusage_client.tui.layout import Line, clip_line, fit_line, spread
from openusage_client.tui.matching import contains
from openusage_client.tui.settings.model import CONTEXTS
from openusage_client.tui.state import AppState
from openusage_client.tui.text import cell_width, pad

HEAD: Final = 2
"""Lines above the commands."""
_WHERE: Final = {keymap.MAIN: "on the overview", keymap.DETAIL: "on a detail page"}


def commands(screen: str) -> list[Key]:
    """
    All commands: first those of the screen, then those of the overview, then all others.

    Keys that only move a text cursor or this very list are left out: they do nothing from here.
    """
    rows = [
        row
        for row in keymap.KEYS
        if not set(row.contexts) <= set(keymap.TYPING) and row.command != "palette.open"
    ]
    here = [row for row in rows if screen in row.contexts]
    overview = [row for row in rows if row not in here and keymap.MAIN in row.contexts]
    others = [row for row in rows if row not in here and row not in overview]
    return [*here, *overview, *others]


def matches(state: AppState) -> list[Key]:
    """The commands that the typed text finds."""
    wanted = state.entry.text if state.entry else ""
    return [
        row
        for row in commands(state.screen)
        if contains((row.help, row.hint, row.command.replace(".", " "), *row.keys), wanted)
    ]


def chosen(state: AppState) -> Key | None:
    """The highlighted command."""
    found = matches(state)
    at = state.entry.choice if state.entry else 0
    return found[min(at, len(found) - 1)] if found else None


def first_shown(state: AppState, rows: int) -> int:
    """The place of the first command that is drawn when there is room for `rows`."""
    found = matches(state)
    at = min(state.entry.choice if state.entry else 0, len(found) - 1)
    return max(0, min(at - rows // 2, len(found) - rows))


def render_commands(state: AppState, width: int, room: int) -> list[Line]:
    """The line that is typed and the commands it finds, as many as there is room for."""
    entry = state.entry
    text = entry.text if entry else ""
    lines: list[Line] = [
        [(" : ", "key"), (text, "value"), ("▏", "accent")],
        [(" " + "─" * max(0, width - 2), "border")],
    ]
    found = matches(state)
    if not found:
        words = "no command contains that; Backspace deletes, Esc closes this list"
        return [*lines, clip_line([(f" {words}", "muted")], width)]
    rows = max(1, room - HEAD)
    at = min(entry.choice if entry else 0, len(found) - 1)
    start = first_shown(state, rows)
    keys = max(cell_width(keymap.key_text(row)) for row in found)
    for index, row in enumerate(found[start : start + rows], start):
        lines.append(_row(state, row, keys, width, highlighted=index == at))
    return lines


def _row(state: AppState, row: Key, keys: int, width: int, *, highlighted: bool) -> Line:
    usable = state.screen in row.contexts or keymap.MAIN in row.contexts
    role = "title.selected" if highlighted else "text" if usable else "muted"
    left: Line = [
        (" > " if highlighted else "   ", "accent"),
        (pad(keymap.key_text(row), keys), "key"),
        ("  ", "text"),
        (row.help, role),
    ]
    where = "" if state.screen in row.contexts else _place(row.contexts)
    return fit_line(spread(left, [(f"{where} ", "muted")] if where else [], width), width)


def _place(contexts: Sequence[str]) -> str:
    """Where a command works, in words."""
    if contexts[0] in CONTEXTS:
        return "in the settings"
    return _WHERE.get(contexts[0], f"on the {contexts[0]} screen")
