"""
Moonshot: balances and limits of the Kimi open platform.

kind: api
reads: GET /v1/users/me/balance and /v1/users/me of api.moonshot.ai or api.moonshot.cn
env: MOONSHOT_API_KEY
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from typing import Any, Final

from openusaged.core.errors import AuthRequired, ProviderError, UpstreamChanged
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
)
from openusaged.providers.shared.api import base_url_of, bearer, require_key
from openusaged.providers.shared.figures import Figures
from openusaged.providers.shared.json_values import as_number, as_object, as_text

CHINA_HOST: Final = ".moonshot.cn"
REGION_OPTION: Final = "service_region"
"""`china` or `international`, for a gateway whose address does not tell."""
LOW_BALANCE: Final = {"USD": 1.0, "CNY": 7.0}
"""What is worth a warning: about the same amount in either currency."""

_BALANCES: Final = ("available_balance", "cash_balance", "voucher_balance")
_LIMITS: Final = (
    ("rpm", "max_request_per_minute"),
    ("tpm", "max_token_per_minute"),
    ("concurrency_max", "max_concurrency"),
    ("total_token_quota", "max_token_quota"),
)

SPEC: Final = ProviderSpec(
    id="moonshot",
    title="Moonshot",
    description="Balance, vouchers and request limits of the Kimi open platform",
    kind="api",
    auth="api_key",
    setup="Set MOONSHOT_API_KEY; mainland keys also need the base URL https://api.moonshot.cn.",
    base_url="https://api.moonshot.ai",
    keys=(
        KeyVariable(
            name="MOONSHOT_API_KEY",
            account_id="moonshot-ai",
            short_names=("moonshot", "moonshotai"),
        ),
    ),
    metrics=(
        MetricSpec(
            key="available_balance",
            label="Balance",
            unit="USD",
            window="current",
            money_kind="billed",
            moves="balance",
        ),
        MetricSpec(
            key="cash_balance", label="Cash", unit="USD", window="current", money_kind="billed"
        ),
        MetricSpec(
            key="voucher_balance",
            label="Vouchers",
            unit="USD",
            window="current",
            money_kind="credits",
        ),
        MetricSpec(key="rpm", label="Requests per minute", unit="requests", window="1m"),
        MetricSpec(key="tpm", label="Tokens per minute", unit="tokens", window="1m"),
        MetricSpec(
            key="concurrency_max", label="Requests at a time", unit="requests", window="current"
        ),
        MetricSpec(key="total_token_quota", label="Token quota", unit="tokens", window="current"),
    ),
)


def fetch(context: FetchContext, account: Account) -> UsageSnapshot:
    """
    Balances, which decide the status, and the organisation's limits where they are told.

    The documented balance comes first: when its call fails, the undocumented one is not made.

    Raises:
        AuthRequired, RateLimited, Unreachable, UpstreamChanged: as the balance's call failed.
    """
    headers = bearer(require_key(context, account, SPEC), context)
    base = base_url_of(account, SPEC).removesuffix("/v1")
    is_china = _is_china(base, account.options.get(REGION_OPTION, ""))
    currency = "CNY" if is_china else "USD"
    figures = Figures(SPEC)
    figures.note("service_region", "china" if is_china else "international")
    figures.note("currency", currency)
    try:
        balance = _data(context, f"{base}/v1/users/me/balance", headers)
    except AuthRequired as error:
        raise AuthRequired(f"{error}; a key of the other region is refused as well") from error
    for name in _BALANCES:
        amount = as_number(balance.get(name))
        if amount is not None:
            figures.add(name, remaining=amount, unit=currency)
    available = as_number(balance.get("available_balance"))
    if available is None:
        raise UpstreamChanged("/v1/users/me/balance $.data", "no balance in the answer")
    try:
        _note_limits(figures, _data(context, f"{base}/v1/users/me", headers))
    except ProviderError as error:
        figures.failed("user_info", error)
    status, message = _verdict(available, currency)
    return figures.snapshot(context, account, status=status, message=message)


def _is_china(base: str, region: str) -> bool:
    return region == "china" or (
        not region and CHINA_HOST in (urllib.parse.urlsplit(base).hostname or "")
    )


def _data(context: FetchContext, url: str, headers: Mapping[str, str]) -> Mapping[str, Any]:
    """The data of an answer that is a success by the platform's own code as well."""
    body = as_object(context.http.get_json(url, headers=headers))
    place = urllib.parse.urlsplit(url).path
    code = as_number(body.get("code"))
    if body.get("status") is not True or code != 0:
        raise UpstreamChanged(place, f"answered with code {body.get('code')!r:.20}")
    return as_object(body.get("data"))


def _note_limits(figures: Figures, data: Mapping[str, Any]) -> None:
    organisation, user = as_object(data.get("organization")), as_object(data.get("user"))
    for key, name in _LIMITS:
        limit = as_number(organisation.get(name))
        if limit is not None and limit > 0:
            figures.add(key, limit=limit)
    tier = as_text(data.get("user_group_id")) or as_text(user.get("user_group_id"))
    figures.note("account_tier", tier)
    figures.note("user_state", as_text(user.get("user_state")))
    figures.note("org_id", as_text(organisation.get("id")))
    figures.note("project_id", as_text(as_object(data.get("project")).get("id")))
    figures.note("access_key_suffix", as_text(as_object(data.get("access_key")).get("id"))[-4:])


def _verdict(available: float, currency: str) -> tuple[str, str]:
    if available <= 0:
        return ACCOUNT_LIMITED, "The balance is used up"
    if available < LOW_BALANCE[currency]:
        return ACCOUNT_NEAR_LIMIT, f"Low balance: {available:.2f} {currency}"
    return ACCOUNT_OK, f"Balance: {available:.2f} {currency}"


PROVIDER: Final = Provider(spec=SPEC, fetch=fetch)
