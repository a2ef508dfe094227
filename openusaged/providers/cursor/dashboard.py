"""
Cursor's account services over HTTP: the RPCs of the IDE and the endpoints of the web dashboard.

The IDE's host takes the token as bearer and JSON as Connect RPC; the web site wants the same token
as a cookie.  Calls after the first may fail one by one: `LesserCalls` keeps the reasons and stops
asking a host that is down or has asked to wait.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from openusaged.core.errors import (
    AuthRequired,
    ProviderError,
    RateLimited,
    Unreachable,
    UpstreamChanged,
)
from openusaged.core.models import Account
from openusaged.providers.base import FetchContext
from openusaged.providers.cursor.login import Login
from openusaged.providers.shared.json_values import as_count

DEFAULT_SITE: Final = "https://cursor.com"
SITE_OPTION: Final = "dashboard_url"
PAGE_SIZE: Final = 500
MAX_PAGES: Final = 10
TIMEOUT_S: Final = 10.0

T = TypeVar("T")

_RPC: Final = "/aiserver.v1.DashboardService/"
_EVENTS: Final = "/api/dashboard/get-filtered-usage-events"


class Dashboard:
    """The services of one account; every call raises the typed errors of `HttpClient`."""

    def __init__(
        self, context: FetchContext, account: Account, base_url: str, login: Login
    ) -> None:
        self._context = context
        self._base = base_url
        self._site = (account.options.get(SITE_OPTION) or DEFAULT_SITE).rstrip("/")
        self._login = login
        self._bearer = {
            "Authorization": f"Bearer {login.token}",
            "Content-Type": "application/json",
            "Connect-Protocol-Version": "1",
            "User-Agent": context.user_agent,
        }

    def rpc(self, method: str, request: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """The answer of one call of the dashboard service."""
        return self._send("POST", self._base + _RPC + method, self._bearer, request or {})

    def profile(self) -> Mapping[str, Any]:
        """Kind of membership and team."""
        return self._send("GET", self._base + "/auth/full_stripe_profile", self._bearer)

    def customer(self) -> Mapping[str, Any]:
        """The balance the payment service keeps for the user."""
        return self._send("GET", self._site + "/api/auth/stripe", self._cookie())

    def request_counts(self) -> Mapping[str, Any]:
        """Requests per model of plans that count requests instead of money."""
        url = f"{self._site}/api/usage?user={self._login.user_id}"
        return self._send("GET", url, self._cookie())

    def usage_events(
        self, start_ms: int, end_ms: int, owner: Mapping[str, Any]
    ) -> list[Mapping[str, Any]]:
        """
        The usage log between two moments, newest first.

        The IDE's service has it too; the web site, which turns away what is no browser, is asked
        only when that does not answer.

        Args:
            start_ms, end_ms: the moments.
            owner: team and user whose requests are wanted; a team's owner is shown everybody's.
        """
        between = {**owner, "startDate": str(start_ms), "endDate": str(end_ms)}
        try:
            return self._paged(lambda page: self.rpc("GetFilteredUsageEvents", between | page))
        except (AuthRequired, UpstreamChanged):
            return self._paged(
                lambda page: self._send(
                    "POST", self._site + _EVENTS, self._cookie(), {"teamId": 0} | between | page
                )
            )

    def _paged(self, ask: Callable[[dict[str, Any]], Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        seen = 0
        found: list[Mapping[str, Any]] = []
        for page in range(1, MAX_PAGES + 1):
            answer = ask({"page": page, "pageSize": PAGE_SIZE})
            # An empty answer has no list at all.
            entries = answer.get("usageEventsDisplay", [])
            if not isinstance(entries, list):
                raise UpstreamChanged("usageEventsDisplay", "is no list")
            found += [entry for entry in entries if isinstance(entry, dict)]
            seen += len(entries)
            total = as_count(answer.get("totalUsageEventsCount"))
            # Pages before the last may be short: only the total says when to stop.
            if not entries or total is None or seen >= total:
                break
        return found

    def _cookie(self) -> dict[str, str]:
        if not self._login.cookie:
            raise ProviderError("the login does not say whose it is")
        return {
            "Cookie": self._login.cookie,
            "Content-Type": "application/json",
            "Origin": self._site,
            "User-Agent": self._context.user_agent,
        }

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        request: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Any]:
        response = self._context.http.send(
            method,
            url,
            headers=headers,
            body=None if request is None else msgspec.json.encode(request),
            timeout_s=TIMEOUT_S,
        )
        response.require_ok(self._context.now_ms() / 1000)
        answer = response.json()
        if not isinstance(answer, dict):
            raise UpstreamChanged(response.place, "the answer is no object")
        return answer


class LesserCalls:
    """Calls whose failure costs only their own figures."""

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}
        self.retry_after_s: float | None = None
        self._closed: dict[str, str] = {}

    def ask(self, name: str, host: str, call: Callable[[], T]) -> T | None:
        """What `call` returns, or None and the reason under `<name>_error`."""
        reason = self._closed.get(host)
        if reason is None:
            try:
                return call()
            except RateLimited as error:
                waits = (self.retry_after_s, error.retry_after_s)
                self.retry_after_s = max(filter(None, waits), default=None)
                reason = self._closed[host] = str(error)
            except Unreachable as error:
                reason = self._closed[host] = str(error)
            except ProviderError as error:
                reason = str(error)
        self.problems[f"{name}_error"] = reason
        return None
