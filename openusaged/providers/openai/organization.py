"""
The organisation's own reports: what each day cost by line item, and used by model.

Only admin keys may read them.  The cost report decides whether the key works; token usage is a
second call whose failure costs only the tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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
"""The most daily buckets that the usage report gives in one page; covers every month so far."""


def fetch(
    context: FetchContext, account: Account, base: str, headers: Mapping[str, str]
) -> UsageSnapshot:
    """
    Spend of today and this month, and the reports of the last 31 days.

    Raises:
        ProviderError: the cost report could not be had.
    """
    now_ms = context.now_ms()
    since_s = round(day_start(now_ms, days_before=DAYS - 1).timestamp())
    costs = _costs(context, f"{base}/organization/costs", since_s, headers)
    error = ""
    try:
        usage = _usage(context, f"{base}/organization/usage/completions", since_s, headers)
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
        reported=joined(usage, _by_model(costs, {one.model for one in usage})),
    )


def _query(since_s: int, group: str) -> list[tuple[str, str]]:
    return [
        ("start_time", str(since_s)),
        ("bucket_width", "1d"),
        ("limit", str(DAYS)),
        ("group_by", group),
    ]


def _costs(
    context: FetchContext, url: str, since_s: int, headers: Mapping[str, str]
) -> list[DailyCost]:
    costs = []
    for bucket, result in iter_results(context, url, _query(since_s, "line_item"), headers):
        amount = as_object(result.get("amount"))
        value = as_number(amount.get("value"))
        date = _date(bucket)
        if value is not None and date:
            currency = as_text(amount.get("currency")).upper() or "USD"
            item = as_text(result.get("line_item"))
            costs.append(DailyCost(date, currency, value, model="", group=item))
    return costs


def _by_model(costs: Iterable[DailyCost], models: set[str]) -> Iterator[DailyCost]:
    """Line items such as `gpt-4.1-mini-2025-04-14, cached input` put to the model they name."""
    for cost in costs:
        model = cost.group.rpartition(", ")[0]
        yield cost._replace(model=model, group="") if model and model in models else cost


def _usage(
    context: FetchContext, url: str, since_s: int, headers: Mapping[str, str]
) -> list[ReportedUsage]:
    found = (
        _reported_usage(_date(bucket), result)
        for bucket, result in iter_results(context, url, _query(since_s, "model"), headers)
    )
    return [one for one in found if one is not None]


def _reported_usage(date: str, result: Mapping[str, Any]) -> ReportedUsage | None:
    prompt, output = as_count(result.get("input_tokens")), as_count(result.get("output_tokens"))
    if not date or (prompt is None and output is None):
        return None
    # The report counts cached input inside the input.
    cached = min(count_or_zero(result.get("input_cached_tokens")), prompt or 0)
    return ReportedUsage(
        window="1d",
        date=date,
        model=as_text(result.get("model")),
        input=None if prompt is None else prompt - cached,
        cache_read=cached,
        output=output,
        requests=as_count(result.get("num_model_requests")),
    )


def _date(bucket: Mapping[str, Any]) -> str:
    start_ms = as_epoch_ms(bucket.get("start_time"))
    return "" if start_ms is None else utc_date(start_ms)
