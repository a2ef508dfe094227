"""
Themes: a JSON file of named colours, the roles drawn in them, and how they degrade.

The format is that of existing OpenUsage themes (`name` and 23 colours), with `#RGB`, `#RRGGBB` or
`default` (the terminal's own) as values.  Pure: curses is in `palette`.
"""

from __future__ import annotations

import colorsys
import json
import os
import re
from collections.abc import Mapping
from typing import Any, Final

from openusage_proto.values import dataclass

DEFAULT_THEME: Final = "openusage-dark"
MONO_THEME: Final = "mono"
TERMINAL: Final = "default"
_DIRECTORY: Final = os.path.join(os.path.dirname(__file__), "themes")
_MAX_BYTES: Final = 64 * 1024

TOKENS: Final = (
    *("base", "mantle", "surface0", "surface1", "surface2", "overlay", "text", "subtext", "dim"),
    *("accent", "blue", "sapphire", "green", "yellow", "red", "peach", "teal", "flamingo"),
    *("rosewater", "lavender", "sky", "maroon", "mauve"),
)
_COLOUR: Final = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")


@dataclass(frozen=True, slots=True)
class Role:
    """
    How a role is drawn: colour token and optional background token, bold or not.

    `mono` is used where there are no colours: any of `b` bold, `d` dim, `r` reverse, `u` underline.
    """

    token: str
    background: str = ""
    bold: bool = False
    mono: str = ""


ROLES: Final[Mapping[str, Role]] = {
    "text": Role("text"),
    "muted": Role("dim", mono="d"),
    "label": Role("subtext"),
    "value": Role("text", bold=True, mono="b"),
    "title": Role("text", bold=True, mono="b"),
    "title.selected": Role("accent", bold=True, mono="bu"),
    "heading": Role("blue", bold=True, mono="b"),
    "accent": Role("accent", mono="b"),
    "cost": Role("teal"),
    "ok": Role("green"),
    "warn": Role("yellow", bold=True, mono="b"),
    "crit": Role("red", bold=True, mono="br"),
    "border": Role("surface2", mono="d"),
    "border.selected": Role("accent", mono="b"),
    "bar.ok": Role("green"),
    "bar.warn": Role("yellow", mono="b"),
    "bar.crit": Role("red", mono="b"),
    "bar.muted": Role("dim", mono="d"),
    "track": Role("surface1", mono="d"),
    "pace": Role("text", bold=True, mono="b"),
    "spark": Role("sapphire"),
    "series.0": Role("blue"),
    "series.1": Role("peach"),
    "series.2": Role("teal"),
    "series.3": Role("mauve"),
    "series.4": Role("yellow"),
    "series.5": Role("flamingo"),
    "key": Role("accent", bold=True, mono="b"),
    "brand": Role("mantle", "accent", bold=True, mono="br"),
    "demo": Role("mantle", "yellow", bold=True, mono="br"),
    "tab": Role("dim", mono="d"),
    "tab.on": Role("accent", bold=True, mono="bu"),
    "row.on": Role("text", "surface0", bold=True, mono="b"),
    "row.on.muted": Role("dim", "surface0", mono="d"),
    "row.on.accent": Role("accent", "surface0", bold=True, mono="b"),
    "row.on.ok": Role("green", "surface0", mono="b"),
    "row.on.warn": Role("yellow", "surface0", bold=True, mono="b"),
    "row.on.crit": Role("red", "surface0", bold=True, mono="br"),
    "field": Role("text", "surface0", mono="u"),
    "field.cursor": Role("mantle", "accent", mono="r"),
}


class ThemeError(Exception):
    """A theme that cannot be used; the message names the file and the key."""


@dataclass(frozen=True, slots=True)
class Theme:
    """
    A validated theme: colours by token.

    `paint` fills the screen with `base`; otherwise the terminal's background stays.
    """

    name: str
    colours: Mapping[str, str]
    paint: bool = False
    mono: bool = False
    icon: str = ""


def load(path: str) -> Theme:
    """
    The theme in a file.

    Raises:
        ThemeError: it cannot be read, is no JSON object, or a key is missing or no colour.
    """
    try:
        with open(path, "rb") as file:
            raw = file.read(_MAX_BYTES + 1)
        value = json.loads(raw) if len(raw) <= _MAX_BYTES else None
    except OSError as error:
        raise ThemeError(f"{path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ThemeError(f"{path}: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ThemeError(f"{path}: a theme is one JSON object of at most {_MAX_BYTES} bytes")
    try:
        return parse(value)
    except ThemeError as error:
        raise ThemeError(f"{path}: {error}") from error


def parse(value: Mapping[str, Any]) -> Theme:
    """
    A decoded theme file.

    Raises:
        ThemeError: names every key that is missing or wrong.
    """
    name = value.get("name")
    if not isinstance(name, str) or not name.strip():
        raise ThemeError("`name` must be a text")
    icon = value.get("icon")
    icon = icon.strip() if isinstance(icon, str) else ""
    mono = value.get("mono") is True
    paint = value.get("background", "terminal") == "theme"
    if mono:
        return Theme(
            name.strip(), dict.fromkeys(TOKENS, TERMINAL), paint=False, mono=True, icon=icon
        )
    problems = []
    colours: dict[str, str] = {}
    for token in TOKENS:
        colour = value.get(token)
        text = colour.strip() if isinstance(colour, str) else ""
        if colour is None:
            problems.append(f"`{token}` is missing")
        elif text != TERMINAL and not _COLOUR.fullmatch(text):
            problems.append(f"`{token}` must be #RGB, #RRGGBB or {TERMINAL}, not {colour!r}")
        else:
            colours[token] = text
    if problems:
        raise ThemeError("; ".join(problems))
    return Theme(name.strip(), colours, paint=paint, icon=icon)


def builtin(name: str) -> Theme:
    """
    A theme that comes with the program, by the name of its file.

    Raises:
        ThemeError: there is none of that name; lists those there are.
    """
    slug = name.strip().lower().replace(" ", "-")
    if slug not in builtin_names():
        raise ThemeError(f"no theme {name!r}; there are: {', '.join(builtin_names())}")
    return load(os.path.join(_DIRECTORY, f"{slug}.json"))


def builtin_names() -> list[str]:
    """Names of the themes that come with the program."""
    return sorted(name[:-5] for name in os.listdir(_DIRECTORY) if name.endswith(".json"))


def rgb(colour: str) -> tuple[int, int, int] | None:
    """Red, green and blue of 0..255; None for the terminal's own colour."""
    if colour == TERMINAL:
        return None
    digits = colour[1:]
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


_CUBE: Final = (0, 95, 135, 175, 215, 255)


def nearest_256(colour: str) -> int:
    """
    Index of the nearest of the 240 fixed colours of a 256-colour terminal; -1 for its own.

    The first 16 are the user's palette and may be anything.
    """
    wanted = rgb(colour)
    if wanted is None:
        return -1
    steps = [min(range(6), key=lambda at: abs(_CUBE[at] - part)) for part in wanted]
    cube = 16 + 36 * steps[0] + 6 * steps[1] + steps[2]
    grey_step = max(0, min(23, round((sum(wanted) / 3 - 8) / 10)))
    grey = 8 + 10 * grey_step

    def distance(candidate: tuple[int, int, int]) -> int:
        return sum((a - b) ** 2 for a, b in zip(candidate, wanted, strict=True))

    in_cube = (_CUBE[steps[0]], _CUBE[steps[1]], _CUBE[steps[2]])
    if distance((grey, grey, grey)) < distance(in_cube):
        return 232 + grey_step
    return cube


_HUES: Final = ((0, 1), (60, 3), (120, 2), (180, 6), (240, 4), (300, 5), (360, 1))
"""Degrees of hue and the number of the basic colour there."""
_BASIC: Final = (
    *((0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0)),
    *((0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229)),
    *((127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0)),
    *((92, 92, 255), (255, 0, 255), (0, 255, 255), (255, 255, 255)),
)
"""What xterm makes of the sixteen basic colours; users may have changed them."""
_READABLE: Final = 3.0
"""Contrast below which a basic colour gives way to the text's."""


def nearest_8(colour: str) -> int:
    """
    Number of the basic colour (0..7) of the same hue; -1 for the terminal's own.

    Nearest by distance would turn every pastel into white, so the hue decides.
    """
    wanted = rgb(colour)
    if wanted is None:
        return -1
    hue, saturation, value = colorsys.rgb_to_hsv(*(part / 255 for part in wanted))
    if saturation < 0.2 or value < 0.2:
        return 7 if value > 0.5 else 0
    return min(_HUES, key=lambda item: abs(item[0] - hue * 360))[1]


def ground(colour: str, count: int) -> int:
    """A background in `count` (8 or 16) basic colours: the nearest of the four greys there are."""
    wanted = rgb(colour)
    if wanted is None:
        return -1
    greys = (0, 7, 8, 15) if count >= 16 else (0, 7)
    return min(greys, key=lambda number: abs(sum(_BASIC[number]) - sum(wanted)))


def on_ground(colour: str, behind: int, count: int) -> int:
    """
    Number of the basic colour of a text's hue that can be read on a background's number.

    `count` is 8 or 16: with sixteen the one of the two brightnesses that stands out more.  A hue
    that cannot be read there (yellow on white) becomes black or white.  A background of the
    terminal's own (-1) counts as black for a light colour and as white for a dark one.
    """
    number = nearest_8(colour)
    if number < 0:
        return -1
    if behind < 0:
        behind = 0 if luminance(colour) > 0.18 else 7
    greys = (0, 7, 8, 15) if number in (0, 7) else (number, number + 8)
    known = [item for item in greys if item < count]
    best = max(known, key=lambda item: _ratio(_BASIC[item], _BASIC[behind]))
    if number in (0, 7) and count >= 16:
        # Greys keep their step: faint words stay fainter than the text as long as they are legible.
        legible = [item for item in known if _ratio(_BASIC[item], _BASIC[behind]) >= _READABLE]
        wanted = sum(rgb(colour) or ())
        best = min(legible or known, key=lambda item: abs(sum(_BASIC[item]) - wanted))
    if _ratio(_BASIC[best], _BASIC[behind]) >= _READABLE:
        return best
    plain = [item for item in (0, 7, 15) if item < count]
    return max(plain, key=lambda item: _ratio(_BASIC[item], _BASIC[behind]))


def luminance(colour: str) -> float:
    """WCAG's relative luminance, 0 (black) to 1 (white); the terminal's own colour counts as 0."""
    return _luminance(rgb(colour) or (0, 0, 0))


def contrast(one: str, other: str) -> float:
    """WCAG's contrast ratio of two colours, 1 to 21; both must be colours of ours."""
    return _ratio(rgb(one) or (0, 0, 0), rgb(other) or (0, 0, 0))


def _luminance(parts: tuple[int, int, int]) -> float:
    linear = [
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
        for part in (value / 255 for value in parts)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _ratio(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)
