"""
Asks Perplexity's API console as the browser does, with the browser's session.

An expired session shows as a refusal, as a redirect to the login or as a page of HTML with 200; all
of them mean the same.  Names, mail addresses and cards that the answers hold are passed over.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from typing import Any, Final

from openusaged.core.errors import AuthRequired, ProviderError, UpstreamChanged
from openusaged.core.models import (
    ACCOUNT_LIMITED,
    ACCOUNT_OK,
    ACCOUNT_UNKNOWN,
    Account,
    UsageSnapshot,
)
from openusaged.providers.base import CookieSpec, FetchContext, ProviderSpec
from openusaged.providers.perplexity.meters import note_meters
from openusaged.providers.shared.api import base_url_of
from openusaged.providers.shared.figures import Figures
from openusaged.providers.shared.json_values import as_list, as_number, as_object, as_text

GROUPS: Final = "/rest/pplx-api/v2/groups"
ORG_OPTION: Final = "perplexity_org_id"
TIMEOUT_S: Final = 15.0

_VERSION: Final = "2.18"
_NOT_CONNECTED: Final = (
    "no browser session: log in at console.perplexity.ai and import it in the settings"
)
_EXPIRED: Final = "the browser session has expired: log in again at console.perplexity.ai"


def fetch(context: FetchContext, account: Account, spec: ProviderSpec) -> UsageSnapshot:
    """One poll; raises only for what the list of organisations says."""
    assert spec.cookie is not None
    session = context.cookie_of(account).strip()
    if not session:
        raise AuthRequired(_NOT_CONNECTED)
    console = _Console(context, base_url_of(account, spec), _cookie_header(session, spec.cookie))
    figures = Figures(spec)
    figures.note("auth_scope", "console_session")
    organisation = _organisation(console.get(GROUPS), account.options.get(ORG_OPTION, ""))
    org_id = as_text(organisation.get("api_org_id"))
    tier = as_number(as_object(organisation.get("runtime_settings")).get("usage_tier"))
    figures.note("org_id", org_id)
    if tier is not None:
        figures.add("usage_tier", used=tier)
        figures.note("usage_tier", f"{tier:.0f}")
    path = f"{GROUPS}/{urllib.parse.quote(org_id, safe='')}"
    status, message = ACCOUNT_UNKNOWN, "Connected, but the balance could not be read"
    try:
        status, message = _note_detail(figures, as_object(console.get(path)), tier)
    except AuthRequired:
        raise
    except ProviderError as error:
        figures.failed("detail", error)
    if not figures.must_wait:
        _note_usage(figures, console, path)
    return figures.snapshot(context, account, status=status, message=message)


def _note_usage(figures: Figures, console: _Console, path: str) -> None:
    try:
        answer = console.get(f"{path}/usage-analytics", time_bucket="day", time_range="past_month")
        note_meters(figures, answer)
    except ProviderError as error:
        figures.failed("analytics", error)


class _Console:
    """The console's own client: its headers, no redirects, HTML is a login page."""

    def __init__(self, context: FetchContext, base: str, cookie: str) -> None:
        self._context = context
        self._base = base
        self._headers = {
            "Accept": "*/*",
            "Content-Type": "application/json",
            "Cookie": cookie,
            "User-Agent": context.user_agent,
            "x-app-apiclient": "default",
            "x-app-apiversion": _VERSION,
            "x-app-domain": "api-console",
        }

    def get(self, path: str, **query: str) -> Any:
        """
        The decoded answer.

        Raises:
            AuthRequired: refused, or sent to the login.
            ProviderError: as the call failed.
        """
        asked = urllib.parse.urlencode({"version": _VERSION, "source": "default", **query})
        response = self._context.http.send(
            "GET",
            f"{self._base}{path}?{asked}",
            headers=self._headers,
            timeout_s=TIMEOUT_S,
            follow_redirects=False,
        )
        is_page = "text/html" in response.headers.get("content-type", "")
        if (
            300 <= response.status < 400
            or response.status in (401, 403)
            or (is_page and response.status < 400)
        ):
            raise AuthRequired(_EXPIRED)
        response.require_ok(self._context.now_ms() / 1000)
        return response.json()


def _cookie_header(session: str, cookie: CookieSpec) -> str:
    """The session as a header; one that was pasted with its name (also in two parts) is whole."""
    if f"{cookie.name}=" in session or f"{cookie.name}.0=" in session:
        return session
    return f"{cookie.name}={session}"


def _organisation(answer: object, wanted: str) -> Mapping[str, Any]:
    """The organisation asked for, else the default one, else the first."""
    listed = as_object(answer).get("orgs")
    if not isinstance(listed, list):
        raise UpstreamChanged(f"{GROUPS} $.orgs", "no list of organisations in the answer")
    found = [org for org in map(as_object, as_list(listed)) if as_text(org.get("api_org_id"))]
    if not found:
        raise ProviderError("this login has no API organisation")
    if not wanted:
        return next((org for org in found if org.get("is_default_org") is True), found[0])
    for org in found:
        if as_text(org.get("api_org_id")) == wanted:
            return org
    raise ProviderError(f"the organisation of {ORG_OPTION} is none of this login's")


def _note_detail(
    figures: Figures, detail: Mapping[str, Any], tier: float | None
) -> tuple[str, str]:
    customer = as_object(detail.get("customerInfo"))
    balance = as_number(customer.get("balance"))
    if balance is None:
        raise UpstreamChanged(f"{GROUPS} $.customerInfo.balance", "no balance in the answer")
    figures.add("available_balance", remaining=balance)
    pending = as_number(customer.get("pending_balance"))
    if pending:
        figures.add("pending_balance", used=pending)
    spent = as_number(as_object(customer.get("spend")).get("total_spend"))
    if spent is not None:
        figures.add("total_spend", used=spent)
    top_up = as_number(customer.get("auto_top_up_amount")) or 0.0
    for name in ("auto_top_up_amount", "auto_top_up_threshold"):
        amount = as_number(customer.get(name))
        if amount is not None and amount > 0:
            figures.add(name, limit=amount)
    if customer.get("is_pro") is True:
        figures.note("is_pro", "true")
    if balance <= 0 and top_up <= 0:
        return ACCOUNT_LIMITED, "The balance is used up"
    words = f"${balance:.2f} balance"
    return ACCOUNT_OK, words if tier is None else f"{words} · Tier {tier:.0f}"
