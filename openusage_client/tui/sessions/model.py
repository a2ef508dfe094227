"""What the sessions screen looks at: order, the chosen session, the one that is open."""

from __future__ import annotations

from typing import Final

from openusage_proto.values import dataclass

SORTS: Final = ("activity", "cost", "tokens", "requests", "duration", "started")
LISTED: Final = 300
"""Sessions that are listed; the filter finds the others."""
TURNS: Final = 500

SORT_WORDS: Final = {
    "activity": "last activity",
    "started": "start",
    "duration": "duration",
    "tokens": "tokens",
    "requests": "turns",
    "cost": "cost",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsState:
    """`selected` and `opened` are (source, session id); empty for the first row."""

    sort: str = SORTS[0]
    ascending: bool = False
    selected: tuple[str, str] = ("", "")
    opened: tuple[str, str] = ("", "")
