"""
Changes single entries of a JSON text and leaves every other byte as it is.

New entries take on the file's own style: indentation, line ends, one line or many.  Taking an entry
out is the exact opposite of putting it in.  `jsonc=True` keeps comments and trailing commas.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from openusaged.integrations.json_syntax import ARRAY, OBJECT, Node, comment_ends, parse

DEFAULT_INDENT: Final = "  "

Path = Sequence[str | int]


class JsonText:
    """A JSON text that can be changed entry by entry."""

    def __init__(self, text: str, *, jsonc: bool = False) -> None:
        """
        Take the text apart.

        Raises:
            SyntaxProblem: it is not JSON (with `jsonc`: nor JSON with comments).
        """
        self._jsonc = jsonc
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self._take(text)

    def _take(self, text: str) -> None:
        self.text = text
        self._root = parse(text, comments=self._jsonc)

    # ------------------------------------------------------------ reading

    def node(self, path: Path = ()) -> Node | None:
        """The node at a path of keys and indexes, or None."""
        node = self._root
        for key in path:
            entry = node.find(key)
            if entry is None:
                return None
            node = entry.node
        return node

    def value(self, path: Path = ()) -> Any:
        """The value at a path; None when nothing is there."""
        node = self.node(path)
        return None if node is None else node.plain()

    def raw(self, path: Path = ()) -> str:
        """The text of the value at a path."""
        node = self._existing(path)
        return self.text[node.start : node.end]

    def position(self, path: Path = ()) -> tuple[int, int]:
        """Line and column at which the value at a path begins."""
        at = self._existing(path).start
        return self.text.count("\n", 0, at) + 1, at - self.text.rfind("\n", 0, at)

    def _existing(self, path: Path) -> Node:
        node = self.node(path)
        if node is None:
            raise KeyError(tuple(path))
        return node

    # ----------------------------------------------------------- changing

    def add(self, path: Path, value: Any, key: str | None = None) -> None:
        """Put a value behind the last entry of the array (or, under `key`, the object) there."""
        node = self._existing(path)
        if node.entries:
            self._add_behind(node, value, key)
        else:
            self._add_first(node, value, key)

    def replace(self, path: Path, raw: str) -> None:
        """Put another text in place of a value."""
        node = self._existing(path)
        self._take(self.text[: node.start] + raw + self.text[node.end :])

    def remove(self, path: Path) -> None:
        """Take an entry out, with the comma and the line that were made for it."""
        container = self._existing(path[:-1])
        entry = container.find(path[-1])
        if entry is None:
            raise KeyError(tuple(path))
        index = container.entries.index(entry)
        before = container.entries[index - 1] if index else None
        begin = container.start + 1
        if before is not None and before.comma is not None:
            begin = before.comma + 1
        # Comments of its neighbours stay.
        for _, end in comment_ends(self.text, begin, entry.start):
            begin = end
        cuts = [(begin, entry.node.end)]
        if entry.comma is not None:
            cuts.append((entry.comma, entry.comma + 1))
        elif before is not None and before.comma is not None:
            cuts.append((before.comma, before.comma + 1))
        text = self.text
        for start, end in sorted(cuts, reverse=True):
            text = text[:start] + text[end:]
        self._take(text)

    def _add_behind(self, node: Node, value: Any, key: str | None) -> None:
        text, last = self.text, node.entries[-1]
        trailing = last.comma is not None
        at = last.node.end if last.comma is None else last.comma + 1
        line_start = text.rfind("\n", 0, last.start) + 1
        lead = text[line_start : last.start]
        own_lines = not lead.strip() and line_start > node.start
        if own_lines:
            put = self._behind_comments(at, node.end)
            new = self._newline + lead + self._render(value, key, lead)
        else:
            put = at
            new = self._gap(node) + self._render(value, key, None)
        new += "," if trailing else ""
        comma = "" if trailing else ","
        self._take(text[:at] + comma + text[at:put] + new + text[put:])

    def _add_first(self, node: Node, value: Any, key: str | None) -> None:
        text = self.text
        inner = text[node.start + 1 : node.end - 1].rstrip()
        has_lines = "\n" in text[self._root.start : self._root.end]
        if has_lines or not self._root.entries:
            line_start = text.rfind("\n", 0, node.start) + 1
            line = text[line_start : node.start]
            base = line[: len(line) - len(line.lstrip())]
            lead = base + self._unit()
            new = self._newline + lead + self._render(value, key, lead) + self._newline + base
        else:
            new = self._render(value, key, None)
        head = text[: node.start + 1] + inner
        self._take(head + new + text[node.end - 1 :])

    def _behind_comments(self, at: int, end: int) -> int:
        """Behind the comments that stand on the line of `at`: they belong to what is there."""
        line_end = self.text.find("\n", at, end)
        stop = end - 1 if line_end < 0 else line_end
        put = at
        for start, ends in comment_ends(self.text, at, end):
            if start > stop:
                break
            put = ends
        return put

    # -------------------------------------------------------------- style

    def _unit(self) -> str:
        """One level of the file's indentation."""
        node = self._root
        base = ""
        while node.entries:
            entry = node.entries[0]
            line_start = self.text.rfind("\n", 0, entry.start) + 1
            lead = self.text[line_start : entry.start]
            if line_start > node.start and not lead.strip() and len(lead) > len(base):
                return lead[len(base) :]
            node = entry.node
        return DEFAULT_INDENT

    def _gap(self, node: Node) -> str:
        """What stands behind a comma in an array or object of one line."""
        first = node.entries[0]
        if len(node.entries) > 1 and first.comma is not None:
            between = self.text[first.comma + 1 : node.entries[1].start]
            if not between.strip(" \t"):
                return between
        return " " if self._spaced() else ""

    def _spaced(self) -> bool:
        """Whether a blank follows colons; a compact file stays compact."""
        for entry in self._root.entries:
            if entry.key is not None:
                return self.text[entry.node.start - 1] in " \t\n"
        return True

    def _render(self, value: Any, key: str | None, lead: str | None) -> str:
        """The text of an entry whose first line is indented by `lead`; None: on one line."""
        blank = " " if self._spaced() else ""
        if lead is None:
            text = json.dumps(value, ensure_ascii=False, separators=(f",{blank}", f":{blank}"))
        else:
            text = json.dumps(
                value, ensure_ascii=False, indent=self._unit(), separators=(",", f":{blank}")
            )
            text = text.replace("\n", self._newline + lead)
        return text if key is None else f"{json.dumps(key, ensure_ascii=False)}:{blank}{text}"


def is_object(node: Node | None) -> bool:
    """Whether there is an object."""
    return node is not None and node.kind == OBJECT


def is_array(node: Node | None) -> bool:
    """Whether there is an array."""
    return node is not None and node.kind == ARRAY
