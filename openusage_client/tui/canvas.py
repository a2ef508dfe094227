"""
The only drawing widget: a full screen fed by a pure function, and the form that carries it.

npyscreen supplies application, forms and their loop; its own key read and its resizing are replaced
here, because the first cannot be woken by news and the second crashes on small terminals.
"""

from __future__ import annotations

import curses
import os
import select
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import npyscreen

from openusage_client.tui.glyphs import GlyphSet
from openusage_client.tui.keyboard import (
    Pasted,
    Pointed,
    after_escape,
    curses_mouse,
    key_name,
    read_key,
)
from openusage_client.tui.layout import Line
from openusage_client.tui.palette import Palette
from openusage_client.tui.text import cell_width
from openusage_client.tui.wakeup import WakePipe

Render = Callable[[int, int], list[Line]]

_MAX_KEYS_PER_FRAME: Final = 64
_MAX_EMPTY_READS: Final = 3


class Host(Protocol):
    """What the canvas needs of the application."""

    wake: WakePipe
    palette: Palette
    glyphs: GlyphSet

    def render(self, width: int, height: int) -> list[Line]:
        """The lines of the visible screen."""
        ...

    def press(self, key: str) -> None:
        """A key, by name."""
        ...

    def paste(self, text: str) -> None:
        """Text pasted into the terminal."""
        ...

    def mouse(self, kind: str, x: int, y: int) -> None:
        """`click`, `wheel.up` or `wheel.down` at a cell."""
        ...

    def woken(self, signals: Sequence[int]) -> None:
        """News have arrived, the minute has changed, or signals were received."""
        ...


def terminal_size() -> tuple[int, int]:
    """Columns and lines of the terminal; exported ones, else 80 by 24, when it does not say."""
    columns, lines = _own_size()
    return columns or _exported("COLUMNS", 80), lines or _exported("LINES", 24)


def forget_exported_size() -> None:
    """
    Have curses ask the terminal for its size; to be called before curses is started.

    Exported LINES and COLUMNS, which a shell may have left behind, would win otherwise, and what is
    drawn for the terminal's real size would not fit curses' own idea of the screen.
    """
    for name, size in zip(("COLUMNS", "LINES"), _own_size(), strict=True):
        if size:
            os.environ.pop(name, None)


def _own_size() -> tuple[int, int]:
    """What the terminal says, 0 for what it does not (a serial line knows no size)."""
    try:
        return os.get_terminal_size(sys.__stdout__.fileno() if sys.__stdout__ else 1)
    except OSError:
        return 0, 0


def _exported(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and int(text) else default


class Canvas(npyscreen.widget.Widget):  # type: ignore[misc,unused-ignore]
    """Draws what its form's application renders, and only when that has changed."""

    parent: Any

    def __init__(self, *args: Any, **keywords: Any) -> None:
        self._drawn: list[Line] | None = None
        self._empty_reads = 0
        self._look_first = False
        super().__init__(*args, **keywords)

    @property
    def host(self) -> Host:
        """The application."""
        host: Host = self.parent.parentApp
        return host

    def forget(self) -> None:
        """Draw everything next time."""
        self._drawn = None

    def set_size(self) -> None:
        """The whole form, whatever its size: the stock version refuses small ones."""
        self.height, self.width = self.parent.curses_pad.getmaxyx()

    def set_up_handlers(self) -> None:
        """No handlers of npyscreen's: the keymap has every key."""
        self.handlers: dict[Any, Any] = {}
        self.complex_handlers: list[Any] = []

    def clear(self, usechar: str = " ") -> None:  # noqa: ARG002
        """Blank the screen, in the theme's background."""
        pad = self.parent.curses_pad
        pad.bkgdset(" ", self.host.palette.background())
        pad.erase()

    def update(self, clear: bool = True) -> None:  # noqa: ARG002, FBT001, FBT002
        """Draw the lines into the form's pad."""
        self._paint()

    def display(self) -> None:
        """Draw and bring to the terminal, when there is something new."""
        if self._paint():
            self.parent.refresh()

    def _paint(self) -> bool:
        pad = self.parent.curses_pad
        height, width = pad.getmaxyx()
        lines = self.host.render(width, height)
        if lines == self._drawn:
            return False
        self.clear()
        draw, palette = self.host.glyphs.draw, self.host.palette
        for y, line in enumerate(lines[:height]):
            x = 0
            for text, role in line:
                try:
                    pad.addstr(y, x, draw(text), palette.attribute(role))
                except curses.error:
                    # Writing the last cell of the last line moves the cursor off the pad.
                    break
                x += cell_width(text)
        self._drawn = lines
        return True

    def edit(self) -> None:
        """Take keys until left; curses may have read some while another form was shown."""
        self._look_first = True
        super().edit()

    def get_and_use_key_press(self) -> None:
        """Sleep until a key, news, a signal or the next minute, then take all there is."""
        host = self.host
        timeout = 60.0 - time.time() % 60.0 + 0.005
        if self._look_first:
            self._look_first = False
            self._take_keys(waiting=False)
            timeout = 0.0
            if not self.parent.editing:
                return
        ready, _, _ = select.select([sys.stdin, host.wake], [], [], timeout)
        signals = [byte for byte in host.wake.drain() if byte] if host.wake in ready else []
        host.woken(signals)
        if sys.stdin in ready:
            self._take_keys()

    def _take_keys(self, *, waiting: bool = True) -> None:
        """
        All keys that are waiting, so that a held key does not queue up behind the drawing.

        A key that leaves the form ends this: those behind it are for the form that is shown next.
        """
        pad = self.parent.curses_pad
        pad.keypad(True)
        pad.nodelay(True)
        for taken in range(_MAX_KEYS_PER_FRAME):
            value = read_key(pad)
            if value is None:
                self._count_empty(empty=waiting and taken == 0)
                return
            self._empty_reads = 0
            if value == curses.KEY_MOUSE:
                self._report(curses_mouse())
            elif value == "\x1b":
                self._take_sequence(after_escape(pad))
            elif key := key_name(value):
                self.host.press(key)
            if not self.parent.editing:
                return

    def _take_sequence(self, found: Sequence[str] | Pointed | Pasted) -> None:
        """What an escape character has begun: keys, a mouse report or pasted text."""
        if isinstance(found, Pointed):
            self._report(found)
        elif isinstance(found, Pasted):
            self.host.paste(found.text)
        else:
            for key in found:
                if key:
                    self.host.press(key)

    def _report(self, pointed: Pointed | None) -> None:
        if pointed is not None:
            self.host.mouse(pointed.kind, pointed.x, pointed.y)

    def _count_empty(self, *, empty: bool) -> None:
        """A terminal that is readable and has nothing to read, again and again, has hung up."""
        self._empty_reads = self._empty_reads + 1 if empty else 0
        if self._empty_reads >= _MAX_EMPTY_READS:
            self.host.press("q")


class ScreenForm(npyscreen.FormBaseNew):  # type: ignore[misc,unused-ignore]
    """A form without frame, margins or minimum size that holds one canvas."""

    FRAMED = False
    FIX_MINIMUM_SIZE_WHEN_CREATED = False
    BLANK_LINES_BASE = 0
    BLANK_COLUMNS_RIGHT = 0
    DEFAULT_NEXTRELY = 0
    DEFAULT_X_OFFSET = 0

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, minimum_lines=1, minimum_columns=1, **keywords)

    def create(self) -> None:
        """The one widget."""
        self.canvas: Canvas = self.add(Canvas, rely=0, relx=0)

    def _max_physical(self) -> tuple[int, int]:
        # The stock version asks stderr, which may be a file.
        columns, lines = terminal_size()
        return lines - 1, columns - 1

    def _resize(self, *_args: Any) -> None:
        """Take the terminal's present size; called by npyscreen before a form is shown, too."""
        columns, lines = terminal_size()
        if (lines, columns) != self.curses_pad.getmaxyx():
            self._create_screen()
            self.canvas.set_size()
        self.canvas.forget()

    def display(self, clear: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        """Draw and bring to the terminal."""
        self.canvas.display()

    def redraw(self) -> None:
        """Adopt the terminal's size and draw every cell again."""
        columns, lines = terminal_size()
        curses.resize_term(lines, columns)
        self._resize()
        self.curses_pad.clearok(True)
        self.canvas.display()

    def leave(self) -> None:
        """End the form's loop."""
        self.editing = False
        self.canvas.editing = False
