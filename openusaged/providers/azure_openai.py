"""
Azure OpenAI: whether a resource answers its key, and its rate limits when it tells them.

kind: api
reads: GET {endpoint}/openai/models, where that is unknown {endpoint}/openai/v1/models
env: AZURE_OPENAI_API_KEY, AZURE_API_KEY, AZURE_OPENAI_ENDPOINT, AZURE_RESOURCE_NAME
"""

from __future__ import annotations

import http
import urllib.parse
from typing import Final

from openusaged.core.errors import AuthRequired
from openusaged.core.models import ACCOUNT_UNKNOWN, Account, UsageSnapshot
from openusaged.providers.base import (
    FetchContext,
    KeyVariable,
    Machine,
    Provider,
    ProviderSpec,
    WidgetSpec,
)
from openusaged.providers.shared.api import require_key
from openusaged.providers.shared.key_probe import Probe, judged, limits_message, snapshot_of
from openusaged.providers.shared.rate_headers import STANDARD

API_VERSION: Final = "2024-10-21"

SPEC: Final = ProviderSpec(
    id="azure_openai",
    title="Azure OpenAI",
    description="Whether a resource answers its key; rate limits when it tells them",
    kind="api",
    auth="api_key",
    setup="Set AZURE_OPENAI_API_KEY, and AZURE_OPENAI_ENDPOINT or AZURE_RESOURCE_NAME.",
    metrics=tuple(group.metric for group in STANDARD),
    dashboard=WidgetSpec(gauges=("rpm", "tpm")),
    detail=WidgetSpec(gauges=("rpm", "tpm")),
    min_poll_s=300.0,
    keys=(
        KeyVariable(name="AZURE_OPENAI_API_KEY", account_id="azure_openai"),
        KeyVariable(name="AZURE_API_KEY", account_id="azure_openai"),
    ),
)


def fetch(context: FetchContext, account: Account) -> UsageSnapshot:
    """
    Whether the key works, with the limits that came along.

    Raises:
        AuthRequired: no key, no endpoint, or a refused key.
    """
    key = require_key(context, account, SPEC)
    endpoint = _endpoint(account, context.machine)
    if not endpoint:
        raise AuthRequired(
            "no endpoint: set AZURE_OPENAI_ENDPOINT or AZURE_RESOURCE_NAME, or the account's "
            "base_url"
        )
    headers = {"api-key": key, "User-Agent": context.user_agent}
    version = urllib.parse.quote(account.options.get("api_version") or API_VERSION, safe="")
    response = context.http.send(
        "GET", f"{endpoint}/openai/models?api-version={version}", headers=headers
    )
    if response.status == http.HTTPStatus.NOT_FOUND:
        # Resources of the newer kind know only the path without dated versions.
        response = context.http.send("GET", f"{endpoint}/openai/v1/models", headers=headers)
    if response.status == http.HTTPStatus.NOT_FOUND:
        return snapshot_of(
            context,
            account,
            Probe(),
            status=ACCOUNT_UNKNOWN,
            message=f"{response.place}: not found (HTTP 404); the key could not be checked",
        )
    probe = judged(context, response)
    probe.objects("data")
    return snapshot_of(context, account, probe, message=limits_message(SPEC.title, probe.limits))


def _endpoint(account: Account, machine: Machine) -> str:
    """The resource's address without the path that the calls add, or ""."""
    given = account.base_url.strip() or machine.env.get("AZURE_OPENAI_ENDPOINT", "").strip()
    if given:
        # Both forms circulate: the bare resource, and what SDKs of the v1 API are given.
        return given.rstrip("/").removesuffix("/v1").removesuffix("/openai")
    resource = machine.env.get("AZURE_RESOURCE_NAME", "").strip()
    return f"https://{resource}.openai.azure.com" if resource else ""


PROVIDER: Final = Provider(spec=SPEC, fetch=fetch)
