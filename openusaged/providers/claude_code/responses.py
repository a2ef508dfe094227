"""
The usage of one API response: its buckets, its tier, and how repeated lines of it are merged.

Pure functions over events; the store merges by the same rules what arrives in several reads.
"""

from __future__ import annotations

from typing import Final

import msgspec

from openusaged.core.models import UsageEvent
from openusaged.providers.claude_code.rows import Iteration, Usage

DIRECT: Final = "anthropic"
"""Who bills what no cloud marked as its own."""

_TIERS: Final = frozenset({"batch", "flex", "priority"})
_FIRST_UNFINISHED: Final = (2, 1, 9)
_LAST_UNFINISHED: Final = (2, 1, 42)


def cache_writes(usage: Usage | Iteration) -> tuple[int, int]:
    """
    (5-minute, 1-hour) cache writes.

    The flat figure is the total and the split says how much of it is 1-hour; either may be missing
    and proxies get them out of step, so the larger total is believed.
    """
    flat = usage.cache_creation_input_tokens or 0
    split = usage.cache_creation
    if split is None:
        return flat, 0
    one_hour = split.ephemeral_1h_input_tokens or 0
    return max(split.ephemeral_5m_input_tokens or 0, flat - one_hour), one_hour


def service_tier(usage: Usage) -> str:
    """`fast`, `priority`, `batch`, `flex`, or empty for the standard tier."""
    if usage.speed == "fast":
        return "fast"
    tier = usage.service_tier
    return tier if tier and tier in _TIERS else ""


def advisor_steps(usage: Usage) -> list[Iteration]:
    """The iterations that another model answered: the only ones outside the totals."""
    return [step for step in usage.iterations or () if (step.type or "").startswith("advisor")]


def billed_by(message_id: str) -> str:
    """Who bills the response: `anthropic`, or the cloud that marked its id."""
    if message_id.startswith("msg_bdrk_"):
        return "bedrock"
    if message_id.startswith("msg_vrtx_"):
        return "vertex"
    return DIRECT


def writes_unfinished_counts(version: str) -> bool | None:
    """
    Whether this version writes the output count of the stream's start and never corrects it.

    None when it is no version of the form `2.1.9`, which Claude Code always writes.
    """
    numbers: list[int] = []
    for part in version.split(".", 2):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            return None
        numbers.append(int(digits))
    if len(numbers) < 3:
        return None
    return _FIRST_UNFINISHED <= tuple(numbers) <= _LAST_UNFINISHED


def merged(known: UsageEvent, latest: UsageEvent) -> UsageEvent:
    """
    One event of two lines of one response: the earlier line with every counter at its largest.

    A line outside the side-chain gives the attribution before one inside it.
    """
    first, other = (latest, known) if latest.ts_ms < known.ts_ms else (known, latest)
    if first.is_sidechain and not other.is_sidechain:
        first, other = other, first
    return msgspec.structs.replace(
        first,
        ts_ms=min(known.ts_ms, latest.ts_ms),
        input=_largest(known.input, latest.input),
        cache_read=_largest(known.cache_read, latest.cache_read),
        cache_write_5m=_largest(known.cache_write_5m, latest.cache_write_5m),
        cache_write_1h=_largest(known.cache_write_1h, latest.cache_write_1h),
        output=_largest(known.output, latest.output),
        reasoning=_largest(known.reasoning, latest.reasoning),
        cost_nano=_largest(known.cost_nano, latest.cost_nano),
        output_is_lower_bound=known.output_is_lower_bound and latest.output_is_lower_bound,
        service_tier=known.service_tier or latest.service_tier,
    )


def _largest(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)
