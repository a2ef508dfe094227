"""Draws templates about one subject: names, modifiers, colours by threshold, the bar's quoting."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from openusage_proto.values import dataclass
from openusaged.config.tmux import ColorRule
from openusaged.usecases.lines import template
from openusaged.usecases.lines.styles import (
    BARS,
    NO_COLORS,
    brand_of,
    colour,
    directive,
    icon_of,
)
from openusaged.usecases.lines.template import TemplateError
from openusaged.usecases.lines.values import (
    NOTHING,
    TEXT,
    Value,
)
from openusaged.usecases.lines.variables import ACTIVE_TOOLS, SEGMENTS, Subject, variable
from openusaged.usecases.statusline import compact, duration, whole

MODIFIERS: Final[Mapping[str, str]] = {
    "short": "an amount without words",
    "long": "with what it is: `today`, `block`",
    "money": "dollars; places: {x:money:0}",
    "pct": "per cent; places: {x:pct:1}",
    "bar": "a bar; width and style: {x:bar:10:rounded} (unicode, ascii, nerd, rounded)",
    "color": "green, yellow or red by the figure",
    "brand": "the service's own colour",
    "icon": "the service's sign",
    "tokens": "1.2M, 47k",
    "duration": "2h17m",
    "upper": "capitals",
    "lower": "small letters",
    "trunc": "at most so many characters: {x:trunc:12}",
    "pad": "filled up: {x:pad:8:l} or r",
    "default": "instead of nothing: {x:default:none}",
}
MAX_DEPTH: Final = 4
_SLOW_NAMES: Final = frozenset({"block_pct", "w5h", "context_pct", "plan_pct", "weekly"})
_LONG_WORDS: Final[Mapping[str, str]] = {
    "today_cost": " today",
    "all_today_cost": " today",
    "today_tokens": " today",
    "block_cost": " block",
    "block_projection": " block",
    "block_remaining": " left",
    "reset_in": " left",
}
_LENIENT: Final = re.compile(r"[-+]?\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a line is drawn."""

    color_mode: str
    glyphs: str
    palette: Mapping[str, str]
    rules: Mapping[str, ColorRule]
    variables: Mapping[str, str]
    """The user's own names and what they stand for."""
    segments: Mapping[str, str]


class LineScope:
    """A `template.Scope` over one subject."""

    modifiers = MODIFIERS

    def __init__(
        self, subject: Subject, look: Look, tools: Callable[[], str], depth: int = 0
    ) -> None:
        self._subject = subject
        self._look = look
        self._tools = tools
        self._depth = depth

    @property
    def _ascii(self) -> bool:
        return self._look.glyphs == "ascii"

    # ----------------------------------------------------------------- names

    def value(self, name: str) -> Value:
        """User's variables first, then segments, metrics and variables; else nothing."""
        own = self._look.variables.get(name) or self._look.segments.get(name)
        if own is not None:
            return self._drawn(own, name)
        found = variable(name, self._subject)
        if name == ACTIVE_TOOLS:
            return Value(kind=_STYLED, name=name, text=self._tools())
        if found is None and name in SEGMENTS:
            return self._drawn(SEGMENTS[name][1], name)
        return found if found is not None else NOTHING

    def _drawn(self, text: str, name: str) -> Value:
        """A template within a template; one that names itself ends after a few rounds."""
        if self._depth >= MAX_DEPTH:
            return NOTHING
        inner = LineScope(self._subject, self._look, self._tools, self._depth + 1)
        line = template.draw(template.parse(text, MODIFIERS), inner)
        number = _LENIENT.search(line)
        return Value(
            kind=_STYLED, name=name, text=line, number=float(number.group()) if number else None
        )

    # ------------------------------------------------------------- modifiers

    def modified(self, value: Value, modifier: str, arguments: Sequence[str]) -> Value:
        """A value after a modifier; what has no number stays what it is."""
        argument = arguments[0] if arguments else ""
        if modifier == "default":
            return value if self._says_something(value) else Value(kind=TEXT, text=argument)
        if modifier in ("upper", "lower", "trunc", "pad"):
            return self._text_modified(value, modifier, arguments)
        if modifier == "icon":
            return value.as_text(icon_of(self._provider, self._look.glyphs))
        if modifier == "brand":
            return self._tinted(value, brand_of(self._provider))
        if value.number is None:
            return value
        if modifier == "color":
            return self._tinted(value, self._by_threshold(value))
        return value.as_text(self._number_modified(value, modifier, arguments))

    @property
    def _provider(self) -> str:
        one = self._subject.one
        return one.account.provider_id if one is not None else ""

    def _says_something(self, value: Value) -> bool:
        return value.number is not None or bool(value.text)

    def _number_modified(self, value: Value, modifier: str, arguments: Sequence[str]) -> str:
        number = value.number or 0.0
        argument = arguments[0] if arguments else ""
        if modifier == "money":
            return value.money(_places(argument, 2, 8), ascii_only=self._ascii)
        if modifier == "pct":
            places = _places(argument, 0, 4)
            return f"{whole(number)}%" if not places else f"{number:.{places}f}%"
        if modifier == "bar":
            return self._bar(number, arguments)
        if modifier == "tokens":
            return compact(number)
        if modifier == "duration":
            return duration(number)
        plain = replace(value, text=None).written(ascii_only=self._ascii)
        if modifier == "short":
            return plain
        return plain + _LONG_WORDS.get(value.name, "")

    def _bar(self, percent: float, arguments: Sequence[str]) -> str:
        width = _places(arguments[0] if arguments else "", 8, 64) or 8
        default = {"ascii": "ascii", "nerdfont": "nerd"}.get(self._look.glyphs, "unicode")
        style = arguments[1] if len(arguments) > 1 else default
        full, empty = BARS.get(style, BARS[default])
        # Rounded down, as everywhere: all of it only when it is used up.
        filled = max(0, min(width, int(width * percent / 100.0 + 1e-9)))
        return full * filled + empty * (width - filled)

    def _text_modified(self, value: Value, modifier: str, arguments: Sequence[str]) -> Value:
        text = value.written(ascii_only=self._ascii)
        argument = arguments[0] if arguments else ""
        if modifier == "upper":
            return value.as_text(text.upper())
        if modifier == "lower":
            return value.as_text(text.lower())
        width = _places(argument, 0, 256)
        if modifier == "pad":
            left = len(arguments) > 1 and arguments[1] == "r"
            return value.as_text(text.rjust(width) if left else text.ljust(width))
        mark = "." if self._ascii else "…"
        return value.as_text(text[: max(0, width - 1)] + mark if len(text) > width else text)

    # ----------------------------------------------------------------- colours

    def _by_threshold(self, value: Value) -> str:
        low, high = (70.0, 90.0) if value.name in _SLOW_NAMES else (50.0, 80.0)
        rule = self._look.rules.get(value.name, ColorRule())
        medium_at = rule.medium_at if rule.medium_at is not None else low
        high_at = rule.high_at if rule.high_at is not None else high
        number = value.number or 0.0
        if number >= high_at:
            return self._named(rule.high_color, "red")
        if number >= medium_at:
            return self._named(rule.medium_color, "yellow")
        return self._named(rule.low_color, "green")

    def _named(self, wanted: str, token: str) -> str:
        palette = self._look.palette
        wanted = wanted.removeprefix("$")
        return palette.get(wanted, wanted) if wanted else palette.get(token, "")

    def _tinted(self, value: Value, tint: str) -> Value:
        text = self.quoted(value)
        shown = colour(tint, self._look.color_mode)
        if shown and text and self._look.color_mode != NO_COLORS:
            text = f"#[fg={shown}]{text}#[fg=default]"
        return replace(value, kind=_STYLED, text=text)

    def styled(self, attributes: str) -> str:
        """A directive in the line's palette and colour mode."""
        return directive(attributes, self._look.palette, self._look.color_mode)

    def quoted(self, value: Value) -> str:
        """A value's words; a `#` in them must not become a directive."""
        text = value.written(ascii_only=self._ascii)
        return text if value.kind == _STYLED else text.replace("#", "##")


_STYLED: Final = "styled"
"""A value that is a piece of line already."""


def _places(text: str, default: int, most: int) -> int:
    if not text:
        return default
    if not (text.isascii() and text.isdecimal()):
        raise TemplateError(f"template: {text!r} is no whole number")
    return min(int(text), most)
