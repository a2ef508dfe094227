"""The shipped price table: right model, right day, right tier, and honest about doubt."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from openusaged.core.models import MESSAGE_USAGE, UsageEvent
from openusaged.pricing.book import APPROXIMATE, CUSTOM, PriceBook, Sources
from openusaged.pricing.catalogue import Catalogue, shipped
from openusaged.pricing.custom import CustomPrices
from openusaged.pricing.dated import always
from openusaged.pricing.rates import build_rates

NOW_MS = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp() * 1000)


def message(provider: str, model: str, **fields: object) -> UsageEvent:
    values: dict[str, object] = {
        "source": "test",
        "channel": "jsonl",
        "event_type": MESSAGE_USAGE,
        "ts_ms": NOW_MS,
        "input": 1_000_000,
        "output": 0,
    }
    return UsageEvent(provider=provider, model=model, **{**values, **fields})


def usd(event: UsageEvent) -> float | None:
    cost, _ = PriceBook(shipped()).estimate(event)
    return None if cost is None else cost / 1e9


# Expected prices are the vendors' published ones in USD per million tokens, not read from the table.
@pytest.mark.parametrize(
    ("provider", "model", "bucket", "expected"),
    [
        ("anthropic", "claude-sonnet-4-5-20250929", "output", 15.0),
        ("anthropic", "claude-sonnet-4-5", "cache_write_1h", 6.0),
        ("anthropic", "claude-opus-4-5-20251101", "output", 25.0),
        ("anthropic", "claude-haiku-4-5-20251001", "cache_read", 0.1),
        ("openai", "gpt-5.1-codex", "output", 10.0),
        ("openai", "gpt-5", "cache_read", 0.125),
        ("opencode", "claude-sonnet-4-5", "output", 15.0),
        ("openrouter", "anthropic/claude-opus-4.5", "output", 25.0),
        ("anthropic", "claude-opus-4-8[1m]", "output", 25.0),
    ],
)
def test_published_price_is_found_by_the_names_tools_write(
    provider: str, model: str, bucket: str, expected: float
) -> None:
    """The names that agents log lead to the published price of one bucket."""
    tokens = 100_000
    event = message(provider, model, input=0, **{bucket: tokens})
    assert usd(event) == pytest.approx(expected * tokens / 1e6)


@pytest.mark.parametrize(
    "model", ["claude-opus-4-9", "gpt-5.9", "composer-2", "", "grok-unheard-of"]
)
def test_unknown_model_has_no_price(model: str) -> None:
    """A model nobody has published a price for is unpriced, not free and not a sibling's."""
    assert usd(message("anthropic", model)) is None


def test_whole_request_pays_the_long_context_rate() -> None:
    """Above 200k prompt tokens every token of the request costs the higher rate."""
    event = message(
        "anthropic", "claude-sonnet-4-5", input=100_000, cache_read=100_001, output=1000
    )
    assert usd(event) == pytest.approx(0.1 * 6 + 0.100001 * 0.6 + 0.001 * 22.5)


def test_threshold_itself_pays_the_base_rate() -> None:
    """Exactly 200k prompt tokens are not above the threshold."""
    event = message("anthropic", "claude-sonnet-4-5", input=200_000)
    assert usd(event) == pytest.approx(0.2 * 3)


def test_fast_mode_costs_its_multiple() -> None:
    """Fast mode of Claude Opus 4.6 costs six times the standard price."""
    standard = usd(message("anthropic", "claude-opus-4-6", output=1000))
    fast = usd(message("anthropic", "claude-opus-4-6", output=1000, service_tier="fast"))
    assert standard is not None
    assert fast == pytest.approx(standard * 6)


def test_unpublished_tier_is_flagged_approximate() -> None:
    """A tier without a published price is priced as standard and says that it is a guess."""
    book = PriceBook(shipped())
    cost, source = book.estimate(message("anthropic", "claude-sonnet-4-5", service_tier="flex"))
    assert (cost, source) == (3_000_000_000 * 2, APPROXIMATE)  # 1M tokens: long-context rate


@pytest.mark.parametrize("tier", ["default", "standard", "AUTO", "on_demand"])
def test_names_of_the_standard_tier_are_no_special_tier(tier: str) -> None:
    """A source that spells out "standard" gets the standard price, not a guess."""
    book = PriceBook(shipped())
    plain = book.estimate(message("openai", "gpt-5"))
    assert book.estimate(message("openai", "gpt-5", service_tier=tier)) == plain
    assert plain[1] == "genai-prices"


def test_free_route_costs_nothing() -> None:
    """A route that calls itself free is priced at zero, not at the paid model's price."""
    event = message("openrouter", "deepseek/deepseek-r1:free", output=9)
    assert PriceBook(shipped()).estimate(event) == (0, "genai-prices")


def test_vendor_of_the_model_prices_what_the_biller_does_not() -> None:
    """Without a known biller the model's own maker decides, not a reseller with a similar name."""
    assert usd(message("", "glm-5")) == pytest.approx(1.0)
    assert usd(message("cursor", "claude-4.5-haiku")) == pytest.approx(1.0)


def test_other_price_lists_are_used_from_the_next_event_on() -> None:
    """New lists replace what the book remembered, hits and misses."""
    book = PriceBook(shipped())
    event = message("acme", "acme-9")
    assert book.estimate(event) == (None, "")
    rates = build_rates(uncached=1.0, output=2.0)
    custom = CustomPrices({"acme-9": always("acme-9", rates)}, {})
    book.use(Sources(shipped(), custom))
    assert book.estimate(event) == (1_000_000_000, CUSTOM)


def test_custom_price_comes_first() -> None:
    """A price of the user's own beats the table, also under provider/model."""
    rates = build_rates(uncached=1.0, output=2.0)
    for name in ("claude-sonnet-4-5", "anthropic/claude-sonnet-4-5"):
        book = PriceBook(shipped(), {name: rates})
        assert book.estimate(message("anthropic", "Claude-Sonnet-4-5")) == (1_000_000_000, CUSTOM)


TABLE = b"""{"source":"t","version":"1","providers":[
{"id":"acme","match":["contains","acme"],"model_match":["startswith","acme-"],"models":[
{"id":"acme-1","match":["or",["equals","acme-1"],["startswith","acme-1-"]],
 "prices":[{"input":1.0,"output":2.0},{"input":3.0,"output":4.0,"from":"2026-06-01"}]},
{"id":"acme-night","match":["equals","acme-night"],
 "prices":[{"input":8.0,"output":8.0},{"input":2.0,"output":2.0,"daily":["16:30:00","00:30:00"]}]},
{"id":"acme-image","match":["equals","acme-image"],"prices":[{"output":5.0}]},
{"id":"acme-and","match":["and",["startswith","acme-and"],["endswith","-x"]],
 "prices":[{"input":1.0,"output":1.0}]},
{"id":"acme-rx","match":["regex","^acme-r[0-9]$"],"prices":[{"input":1.0}],
 "variants":[{"input":0.5,"when":{"processing":"batch"},"from":"2026-01-01"}]},
{"id":"acme-cut","match":["equals","acme-cut"],
 "prices":[{"input":[4.0,[1000,9.0]]},{"input":2.0,"from":"2026-03-01"}],
 "variants":[{"input":1.0,"when":{"processing":"batch"},"from":"2026-06-01"},
  {"input":0.5,"when":{"processing":"batch"},"from":"2026-09-01"}]},
{"id":"acme-ask","match":["equals","acme-ask"],
 "prices":[{"input":1.0,"output":8.0,"reasoning":3.0,"request":12.0}]}
]}]}"""


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("model", "tier", "ts_ms", "expected"),
    [
        ("acme-1", "", at(2026, 5, 31, 23, 59), 1.0),
        ("acme-1", "", at(2026, 6, 1), 3.0),
        ("acme-night", "", at(2026, 6, 1, 16, 29), 8.0),
        ("acme-night", "", at(2026, 6, 1, 16, 30), 2.0),
        ("acme-night", "", at(2026, 6, 2, 0, 29), 2.0),
        ("acme-night", "", at(2026, 6, 2, 0, 30), 8.0),
        ("acme-and-x", "", at(2026, 6, 1), 1.0),
        ("acme-r5", "batch", at(2026, 6, 1), 0.5),
    ],
)
def test_dated_and_timed_prices(model: str, tier: str, ts_ms: int, expected: float) -> None:
    """The price in force at the event's own moment counts, by date and by time of day."""
    found = Catalogue(TABLE).find("acme", model, tier)
    assert found is not None
    assert found.rates.at(ts_ms).input == expected * 1000


def test_loose_match_is_approximate() -> None:
    """A suffix that is neither date nor version makes a prefix match a guess."""
    catalogue = Catalogue(TABLE)
    exact = catalogue.find("acme", "acme-1-20260101")
    loose = catalogue.find("acme", "acme-1-turbo")
    assert exact is not None
    assert loose is not None
    assert (exact.exact, loose.exact) == (True, False)


@pytest.mark.parametrize(
    ("ts_ms", "expected", "is_guess"),
    [
        (at(2026, 1, 1), 1.0, True),
        (at(2026, 4, 1), 1.0, True),
        (at(2026, 6, 1), 1.0, False),
        (at(2026, 8, 31), 1.0, False),
        (at(2026, 9, 1), 0.5, False),
    ],
)
def test_tier_price_follows_its_own_dates(ts_ms: int, expected: float, is_guess: bool) -> None:
    """A tier's dated price counts whenever the standard price changed; before it, it is a guess."""
    found = Catalogue(TABLE).find("acme", "acme-cut", "batch")
    assert found is not None
    period = found.rates.period(ts_ms)
    assert (period.rates.input, period.approximate) == (expected * 1000, is_guess)


def test_requests_and_reasoning_cost_what_the_table_says() -> None:
    """A fee per request is added, and reasoning tokens leave the output price for their own."""
    book = PriceBook(Catalogue(TABLE))
    event = message("acme", "acme-ask", input=1000, output=500, reasoning=200, requests=3)
    # 1000 x 1 + 300 x 8 + 200 x 3 USD per million = 0.004 USD; 3 requests at 12 USD per thousand
    assert book.estimate(event) == (4_000_000 + 36_000_000, "t")


def test_price_without_tokens_is_no_price() -> None:
    """A model that is sold by the piece has no token price."""
    assert Catalogue(TABLE).find("acme", "acme-image") is None


def test_provider_is_found_by_its_rule_and_by_prefix() -> None:
    """Provider names are matched by the table's rule; a prefix in the model's name helps too."""
    catalogue = Catalogue(TABLE)
    assert catalogue.find("acme-eu", "acme-1") is not None
    assert catalogue.find("", "acme/acme-1") is not None
    assert catalogue.find("other", "x") is None


def test_shipped_table_is_current() -> None:
    """The checked-in table is what the pinned release of genai-prices says."""
    from importlib import resources

    from openusaged.pricing.build_catalogue import render

    text = resources.files("openusaged.pricing").joinpath("catalogue.json").read_text("utf-8")
    assert text == render(), "run `make docs`"
