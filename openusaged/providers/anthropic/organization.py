"""
The organisation's own reports: what each day cost and used, by model.

Only admin keys may read them.  The cost report decides whether the key works; token usage is a
second call whose failure costs only the tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
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

_CENTS: Final = 100
"""Amounts are in the currency's smallest unit."""
_START: Final = "starting_at"
_GROUP: Final = "group_by[]"


def fetch(
    context: FetchContext, account: Account, base: str, headers: Mapping[str, str]
) -> UsageSnapshot:
    """
    Spend of today and this month, and the reports of the last 31 days.

    Raises:
        ProviderError: the cost report could not be had.
    """
    since = (_START, first_day(context.now_ms()).strftime("%Y-%m-%dT%H:%M:%SZ"))
    cost_results = iter_results(
        context,
        f"{base}/organizations/cost_report",
        headers,
        since=since,
        group=(_GROUP, "description"),
    )
    costs = [cost for date, result in cost_results if (cost := _cost(date, result)) is not None]
    usage_results = iter_results(
        context,
        f"{base}/organizations/usage_report/messages",
        headers,
        since=since,
        group=(_GROUP, "model"),
    )
    usage, error = rows_or_error(_reported_usage(date, result) for date, result in usage_results)
    return spend_snapshot(context, account, costs, joined(usage, costs), error)


def _cost(date: str, result: Mapping[str, Any]) -> DailyCost | None:
    cents = as_number(result.get("amount"))
    if cents is None:
        return None
    model = as_text(result.get("model"))
    return DailyCost(
        date=date,
        currency=as_text(result.get("currency")).upper() or "USD",
        amount=cents / _CENTS,
        model=model,
        group="" if model else as_text(result.get("cost_type")),
    )


def _reported_usage(date: str, result: Mapping[str, Any]) -> ReportedUsage | None:
    fresh = as_count(result.get("uncached_input_tokens"))
    output = as_count(result.get("output_tokens"))
    if fresh is None and output is None:
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
