"""
OpenAI: rate limits of an API key; spend and tokens of the organisation with an admin key.

kind: api
reads: GET /v1/models/{model}; with an admin key /v1/organization/costs, usage/completions
env: OPENAI_API_KEY, OPENAI_ADMIN_KEY
"""

from __future__ import annotations

import http
import urllib.parse
from typing import Final

import msgspec

from openusaged.core.errors import UpstreamChanged
from openusaged.core.models import Account, UsageSnapshot
from openusaged.providers.base import (
    FetchContext,
    KeyVariable,
    Provider,
    ProviderSpec,
    WidgetSpec,
)
from openusaged.providers.shared.api import bearer, require_key, versioned_url_of
from openusaged.providers.shared.http_response import HttpResponse
from openusaged.providers.shared.json_values import as_object, as_text
from openusaged.providers.shared.key_probe import Probe, judged, limits_message, snapshot_of
from openusaged.providers.shared.rate_headers import STANDARD
from openusaged.providers.shared.report_pages import MONTH_SPEND, TODAY_SPEND

DEFAULT_MODEL: Final = "gpt-4.1-mini"
ADMIN_PREFIX: Final = "sk-admin-"
"""Admin keys may read reports of the organisation and nothing else, model lists included."""

_ANSWERS_TO_KNOWN_KEYS: Final = (
    http.HTTPStatus.UNAUTHORIZED,
    http.HTTPStatus.FORBIDDEN,
    http.HTTPStatus.NOT_FOUND,
)

SPEC: Final = ProviderSpec(
    id="openai",
    title="OpenAI",
    description="Rate limits of an API key; with an admin key, spend and tokens per day",
    kind="api",
    auth="api_key",
    history=True,
    setup="Set OPENAI_API_KEY, or an admin key for spend.",
    metrics=(*(group.metric for group in STANDARD), MONTH_SPEND, TODAY_SPEND),
    dashboard=WidgetSpec(gauges=("rpm", "tpm")),
    detail=WidgetSpec(gauges=("rpm", "tpm")),
    min_poll_s=300.0,
    base_url="https://api.openai.com/v1",
    keys=(
        KeyVariable(name="OPENAI_API_KEY", account_id="openai", short_names=("openai",)),
        KeyVariable(name="OPENAI_ADMIN_KEY", account_id="openai-admin"),
    ),
)


def fetch(context: FetchContext, account: Account) -> UsageSnapshot:
    """The key's limits as far as a free call tells them, or the organisation's reports."""
    key = require_key(context, account, SPEC)
    base = versioned_url_of(account, SPEC)
    if key.startswith(ADMIN_PREFIX):
        from openusaged.providers.openai import organization

        return organization.fetch(context, account, base, bearer(key, context))
    model = account.options.get("probe_model") or DEFAULT_MODEL
    response = context.http.send(
        "GET", f"{base}/models/{urllib.parse.quote(model, safe='')}", headers=bearer(key, context)
    )
    obstacle = _obstacle(response, model)
    if obstacle:
        return snapshot_of(
            context,
            account,
            Probe(place=response.place),
            message=limits_message(SPEC.title, ()),
            attributes={"probe_model_error": obstacle},
        )
    probe = judged(context, response)
    if not probe.is_limited and not as_text(probe.body.get("id")):
        raise UpstreamChanged(probe.place, "the answer is no model")
    return snapshot_of(context, account, probe, message=limits_message(SPEC.title, probe.limits))


def _obstacle(response: HttpResponse, model: str) -> str:
    """
    What a key that works could not do, or "".

    OpenAI looks for the model, and at what a restricted key may do, only after it accepted the key.
    """
    if response.status not in _ANSWERS_TO_KNOWN_KEYS:
        return ""
    try:
        body = msgspec.json.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""  # somebody else's 404: a wrong address
    error = as_object(as_object(body).get("error"))
    if response.status == http.HTTPStatus.NOT_FOUND:
        found = error.get("code") == "model_not_found"
        return f"{model} is not available to this key" if found else ""
    if "missing scopes" in as_text(error.get("message")).lower():
        return "the key is restricted and may not read models"
    return ""


PROVIDER: Final = Provider(spec=SPEC, fetch=fetch)
