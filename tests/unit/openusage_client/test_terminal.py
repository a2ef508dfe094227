"""What the terminal can do."""

from __future__ import annotations

import io
import os
import pty
import sys

import pytest

from openusage_client import terminal


class Tty(io.StringIO):
    """Text that claims to be a terminal with a given encoding."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_colour_only_where_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal gets colour; a pipe, --no-color, NO_COLOR and TERM=dumb do not."""
    assert terminal.style_of(Tty(), no_color=False).color
    assert not terminal.style_of(Tty(), no_color=True).color
    assert not terminal.style_of(io.StringIO(), no_color=False).color
    monkeypatch.setenv("TERM", "dumb")
    assert not terminal.style_of(Tty(), no_color=False).color
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not terminal.style_of(Tty(), no_color=False).color


@pytest.mark.parametrize(
    ("encoding", "can"),
    [("utf-8", True), ("ascii", False), ("latin-1", False), ("nonsense", False)],
)
def test_unicode_follows_the_encoding(encoding: str, *, can: bool) -> None:
    """Marks beyond ASCII are used only where they can be written."""
    stream = Tty()
    stream.encoding = encoding
    style = terminal.style_of(stream, no_color=False)
    assert style.unicode is can
    marks = style.approx + style.ellipsis + style.branch + style.separator
    assert marks.isascii() is not can


def test_width_of_a_pipe_is_unlimited_and_columns_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe keeps everything unless COLUMNS asks for less."""
    assert terminal.width_of(io.StringIO()) is None
    monkeypatch.setenv("COLUMNS", "66")
    assert terminal.width_of(io.StringIO()) == 66
    monkeypatch.setenv("COLUMNS", "zero")
    assert terminal.width_of(io.StringIO()) is None


def test_width_of_a_terminal_without_size_is_80() -> None:
    """A terminal that reports no columns is taken for a classic one."""
    leader, follower = pty.openpty()
    try:
        with open(follower, "w", encoding="utf-8") as stream:
            assert terminal.width_of(stream) == 80
    finally:
        os.close(leader)


def test_paint_leaves_empty_and_plain_text_alone() -> None:
    """No colour, no escape sequence."""
    assert terminal.Style(color=True, unicode=True).paint("", "bold") == ""
    assert terminal.Style(color=False, unicode=True).paint("x", "bold") == "x"


def test_interactive_needs_terminals_on_both_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The dashboard opens only where it can be seen and typed into."""
    monkeypatch.setattr(sys, "stdin", Tty())
    monkeypatch.setattr(sys, "stdout", Tty())
    assert terminal.is_interactive()
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert not terminal.is_interactive()
    monkeypatch.setattr(sys, "stdout", Tty())
    monkeypatch.setattr(sys, "stdin", None)
    assert not terminal.is_interactive()
    monkeypatch.setenv("TERM", "dumb")
    assert not terminal.is_interactive()
