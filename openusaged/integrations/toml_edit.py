"""
Sets, replaces and removes one top-level key of a TOML text and leaves every other byte as it is.

`tomlkit` judges: it says whether the text is TOML (and where not), what its values are, how a value
is written, and, after each change, that nothing but the wanted key has changed.  The place in the
text is found here, because a key that is added through a document lands between a table and the
comment that describes it, and adding and removing it again does not give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from openusage_proto.values import dataclass
from openusaged.integrations.json_syntax import SyntaxProblem

_QUOTES: Final = ('"""', "'''", '"', "'")
_OPENERS: Final = "[{"
_CLOSERS: Final = "]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A `key = value` above the first table: where its line, its value and their ends are."""

    key: str
    start: int
    value_start: int
    value_end: int
    line_end: int
    """Behind the line's end."""


class TomlText:
    """A TOML text whose top-level keys can be changed one by one."""

    def __init__(self, text: str) -> None:
        """
        Take the text apart.

        Raises:
            SyntaxProblem: it is not TOML.
        """
        self.text = text
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self.values: Mapping[str, Any] = _parse(text)

    def statement(self, key: str) -> Statement | None:
        """Where a top-level key stands."""
        return next((item for item in _head(self.text) if item.key == key), None)

    def raw(self, key: str) -> str:
        """The text of a top-level key's value."""
        found = self.statement(key)
        if found is None:
            raise KeyError(key)
        return self.text[found.value_start : found.value_end]

    def replace(self, key: str, raw: str) -> None:
        """Put another text in place of the value."""
        found = self.statement(key)
        if found is None:
            raise KeyError(key)
        self._take(self.text[: found.value_start] + raw + self.text[found.value_end :], key)

    def insert(self, key: str, value: Sequence[str]) -> str:
        """Put a key behind the last one above the first table; returns the text that was added."""
        text, line = self.text, f"{key} = {render(value)}"
        head = list(_head(text))
        if not head:
            at, added = 0, line + self._newline
            if text.strip() and not text.startswith(("\n", "\r\n")):
                added += self._newline
        else:
            at = head[-1].line_end
            ended = text[:at].endswith("\n")
            added = line + self._newline if ended else self._newline + line
        self._take(text[:at] + added + text[at:], key)
        return added

    def remove(self, key: str, added: str = "") -> None:
        """Take a key out: exactly `added` where that is what stands there, else its line."""
        found = self.statement(key)
        if found is None:
            raise KeyError(key)
        text = self.text
        start, end = found.start, found.line_end
        at = text.find(added, max(0, start - 2)) if added else -1
        if 0 <= at <= start and at + len(added) >= found.value_end:
            start, end = at, at + len(added)
        self._take(text[:start] + text[end:], key)

    def _take(self, text: str, key: str) -> None:
        """Accept a changed text when only that key is different."""
        values = _parse(text)
        before = {name: value for name, value in self.values.items() if name != key}
        after = {name: value for name, value in values.items() if name != key}
        if before != after:
            raise SyntaxProblem(text, 0, f"{key} cannot be changed without changing other keys")
        self.text, self.values = text, values


def render(value: Sequence[str]) -> str:
    """A list of strings as TOML writes it."""
    import tomlkit

    return tomlkit.item(list(value)).as_string()


def strings(raw: str) -> list[str] | None:
    """The list of strings that a value's text means, None when it is none."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        value = tomlkit.value(raw).unwrap()
    except TOMLKitError:
        return None
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return [str(item) for item in value]
    return None


def _parse(text: str) -> Mapping[str, Any]:
    import tomlkit
    from tomlkit.exceptions import ParseError, TOMLKitError

    try:
        return tomlkit.parse(text).unwrap()
    except ParseError as error:
        reason = str(error).rpartition(" at line ")[0]
        if r"\x00" in reason or "end of file" in reason:
            # what the library calls the end, and whose place it does not always know
            raise SyntaxProblem(text, len(text), "the file ends within a value") from error
        raise SyntaxProblem(text, _offset(text, error.line, error.col), reason) from error
    except (TOMLKitError, ValueError, RecursionError) as error:
        raise SyntaxProblem(text, 0, str(error) or type(error).__name__) from error


def _offset(text: str, line: int, column: int) -> int:
    at = 0
    for _ in range(line - 1):
        at = text.find("\n", at) + 1
    return min(len(text), at + column)


def _head(text: str) -> Iterator[Statement]:
    """The statements above the first table of a text that is known to be TOML."""
    at = 0
    while at < len(text):
        line_end = _line_end(text, at)
        line = text[at:line_end]
        start = at + len(line) - len(line.lstrip())
        if not line.strip() or text.startswith("#", start):
            at = line_end
            continue
        if text.startswith("[", start):
            return
        equals = _find(text, start, "=")
        value_start = equals + 1
        while text[value_start] in " \t":
            value_start += 1
        end = _value_end(text, value_start)
        line_end = _line_end(text, end)
        yield Statement(
            key=text[start:equals].strip().strip("\"'"),
            start=at,
            value_start=value_start,
            value_end=end,
            line_end=line_end,
        )
        at = line_end


def _line_end(text: str, at: int) -> int:
    return text.find("\n", at) + 1 or len(text)


def _find(text: str, at: int, wanted: str) -> int:
    """The next `wanted` outside of quotes."""
    while text[at] != wanted:
        at = _behind_string(text, at) if text[at] in "\"'" else at + 1
    return at


def _behind_string(text: str, at: int) -> int:
    quote = next(item for item in _QUOTES if text.startswith(item, at))
    at += len(quote)
    while not text.startswith(quote, at):
        at += 2 if text[at] == "\\" and quote[0] == '"' else 1
    at += len(quote)
    if len(quote) == 3:
        # up to two more quotes belong to the string: """a"""""
        while text.startswith(quote[0], at):
            at += 1
    return at


def _value_end(text: str, at: int) -> int:
    """Behind the last character of the value that begins at `at`."""
    depth, end = 0, at
    while at < len(text):
        letter = text[at]
        if letter in "\"'":
            at = end = _behind_string(text, at)
            continue
        if letter == "#":
            at = text.find("\n", at)
            if at < 0:
                break
            continue
        if letter == "\n" and not depth:
            break
        depth += (letter in _OPENERS) - (letter in _CLOSERS)
        at += 1
        if letter not in " \t\r\n":
            end = at
    return end
