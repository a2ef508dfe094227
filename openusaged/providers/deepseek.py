"""
DeepSeek: balance of an account, by currency.

kind: api
reads: GET /user/balance; where that fails /v1/models
env: DEEPSEEK_API_KEY
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from openusaged.core.errors import AuthRequired, ProviderError
from openusaged.core.models import (
    ACCOUNT_LIMITED,
    ACCOUNT_NEAR_LIMIT,
    ACCOUNT_OK,
    Account,
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
from openusaged.providers.shared.json_values import as_number, as_text
from openusaged.providers.shared.key_probe import ask, snapshot_of
from openusaged.providers.shared.rate_headers import STANDARD

BALANCES: Final = ("total_balance", "granted_balance", "topped_up_balance")
LOW_BALANCE: Final = {"USD": 1.0, "CNY": 7.0}
"""Less than this is worth a warning: about one dollar."""
DEFAULT_CURRENCY: Final = "CNY"

SPEC: Final = ProviderSpec(
    id="deepseek",
    title="DeepSeek",
    description="Balance of an account, by currency",
    kind="api",
    auth="api_key",
    setup="Set DEEPSEEK_API_KEY.",
    metrics=(
        MetricSpec(
            key="total_balance",
            label="Balance",
            unit=DEFAULT_CURRENCY,
            window="current",
            money_kind="billed",
            moves="balance",
        ),
        MetricSpec(
            key="granted_balance",
            label="Granted, expires",
            unit=DEFAULT_CURRENCY,
            window="current",
            money_kind="billed",
        ),
        MetricSpec(
            key="topped_up_balance",
            label="Topped up",
            unit=DEFAULT_CURRENCY,
            window="current",
            money_kind="billed",
        ),
        *(group.metric for group in STANDARD),
    ),
    dashboard=WidgetSpec(gauges=("total_balance",)),
    detail=WidgetSpec(gauges=("total_balance", "rpm", "tpm")),
    base_url="https://api.deepseek.com",
    keys=(KeyVariable(name="DEEPSEEK_API_KEY", account_id="deepseek", short_names=("deepseek",)),),
)


def fetch(context: FetchContext, account: Account) -> UsageSnapshot:
    """
    The balance; when only that cannot be had, whether the key works.

    Raises:
        AuthRequired: no key, or it was refused.
        ProviderError: neither call gave a usable answer.
    """
    headers = bearer(require_key(context, account, SPEC), context)
    # The documented address has no version; SDKs are given one, so both circulate.
    base = base_url_of(account, SPEC).removesuffix("/v1")
    try:
        probe = ask(context, f"{base}/user/balance", headers)
        entries = probe.objects("balance_infos")
    except AuthRequired:
        raise
    except ProviderError as error:
        return _without_balance(context, account, f"{base}/v1/models", headers, str(error))
    figures = Figures(SPEC)
    totals = _add_balances(figures, entries)
    available = probe.body.get("is_available")
    if isinstance(available, bool):
        figures.note("account_available", str(available).lower())
    return snapshot_of(
        context,
        account,
        probe,
        status=_status(available, totals),
        message=_message(available, totals),
        metrics=figures.metrics.values(),
        attributes=figures.attributes,
    )


def _without_balance(
    context: FetchContext, account: Account, url: str, headers: Mapping[str, str], reason: str
) -> UsageSnapshot:
    probe = ask(context, url, headers)
    probe.objects("data")
    return snapshot_of(
        context,
        account,
        probe,
        message="The key works; the balance could not be had",
        attributes={"balance_error": reason},
    )


def _add_balances(figures: Figures, entries: list[Mapping[str, Any]]) -> dict[str, float]:
    """
    The figures of each currency, dollars (else the first) under the plain keys.

    Returns the totals by currency: unlike currencies are never added.
    """
    by_currency = {
        as_text(entry.get("currency")).upper() or DEFAULT_CURRENCY: entry for entry in entries
    }
    main = "USD" if "USD" in by_currency else next(iter(by_currency), "")
    totals = {}
    for currency in sorted(by_currency, key=lambda name: name != main):
        for key in BALANCES:
            # Amounts are texts; one that is no number is unknown, not zero.
            amount = as_number(by_currency[currency].get(key))
            if amount is None:
                continue
            figures.add(
                key if currency == main else f"{key}:{currency}", remaining=amount, unit=currency
            )
            if key == "total_balance":
                totals[currency] = amount
    return totals


def _status(available: object, totals: Mapping[str, float]) -> str:
    """`is_available` is the vendor's word for "the balance suffices for calls"."""
    if available is False or (totals and max(totals.values()) <= 0):
        return ACCOUNT_LIMITED
    is_low = all(amount < LOW_BALANCE.get(currency, 1.0) for currency, amount in totals.items())
    return ACCOUNT_NEAR_LIMIT if totals and is_low else ACCOUNT_OK


def _message(available: object, totals: Mapping[str, float]) -> str:
    balance = ", ".join(f"{amount:.2f} {currency}" for currency, amount in totals.items())
    if not balance:
        balance = "unknown"
    if available is False:
        return f"Balance does not suffice for calls: {balance}"
    return f"Balance: {balance}"


PROVIDER: Final = Provider(spec=SPEC, fetch=fetch)
