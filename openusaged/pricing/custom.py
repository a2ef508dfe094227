"""
`custom-pricing.json`: the user's own prices, which come before any table.

    {"models": {"acme/acme-1": {"input_cost_per_million_tokens": 2.0,
                                "output_cost_per_million_tokens": 8.0}}}

Every rate may also be given per token (`input_cost_per_token`, ...).  A bad entry is reported with
its model and key and left out; the others count.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import Any, Final

from openusage_proto import locations
from openusaged.pricing.rates import Rates, build_rates

_KEYS: Final = {
    "input": ("input_cost_per_million_tokens", "input_cost_per_token"),
    "output": ("output_cost_per_million_tokens", "output_cost_per_token"),
    "cache_read": (
        "cache_read_input_token_cost_per_million_tokens",
        "cache_read_input_token_cost",
    ),
    "cache_write_5m": (
        "cache_creation_input_token_cost_per_million_tokens",
        "cache_creation_input_token_cost",
    ),
    "cache_write_1h": (
        "cache_creation_1h_input_token_cost_per_million_tokens",
        "cache_creation_input_token_cost_above_1hr",
    ),
}


def custom_path(env: Mapping[str, str]) -> str:
    """`$OPENUSAGE_CUSTOM_PRICING`, else `custom-pricing.json` beside the settings."""
    return env.get("OPENUSAGE_CUSTOM_PRICING", "") or os.path.join(
        locations.config_dir(env), "custom-pricing.json"
    )


def load(path: str) -> tuple[dict[str, Rates], list[str]]:
    """Rates by lower-case model name, and a sentence for everything that was wrong."""
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
    except FileNotFoundError:
        return {}, []
    except OSError as error:
        return {}, [f"{path}: cannot be read: {error.strerror}"]
    except ValueError as error:
        return {}, [f"{path}: no valid JSON: {error}"]
    models = document.get("models") if isinstance(document, dict) else None
    if not isinstance(models, dict):
        return {}, [f'{path}: expected an object with a key "models"']
    rates: dict[str, Rates] = {}
    warnings: list[str] = []
    for name, entry in models.items():
        try:
            rates[name.strip().lower()] = _entry(entry)
        except ValueError as error:
            warnings.append(f"{path}: models.{name}: {error}")
    return rates, warnings


def _entry(entry: Any) -> Rates:
    if not isinstance(entry, dict):
        raise ValueError("expected an object")
    values: dict[str, float] = {}
    for bucket, (per_million, per_token) in _KEYS.items():
        for key, scale in ((per_million, 1.0), (per_token, 1e6)):
            value = entry.get(key)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"{key}: expected a number, got {value!r}")
            if not math.isfinite(value) or value < 0:
                raise ValueError(f"{key}: must not be negative, got {value!r}")
            values.setdefault(bucket, value * scale)
    if "input" not in values or "output" not in values:
        raise ValueError("input and output prices are both needed")
    return build_rates(
        uncached=values["input"],
        output=values["output"],
        cache_read=values.get("cache_read"),
        cache_write_5m=values.get("cache_write_5m"),
        cache_write_1h=values.get("cache_write_1h"),
    )
