"""
OpenRouter: credits, spend by day, week and month, and activity by model.

kind: api
reads: GET /key, /credits, /keys and /activity of openrouter.ai/api/v1
env: OPENROUTER_API_KEY
"""

from __future__ import annotations

from typing import Final

from openusaged.core.models import Account, UsageSnapshot
from openusaged.providers.base import (
    FetchContext,
    KeyVariable,
    MetricSpec,
    Provider,
    ProviderSpec,
    WidgetSpec,
)


def _spend(key: str, label: str, window: str, moves: str = "") -> MetricSpec:
    return MetricSpec(
        key=key, label=label, unit="USD", window=window, money_kind="billed", moves=moves
    )


def _own_key(key: str, label: str, window: str) -> MetricSpec:
    # Paid to the upstream provider whose key it is: what it cost there OpenRouter only estimates.
    return MetricSpec(key=key, label=label, unit="USD", window=window, money_kind="estimate")


def _activity(window: str, words: str) -> tuple[MetricSpec, ...]:
    tokens = (
        ("tokens", "Tokens"),
        ("input_tokens", "Uncached input"),
        ("cached_tokens", "Cached input"),
        ("output_tokens", "Output"),
        ("reasoning_tokens", "Reasoning"),
    )
    return (
        _spend(f"analytics_{window}_cost", f"Spend, {words}", window),
        _own_key(f"analytics_{window}_byok_cost", f"Own-key cost, {words}", window),
        MetricSpec(
            key=f"analytics_{window}_requests",
            label=f"Requests, {words}",
            unit="requests",
            window=window,
        ),
        *(
            MetricSpec(
                key=f"analytics_{window}_{name}",
                label=f"{label}, {words}",
                unit="tokens",
                window=window,
            )
            for name, label in tokens
        ),
    )


def _count(key: str, label: str, unit: str, window: str) -> MetricSpec:
    return MetricSpec(key=key, label=label, unit=unit, window=window)


SPEC: Final = ProviderSpec(
    id="openrouter",
    title="OpenRouter",
    description="Credits, key limits, spend and the last 30 days by model and upstream provider",
    kind="api",
    auth="api_key",
    history=True,
    setup="Set OPENROUTER_API_KEY; a management key also shows all keys and the activity.",
    base_url="https://openrouter.ai/api/v1",
    keys=(
        KeyVariable(
            name="OPENROUTER_API_KEY", account_id="openrouter", short_names=("openrouter",)
        ),
    ),
    metrics=(
        _spend("credit_balance", "Credits", "lifetime", "cumulative"),
        _spend("credits", "Spend of the key", "lifetime", "cumulative"),
        _spend("limit_remaining", "Key limit", "current_period"),
        _spend("usage_daily", "Spend today", "1d"),
        _spend("usage_weekly", "Spend this week", "7d"),
        _spend("usage_monthly", "Spend this month", "month"),
        _own_key("byok_usage", "Own-key cost", "lifetime"),
        _own_key("byok_daily", "Own-key cost today", "1d"),
        _own_key("byok_weekly", "Own-key cost this week", "7d"),
        _own_key("byok_monthly", "Own-key cost this month", "month"),
        _count("rpm", "Request limit", "requests", "10s"),
        _count("keys_total", "API keys", "keys", "account"),
        _count("keys_active", "Active API keys", "keys", "account"),
        _count("keys_disabled", "Disabled API keys", "keys", "account"),
        *_activity("7d", "7 days"),
        *_activity("30d", "30 days"),
        _count("analytics_active_days", "Days with activity", "days", "30d"),
        _count("analytics_active_models", "Models used", "models", "30d"),
        _count("analytics_active_providers", "Upstream providers used", "providers", "30d"),
    ),
    dashboard=WidgetSpec(gauges=("credit_balance", "limit_remaining"), sections=("models",)),
    detail=WidgetSpec(
        gauges=("credit_balance", "limit_remaining"),
        sections=("models", "reported", "trend"),
    ),
    # The activity covers completed days and the other figures cost three calls a poll.
    min_poll_s=300.0,
)


def fetch(context: FetchContext, account: Account) -> UsageSnapshot:
    """
    Limits and spend of the key, credits of the account, activity by model.

    Raises:
        AuthRequired, RateLimited, Unreachable, UpstreamChanged: as the key's own call failed.
    """
    from openusaged.providers.openrouter import account_api

    return account_api.fetch(context, account, SPEC)


PROVIDER: Final = Provider(spec=SPEC, fetch=fetch)
