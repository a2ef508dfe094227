"""
Mux's names of models and its counts of tokens, in our terms.  Pure.

The rows hold what the SDK reported.  Whether input contains what the cache gave differs by vendor
and, for Anthropic's models, by version of the SDK; nothing but the sizes tells.
"""

from __future__ import annotations

from typing import Any, Final

from openusaged.core.model_names import vendor_of_model
from openusaged.providers.shared.json_values import as_count, as_object, count_or_zero

_ANTHROPIC: Final = "anthropic"
_GATEWAY: Final = "mux-gateway"
_BILLED_BY: Final = {"bedrock": "aws", "xai": "x-ai", "moonshot": "moonshotai"}


def split_model(name: str) -> tuple[str, str]:
    """
    (who bills, model) of `provider:model`; the model's own vendor where that says none.

    Only the first colon separates: `ollama:qwen3:8b`.
    """
    provider, colon, model = name.partition(":")
    if not colon:
        provider, model = "", name
    provider = provider.lower()
    if provider in ("", _GATEWAY):
        return vendor_of_model(model), model
    return _BILLED_BY.get(provider, provider), model


def usage_of(usage: Any, provider_metadata: Any) -> dict[str, int | None]:
    """The buckets of one row as fields of an event; empty when it used nothing."""
    counts = as_object(usage)
    details = as_object(counts.get("inputTokenDetails"))
    metadata = as_object(provider_metadata)
    given = count_or_zero(counts.get("inputTokens"))
    cached = _first(counts.get("cachedInputTokens"), details.get("cacheReadTokens"))
    created = _first(
        as_object(metadata.get(_ANTHROPIC)).get("cacheCreationInputTokens"),
        details.get("cacheWriteTokens"),
    )
    output = count_or_zero(counts.get("outputTokens"))
    total = count_or_zero(counts.get("totalTokens"))
    fresh = as_count(details.get("noCacheTokens"))
    if fresh is None:
        inside = _is_inside(given, cached, created, output=output, total=total)
        fresh = given - cached - created if inside else given
    if output == 0:
        # some gateways report a total and no output
        output = max(0, total - fresh - cached - created)
    if not (fresh or cached or created or output):
        return {}
    reasoning = _first(
        counts.get("reasoningTokens"),
        as_object(counts.get("outputTokenDetails")).get("reasoningTokens"),
        as_object(metadata.get("openai")).get("reasoningTokens"),
    )
    return {
        "input": fresh,
        "cache_read": cached,
        # Mux asks for the usual five minutes.
        "cache_write_5m": created,
        "output": output,
        "reasoning": min(reasoning, output),
    }


def _is_inside(given: int, cached: int, created: int, *, output: int, total: int) -> bool:
    """
    Whether the input contains what was read from and written to the cache.

    Where it does not, it is the little behind the last cached block, smaller than either.
    """
    if cached + created > given:
        return False
    return not (cached and total >= given + output + cached)


def _first(*values: object) -> int:
    """The first that is a count, else 0."""
    return next((count for value in values if (count := as_count(value)) is not None), 0)
