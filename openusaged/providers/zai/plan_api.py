"""
Asks Z.AI for the windows of a coding plan, for usage and for credits.

The list of models proves the key; the limits are what the poll is for.  The monitoring calls want
the key without `Bearer`, answer failures with HTTP 200 and a code of their own, and are documented
nowhere: what fails there says so in an attribute.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from openusaged.core.errors import (
    AuthRequired,
    ProviderError,
    RateLimited,
    UpstreamChanged,
)
from openusaged.core.models import (
    ACCOUNT_LIMITED,
    ACCOUNT_NEAR_LIMIT,
    ACCOUNT_OK,
    ACCOUNT_UNKNOWN,
    Account,
    UsageSnapshot,
)
from openusaged.providers.base import FetchContext, ProviderSpec
from openusaged.providers.shared.api import bearer, require_key
from openusaged.providers.shared.figures import Figures
from openusaged.providers.shared.http_response import HttpResponse
from openusaged.providers.shared.json_values import as_object, as_text
from openusaged.providers.shared.utc_days import day_start, utc_date
from openusaged.providers.zai import helper_file
from openusaged.providers.zai.addresses import Addresses, addresses_of
from openusaged.providers.zai.grants import Amounts, note_credits
from openusaged.providers.zai.quota import Fullness, note_quota
from openusaged.providers.zai.usage_lists import note_model_usage, note_tool_usage

NEAR_PERCENT: Final = 80.0
FULL_PERCENT: Final = 100.0
DAYS: Final = 7

_NO_PACKAGE_CODE: Final = "1113"
_NO_PACKAGE_WORDS: Final = (
    "insufficient balance",
    "no resource package",
    "no active coding package",
)
_NO_PACKAGE: Final = "No active coding package, or the balance is used up"


class NoPackage(ProviderError):
    """The account has no plan and no balance to use: an answer, not a failure."""


def fetch(context: FetchContext, account: Account, spec: ProviderSpec) -> UsageSnapshot:
    """One poll; raises for what the models' and the limits' calls say."""
    settings = helper_file.HelperSettings()
    if account.paths.get("config"):
        settings = helper_file.read(account.paths["config"])
    stored = context.secret_of(account).strip()
    key = stored or settings.api_key or require_key(context, account, spec)
    plan = account.options.get("plan_type") or settings.plan
    addresses = addresses_of(account, plan)
    poll = _Poll(context, key, addresses, Figures(spec))
    poll.figures.note("plan_type", plan)
    poll.figures.note("provider_region", "china" if addresses.is_china else "global")
    poll.ask_models()
    poll.ask_quota()
    poll.ask_usage()
    poll.ask_credits()
    status, message = poll.outcome()
    return poll.figures.snapshot(context, account, status=status, message=message)


class _Poll:
    """The calls of one poll and what they have told so far."""

    def __init__(
        self, context: FetchContext, key: str, addresses: Addresses, figures: Figures
    ) -> None:
        self.figures = figures
        self._context = context
        self._addresses = addresses
        self._bearer = bearer(key, context)
        self._schemes = [key, f"Bearer {key}"]
        self._windows: list[Fullness] = []
        self._credits = Amounts(None, None, None)
        self._has_usage = False
        self._has_no_package = False

    def ask_models(self) -> None:
        """Ask what models there are, which proves the key."""
        response = self._send(f"{self._addresses.coding}/models", self._bearer)
        try:
            body = self._checked(response)
        except NoPackage:
            self._has_no_package = True
            return
        models = body.get("data")
        if not isinstance(models, list):
            raise UpstreamChanged(f"{response.place} $.data", "no list of models in the answer")
        self.figures.add("available_models", used=len(models))

    def ask_quota(self) -> None:
        """The windows of the plan; refused credentials and a request to wait are the outcome."""
        try:
            data = self._monitor("/api/monitor/usage/quota/limit")
        except (AuthRequired, RateLimited):
            raise
        except NoPackage:
            self._has_no_package = True
        except ProviderError as error:
            self.figures.failed("quota", error)
        else:
            self._windows = note_quota(self.figures, data)

    def ask_usage(self) -> None:
        """Tokens and tool calls of seven calendar days."""
        now_ms = self._context.now_ms()
        today = utc_date(now_ms)
        first, last = day_start(now_ms, days_before=DAYS - 1), day_start(now_ms)
        span = urllib.parse.urlencode(
            {
                "startTime": first.strftime("%Y-%m-%d %H:%M:%S"),
                "endTime": (last + timedelta(days=1, seconds=-1)).strftime("%Y-%m-%d %H:%M:%S"),
            },
            quote_via=urllib.parse.quote,
        )
        calls: tuple[tuple[str, Callable[[Figures, object, str], bool]], ...] = (
            ("model", note_model_usage),
            ("tool", note_tool_usage),
        )
        for name, note in calls:
            if self.figures.must_wait:
                return
            try:
                data = self._monitor(f"/api/monitor/usage/{name}-usage?{span}")
            except NoPackage:
                self._has_no_package = True
            except ProviderError as error:
                self.figures.failed(f"{name}_usage", error)
            else:
                self._has_usage |= note(self.figures, data, today)

    def ask_credits(self) -> None:
        """The platform's balance; keys of a plan are often not allowed to see it."""
        if self.figures.must_wait:
            return
        url = f"{self._addresses.monitor}/api/paas/v4/user/credit_grants"
        response = self._send(url, self._headers(self._schemes[0]))
        if response.status in (401, 403, 404):
            return
        try:
            body = self._checked(response)
        except (AuthRequired, NoPackage):
            return
        except ProviderError as error:
            self.figures.failed("credits", error)
            return
        currency, now_ms = self._addresses.currency, self._context.now_ms()
        self._credits = note_credits(self.figures, body, currency, now_ms)

    def outcome(self) -> tuple[str, str]:
        """Status and message of all that was learned."""
        is_active = bool(self._windows or self._has_usage or self._credits.is_known)
        if is_active or self._has_no_package:
            state = "active" if is_active else "inactive_or_free"
            self.figures.note("subscription_status", state)
        full = [window for window in self._windows if window.percent >= FULL_PERCENT]
        near = [window for window in self._windows if window.percent >= NEAR_PERCENT]
        if full:
            return ACCOUNT_LIMITED, f"The {full[0].label} is used up"
        if self._has_no_package and not self._windows:
            return ACCOUNT_LIMITED, _NO_PACKAGE
        if near:
            return ACCOUNT_NEAR_LIMIT, f"{near[0].percent:.0f}% of the {near[0].label} used"
        return self._healthy_outcome()

    def _healthy_outcome(self) -> tuple[str, str]:
        if self._windows:
            return ACCOUNT_OK, self._windows_message()
        if "quota_error" in self.figures.attributes and not self._credits.is_known:
            # The key works, but of what this poll is for nothing is known.
            return ACCOUNT_UNKNOWN, "The key works, but the limits could not be read"
        if self._credits.available is not None:
            left, currency = self._credits.available, self._addresses.currency
            status = ACCOUNT_OK if left > 0 else ACCOUNT_LIMITED
            return status, f"{left:.2f} {currency} of credit left"
        return ACCOUNT_OK, "Connected, but no active coding package or balance"

    def _windows_message(self) -> str:
        parts = []
        for window in self._windows:
            metric = self.figures.metrics.get(window.key)
            if window.key == "mcp_monthly_usage" and metric is not None and metric.limit:
                parts.append(f"MCP {metric.used or 0:.0f}/{metric.limit:.0f}")
            else:
                parts.append(f"{window.label} {window.percent:.0f}%")
        return " · ".join(parts)

    def _monitor(self, path: str) -> Any:
        """
        The data of a monitoring call; an empty one when the answer has none.

        Raises:
            NoPackage: no plan to monitor.
            ProviderError: as the call failed.
        """
        url = self._addresses.monitor + path
        while True:
            try:
                response = self._send(url, self._headers(self._schemes[0]))
                return self._checked(response).get("data")
            except AuthRequired:
                # Some deployments want the usual form; from then on it is used.
                if len(self._schemes) == 1:
                    raise
                del self._schemes[0]

    def _headers(self, authorization: str) -> dict[str, str]:
        return {
            **self._bearer,
            "Authorization": authorization,
            "Accept-Language": "en-US,en",
            "Content-Type": "application/json",
        }

    def _send(self, url: str, headers: Mapping[str, str]) -> HttpResponse:
        return self._context.http.send("GET", url, headers=headers)

    def _checked(self, response: HttpResponse) -> Mapping[str, Any]:
        """The object of an answer that is a success by its status and by its own code."""
        body: Mapping[str, Any] = {}
        try:
            body = as_object(response.json())
        except UpstreamChanged:
            response.require_ok(self._context.now_ms() / 1000)
            raise
        code, words = _verdict(body)
        if code == _NO_PACKAGE_CODE or any(part in words for part in _NO_PACKAGE_WORDS):
            raise NoPackage(_NO_PACKAGE)
        response.require_ok(self._context.now_ms() / 1000)
        if code in ("401", "403"):
            raise AuthRequired(f"{response.place}: the credentials were refused (code {code})")
        if body.get("success") is False or code not in ("", "0", "200"):
            raise UpstreamChanged(response.place, f"answered with code {code or 'unknown'}")
        if not body:
            raise UpstreamChanged(response.place, "the answer is no object")
        return body


def _verdict(body: Mapping[str, Any]) -> tuple[str, str]:
    """Code and message of an answer, wherever they stand; the message only to look for words."""
    error = as_object(body.get("error"))
    code = next(
        (
            str(value)
            for value in (body.get("code"), error.get("code"))
            if isinstance(value, int | str) and not isinstance(value, bool) and value != ""
        ),
        "",
    )
    words = (body.get("msg"), body.get("message"), error.get("message"))
    return code, " ".join(as_text(word) for word in words).lower()
