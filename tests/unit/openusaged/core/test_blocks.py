"""Five-hour blocks: where they begin, where they end, and how fast they burn."""

from __future__ import annotations

from dataclasses import dataclass

from openusaged.core.blocks import BLOCK_MS, split_blocks
from openusaged.core.windows import HOUR_MS

MINUTE = 60_000


@dataclass(frozen=True)
class Part:
    first_ms: int
    last_ms: int


def at(hour: int, minute: int = 0) -> Part:
    moment = hour * HOUR_MS + minute * MINUTE
    return Part(moment, moment)


def test_a_block_starts_at_the_hour_of_its_first_event() -> None:
    """10:59 opens a block from 10:00 to 15:00."""
    (block,) = split_blocks([at(10, 59)])
    assert (block.start_ms, block.end_ms) == (10 * HOUR_MS, 15 * HOUR_MS)


def test_the_end_of_a_block_opens_the_next() -> None:
    """An event at the very end belongs to a new block, one just before does not."""
    blocks = split_blocks([at(10), at(14, 59), at(15)])
    assert [len(block.parts) for block in blocks] == [2, 1]


def test_five_idle_hours_open_the_next() -> None:
    """A gap of five hours splits even where the first block had time left."""
    first, second = split_blocks([Part(10 * HOUR_MS, 10 * HOUR_MS), at(15, 30)])
    assert first.start_ms == 10 * HOUR_MS
    assert second.start_ms == 15 * HOUR_MS


def test_active_until_over() -> None:
    """A block is active while it lasts, not after."""
    (block,) = split_blocks([at(10), at(14)])
    assert block.is_active(14 * HOUR_MS)
    assert not block.is_active(15 * HOUR_MS)
    assert not block.is_active(9 * HOUR_MS)


def test_burn_is_measured_between_events() -> None:
    """The rate counts from the first to the last event; a single event counts until now."""
    (block,) = split_blocks([at(10, 30), at(12)])
    assert block.burn_hours(13 * HOUR_MS) == 1.5
    (single,) = split_blocks([at(10, 30)])
    assert single.burn_hours(11 * HOUR_MS) == 0.5
    assert single.burn_hours(0) == 0


def test_no_activity_no_blocks() -> None:
    """Nothing in, nothing out."""
    assert split_blocks([]) == []
    assert BLOCK_MS == 5 * HOUR_MS
