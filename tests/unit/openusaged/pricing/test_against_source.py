"""The shipped table, used by our rules, costs what its source computes for the same request."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from genai_prices import Usage, calc_price, data

from openusaged.core.models import MESSAGE_USAGE, UsageEvent
from openusaged.pricing.book import APPROXIMATE, PriceBook
from openusaged.pricing.catalogue import shipped

SIZES = (0, 100, 1_000, 150_000, 300_000)
CONTEXTS = {
    "": None,
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
}


def states(price: Any, name: str) -> bool:
    return vars(price).get(name) is not None


def all_prices(model: Any) -> list[Any]:
    prices = model.prices if isinstance(model.prices, list) else [model]
    return [item.prices for item in prices]


def models() -> Iterator[tuple[str, Any, list[str]]]:
    """(provider, model, tiers with a price of their own) of everything sold by the token."""
    for provider in data.providers:
        for model in provider.models:
            prices = all_prices(model)
            if not all(states(price, "input_mtok") for price in prices):
                continue
            if provider.id == "anthropic" and not states(prices[0], "cache_read_mtok"):
                continue  # where we fill in the vendor's rule for cached tokens
            tiers = [
                tier
                for tier, context in CONTEXTS.items()
                if tier and any(v.when == context and vars(v.prices) for v in _variants(model))
            ]
            yield provider.id, model, tiers


def _variants(model: Any) -> tuple[Any, ...]:
    return tuple(model.price_variants or ())


def test_every_model_costs_what_the_source_computes() -> None:
    """Every model, at random moments, sizes and in each tier, agrees to the nano-dollar."""
    dice = random.Random(11)
    book = PriceBook(shipped())
    compared = 0
    wrong = []
    for provider, model, tiers in models():
        for tier in ("", *tiers):
            year, month = (2026, 11) if tier else (dice.choice((2025, 2026)), dice.randint(1, 12))
            moment = datetime(
                year, month, dice.randint(18, 28), dice.randint(0, 23), dice.randint(0, 59),
                tzinfo=UTC,
            )  # fmt: skip
            fresh, read, write_5m, write_1h, output = (dice.choice(SIZES) for _ in range(5))
            try:
                found = calc_price(
                    Usage(
                        input_tokens=fresh + read + write_5m + write_1h,
                        cache_read_tokens=read,
                        cache_write_tokens=write_5m + write_1h,
                        cache_write_5m_tokens=write_5m,
                        cache_write_1h_tokens=write_1h,
                        output_tokens=output,
                    ),
                    model_ref=model.id,
                    provider_id=provider,
                    genai_request_timestamp=moment,
                    price_context=CONTEXTS[tier],
                )
            except LookupError:
                continue  # an id that the source does not find by its own rules
            if found.model.id != model.id:
                continue
            event = UsageEvent(
                source="t",
                channel="jsonl",
                event_type=MESSAGE_USAGE,
                ts_ms=int(moment.timestamp() * 1000),
                provider=provider,
                model=model.id,
                service_tier=tier,
                input=fresh,
                cache_read=read,
                cache_write_5m=write_5m,
                cache_write_1h=write_1h,
                output=output,
                requests=1,
            )
            cost, source = book.estimate(event)
            compared += 1
            expected = found.total_price * 10**9
            if cost is None or abs(cost - expected) > 1 or source == APPROXIMATE:
                wrong.append((provider, model.id, tier, cost, expected, source))
    assert wrong[:5] == []
    assert compared > 2000
