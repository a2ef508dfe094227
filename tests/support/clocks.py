"""A clock that stands still until a test moves it."""

from __future__ import annotations


class StillClock:
    """`runtime.clock.Clock` at one moment; `now` is epoch milliseconds."""

    def __init__(self, now_ms: int) -> None:
        self.now = now_ms

    def now_ms(self) -> int:
        """The moment."""
        return self.now

    def monotonic(self) -> float:
        """The same in seconds."""
        return self.now / 1000
