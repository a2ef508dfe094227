"""
Tells the copies that OpenCode's forks made from the responses that were really given.

A fork copies every message of a session under new ids.  The id holds the time at which it was made:
a copy's is younger than the end of what it claims to identify, or (where the Go program took the
time of a part, which is copied, too) it came into being at the moment of the id, which no model is
quick enough for, and an older message says the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from openusaged.importing.go_database import MESSAGE, OPENCODE, Imported

_ID: Final = re.compile(r"msg_([0-9a-f]{12})[A-Za-z0-9]*")
_TICKS_PER_MS: Final = 1 << 12
"""The rest of the twelve digits counts ids of one millisecond."""
_WRAP_MS: Final = 1 << 36
_CLOCK_SLACK_MS: Final = 5
_AT_ONCE_MS: Final = 300
"""Between the making of a message and the end of its first step: copies take 10 to 30 ms, more with
many parts; no model has answered by then."""

_SAID: Final = (
    "provider",
    "model",
    "input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cost",
)


class Copies:
    """Give it every row in the order of time; remembers a number per message of OpenCode."""

    def __init__(self) -> None:
        self._said: dict[int, str] = {}

    def is_copy(self, item: Imported) -> bool:
        """Whether a fork made it of another message."""
        turn = item.turn
        if item.tool != OPENCODE or turn["event_type"] != MESSAGE:
            return False
        match = _ID.fullmatch(turn["message_id"])
        if match is None:
            return False
        after_ms = _after_id(turn["occurred_at"], match[1])
        same_as = self._session_that_said(turn)
        return after_ms < -_CLOCK_SLACK_MS or (
            after_ms < _AT_ONCE_MS and same_as != turn["session_id"]
        )

    def _session_that_said(self, turn: Mapping[str, Any]) -> str:
        """The first session with a message of the same model and counts."""
        key = hash(tuple(turn.get(name) for name in _SAID))
        return self._said.setdefault(key, turn["session_id"])


def _after_id(occurred_ms: int, digits: str) -> int:
    """Milliseconds from the making of an id (of which the lower 36 bits are known) to a time."""
    made = int(digits, 16) // _TICKS_PER_MS
    ahead = (occurred_ms - made) % _WRAP_MS
    return ahead - _WRAP_MS if ahead >= _WRAP_MS // 2 else ahead
