"""
OpenCode's hosted half: limits of the Go plan by a key, balance and month of Zen by the console.

The console has no API.  It is asked with the session of the user's browser for one server function,
whose id is a hash that changes whenever the vendor deploys: its failures are notes, unless there is
no key to ask with.  An account that has neither is the local agent's and nothing is wrong with it.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from openusaged.core.errors import AuthRequired, ProviderError, UpstreamChanged
from openusaged.core.models import (
    ACCOUNT_LIMITED,
    ACCOUNT_OK,
    ACCOUNT_UNKNOWN,
    ACCOUNT_UNSUPPORTED,
    Account,
    UsageSnapshot,
)
from openusaged.providers.base import FetchContext, ProviderSpec
from openusaged.providers.opencode import seroval, zen
from openusaged.providers.shared.api import base_url_of
from openusaged.providers.shared.figures import Figures
from openusaged.providers.shared.json_values import (
    as_epoch_ms,
    as_number,
    as_object,
    as_text,
)
from openusaged.providers.shared.key_probe import status_of
from openusaged.providers.shared.utc_days import utc_date

WORKSPACE_OPTION: Final = "opencode_workspace_id"
FUNCTION_OPTION: Final = "console_billing_function"
BILLING_FUNCTION: Final = "c83b78a614689c38ebee981f9b39a8b377716db85c1fd7dbab604adc02d3313d"
"""As seen in April 2026; an option replaces it when the vendor has moved on."""
UNITS_PER_USD: Final = 1e8
"""Balance and spend come in hundred-millionths; limits and reloads are plain dollars."""
TIMEOUT_S: Final = 15.0

_WORKSPACE: Final = re.compile(r"/workspace/([\w-]+)")
_NOTHING_TO_ASK_WITH: Final = (
    "Usage comes from the local records; a key (OPENCODE_API_KEY) adds the limits of the Go plan, "
    "the console's browser session the balance."
)
_EXPIRED: Final = "the console's session has expired: log in again at opencode.ai"


def fetch(context: FetchContext, account: Account, spec: ProviderSpec) -> UsageSnapshot:
    """One poll of both halves; raises what the key's call, or without a key the console, says."""
    figures = Figures(spec)
    keys = zen.keys_of(context, account)
    session = context.cookie_of(account).strip()
    if not keys and not session:
        return figures.snapshot(
            context, account, status=ACCOUNT_UNSUPPORTED, message=_NOTHING_TO_ASK_WITH
        )
    base = base_url_of(account, spec).removesuffix("/v1").removesuffix("/zen")
    is_proven = False
    if keys:
        is_proven = zen.note_key(figures, context, base, keys)
    if session:
        assert spec.cookie is not None
        cookie = session if "=" in session else f"{spec.cookie.name}={session}"
        console = _Console(context, account.options.get("console_url", base), cookie)
        try:
            _note_billing(figures, console.billing(account.options), context.now_ms())
        except ProviderError as error:
            if not keys:
                raise
            figures.failed("console", error)
    scopes = [name for name, used in (("zen", keys), ("console", session)) if used]
    figures.note("auth_scope", "+".join(scopes))
    status, message = _verdict(figures, is_proven=is_proven)
    return figures.snapshot(context, account, status=status, message=message)


class _Console:
    """The console's server functions, asked for with a browser's session."""

    def __init__(self, context: FetchContext, base: str, cookie: str) -> None:
        self._context = context
        self._base = base.rstrip("/")
        self._headers = {
            "Accept": "*/*",
            "Cookie": cookie,
            "User-Agent": context.user_agent,
        }

    def billing(self, options: Mapping[str, str]) -> Mapping[str, Any]:
        """
        The billing object of the workspace.

        Raises:
            AuthRequired: the session has expired.
            ProviderError: as a call failed; UpstreamChanged also when the function has moved.
        """
        function = options.get(FUNCTION_OPTION) or BILLING_FUNCTION
        workspace = options.get(WORKSPACE_OPTION) or self._workspace()
        arguments = {
            "t": {"t": 9, "i": 0, "l": 1, "a": [{"t": 1, "s": workspace}], "o": 0},
            "f": 31,
            "m": [],
        }
        query = urllib.parse.urlencode(
            {"id": function, "args": msgspec.json.encode(arguments).decode()}
        )
        response = self._send(
            f"/_server?{query}", {"x-server-id": function, "x-server-instance": "openusage"}
        )
        response.require_ok(self._context.now_ms() / 1000)
        value = as_object(seroval.parse(response.body.decode("utf-8", "replace")))
        if as_number(value.get("balance")) is None:
            raise UpstreamChanged(f"{response.place} $.balance", "no balance in the answer")
        return value

    def _workspace(self) -> str:
        """The workspace that the console sends its user to."""
        response = self._send("/auth", {})
        if response.status in (401, 403) or 200 <= response.status < 300:
            raise AuthRequired(_EXPIRED)
        if not 300 <= response.status < 400:
            response.require_ok(self._context.now_ms() / 1000)
        found = _WORKSPACE.search(response.headers.get("location", ""))
        if found is None:
            raise AuthRequired(_EXPIRED)
        return found[1]

    def _send(self, path: str, headers: Mapping[str, str]) -> Any:
        return self._context.http.send(
            "GET",
            self._base + path,
            headers={**self._headers, **headers},
            timeout_s=TIMEOUT_S,
            follow_redirects=False,
        )


def _note_billing(figures: Figures, billing: Mapping[str, Any], now_ms: int) -> None:
    figures.add("console_balance", remaining=_units(billing.get("balance")))
    spent = _units(billing.get("monthlyUsage"))
    updated = as_epoch_ms(billing.get("timeMonthlyUsageUpdated"))
    if spent is not None and updated is not None:
        # The counter is emptied by the first request of a month, not by its first day.
        spent = spent if utc_date(updated)[:7] == utc_date(now_ms)[:7] else 0.0
    if spent is not None:
        figures.add("monthly_usage", used=spent)
    limit = as_number(billing.get("monthlyLimit"))
    if limit is not None and limit > 0:
        remaining = None if spent is None else limit - spent
        figures.add("monthly_limit", used=spent, limit=limit, remaining=remaining)
    for name, key in (("reloadAmount", "reload_amount"), ("reloadTrigger", "reload_trigger")):
        amount = as_number(billing.get(name))
        if amount is not None and amount > 0:
            figures.add(key, limit=amount)
    if isinstance(billing.get("reload"), bool):
        figures.note("reload", "on" if billing["reload"] else "off")
    figures.note("subscription_plan", as_text(billing.get("subscriptionPlan")))
    figures.note("payment_method_type", as_text(billing.get("paymentMethodType")))


def _units(value: object) -> float | None:
    number = as_number(value)
    return None if number is None else number / UNITS_PER_USD


def _verdict(figures: Figures, *, is_proven: bool) -> tuple[str, str]:
    metrics = figures.metrics
    parts = [
        f"{words} {metric.used:.0f}%"
        for key, words in (("usage_five_hour", "5 hours"), ("usage_weekly", "week"))
        if (metric := metrics.get(key)) is not None and metric.used is not None
    ]
    balance = metrics.get("console_balance")
    if balance is not None and balance.remaining is not None:
        parts.append(f"${balance.remaining:.2f} balance")
        is_empty = balance.remaining <= 0 and figures.attributes.get("reload") != "on"
        # With a plan the balance only pays for what goes beyond it.
        if is_empty and "usage_five_hour" not in metrics:
            return ACCOUNT_LIMITED, "The balance is used up"
    if parts:
        return status_of(metrics.values()), " · ".join(parts)
    if not is_proven:
        return ACCOUNT_UNKNOWN, "Zen answers, but whether the key is good could not be learned"
    return ACCOUNT_OK, "The key works; without a Go plan it has no limits to show"
