"""Tool calls whose result stands in a later line, by the ids that tools reuse."""

from __future__ import annotations

from typing import Final

MAX_OPEN_CALLS: Final = 64
"""What a killed agent leaves open must not grow a cursor for ever."""


class OpenCalls:
    """
    Identity of each open call, by the id the log uses.

    Those ids are often counted up anew in every session; with the time of the call they name one
    call everywhere, in copies of the log too.
    """

    def __init__(self, known: dict[str, str] | None = None) -> None:
        self.known = known if known is not None else {}

    def open(self, call_id: str, ts_ms: int) -> str:
        """The identity of a call that was made at `ts_ms`."""
        identity = f"{ts_ms}:{call_id}"
        self.known.pop(call_id, None)
        self.known[call_id] = identity
        while len(self.known) > MAX_OPEN_CALLS:
            del self.known[next(iter(self.known))]
        return identity

    def close(self, call_id: str) -> str:
        """The identity of the call that has ended; empty when none is open under that id."""
        return self.known.pop(call_id, "")
