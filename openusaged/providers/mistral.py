"""
Mistral AI: spend and budget of the month, credit, tokens by model, rate limits.

kind: api
reads: GET /models, /billing/subscription, /billing/usage
env: MISTRAL_API_KEY
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from openusaged.core.errors import AuthRequired, ProviderError
from openusaged.core.models import Account, ReportedUsage, UsageSnapshot
from openusaged.providers.base import (
    FetchContext,
    KeyVariable,
    MetricSpec,
    Provider,
    ProviderSpec,
    WidgetSpec,
)
from openusaged.providers.shared.api import bearer, require_key, versioned_url_of
from openusaged.providers.shared.figures import Figures
from openusaged.providers.shared.json_values import (
    as_count,
    as_list,
    as_number,
    as_object,
    as_text,
)
from openusaged.providers.shared.key_probe import (
    Probe,
    ask,
    ask_aside,
    limits_message,
    snapshot_of,
    status_of,
)
from openusaged.providers.shared.rate_headers import STANDARD, TOKENS_PER_MINUTE, HeaderGroup
from openusaged.providers.shared.utc_days import month_start, next_month_ms, utc_date

CURRENCY: Final = "EUR"
"""The answers name none; Mistral bills in euros."""

GROUPS: Final = (
    HeaderGroup(
        key="rpm",
        label="Requests per minute",
        unit="requests",
        window="1m",
        limit="ratelimit-limit",
        remaining="ratelimit-remaining",
        reset="ratelimit-reset",
    ),
    HeaderGroup(
        key="rpm_alt",
        label="Requests per minute (second count)",
        unit="requests",
        window="1m",
        limit=STANDARD[0].limit,
        remaining=STANDARD[0].remaining,
        reset=STANDARD[0].reset,
    ),
    TOKENS_PER_MINUTE,
)


def _money(key: str, label: str, window: str, moves: str = "") -> MetricSpec:
    return MetricSpec(
        key=key, label=label, unit=CURRENCY, window=window, money_kind="billed", moves=moves
    )


SPEC: Final = ProviderSpec(
    id="mistral",
    title="Mistral AI",
    description="Spend and budget of the month, credit, rate limits of an API key",
    kind="api",
    auth="api_key",
    history=True,
    setup="Set MISTRAL_API_KEY; spend needs a key that may read billing.",
    metrics=(
        _money("monthly_spend", "Spend this month", "month", "cumulative"),
        _money("monthly_budget", "Monthly budget", "month"),
        _money("credit_balance", "Credit", "current", "balance"),
        MetricSpec(
            key="monthly_input_tokens",
            label="Input tokens this month",
            unit="tokens",
            window="month",
        ),
        MetricSpec(
            key="monthly_output_tokens",
            label="Output tokens this month",
            unit="tokens",
            window="month",
        ),
        *(group.metric for group in GROUPS),
    ),
    dashboard=WidgetSpec(gauges=("monthly_spend", "rpm", "tpm")),
    detail=WidgetSpec(gauges=("monthly_spend", "rpm", "rpm_alt", "tpm")),
    base_url="https://api.mistral.ai/v1",
    keys=(KeyVariable(name="MISTRAL_API_KEY", account_id="mistral", short_names=("mistral",)),),
)


def fetch(context: FetchContext, account: Account) -> UsageSnapshot:
    """
    Limits from the list of models, money from the billing calls where the key may read them.

    Raises:
        AuthRequired: no key, or the list of models refused it.
        ProviderError: the list of models failed and billing told nothing.
    """
    headers = bearer(require_key(context, account, SPEC), context)
    base = versioned_url_of(account, SPEC)
    figures = Figures(SPEC)
    failure: ProviderError | None = None
    probe = Probe()
    try:
        probe = ask(context, f"{base}/models", headers, GROUPS)
        probe.objects("data")
    except AuthRequired:
        raise
    except ProviderError as error:
        failure = error
        figures.note("models_error", str(error))
    if not probe.is_limited:  # who is asked to wait does not go on asking
        _add_billing(context, base, headers, figures)
    if failure is not None and not figures.metrics:
        raise failure
    spend = figures.metrics.get("monthly_spend")
    return snapshot_of(
        context,
        account,
        probe if failure is None else Probe(),
        status=status_of([spend] if spend else []),
        message=limits_message(SPEC.title, probe.limits)
        if spend is None
        else f"{spend.used or 0:.2f} {CURRENCY} this month",
        metrics=figures.metrics.values(),
        attributes=figures.attributes,
        reported=figures.reported,
    )


def _add_billing(
    context: FetchContext, base: str, headers: Mapping[str, str], figures: Figures
) -> None:
    """Billing is not in the public reference: most keys are refused, and that is said only."""
    now_ms = context.now_ms()
    plan, error = ask_aside(context, f"{base}/billing/subscription", headers)
    figures.note("subscription_error", error)
    figures.note("plan", as_text(plan.get("plan")))
    budget = as_number(plan.get("monthly_budget"))
    credit = as_number(plan.get("credit_balance"))
    if budget is not None:
        figures.add("monthly_budget", limit=budget)
    if credit is not None:
        figures.add("credit_balance", remaining=credit)
    first = month_start(now_ms).date().isoformat()
    usage, error = ask_aside(
        context,
        f"{base}/billing/usage?start_date={first}&end_date={utc_date(now_ms)}",
        headers,
    )
    figures.note("usage_error", error)
    if not error:
        _add_usage(usage, budget, next_month_ms(now_ms), figures)


def _add_usage(
    usage: Mapping[str, Any], budget: float | None, resets_at_ms: int, figures: Figures
) -> None:
    rows = [as_object(row) for row in as_list(usage.get("data"))]
    spend = as_number(usage.get("total_cost"))
    if spend is None and isinstance(usage.get("data"), list):
        spend = sum(as_number(row.get("total_cost")) or 0.0 for row in rows)
    if spend is not None:
        figures.add(
            "monthly_spend",
            used=spend,
            limit=budget,
            remaining=None if budget is None else budget - spend,
            resets_at_ms=resets_at_ms,
        )
    for row in rows:
        cost = as_number(row.get("total_cost"))
        one = ReportedUsage(
            window="month",
            model=as_text(row.get("model")),
            input=as_count(row.get("input_tokens")),
            output=as_count(row.get("output_tokens")),
            cost=cost,
            currency="" if cost is None else CURRENCY,
            money_kind="" if cost is None else "billed",
        )
        if (one.input, one.output, one.cost) != (None, None, None):
            figures.reported.append(one)
    sums = {
        "monthly_input_tokens": sum(one.input or 0 for one in figures.reported),
        "monthly_output_tokens": sum(one.output or 0 for one in figures.reported),
    }
    if any(sums.values()):
        for key, tokens in sums.items():
            figures.add(key, used=float(tokens), resets_at_ms=resets_at_ms)


PROVIDER: Final = Provider(spec=SPEC, fetch=fetch)
