"""
What an event adds to the aggregates: pure functions from a counted event to sums of integers.

One definition serves the quarter-hour buckets, the session totals and the blocks.
"""

from __future__ import annotations

from typing import Final

from openusaged.core.merge import CountedEvent
from openusaged.core.models import (
    MESSAGE_USAGE,
    RECONCILE_ADJUSTMENT,
    STATUS_ABORTED,
    STATUS_ERROR,
    TOOL_USAGE,
    TURN_COMPLETED,
)

USD: Final = "USD"
APPROXIMATE: Final = "approximate"

COUNTED_TYPES: Final = frozenset({MESSAGE_USAGE, RECONCILE_ADJUSTMENT, TURN_COMPLETED, TOOL_USAGE})
"""Types that aggregates and sessions count; the others are kept as hot detail only."""

MESSAGE_DIMENSIONS: Final = (
    "account",
    "provider",
    "client",
    "model",
    "project",
    "branch",
    "agent_kind",
    "currency",
)
MESSAGE_SUMS: Final = (
    "requests",
    "errors",
    "turns",
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "reasoning",
    "calc_nano",
    "unpriced",
    "rec_nano",
    "rec_requests",
    "auto_nano",
    "auto_unpriced",
    "fallback_nano",
    "approx",
)
TOOL_DIMENSIONS: Final = (
    "account",
    "client",
    "project",
    "tool",
    "mcp_server",
    "mcp_function",
    "language",
)
TOOL_SUMS: Final = ("calls", "errors", "aborted", "lines_added", "lines_removed")

MAIN: Final = 0
SUBAGENT: Final = 1
AGENT_KINDS: Final = ("main", "subagent")

Sums = tuple[int, ...]

_TURN: Final[Sums] = (0, 0, 1, *(0 for _ in MESSAGE_SUMS[3:]))


def message_sums(event: CountedEvent) -> Sums | None:
    """What an event adds to message buckets, in the order of `MESSAGE_SUMS`; None for nothing."""
    kind = event.event_type
    if kind == TURN_COMPLETED:
        return _TURN
    if kind not in (MESSAGE_USAGE, RECONCILE_ADJUSTMENT):
        return None
    fresh = event.input or 0
    read = event.cache_read or 0
    write_5m = event.cache_write_5m or 0
    write_1h = event.cache_write_1h or 0
    output = event.output or 0
    tokens = fresh or read or write_5m or write_1h or output
    recorded = event.cost_nano
    # An event that does not say how many requests it stands for is one.
    requests = 1 if event.requests is None else event.requests
    calc = event.calc_nano
    in_usd = recorded is not None and event.currency == USD
    unpriced = requests if tokens and calc is None else 0
    return (
        requests,
        # A request that failed after it used tokens is an ordinary, billed request.
        requests if event.status == STATUS_ERROR and not tokens else 0,
        0,
        fresh,
        read,
        write_5m,
        write_1h,
        output,
        event.reasoning or 0,
        calc or 0,
        unpriced,
        recorded or 0,
        0 if recorded is None else requests,
        (recorded or 0) if in_usd else (calc or 0),
        0 if in_usd else unpriced,
        (recorded or 0) if in_usd and calc is None else 0,
        requests if calc is not None and event.price_source == APPROXIMATE else 0,
    )


def tool_sums(event: CountedEvent) -> Sums | None:
    """What an event adds to tool buckets, in the order of `TOOL_SUMS`; None for nothing."""
    if event.event_type != TOOL_USAGE:
        return None
    calls = 1 if event.requests is None else event.requests
    status = event.status
    return (
        calls,
        calls if status == STATUS_ERROR else 0,
        calls if status == STATUS_ABORTED else 0,
        event.lines_added or 0,
        event.lines_removed or 0,
    )


def agent_kind(event: CountedEvent) -> int:
    """Whether the main agent or a sub-agent did it."""
    return SUBAGENT if event.is_sidechain or event.agent else MAIN


def negated(sums: Sums) -> Sums:
    """The same sums, to be taken away."""
    return tuple(-value for value in sums)
