"""
Prices of one model as a price list states them, made into rates by date, part of day and tier.

Every price list is brought into these structs, so that the vendors' rules are stated once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from openusaged.pricing.rates import Rate, Rates, build_rates

# Fast modes that the lists have no variant for; multiples of the standard price as published by
# the vendors (Claude Code fast mode, Codex fast tier).
_FAST_FACTORS: Final = (
    ("claude-opus-4-6", 6.0),
    ("claude-opus-4-7", 6.0),
    ("claude-opus-4-8", 2.0),
    ("gpt-5.5", 2.5),
    ("gpt-5.4", 2.0),
    ("gpt-5.3-codex", 2.0),
)
_TIER_CONTEXTS: Final[dict[str, tuple[dict[str, str], ...]]] = {
    "fast": ({"speed": "fast"}, {"service_tier": "fast"}, {"service_tier": "priority"}),
    "priority": ({"service_tier": "priority"},),
    "flex": ({"service_tier": "flex"},),
    "batch": ({"processing": "batch"},),
}
TIERS: Final = tuple(_TIER_CONTEXTS)
_BUCKETS: Final = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")


class Price(msgspec.Struct, rename={"starts": "from"}, omit_defaults=True):
    """One price in USD per million tokens, from a moment on or for a part of the day."""

    input: Rate | None = None
    output: Rate | None = None
    cache_read: Rate | None = None
    cache_write_5m: Rate | None = None
    cache_write_1h: Rate | None = None
    reasoning: float | None = None
    """Reasoning tokens where they are not billed as output."""
    request: float | None = None
    """USD per thousand requests."""
    web_search: float | None = None
    """USD per thousand searches: shown, never estimated, since no event counts searches."""
    when: dict[str, str] | None = None
    starts: str | None = None
    daily: tuple[str, str] | None = None


class Model(msgspec.Struct, omit_defaults=True):
    """A model of a price list; `match` is the list's own rule for its names."""

    id: str
    prices: list[Price]
    match: list[Any] = []
    variants: list[Price] = []
    context: int | None = None
    fast: float | None = None
    """Multiple of the standard price in fast mode."""


class Period(msgspec.Struct, frozen=True):
    """Rates from a moment on, perhaps only for a part of each day."""

    starts_ms: int
    part: tuple[int, int] | None
    """Seconds of the UTC day [begin, end), past midnight when end < begin."""
    rates: Rates
    approximate: bool = False
    derived: tuple[str, ...] = ()
    """Rates that the list does not state and a vendor's rule gave."""
    web_search: float | None = None

    def holds(self, ts_ms: int) -> bool:
        """Whether the period has begun and the time of day lies in its part."""
        if ts_ms < self.starts_ms:
            return False
        if self.part is None:
            return True
        begin, end = self.part
        second = ts_ms // 1000 % 86_400
        return begin <= second < end or (end < begin and not end <= second < begin)


class DatedRates(msgspec.Struct, frozen=True):
    """Rates of one model over time: the last period that has begun is in force."""

    model_id: str
    approximate: bool
    periods: tuple[Period, ...]
    """Oldest first; of equal starts those for a part of the day last."""
    context: int | None = None

    def period(self, ts_ms: int) -> Period:
        """The period in force at `ts_ms`; the oldest known one before any began."""
        if len(self.periods) == 1:
            return self.periods[0]
        for period in reversed(self.periods):
            if period.holds(ts_ms):
                return period
        return self.periods[0]

    def at(self, ts_ms: int) -> Rates:
        """The rates in force at `ts_ms`."""
        return self.period(ts_ms).rates


def always(model_id: str, rates: Rates) -> DatedRates:
    """Rates that never changed."""
    return DatedRates(model_id, approximate=False, periods=(Period(0, None, rates),))


def build_dated(
    model: Model, tier: str, *, approximate: bool, write_premium: bool
) -> DatedRates | None:
    """
    Rates of a model in a service tier, or None when it is not sold by the token.

    A tier that the list does not price is priced as standard and flagged approximate; so is the
    time before the list knew a price for the tier.
    """
    factor = 1.0
    variants: list[Price] = []
    if tier:
        variants = _variants(model, tier)
        if not variants:
            known = _fast_factor(model) if tier == "fast" else 0.0
            factor, approximate = known or 1.0, approximate or not known
    periods = []
    for start in sorted({start_ms(price) for price in (*model.prices, *variants)}):
        variant, is_early = _in_force(variants, start)
        for price in _prices_at(model.prices, start):
            merged = price if variant is None else _overlay(price, variant)
            rates = _rates(merged, write_premium)
            if rates is None:
                continue
            periods.append(
                Period(
                    start,
                    _part_of_day(price),
                    rates.scaled(factor) if factor != 1.0 else rates,
                    is_early,
                    tuple(name for name in _BUCKETS if getattr(merged, name) is None),
                    merged.web_search,
                )
            )
    if not periods:
        return None
    periods.sort(key=lambda period: (period.starts_ms, period.part is not None))
    return DatedRates(model.id, approximate, tuple(periods), model.context)


def start_ms(price: Price) -> int:
    """When a price begins; 0 for always.  A date without a time begins at UTC midnight."""
    if price.starts is None:
        return 0
    instant = datetime.fromisoformat(price.starts)
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return int(instant.timestamp() * 1000)


def _variants(model: Model, tier: str) -> list[Price]:
    for context in _TIER_CONTEXTS.get(tier, ()):
        found = [item for item in model.variants if item.when == context]
        if found:
            return found
    return []


def _fast_factor(model: Model) -> float:
    if model.fast:
        return model.fast
    return next((times for name, times in _FAST_FACTORS if name in model.id), 0.0)


def _prices_at(prices: Sequence[Price], start: int) -> list[Price]:
    """The all-day price in force at a moment, and those for parts of the day that refine it."""
    begun = [price for price in prices if start_ms(price) <= start]
    whole = max(
        (price for price in begun if price.daily is None),
        key=start_ms,
        default=None,
    )
    since = 0 if whole is None else start_ms(whole)
    parts = [price for price in begun if price.daily is not None and start_ms(price) >= since]
    return parts if whole is None else [whole, *parts]


def _in_force(variants: Sequence[Price], start: int) -> tuple[Price | None, bool]:
    """The variant in force at a moment, and whether it is only the first one known later."""
    if not variants:
        return None, False
    begun = [variant for variant in variants if start_ms(variant) <= start]
    if begun:
        return max(begun, key=start_ms), False
    return min(variants, key=start_ms), True


def _overlay(base: Price, variant: Price) -> Price:
    def pick(name: str) -> Any:
        value = getattr(variant, name)
        return getattr(base, name) if value is None else value

    return Price(
        **{name: pick(name) for name in (*_BUCKETS, "reasoning", "request", "web_search")},
        starts=base.starts,
        daily=base.daily,
    )


def _rates(price: Price, write_premium: bool) -> Rates | None:  # noqa: FBT001
    if price.input is None:
        return None  # embeddings by the hour, images by the piece: nothing to price tokens with
    return build_rates(
        uncached=price.input,
        output=0.0 if price.output is None else price.output,
        cache_read=price.cache_read,
        cache_write_5m=price.cache_write_5m,
        cache_write_1h=price.cache_write_1h,
        request=price.request,
        reasoning=price.reasoning,
        write_premium=write_premium,
    )


def _part_of_day(price: Price) -> tuple[int, int] | None:
    if price.daily is None:
        return None
    begin, end = (
        sum(int(part) * scale for part, scale in zip(text.split(":"), (3600, 60, 1), strict=False))
        for text in price.daily
    )
    return begin, end
