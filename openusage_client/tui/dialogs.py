"""
Dialogs: a question as an npyscreen form in front of the screen, as large as it needs to be.

Made for the size the terminal has; another size makes another form with what has been typed.
"""

from __future__ import annotations

import contextlib
import curses
from typing import Any, Final

import npyscreen

from openusage_client.tui.canvas import terminal_size
from openusage_client.tui.dialog import Dialog
from openusage_client.tui.dialog_fields import Choices, Entry, Host, Secret
from openusage_client.tui.text import cell_width, clean, clip, wrap

MIN_COLUMNS: Final = 30
MIN_LINES: Final = 8
_MAX_COLUMNS: Final = 76
_ROLES: Final = {"FORMDEFAULT": "text", "DEFAULT": "text", "LABEL": "label", "CONTROL": "accent"}


class ThemeBridge:
    """
    Gives npyscreen's widgets the dashboard's roles.

    npyscreen's own manager would define colour pairs of its own over those of the palette.
    """

    def __init__(self, host: Host) -> None:
        self._host = host

    def findPair(self, _caller: Any, request: str = "DEFAULT") -> int:  # noqa: N802
        """The attribute of one of npyscreen's colour names."""
        return self._host.palette.attribute(_ROLES.get(request, "text"))

    def setDefault(self, _caller: Any) -> bool:  # noqa: N802
        """Asked for by npyscreen; there is nothing to set."""
        return False


def use_theme(host: Host) -> None:
    """Have every form that is made from now on use the dashboard's colours."""
    npyscreen.setTheme(lambda: ThemeBridge(host))


def fits() -> bool:
    """Whether the terminal is large enough for a dialog."""
    columns, lines = terminal_size()
    return columns >= MIN_COLUMNS and lines >= MIN_LINES


class DialogForm(npyscreen.FormBaseNew):  # type: ignore[misc,unused-ignore]
    """One question in a frame in the middle of the screen, as large as it needs to be."""

    FRAMED = False
    FIX_MINIMUM_SIZE_WHEN_CREATED = False
    BLANK_LINES_BASE = 0
    BLANK_COLUMNS_RIGHT = 0
    DEFAULT_NEXTRELY = 0
    DEFAULT_X_OFFSET = 0

    def __init__(self, *args: Any, parentApp: Any, **keywords: Any) -> None:  # noqa: N803
        columns, lines = terminal_size()
        self.question: Dialog = parentApp.dialog
        self.empty_reads = 0
        width = min(columns, _MAX_COLUMNS)
        field = len(self.question.choices) or 1
        # Frame, the key line, and an empty line on each side of the field.
        text = self._wrapped(width - 4, lines - 5 - min(field, 4))
        self.text = text
        self.field_lines = max(2, min(field, lines - 5 - len(text))) if field > 1 else 1
        height = min(lines, 5 + len(text) + self.field_lines)
        super().__init__(
            *args,
            parentApp=parentApp,
            lines=height,
            columns=width,
            show_aty=max(0, (lines - height) // 2),
            show_atx=max(0, (columns - width) // 2),
            **keywords,
        )

    def _wrapped(self, width: int, room: int) -> list[str]:
        lines: list[str] = []
        for line in self.question.lines:
            # A difference of files keeps its lines and its indentation.
            kept = line[:1] in "+-" and line[1:2] not in "+-"
            lines += [clip(clean(line), width)] if kept else wrap(clean(line), width) or [""]
        if len(lines) > max(1, room):
            hidden = len(lines) - max(1, room) + 1
            lines = [*lines[: max(0, room - 1)], f"… {hidden} more lines"]
        return lines

    def create(self) -> None:
        """The widget for the answer."""
        dialog, width = self.question, self.columns
        top = 2 + len(self.text)
        host: Host = self.parentApp
        if dialog.kind == "choice":
            names = [clean(choice.label) for choice in dialog.choices]
            self.field = self.add(
                Choices, values=names, rely=top, relx=2, width=width - 3, height=self.field_lines
            )
            wanted = host.typed if host.typed is not None else dialog.value
            at = [choice.value for choice in dialog.choices]
            self.field.cursor_line = at.index(wanted) if wanted in at else 0
            return
        label = f"{clean(dialog.label)}: "
        kind = Secret if dialog.kind == "secret" else Entry
        self.label = label if cell_width(label) < width // 2 else ""
        start = 2 + cell_width(self.label)
        value = host.typed if host.typed is not None else dialog.value
        self.field = self.add(
            kind, value=value, rely=top, relx=start, width=width - start - 1, height=1
        )

    def choice_value(self, line: int) -> str:
        """What the choice of that line stands for."""
        return self.question.choices[line].value

    def draw_form(self) -> None:
        """Frame, title, words, label and keys."""
        host: Host = self.parentApp
        palette, draw, width = host.palette, host.glyphs.draw, self.columns
        self.curses_pad.bkgdset(" ", palette.background())
        self.curses_pad.erase()
        title = clip(clean(self.question.title), width - 6)
        rule = "─" * (width - 5 - cell_width(title))
        self._put(0, 0, draw(f"╭─ {title} {rule}╮"), "border.selected")
        self._put(0, 3, draw(title), "title")
        for row in range(1, self.lines - 1):
            self._put(row, 0, draw("│"), "border.selected")
            self._put(row, width - 1, draw("│"), "border.selected")
        self._put(self.lines - 1, 0, draw(f"╰{'─' * (width - 2)}╯"), "border.selected")
        for row, line in enumerate(self.text, 1):
            self._put(row, 2, draw(line), _text_role(line))
        if self.question.kind != "choice":
            self._put(2 + len(self.text), 2, draw(self.label), "label")
        self._put(self.lines - 2, 2, draw(clip(self.question.keys, width - 4)), "muted")

    def _put(self, y: int, x: int, text: str, role: str) -> None:
        with contextlib.suppress(curses.error):
            self.curses_pad.addstr(y, x, text, self.parentApp.palette.attribute(role))

    def _max_physical(self) -> tuple[int, int]:
        # The stock version asks stderr, which may be a file.
        columns, lines = terminal_size()
        return lines - 1, columns - 1

    def _resize(self, *_args: Any) -> None:
        """Made for the size there is; another one makes another form."""

    def redraw(self) -> None:
        """The terminal or the colours have changed: start again with what has been typed."""
        field = self.field
        choice = self.question.kind == "choice"
        self.parentApp.typed = self.choice_value(field.cursor_line) if choice else field.value
        self.parentApp.reopen()

    def leave(self) -> None:
        """End the form's loop."""
        self.editing = False
        self.field.editing = False


def _text_role(line: str) -> str:
    if line.startswith("! "):
        return "crit"
    return {"+": "ok", "-": "crit"}.get(line[:1], "text") if line[1:2] != line[:1] else "text"
