"""Names that stand for another model, from a date on."""

from __future__ import annotations

from datetime import datetime

import pytest

from openusaged.core.models import JSONL, MESSAGE_USAGE, UsageEvent
from openusaged.pricing.book import PriceBook
from openusaged.pricing.catalogue import shipped
from openusaged.pricing.rates import build_rates


def call(provider: str, model: str, at: str) -> UsageEvent:
    ts_ms = round(datetime.fromisoformat(at).timestamp() * 1000)
    return UsageEvent(
        source="s",
        channel=JSONL,
        event_type=MESSAGE_USAGE,
        ts_ms=ts_ms,
        provider=provider,
        model=model,
        input=1_000_000,
        output=100_000,
        requests=1,
    )


@pytest.mark.parametrize(
    ("provider", "model", "at", "usd"),
    [
        # Kimi K2.5: 0.60 in, 3.00 out; K2.6: 0.95 in, 4.00 out.
        ("moonshotai", "kimi-for-coding", "2026-04-20T15:28:10.071Z", 0.9),
        ("moonshotai", "kimi-for-coding", "2026-04-20T15:28:10.072Z", 1.35),
        ("moonshotai", "Kimi-For-Coding", "2026-11-01T00:00:00Z", 1.35),
        ("opencode", "k2p6", "2026-05-01T00:00:00Z", 1.35),
        # GPT-5 and 5.1: 1.25 in, 10 out; 5.2 and 5.3: 1.75 in, 14 out.
        ("openai", "codex-auto-review", "2025-08-20T00:00:00Z", 2.25),
        ("openai", "codex-auto-review", "2025-12-10T23:59:59Z", 2.25),
        ("openai", "codex-auto-review", "2025-12-11T00:00:00Z", 3.15),
        ("openai", "codex-auto-review", "2026-03-04T00:00:00Z", 3.15),
    ],
)
def test_name_costs_what_the_model_of_its_day_costs(provider, model, at, usd):
    """A plan's own name for its model is priced as the model that answered then, and exactly."""
    nano, source = PriceBook(shipped()).estimate(call(provider, model, at))
    assert (nano, source) == (round(usd * 1e9), "genai-prices")


def test_price_of_the_users_own_comes_first():
    """Who sets a price for the name itself is asked before what it stands for."""
    own = build_rates(uncached=2.0, output=2.0)
    book = PriceBook(shipped(), {"kimi-for-coding": own})
    event = call("moonshotai", "kimi-for-coding", "2026-05-01T00:00:00Z")
    assert book.estimate(event) == (2_200_000_000, "custom")


@pytest.mark.parametrize("model", ["composer-1", "composer-2", "kimi-for-everything"])
def test_name_that_nobody_explains_has_no_price(model):
    """Cursor sells its own models by the plan only: unknown is no price, and never zero."""
    event = call("cursor", model, "2026-05-01T00:00:00Z")
    assert PriceBook(shipped()).estimate(event) == (None, "")
