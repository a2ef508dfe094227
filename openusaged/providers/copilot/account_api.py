"""
Polls a GitHub account's Copilot plan: the quotas first, which decide; then what may be missing.

Asked as Copilot's own editor extension asks, because GitHub answers nobody else there.  That a
member may not see an organisation's seats or bills is the normal case and no failure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from openusaged.core.errors import (
    AuthRequired,
    ProviderError,
    RateLimited,
    Unreachable,
    UpstreamChanged,
)
from openusaged.core.models import Account, LimitMetric, UsageSnapshot
from openusaged.providers.base import FetchContext
from openusaged.providers.copilot import SPEC, paths, quotas
from openusaged.providers.copilot.context_log import context_metrics
from openusaged.providers.copilot.github_login import read_token
from openusaged.providers.shared.api import base_url_of
from openusaged.providers.shared.json_values import as_list, as_object, as_text

MAX_ORGANIZATIONS: Final = 5
TIMEOUT_S: Final = 10.0

_EDITOR: Final = {
    "Accept": "application/json",
    "Editor-Version": "vscode/1.96.2",
    "Editor-Plugin-Version": "copilot-chat/0.26.7",
    "User-Agent": "GitHubCopilotChat/0.26.7",
    "X-Github-Api-Version": "2025-04-01",
}
_API_VERSION: Final = "2022-11-28"
_FACTS: Final = ("copilot_plan", "access_type_sku", "quota_reset_date")
_FLAGS: Final = ("chat_enabled", "is_mcp_enabled", "codex_agent_enabled", "token_based_billing")


def fetch(context: FetchContext, account: Account) -> UsageSnapshot:
    """
    Quotas of the account, limits of the token, seats and spend of organisations.

    Raises:
        AuthRequired: no token, or it was refused.
        RateLimited, Unreachable, UpstreamChanged: no quotas to be had.
    """
    github = _GitHub(context, base_url_of(account, SPEC), read_token(context, account))
    try:
        user = github.get("/copilot_internal/user", _EDITOR)
    except AuthRequired as error:
        raise AuthRequired(f"{error}: sign in again, e.g. with `gh auth login`") from error
    metrics = quotas.quota_metrics(user)
    attributes = _attributes(user)
    if not metrics and not attributes:
        raise UpstreamChanged("quota_snapshots", "nothing of a Copilot plan that we know")
    rest = _Rest(github)
    extra = [*rest.rates(), *rest.organizations(user, is_seat=quotas.is_seat(user, metrics))]
    plan = quotas.plan_label(user)
    return UsageSnapshot(
        provider_id=paths.PROVIDER_ID,
        account_id=account.id,
        ts_ms=context.now_ms(),
        status=quotas.status_of(metrics),
        message=f"Copilot · {plan}" if plan else "Copilot",
        metrics=(*metrics, *extra, *context_metrics(account, context.machine)),
        attributes=attributes | rest.problems,
        retry_after_s=rest.retry_after_s,
    )


class _GitHub:
    """GitHub's API for one token."""

    def __init__(self, context: FetchContext, base_url: str, token: str) -> None:
        self._context = context
        self._base = base_url
        self._token = token

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        """The object that is answered."""
        answer = self._json(path, headers)
        if not isinstance(answer, dict):
            raise UpstreamChanged(path, "the answer is no object")
        return answer

    def listed(self, path: str) -> list[Any]:
        """The list that is answered."""
        return list(as_list(self._json(path, None)))

    def _json(self, path: str, headers: Mapping[str, str] | None) -> Any:
        common = {
            "Accept": "application/vnd.github+json",
            "User-Agent": self._context.user_agent,
            "X-Github-Api-Version": _API_VERSION,
        }
        return self._context.http.get_json(
            self._base + path,
            headers={**common, **(headers or {}), "Authorization": f"token {self._token}"},
            timeout_s=TIMEOUT_S,
        )


class _Rest:
    """Calls whose failure costs only their own figures."""

    def __init__(self, github: _GitHub) -> None:
        self.problems: dict[str, str] = {}
        self.retry_after_s: float | None = None
        self._github = github
        self._is_over = False

    def rates(self) -> Iterator[LimitMetric]:
        """What the token may still ask."""
        yield from quotas.rate_metrics(self._get("rate_limit", "/rate_limit"))

    def organizations(self, user: Mapping[str, Any], *, is_seat: bool) -> Iterator[LimitMetric]:
        """Seats of the organisations, and the bill of those that pay for a seat without quota."""
        names = quotas.organizations(user)
        if is_seat and not names:
            names = [
                login
                for one in self._listed("organizations", "/user/orgs?per_page=100")
                if (login := as_text(as_object(one).get("login")))
            ]
        for name in names[:MAX_ORGANIZATIONS]:
            place = f"/orgs/{quote(name, safe='')}"
            billing = self._get("seats", f"{place}/copilot/billing", may_be_refused=True)
            yield from quotas.seat_metrics(name, billing)
            if is_seat:
                bill = self._get(
                    "spend", f"{place}/settings/billing/usage/summary", may_be_refused=True
                )
                yield from quotas.spend_metrics(name, bill)

    def _get(self, name: str, path: str, *, may_be_refused: bool = False) -> Mapping[str, Any]:
        return as_object(self._ask(name, path, self._github.get, may_be_refused=may_be_refused))

    def _listed(self, name: str, path: str) -> list[Any]:
        return list(as_list(self._ask(name, path, self._github.listed, may_be_refused=True)))

    def _ask(self, name: str, path: str, call: Any, *, may_be_refused: bool) -> Any:
        if self._is_over:
            return None
        try:
            return call(path)
        except RateLimited as error:
            self._is_over, self.retry_after_s = True, error.retry_after_s
            self.problems[f"{name}_error"] = str(error)
        except Unreachable as error:
            self._is_over = True
            self.problems[f"{name}_error"] = str(error)
        except (AuthRequired, UpstreamChanged) as error:
            if not may_be_refused:
                self.problems[f"{name}_error"] = str(error)
        except ProviderError as error:
            self.problems[f"{name}_error"] = str(error)
        return None


def _attributes(user: Mapping[str, Any]) -> dict[str, str]:
    found = {name: text for name in _FACTS if (text := as_text(user.get(name)))}
    found |= {
        name: str(value).lower() for name in _FLAGS if isinstance(value := user.get(name), bool)
    }
    return found | quotas.quota_attributes(user)
