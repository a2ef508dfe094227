"""
The organisation's own reports: what each day cost and used, by model.

Only admin keys may read them.  The cost report decides whether the key works; token usage is a
second call whose failure costs only the tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from openusaged.core.errors import ProviderError
from openusaged.core.models import Account, ReportedUsage, UsageSnapshot
from openusaged.providers.base import FetchContext
from openusaged.providers.shared.json_values import (
    as_count,
    as_epoch_ms,
    as_number,
    as_object,
    as_text,
    count_or_zero,
)
from openusaged.providers.shared.key_probe import Probe, snapshot_of
from openusaged.providers.shared.report_pages import (
    DailyCost,
    iter_results,
    joined,
    month_message,
    spend_metrics,
)
from openusaged.providers.shared.utc_days import day_start, utc_date

DAYS: Final = 31
"""The most daily buckets that a page holds; covers every month so far."""
CENTS: Final = 100
"""Amounts are in the currency's smallest unit."""


def fetch(
    context: FetchContext, account: Account, base: str, headers: Mapping[str, str]
) -> UsageSnapshot:
    """
    Spend of today and this month, and the reports of the last 31 days.

    Raises:
        ProviderError: the cost report could not be had.
    """
    now_ms = context.now_ms()
    since = day_start(now_ms, days_before=DAYS - 1).strftime("%Y-%m-%dT%H:%M:%SZ")
    costs = _costs(context, f"{base}/organizations/cost_report", since, headers)
    error = ""
    try:
        usage = _usage(context, f"{base}/organizations/usage_report/messages", since, headers)
    except ProviderError as failure:
        usage, error = [], str(failure)
    metrics = spend_metrics(costs, now_ms)
    return snapshot_of(
        context,
        account,
        Probe(),
        message=month_message(metrics),
        metrics=metrics,
        attributes={"key_kind": "admin", "usage_error": error},
        reported=joined(usage, costs),
    )


def _query(since: str, group: str) -> list[tuple[str, str]]:
    return [
        ("starting_at", since),
        ("bucket_width", "1d"),
        ("limit", str(DAYS)),
        ("group_by[]", group),
    ]


def _costs(
    context: FetchContext, url: str, since: str, headers: Mapping[str, str]
) -> list[DailyCost]:
    costs = []
    for bucket, result in iter_results(context, url, _query(since, "description"), headers):
        cents = as_number(result.get("amount"))
        date = _date(bucket)
        if cents is None or not date:
            continue
        model = as_text(result.get("model"))
        costs.append(
            DailyCost(
                date=date,
                currency=as_text(result.get("currency")).upper() or "USD",
                amount=cents / CENTS,
                model=model,
                group="" if model else as_text(result.get("cost_type")),
            )
        )
    return costs


def _usage(
    context: FetchContext, url: str, since: str, headers: Mapping[str, str]
) -> list[ReportedUsage]:
    found = (
        _reported_usage(_date(bucket), result)
        for bucket, result in iter_results(context, url, _query(since, "model"), headers)
    )
    return [one for one in found if one is not None]


def _reported_usage(date: str, result: Mapping[str, Any]) -> ReportedUsage | None:
    fresh = as_count(result.get("uncached_input_tokens"))
    output = as_count(result.get("output_tokens"))
    if not date or (fresh is None and output is None):
        return None
    cached = as_count(result.get("cache_read_input_tokens"))
    writes = as_object(result.get("cache_creation"))
    written = sum(
        count_or_zero(writes.get(name))
        for name in ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
    )
    return ReportedUsage(
        window="1d",
        date=date,
        model=as_text(result.get("model")),
        input=fresh,
        cache_read=cached,
        output=output,
        cache_write=written,
        total=(fresh or 0) + (cached or 0) + written + (output or 0),
    )


def _date(bucket: Mapping[str, Any]) -> str:
    start_ms = as_epoch_ms(bucket.get("starting_at"))
    return "" if start_ms is None else utc_date(start_ms)
