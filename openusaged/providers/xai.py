"""
xAI (Grok): state and rate limits of an API key; credit and invoice with a management key.

kind: api
reads: GET /api-key, /models; with a management key the team's invoice preview and prepaid balance
env: XAI_API_KEY, XAI_MANAGEMENT_API_KEY, XAI_MANAGEMENT_KEY
"""

from __future__ import annotations

import http
import urllib.parse
from collections.abc import Mapping
from typing import Any, Final

from openusaged.core.errors import AuthRequired, ProviderError
from openusaged.core.models import Account, UsageSnapshot
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
from openusaged.providers.shared.json_values import as_list, as_number, as_object, as_text
from openusaged.providers.shared.key_probe import (
    Probe,
    ask_aside,
    judged,
    limits_message,
    snapshot_of,
)
from openusaged.providers.shared.rate_headers import STANDARD

MANAGEMENT_URL: Final = "https://management-api.x.ai"
MANAGEMENT_KEYS: Final = ("XAI_MANAGEMENT_API_KEY", "XAI_MANAGEMENT_KEY")
CENTS: Final = 100
MODEL_PREFIX: Final = "api-key:model:"
_STOPPED: Final = (
    ("api_key_disabled", "the key is disabled"),
    ("api_key_blocked", "the key is blocked"),
    ("team_blocked", "the key's team is blocked"),
)

SPEC: Final = ProviderSpec(
    id="xai",
    title="xAI (Grok)",
    description="State and rate limits of an API key; credit and invoice with a management key",
    kind="api",
    auth="api_key",
    setup="Set XAI_API_KEY; for credit also XAI_MANAGEMENT_API_KEY, a key that may read billing.",
    metrics=(
        MetricSpec(
            key="credits",
            label="Prepaid credit",
            unit="USD",
            window="current",
            money_kind="billed",
            moves="balance",
        ),
        MetricSpec(
            key="invoice_month",
            label="Next invoice so far",
            unit="USD",
            window="month",
            money_kind="billed",
            moves="cumulative",
        ),
        *(group.metric for group in STANDARD),
    ),
    dashboard=WidgetSpec(gauges=("credits", "rpm", "tpm")),
    detail=WidgetSpec(gauges=("credits", "rpm", "tpm")),
    base_url="https://api.x.ai/v1",
    keys=(KeyVariable(name="XAI_API_KEY", account_id="xai", short_names=("xai", "grok")),),
)


def fetch(context: FetchContext, account: Account) -> UsageSnapshot:
    """
    What the key says of itself, the team's money where it may be read, limits in headers.

    Raises:
        AuthRequired: no key, or it was refused, disabled or blocked.
        ProviderError: the list of models failed and no money is known.
    """
    headers = bearer(require_key(context, account, SPEC), context)
    base = versioned_url_of(account, SPEC)
    figures = Figures(SPEC)
    info, error = ask_aside(context, f"{base}/api-key", headers)
    figures.note("api_key_info_error", error)
    _add_key_info(figures, info)
    probe, failure = _models(context, f"{base}/models", headers)
    if not probe.is_limited:
        _add_money(context, account, figures, as_text(info.get("team_id")))
    if failure is not None:
        if not figures.metrics:
            raise failure
        figures.note("models_error", str(failure))
    credit = figures.metrics.get("credits")
    return snapshot_of(
        context,
        account,
        probe,
        message=limits_message(SPEC.title, probe.limits)
        if credit is None
        else f"{credit.remaining or 0:.2f} USD remaining",
        metrics=figures.metrics.values(),
        attributes=figures.attributes,
    )


def _models(
    context: FetchContext, url: str, headers: Mapping[str, str]
) -> tuple[Probe, ProviderError | None]:
    try:
        response = context.http.send("GET", url, headers=headers)
        if response.status == http.HTTPStatus.BAD_REQUEST and _is_about_the_key(response.body):
            raise AuthRequired(f"{response.place}: the key is not known (HTTP 400)")
        probe = judged(context, response)
        probe.objects("data")
    except AuthRequired:
        raise
    except ProviderError as error:
        return Probe(), error
    return probe, None


def _is_about_the_key(body: bytes) -> bool:
    # xAI answers 400 to a key it does not know, in words (some of them in URL's spelling) that
    # repeat parts of the key.
    return b"api key" in body.lower().replace(b"%20", b" ")


def _add_key_info(figures: Figures, info: Mapping[str, Any]) -> None:
    for name, reason in _STOPPED:
        if info.get(name) is True:
            raise AuthRequired(f"{reason}: see console.x.ai")
    name = as_text(info.get("name"))
    if "@" not in name:  # some people name a key after their address
        figures.note("api_key_name", name)
    figures.note("team_id", as_text(info.get("team_id")))
    figures.note("allowed_models", ", ".join(_allowed_models(info.get("acls"))))
    # An older form of the answer carried the balance.
    remaining = as_number(info.get("remaining_balance"))
    if remaining is not None:
        figures.add(
            "credits",
            remaining=remaining,
            used=as_number(info.get("spent_balance")),
            limit=as_number(info.get("total_granted")),
        )


def _allowed_models(acls: object) -> list[str]:
    """The models of the access list: texts with a prefix, or an object in an older form."""
    listed = [as_text(entry) for entry in as_list(acls)]
    names = [entry.removeprefix(MODEL_PREFIX) for entry in listed if entry.startswith(MODEL_PREFIX)]
    names += [as_text(entry) for entry in as_list(as_object(acls).get("allowed_models"))]
    return ["all"] if "*" in names else [name for name in names if name]


def _add_money(context: FetchContext, account: Account, figures: Figures, team_id: str) -> None:
    """
    Credit and invoice of the team, for whoever has a management key.

    The invoice preview is what the console shows.  The prepaid ledger is settled at the end of a
    cycle, so that in between it counts credit that is spent: it is asked only without a preview.
    """
    env = context.machine.env
    names = (account.options.get("management_key_env", ""), *MANAGEMENT_KEYS)
    key = next((value for name in names if (value := env.get(name, "").strip())), "")
    team_id = account.options.get("team_id") or team_id
    if not key or not team_id:
        return
    host = (account.options.get("management_url") or MANAGEMENT_URL).rstrip("/")
    team = f"{host}/v1/billing/teams/{urllib.parse.quote(team_id, safe='')}"
    headers = bearer(key, context)
    preview, error = ask_aside(context, f"{team}/postpaid/invoice/preview", headers)
    figures.note("invoice_error", error)
    invoice = as_object(preview.get("coreInvoice"))
    due = as_number(invoice.get("amountAfterVat"))
    if due is not None:
        figures.add("invoice_month", used=due / CENTS)
    credit = _credit(invoice.get("prepaidCredits"))
    if credit is not None:
        # The sign of what is used differs between answers; its size does not.
        used = abs(_credit(invoice.get("prepaidCreditsUsed")) or 0.0)
        figures.add("credits", limit=credit, used=used, remaining=credit - used)
        return
    balance, error = ask_aside(context, f"{team}/prepaid/balance", headers)
    figures.note("balance_error", error)
    remaining = _credit(balance.get("total"))
    if remaining is not None:
        figures.add("credits", remaining=remaining)
        figures.note("credits_source", "ledger")


def _credit(value: object) -> float | None:
    """Dollars of `{"val": "-1234"}`: cents from the vendor's side, what it owes is negative."""
    cents = as_number(as_object(value).get("val"))
    return None if cents is None else 0.0 - cents / CENTS


PROVIDER: Final = Provider(spec=SPEC, fetch=fetch)
