r"""
The grammar of line templates: from text to parts, and from parts to a line.

    {name}  {name:modifier:argument}  {?name:then:else}  #[style]  #(command)  #{tmux}  \{ \n

Parsing knows nothing of figures; drawing asks a `Scope` for them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from openusage_proto.values import dataclass
from openusaged.usecases.lines.values import Value

MAX_CHARS: Final = 4096
MAX_DEPTH: Final = 16
_ESCAPES: Final = {"n": "\n"}
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


class TemplateError(Exception):
    """A template that cannot be read; `str` says what and where."""


@dataclass(frozen=True, slots=True)
class Text:
    """Literal text."""

    text: str


@dataclass(frozen=True, slots=True)
class Style:
    """`#[...]`."""

    attributes: str


@dataclass(frozen=True, slots=True)
class Verbatim:
    """`#(...)` or `#{...}`: for tmux."""

    text: str


@dataclass(frozen=True, slots=True)
class Variable:
    """`{name:modifier...}`; modifiers with their arguments."""

    name: str
    modifiers: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """`{?name:then:else}`."""

    name: str
    then: tuple[Part, ...]
    otherwise: tuple[Part, ...]


Part = Text | Style | Verbatim | Variable | Condition


class Scope(Protocol):
    """Where drawing gets its values and ways from."""

    modifiers: Mapping[str, str]

    def value(self, name: str) -> Value:
        """A name's value; nothing when it is not known."""
        ...

    def modified(self, value: Value, modifier: str, arguments: Sequence[str]) -> Value:
        """A value after a modifier."""
        ...

    def styled(self, attributes: str) -> str:
        """A style directive in the bar's own colours."""
        ...

    def quoted(self, value: Value) -> str:
        """A value as it may stand in the line."""
        ...


def draw(parts: Sequence[Part], scope: Scope) -> str:
    """The line."""
    out = []
    for part in parts:
        match part:
            case Text(text) | Verbatim(text):
                out.append(text)
            case Style(attributes):
                out.append(scope.styled(attributes))
            case Condition(name, then, otherwise):
                out.append(draw(then if scope.value(name).known else otherwise, scope))
            case Variable(name, modifiers):
                value = scope.value(name)
                for modifier, arguments in modifiers:
                    value = scope.modified(value, modifier, arguments)
                out.append(scope.quoted(value))
    return "".join(out)


def parse(text: str, modifiers: Mapping[str, str]) -> tuple[Part, ...]:
    """
    The parts of a template.

    Raises:
        TemplateError: what is wrong, and at which character.
    """
    if len(text) > MAX_CHARS:
        raise TemplateError(f"template: longer than {MAX_CHARS} characters")
    parser = _Parser(text, modifiers)
    parts = parser.parts(stop="", depth=0)
    if parser.at < len(text):
        raise parser.wrong("'}' without '{'; write \\} for a brace")
    return parts


class _Parser:
    def __init__(self, text: str, modifiers: Mapping[str, str]) -> None:
        self._text = text
        self._modifiers = modifiers
        self.at = 0

    def wrong(self, what: str, at: int | None = None) -> TemplateError:
        """The error at a place, counted from one."""
        return TemplateError(f"template:{(self.at if at is None else at) + 1}: {what}")

    def parts(self, *, stop: str, depth: int) -> tuple[Part, ...]:
        """Parts up to one of the characters of `stop` (or a closing brace)."""
        if depth > MAX_DEPTH:
            raise self.wrong(f"nested deeper than {MAX_DEPTH}")
        text, found = self._text, list[Part]()
        literal = ""
        while self.at < len(text):
            char = text[self.at]
            if char in stop or char == "}":
                break
            part: Part | None = None
            if char == "\\" and self.at + 1 < len(text):
                literal += _ESCAPES.get(text[self.at + 1], text[self.at + 1])
                self.at += 2
            elif char == "{":
                part = self._braces(depth)
            elif char == "#" and text[self.at + 1 : self.at + 2] in ("[", "(", "{"):
                part = self._directive()
            else:
                literal += char
                self.at += 1
            if part is not None:
                if literal:
                    found.append(Text(literal))
                    literal = ""
                found.append(part)
        if literal:
            found.append(Text(literal))
        return tuple(found)

    def _directive(self) -> Part:
        """`#[`, `#(` or `#{` up to its closing counterpart."""
        opening = self._text[self.at + 1]
        closing = {"[": "]", "(": ")", "{": "}"}[opening]
        start, depth = self.at, 0
        for at in range(start + 1, len(self._text)):
            char = self._text[at]
            depth += (char == opening) - (char == closing)
            if depth == 0:
                self.at = at + 1
                whole = self._text[start : self.at]
                return Style(whole[2:-1]) if opening == "[" else Verbatim(whole)
        raise self.wrong(f"#{opening} without its {closing}")

    def _braces(self, depth: int) -> Part:
        start = self.at
        self.at += 1
        if self._text[self.at : self.at + 1] == "?":
            self.at += 1
            return self._condition(start, depth)
        body = self._body(start)
        name, *rest = body
        self._check_name(name, start)
        return Variable(name, self._split(rest, start))

    def _condition(self, start: int, depth: int) -> Part:
        match = _NAME.match(self._text, self.at)
        if match is None:
            raise self.wrong("a condition begins with a name: {?name:then:else}", start)
        self.at = match.end()
        if self._text[self.at : self.at + 1] != ":":
            raise self.wrong("a condition needs what follows: {?name:then:else}", start)
        branches: list[tuple[Part, ...]] = []
        while self._text[self.at : self.at + 1] == ":" and len(branches) < 2:
            self.at += 1
            # The last branch may hold colons of its own.
            branches.append(self.parts(stop=":" if not branches else "", depth=depth + 1))
        if self._text[self.at : self.at + 1] != "}":
            raise self.wrong("'{' without its '}'", start)
        self.at += 1
        return Condition(match.group(), branches[0], branches[1] if len(branches) > 1 else ())

    def _body(self, start: int) -> list[str]:
        """The pieces between colons up to the closing brace."""
        pieces = [""]
        text = self._text
        while self.at < len(text):
            char = text[self.at]
            if char == "}":
                self.at += 1
                return pieces
            if char == "\\" and self.at + 1 < len(text):
                pieces[-1] += text[self.at + 1]
                self.at += 2
                continue
            if char == "{":
                break
            if char == ":":
                pieces.append("")
            else:
                pieces[-1] += char
            self.at += 1
        raise self.wrong("'{' without its '}'", start)

    def _check_name(self, name: str, start: int) -> None:
        # Metrics of one model are named `key:model`; they cannot be written in a template.
        if not _NAME.fullmatch(name):
            raise self.wrong(f"{name!r} is no name", start)

    def _split(self, pieces: Sequence[str], start: int) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Modifiers with the pieces that are theirs: all up to the next modifier's name."""
        found: list[tuple[str, list[str]]] = []
        for piece in pieces:
            if piece in self._modifiers:
                found.append((piece, []))
            elif found:
                found[-1][1].append(piece)
            else:
                raise self.wrong(
                    f"no modifier {piece!r}; known: {', '.join(self._modifiers)}", start
                )
        return tuple((name, tuple(arguments)) for name, arguments in found)
