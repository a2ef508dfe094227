"""
Entries of the answer before to the same question, each with what it was made of.

For answers of hundreds of rows of which an event changes one: the others, with the rows of the
wire that were made of them, are used again as they are.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from openusaged.usecases.report_rows import Entry

Made = tuple[Any, Entry]
"""What an entry was made of, and the entry."""


class KeptEntries:
    """One answer's; `current` is what the next one to the same question begins with."""

    def __init__(self, earlier: Mapping[Hashable, Made] | None = None) -> None:
        self._earlier = earlier or {}
        self.current: dict[Hashable, Made] = {}

    def find(self, key: Hashable, made_of: Any) -> Entry | None:
        """The entry of the answer before, if it would be made of the same again."""
        known = self._earlier.get(key)
        if known is None or known[0] != made_of:
            return None
        self.current[key] = known
        return known[1]

    def keep(self, key: Hashable, made_of: Any, entry: Entry) -> Entry:
        """Keep an entry for the answer after this one."""
        self.current[key] = (made_of, entry)
        return entry
