"""
Reads a vendor's report that comes in pages of daily buckets.

OpenAI's and Anthropic's organisation reports share the frame (`data`, `has_more`, `next_page`),
not what is inside.
"""

from __future__ import annotations

import urllib.parse
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from openusaged.core.errors import UpstreamChanged
from openusaged.core.models import LimitMetric, ReportedUsage
from openusaged.providers.base import FetchContext, MetricSpec
from openusaged.providers.shared.json_values import as_list, as_object, as_text
from openusaged.providers.shared.utc_days import next_month_ms, utc_date

MAX_PAGES: Final = 20
MONTH_SPEND: Final = MetricSpec(
    key="spend_month",
    label="Spend this month",
    unit="USD",
    window="month",
    money_kind="billed",
    moves="cumulative",
)
TODAY_SPEND: Final = MetricSpec(
    key="spend_today",
    label="Spend today (UTC)",
    unit="USD",
    window="1d",
    money_kind="billed",
    moves="cumulative",
)


class DailyCost(NamedTuple):
    """What one model, or one thing that is no model, cost on one day."""

    date: str
    currency: str
    amount: float
    model: str
    group: str


def iter_results(
    context: FetchContext,
    url: str,
    query: Sequence[tuple[str, str]],
    headers: Mapping[str, str],
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """
    (bucket, result) of every page of a report.

    Raises:
        ProviderError: a page could not be had, or there is no end of them.
    """
    page = ""
    for _ in range(MAX_PAGES):
        wanted = [*query, ("page", page)] if page else query
        body = context.http.get_json(f"{url}?{urllib.parse.urlencode(wanted)}", headers=headers)
        buckets = body.get("data") if isinstance(body, Mapping) else None
        if not isinstance(buckets, list):
            raise UpstreamChanged(urllib.parse.urlsplit(url).path, "no list of buckets")
        for bucket in map(as_object, buckets):
            for result in map(as_object, as_list(bucket.get("results"))):
                yield bucket, result
        page = as_text(body.get("next_page")) if body.get("has_more") is True else ""
        if not page:
            return
    raise UpstreamChanged(urllib.parse.urlsplit(url).path, f"more than {MAX_PAGES} pages")


def spend_metrics(costs: Iterable[DailyCost], now_ms: int) -> tuple[LimitMetric, ...]:
    """
    What the costs sum up to, today and this month in UTC.

    Nothing spent is a known zero in dollars; a further currency has figures of its own.
    """
    today = utc_date(now_ms)
    sums: dict[tuple[str, str], float] = defaultdict(float)
    currencies = {"USD": None}
    for cost in costs:
        currencies[cost.currency] = None
        if cost.date[:7] == today[:7]:
            sums[MONTH_SPEND.key, cost.currency] += cost.amount
        if cost.date == today:
            sums[TODAY_SPEND.key, cost.currency] += cost.amount
    return tuple(
        LimitMetric(
            key=spec.key if currency == "USD" else f"{spec.key}:{currency}",
            unit=currency,
            window=spec.window,
            label=spec.label,
            used=round(sums[spec.key, currency], 9),
            resets_at_ms=next_month_ms(now_ms) if spec is MONTH_SPEND else None,
            money_kind=spec.money_kind,
        )
        for currency in currencies
        for spec in (MONTH_SPEND, TODAY_SPEND)
    )


def joined(usage: Iterable[ReportedUsage], costs: Iterable[DailyCost]) -> list[ReportedUsage]:
    """
    Rows of tokens with their cost, then the costs that belong to no row.

    The cost reports split a model's day by token type, tier and size: one row sums them up.
    """
    sums: dict[tuple[str, str, str, str], float] = defaultdict(float)
    for cost in costs:
        sums[cost.date, cost.model, cost.group, cost.currency] += cost.amount
    rows = []
    for row in usage:
        amount = sums.pop((row.date, row.model, "", "USD"), None)
        rows.append(row if amount is None else msgspec.structs.replace(row, **_money(amount)))
    rows += [
        ReportedUsage(window="1d", date=date, model=model, group=group, **_money(amount, currency))
        for (date, model, group, currency), amount in sums.items()
    ]
    return rows


def _money(amount: float, currency: str = "USD") -> dict[str, Any]:
    return {"cost": round(amount, 9), "currency": currency, "money_kind": "billed"}


def month_message(metrics: Sequence[LimitMetric]) -> str:
    """The first figure of `spend_metrics` in words."""
    return f"{metrics[0].used or 0:.2f} {metrics[0].unit} this month"
