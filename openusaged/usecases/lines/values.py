"""
A value of a template: a number with a kind, or a text, and the words for it.

Numbers keep their worth through every modifier, so that a colour depends on the figure and not on
how it was written.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from openusage_proto.values import dataclass
from openusaged.usecases.statusline import compact, duration, whole

MONEY: Final = "money"
RATE: Final = "rate"
PERCENT: Final = "percent"
TOKENS: Final = "tokens"
COUNT: Final = "count"
DURATION: Final = "duration"
TEXT: Final = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One value; `text` is set once it has been written."""

    kind: str
    name: str = ""
    number: float | None = None
    text: str | None = None
    estimate: bool = False
    """An API-equivalent amount, not a bill."""
    stale: bool = False

    @property
    def known(self) -> bool:
        """Whether a condition on it holds: not empty, and not zero."""
        if self.number is not None:
            return self.number != 0
        return bool(self.text)

    def written(self, *, ascii_only: bool) -> str:
        """The value in its usual words."""
        if self.text is not None:
            return self.text
        if self.number is None:
            return ""
        text = self._usual(ascii_only=ascii_only)
        return f"~{text}" if self.stale else text

    def _usual(self, *, ascii_only: bool) -> str:
        number = self.number or 0.0
        if self.kind in (MONEY, RATE):
            words = self.money(2, ascii_only=ascii_only)
            return f"{words}/h" if self.kind == RATE else words
        if self.kind == PERCENT:
            return f"{whole(number)}%"
        if self.kind == TOKENS:
            return compact(number)
        if self.kind == DURATION:
            return duration(number)
        return f"{number:.0f}" if number == int(number) else f"{number:.2f}"

    def money(self, places: int, *, ascii_only: bool) -> str:
        """An amount; an estimate says so."""
        number = self.number or 0.0
        about = ("~" if ascii_only else "≈") if self.estimate else ""
        sign = "-" if number < 0 else ""
        return f"{about}{sign}${abs(number):.{places}f}"

    def as_text(self, text: str) -> Value:
        """The same value, written so."""
        return replace(self, text=text)


NOTHING: Final = Value(kind=TEXT, text="")


def text_value(text: str, name: str = "") -> Value:
    """A text without control characters."""
    return Value(kind=TEXT, name=name, text="".join(c for c in text if c.isprintable()))
