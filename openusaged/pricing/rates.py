"""Prices of one model in the unit the pipeline computes in: 1e-9 USD per token."""

from __future__ import annotations

from typing import Final

import msgspec

NANO_PER_TOKEN: Final = 1000.0
"""1 USD per million tokens is 1,000 nano-dollars per token."""
NANO_PER_REQUEST: Final = 1_000_000.0
"""1 USD per thousand requests is 1,000,000 nano-dollars per request."""

FiveRates = tuple[float, float, float, float, float]
"""Uncached input, cache read, five-minute write, one-hour write, output."""


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
    tiers: tuple[tuple[int, FiveRates], ...] = ()
    extra: tuple[float, float | None] | None = None
    """(each request, each reasoning token when it is not billed as output); nearly always None."""

    def cost_nano(
        self,
        uncached: int,
        cache_read: int,
        write_5m: int,
        write_1h: int,
        output: int,
        *,
        reasoning: int = 0,
        requests: int = 1,
        prompt: int | None = None,
    ) -> int:
        """
        Cost of one event in 1e-9 USD, rounded once; `reasoning` is part of `output`.

        `prompt` decides the tier where it is not the sum of what went in.
        """
        if not self.tiers and self.extra is None:
            return round(
                uncached * self.input
                + cache_read * self.cache_read
                + write_5m * self.cache_write_5m
                + write_1h * self.cache_write_1h
                + output * self.output
            )
        if prompt is None:
            prompt = uncached + cache_read + write_5m + write_1h
        i, r, w5, w1, o = self.at_prompt(prompt)
        cost = uncached * i + cache_read * r + write_5m * w5 + write_1h * w1 + output * o
        if self.extra is not None:
            per_request, per_reasoning = self.extra
            cost += requests * per_request
            if per_reasoning is not None:
                cost += reasoning * (per_reasoning - o)
        return round(cost)

    def at_prompt(self, tokens: int) -> FiveRates:
        """The rates of a request whose prompt has this many tokens, cached ones included."""
        for threshold, rates in self.tiers:
            if tokens > threshold:
                return rates
        return (
            self.input,
            self.cache_read,
            self.cache_write_5m,
            self.cache_write_1h,
            self.output,
        )

    def scaled(self, factor: float) -> Rates:
        """The same rates multiplied, for modes that cost a multiple of the standard one."""
        per_request, per_reasoning = self.extra or (0.0, None)
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
            None
            if self.extra is None
            else (per_request, None if per_reasoning is None else per_reasoning * factor),
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
    request: float | None = None,
    reasoning: float | None = None,
    write_premium: bool = False,
) -> Rates:
    """
    Rates from published prices, with the vendors' rules for what is not published.

    Cache reads and writes without a price of their own cost what fresh input costs.  With
    `write_premium` (Anthropic) a read costs a tenth of the input price, a five-minute write 1.25
    times and a one-hour write twice as much.  `request` is USD per thousand requests.
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

    def five(prompt: int) -> FiveRates:
        base = _at(uncached, prompt)

        def derived(rate: Rate | None, factor: float) -> float:
            if rate is not None:
                return _at(rate, prompt)
            return base * factor if write_premium else base

        write_5m = derived(cache_write_5m, 1.25)
        write_1h = derived(cache_write_1h, 2.0)
        if cache_write_1h is None and not write_premium:
            write_1h = write_5m
        return base, derived(cache_read, 0.1), write_5m, write_1h, _at(output, prompt)

    extra = None
    if request or reasoning is not None:
        extra = (
            (request or 0.0) * NANO_PER_REQUEST,
            None if reasoning is None else _at(reasoning, 0),
        )
    return Rates(
        *five(0),
        tiers=tuple((limit, five(limit + 1)) for limit in reversed(thresholds)),
        extra=extra,
    )


def _at(rate: Rate, prompt: int) -> float:
    """The nano rate in force for a prompt of this size."""
    value: float | list[float] = rate if not isinstance(rate, list) else rate[0]
    if isinstance(rate, list):
        for step in rate[1:]:
            if isinstance(step, list) and prompt > step[0]:
                value = step[1]
    assert isinstance(value, int | float)
    # 0.07 * 1000 is no whole number in binary; a millionth of a nano-dollar is beyond any price.
    return round(value * NANO_PER_TOKEN, 6)
