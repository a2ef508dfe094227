"""
Prices as text: pure functions from the daemon's answer to lines.

Every amount is USD; a price that is only a guess carries the mark of an estimate.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from openusage_client.formatting import (
    format_ago,
    format_cost,
    format_count,
    format_tokens,
)
from openusage_client.report_tables import wrap
from openusage_client.tables import Column, Row, Table, render
from openusage_client.terminal import Style
from openusage_client.tui.text import cell_width
from openusage_proto.price_messages import (
    ModelPrice,
    PricePeriod,
    PriceRates,
    PriceSources,
    Pricing,
    TierPrice,
    UnpricedModel,
)
from openusage_proto.status_messages import RepriceProgress

_BUCKETS: Final = (
    ("input", "Input"),
    ("cache_read", "Cache read"),
    ("cache_write_5m", "Cache write, 5 minutes"),
    ("cache_write_1h", "Cache write, 1 hour"),
    ("output", "Output"),
)


def format_rate(usd: float | None) -> str:
    """A rate with as many digits as it has, two at least: `$3.00`, `$0.075`, `$0.0125`."""
    if usd is None:
        return "-"
    if usd and not math.isfinite(usd):
        return "-"
    digits = f"{usd:.6f}".rstrip("0")
    decimals = max(2, len(digits) - digits.index(".") - 1)
    return f"${usd:,.{decimals}f}"


def _fitted(lines: Iterable[str], width: int | None) -> list[str]:
    """The lines, those that are too long broken at spaces and indented."""
    out = []
    for line in lines:
        if width is None or cell_width(line) <= width:
            out.append(line)
            continue
        indent = " " * (len(line) - len(line.lstrip()))
        first, *rest = wrap(line.strip(), max(20, width - len(indent) - 2))
        out += [indent + first, *(f"{indent}  {part}" for part in rest)]
    return out


def _fact_lines(facts: Iterable[tuple[str, str]], width: int | None) -> list[str]:
    """A name and a value per line; a long value goes on below itself."""
    lines = []
    for name, value in facts:
        first, *rest = wrap(value, None if width is None else max(20, width - 12))
        lines += [f"  {name:<10}{first}", *(f"  {'':<10}{line}" for line in rest)]
    return lines


def format_size(tokens: int) -> str:
    """`200k`, `272k`, `1M`: sizes of prompts are round numbers."""
    for scale, suffix in ((1_000_000, "M"), (1_000, "k")):
        if tokens and tokens % scale == 0:
            return f"{tokens // scale}{suffix}"
    return format_count(tokens)


def price_lines(answer: Pricing, *, width: int | None, style: Style) -> list[str]:
    """The page of one model."""
    price = answer.price
    assert price is not None, "the caller has looked"
    current = next((period for period in price.periods if period.in_force), price.periods[0])
    whose = f"list price of {price.provider}" if price.source != "custom" else "your own price"
    lines = [style.paint(f"{answer.model}{style.separator}{whose}", "bold")]
    lines += _fact_lines(_facts(answer, price, current), width)
    lines += ["", *_rates_table(price, current, answer.context, width, style)]
    if current.derived:
        names = [label.replace(", ", " ") for key, label in _BUCKETS if key in current.derived]
        lines.append(f"not in the list, from the input price: {', '.join(names).lower()}")
    lines += _fees(price)
    lines += _tiers(price.tiers, style)
    lines += _history(price.periods)
    lines += ["", _example(price)]
    return [lines[0], *_fitted(lines[1:], width)]


def _facts(answer: Pricing, price: ModelPrice, current: PricePeriod) -> list[tuple[str, str]]:
    source = f"{price.source} {price.source_version}".rstrip()
    words = {
        "custom": f"yours, from {answer.sources.custom_path}",
        "exact": f"exact, {source}",
        "approximate": f"a guess, {source}: no list has this very price",
    }
    since = f"since {current.since[:10]}" if current.since else "always"
    facts = [
        ("price", words.get(price.grade, f"{price.grade}, {source}")),
        ("matched", price.model),
        ("in force", f"{since}{', ' + current.daily if current.daily else ''}"),
    ]
    if answer.at:
        facts.append(("as of", answer.at[:10]))
    if price.context_window:
        facts.append(("context", f"{format_count(price.context_window)} tokens"))
    return facts


def _rates_table(
    price: ModelPrice, current: PricePeriod, context: int, width: int | None, style: Style
) -> list[str]:
    """A row per bucket, a column per size of prompt; the size asked for is marked."""
    columns = [Column("USD per 1M tokens", "<", shrink_to=12)]
    for number, rates in enumerate(current.rates):
        columns.append(Column(_size_title(current.rates, number, price, context)))
        del rates
    rows = [
        Row([label, *(format_rate(getattr(rates, key)) for rates in current.rates)])
        for key, label in _BUCKETS
    ]
    if price.reasoning is not None:
        rows.append(Row(["Reasoning", *(format_rate(price.reasoning) for _ in current.rates)]))
    return render([Table(columns, rows)], width, style)


def _size_title(sizes: Sequence[PriceRates], number: int, price: ModelPrice, context: int) -> str:
    if len(sizes) == 1:
        return "any prompt"
    above = sizes[number].above_prompt_tokens
    title = f"above {format_size(above)}" if above else f"up to {format_size(_next(sizes, number))}"
    chosen = context and price.rates.above_prompt_tokens == above
    return f"{title} *" if chosen else title


def _next(sizes: Sequence[PriceRates], number: int) -> int:
    return sizes[number + 1].above_prompt_tokens


def _fees(price: ModelPrice) -> list[str]:
    lines = []
    if price.request_usd_per_thousand:
        lines.append(f"each request: {format_rate(price.request_usd_per_thousand)} per 1,000")
    if price.web_search_usd_per_thousand:
        lines.append(
            f"web searches: {format_rate(price.web_search_usd_per_thousand)} per 1,000,"
            " not part of estimates (no tool counts them)"
        )
    return lines


def _tiers(tiers: Sequence[TierPrice], style: Style) -> list[str]:
    if not tiers:
        return []
    lines = ["", "Other tiers (input / output)"]
    for tier in tiers:
        mark = style.approx if tier.approximate else ""
        sizes = [
            f"{mark}{format_rate(rates.input)} / {mark}{format_rate(rates.output)}"
            + (f" above {format_size(rates.above_prompt_tokens)}" * bool(rates.above_prompt_tokens))
            for rates in tier.rates
        ]
        lines.append(f"  {tier.tier:<10}{', '.join(sizes)}")
    return lines


def _history(periods: Sequence[PricePeriod]) -> list[str]:
    """All prices over time, when there were several."""
    if len(periods) < 2:
        return []
    lines = ["", "Prices over time (input / output)"]
    for period in periods:
        since = period.since[:10] if period.since else "at first"
        first = period.rates[0]
        parts = [f"  {since:<12}{format_rate(first.input)} / {format_rate(first.output)}"]
        if len(period.rates) > 1:
            parts.append(f"more above {format_size(period.rates[1].above_prompt_tokens)}")
        if period.daily:
            parts.append(period.daily)
        elif any(other.daily and other.since == period.since for other in periods):
            parts.append("at other times of the day")
        if period.approximate:
            parts.append("a guess: the list begins later")
        lines.append(", ".join(parts) + ("  <- in force" if period.in_force else ""))
    return lines


def _example(price: ModelPrice) -> str:
    example = price.example
    prompt = example.input_tokens + example.cache_read_tokens + example.cache_write_5m_tokens
    return (
        f"Example: a prompt of {format_count(prompt)} tokens"
        f" ({format_count(example.cache_read_tokens)} from the cache,"
        f" {format_count(example.cache_write_5m_tokens)} written to it)"
        f" and {format_count(example.output_tokens)} of output cost"
        f" {format_rate(example.cost_usd)}"
    )


# ------------------------------------------------------------------ the lists


def unpriced_lines(answer: Pricing, *, width: int | None, style: Style) -> list[str]:
    """Models without a price and with a guessed one, and what to do about it."""
    lines: list[str] = []
    if answer.unpriced:
        lines += [style.paint("Used without a price", "bold")]
        lines += _models(answer.unpriced, width, style)
    if answer.approximate:
        lines += [*([""] if lines else []), style.paint("Priced by a guess", "bold")]
        lines += _models(answer.approximate, width, style)
    if not lines:
        return ["Every model that was used has a price."]
    if any(model.price_now for model in answer.unpriced):
        text = "Some have a price by now: `openusage pricing --reprice` applies it."
        lines += ["", *_fitted([text], width)]
    if answer.custom_entry:
        text = (
            f"To price the rest, put this into {answer.sources.custom_path}, fill in the nulls"
            " (USD per million tokens; the last line may go), then `openusage pricing --reprice`:"
        )
        lines += ["", *_fitted([text], width), *answer.custom_entry.splitlines()]
    return lines


def _models(models: Sequence[UnpricedModel], width: int | None, style: Style) -> list[str]:
    columns = [
        Column("Model", "<", shrink_to=14),
        Column("Billed by", "<", rank=2, shrink_to=6),
        Column("Used in", "<", rank=3, shrink_to=6),
        Column("Requests"),
        Column("Tokens"),
        Column("Recorded", rank=4),
        Column("Price now", "<", rank=1, shrink_to=8),
    ]
    rows = [
        Row(
            [
                model.model or "(no name)",
                model.provider,
                ", ".join(model.clients),
                format_count(model.requests),
                format_tokens(model.total_tokens),
                format_cost(model.recorded_usd, estimate=False) if model.recorded_usd else "",
                _price_now(model),
            ]
        )
        for model in models
    ]
    return render([Table(columns, rows)], width, style)


def _price_now(model: UnpricedModel) -> str:
    if not model.price_now:
        return "none"
    same = model.matched.lower() == model.model.lower()
    return model.price_now if same else f"{model.price_now} ({model.matched})"


def sources_lines(
    sources: PriceSources, now: datetime, width: int | None, style: Style
) -> list[str]:
    """Where prices come from, in the order they are asked."""
    catalogue = "none yet"
    if sources.catalogue_models:
        catalogue = (
            f"{format_count(sources.catalogue_models)} models of LiteLLM, fetched"
            f" {format_ago(sources.catalogue_fetched_at, now)}, found current"
            f" {format_ago(sources.catalogue_checked_at, now)}"
        )
    if sources.catalogue_error:
        catalogue += f"; the last try failed: {sources.catalogue_error}"
    facts = [
        ("own", f"{format_count(sources.custom_models)} models in {sources.custom_path}"),
        ("shipped", sources.shipped),
        ("fetched", catalogue),
    ]
    return [style.paint("Price lists", "bold"), *_fact_lines(facts, width)]


def reprice_line(progress: RepriceProgress) -> str:
    """What a re-pricing came to."""
    before = format_cost(progress.cost_before_usd, estimate=False)
    after = format_cost(progress.cost_after_usd, estimate=False)
    text = (
        f"Re-priced {format_count(progress.done_events)} events in {progress.seconds:.1f} s:"
        f" {format_count(progress.changed_events)} changed"
    )
    if progress.changed_events:
        text += f", from {before} to {after}"
    text += "."
    if progress.aged_requests_changed:
        text += (
            f" {format_count(progress.aged_requests_changed)} requests whose detail is gone were"
            " re-priced by your own prices."
        )
    if progress.aged_requests_left:
        text += (
            f" {format_count(progress.aged_requests_left)} requests whose detail is gone keep"
            " their cost."
        )
    return text
