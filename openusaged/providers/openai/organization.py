"""
The organisation's own reports: what each day cost by line item, and used by model.

Only admin keys may read them.  The cost report decides whether the key works; token usage is a
second call whose failure costs only the tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from openusaged.core.models import Account, ReportedUsage, UsageSnapshot
from openusaged.providers.base import FetchContext
from openusaged.providers.shared.json_values import (
    as_count,
    as_number,
    as_object,
    as_text,
    count_or_zero,
)
from openusaged.providers.shared.report_pages import (
    DailyCost,
    first_day,
    iter_results,
    joined,
    rows_or_error,
    spend_snapshot,
)

_START: Final = "start_time"
_GROUP: Final = "group_by"


def fetch(
    context: FetchContext, account: Account, base: str, headers: Mapping[str, str]
) -> UsageSnapshot:
    """
    Spend of today and this month, and the reports of the last 31 days.

    Raises:
        ProviderError: the cost report could not be had.
    """
    since = (_START, str(round(first_day(context.now_ms()).timestamp())))
    cost_results = iter_results(
        context,
        f"{base}/organization/costs",
        headers,
        since=since,
        group=(_GROUP, "line_item"),
    )
    costs = [cost for date, result in cost_results if (cost := _cost(date, result)) is not None]
    usage_results = iter_results(
        context,
        f"{base}/organization/usage/completions",
        headers,
        since=since,
        group=(_GROUP, "model"),
    )
    usage, error = rows_or_error(_reported_usage(date, result) for date, result in usage_results)
    reported = joined(usage, _by_model(costs, {one.model for one in usage}))
    return spend_snapshot(context, account, costs, reported, error)


def _cost(date: str, result: Mapping[str, Any]) -> DailyCost | None:
    amount = as_object(result.get("amount"))
    value = as_number(amount.get("value"))
    if value is None:
        return None
    currency = as_text(amount.get("currency")).upper() or "USD"
    return DailyCost(date, currency, value, model="", group=as_text(result.get("line_item")))


def _by_model(costs: Iterable[DailyCost], models: set[str]) -> Iterator[DailyCost]:
    """Line items such as `gpt-4.1-mini-2025-04-14, cached input` put to the model they name."""
    for cost in costs:
        model = cost.group.rpartition(", ")[0]
        yield cost._replace(model=model, group="") if model and model in models else cost


def _reported_usage(date: str, result: Mapping[str, Any]) -> ReportedUsage | None:
    prompt, output = as_count(result.get("input_tokens")), as_count(result.get("output_tokens"))
    if prompt is None and output is None:
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
