"""What the terminal can do: its width, its colours, its alphabet, and whether anyone is there."""

from __future__ import annotations

import os
import sys
from typing import Final, NamedTuple, TextIO

_SGR: Final = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class Style(NamedTuple):
    """How output may look: `color` allows SGR sequences, `unicode` allows `≈`, `└` and `…`."""

    color: bool
    unicode: bool

    def paint(self, text: str, role: str) -> str:
        """`text` in one of the six roles, or as it is without colour."""
        if not self.color or not text:
            return text
        return f"\x1b[{_SGR[role]}m{text}\x1b[0m"

    @property
    def approx(self) -> str:
        """The mark of an estimate."""
        return "≈" if self.unicode else "~"

    @property
    def ellipsis(self) -> str:
        """What stands for the cut part of a name."""
        return "…" if self.unicode else "~"

    @property
    def branch(self) -> str:
        """What leads a child row."""
        return "└ " if self.unicode else "- "

    @property
    def separator(self) -> str:
        """What stands between the facts of one line."""
        return " · " if self.unicode else " | "


def style_of(stream: TextIO, *, no_color: bool) -> Style:
    """Colours only on a terminal, never with NO_COLOR (any non-empty value) or TERM=dumb."""
    color = (
        not no_color
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM", "") not in ("", "dumb")
        and stream.isatty()
    )
    return Style(color=color, unicode=_can_encode(stream.encoding))


def _can_encode(encoding: str | None) -> bool:
    try:
        "≈…└·".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def width_of(stream: TextIO) -> int | None:
    """
    Columns that a line may have; None when nobody looks (a pipe or file keeps everything).

    COLUMNS wins, so that a narrow table can be asked for anywhere.
    """
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    try:
        found = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return None
    # Some serial and Emacs terminals report 0.
    return found or 80


def is_interactive() -> bool:
    """True when a full-screen program can run: a terminal on both ends that can move a cursor."""
    return (
        os.environ.get("TERM", "") not in ("", "dumb")
        and sys.stdin is not None
        and sys.stdin.isatty()
        and sys.stdout.isatty()
    )
