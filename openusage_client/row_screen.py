"""
A screen of rows to choose from, on any terminal: plain ANSI, no library.

Leaving with q, Esc or Ctrl+C changes nothing; what the rows are is their owner's.
"""

from __future__ import annotations

import os
import sys
import termios
import tty
from collections.abc import Callable, Iterable, Iterator
from typing import Final

_KEYS: Final = {
    b"\x1b[A": "up",
    b"k": "up",
    b"\x1b[B": "down",
    b"j": "down",
    b"\x1b[C": "right",
    b"l": "right",
    b"\x1b[D": "left",
    b"h": "left",
    b" ": "toggle",
    b"x": "toggle",
    b"\r": "enter",
    b"\n": "enter",
    b"q": "quit",
    b"\x1b": "quit",
    b"\x03": "quit",
}


def keys(data: bytes) -> Iterator[str]:
    """The keys in what a terminal has sent: fast typing arrives in one piece; none is its end."""
    if not data:
        yield "quit"
    while data:
        length = 3 if data.startswith(b"\x1b[") else 1
        key = _KEYS.get(data[:length])
        data = data[length:]
        if key:
            yield key


def has_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def run(lines: Callable[[], Iterable[str]], press: Callable[[str], bool]) -> bool:
    """
    Show the lines and hand on keys until the choice is made; False when the person left.

    Args:
        lines: the screen as it is now.
        press: takes `up`, `down`, `left`, `right`, `toggle` or `enter`; True ends the screen.
    """
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    sys.stdout.write("\x1b[?1049h\x1b[?25l")
    try:
        tty.setraw(fd)
        while True:
            sys.stdout.write("\x1b[H\x1b[2J" + "\r\n".join(lines()))
            sys.stdout.flush()
            for key in keys(os.read(fd, 256)):
                if key == "quit":
                    return False
                if press(key):
                    return True
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
        sys.stdout.write("\x1b[?25h\x1b[?1049l")
        sys.stdout.flush()
