"""
Chooses the segments of the status line on one screen, with a sample drawn beside them.

The screen itself is `row_screen`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from openusage_client import row_screen
from openusage_client.errors import UsageError
from openusage_proto.line_messages import STATUSLINE_DEFAULT, STATUSLINE_SEGMENTS

COLOR: Final = "colour"
PLAIN: Final = "plain characters"
APPLY: Final = "[ apply ]"
SAMPLES: Final = {
    "model": "Opus X",
    "session": "≈$0.40 session",
    "today": "≈$3.10 today",
    "block": "≈$1.05 block (2h41m left)",
    "burn": "≈$1.20/h",
    "window5h": "5h 15% used",
    "reset": "resets 2h41m",
    "pace": "pace -31%",
    "weekly": "week 41% used",
    "context": "context 48% (96k)",
    "project": "api",
    "branch": "main",
    "lines": "+120 -35",
}
_GREEN: Final = frozenset({"window5h", "weekly", "context"})
Picked = tuple[str, bool, bool]
"""Segments as a comma list, whether plain characters are wanted, whether colours are not."""


@dataclass(slots=True)
class Choices:
    """What is ticked, and where the cursor stands."""

    on: set[str] = field(default_factory=lambda: set(STATUSLINE_DEFAULT) | {COLOR})
    at: int = 0
    message: str = ""

    @property
    def rows(self) -> Sequence[str]:
        """Everything that can be stood on."""
        return (*STATUSLINE_SEGMENTS, COLOR, PLAIN, APPLY)

    def press(self, key: str) -> bool:
        """Take a key; True when the choice is made."""
        self.message = ""
        row = self.rows[self.at]
        if key in ("up", "down"):
            self.at = (self.at + (1 if key == "down" else -1)) % len(self.rows)
        elif row == APPLY:
            if self.segments:
                return key == "enter"
            self.message = "tick at least one segment: an empty line says nothing"
        elif key in ("toggle", "enter"):
            self.on ^= {row}
        return False

    @property
    def segments(self) -> list[str]:
        """The ticked segments in the order of the line."""
        return [name for name in STATUSLINE_SEGMENTS if name in self.on]

    def picked(self) -> Picked:
        """The choice as flags want it."""
        return ",".join(self.segments), PLAIN in self.on, COLOR not in self.on


def lines(choices: Choices) -> Iterator[str]:
    """The screen."""
    yield "OpenUsage status line: space ticks, arrows or j k move, enter on apply, q leaves"
    yield ""
    yield f"  {sample(choices)}"
    yield ""
    for at, row in enumerate(choices.rows):
        mark = ">" if at == choices.at else " "
        box = "" if row == APPLY else f"[{'x' if row in choices.on else ' '}] "
        yield f"{mark} {box}{row}"
    yield choices.message


def sample(choices: Choices) -> str:
    """The line with invented figures."""
    parts = []
    for name in choices.segments:
        text = SAMPLES[name]
        parts.append(f"\x1b[32m{text}\x1b[0m" if COLOR in choices.on and name in _GREEN else text)
    plain = PLAIN in choices.on
    line = (" | " if plain else " │ ").join(parts)
    return line.replace("≈", "~") if plain else line


def choose(segments: str | None, *, ascii_only: bool) -> Picked | None:
    """
    Let a person choose; None when they left.

    Raises:
        UsageError: there is no terminal.
    """
    if not row_screen.has_terminal():
        raise UsageError("the screen needs a terminal; `install --segments ...` does without")
    choices = Choices()
    if segments:
        choices.on = set(segments.split(",")) | {COLOR}
    if ascii_only:
        choices.on.add(PLAIN)
    made = row_screen.run(lambda: lines(choices), choices.press)
    return choices.picked() if made else None
