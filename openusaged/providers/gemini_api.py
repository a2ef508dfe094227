"""
Google Gemini API: whether a key works, and the models and sizes it may use.

kind: api
reads: GET /models, all pages
env: GEMINI_API_KEY, GOOGLE_API_KEY
"""

from __future__ import annotations

import dataclasses
import http
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any, Final

from openusaged.core.errors import AuthRequired, UpstreamChanged
from openusaged.core.models import Account, UsageSnapshot
from openusaged.providers.base import (
    FetchContext,
    KeyVariable,
    MetricSpec,
    Provider,
    ProviderSpec,
    WidgetSpec,
)
from openusaged.providers.shared.api import require_key, versioned_url_of
from openusaged.providers.shared.figures import Figures
from openusaged.providers.shared.http_response import MAX_RETRY_AFTER_S, HttpResponse
from openusaged.providers.shared.json_values import as_count, as_list, as_object, as_text
from openusaged.providers.shared.key_probe import Probe, judged, snapshot_of
from openusaged.providers.shared.rate_headers import HeaderGroup, duration_as_ms

PAGE_SIZE: Final = 1000
MAX_PAGES: Final = 10
SAMPLE: Final = 5
GROUP: Final = HeaderGroup(
    key="rpm",
    label="Requests per minute",
    unit="requests",
    window="1m",
    limit="x-ratelimit-limit",
    remaining="x-ratelimit-remaining",
    reset="x-ratelimit-reset",
)
# The plain model of a generation, its previews and its numbered releases; not `-lite`, `-image` ...
_FLASH: Final = re.compile(r"gemini-(\d+(?:\.\d+)?)-flash(|-preview(?:-[\d-]+)?|-\d{3})")

SPEC: Final = ProviderSpec(
    id="gemini_api",
    title="Google Gemini API",
    description="Whether a key works, and the models and sizes it may use",
    kind="api",
    auth="api_key",
    setup="Set GEMINI_API_KEY.",
    metrics=(
        MetricSpec(
            key="available_models", label="Models available", unit="models", window="current"
        ),
        MetricSpec(
            key="input_token_limit", label="Input limit", unit="tokens", window="per-request"
        ),
        MetricSpec(
            key="output_token_limit", label="Output limit", unit="tokens", window="per-request"
        ),
        GROUP.metric,
    ),
    dashboard=WidgetSpec(gauges=("rpm",)),
    detail=WidgetSpec(gauges=("rpm",)),
    min_poll_s=300.0,
    base_url="https://generativelanguage.googleapis.com/v1beta",
    keys=(
        KeyVariable(
            name="GEMINI_API_KEY", account_id="gemini-api", short_names=("gemini", "google")
        ),
        KeyVariable(name="GOOGLE_API_KEY", account_id="gemini-google"),
    ),
)


def fetch(context: FetchContext, account: Account) -> UsageSnapshot:
    """
    The catalogue that the key sees.

    Raises:
        AuthRequired: no key, or it was refused.
        UpstreamChanged: no list of models.
    """
    # The documented `?key=` would put the key into every message that names the address.
    headers = {
        "x-goog-api-key": require_key(context, account, SPEC),
        "User-Agent": context.user_agent,
    }
    probe, models = _catalogue(context, f"{versioned_url_of(account, SPEC)}/models", headers)
    figures = Figures(SPEC)
    names = [name for name, model in models.items() if _generates(model)]
    if not probe.is_limited:
        figures.add("available_models", used=float(len(names)))
        figures.note("total_models", str(len(models)))
        figures.note("models_sample", ", ".join(names[:SAMPLE]))
        _add_sizes(figures, models, names)
    return snapshot_of(
        context,
        account,
        probe,
        message=f"The key works; {len(names)} models available, usage is not shown here",
        metrics=figures.metrics.values(),
        attributes=figures.attributes,
    )


def _catalogue(
    context: FetchContext, url: str, headers: Mapping[str, str]
) -> tuple[Probe, dict[str, Mapping[str, Any]]]:
    """The last answer and every model by its name, in the vendor's order."""
    models: dict[str, Mapping[str, Any]] = {}
    query = {"pageSize": str(PAGE_SIZE)}
    for _ in range(MAX_PAGES):
        response = context.http.send(
            "GET", f"{url}?{urllib.parse.urlencode(query)}", headers=headers
        )
        probe = _judged(context, response)
        for model in probe.objects("models"):
            name = as_text(model.get("name")).removeprefix("models/")
            if name:
                models.setdefault(name, model)
        token = as_text(probe.body.get("nextPageToken"))
        if not token:
            return probe, models
        query["pageToken"] = token
    raise UpstreamChanged(probe.place, f"more than {MAX_PAGES} pages of models")


def _judged(context: FetchContext, response: HttpResponse) -> Probe:
    if response.status == http.HTTPStatus.BAD_REQUEST:
        error = _error(response)
        message = as_text(error.get("message")).lower()
        # Google answers 400 to a bad key, but also where the service is not offered.
        if "API_KEY_INVALID" in _reasons(error) or "api key" in message:
            raise AuthRequired(f"{response.place}: the key is not valid (HTTP 400)")
        if as_text(error.get("status")) == "FAILED_PRECONDITION":
            raise UpstreamChanged(response.place, "not offered in this region (HTTP 400)")
    probe = judged(context, response, (GROUP,))
    if probe.is_limited and probe.retry_after_s is None:
        return dataclasses.replace(probe, retry_after_s=_retry_delay_s(_error(response)))
    return probe


def _error(response: HttpResponse) -> Mapping[str, Any]:
    try:
        return as_object(as_object(response.json()).get("error"))
    except UpstreamChanged:
        return {}


def _reasons(error: Mapping[str, Any]) -> set[str]:
    return {as_text(as_object(one).get("reason")) for one in as_list(error.get("details"))}


def _retry_delay_s(error: Mapping[str, Any]) -> float | None:
    """`retryDelay` of the RetryInfo detail, or of the metadata where some answers keep it."""
    for detail in map(as_object, as_list(error.get("details"))):
        for holder in (detail, as_object(detail.get("metadata"))):
            delay_ms = duration_as_ms(as_text(holder.get("retryDelay")))
            if delay_ms is not None:
                return min(delay_ms / 1000, MAX_RETRY_AFTER_S)
    return None


def _generates(model: Mapping[str, Any]) -> bool:
    return "generateContent" in as_list(model.get("supportedGenerationMethods"))


def _add_sizes(figures: Figures, models: Mapping[str, Mapping[str, Any]], names: list[str]) -> None:
    """How much fits into one request of the newest flash model, the one most programs use."""
    ranked = [
        (tuple(map(int, found[1].split("."))), not found[2], name)
        for name in names
        if (found := _FLASH.fullmatch(name)) is not None
    ]
    if not ranked:
        return
    model = models[max(ranked)[2]]
    figures.note("model_name", as_text(model.get("displayName")) or max(ranked)[2])
    for key, name in (
        ("input_token_limit", "inputTokenLimit"),
        ("output_token_limit", "outputTokenLimit"),
    ):
        size = as_count(model.get(name))
        if size:
            figures.add(key, limit=float(size))


PROVIDER: Final = Provider(spec=SPEC, fetch=fetch)
