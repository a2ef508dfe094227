"""
Chooses preset, side and keys of the tmux line on one screen, with the line itself drawn above.

The line is a real one, about the tool in use; a preset's sample stands in for it while there is
nothing to show.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from openusage_client import row_screen
from openusage_client.rpc import Connection
from openusage_client.tmux_config import SIDES
from openusage_proto import methods

WRITE: Final = "[ write to tmux.conf ]"
_NONE: Final = "none"


@dataclass(slots=True)
class Choices:
    """The rows with their values, and where the cursor stands."""

    presets: Sequence[str]
    chosen: dict[str, str] = field(default_factory=dict)
    at: int = 0

    @property
    def values(self) -> dict[str, Sequence[str]]:
        """What each row may say; the first is what it says at the start."""
        return {
            "preset": self.presets,
            "position": SIDES,
            "pop-up key": (_NONE, "u", "U", "o"),
            "refresh key": (_NONE, "R", "r"),
        }

    def value(self, row: str) -> str:
        """What a row says."""
        return self.chosen.get(row, self.values[row][0])

    def key(self, row: str) -> str:
        """The key of a row, empty for none."""
        return "" if self.value(row) == _NONE else self.value(row)

    def press(self, key: str) -> bool:
        """Take a key; True when the choice is made."""
        rows = (*self.values, WRITE)
        if key in ("up", "down"):
            self.at = (self.at + (1 if key == "down" else -1)) % len(rows)
        elif rows[self.at] == WRITE:
            return key == "enter"
        else:
            row = rows[self.at]
            known = self.values[row]
            step = -1 if key == "left" else 1
            self.chosen[row] = known[(known.index(self.value(row)) + step) % len(known)]
        return False


def lines(choices: Choices, shown: str) -> Iterator[str]:
    """The screen, with the line as it would be shown."""
    yield "OpenUsage in tmux: left and right change, up and down move, enter writes, q leaves"
    yield ""
    yield f"  {shown}"
    yield ""
    for at, row in enumerate(choices.values):
        mark = ">" if at == choices.at else " "
        yield f"{mark} {row.ljust(12)} < {choices.value(row)} >"
    yield f"{'>' if choices.at == len(choices.values) else ' '} {WRITE}"


def choose(connection: Connection) -> Choices | None:
    """
    Let a person choose; None when they left.

    Raises:
        RpcError: the daemon refused.
        ConnectionLost: it is gone.
    """
    samples = {
        preset["name"]: preset["sample"]
        for preset in connection.call(methods.LINE_CATALOG)["presets"]
    }
    choices = Choices(presets=tuple(samples))

    def draw() -> Iterator[str]:
        preset = choices.value("preset")
        answer = connection.call(methods.LINE, target="ansi", preset=preset)
        return lines(choices, answer["text"] or f"{samples[preset]}   (a sample)")

    return choices if row_screen.run(draw, choices.press) else None
