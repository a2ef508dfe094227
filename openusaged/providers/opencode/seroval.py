"""
Reads a value out of the JavaScript in which the console's server functions answer.

Never evaluated: a small reader for the literals that the format consists of.  Objects are put into
numbered slots while they are written (`$R[1]=new Date(...)`), and named by slot when they come
again.
"""

from __future__ import annotations

import re
from typing import Any, Final

from openusaged.core.errors import UpstreamChanged

MAX_CHARS: Final = 1 << 20
MAX_DEPTH: Final = 64
MAX_DIGITS: Final = 30
PLACE: Final = "/_server"

_SLOT: Final = re.compile(r"\$R\[(\d+)\]")
_NUMBER: Final = re.compile(r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_NAME: Final = re.compile(r"[A-Za-z_$][\w$]*")
_STRING: Final = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_WORDS: Final = {"null": None, "undefined": None, "true": True, "false": False}
_CONTROL: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}


def parse(text: str) -> Any:
    """
    The value that an answer carries.

    Raises:
        UpstreamChanged: it is no such answer, or one with more than literals.
    """
    start = text.find("=>")
    if start < 0 or len(text) > MAX_CHARS:
        raise UpstreamChanged(PLACE, "the answer is none of a server function")
    reader = _Reader(text, start + 2)
    value = reader.value(0)
    reader.end()
    return value


class _Reader:
    """A position in the text, and what the slots hold."""

    def __init__(self, text: str, position: int) -> None:
        self._text = text
        self._at = position
        self._slots: dict[str, Any] = {}

    def value(self, depth: int) -> Any:
        """The literal at the position, which moves behind it."""
        if depth > MAX_DEPTH:
            raise self._odd("nested too deeply")
        slot = self._match(_SLOT)
        if slot is not None:
            if not self._skip("="):
                return self._slots.get(slot[1])
            self._slots[slot[1]] = self.value(depth + 1)
            return self._slots[slot[1]]
        if self._skip("{"):
            return self._object(depth)
        if self._skip("["):
            return self._items(depth, "]")
        if self._skip("("):
            items = self._items(depth, ")")
            return items[-1] if items else None
        return self._scalar()

    def end(self) -> None:
        """The function that fills the slots ends here, or assigns further ones."""
        if self._at < len(self._text) and not (self._skip(")") or self._skip(",")):
            raise self._odd("more than a value")

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not self._skip("}"):
            name = self._string()
            if name is None:
                word = self._match(_NAME) or self._match(_NUMBER)
                if word is None:
                    raise self._odd("a name was expected")
                name = word[0]
            self._need(":")
            found[name] = self.value(depth + 1)
            if not self._skip(","):
                self._need("}")
                break
        return found

    def _items(self, depth: int, end: str) -> list[Any]:
        found: list[Any] = []
        while not self._skip(end):
            found.append(self.value(depth + 1))
            if not self._skip(","):
                self._need(end)
                break
        return found

    def _scalar(self) -> Any:
        text = self._string()
        if text is not None:
            return text
        if self._skip("!"):
            # `!0` is true, `!1` is false.
            number = self._number()
            if number is None:
                raise self._odd("a digit was expected")
            return not number
        number = self._number()
        if number is not None:
            return number
        word = (self._match(_NAME) or [""])[0]
        if word in _WORDS:
            return _WORDS[word]
        if word == "void":
            self._number()
            return None
        if word == "new" and (self._match(_NAME) or [""])[0] == "Date":
            self._need("(")
            moment = self._string()
            self._need(")")
            return moment
        raise self._odd("a literal was expected")

    def _number(self) -> float | None:
        found = self._match(_NUMBER)
        if found is None:
            return None
        digits = found[0].removeprefix("-")
        if digits.isdigit() and len(digits) <= MAX_DIGITS:
            self._skip("n")
            return int(found[0])
        return float(found[0])

    def _string(self) -> str | None:
        found = self._match(_STRING)
        return None if found is None else _ESCAPE.sub(_unescaped, found[0][1:-1])

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        self._blanks()
        found = pattern.match(self._text, self._at)
        if found is not None:
            self._at = found.end()
        return found

    def _skip(self, sign: str) -> bool:
        self._blanks()
        found = self._text.startswith(sign, self._at)
        if found:
            self._at += len(sign)
        return found

    def _need(self, sign: str) -> None:
        if not self._skip(sign):
            raise self._odd(f"{sign} was expected")

    def _blanks(self) -> None:
        while self._text[self._at : self._at + 1].isspace():
            self._at += 1

    def _odd(self, reason: str) -> UpstreamChanged:
        return UpstreamChanged(f"{PLACE}:{self._at}", reason)


def _unescaped(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2]
    if code:
        return chr(int(code, 16))
    return _CONTROL.get(escape[3], escape[3])
