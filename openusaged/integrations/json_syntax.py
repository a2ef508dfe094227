"""
JSON with positions: a tree whose nodes know where in the text they stand.

Separate from `json_edit` because reading knows nothing of style.  One grammar for plain JSON and,
with `comments`, for what OpenCode reads (comments, trailing commas); a file in the wrong dialect is
a mistake that its tool would not forgive either, and is told with its line and column.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

MAX_DEPTH: Final = 150
OBJECT: Final = "object"
ARRAY: Final = "array"
SCALAR: Final = "scalar"

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_COMMENT: Final = re.compile(r"//[^\r\n]*|/\*.*?\*/", re.DOTALL)
_STRING: Final = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_SCALAR: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")


class SyntaxProblem(Exception):
    """The text is not what it should be; `line` and `column` count from 1."""

    def __init__(self, text: str, at: int, reason: str) -> None:
        self.line = text.count("\n", 0, at) + 1
        self.column = at - (text.rfind("\n", 0, at) + 1) + 1
        self.reason = reason
        super().__init__(f"{self.line}:{self.column}: {reason}")


@dataclass(slots=True)
class Node:
    """A value from `start` to `end`; `entries` of an object or array, `value` of the others."""

    kind: str
    start: int
    end: int
    value: Any = None
    entries: list[Entry] = field(default_factory=list)

    def plain(self) -> Any:
        """The value as Python has it; of a repeated key the last one counts, as in JavaScript."""
        if self.kind == OBJECT:
            return {entry.key: entry.node.plain() for entry in self.entries}
        if self.kind == ARRAY:
            return [entry.node.plain() for entry in self.entries]
        return self.value

    def find(self, key: str | int) -> Entry | None:
        """The entry of a key or index, None when there is none or this is no container."""
        if isinstance(key, int):
            return self.entries[key] if self.kind == ARRAY and key < len(self.entries) else None
        if self.kind != OBJECT:
            return None
        return next((entry for entry in reversed(self.entries) if entry.key == key), None)


@dataclass(slots=True)
class Entry:
    """A member or item: where it begins (its key), its value, and the comma behind it."""

    start: int
    node: Node
    key: str | None = None
    comma: int | None = None


def parse(text: str, *, comments: bool = False) -> Node:
    """
    The tree of the one value that the text holds.

    Raises:
        SyntaxProblem: it is not JSON (of that dialect).
    """
    reader = _Reader(text, comments=comments)
    at = reader.skip(0)
    node = reader.value(at, 0)
    end = reader.skip(node.end)
    if end < len(text):
        raise SyntaxProblem(text, end, "something stands behind the end of the JSON document")
    return node


def comment_ends(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Spans of the comments between two tokens."""
    at = start
    while at < end:
        if match := _COMMENT.match(text, at, end):
            yield match.span()
            at = match.end()
        else:
            at += 1


class _Reader:
    """Recursive descent over one text."""

    def __init__(self, text: str, *, comments: bool) -> None:
        self._text = text
        self._comments = comments

    def skip(self, at: int) -> int:
        """Behind white space and (where they are allowed) comments."""
        text = self._text
        while True:
            at = _SPACE.match(text, at).end()  # type: ignore[union-attr]  # matches nothing, too
            if not text.startswith("/", at):
                return at
            if not self._comments:
                if text.startswith(("//", "/*"), at):
                    raise SyntaxProblem(text, at, "a comment, which this file cannot have")
                return at
            match = _COMMENT.match(text, at)
            if match is None:
                reason = "a comment without end" if text.startswith("/*", at) else "unexpected '/'"
                raise SyntaxProblem(text, at, reason)
            at = match.end()

    def value(self, at: int, depth: int) -> Node:
        """The value that begins at `at`."""
        text = self._text
        if depth > MAX_DEPTH:
            raise SyntaxProblem(text, at, f"nested deeper than {MAX_DEPTH} levels")
        if text.startswith("{", at):
            return self._object(at, depth)
        if text.startswith("[", at):
            return self._array(at, depth)
        if text.startswith('"', at):
            word, end = self._string(at)
            return Node(SCALAR, at, end, word)
        match = _SCALAR.match(text, at)
        if match is None:
            raise SyntaxProblem(text, at, self._unexpected(at, "a value"))
        return Node(SCALAR, at, match.end(), json.loads(match.group()))

    def _string(self, at: int) -> tuple[str, int]:
        match = _STRING.match(self._text, at)
        if match is None:
            raise SyntaxProblem(
                self._text, at, "a string that does not end on its line, or a bad \\"
            )
        word: str = json.loads(match.group())
        return word, match.end()

    def _object(self, start: int, depth: int) -> Node:
        text, node = self._text, Node(OBJECT, start, start)
        at = self.skip(start + 1)
        while not text.startswith("}", at):
            if not text.startswith('"', at):
                raise SyntaxProblem(text, at, self._unexpected(at, "a key in double quotes"))
            key, end = self._string(at)
            colon = self.skip(end)
            if not text.startswith(":", colon):
                raise SyntaxProblem(text, colon, self._unexpected(colon, "a colon"))
            entry = Entry(at, self.value(self.skip(colon + 1), depth + 1), key)
            node.entries.append(entry)
            at = self._next(entry, "}")
        node.end = at + 1
        return node

    def _array(self, start: int, depth: int) -> Node:
        text, node = self._text, Node(ARRAY, start, start)
        at = self.skip(start + 1)
        while not text.startswith("]", at):
            entry = Entry(at, self.value(at, depth + 1))
            node.entries.append(entry)
            at = self._next(entry, "]")
        node.end = at + 1
        return node

    def _next(self, entry: Entry, closer: str) -> int:
        """Behind the comma after an entry, or at the closer."""
        text = self._text
        at = self.skip(entry.node.end)
        if text.startswith(closer, at):
            return at
        if not text.startswith(",", at):
            raise SyntaxProblem(text, at, self._unexpected(at, f"a comma or {closer!r}"))
        entry.comma = at
        after = self.skip(at + 1)
        if text.startswith(closer, after) and not self._comments:
            raise SyntaxProblem(text, at, "a comma behind the last entry")
        return after

    def _unexpected(self, at: int, wanted: str) -> str:
        if at >= len(self._text):
            return f"{wanted} is expected, the file ends"
        return f"{wanted} is expected, not {self._text[at]!r}"
