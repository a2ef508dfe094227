"""A program on a pseudo terminal: keys in, a screen of text out."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import ClassVar, Self

import pexpect
import pyte

from tests.support.waiting import wait_until

ESC = "\x1b"
BYTES = {
    "Up": "\x1bOA", "Down": "\x1bOB", "Right": "\x1bOC", "Left": "\x1bOD", "Home": "\x1bOH",
    "End": "\x1bOF", "PgUp": "\x1b[5~", "PgDn": "\x1b[6~", "F1": "\x1bOP", "Enter": "\r",
    "Space": " ", "Esc": ESC, "Backspace": "\x7f", "Tab": "\t", "BackTab": "\x1b[Z",
}  # fmt: skip
"""What a terminal sends for the keys that have a name in the keymap."""


def key_bytes(name: str) -> str:
    """What a terminal sends for a key of the keymap."""
    if name.startswith("^") and len(name) == 2:
        return chr(ord(name[1]) - 64)
    return BYTES.get(name, name)


class _Screen(pyte.Screen):
    """A screen that can be scrolled as a whole, which ncurses does and pyte does not know."""

    def scroll_up(self, count: int | None = None) -> None:
        """`CSI S`: the lines of the scrolling region move up."""
        self._at_top_margin(lambda: self.delete_lines(count))

    def scroll_down(self, count: int | None = None) -> None:
        """`CSI T`: the lines of the scrolling region move down."""
        self._at_top_margin(lambda: self.insert_lines(count))

    def _at_top_margin(self, change: Callable[[], None]) -> None:
        x, y = self.cursor.x, self.cursor.y
        self.cursor.y = self.margins.top if self.margins else 0
        change()
        self.cursor.x, self.cursor.y = x, y


class _Stream(pyte.ByteStream):
    csi: ClassVar = {**pyte.ByteStream.csi, "S": "scroll_up", "T": "scroll_down"}
    events = pyte.ByteStream.events | {"scroll_up", "scroll_down"}


class Terminal:
    """
    A process behind a pty, with what it has drawn.

    Keys are bytes; `wait_for` polls with a deadline.  Use as a context manager: it kills what is
    still running.
    """

    def __init__(self, argv: list[str], columns: int = 80, lines: int = 24, **environ: str) -> None:
        env = {
            **os.environ,
            "TERM": "xterm-256color",
            "LC_ALL": "C.UTF-8",
            # ncurses would otherwise draw lines with the VT100 alternate character set.
            "NCURSES_NO_UTF8_ACS": "1",
            "PYTHONPATH": os.getcwd(),
            # The dashboard's tests start in homes that have never been greeted.
            "OPENUSAGE_FIRST_RUN": "0",
            **environ,
        }
        self.child = pexpect.spawn(
            argv[0], argv[1:], dimensions=(lines, columns), env=env, timeout=5
        )
        self.child.delaybeforesend = None
        self.screen = _Screen(columns, lines)
        self._stream = _Stream(self.screen)
        self.raw = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.child.close(force=True)

    def read(self) -> int:
        """Take everything that has been written; returns the number of bytes."""
        before = len(self.raw)
        while True:
            try:
                data = self.child.read_nonblocking(65536, timeout=0)
            except (pexpect.TIMEOUT, pexpect.EOF):
                return len(self.raw) - before
            self.raw += data
            self._stream.feed(data)

    def text(self) -> str:
        """The screen as it is now."""
        self.read()
        return "\n".join(self.screen.display)

    def wait_for(self, words: str, deadline_s: float = 10.0) -> str:
        """The screen once `words` are on it."""
        return self.wait_until(lambda text: words in text, deadline_s, words)

    def wait_until(
        self, condition: Callable[[str], bool], deadline_s: float = 10.0, what: str = ""
    ) -> str:
        """The screen once it fulfils a condition."""

        def check() -> str:
            text = self.text()
            return text if condition(text) else ""

        try:
            return wait_until(check, deadline_s, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text()}") from None

    def send(self, keys: str | bytes) -> None:
        """Type."""
        self.child.send(keys)

    def resize(self, columns: int, lines: int) -> None:
        """Change the size of both ends."""
        self.read()
        self.child.setwinsize(lines, columns)
        self.screen.resize(lines, columns)

    def wait_exit(self, deadline_s: float = 10.0) -> int:
        """
        The exit code, or minus the number of the signal that ended it.

        A program that writes its last bytes into a full terminal ends only when they are read.
        """

        def ended() -> bool:
            self.read()
            return not self.child.isalive()

        wait_until(ended, deadline_s, "the program has ended")
        self.read()
        status, signal = self.child.exitstatus, self.child.signalstatus
        return status if status is not None else -(signal or 0)


def dashboard(*flags: str) -> list[str]:
    """The command line of the dashboard."""
    return [sys.executable, "-m", "openusage_client", "--no-autostart", *flags]
