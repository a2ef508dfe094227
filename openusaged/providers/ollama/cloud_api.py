"""
Asks ollama.com for the plan and the usage windows of an API key.

`/api/me` proves the key and names the plan, `/api/usage` has the windows.  Where neither has any,
the settings page is read, if the user has given the session of a browser.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from openusaged.core.errors import ProviderError, UpstreamChanged
from openusaged.core.models import ACCOUNT_OK, ACCOUNT_UNKNOWN, Account, UsageSnapshot
from openusaged.providers.base import FetchContext, ProviderSpec
from openusaged.providers.ollama.cloud_user import note_usage, note_user
from openusaged.providers.ollama.paths import CLOUD_OPTION, CLOUD_URL
from openusaged.providers.ollama.settings_page import note_page
from openusaged.providers.shared.api import bearer, require_key
from openusaged.providers.shared.figures import Figures
from openusaged.providers.shared.json_values import as_object, as_text
from openusaged.providers.shared.key_probe import status_of

COOKIE_VARIABLE: Final = "OLLAMA_SESSION_COOKIE"

_GAUGES: Final = (
    ("usage_five_hour", "session"),
    ("usage_weekly", "week"),
    ("usage_monthly", "month"),
)


def fetch(context: FetchContext, account: Account, spec: ProviderSpec) -> UsageSnapshot:
    """One poll; raises what the call for the user says."""
    headers = bearer(require_key(context, account, spec), context)
    base = cloud_base(account)
    figures = Figures(spec)
    figures.note("auth_type", "api_key")
    _note_me(figures, context, base, headers)
    try:
        usage = as_object(context.http.get_json(f"{base}/api/usage", headers=headers))
        note_usage(figures, usage, context.now_ms())
    except ProviderError as error:
        figures.failed("usage", error)
    cookie = _cookie(context, account, spec)
    has_windows = any(key in figures.metrics for key, _ in _GAUGES)
    if cookie and not has_windows and not figures.must_wait:
        _note_settings_page(figures, context, base, {**headers, "Cookie": cookie})
    status, message = _verdict(figures)
    return figures.snapshot(context, account, status=status, message=message)


def cloud_base(account: Account) -> str:
    """The cloud's address without a path to its API."""
    base = account.options.get(CLOUD_OPTION) or account.base_url or CLOUD_URL
    base = base.split("?", 1)[0].split("#", 1)[0].rstrip("/")
    return base.removesuffix("/v1").removesuffix("/api")


def _note_me(
    figures: Figures, context: FetchContext, base: str, headers: Mapping[str, str]
) -> None:
    response = context.http.send(
        "POST",
        f"{base}/api/me",
        headers={**headers, "Content-Type": "application/json"},
        body=b"",
    )
    # The status first: a refusal may come as a page of HTML.
    response.require_ok(context.now_ms() / 1000)
    body = as_object(response.json())
    note_user(figures, body, context.now_ms())
    known = {name.lower() for name, value in body.items() if as_text(value)}
    if not known & {"id", "plan", "email"} and not figures.metrics:
        raise UpstreamChanged(response.place, "no user in the answer")


def _note_settings_page(
    figures: Figures, context: FetchContext, base: str, headers: Mapping[str, str]
) -> None:
    try:
        response = context.http.send(
            "GET", f"{base}/settings", headers={**headers, "Accept": "text/html"}
        )
        response.require_ok(context.now_ms() / 1000)
    except ProviderError as error:
        figures.failed("settings_page", error)
        return
    note_page(figures, response.body.decode("utf-8", "replace"))


def _cookie(context: FetchContext, account: Account, spec: ProviderSpec) -> str:
    """The header for the settings page: as the variable holds it, or the browser's session."""
    assert spec.cookie is not None
    value = context.machine.env.get(COOKIE_VARIABLE, "").strip()
    value = value or context.cookie_of(account).strip()
    return value if not value or "=" in value else f"{spec.cookie.name}={value}"


def _verdict(figures: Figures) -> tuple[str, str]:
    windows = [
        f"{words} {metric.used:.0f}%"
        for key, words in _GAUGES
        if (metric := figures.metrics.get(key)) is not None and metric.used is not None
    ]
    if windows:
        return status_of(figures.metrics.values()), f"Used: {', '.join(windows)}"
    if "usage_error" in figures.attributes:
        return ACCOUNT_UNKNOWN, "The key works, but the usage could not be read"
    return ACCOUNT_OK, "The key works; Ollama shows no limits here"
