"""
The arithmetic of Codex's cumulative token counters.

Pure and apart from the reader because every wrong total of other tools comes from here: counters
that are repeated, inherited by forks, or start again, and counts that contain each other.
"""

from __future__ import annotations

import math
from typing import Any

Counts = tuple[int, int, int, int, int]
"""(input incl. cached and cache writes, cached, cache writes, output incl. reasoning, reasoning)"""

ZERO: Counts = (0, 0, 0, 0, 0)


def as_count(value: Any) -> int:
    """A token count from a number or a numeric string; anything else, or less than 0, is 0."""
    if type(value) is int:
        return max(value, 0)
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return 0
    if isinstance(value, float) and math.isfinite(value) and value > 0:
        return int(value)
    return 0


def counts_of(usage: Any) -> Counts | None:
    """
    Counts of one usage object, or None when it is no object.

    The parts are clamped to what contains them: cached and written tokens to the input, reasoning
    to the output.  The aliases are those of other writers of `codex exec --json` output.
    """
    if not isinstance(usage, dict):
        return None
    get = usage.get
    tokens_in = as_count(_first(get, "input_tokens", "prompt_tokens", "input"))
    cached = min(
        as_count(_first(get, "cached_input_tokens", "cache_read_input_tokens", "cached_tokens")),
        tokens_in,
    )
    written = min(as_count(get("cache_write_input_tokens")), tokens_in - cached)
    tokens_out = as_count(_first(get, "output_tokens", "completion_tokens", "output"))
    reasoning = as_count(_first(get, "reasoning_output_tokens", "reasoning_tokens"))
    return (tokens_in, cached, written, tokens_out, min(reasoning, tokens_out))


def _first(get: Any, *names: str) -> Any:
    for name in names:
        value = get(name)
        if value is not None:
            return value
    return None


def is_empty(counts: Counts | None) -> bool:
    """Whether nothing was used: no input and no output."""
    return counts is None or not (counts[0] or counts[3])


def plus(left: Counts, right: Counts) -> Counts:
    """The sum of two counts, part by part."""
    a, b, c, d, e = left
    f, g, h, i, j = right
    return (a + f, b + g, c + h, d + i, e + j)


def growth(previous: Counts, total: Counts) -> Counts | None:
    """What a cumulative counter grew by, or None when a part of it shrank."""
    a, b, c, d, e = total
    f, g, h, i, j = previous
    if a < f or b < g or c < h or d < i or e < j:
        return None
    return (a - f, b - g, c - h, d - i, e - j)


def after_reset(total: Counts, last: Counts | None) -> Counts:
    """
    What to count when the counter started again.

    The last response if it fits into the new total; the new total else, which holds everything
    since the reset.  Never the difference: parts of it would be negative.
    """
    if last is not None and not is_empty(last) and growth(last, total) is not None:
        return last
    return total
