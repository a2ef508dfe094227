"""custom-pricing.json: the user's prices, and clear words about bad ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openusaged.pricing import custom


def write(path: Path, document: object) -> str:
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return str(path)


def test_missing_file_is_no_problem(tmp_path: Path) -> None:
    """Without a file there are no prices and no warnings."""
    assert custom.load(str(tmp_path / "none.json")) == ({}, [])


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
            }
        },
    )
    rates, warnings = custom.load(path)
    assert warnings == []
    assert rates["acme/one"].cost_nano(1, 1, 1, 1, 1) == 2000 + 200 + 2500 + 4000 + 8000
    assert rates["two"].cost_nano(1, 1, 1, 1, 1) == 2000 * 4 + 8000


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{", "no valid JSON"),
        ([], 'expected an object with a key "models"'),
        ({"models": []}, 'expected an object with a key "models"'),
        ({"models": {"m": 1}}, "models.m: expected an object"),
        ({"models": {"m": {"input_cost_per_token": "1"}}}, "models.m: input_cost_per_token"),
        ({"models": {"m": {"input_cost_per_token": True}}}, "expected a number"),
        ({"models": {"m": {"input_cost_per_token": -1}}}, "must not be negative"),
        ({"models": {"m": {"input_cost_per_token": 1}}}, "input and output prices"),
    ],
)
def test_bad_content_is_named(tmp_path: Path, document: object, words: str) -> None:
    """Every mistake is reported with the file and the key; nothing is priced by it."""
    path = write(tmp_path / "p.json", document)
    rates, warnings = custom.load(path)
    assert rates == {}
    assert len(warnings) == 1
    assert path in warnings[0]
    assert words in warnings[0]


def test_bad_entry_does_not_spoil_the_others(tmp_path: Path) -> None:
    """One bad entry is left out, the rest counts."""
    good = {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}
    rates, warnings = custom.load(write(tmp_path / "p.json", {"models": {"a": good, "b": {}}}))
    assert list(rates) == ["a"]
    assert len(warnings) == 1


def test_unreadable_file_is_named(tmp_path: Path) -> None:
    """A directory in place of the file is reported, not raised."""
    rates, warnings = custom.load(str(tmp_path))
    assert rates == {}
    assert "cannot be read" in warnings[0]


def test_path_follows_the_environment(tmp_path: Path) -> None:
    """The variable wins over the file beside the settings."""
    assert custom.custom_path({"OPENUSAGE_CUSTOM_PRICING": "/x.json"}) == "/x.json"
    path = custom.custom_path({"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "c")})
    assert path == str(tmp_path / "c" / "openusage" / "custom-pricing.json")
