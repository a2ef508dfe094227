"""
Answers to "what does this model cost, and says who" and "what has no price".

From the same lists and the same look-up as every estimate; runs in a reader thread.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, tzinfo
from typing import Final

from openusage_proto.price_messages import (
    ModelPrice,
    PriceExample,
    PricePeriod,
    PriceRates,
    PriceSources,
    Pricing,
    PricingParams,
    TierPrice,
    UnpricedModel,
)
from openusaged.core.errors import InvalidParams
from openusaged.core.models import NANO
from openusaged.core.windows import iso
from openusaged.pricing.book import APPROXIMATE, CUSTOM, Found, Sources
from openusaged.pricing.dated import TIERS, Period
from openusaged.pricing.names import normalised, tier_name
from openusaged.pricing.rates import NANO_PER_REQUEST, NANO_PER_TOKEN, Rates
from openusaged.storage.store import Store, UsageRow
from openusaged.usecases.prices import Prices
from openusaged.usecases.usage_view import parse_day

MAX_CONTEXT: Final = 1_000_000_000_000
MAX_CLOSE: Final = 5
MAX_LISTED: Final = 200
_EXAMPLE_PROMPT: Final = 20_000
_EXAMPLE_OUTPUT: Final = 1_000


def answer(
    prices: Prices, store: Store, params: PricingParams, *, now_ms: int, zone: tzinfo
) -> Pricing:
    """
    The answer of `pricing`.

    Raises:
        InvalidParams: neither a model nor `unpriced`, or a value out of range.
    """
    model = (params.model or "").strip()
    if not (model or params.unpriced or params.refresh):
        raise InvalidParams("model: give a model's name, or unpriced: true")
    if not 0 <= params.context <= MAX_CONTEXT:
        raise InvalidParams(f"context: must lie between 0 and {MAX_CONTEXT}")
    at_ms = parse_day(params.at, "at", zone) if params.at else now_ms
    sources = prices.sources
    unpriced: list[UnpricedModel] = []
    approximate: list[UnpricedModel] = []
    if params.unpriced:
        rows = store.usage_rows(group_by=("provider", "client", "model"))
        unpriced = _listed(rows, sources, lambda row: row.unpriced)
        approximate = _listed(rows, sources, lambda row: row.approx)
    price = None
    close: list[str] = []
    wanted = [item.model for item in unpriced if not item.price_now]
    if model:
        price = explain(sources, params, model, at_ms)
        if price is None:
            close = close_names(sources, model)
            wanted = [model]
    return Pricing(
        sources=describe(prices),
        model=model,
        at=iso(at_ms),
        context=params.context,
        price=price,
        close=close,
        unpriced=unpriced,
        approximate=approximate,
        custom_entry=custom_entry(wanted) if wanted else "",
    )


def explain(sources: Sources, params: PricingParams, model: str, at_ms: int) -> ModelPrice | None:
    """Everything known about one model's price; None when no list knows the model."""
    provider = params.provider.strip().lower()
    found = sources.find(provider, model, params.tier)
    if found is None:
        return None
    current = found.rates.period(at_ms)
    rates = current.rates
    per_request, reasoning = rates.extra or (0.0, None)
    return ModelPrice(
        model=found.rates.model_id,
        provider=found.provider,
        source=found.source,
        source_version=sources.catalogue.version
        if found.source == sources.catalogue.source
        else "",
        grade=_grade(found, current),
        rates=_rates_at(rates, params.context),
        periods=[_period(period, current) for period in found.rates.periods],
        tiers=_tiers(sources, provider, model, tier_name(params.tier), at_ms),
        example=_example(rates, params.context),
        context_window=found.rates.context,
        request_usd_per_thousand=per_request / NANO_PER_REQUEST if per_request else None,
        reasoning=None if reasoning is None else reasoning / NANO_PER_TOKEN,
        web_search_usd_per_thousand=current.web_search,
    )


def _grade(found: Found, period: Period) -> str:
    if found.rates.approximate or period.approximate:
        return APPROXIMATE
    return CUSTOM if found.source == CUSTOM else "exact"


def _rates_at(rates: Rates, prompt: int) -> PriceRates:
    above = next((limit for limit, _ in rates.tiers if prompt > limit), 0)
    fresh, read, write_5m, write_1h, output = rates.at_prompt(prompt)
    return PriceRates(
        above_prompt_tokens=above,
        input=fresh / NANO_PER_TOKEN,
        cache_read=read / NANO_PER_TOKEN,
        cache_write_5m=write_5m / NANO_PER_TOKEN,
        cache_write_1h=write_1h / NANO_PER_TOKEN,
        output=output / NANO_PER_TOKEN,
    )


def _by_size(rates: Rates) -> list[PriceRates]:
    """For each size of the prompt that has rates of its own, smallest first."""
    limits = sorted(limit for limit, _ in rates.tiers)
    return [_rates_at(rates, 0), *(_rates_at(rates, limit + 1) for limit in limits)]


def _period(period: Period, current: Period) -> PricePeriod:
    daily = ""
    if period.part is not None:
        begin, end = (
            datetime.fromtimestamp(second, UTC).strftime("%H:%M") for second in period.part
        )
        daily = f"{begin}-{end} UTC"
    return PricePeriod(
        since=iso(period.starts_ms or None),
        daily=daily,
        rates=_by_size(period.rates),
        in_force=period is current,
        approximate=period.approximate,
        derived=list(period.derived),
    )


def _tiers(sources: Sources, provider: str, model: str, asked: str, at_ms: int) -> list[TierPrice]:
    """The other tiers that have a price; those that would only be guessed are left out."""
    out = []
    for tier in ("", *TIERS):
        found = sources.find(provider, model, tier)
        if tier == asked or found is None or found.source == CUSTOM:
            continue
        period = found.rates.period(at_ms)
        if found.rates.approximate and tier:
            continue
        out.append(
            TierPrice(
                tier=tier or "standard",
                rates=_by_size(period.rates),
                approximate=found.rates.approximate or period.approximate,
            )
        )
    return out


def _example(rates: Rates, context: int) -> PriceExample:
    """A typical turn of an agent: most of the prompt from the cache, a little written to it."""
    prompt = context or _EXAMPLE_PROMPT
    read = prompt * 3 // 4
    write = prompt // 5
    fresh = prompt - read - write
    cost = rates.cost_nano(fresh, read, write, 0, _EXAMPLE_OUTPUT)
    return PriceExample(
        input_tokens=fresh,
        cache_read_tokens=read,
        cache_write_5m_tokens=write,
        cache_write_1h_tokens=0,
        output_tokens=_EXAMPLE_OUTPUT,
        cost_usd=cost / NANO,
    )


def close_names(sources: Sources, model: str) -> list[str]:
    """Models of the lists whose names come close, best first."""
    # Asked for once in a blue moon.
    from difflib import get_close_matches

    wanted = normalised(model)
    names: dict[str, str] = {}
    # Of many entries of one model the plainest name is shown.
    for name in sorted(_all_names(sources), key=lambda name: ("/" in name, len(name), name)):
        names.setdefault(normalised(name), name)
    found = get_close_matches(wanted, names, n=MAX_CLOSE, cutoff=0.7)
    return [names[name] for name in found]


def _all_names(sources: Sources) -> Iterable[str]:
    if sources.fetched is not None:
        yield from sources.fetched.names()
    yield from sources.catalogue.model_ids()
    yield from sources.custom.exact


def _listed(
    rows: Iterable[UsageRow], sources: Sources, concerned: Callable[[UsageRow], int]
) -> list[UnpricedModel]:
    """Models with requests that concern us, most tokens first."""
    groups: dict[tuple[str, str], list[UsageRow]] = {}
    for row in rows:
        groups.setdefault((row.provider, row.model), []).append(row)
    listed = []
    for (provider, model), group in groups.items():
        requests = sum(map(concerned, group))
        if not requests:
            continue
        found = sources.find(provider, model)
        listed.append(
            UnpricedModel(
                model=model,
                provider=provider,
                clients=sorted({row.client for row in group if concerned(row)}),
                requests=requests,
                total_tokens=sum(row.total_tokens for row in group),
                recorded_usd=sum(row.rec_nano for row in group if row.currency == "USD") / NANO,
                price_now=_price_now(found),
                matched=found.rates.model_id if found is not None else "",
            )
        )
    listed.sort(key=lambda item: (-item.total_tokens, item.model, item.provider))
    return listed[:MAX_LISTED]


def _price_now(found: Found | None) -> str:
    if found is None:
        return ""
    return APPROXIMATE if found.rates.approximate else found.source


def custom_entry(models: Iterable[str]) -> str:
    """What to paste into `custom-pricing.json`; the nulls are to be filled in."""
    rates = {
        "input_cost_per_million_tokens": None,
        "output_cost_per_million_tokens": None,
        "cache_read_input_token_cost_per_million_tokens": None,
    }
    document = {"models": {name: rates for name in dict.fromkeys(models) if name}}
    return json.dumps(document, indent=2, ensure_ascii=False) if document["models"] else ""


def describe(prices: Prices) -> PriceSources:
    """The price lists as they are now."""
    sources = prices.sources
    header = prices.file.header()
    return PriceSources(
        custom_path=prices.custom_path,
        custom_models=len(sources.custom.exact),
        shipped=f"{sources.catalogue.source} {sources.catalogue.version}",
        catalogue_models=header.entries if header is not None else 0,
        catalogue_fetched_at=iso(header.fetched_ms or None) if header is not None else None,
        catalogue_checked_at=iso(prices.file.checked_ms()) if header is not None else None,
        catalogue_error=prices.refresh_error,
        warnings=list(prices.warnings),
    )
