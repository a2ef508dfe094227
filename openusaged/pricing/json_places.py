"""
JSON that remembers where each of its values stands, for messages about files people write.

The standard decoder knows lines only of texts that are no JSON at all.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import msgspec

_BLANK: Final = re.compile(r"[ \t\n\r]*")
_DECODER: Final = json.JSONDecoder()


class Node(msgspec.Struct):
    """A value, the offset of its first character, and of its key when it has one."""

    value: Any
    """For objects a dict and for arrays a list, of nodes."""
    at: int
    key_at: int = -1
    repeated: tuple[tuple[str, int], ...] = ()
    """Keys (with offset) that an object names a second time; the last one counts."""

    @property
    def place(self) -> int:
        """Where to point a reader to: the key, else the value."""
        return self.at if self.key_at < 0 else self.key_at

    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def parse(text: str) -> Node:
    """
    The document.

    Raises:
        json.JSONDecodeError: no JSON, with the place.
        RecursionError: nested deeper than anybody writes.
    """
    json.loads(text)
    return _value(text, _skip(text, 0))[0]


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Both counted from 1, as editors do."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def _value(text: str, at: int, key_at: int = -1) -> tuple[Node, int]:
    """The value that begins at `at` and the offset behind it; the text is known to be JSON."""
    if text[at] == "{":
        return _object(text, at, key_at)
    if text[at] == "[":
        items = []
        end = _skip(text, at + 1)
        while text[end] != "]":
            item, end = _value(text, end)
            items.append(item)
            end = _skip(text, end)
            if text[end] == ",":
                end = _skip(text, end + 1)
        return Node(items, at, key_at), end + 1
    value, end = _DECODER.raw_decode(text, at)
    return Node(value, at, key_at), end


def _object(text: str, at: int, key_at: int) -> tuple[Node, int]:
    members: dict[str, Node] = {}
    repeated = []
    end = _skip(text, at + 1)
    while text[end] != "}":
        name_at = end
        name, end = _DECODER.raw_decode(text, end)
        colon = _skip(text, end)
        if name in members:
            repeated.append((name, name_at))
        members[name], end = _value(text, _skip(text, colon + 1), name_at)
        end = _skip(text, end)
        if text[end] == ",":
            end = _skip(text, end + 1)
    return Node(members, at, key_at, tuple(repeated)), end + 1


def _skip(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    assert found is not None
    return found.end()
