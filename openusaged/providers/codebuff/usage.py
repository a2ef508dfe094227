"""
The counts and credits of one Codebuff answer, in whatever spelling and place they are.  Pure.

Counts in OpenAI's spelling (`prompt_tokens`) hold the cached tokens, those in Anthropic's do not.
Credits are Codebuff's own unit, not dollars.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from openusaged.providers.shared.json_values import (
    as_count,
    as_nano,
    as_number,
    as_object,
    first_count,
)

CREDITS: Final = "credits"

_INPUT: Final = ("inputTokens", "input_tokens")
_PROMPT: Final = ("promptTokens", "prompt_tokens")
_OUTPUT: Final = ("outputTokens", "output_tokens", "completionTokens", "completion_tokens")
_CACHE_READ: Final = ("cacheReadInputTokens", "cache_read_input_tokens")
_CACHE_WRITE: Final = (
    "cacheCreationInputTokens",
    "cache_creation_input_tokens",
    "cacheCreationTokens",
    "cache_creation_tokens",
    "cachedTokensCreated",
    "cached_tokens_created",
)
_DETAILS: Final = (
    ("promptTokensDetails", "cachedTokens"),
    ("prompt_tokens_details", "cached_tokens"),
)
_TOTAL: Final = ("totalTokens", "total_tokens", "total")


class Counts(msgspec.Struct, kw_only=True, gc=False):
    """Disjoint counts of one answer as one place has them; None is unknown."""

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    total: int | None = None

    @property
    def known(self) -> int:
        """The sum of the parts."""
        return sum(
            part or 0 for part in (self.input, self.output, self.cache_read, self.cache_write)
        )


def counts_of(usage: Mapping[str, Any]) -> Counts:
    """The counts of a usage object in any of its spellings."""
    read = max(
        (
            count
            for count in (
                first_count(usage, _CACHE_READ),
                *(as_count(as_object(usage.get(outer)).get(inner)) for outer, inner in _DETAILS),
            )
            if count is not None
        ),
        default=None,
    )
    fresh = first_count(usage, _INPUT)
    prompt = first_count(usage, _PROMPT)
    if not fresh and prompt is not None:
        fresh = max(0, prompt - (read or 0))
    return Counts(
        input=fresh,
        output=first_count(usage, _OUTPUT),
        cache_read=read,
        cache_write=first_count(usage, _CACHE_WRITE),
        total=first_count(usage, _TOTAL),
    )


def merged(tiers: list[Counts]) -> Counts:
    """
    One answer's counts: what one place leaves at zero the next one fills.

    What a total holds beyond all parts is priced as output.
    """
    whole = Counts()
    for tier in tiers:
        for name in ("input", "output", "cache_read", "cache_write", "total"):
            value = getattr(tier, name)
            if value is not None and not getattr(whole, name):
                setattr(whole, name, value)
    missing = (whole.total or 0) - whole.known
    if missing > 0:
        whole.output = (whole.output or 0) + missing
    return whole


def credits_of(usages: list[Mapping[str, Any]], of_message: object) -> int | None:
    """Credits in 1e-9; None when there are none."""
    given = next((value for usage in usages if as_number(value := usage.get("credits"))), None)
    return as_nano(of_message if given is None else given) or None
