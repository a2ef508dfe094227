"""
The widgets of dialogs: npyscreen's line of text, secret and list, awake and measured in cells.

They hear news, signals and resizes as the canvas does, so that Ctrl-C, SIGTERM and a smaller
terminal work in the middle of typing.
"""

from __future__ import annotations

import contextlib
import curses
import curses.ascii
import select
import sys
from collections.abc import Sequence
from typing import Any, Final, Protocol

import npyscreen

from openusage_client.tui.dialog import Dialog
from openusage_client.tui.glyphs import GlyphSet
from openusage_client.tui.keyboard import KEY_NUMBERS, Pasted, Pointed, after_escape, read_key
from openusage_client.tui.palette import Palette
from openusage_client.tui.text import cell_width, clean, clip, pad
from openusage_client.tui.wakeup import WakePipe

_MAX_EMPTY_READS: Final = 3
_CONTROL_W: Final = 23


class Host(Protocol):
    """What a dialog needs of the application."""

    wake: WakePipe
    palette: Palette
    glyphs: GlyphSet
    typed: str | None

    @property
    def dialog(self) -> Dialog:
        """What is asked."""
        ...

    def answered(self, value: str | None) -> None:
        """The answer; None when the dialog was left without one."""
        ...

    def reopen(self) -> None:
        """The terminal or the colours are not what they were; `typed` is what stands there."""
        ...

    def woken(self, signals: Sequence[int]) -> None:
        """News have arrived, or signals were received."""
        ...

    def press(self, key: str) -> None:
        """A key, by name."""
        ...


class _Waking:
    """Reads a key without becoming deaf to news and signals."""

    parent: Any
    handlers: dict[Any, Any]
    _last_get_ch_was_unicode: bool

    @property
    def host(self) -> Host:
        """The application."""
        host: Host = self.parent.parentApp
        return host

    def get_and_use_key_press(self) -> None:
        """Take one key; without one, sleep until there is something."""
        form = self.parent
        form.curses_pad.keypad(True)
        form.curses_pad.nodelay(True)
        value = read_key(form.curses_pad)
        if value is None:
            self._sleep()
            return
        form.empty_reads = 0
        if value == curses.KEY_MOUSE:
            with contextlib.suppress(curses.error):
                curses.getmouse()
        elif value == "\x1b":
            self._take_sequence(after_escape(form.curses_pad))
        elif isinstance(value, str) and ord(value) > 127:
            self.insert(value)
        else:
            self._last_get_ch_was_unicode = False
            key = ord(value) if isinstance(value, str) else value
            self.handle_input(key)  # type: ignore[attr-defined]

    def _sleep(self) -> None:
        host = self.host
        ready, _, _ = select.select([sys.stdin, host.wake], [], [])
        if host.wake in ready:
            host.woken([byte for byte in host.wake.drain() if byte])
            return
        # A terminal that is readable and has nothing to read, again and again, has hung up.
        self.parent.empty_reads += 1
        if self.parent.empty_reads >= _MAX_EMPTY_READS:
            host.press("q")

    def _take_sequence(self, found: tuple[str, ...] | Pointed | Pasted) -> None:
        if isinstance(found, Pasted):
            self.insert(" ".join(found.text.split()))
        elif isinstance(found, Pointed):
            self.pointed(found)
        elif found[:1] == ("Esc",):
            self.host.answered(None)
            for key in found[1:]:
                # Struck right behind Esc, so meant for what was behind the dialog.
                if key:
                    self.host.press(key)
        elif found:
            self.handle_input(KEY_NUMBERS[found[0]])  # type: ignore[attr-defined]

    def insert(self, text: str) -> None:
        """Text that was typed or pasted."""

    def pointed(self, where: Pointed) -> None:
        """The mouse at a cell of the terminal."""


class _Line(_Waking):
    """A line of text, measured in cells; what stands on screen is up to `shown`."""

    value: str
    cursor_position: Any
    begin_at: int
    width: int
    rely: int
    relx: int

    def set_up_handlers(self) -> None:
        """The editing keys of npyscreen, and ours for the ends."""
        super().set_up_handlers()  # type: ignore[misc]
        finish, ignore = (lambda _key: self.host.answered(self.value)), (lambda _key: None)
        self.handlers.update(
            {
                curses.ascii.NL: finish,
                curses.ascii.CR: finish,
                curses.KEY_ENTER: finish,
                curses.KEY_HOME: lambda _key: self._to(0),
                curses.ascii.SOH: lambda _key: self._to(0),
                curses.KEY_END: lambda _key: self._to(len(self.value)),
                curses.ascii.ENQ: lambda _key: self._to(len(self.value)),
                _CONTROL_W: lambda _key: self._delete_word(),
            }
        )
        for key in (curses.ascii.TAB, curses.KEY_BTAB, curses.KEY_UP, curses.KEY_DOWN, "^P", "^N"):
            self.handlers[key] = ignore

    def _to(self, position: int) -> None:
        self.cursor_position = position

    def _delete_word(self) -> None:
        before = self.value[: self.cursor_position].rstrip()
        kept = before[: before.rfind(" ") + 1]
        self.value = kept + self.value[self.cursor_position :]
        self.cursor_position = len(kept)

    def insert(self, text: str) -> None:
        """Text at the cursor; control characters are left out."""
        text = "".join(char for char in text if char.isprintable())
        at = self.cursor_position
        self.value = self.value[:at] + text + self.value[at:]
        self.cursor_position = at + len(text)

    def shown(self) -> str:
        """The text as it may be seen, a character for each character."""
        return "".join(clean(char) or " " for char in self.value)

    def update(self, clear: bool = True, cursor: bool = True) -> None:  # noqa: ARG002, FBT001, FBT002
        """Draw the part of the text around the cursor."""
        text, room = self.shown(), max(1, self.width - 1)
        at = len(text) if self.cursor_position is False else self.cursor_position
        at = self.cursor_position = max(0, min(at, len(text)))
        start = min(max(0, self.begin_at), at)
        while cell_width(text[start:at]) > room - 1:
            start += 1
        self.begin_at = start
        host, window = self.host, self.parent.curses_pad
        field = host.palette.attribute("field")
        draw = host.glyphs.draw
        before, under = text[start:at], text[at : at + 1] or " "
        after = clip(text[at + 1 :], room - cell_width(before) - cell_width(under), "")
        with contextlib.suppress(curses.error):
            window.addstr(self.rely, self.relx, draw(before), field)
            window.addstr(draw(under), host.palette.attribute("field.cursor"))
            left = room - cell_width(before) - cell_width(under)
            window.addstr(draw(pad(after, left)), field)


class Entry(_Line, npyscreen.Textfield):  # type: ignore[misc,unused-ignore]
    """A line of text."""


class Secret(_Line, npyscreen.PasswordEntry):  # type: ignore[misc,unused-ignore]
    """A line nobody sees, also not under the cursor."""

    def shown(self) -> str:
        """A star for each character."""
        return "*" * len(self.value)


class Choices(_Waking, npyscreen.SelectOne):  # type: ignore[misc,unused-ignore]
    """Lines of which one is chosen."""

    values: list[str]
    cursor_line: int
    start_display_at: int

    def set_up_handlers(self) -> None:
        """Only what a short list needs: no filter, no selection without a choice."""
        self.complex_handlers: list[Any] = []
        choose, up, down = self._choose, self._step(-1), self._step(1)
        self.handlers = {
            curses.ascii.NL: choose,
            curses.ascii.CR: choose,
            curses.KEY_ENTER: choose,
            curses.ascii.SP: choose,
            curses.KEY_UP: up,
            ord("k"): up,
            curses.KEY_BTAB: up,
            curses.KEY_DOWN: down,
            ord("j"): down,
            curses.ascii.TAB: down,
            curses.KEY_HOME: self._step(-(10**6)),
            curses.KEY_PPAGE: self._step(-(10**6)),
            curses.KEY_END: self._step(10**6),
            curses.KEY_NPAGE: self._step(10**6),
        }

    def _step(self, delta: int) -> Any:
        def move(_key: int) -> None:
            self.cursor_line = max(0, min(len(self.values) - 1, self.cursor_line + delta))

        return move

    def _choose(self, _key: int) -> None:
        self.host.answered(self.parent.choice_value(self.cursor_line))

    def pointed(self, where: Pointed) -> None:
        """A click chooses the line under it, the wheel moves."""
        if where.kind != "click":
            self._step(1 if where.kind == "wheel.down" else -1)(0)
            return
        row = where.y - self.parent.show_aty - self.rely
        if 0 <= row < self.height and self.start_display_at + row < len(self.values):
            self.cursor_line = self.start_display_at + row
            self._choose(0)

    def edit(self) -> None:
        """Until a line is chosen or the dialog is left."""
        self.editing = True
        self.how_exited = None
        while self.editing:
            self.display()
            self.get_and_use_key_press()

    def update(self, clear: bool = True) -> None:  # noqa: ARG002, FBT001, FBT002
        """Draw the lines around the cursor."""
        host, window = self.host, self.parent.curses_pad
        self.cursor_line = max(0, min(len(self.values) - 1, self.cursor_line))
        first = max(0, min(self.start_display_at, self.cursor_line))
        first = self.start_display_at = max(first, self.cursor_line - self.height + 1)
        for row in range(self.height):
            at = first + row
            chosen = at == self.cursor_line
            text = self.values[at] if at < len(self.values) else ""
            mark = "▸ " if chosen else "  "
            role = "row.on" if chosen else "text"
            more = "▼" if row == self.height - 1 and at + 1 < len(self.values) else ""
            line = pad(clip(mark + text, self.width - 2), self.width - 2) + pad(more, 1)
            with contextlib.suppress(curses.error):
                window.addstr(
                    self.rely + row, self.relx, host.glyphs.draw(line), host.palette.attribute(role)
                )
