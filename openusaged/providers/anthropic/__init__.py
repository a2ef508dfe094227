"""
Anthropic: rate limits of an API key; spend and tokens of the organisation with an admin key.

kind: api
reads: GET /v1/models; with an admin key /v1/organizations/cost_report, usage_report/messages
env: ANTHROPIC_API_KEY, ANTHROPIC_ADMIN_KEY
"""

from __future__ import annotations

from typing import Final

from openusaged.core.models import Account, UsageSnapshot
from openusaged.providers.base import (
    FetchContext,
    KeyVariable,
    Provider,
    ProviderSpec,
    WidgetSpec,
)
from openusaged.providers.shared.api import require_key, versioned_url_of
from openusaged.providers.shared.key_probe import ask, limits_message, snapshot_of
from openusaged.providers.shared.rate_headers import HeaderGroup
from openusaged.providers.shared.report_pages import MONTH_SPEND, TODAY_SPEND

API_VERSION: Final = "2023-06-01"
ADMIN_PREFIX: Final = "sk-ant-admin"
"""Admin keys may read reports of the organisation and nothing else, model lists included."""


def _group(key: str, label: str, unit: str, name: str) -> HeaderGroup:
    stem = f"anthropic-ratelimit-{name}"
    return HeaderGroup(
        key=key,
        label=label,
        unit=unit,
        window="1m",
        limit=f"{stem}-limit",
        remaining=f"{stem}-remaining",
        reset=f"{stem}-reset",
    )


GROUPS: Final = (
    _group("rpm", "Requests per minute", "requests", "requests"),
    _group("tpm", "Tokens per minute", "tokens", "tokens"),
    _group("itpm", "Input tokens per minute", "tokens", "input-tokens"),
    _group("otpm", "Output tokens per minute", "tokens", "output-tokens"),
)

SPEC: Final = ProviderSpec(
    id="anthropic",
    title="Anthropic",
    description="Rate limits of an API key; with an admin key, spend and tokens per day",
    kind="api",
    auth="api_key",
    history=True,
    setup="Set ANTHROPIC_API_KEY, or an admin key for spend.",
    metrics=(*(group.metric for group in GROUPS), MONTH_SPEND, TODAY_SPEND),
    dashboard=WidgetSpec(gauges=("rpm", "tpm")),
    detail=WidgetSpec(gauges=("rpm", "tpm", "itpm", "otpm")),
    min_poll_s=300.0,
    base_url="https://api.anthropic.com/v1",
    keys=(
        KeyVariable(name="ANTHROPIC_API_KEY", account_id="anthropic", short_names=("anthropic",)),
        KeyVariable(name="ANTHROPIC_ADMIN_KEY", account_id="anthropic-admin"),
    ),
)


def fetch(context: FetchContext, account: Account) -> UsageSnapshot:
    """The key's limits as far as a free call tells them, or the organisation's reports."""
    key = require_key(context, account, SPEC)
    base = versioned_url_of(account, SPEC)
    # No Authorization header: that is for OAuth tokens, and both together are refused.
    headers = {
        "x-api-key": key,
        "anthropic-version": API_VERSION,
        "User-Agent": context.user_agent,
    }
    if key.startswith(ADMIN_PREFIX):
        from openusaged.providers.anthropic import organization

        return organization.fetch(context, account, base, headers)
    probe = ask(context, f"{base}/models?limit=1", headers, GROUPS)
    probe.objects("data")
    return snapshot_of(context, account, probe, message=limits_message(SPEC.title, probe.limits))


PROVIDER: Final = Provider(spec=SPEC, fetch=fetch)
