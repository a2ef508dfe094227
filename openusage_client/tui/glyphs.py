"""
Glyph sets: what becomes of the drawing characters where the terminal cannot show them.

Views draw in full Unicode; the canvas sends each line through one table, cell for cell, so a view
never needs to know what the terminal can do.
"""

from __future__ import annotations

from collections.abc import Mapping

from openusage_client.tui.text import cell_width
from openusage_proto.values import dataclass


@dataclass(frozen=True, slots=True)
class GlyphSet:
    """A named table from drawing characters to poorer ones of the same width."""

    name: str
    table: Mapping[str, str]
    ascii_only: bool = False

    def draw(self, text: str) -> str:
        """`text` as this set can show it, of the same width in cells."""
        if text.isascii() or not (self.table or self.ascii_only):
            return text
        return "".join(self._char(char) for char in text)

    def _char(self, char: str) -> str:
        known = self.table.get(char)
        if known is not None:
            return known
        if self.ascii_only and not char.isascii():
            return "?" * cell_width(char)
        return char


UNICODE = GlyphSet("unicode", {})


def _line_piece(dots: int) -> str:
    """What a cell of a braille line looks like with four heights less: `'`, `-`, `.` or `|`."""
    rows = [row for row, bits in enumerate((0x09, 0x12, 0x24, 0xC0)) if dots & bits]
    if not rows:
        return " "
    if len(rows) > 2:
        return "|"
    return "'--."[rows[0]] if rows[0] != 1 or rows[-1] < 3 else "."


_LINES = {chr(0x2800 + dots): _line_piece(dots) for dots in range(256)}

# The Linux console font has the characters of code page 437: no round corners, no eighths.
CONSOLE = GlyphSet(
    "console",
    {
        **dict(zip("╭╮╰╯", "┌┐└┘", strict=True)),
        **dict(zip("┏┓┗┛━┃", "╔╗╚╝═║", strict=True)),
        "╏": "│",
        **dict(zip("▏▎▍▌▋▊▉", "░░▌▌▌██", strict=True)),
        **dict(zip("▁▂▃▅▆▇", "_▄▄▄██", strict=True)),
        **dict(zip("●◐◌◈✗◇○", "■■■!x··", strict=True)),
        **dict(zip("▲▼…–—▸•", "^v~-->*", strict=True)),  # noqa: RUF001
        **_LINES,
    },
)

ASCII = GlyphSet(
    "ascii",
    {
        **dict(zip("╭╮╰╯─│", "++++-|", strict=True)),
        **dict(zip("┏┓┗┛━┃", "####=#", strict=True)),
        "╏": "|",
        **dict(zip("█▉▊▋▌▍▎▏░", "#####----", strict=True)),
        **dict(zip("▁▂▃▄▅▆▇", "_.:-=+*", strict=True)),
        **dict(zip("●◐◌◈✗◇○", "*!x!x-o", strict=True)),
        **dict(zip("·…≈▲▼→←↑↓–—", ".~~^v><^v--", strict=True)),  # noqa: RUF001
        "×": "x",  # noqa: RUF001
        **dict(zip("▒▓■▸┤«»•", "=%*>+<>*", strict=True)),
        **_LINES,
    },
    ascii_only=True,
)


def choose(encoding: str, term: str) -> GlyphSet:
    """The richest set that the locale's encoding and the terminal type can show."""
    if encoding.lower().replace("-", "").replace("_", "") != "utf8":
        return ASCII
    if term == "linux":
        return CONSOLE
    return UNICODE
