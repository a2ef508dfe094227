"""
The arithmetic of Codex's cumulative token counters.

Pure and apart from the reader because every wrong total of other tools comes from here: counters
that are repeated, inherited by forks, or start again, and counts that contain each other.
"""

from __future__ import annotations

from typing import Any

import msgspec

from openusaged.providers.shared.json_values import count_or_zero

Counts = tuple[int, int, int, int, int]
"""(input incl. cached and cache writes, cached, cache writes, output incl. reasoning, reasoning)"""

ZERO: Counts = (0, 0, 0, 0, 0)


class Usage(msgspec.Struct, gc=False):
    """A usage object as Codex writes it; anything else arrives as a plain dict."""

    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_output_tokens: int = 0


def counts_of(usage: Any) -> Counts | None:
    """
    Counts of one usage object, or None when it is no object.

    The parts are clamped to what contains them: cached and written tokens to the input, reasoning
    to the output.  The aliases are those of other writers of `codex exec --json` output.
    """
    if type(usage) is Usage:
        tokens_in, cached = usage.input_tokens, usage.cached_input_tokens
        written, tokens_out = usage.cache_write_input_tokens, usage.output_tokens
        reasoning = usage.reasoning_output_tokens
        if cached >= 0 and 0 <= written <= tokens_in - cached and 0 <= reasoning <= tokens_out:
            return (tokens_in, cached, written, tokens_out, reasoning)
        return _clamped(tokens_in, cached, written, tokens_out, reasoning)
    if not isinstance(usage, dict):
        return None
    get = usage.get
    return _clamped(
        _first(get, "input_tokens", "prompt_tokens", "input"),
        _first(get, "cached_input_tokens", "cache_read_input_tokens", "cached_tokens"),
        get("cache_write_input_tokens"),
        _first(get, "output_tokens", "completion_tokens", "output"),
        _first(get, "reasoning_output_tokens", "reasoning_tokens"),
    )


def _clamped(tokens_in: Any, cached: Any, written: Any, tokens_out: Any, reasoning: Any) -> Counts:
    whole_in, whole_out = count_or_zero(tokens_in), count_or_zero(tokens_out)
    read = min(count_or_zero(cached), whole_in)
    return (
        whole_in,
        read,
        min(count_or_zero(written), whole_in - read),
        whole_out,
        min(count_or_zero(reasoning), whole_out),
    )


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
