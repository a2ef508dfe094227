"""The fetched catalogue: every kind of entry, odd ones alone left out, found on disk by halving."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusaged.core.errors import ConfigError
from openusaged.core.models import MESSAGE_USAGE, UsageEvent
from openusaged.pricing.book import APPROXIMATE, LITELLM, PriceBook
from openusaged.pricing.catalogue import shipped
from openusaged.pricing.custom import CustomPrices
from openusaged.pricing.dated import always
from openusaged.pricing.litellm import compile_catalogue
from openusaged.pricing.price_file import PriceFile
from openusaged.pricing.rates import build_rates

FULL: dict[str, Any] = {
    "litellm_provider": "acme",
    "mode": "chat",
    "max_input_tokens": 200000,
    "max_tokens": 8192,
    "input_cost_per_token": 3e-06,
    "output_cost_per_token": 1.5e-05,
    "cache_read_input_token_cost": 3e-07,
    "cache_creation_input_token_cost": 3.75e-06,
    "cache_creation_input_token_cost_above_1hr": 6e-06,
    "output_cost_per_reasoning_token": 1.5e-05,
    "input_cost_per_token_above_200k_tokens": 6e-06,
    "output_cost_per_token_above_200k_tokens": 2.25e-05,
    "cache_read_input_token_cost_above_200k_tokens": 6e-07,
    "cache_creation_input_token_cost_above_200k_tokens": 7.5e-06,
    "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 1.2e-05,
    "input_cost_per_token_batches": 1.5e-06,
    "output_cost_per_token_batches": 7.5e-06,
    "input_cost_per_token_priority": 6e-06,
    "output_cost_per_token_priority": 3e-05,
    "cache_read_input_token_cost_priority": 6e-07,
    "provider_specific_entry": {"fast": 6.0},
}
CATALOGUE: dict[str, Any] = {
    "sample_spec": {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0},
    "Acme-1": FULL,
    "acme-0-free": {"litellm_provider": "acme", "input_cost_per_token": 0},
    "acme-ask": {
        "litellm_provider": "acme",
        "input_cost_per_token": 1e-6,
        "output_cost_per_token": 1e-6,
        "input_cost_per_request": 0.005,
        "output_cost_per_reasoning_token": 3e-6,
    },
    "acme-image": {"litellm_provider": "acme", "output_cost_per_image": 0.04},
    "acme-text": {"litellm_provider": "acme", "input_cost_per_token": "3e-06"},
    "acme-minus": {"litellm_provider": "acme", "input_cost_per_token": -1},
    "acme-odd": ["no", "object"],
    "acme-window": {
        "litellm_provider": 7,
        "input_cost_per_token": 2e-6,
        "output_cost_per_token": 2e-6,
        "max_input_tokens": "many",
    },
    "together_ai/acme-2-20260101": {
        "litellm_provider": "together_ai",
        "input_cost_per_token": 9e-6,
        "output_cost_per_token": 9e-6,
    },
    "acme/acme-2": {
        "litellm_provider": "acme",
        "input_cost_per_token": 2e-6,
        "output_cost_per_token": 2e-6,
    },
    "groq/llama-9": {
        "litellm_provider": "groq",
        "input_cost_per_token": 5e-7,
        "output_cost_per_token": 5e-7,
    },
    "xai/groc-7": {
        "litellm_provider": "xai",
        "input_cost_per_token": 4e-6,
        "output_cost_per_token": 4e-6,
    },
    "gpt-5": {
        "litellm_provider": "openai",
        "input_cost_per_token": 1.0,
        "output_cost_per_token": 1.0,
    },
    "": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6},
    "tab\there": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6},
}


def file_of(path: Path, catalogue: Any = CATALOGUE) -> PriceFile:
    body = catalogue if isinstance(catalogue, bytes) else json.dumps(catalogue).encode()
    prices = PriceFile(str(path / "c" / "litellm.prices"))
    prices.write(compile_catalogue(body, etag='W/"1"', fetched_ms=5))
    return prices


def message(provider: str, model: str, **fields: object) -> UsageEvent:
    values: dict[str, object] = {
        "source": "test",
        "channel": "jsonl",
        "event_type": MESSAGE_USAGE,
        "ts_ms": 1_795_000_000_000,
        "input": 1000,
        "output": 0,
    }
    return UsageEvent(provider=provider, model=model, **{**values, **fields})


@pytest.fixture
def prices(tmp_path: Path) -> PriceFile:
    """The compiled sample catalogue."""
    return file_of(tmp_path)


@pytest.fixture
def book(prices: PriceFile) -> PriceBook:
    """A book with the shipped table and the sample catalogue behind it."""
    return PriceBook(shipped(), None, prices)


def test_only_entries_with_token_prices_are_kept(prices: PriceFile) -> None:
    """Documentation, images and entries that cannot be read are left out, each alone."""
    assert sorted(prices.names()) == [
        "acme-0-free", "acme-1", "acme-ask", "acme-window", "acme/acme-2", "gpt-5",
        "groq/llama-9", "together_ai/acme-2-20260101", "xai/groc-7",
    ]  # fmt: skip
    header = prices.header()
    assert header is not None
    assert (header.source, header.etag, header.fetched_ms, header.entries) == (
        "litellm", 'W/"1"', 5, 9,
    )  # fmt: skip


# Expected nano-dollars by hand: 1 USD per million tokens is 1,000 nano-dollars per token.
@pytest.mark.parametrize(
    ("fields", "nano"),
    [
        ({"input": 1000}, 3_000_000),
        ({"input": 0, "output": 10}, 150_000),
        ({"input": 0, "output": 10, "reasoning": 10}, 150_000),
        ({"input": 0, "cache_read": 7}, 2_100),
        ({"input": 0, "cache_write_5m": 4}, 15_000),
        ({"input": 0, "cache_write_1h": 4}, 24_000),
        ({"input": 199_999, "cache_read": 1}, 599_997_000 + 300),
        ({"input": 200_000, "cache_read": 1}, 1_200_000_000 + 600),
        ({"input": 200_000, "cache_write_1h": 1}, 1_200_000_000 + 12_000),
        ({"input": 200_000, "output": 2, "cache_write_5m": 1}, 1_200_000_000 + 45_000 + 7_500),
        ({"service_tier": "batch", "output": 1}, 1_500_000 + 7_500),
        ({"service_tier": "priority", "cache_read": 10}, 6_000_000 + 6_000),
        ({"service_tier": "fast"}, 6_000_000),
    ],
)
def test_every_rate_of_an_entry_counts(
    book: PriceBook, fields: dict[str, object], nano: int
) -> None:
    """Buckets, sizes, the hour's cache, batch and priority are priced to the nano-dollar."""
    assert book.estimate(message("acme", "acme-1", **fields)) == (nano, LITELLM)


def test_fast_multiple_of_an_entry_counts(tmp_path: Path) -> None:
    """Without a priority price the entry's own fast multiple applies."""
    entry = {key: value for key, value in FULL.items() if not key.endswith("_priority")}
    book = PriceBook(shipped(), None, file_of(tmp_path, {"acme-1": entry}))
    event = message("acme", "acme-1", service_tier="fast")
    assert book.estimate(event) == (18_000_000, LITELLM)


def test_unpriced_tier_is_a_guess(book: PriceBook) -> None:
    """A tier that the entry has no price for is priced as standard and flagged."""
    event = message("acme", "acme-1", service_tier="flex")
    assert book.estimate(event) == (3_000_000, APPROXIMATE)


def test_request_fee_and_reasoning_price_count(book: PriceBook) -> None:
    """A fee per request and a price of its own for reasoning are part of the cost."""
    event = message("acme", "acme-ask", output=10, reasoning=4)
    assert book.estimate(event) == (1_000_000 + 6_000 + 12_000 + 5_000_000, LITELLM)


def test_free_model_is_free(book: PriceBook) -> None:
    """A price of 0 is a price."""
    assert book.estimate(message("acme", "acme-0-free", output=5)) == (0, LITELLM)


@pytest.mark.parametrize(
    ("provider", "model", "nano", "source"),
    [
        ("groq", "llama-9", 500_000, LITELLM),
        ("x-ai", "groc-7", 4_000_000, LITELLM),
        ("acme", "acme-2", 2_000_000, LITELLM),
        ("acme", "ACME-2", 2_000_000, LITELLM),
        # the maker's entry, not the reseller's of the same normal form
        ("", "acme-2-20261231", 2_000_000, LITELLM),
        ("", "openrouter/acme/acme-1", 3_000_000, LITELLM),
        ("together", "acme-2-20260101", 9_000_000, LITELLM),
        # nobody's own price for it: what another reseller takes is a guess
        ("elsewhere", "llama-9", 500_000, APPROXIMATE),
        # the shipped table comes first
        ("openai", "gpt-5", 1_250_000, "genai-prices"),
        ("acme", "acme-3", None, ""),
        ("acme", "acme", None, ""),
        ("acme", "", None, ""),
    ],
)
def test_name_leads_to_the_right_entry(
    book: PriceBook, provider: str, model: str, nano: int | None, source: str
) -> None:
    """The biller's own price, then the maker's, then a reseller's as a guess, then none."""
    assert book.estimate(message(provider, model)) == (nano, source)


def test_an_exact_entry_beats_a_loose_fit_of_the_table(tmp_path: Path) -> None:
    """A newer sibling of a shipped model takes its own price from the catalogue, no guess."""
    plain = PriceBook(shipped())
    sibling = "claude-opus-4-5-turbo"
    assert plain.estimate(message("anthropic", sibling))[1] == APPROXIMATE
    entry = {"litellm_provider": "anthropic", "input_cost_per_token": 8e-6}
    book = PriceBook(shipped(), None, file_of(tmp_path, {sibling: entry}))
    assert book.estimate(message("anthropic", sibling)) == (8_000_000, LITELLM)
    write = message("anthropic", sibling, input=0, cache_write_1h=1, cache_read=10)
    assert book.estimate(write) == (16_000 + 8_000, LITELLM)  # 2 x and 0.1 x of the input price


def test_custom_price_beats_the_catalogue(prices: PriceFile) -> None:
    """The user's own price comes before the fetched one."""
    own = always("acme-1", build_rates(uncached=1.0, output=1.0))
    book = PriceBook(shipped(), CustomPrices({"acme-1": own}), prices)
    assert book.estimate(message("acme", "acme-1")) == (1_000_000, "custom")


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"null", b"{}", b'{"a": 1}', b"\xff", b'{"sample_spec": {}}'],
)
def test_what_is_no_catalogue_is_refused(body: bytes) -> None:
    """A wrong answer never becomes a price file."""
    with pytest.raises(ConfigError):
        compile_catalogue(body)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: bytes(reversed(data)),
        lambda data: data.replace(b"{", b"["),
        lambda data: b"\n" * 5000,
        lambda data: data + b"\xff" * 500_000,
        lambda data: b"\x00" * 300_000,
    ],
)
def test_damaged_file_is_no_price_and_no_error(prices: PriceFile, damage: Any) -> None:
    """Whatever happened to the file, pricing goes on without it."""
    path = Path(prices.path)
    path.write_bytes(damage(path.read_bytes()))
    book = PriceBook(shipped(), None, prices)
    cost, source = book.estimate(message("acme", "acme-1"))
    assert (cost, source) in ((None, ""), (3_000_000, LITELLM))
    list(prices.names())
    prices.header()


def test_missing_file_is_no_price(tmp_path: Path) -> None:
    """Without a catalogue everything works by the shipped table."""
    prices = PriceFile(str(tmp_path / "none"))
    assert prices.find("acme", "acme-1") is None
    assert (prices.header(), prices.checked_ms(), list(prices.names())) == (None, None, [])


def test_file_is_private_and_whole(prices: PriceFile) -> None:
    """Only the user may read it, and no half-written file is left beside it."""
    path = Path(prices.path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_failed_write_leaves_the_old_file(prices: PriceFile) -> None:
    """What cannot be written costs nothing of what was there."""
    before = Path(prices.path).read_bytes()
    with pytest.raises(TypeError):
        prices.write("no bytes")  # type: ignore[arg-type]
    path = Path(prices.path)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_equal_entries_are_resolved_the_same_way_every_time(tmp_path: Path) -> None:
    """Which of several entries of one normal form wins does not depend on their order."""
    names = ["b/acme-9-20260101", "a/acme-9-20250101", "azure/acme-9", "acme-9-20240101"]
    outcomes = set()
    for number in range(6):
        order = random.Random(number).sample(names, len(names))
        entries = {
            name: {
                "litellm_provider": "azure" if name.startswith("azure") else "acme",
                "input_cost_per_token": (names.index(name) + 1) * 1e-6,
            }
            for name in order
        }
        prices = file_of(tmp_path / str(number), entries)
        outcomes.add(PriceBook(shipped(), None, prices).estimate(message("zz", "acme-9-20200101")))
    assert outcomes == {(4_000_000, LITELLM)}


@given(
    names=st.sets(
        st.text(alphabet="abc-/.~:é0{", min_size=1, max_size=12).map(str.lower), min_size=1
    ),
    others=st.sets(st.text(alphabet="abc-/.~:é0{", min_size=1, max_size=12)),
)
def test_every_line_is_found_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, names: set[str], others: set[str]
) -> None:
    """Halving finds each entry of any catalogue by its own name, and nothing that is not there."""
    names = {name for name in names if not name.startswith("~")} or {"a"}
    entries = {
        name: {"input_cost_per_token": (number + 1) * 1e-6}
        for number, name in enumerate(sorted(names))
    }
    prices = file_of(tmp_path_factory.mktemp("f"), entries)
    assert set(prices.names()) == names
    for number, name in enumerate(sorted(names)):
        found = prices.find("", name)
        assert found is not None
        assert found.rates.at(0).input == (number + 1) * 1000
    for name in others - names:
        found = prices.find("", name)
        assert found is None or found.rates.model_id in names
