"""
What a terminal sends: keys by the keymap's names, mouse reports, pastes.

Separate from the canvas, because dialogs read the same keyboard and neither draws with this.
"""

from __future__ import annotations

import curses
import os
import re
import select
import sys
from dataclasses import dataclass
from typing import Any, Final

_MAX_SEQUENCE: Final = 64
_MAX_PASTE: Final = 64 * 1024
_PASTE_PATIENCE: Final = 5
_PASTE_PAUSE_S: Final = 0.05
_PASTING_TERMINALS: Final = (
    *("xterm", "tmux", "screen", "rxvt", "alacritty", "foot", "kitty", "wezterm", "ghostty"),
    *("konsole", "vte", "gnome", "st-"),
)
_WHEEL_DOWN: Final = getattr(curses, "BUTTON5_PRESSED", 0x200000)
"""Python names the fifth button only where its curses was built with it."""
_SGR: Final = re.compile(r"<(\d+);(\d+);(\d+)M")
_SGR_KINDS: Final = {"0": "click", "64": "wheel.up", "65": "wheel.down"}
_SEQUENCES: Final = {
    **dict(zip("ABCDHFZ", ("Up", "Down", "Right", "Left", "Home", "End", "BackTab"), strict=True)),
    "1~": "Home",
    "4~": "End",
    "5~": "PgUp",
    "6~": "PgDn",
}
"""Keys as almost every terminal sends them, also where TERM names one that had no such keys."""
_TEXT_KEYS: Final = {
    "\n": "Enter",
    "\r": "Enter",
    "\t": "Tab",
    " ": "Space",
    "\x7f": "Backspace",
    "\b": "Backspace",
}
_NUMBERED_KEYS: Final = {
    curses.KEY_UP: "Up",
    curses.KEY_DOWN: "Down",
    curses.KEY_LEFT: "Left",
    curses.KEY_RIGHT: "Right",
    curses.KEY_PPAGE: "PgUp",
    curses.KEY_NPAGE: "PgDn",
    curses.KEY_HOME: "Home",
    curses.KEY_END: "End",
    curses.KEY_ENTER: "Enter",
    curses.KEY_BACKSPACE: "Backspace",
    curses.KEY_BTAB: "BackTab",
    curses.KEY_F1: "F1",
    curses.KEY_RESIZE: "Resize",
}


KEY_NUMBERS: Final = {name: number for number, name in _NUMBERED_KEYS.items()}
"""Curses' number of a key by the keymap's name."""


def key_name(value: str | int) -> str:
    """The keymap's name of what `get_wch` returned; empty for what has none."""
    if isinstance(value, int):
        return _NUMBERED_KEYS.get(value, "")
    known = _TEXT_KEYS.get(value)
    if known is not None:
        return known
    if value < " ":
        return f"^{chr(ord(value) + 64)}"
    return value


def read_key(pad: Any) -> str | int | None:
    """The next character or key number; None when nothing is waiting."""
    try:
        value: str | int = pad.get_wch()
    except curses.error:
        return None
    return value


@dataclass(frozen=True, slots=True)
class Pointed:
    """The mouse at a cell."""

    kind: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Pasted:
    """Text between the marks of bracketed paste."""

    text: str


def report_mouse() -> None:
    """
    Have the terminal report clicks and the wheel.

    Selecting text then needs Shift, as in every program that takes the mouse.
    """
    curses.mousemask(curses.BUTTON1_PRESSED | curses.BUTTON4_PRESSED | _WHEEL_DOWN)
    # A press is taken at once; waiting for what makes a click or a double click is sluggish.
    curses.mouseinterval(0)


def bracket_paste(*, on: bool) -> None:
    """
    Have the terminal mark pasted text while a line is typed.

    Without the marks a line end in the paste would end the typing, and the rest would be commands.
    """
    if os.environ.get("TERM", "").startswith(_PASTING_TERMINALS):
        sys.stdout.write("\x1b[?2004h" if on else "\x1b[?2004l")
        sys.stdout.flush()


def curses_mouse() -> Pointed | None:
    """The mouse report that curses has read; None for one that means nothing here."""
    try:
        _, x, y, _, buttons = curses.getmouse()
    except curses.error:
        return None
    if buttons & curses.BUTTON1_PRESSED:
        return Pointed("click", x, y)
    if buttons & curses.BUTTON4_PRESSED:
        return Pointed("wheel.up", x, y)
    return Pointed("wheel.down", x, y) if buttons & _WHEEL_DOWN else None


def after_escape(pad: Any) -> tuple[str, ...] | Pointed | Pasted:
    """
    What an escape character begins: itself and the character right behind it, or a sequence.

    tmux hands over a key struck soon after Esc together with it.  Of the sequences that curses does
    not know, mouse reports, pastes and common keys are read; any other is swallowed whole.
    """
    following = read_key(pad)
    if following is None:
        return ("Esc",)
    if following not in ("[", "O"):
        return ("Esc", key_name(following))
    sequence = ""
    while isinstance(following := read_key(pad), str) and len(sequence) < _MAX_SEQUENCE:
        sequence += following
        if "@" <= following <= "~":
            break
    if sequence == "200~":
        return Pasted(_pasted(pad))
    if sequence in _SEQUENCES:
        return (_SEQUENCES[sequence],)
    return _sgr_mouse(sequence) or ()


def _pasted(pad: Any) -> str:
    """The text up to the closing mark; what a terminal never closes ends with what has arrived."""
    text: list[str] = []
    misses = 0
    while misses < _PASTE_PATIENCE and len(text) < _MAX_PASTE:
        char = read_key(pad)
        if char is None:
            misses += 1
            select.select([sys.stdin], [], [], _PASTE_PAUSE_S)
        elif isinstance(char, str):
            misses = 0
            text.append(char)
            if char == "~" and "".join(text[-6:]) == "\x1b[201~":
                return "".join(text[:-6])
    return "".join(text)


def _sgr_mouse(sequence: str) -> Pointed | None:
    """A mouse report in the form `<button;column;line` and `M`."""
    match = _SGR.fullmatch(sequence)
    kind = _SGR_KINDS.get(match[1]) if match else None
    if match is None or kind is None:
        return None
    return Pointed(kind, int(match[2]) - 1, int(match[3]) - 1)
