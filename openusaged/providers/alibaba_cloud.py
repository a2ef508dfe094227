"""
Alibaba Cloud Model Studio: balance, spend and quotas per model, where the key may read them.

kind: api
reads: GET /quotas; where that is unknown the list of models
env: ALIBABA_CLOUD_API_KEY, DASHSCOPE_API_KEY
"""

from __future__ import annotations

import http
from collections.abc import Iterable, Mapping
from typing import Any, Final

from openusaged.core.errors import AuthRequired, ProviderError, UpstreamChanged
from openusaged.core.models import (
    ACCOUNT_LIMITED,
    ACCOUNT_NEAR_LIMIT,
    ACCOUNT_OK,
    Account,
    LimitMetric,
    UsageSnapshot,
)
from openusaged.providers.base import (
    FetchContext,
    KeyVariable,
    MetricSpec,
    Provider,
    ProviderSpec,
    WidgetSpec,
)
from openusaged.providers.shared.api import base_url_of, bearer, require_key
from openusaged.providers.shared.figures import Figures
from openusaged.providers.shared.json_values import as_epoch_ms, as_number, as_object, as_text
from openusaged.providers.shared.key_probe import (
    FULL_PERCENT,
    NEAR_PERCENT,
    Probe,
    ask,
    judged,
    limits_message,
    snapshot_of,
)

CURRENCY: Final = "USD"
"""What the answer's numbers are taken for when it names no currency."""
GOOD_CODES: Final = ("", "success")
_UNKNOWN_PATH: Final = frozenset({http.HTTPStatus.BAD_REQUEST, http.HTTPStatus.NOT_FOUND})
"""DashScope answers 400 ("url error") or 404 to a path it does not know."""


def _money(key: str, label: str, window: str, moves: str = "") -> MetricSpec:
    return MetricSpec(
        key=key, label=label, unit=CURRENCY, window=window, money_kind="billed", moves=moves
    )


SPEC: Final = ProviderSpec(
    id="alibaba_cloud",
    title="Alibaba Cloud Model Studio",
    description="Balance, spend and quotas per model, where the key may read them",
    kind="api",
    auth="api_key",
    setup="Set ALIBABA_CLOUD_API_KEY or DASHSCOPE_API_KEY; outside China also a base_url.",
    metrics=(
        MetricSpec(key="rpm", label="Requests per minute", unit="requests", window="1m"),
        MetricSpec(key="tpm", label="Tokens per minute", unit="tokens", window="1m"),
        _money("credit_balance", "Credit", "current"),
        _money("available_balance", "Available", "current", "balance"),
        _money("spend_limit", "Spend limit", "current"),
        _money("daily_spend", "Spend today", "1d", "cumulative"),
        _money("monthly_spend", "Spend of 30 days", "30d", "cumulative"),
        MetricSpec(key="tokens_used", label="Tokens used", unit="tokens", window="current"),
        MetricSpec(key="requests_used", label="Requests", unit="requests", window="current"),
        MetricSpec(key="model_usage", label="Model quota", unit="%", window="current"),
        MetricSpec(key="model_used", label="Used of model", unit="units", window="current"),
    ),
    dashboard=WidgetSpec(gauges=("model_usage", "available_balance")),
    detail=WidgetSpec(gauges=("model_usage", "available_balance", "rpm")),
    base_url="https://dashscope.aliyuncs.com/api/v1",
    keys=(
        KeyVariable(
            name="ALIBABA_CLOUD_API_KEY",
            account_id="alibaba_cloud",
            short_names=("alibaba", "qwen"),
        ),
        KeyVariable(name="DASHSCOPE_API_KEY", account_id="alibaba_cloud"),
    ),
)


def fetch(context: FetchContext, account: Account) -> UsageSnapshot:
    """
    The quotas; where the vendor does not serve them, whether the key works.

    Raises:
        AuthRequired: no key, or it was refused.
        ProviderError: the vendor named an error of its own, or nothing usable came back.
    """
    headers = bearer(require_key(context, account, SPEC), context)
    base = base_url_of(account, SPEC)
    response = context.http.send("GET", f"{base}/quotas", headers=headers)
    if response.status in _UNKNOWN_PATH:
        return _only_the_key(context, account, _models_url(account, base), headers)
    probe = judged(context, response, ())
    figures = Figures(SPEC)
    if not probe.is_limited:
        _require_success(probe)
        _add_figures(figures, as_object(probe.body["data"]))
    models = [one for key, one in figures.metrics.items() if key.startswith("model_usage:")]
    return snapshot_of(
        context,
        account,
        probe,
        status=_status(models),
        message=_message(figures),
        metrics=figures.metrics.values(),
        attributes=figures.attributes,
    )


def _only_the_key(
    context: FetchContext, account: Account, url: str, headers: Mapping[str, str]
) -> UsageSnapshot:
    probe = ask(context, url, headers)
    probe.objects("data")
    return snapshot_of(
        context,
        account,
        probe,
        message=limits_message(SPEC.title, probe.limits),
        attributes={"quotas_error": "not served to this key"},
    )


def _models_url(account: Account, base: str) -> str:
    """The list of models lies beside the API, in the part that speaks OpenAI's dialect."""
    host = base.removesuffix("/v1").removesuffix("/api")
    return account.options.get("models_url") or f"{host}/compatible-mode/v1/models"


def _require_success(probe: Probe) -> None:
    code = as_text(probe.body.get("code"))
    if "apikey" in code.lower().replace(".", ""):
        raise AuthRequired(f"{probe.place}: the key was refused ({code[:40]})")
    if code.lower() not in GOOD_CODES:
        # Only the code: the text beside it may repeat what was sent.
        raise ProviderError(f"{probe.place}: API error {code[:40]}")
    if not isinstance(probe.body.get("data"), Mapping):
        raise UpstreamChanged(probe.place, "no quotas in the answer")


def _add_figures(figures: Figures, data: Mapping[str, Any]) -> None:
    currency = as_text(data.get("currency")).upper()
    figures.note("currency", currency or f"{CURRENCY} (assumed)")
    # Balances are what is left: as limits, where others put them, they would show nothing.
    for key, name in (("credit_balance", "credits"), ("available_balance", "available")):
        amount = as_number(data.get(name))
        if amount is not None:
            figures.add(key, unit=currency, remaining=amount)
    for key in ("daily_spend", "monthly_spend"):
        amount = as_number(data.get(key))
        if amount is not None:
            figures.add(key, unit=currency, used=amount)
    cap = as_number(data.get("spend_limit"))
    if cap is not None:
        figures.add("spend_limit", unit=currency, limit=cap)
    for key in ("tokens_used", "requests_used"):
        count = as_number(data.get(key))
        if count is not None:
            figures.add(key, used=count)
    _add_rates(figures, as_object(data.get("rate_limit")))
    for name, quota in as_object(data.get("models")).items():
        _add_model(figures, name.strip(), as_object(quota))
    period = as_object(data.get("billing_period"))
    figures.note("billing_cycle_start", as_text(period.get("start")))
    figures.note("billing_cycle_end", as_text(period.get("end")))


def _add_rates(figures: Figures, rates: Mapping[str, Any]) -> None:
    requests, tokens = as_number(rates.get("rpm")), as_number(rates.get("tpm"))
    if requests is not None and requests >= 0:
        figures.add(
            "rpm",
            limit=requests,
            remaining=as_number(rates.get("remaining")),
            resets_at_ms=as_epoch_ms(rates.get("reset_time")),
        )
    if tokens is not None and tokens >= 0:
        figures.add("tpm", limit=tokens)


def _add_model(figures: Figures, name: str, quota: Mapping[str, Any]) -> None:
    used, limit = as_number(quota.get("used")), as_number(quota.get("limit"))
    if not name or used is None:
        return
    figures.add(f"model_used:{name}", used=used, limit=limit)
    if limit is not None and limit > 0:
        figures.add_percent(f"model_usage:{name}", used / limit * 100)


def _status(models: Iterable[LimitMetric]) -> str:
    """A model that is used up leaves the others: only all of them together are the limit."""
    used = [metric.used or 0.0 for metric in models]
    if used and min(used) >= FULL_PERCENT:
        return ACCOUNT_LIMITED
    return ACCOUNT_NEAR_LIMIT if used and max(used) >= NEAR_PERCENT else ACCOUNT_OK


def _message(figures: Figures) -> str:
    balance = figures.metrics.get("available_balance")
    if balance is not None:
        return f"{balance.remaining or 0:.2f} {balance.unit} available"
    if figures.metrics:
        return "Quotas read"
    return limits_message(SPEC.title, ())


PROVIDER: Final = Provider(spec=SPEC, fetch=fetch)
