"""
What Copilot's token counts and billing units mean, wherever they are recorded.

Pure.  Its input is gross, with cache reads and writes in it; reasoning is part of the output.  One
AI credit is 1e9 nano-AIU and costs a cent; figures named `cost` are premium requests, not money.
"""

from __future__ import annotations

from typing import Any, Final, Self

import msgspec

from openusaged.providers.shared.json_values import as_count

SOURCE: Final = "copilot"
BILLED_BY: Final = "github-copilot"
SUBAGENT: Final = "subagent"
NANO_AIU_PER_NANO_USD: Final = 100


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Disjoint tokens; None is unknown."""

    input: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    output: int | None = None
    reasoning: int | None = None

    @classmethod
    def of_gross(
        cls, gross: Any, output: Any, cache_read: Any, cache_write: Any, reasoning: Any
    ) -> Self:
        """Counts whose input holds the cache's; more cache than input leaves no input."""
        total, read, written = as_count(gross), as_count(cache_read), as_count(cache_write)
        made, thought = as_count(output), as_count(reasoning)
        if made is not None and thought is not None:
            thought = min(thought, made)
        return cls(
            input=None if total is None else max(total - (read or 0) - (written or 0), 0),
            cache_read=read,
            cache_write=written,
            output=made,
            reasoning=thought,
        )


def usd_nano(nano_aiu: int | None) -> int | None:
    """1e-9 dollars of an amount in nano-AIU."""
    return None if nano_aiu is None else round(nano_aiu / NANO_AIU_PER_NANO_USD)
