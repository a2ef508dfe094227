"""
Five-hour blocks from the log: when a block begins, ends, and what it will come to.

An approximation of the vendor's own window, which is the truth where an account knows it.  A block
starts at the (UTC) hour of its first event and lasts five hours; it also ends when nothing
happened for five hours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar

from openusaged.core.windows import HOUR_MS

BLOCK_MS: Final = 5 * HOUR_MS


class Activity(Protocol):
    """A stretch of events within a quarter hour, which never crosses a block's end."""

    @property
    def first_ms(self) -> int:
        """First event of the stretch."""

    @property
    def last_ms(self) -> int:
        """Last event of the stretch."""


A = TypeVar("A", bound=Activity)


@dataclass(slots=True)
class Block(Generic[A]):
    """One block and the stretches in it."""

    start_ms: int
    first_ms: int
    last_ms: int
    parts: list[A] = field(default_factory=list)

    @property
    def end_ms(self) -> int:
        """When the block is over whatever happens."""
        return self.start_ms + BLOCK_MS

    def is_active(self, now_ms: int) -> bool:
        """Whether the block is running: neither over nor idle for five hours."""
        return self.start_ms <= now_ms < self.end_ms and now_ms - self.last_ms < BLOCK_MS

    def burn_hours(self, now_ms: int) -> float:
        """
        Hours the burn rate is measured over: first to last event, or to now for a single one.

        Measuring from the floored hour would understate the rate early in a block.
        """
        span = self.last_ms - self.first_ms
        if span <= 0:
            span = now_ms - self.first_ms
        return max(span, 0) / HOUR_MS


def split_blocks(activity: Iterable[A]) -> list[Block[A]]:
    """Blocks of one stream of activity, which is ordered by `first_ms`."""
    blocks: list[Block[A]] = []
    current: Block[A] | None = None
    for part in activity:
        if (
            current is None
            or part.first_ms >= current.end_ms
            or part.first_ms - current.last_ms >= BLOCK_MS
        ):
            current = Block(
                start_ms=part.first_ms // HOUR_MS * HOUR_MS,
                first_ms=part.first_ms,
                last_ms=part.last_ms,
            )
            blocks.append(current)
        current.parts.append(part)
        current.last_ms = max(current.last_ms, part.last_ms)
    return blocks
