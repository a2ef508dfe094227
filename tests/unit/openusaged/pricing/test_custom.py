"""custom-pricing.json: the user's prices, and clear words about bad ones."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from openusaged.pricing import custom
from openusaged.pricing.custom import CustomPrices
from openusaged.pricing.rates import Rates


def write(path: Path, document: object) -> str:
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return str(path)


def rates_of(prices: CustomPrices, name: str) -> Rates:
    found = prices.find("", name)
    assert found is not None
    return found.at(0)


def test_missing_file_is_no_problem(tmp_path: Path) -> None:
    """Without a file there are no prices and no warnings."""
    loaded = custom.load(str(tmp_path / "none.json"))
    assert (loaded.exact, loaded.warnings) == ({}, ())
    assert loaded.find("anthropic", "claude-sonnet-4-5") is None


def test_rates_per_million_and_per_token(tmp_path: Path) -> None:
    """Both spellings of a rate give the same price; names are matched in lower case."""
    path = write(
        tmp_path / "p.json",
        {
            "models": {
                "Acme/One": {
                    "input_cost_per_million_tokens": 2.0,
                    "output_cost_per_million_tokens": 8,
                    "cache_read_input_token_cost_per_million_tokens": 0.2,
                    "cache_creation_input_token_cost_per_million_tokens": 2.5,
                    "cache_creation_1h_input_token_cost_per_million_tokens": 4,
                },
                "two": {"input_cost_per_token": 2e-6, "output_cost_per_token": 8e-6},
                "both": {
                    "input_cost_per_token": 9e-6,
                    "input_cost_per_million_tokens": 1,
                    "output_cost_per_million_tokens": 1,
                    "output_cost_per_token": 9e-6,
                },
            }
        },
    )
    loaded = custom.load(path)
    assert loaded.warnings == ()
    one = rates_of(loaded, "acme/one")
    assert one.cost_nano(1, 1, 1, 1, 1) == 2000 + 200 + 2500 + 4000 + 8000
    assert rates_of(loaded, "two").cost_nano(1, 1, 1, 1, 1) == 2000 * 4 + 8000
    assert rates_of(loaded, "both").cost_nano(1, 0, 0, 0, 1) == 2000


def test_sizes_fees_and_reasoning(tmp_path: Path) -> None:
    """Prices above a prompt size, per request, for reasoning and for an hour's cache are taken."""
    path = write(
        tmp_path / "p.json",
        {
            "models": {
                "m": {
                    "input_cost_per_million_tokens": 1,
                    "input_cost_per_million_tokens_above_200k_tokens": 2,
                    "output_cost_per_token": 4e-6,
                    "output_cost_per_token_above_200k": 6e-6,
                    "cache_creation_input_token_cost_above_1hr": 3e-6,
                    "reasoning_cost_per_million_tokens": 5,
                    "cost_per_thousand_requests": 2,
                    "context_window": 1000,
                    "provider": "acme",
                }
            }
        },
    )
    loaded = custom.load(path)
    assert loaded.warnings == ()
    rates = rates_of(loaded, "m")
    fee = 2_000_000
    assert rates.cost_nano(200_000, 0, 0, 0, 10, reasoning=4) == (
        200_000 * 1000 + 6 * 4000 + 4 * 5000 + fee
    )
    assert rates.cost_nano(200_000, 0, 0, 1, 10) == 200_000 * 2000 + 3000 + 10 * 6000 + fee
    found = loaded.find("", "m")
    assert found is not None
    assert found.context == 1000


def test_free_model_is_free(tmp_path: Path) -> None:
    """A price of zero is a price: local models cost nothing and are not unpriced."""
    entry = {"input_cost_per_token": 0, "output_cost_per_token": 0}
    loaded = custom.load(write(tmp_path / "p.json", {"models": {"llama3:8b": entry}}))
    assert rates_of(loaded, "llama3:8b").cost_nano(10**6, 0, 0, 0, 10**6) == 0


def test_list_of_dated_prices(tmp_path: Path) -> None:
    """Each price of a list counts from its date on."""
    entries = [
        {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6},
        {"input_cost_per_token": 3e-6, "output_cost_per_token": 1e-6, "from": "2026-03-01"},
    ]
    found = custom.load(write(tmp_path / "p.json", {"models": {"m": entries}})).find("", "m")
    assert found is not None
    begin = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp() * 1000)
    assert (found.at(begin - 1).input, found.at(begin).input) == (1000, 3000)


@pytest.mark.parametrize(
    ("key", "asked"),
    [
        ("claude-3.5-sonnet", "claude-3-5-sonnet-20241022"),
        ("claude-3-5-sonnet", "claude-3.5-sonnet"),
        ("acme-1", "openrouter/acme/acme-1"),
        ("acme-1", "us.anthropic.acme-1-v1:0"),
        ("acme-1", "acme-1@20260101"),
        ("acme-1", "acme-1[1m]"),
        ("acme-1-latest", "acme-1"),
        ("acme/acme-1", "acme-1"),
    ],
)
def test_other_spellings_of_a_name_are_found(tmp_path: Path, key: str, asked: str) -> None:
    """Dots, dates, routes and marks on either side do not hide a price."""
    entry = {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}
    loaded = custom.load(write(tmp_path / "p.json", {"models": {key: entry}}))
    assert loaded.find("", asked) is not None


@pytest.mark.parametrize("asked", ["deepseek-v3", "deepseek-v3.1", "deepseek-2", "deepseek:free"])
def test_versions_are_never_dropped(tmp_path: Path, asked: str) -> None:
    """A price for one version is no price for another."""
    entry = {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}
    loaded = custom.load(write(tmp_path / "p.json", {"models": {"deepseek": entry}}))
    assert loaded.find("", asked) is None


def test_the_name_as_written_wins_over_a_similar_one(tmp_path: Path) -> None:
    """Of two keys with one normal form the one that was asked for literally counts."""

    def entry(usd: float) -> dict[str, float]:
        return {"input_cost_per_million_tokens": usd, "output_cost_per_million_tokens": 1}

    path = write(
        tmp_path / "p.json",
        {"models": {"acme-1.5": entry(1), "acme-1-5": entry(2), "acme/acme-1.5": entry(3)}},
    )
    loaded = custom.load(path)
    assert rates_of(loaded, "acme-1-5").input == 2000
    assert rates_of(loaded, "acme-1.5").input == 1000
    found = loaded.find("acme", "acme-1.5")
    assert found is not None
    assert found.at(0).input == 3000


GOOD = '{"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6'


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("{", ":1:2:", "no valid JSON"),
        ('{"models": {\n  "m": x\n}}', ":2:8:", "no valid JSON"),
        ("[]", ":1:1:", 'expected an object with a key "models"'),
        ('{\n"models": []}', ":2:1:", 'expected an object with a key "models"'),
        ('{"models": {\n\n  "m": 1}}', ":3:3:", "models.m: expected an object"),
        (
            '{"models": {"m": {\n   "input_cost_per_token": "1", "output_cost_per_token": 1}}}',
            ":2:4:",
            'models.m: input_cost_per_token: expected a number, got "1"',
        ),
        (
            '{"models": {"m": {"input_cost_per_token": true,\n "output_cost_per_token": 1}}}',
            ":1:19:",
            "expected a number, got true",
        ),
        (
            '{"models": {"m": {\n\n"input_cost_per_token": -1}}}',
            ":3:1:",
            "must not be negative",
        ),
        ('{"models": {"m": {"input_cost_per_token": 1e999}}}', ":1:19:", "must not be negative"),
        ('{"models": {\n "m": {"input_cost_per_token": 1}}}', ":2:2:", "no output"),
        ('{"models": {"m": {"output_cost_per_token": 1}}}', ":1:13:", "no input"),
        (
            '{"models": {"m": ' + GOOD + ',\n "cache_read_input_token_cost_above_200k": 1}}}',
            ":1:13:",
            "a cache_read price above a size needs one below it",
        ),
        (
            '{"models": {"m": ' + GOOD + ',\n "from": "March"}}}',
            ":2:2:",
            "models.m: from: expected a date",
        ),
        ('{"models": {"m": []}}', ":1:13:", "a list of objects"),
        ('{"models": {"m": [\n' + GOOD + "},\n 7]}}", ":3:2:", "models.m: expected an object"),
        ('{"models": {" ": ' + GOOD + "}}}", ":1:13:", "a model needs a name"),
    ],
)
def test_bad_content_is_named_with_its_place(
    tmp_path: Path, text: str, place: str, words: str
) -> None:
    """Every mistake is reported with file, line, column and key; nothing is priced by it."""
    path = write(tmp_path / "p.json", text)
    loaded = custom.load(path)
    assert loaded.exact == {}
    (warning,) = loaded.warnings
    assert warning.startswith(path + place)
    assert words in warning


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        (
            '{"models": {"m": ' + GOOD + ',\n  "inptu_cost_per_token": 1}}}',
            ":2:3:",
            "unknown key, ignored; did you mean input_cost_per_token?",
        ),
        (
            '{"models": {"m": ' + GOOD + ',\n "output_cost_per_token": 1e-6}}}',
            ":2:2:",
            "output_cost_per_token: given twice",
        ),
        ('{"models": {"m": ' + GOOD + '},\n"m": ' + GOOD + "}}}", ":2:1:", "second entry"),
        (
            '{"models": {"m": ' + GOOD + ',\n"reasoning_cost_per_token_above_200k": 1}}}',
            ":2:1:",
            "unknown key",
        ),
    ],
)
def test_slips_are_named_and_the_entry_counts(
    tmp_path: Path, text: str, place: str, words: str
) -> None:
    """A misspelt or repeated key is pointed at without losing the entry."""
    path = write(tmp_path / "p.json", text)
    loaded = custom.load(path)
    assert rates_of(loaded, "m").input == 1000
    (warning,) = loaded.warnings
    assert warning.startswith(path + place)
    assert words in warning


def test_bad_entry_does_not_spoil_the_others(tmp_path: Path) -> None:
    """One bad entry is left out, the rest counts."""
    good = {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}
    loaded = custom.load(write(tmp_path / "p.json", {"models": {"a": good, "b": {}}}))
    assert list(loaded.exact) == ["a"]
    assert len(loaded.warnings) == 1


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    """A directory, binary data, deep nesting or a huge file are reported, not raised."""
    assert "cannot be read" in custom.load(str(tmp_path)).warnings[0]
    binary = tmp_path / "b.json"
    binary.write_bytes(b'{"models":\n {"\xff": 1}}')
    assert f"{binary}:2: no valid JSON: not UTF-8" in custom.load(str(binary)).warnings[0]
    deep = write(tmp_path / "d.json", "[" * 200_000)
    assert "nested too deeply" in custom.load(deep).warnings[0]
    huge = write(tmp_path / "h.json", " " * (custom.MAX_BYTES + 1))
    assert "larger than" in custom.load(huge).warnings[0]


def test_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    """A file of an editor that marks its encoding is read."""
    path = tmp_path / "p.json"
    path.write_bytes(b"\xef\xbb\xbf" + ('{"models": {"m": ' + GOOD + "}}}").encode())
    assert custom.load(str(path)).warnings == ()


def test_path_follows_the_environment(tmp_path: Path) -> None:
    """The variable wins over the file beside the settings."""
    assert custom.custom_path({"OPENUSAGE_CUSTOM_PRICING": "/x.json"}) == "/x.json"
    relative = custom.custom_path({"OPENUSAGE_CUSTOM_PRICING": "x.json"})
    assert relative == str(Path.cwd() / "x.json")
    path = custom.custom_path({"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "c")})
    assert path == str(tmp_path / "c" / "openusage" / "custom-pricing.json")


def test_examples_of_the_manual_are_understood(tmp_path: Path) -> None:
    """Every file shown in docs/pricing.md is read without a complaint, every key is named there."""
    page = (Path(__file__).parents[4] / "docs" / "pricing.md").read_text("utf-8")
    blocks = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    assert blocks
    for block in blocks:
        assert custom.load(write(tmp_path / "p.json", block)).warnings == ()
    keys = [key for pair in custom._KEYS.values() for key in pair]
    assert [key for key in keys if f"`{key}`" not in page] == []
