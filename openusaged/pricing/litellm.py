"""
The LiteLLM catalogue, compiled into a price file: sorted lines that are searched on disk.

The catalogue is three megabytes of JSON for a question asked once per unknown model; as a price
file it costs no memory at all, and an entry that cannot be understood costs only itself.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from openusaged.core.errors import ConfigError
from openusaged.pricing.dated import Model, Price
from openusaged.pricing.names import normalised
from openusaged.pricing.price_file import LOOSE_MARK, Entry, Header

SOURCE: Final = "litellm"
MAX_ENTRIES: Final = 50_000
MAX_NAME: Final = 200

_RATE: Final = re.compile(
    r"^(?P<base>input_cost_per_token|output_cost_per_token|cache_read_input_token_cost"
    r"|cache_creation_input_token_cost|output_cost_per_reasoning_token|input_cost_per_request)"
    r"(?P<hour>_above_1hr)?(?:_above_(?P<size>\d+)k_tokens)?(?P<late_hour>_above_1hr)?"
    r"(?:_(?P<tier>priority|flex|batches))?$"
)
_BUCKETS: Final = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write_5m",
    "output_cost_per_reasoning_token": "reasoning",
    "input_cost_per_request": "request",
}
_WHEN: Final = {
    "priority": {"service_tier": "priority"},
    "flex": {"service_tier": "flex"},
    "batches": {"processing": "batch"},
}
_RESELLERS: Final = frozenset(
    {
        "azure", "azure_ai", "bedrock", "bedrock_converse", "vertex_ai", "together_ai",
        "fireworks_ai", "groq", "openrouter", "github_copilot", "replicate", "deepinfra",
        "vercel_ai_gateway", "aiml", "novita", "databricks", "snowflake", "oci", "gmi",
    }
)  # fmt: skip
_encode = msgspec.json.Encoder().encode


def compile_catalogue(body: bytes, *, etag: str = "", fetched_ms: int = 0) -> bytes:
    """
    The price file of a catalogue as it was fetched.

    Raises:
        ConfigError: it is no catalogue, or not one usable entry is in it.
    """
    try:
        # Entries stay undecoded views of the body: one of them at a time is looked at.
        entries = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"the LiteLLM catalogue is no JSON object: {error}") from None
    lines: dict[str, bytes] = {}
    best: dict[str, tuple[tuple[int, int, str], str]] = {}
    for key, raw in list(entries.items())[:MAX_ENTRIES]:
        name = key.strip().lower()
        if not _is_name(name):
            continue
        entry = _entry(key, raw)
        if entry is None or name in lines:
            continue
        lines[name] = _encode(entry)
        rank = _rank(name, entry.provider)
        loose = normalised(name)
        if loose and (loose not in best or rank < best[loose][0]):
            best[loose] = rank, name
    if not lines:
        raise ConfigError("the LiteLLM catalogue has no entry that can be used")
    header = Header(source=SOURCE, etag=etag, fetched_ms=fetched_ms, entries=len(lines))
    rows = [name.encode() + b"\t" + value for name, value in lines.items()]
    rows += [f"{LOOSE_MARK}{loose}\t".encode() + _encode(name) for loose, (_, name) in best.items()]
    rows.sort()
    return b"\n".join([_encode(header), *rows, b""])


def _is_name(name: str) -> bool:
    return (
        0 < len(name) <= MAX_NAME
        and name.isprintable()
        and name != "sample_spec"
        and not name.startswith(LOOSE_MARK)
    )


def _entry(name: str, raw: msgspec.Raw) -> Entry | None:
    try:
        fields = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    rates: dict[str, dict[str, dict[int, float]]] = {}
    for tier, bucket, size, usd in _rates(fields):
        rates.setdefault(tier, {}).setdefault(bucket, {})[size] = usd
    standard = rates.pop("", {})
    if 0 not in standard.get("input", {}):
        return None
    prices = [_price(standard, None)]
    variants = [
        _price(found, _WHEN[tier]) for tier, found in sorted(rates.items()) if tier in _WHEN
    ]
    special = fields.get("provider_specific_entry")
    fast = special.get("fast") if isinstance(special, dict) else None
    window = fields.get("max_input_tokens", fields.get("max_tokens"))
    provider = fields.get("litellm_provider")
    return Entry(
        provider=provider.lower() if isinstance(provider, str) else "",
        model=Model(
            id=name,
            prices=prices,
            variants=variants,
            context=window if isinstance(window, int) and window > 0 else None,
            fast=float(fast) if _is_amount(fast) and fast else None,
        ),
    )


def _rates(fields: Mapping[str, Any]) -> Iterator[tuple[str, str, int, float]]:
    """(tier, bucket, prompt size it applies above, USD per million tokens or thousand requests)."""
    for key, value in fields.items():
        found = _RATE.match(key)
        if found is None or not _is_amount(value):
            continue
        bucket = _BUCKETS[found["base"]]
        if found["hour"] or found["late_hour"]:
            if bucket != "cache_write_5m":
                continue
            bucket = "cache_write_1h"
        size = int(found["size"] or 0) * 1000
        if size and bucket in ("reasoning", "request"):
            continue
        scale = 1e3 if bucket == "request" else 1e6
        # 2.5e-07 * 1e6 is not 0.25 in binary.
        yield found["tier"] or "", bucket, size, round(value * scale, 9)


def _price(rates: Mapping[str, Mapping[int, float]], when: dict[str, str] | None) -> Price:
    values: dict[str, Any] = {}
    for bucket, sizes in rates.items():
        if 0 not in sizes:
            continue
        steps = [[size, sizes[size]] for size in sorted(sizes) if size]
        values[bucket] = [sizes[0], *steps] if steps else sizes[0]
    # A reasoning rate that equals the output rate says nothing, and hides the output's tiers.
    if values.get("reasoning") in (values.get("output"), 0):
        values.pop("reasoning", None)
    return Price(when=when, **values)


def _is_amount(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and value >= 0
    )


def _rank(name: str, provider: str) -> tuple[int, int, str]:
    """Of several entries of one name the maker's own wins, then the shortest, then the first."""
    reseller = provider.partition("-")[0] in _RESELLERS
    return (2 if reseller else 1 if "/" in name else 0, len(name), name)
