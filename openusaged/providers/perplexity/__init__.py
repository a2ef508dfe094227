"""
Perplexity: balance, spend and 30 days of usage from the API console.

kind: api
reads: GET /rest/pplx-api/v2/groups of console.perplexity.ai with the browser's session
env: none
"""

from __future__ import annotations

from typing import Final

from openusaged.core.models import Account, UsageSnapshot
from openusaged.providers.base import (
    CookieSpec,
    FetchContext,
    MetricSpec,
    Provider,
    ProviderSpec,
    WidgetSpec,
)


def _meter(key: str, label: str, unit: str) -> MetricSpec:
    return MetricSpec(key=key, label=f"{label}, 30 days", unit=unit, window="30d")


def _money(key: str, label: str, window: str = "", moves: str = "") -> MetricSpec:
    return MetricSpec(
        key=key, label=label, unit="USD", window=window, money_kind="billed", moves=moves
    )


SPEC: Final = ProviderSpec(
    id="perplexity",
    title="Perplexity",
    description="API balance, spend, usage tier and 30 days of tokens, searches and requests",
    kind="api",
    auth="cookie",
    history=True,
    setup="Log in at console.perplexity.ai, then import that browser session in the settings.",
    base_url="https://console.perplexity.ai",
    cookie=CookieSpec(domain=".perplexity.ai", name="__Secure-next-auth.session-token"),
    metrics=(
        _money("available_balance", "Balance", "current"),
        _money("pending_balance", "Pending charges", "current"),
        _money("total_spend", "Spend", "lifetime", "cumulative"),
        _money("auto_top_up_amount", "Automatic top-up"),
        _money("auto_top_up_threshold", "Top-up below"),
        MetricSpec(key="usage_tier", label="Usage tier", unit="tier"),
        _meter("requests_window", "Requests", "requests"),
        _meter("input_tokens_window", "Input tokens", "tokens"),
        _meter("output_tokens_window", "Output tokens", "tokens"),
        _meter("citation_tokens_window", "Citation tokens", "tokens"),
        _meter("reasoning_tokens_window", "Reasoning tokens", "tokens"),
        _meter("search_queries_window", "Search queries", "queries"),
        _meter("pro_search_window", "Pro searches", "requests"),
    ),
    detail=WidgetSpec(sections=("models", "reported", "trend")),
    # Not an API but a website: asked as rarely as a person would look.
    min_poll_s=300.0,
)


def fetch(context: FetchContext, account: Account) -> UsageSnapshot:
    """
    Balance, spend and usage of the organisation that the browser is logged in to.

    Raises:
        AuthRequired: no session, or it has expired.
        RateLimited, Unreachable, UpstreamChanged: as the console failed.
    """
    from openusaged.providers.perplexity import console

    return console.fetch(context, account, SPEC)


PROVIDER: Final = Provider(spec=SPEC, fetch=fetch)
