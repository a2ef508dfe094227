"""A line in tmux's form, turned into what another bar takes: ANSI, plain, waybar, polybar ..."""

from __future__ import annotations

import html
import json
import re
from typing import Any, Final

from openusage_proto.values import dataclass

_PIECE: Final = re.compile(r"##|#\[([^\]]*)\]|#\([^)]*\)|#\{[^}]*\}")
_COLOUR: Final = re.compile(r"(fg|bg)=(\S+)")
_NAMES: Final = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_ATTRIBUTES: Final = {"bold": "1", "dim": "2", "italics": "3", "underscore": "4", "reverse": "7"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What a bar gets beside the text."""

    tooltip: str = ""
    percentage: int | None = None
    state: str = ""
    """`ok`, `warning`, `critical`, or `unknown`."""


def to_ansi(line: str) -> str:
    """For a terminal."""
    painted = False

    def piece(match: re.Match[str]) -> str:
        nonlocal painted
        if match.group(1) is None:
            return _literal(match)
        painted = True
        codes = [code for part in match.group(1).split(",") if (code := _sgr(part))]
        return f"\x1b[{';'.join(codes)}m" if codes else ""

    text = _PIECE.sub(piece, line)
    return f"{text}\x1b[0m" if painted else text


def _sgr(part: str) -> str:
    match = _COLOUR.fullmatch(part)
    if match is None:
        return "0" if part == "default" else _ATTRIBUTES.get(part, "")
    ground = 0 if match.group(1) == "fg" else 10
    value = match.group(2)
    if value == "default":
        return str(39 + ground)
    if value.startswith("colour"):
        return f"{38 + ground};5;{value.removeprefix('colour')}"
    if value.startswith("#") and len(value) == 7:
        red, green, blue = (int(value[at : at + 2], 16) for at in (1, 3, 5))
        return f"{38 + ground};2;{red};{green};{blue}"
    return str(30 + ground + _NAMES.index(value)) if value in _NAMES else ""


def to_plain(line: str) -> str:
    """Without any style."""
    return _PIECE.sub(lambda match: _literal(match) if match.group(1) is None else "", line)


def _literal(match: re.Match[str]) -> str:
    """A doubled mark is one; what only tmux could fill in is nothing elsewhere."""
    return "#" if match.group() == "##" else ""


def to_polybar(line: str) -> str:
    """With polybar's own tags; only they and the text are left."""
    open_tags: dict[str, bool] = {}

    def piece(match: re.Match[str]) -> str:
        if match.group(1) is None:
            return _literal(match)
        out = ""
        for part in match.group(1).split(","):
            colour = _COLOUR.fullmatch(part)
            if part == "default":
                out += "%{F- B-}"
            elif colour is not None:
                tag = "F" if colour.group(1) == "fg" else "B"
                value = colour.group(2)
                out += f"%{{{tag}-}}" if value == "default" else f"%{{{tag}{value}}}"
                open_tags[tag] = value != "default"
        return out

    plain = line.replace("%{", "%\u200b{")
    text = _PIECE.sub(piece, plain)
    return text + "".join(f"%{{{tag}-}}" for tag, is_open in open_tags.items() if is_open)


def to_waybar(line: str, details: Details) -> str:
    """The JSON of a custom module with `return-type: json`."""
    answer: dict[str, Any] = {
        "text": html.escape(to_plain(line), quote=False),
        "tooltip": html.escape(details.tooltip, quote=False),
        "class": details.state,
    }
    if details.percentage is not None:
        answer["percentage"] = details.percentage
    return json.dumps(answer, ensure_ascii=False)


def to_sketchybar(line: str, details: Details, tint: str) -> str:
    """What a plug-in passes to `sketchybar --set`: label and colour as 0xAARRGGBB."""
    answer = {
        "label": to_plain(line),
        "label.color": f"0xff{tint.removeprefix('#')}" if tint.startswith("#") else "0xffffffff",
        "state": details.state,
    }
    return json.dumps(answer, ensure_ascii=False)
