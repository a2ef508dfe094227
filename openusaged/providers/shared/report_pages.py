"""
Reads a vendor's report that comes in pages of daily buckets.

OpenAI's and Anthropic's organisation reports share the frame (`data`, `has_more`, `next_page`),
not what is inside.
"""

from __future__ import annotations

import urllib.parse
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from openusaged.core.errors import ProviderError, UpstreamChanged
from openusaged.core.models import Account, LimitMetric, ReportedUsage, UsageSnapshot
from openusaged.providers.base import FetchContext, MetricSpec
from openusaged.providers.shared.json_values import as_epoch_ms, as_list, as_object, as_text
from openusaged.providers.shared.key_probe import Probe, snapshot_of
from openusaged.providers.shared.utc_days import day_start, next_month_ms, utc_date

DAYS: Final = 31
"""The most daily buckets that both vendors give in one page; covers every month so far."""
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
    headers: Mapping[str, str],
    *,
    since: tuple[str, str],
    group: tuple[str, str],
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """
    (date, result) of every page of a report; buckets that name no day are passed over.

    Args:
        since: what the vendor calls a bucket's start, and where the first one begins.
        group: what it calls the breakdown, and which one is wanted.

    Raises:
        ProviderError: a page could not be had, or there is no end of them.
    """
    query = [since, ("bucket_width", "1d"), ("limit", str(DAYS)), group]
    page = ""
    for _ in range(MAX_PAGES):
        wanted = [*query, ("page", page)] if page else query
        body = context.http.get_json(f"{url}?{urllib.parse.urlencode(wanted)}", headers=headers)
        buckets = body.get("data") if isinstance(body, Mapping) else None
        if not isinstance(buckets, list):
            raise UpstreamChanged(urllib.parse.urlsplit(url).path, "no list of buckets")
        for bucket in map(as_object, buckets):
            start_ms = as_epoch_ms(bucket.get(since[0]))
            if start_ms is None:
                continue
            date = utc_date(start_ms)
            for result in map(as_object, as_list(bucket.get("results"))):
                yield date, result
        page = as_text(body.get("next_page")) if body.get("has_more") is True else ""
        if not page:
            return
    raise UpstreamChanged(urllib.parse.urlsplit(url).path, f"more than {MAX_PAGES} pages")


def first_day(now_ms: int) -> datetime:
    """When the first of the days that are asked for began."""
    return day_start(now_ms, days_before=DAYS - 1)


def rows_or_error(rows: Iterable[ReportedUsage | None]) -> tuple[list[ReportedUsage], str]:
    """The rows of a secondary report, or none and why they could not be had."""
    try:
        return [row for row in rows if row is not None], ""
    except ProviderError as failure:
        return [], str(failure)


def spend_snapshot(
    context: FetchContext,
    account: Account,
    costs: Sequence[DailyCost],
    reported: Sequence[ReportedUsage],
    usage_error: str,
) -> UsageSnapshot:
    """What an admin key tells: spend of today and this month, and the reports."""
    metrics = spend_metrics(costs, context.now_ms())
    return snapshot_of(
        context,
        account,
        Probe(),
        message=f"{metrics[0].used or 0:.2f} {metrics[0].unit} this month",
        metrics=metrics,
        attributes={"key_kind": "admin", "usage_error": usage_error},
        reported=reported,
    )


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
