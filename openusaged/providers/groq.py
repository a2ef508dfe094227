"""
Groq: rate limits of an API key.

kind: api
reads: GET /models
env: GROQ_API_KEY
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from openusaged.core.models import ACCOUNT_LIMITED, Account, LimitMetric, UsageSnapshot
from openusaged.providers.base import (
    FetchContext,
    KeyVariable,
    Provider,
    ProviderSpec,
    WidgetSpec,
)
from openusaged.providers.shared.api import base_url_of, bearer, require_key
from openusaged.providers.shared.key_probe import (
    Probe,
    judged,
    limits_message,
    snapshot_of,
    status_of,
)
from openusaged.providers.shared.rate_headers import TOKENS_PER_MINUTE, HeaderGroup, read_groups

FLEX_CAPACITY_EXCEEDED: Final = 498
"""Groq's own status: no room for requests of the flex tier."""


def _per_day(key: str, label: str, unit: str, name: str) -> HeaderGroup:
    return HeaderGroup(
        key=key,
        label=label,
        unit=unit,
        window="1d",
        limit=f"x-ratelimit-limit-{name}",
        remaining=f"x-ratelimit-remaining-{name}",
        reset=f"x-ratelimit-reset-{name}",
    )


# Groq documents its `requests` trio as per day and its `tokens` trio as per minute.  The `-day`
# names are what vendors with both use; they count only where the documented ones are missing.
GROUPS: Final = (
    _per_day("rpd", "Requests per day", "requests", "requests"),
    TOKENS_PER_MINUTE,
    _per_day("tpd", "Tokens per day", "tokens", "tokens-day"),
)
DAY_NAMES: Final = (_per_day("rpd", "Requests per day", "requests", "requests-day"),)

SPEC: Final = ProviderSpec(
    id="groq",
    title="Groq",
    description="Requests per day and tokens per minute of an API key",
    kind="api",
    auth="api_key",
    setup="Set GROQ_API_KEY.",
    metrics=tuple(group.metric for group in GROUPS),
    dashboard=WidgetSpec(gauges=("rpd", "tpm")),
    detail=WidgetSpec(gauges=("rpd", "tpm", "tpd")),
    base_url="https://api.groq.com/openai/v1",
    keys=(KeyVariable(name="GROQ_API_KEY", account_id="groq", short_names=("groq",)),),
)


def fetch(context: FetchContext, account: Account) -> UsageSnapshot:
    """The key's limits as far as the list of models tells them."""
    key = require_key(context, account, SPEC)
    response = context.http.send(
        "GET", f"{base_url_of(account, SPEC)}/models", headers=bearer(key, context)
    )
    limits = _limits(response.headers, context.now_ms())
    if response.status == FLEX_CAPACITY_EXCEEDED:
        return snapshot_of(
            context,
            account,
            Probe(retry_after_s=response.retry_after_s(context.now_ms() / 1000)),
            status=ACCOUNT_LIMITED,
            message=f"{response.place}: no room for flex requests (HTTP 498)",
            metrics=limits,
        )
    probe = judged(context, response, ())
    probe.objects("data")
    return snapshot_of(
        context,
        account,
        probe,
        # Minutes refill faster than anybody looks; a day's allowance is worth a warning.
        status=status_of(metric for metric in limits if metric.window == "1d"),
        message=limits_message(SPEC.title, limits),
        metrics=limits,
    )


def _limits(headers: Mapping[str, str], now_ms: int) -> tuple[LimitMetric, ...]:
    found = (*read_groups(headers, GROUPS, now_ms), *read_groups(headers, DAY_NAMES, now_ms))
    first: dict[str, LimitMetric] = {}
    for metric in found:
        first.setdefault(metric.key, metric)
    return tuple(first.values())


PROVIDER: Final = Provider(spec=SPEC, fetch=fetch)
