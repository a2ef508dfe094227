"""
Whole requests at published prices, worked out by hand to the nano-dollar.

Amounts are written as tokens times USD per million tokens; 1 token at 1 USD per million is 1,000
nano-dollars.  None of the expected numbers is read from the table.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from openusaged.core.models import MESSAGE_USAGE, UsageEvent
from openusaged.pricing.book import PriceBook
from openusaged.pricing.catalogue import shipped


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def cost(provider: str, model: str, when: str = "2026-11-20", **buckets: object) -> int | None:
    fields: dict[str, object] = {
        "source": "test",
        "channel": "jsonl",
        "event_type": MESSAGE_USAGE,
        "ts_ms": ms(when),
    }
    event = UsageEvent(provider=provider, model=model, **{**fields, **buckets})
    return PriceBook(shipped()).estimate(event)[0]


PUBLISHED = [
    # provider, model, input, cache read, cache write 5m, output; USD per million tokens
    ("anthropic", "claude-3-5-sonnet-20241022", 3, 0.30, 3.75, 15),
    ("anthropic", "claude-3-5-haiku-20241022", 0.80, 0.08, 1, 4),
    ("anthropic", "claude-3-opus-20240229", 15, 1.50, 18.75, 75),
    ("anthropic", "claude-opus-4-20250514", 15, 1.50, 18.75, 75),
    ("anthropic", "claude-sonnet-4-20250514", 3, 0.30, 3.75, 15),
    ("anthropic", "claude-opus-4-5-20251101", 5, 0.50, 6.25, 25),
    ("anthropic", "claude-opus-4-8", 5, 0.50, 6.25, 25),
    ("anthropic", "claude-haiku-4-5-20251001", 1, 0.10, 1.25, 5),
    ("openai", "gpt-4o", 2.5, 1.25, None, 10),
    ("openai", "gpt-4o-2024-08-06", 2.5, 1.25, None, 10),
    ("openai", "gpt-4o-mini", 0.15, 0.075, None, 0.60),
    ("openai", "o1", 15, 7.5, None, 60),
    ("openai", "o3-mini", 1.1, 0.55, None, 4.4),
    ("openai", "gpt-4-turbo", 10, None, None, 30),
    ("google", "gemini-2.0-flash", 0.10, None, None, 0.40),
]


@pytest.mark.parametrize(
    ("provider", "model", "fresh", "read", "write", "output"),
    PUBLISHED,
    ids=[row[1] for row in PUBLISHED],
)
def test_published_rates(
    provider: str,
    model: str,
    fresh: float,
    read: float | None,
    write: float | None,
    output: float,
) -> None:
    """Each bucket of a thousand tokens costs exactly the published price."""
    assert cost(provider, model, input=1000) == round(fresh * 1_000_000)
    assert cost(provider, model, output=1000) == round(output * 1_000_000)
    if read is not None:
        assert cost(provider, model, cache_read=1000) == round(read * 1_000_000)
    if write is not None:
        assert cost(provider, model, cache_write_5m=1000) == round(write * 1_000_000)


@pytest.mark.parametrize("model", ["claude-3-5-sonnet", "claude-sonnet-4-20250514"])
def test_one_hour_writes_cost_twice_the_input(model: str) -> None:
    """The worked example: 1,000 fresh, 500 out, 20,000 read, 3,000 + 1,000 written: $0.03375."""
    buckets = {
        "input": 1000,
        "output": 500,
        "cache_read": 20_000,
        "cache_write_5m": 3000,
        "cache_write_1h": 1000,
    }
    by_hand = 3_000_000 + 7_500_000 + 6_000_000 + 11_250_000 + 6_000_000
    assert cost("anthropic", model, **buckets) == by_hand == 33_750_000


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        # 200,000 prompt tokens: 3.00 / 0.30 / 15.00
        ({"input": 100_000, "cache_read": 100_000}, 300_000_000 + 30_000_000 + 15_000_000),
        # one more: the whole request at 6.00 / 0.60 / 22.50
        ({"input": 100_000, "cache_read": 100_001}, 600_000_000 + 60_000_600 + 22_500_000),
        ({"input": 200_001}, 1_200_006_000 + 22_500_000),
    ],
)
def test_sonnet_above_200k_prompt_tokens(prompt: dict[str, int], expected: int) -> None:
    """Claude Sonnet 4.5's long-context price begins with token 200,001 and takes all of them."""
    assert cost("anthropic", "claude-sonnet-4-5", output=1000, **prompt) == expected


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        # 1.25 in, 10 out up to 200k; 2.50 in, 15 out above
        (200_000, 250_000_000 + 10_000_000),
        (200_001, 500_002_500 + 15_000_000),
    ],
)
def test_gemini_above_200k_prompt_tokens(tokens: int, expected: int) -> None:
    """Gemini 2.5 Pro charges its higher price for the whole request above 200k."""
    assert cost("google", "gemini-2.5-pro", input=tokens, output=1000) == expected


def test_output_does_not_count_towards_the_threshold() -> None:
    """The size of the prompt decides, however long the answer is."""
    found = cost("anthropic", "claude-sonnet-4-5", input=200_000, output=50_000)
    assert found == 600_000_000 + 750_000_000


def test_codex_pays_cached_input_once() -> None:
    """Disjoint buckets: 3,000 fresh, 97,000 cached, 2,000 out of which 1,500 are reasoning."""
    # gpt-5: 1.25 in, 0.125 cached, 10 out
    found = cost("openai", "gpt-5", input=3000, cache_read=97_000, output=2000, reasoning=1500)
    assert found == 3_750_000 + 12_125_000 + 20_000_000


def test_batch_costs_half() -> None:
    """Anthropic's batch processing halves every bucket (Haiku 4.5: 1/5/0.10/1.25)."""
    found = cost(
        "anthropic",
        "claude-haiku-4-5",
        input=2000,
        cache_read=1000,
        cache_write_5m=400,
        output=100,
        service_tier="batch",
    )
    assert found == 1_000_000 + 50_000 + 250_000 + 250_000


def test_batch_after_a_standard_price_has_changed() -> None:
    """A model with several dated prices gets its batch price, too (Opus 4.6: half of 5/25)."""
    found = cost("anthropic", "claude-opus-4-6", input=1000, output=100, service_tier="batch")
    assert found == 2_500_000 + 1_250_000


def test_fast_mode_of_opus() -> None:
    """Fast mode of Claude Opus 4.6 costs six times 5/25."""
    found = cost("anthropic", "claude-opus-4-6", input=1000, output=100, service_tier="fast")
    assert found == 30_000_000 + 15_000_000


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        # OpenAI cut o3 from 10/40 to 2/8 on 10 June 2025
        ("2025-06-09", 10_000_000 + 4_000_000),
        ("2025-06-11", 2_000_000 + 800_000),
    ],
)
def test_price_of_the_day_counts(when: str, expected: int) -> None:
    """A request is priced as the vendor priced it on its day."""
    assert cost("openai", "o3", when, input=1000, output=100) == expected


def test_long_context_price_that_was_dropped() -> None:
    """Opus 4.6 charged more above 200k until 13 March 2026, and one price since."""
    tokens = {"input": 300_000, "output": 1000}
    before = cost("anthropic", "claude-opus-4-6", "2026-03-12", **tokens)
    after = cost("anthropic", "claude-opus-4-6", "2026-03-13", **tokens)
    assert before == 3_000_000_000 + 37_500_000
    assert after == 1_500_000_000 + 25_000_000


def test_search_model_charges_per_request() -> None:
    """Perplexity Sonar: 1/1 per million tokens and 12 USD per thousand requests."""
    assert cost("perplexity", "sonar", input=1000, output=100, requests=2) == (
        1_000_000 + 100_000 + 24_000_000
    )


def test_reasoning_with_a_price_of_its_own() -> None:
    """Sonar Deep Research bills reasoning at 3 instead of the output's 8."""
    found = cost("perplexity", "sonar-deep-research", input=1000, output=1000, reasoning=600)
    assert found == 2_000_000 + 400 * 8_000 + 600 * 3_000
