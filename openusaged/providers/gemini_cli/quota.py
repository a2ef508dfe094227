"""
Asks Code Assist how much of each model's daily requests is left.

The login is Gemini CLI's own.  Its access token is used while it is good for; after that a new one
is asked for and kept in memory only, because writing it back would race with the program.
"""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from openusaged.core.errors import AuthRequired, ProviderError, UpstreamChanged
from openusaged.core.models import ACCOUNT_UNSUPPORTED, Account, UsageSnapshot
from openusaged.providers.base import FetchContext, ProviderSpec
from openusaged.providers.gemini_cli.buckets import project
from openusaged.providers.gemini_cli.oauth_client import OAuthClient, find_client
from openusaged.providers.gemini_cli.paths import PROVIDER_ID, config_dir
from openusaged.providers.shared.api import base_url_of
from openusaged.providers.shared.json_values import as_epoch_ms, as_object, as_text
from openusaged.providers.shared.side_records import side_record

TOKEN_URL: Final = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
EXPIRY_MARGIN_MS: Final = 60_000
"""A token that ends within a minute is not used any more: clocks differ."""

_LOGIN: Final = "Run `gemini` once to renew the login."
_REFUSED: Final = frozenset({400, 401, 403})
_PROJECT_VARIABLES: Final = ("GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_PROJECT_ID")


class _Credentials(msgspec.Struct, gc=False):
    access_token: Any = None
    refresh_token: Any = None
    expiry_date: Any = None


class _Settings(msgspec.Struct, rename="camel", gc=False):
    security: Any = None
    selected_auth_type: Any = None


def fetch(context: FetchContext, account: Account, spec: ProviderSpec) -> UsageSnapshot:
    """
    Quotas and tier of the account.

    Raises:
        AuthRequired: there is no login, or it is refused.
        RateLimited, Unreachable, UpstreamChanged: Code Assist does not answer as it should.
    """
    home = config_dir(account, context.machine)
    path = account.paths.get("oauth_creds") or os.path.join(home, "oauth_creds.json")
    credentials = side_record(path, _Credentials)
    if credentials is None:
        kind = _auth_type(home)
        if kind and not kind.startswith("oauth"):
            return UsageSnapshot(
                provider_id=PROVIDER_ID,
                account_id=account.id,
                ts_ms=context.now_ms(),
                status=ACCOUNT_UNSUPPORTED,
                message="Gemini CLI does not use a Google login here; only those have quotas.",
                attributes={"auth_type": kind},
            )
        raise AuthRequired(f"Gemini CLI is not logged in. {_LOGIN}")
    token = _access_token(context, account, credentials)
    base = base_url_of(account, spec)
    tier = _post(
        context, f"{base}/v1internal:loadCodeAssist", token, _load_request(context, account)
    )
    cloud_project = _named_project(context, account) or as_text(tier.get("cloudaicompanionProject"))
    if not cloud_project:
        raise ProviderError("Code Assist names no project for this login: set GOOGLE_CLOUD_PROJECT")
    answer = _post(
        context, f"{base}/v1internal:retrieveUserQuota", token, {"project": cloud_project}
    )
    return project(account, answer, tier, context.now_ms())


def _access_token(context: FetchContext, account: Account, credentials: _Credentials) -> str:
    token = as_text(credentials.access_token)
    expires_ms = as_epoch_ms(credentials.expiry_date)
    if token and (expires_ms is None or expires_ms > context.now_ms() + EXPIRY_MARGIN_MS):
        return token
    refresh = as_text(credentials.refresh_token)
    if not refresh:
        raise AuthRequired(f"The login of Gemini CLI has expired. {_LOGIN}")
    client = find_client(context.machine)
    if client is None:
        raise AuthRequired(
            f"The login of Gemini CLI has expired and its program was not found. {_LOGIN}"
        )
    return _refreshed(context, account, refresh, client)


def _refreshed(
    context: FetchContext, account: Account, refresh_token: str, client: OAuthClient
) -> str:
    form = {
        "client_id": client.id,
        "client_secret": client.secret,
        "refresh_token": refresh_token,
        "grant_type": "refresh_token",
    }
    response = context.http.send(
        "POST",
        account.options.get("token_url") or TOKEN_URL,
        headers={
            "Content-Type": "application/x-www-form-urlencoded",
            "User-Agent": context.user_agent,
        },
        body=urllib.parse.urlencode(form).encode(),
    )
    if response.status in _REFUSED:
        raise AuthRequired(f"Google refused to renew the login of Gemini CLI. {_LOGIN}")
    response.require_ok(context.now_ms() / 1000)
    token = as_text(as_object(response.json()).get("access_token"))
    if not token:
        raise UpstreamChanged(response.place, "no access token")
    return token


def _post(
    context: FetchContext, url: str, token: str, body: Mapping[str, Any]
) -> Mapping[str, Any]:
    response = context.http.send(
        "POST",
        url,
        headers={
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "User-Agent": context.user_agent,
        },
        body=msgspec.json.encode(body),
    )
    response.require_ok(context.now_ms() / 1000)
    answer = response.json()
    if not isinstance(answer, dict):
        raise UpstreamChanged(response.place, "no object")
    return answer


def _load_request(context: FetchContext, account: Account) -> dict[str, Any]:
    metadata = {
        "ideType": "IDE_UNSPECIFIED",
        "platform": "PLATFORM_UNSPECIFIED",
        "pluginType": "GEMINI",
    }
    named = _named_project(context, account)
    if not named:
        return {"metadata": metadata}
    return {"cloudaicompanionProject": named, "metadata": {**metadata, "duetProject": named}}


def _named_project(context: FetchContext, account: Account) -> str:
    for variable in _PROJECT_VARIABLES:
        value = context.machine.env.get(variable, "").strip()
        if value:
            return value
    return account.options.get("project_id", "")


def _auth_type(home: str) -> str:
    """How the user signs in, by the settings of this and of earlier versions."""
    settings = side_record(os.path.join(home, "settings.json"), _Settings) or _Settings()
    auth = as_object(as_object(settings.security).get("auth"))
    return as_text(auth.get("selectedType")) or as_text(settings.selected_auth_type)
