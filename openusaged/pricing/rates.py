"""Prices of one model in the unit the pipeline computes in: 1e-9 USD per token."""

from __future__ import annotations

from typing import Final

import msgspec

NANO_PER_TOKEN: Final = 1000.0
"""1 USD per million tokens is 1,000 nano-dollars per token."""


class Rates(msgspec.Struct, frozen=True, gc=False):
    """
    What one token of each disjoint bucket costs, in 1e-9 USD.

    `tiers` are (prompt size above which they apply, the same five rates), largest first: the size
    of the prompt decides the rate of the *whole* request (Anthropic above 200k, OpenAI above 272k,
    Gemini above 200k).
    """

    input: float
    cache_read: float
    cache_write_5m: float
    cache_write_1h: float
    output: float
    tiers: tuple[tuple[int, tuple[float, float, float, float, float]], ...] = ()

    def cost_nano(
        self, uncached: int, cache_read: int, write_5m: int, write_1h: int, output: int
    ) -> int:
        """Cost of one request in 1e-9 USD, rounded once."""
        if self.tiers:
            prompt = uncached + cache_read + write_5m + write_1h
            for threshold, (i, r, w5, w1, o) in self.tiers:
                if prompt > threshold:
                    return round(
                        uncached * i + cache_read * r + write_5m * w5 + write_1h * w1 + output * o
                    )
        return round(
            uncached * self.input
            + cache_read * self.cache_read
            + write_5m * self.cache_write_5m
            + write_1h * self.cache_write_1h
            + output * self.output
        )

    def scaled(self, factor: float) -> Rates:
        """The same rates multiplied, for modes that cost a multiple of the standard one."""
        return Rates(
            self.input * factor,
            self.cache_read * factor,
            self.cache_write_5m * factor,
            self.cache_write_1h * factor,
            self.output * factor,
            tuple(
                (threshold, (i * factor, r * factor, w5 * factor, w1 * factor, o * factor))
                for threshold, (i, r, w5, w1, o) in self.tiers
            ),
        )


Rate = float | list[float | list[float]]
"""USD per million tokens: a number, or [base, [threshold, number], ...]."""


def build_rates(
    *,
    uncached: Rate,
    output: Rate,
    cache_read: Rate | None = None,
    cache_write_5m: Rate | None = None,
    cache_write_1h: Rate | None = None,
    write_premium: bool = False,
) -> Rates:
    """
    Rates from published prices, with the vendors' rules for what is not published.

    Cache reads and writes without a price of their own cost what fresh input costs.  With
    `write_premium` (Anthropic) a five-minute write costs 1.25 times and a one-hour write twice the
    input price.
    """
    thresholds = sorted(
        {
            int(step[0])
            for rate in (uncached, output, cache_read, cache_write_5m, cache_write_1h)
            if isinstance(rate, list)
            for step in rate[1:]
            if isinstance(step, list)
        }
    )

    def five(prompt: int) -> tuple[float, float, float, float, float]:
        base = _at(uncached, prompt)
        read = base if cache_read is None else _at(cache_read, prompt)
        if cache_write_5m is not None:
            write_5m = _at(cache_write_5m, prompt)
        else:
            write_5m = base * 1.25 if write_premium else base
        if cache_write_1h is not None:
            write_1h = _at(cache_write_1h, prompt)
        else:
            write_1h = base * 2 if write_premium else write_5m
        return base, read, write_5m, write_1h, _at(output, prompt)

    return Rates(
        *five(0),
        tiers=tuple((limit, five(limit + 1)) for limit in reversed(thresholds)),
    )


def _at(rate: Rate, prompt: int) -> float:
    """The nano rate in force for a prompt of this size."""
    if not isinstance(rate, list):
        return rate * NANO_PER_TOKEN
    value = rate[0]
    for step in rate[1:]:
        if isinstance(step, list) and prompt > step[0]:
            value = step[1]
    assert isinstance(value, int | float)
    return value * NANO_PER_TOKEN
