"""A price for large prompts needs a large prompt, not many small ones."""

from __future__ import annotations

import pytest

from openusaged.core.models import UsageEvent
from openusaged.pricing.book import PriceBook
from openusaged.pricing.catalogue import shipped

BOOK = PriceBook(shipped())
STANDARD = 300_000 * 1250
"""Gemini 2.5 Pro: 1.25 USD per million up to 200,000 tokens of prompt, 2.50 above."""


def cost(**fields):
    event = UsageEvent(
        source="x", channel="jsonl", event_type="message_usage", ts_ms=1_780_000_000_000,
        provider="google", model="gemini-2.5-pro", input=300_000, **fields,
    )  # fmt: skip
    return BOOK.estimate(event)[0]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, 2 * STANDARD),
        ({"requests": 1}, 2 * STANDARD),
        ({"requests": 2}, STANDARD),
        ({"is_sum": True}, STANDARD),
    ],
)
def test_tier_follows_a_single_prompt(fields, expected):
    """One prompt of 300,000 tokens is dear, two of 150,000 or a session's total are not."""
    assert cost(**fields) == expected


@pytest.mark.parametrize(
    ("spelling", "model"),
    [
        ("claude-4.5-sonnet", "claude-sonnet-4-5"),
        ("claude-4.5-sonnet-thinking", "claude-sonnet-4-5"),
        ("claude-4.6-opus-high-thinking", "claude-opus-4-6"),
        ("claude-4.5-haiku", "claude-haiku-4-5"),
        ("claude-3.5-sonnet", "claude-3-5-sonnet"),
    ],
)
def test_cursors_names_are_the_vendors_models(spelling, model):
    """Version before family is the same model at the same price, and no guess."""
    fields = {"source": "cursor", "channel": "api", "event_type": "message_usage",
              "ts_ms": 1_780_000_000_000, "input": 1000, "output": 100}  # fmt: skip
    asked = UsageEvent(provider="anthropic", model=spelling, **fields)
    plain = UsageEvent(provider="anthropic", model=model, **fields)
    assert BOOK.estimate(asked) == BOOK.estimate(plain) == (BOOK.estimate(plain)[0], "genai-prices")
