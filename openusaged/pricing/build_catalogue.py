"""
Writes the shipped price table from the pinned release of genai-prices: `make docs`.

A development tool: the daemon never imports genai-prices, whose tables cost 17 MB and a quarter of
a second at every start.  A test fails when the checked-in table differs from what this prints.
"""

from __future__ import annotations

import json
import sys
from importlib import metadata
from typing import Any

RATE_KEYS = {
    "input_mtok": "input",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write_5m",
    "cache_write_1h_mtok": "cache_write_1h",
    "output_mtok": "output",
    "output_reasoning_mtok": "reasoning",
    "requests_kcount": "request",
    "web_searches_kcount": "web_search",
}


def _clause(clause: Any) -> Any:
    """A match clause as a small list: [operator, argument...]."""
    if clause is None:
        return None
    name = type(clause).__name__.removeprefix("Clause").lower()
    if name in {"or", "and"}:
        return [name, *(_clause(part) for part in getattr(clause, f"{name}_"))]
    (argument,) = vars(clause).values()
    return [name, argument]


def _rate(value: Any) -> Any:
    """USD per million tokens: a number, or [base, [threshold, number], ...] for tiers."""
    tiers = getattr(value, "tiers", None)
    if tiers is None:
        return float(value)
    return [float(value.base), *([tier.start, float(tier.price)] for tier in tiers)]


def _price(prices: Any, constraint: Any = None, when: dict[str, str] | None = None) -> Any:
    entry: dict[str, Any] = {
        name: _rate(value)
        for key, name in RATE_KEYS.items()
        if (value := vars(prices).get(key)) is not None
    }
    if when:
        entry["when"] = when
    if hasattr(constraint, "start_date"):
        entry["from"] = constraint.start_date.isoformat()
    elif hasattr(constraint, "start_time"):
        entry["daily"] = [
            str(constraint.start_time.replace(tzinfo=None)),
            str(constraint.end_time.replace(tzinfo=None)),
        ]
    return entry


def _model(model: Any) -> dict[str, Any]:
    prices = model.prices if isinstance(model.prices, list) else None
    entry: dict[str, Any] = {
        "id": model.id,
        "match": _clause(model.match),
        "prices": [_price(item.prices, item.constraint) for item in prices]
        if prices is not None
        else [_price(model.prices)],
    }
    variants = [
        _price(variant.prices, variant.constraint, variant.when)
        for variant in model.price_variants or ()
    ]
    if variants:
        entry["variants"] = variants
    if model.context_window:
        entry["context"] = model.context_window
    return entry


def build() -> dict[str, Any]:
    """The whole table as plain JSON values."""
    from genai_prices import data

    return {
        "source": "genai-prices",
        "version": metadata.version("genai-prices"),
        "providers": [
            {
                "id": provider.id,
                "match": _clause(provider.provider_match),
                "model_match": _clause(provider.model_match),
                "models": [_model(model) for model in provider.models],
            }
            for provider in data.providers
        ],
    }


def render() -> str:
    """The text of the checked-in file: one model per line, so that updates can be reviewed."""
    table = build()
    dumps = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
    lines = [
        f'{{"source":{dumps(table["source"])},"version":{dumps(table["version"])},"providers":['
    ]
    for index, provider in enumerate(table["providers"]):
        head = {key: value for key, value in provider.items() if key != "models"}
        lines.append(("," if index else "") + dumps(head)[:-1] + ',"models":[')
        lines.append(",\n".join(dumps(model) for model in provider["models"]))
        lines.append("]}")
    lines.append("]}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render())
