"""
Proves an API key with a free call, and makes a snapshot of what that and other calls told.

Most platforms have no call for limits: a list of models proves the key and may carry limits in its
headers.  What a failure means is the same for all of them; being asked to wait still tells limits.
"""

from __future__ import annotations

import http
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any, Final

from openusage_proto.values import dataclass
from openusaged.core.errors import ProviderError, UpstreamChanged
from openusaged.core.models import (
    ACCOUNT_LIMITED,
    ACCOUNT_NEAR_LIMIT,
    ACCOUNT_OK,
    Account,
    LimitMetric,
    ReportedUsage,
    UsageSnapshot,
)
from openusaged.providers.base import FetchContext
from openusaged.providers.shared.http_response import HttpResponse
from openusaged.providers.shared.rate_headers import (
    STANDARD,
    HeaderGroup,
    read_groups,
    shown_headers,
)

log = logging.getLogger(__name__)

NEAR_PERCENT: Final = 80.0
FULL_PERCENT: Final = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A usable answer, or the request to wait; both may carry limits."""

    place: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)
    limits: tuple[LimitMetric, ...] = ()
    is_limited: bool = False
    retry_after_s: float | None = None

    def objects(self, name: str) -> list[Mapping[str, Any]]:
        """
        The objects of a list of the answer; empty when the vendor asked to wait.

        Raises:
            UpstreamChanged: the answer has no such list.
        """
        if self.is_limited:
            return []
        entries = self.body.get(name)
        if not isinstance(entries, list):
            raise UpstreamChanged(self.place, f"no list of {name} in the answer")
        return [entry for entry in entries if isinstance(entry, Mapping)]


def ask(
    context: FetchContext,
    url: str,
    headers: Mapping[str, str],
    groups: Iterable[HeaderGroup] = STANDARD,
) -> Probe:
    """
    A GET that must answer with a JSON object.

    Raises:
        AuthRequired: 401 or 403.
        Unreachable: 5xx or no answer.
        UpstreamChanged: another status but 429, or no object.
    """
    return judged(context, context.http.send("GET", url, headers=headers), groups)


def judged(
    context: FetchContext, response: HttpResponse, groups: Iterable[HeaderGroup] = STANDARD
) -> Probe:
    """What an answer that is at hand means; raises as `ask` does."""
    now_ms = context.now_ms()
    limits = read_groups(response.headers, groups, now_ms)
    if log.isEnabledFor(logging.DEBUG):  # answers "why are there no limits?" without the secrets
        log.debug(
            "event=probe place=%s status=%d headers=%s",
            response.place,
            response.status,
            shown_headers(response.headers),
        )
    if response.status == http.HTTPStatus.TOO_MANY_REQUESTS:
        return Probe(
            place=response.place,
            limits=limits,
            is_limited=True,
            retry_after_s=response.retry_after_s(now_ms / 1000),
        )
    response.require_ok(now_ms / 1000)
    body = response.json()
    if not isinstance(body, Mapping):
        raise UpstreamChanged(response.place, "the answer is no object")
    return Probe(place=response.place, body=body, limits=limits)


def ask_aside(
    context: FetchContext, url: str, headers: Mapping[str, str]
) -> tuple[Mapping[str, Any], str]:
    """The object that a secondary call answers, or an empty one and why there is none."""
    try:
        body = context.http.get_json(url, headers=headers)
    except ProviderError as error:
        return {}, str(error)
    return (body, "") if isinstance(body, Mapping) else ({}, "the answer is no object")


def snapshot_of(
    context: FetchContext,
    account: Account,
    probe: Probe,
    *,
    message: str,
    status: str = ACCOUNT_OK,
    metrics: Iterable[LimitMetric] = (),
    attributes: Mapping[str, str] | None = None,
    reported: Sequence[ReportedUsage] = (),
) -> UsageSnapshot:
    """The snapshot of a poll; a request to wait decides its status, unknown attributes go."""
    if probe.is_limited:
        status, message = ACCOUNT_LIMITED, f"{probe.place}: asked to wait (HTTP 429)"
    return UsageSnapshot(
        provider_id=account.provider_id,
        account_id=account.id,
        ts_ms=context.now_ms(),
        status=status,
        message=message,
        metrics=(*metrics, *probe.limits),
        attributes={name: value for name, value in (attributes or {}).items() if value},
        retry_after_s=probe.retry_after_s,
        reported=tuple(reported),
    )


def limits_message(title: str, limits: Iterable[LimitMetric]) -> str:
    """What is left of the limits, or that the key works and nothing more is known."""
    parts = [
        f"{metric.remaining:.0f}/{metric.limit:.0f} {metric.key.upper()}"
        for metric in limits
        if metric.remaining is not None and metric.limit is not None
    ]
    if parts:
        return f"Remaining: {', '.join(parts)}"
    return f"The key works; {title} shows no limits here"


def used_percent(metric: LimitMetric) -> float | None:
    """How much of its limit a figure has used; None without a limit above zero."""
    if metric.limit is None or metric.limit <= 0:
        return None
    if metric.used is not None:
        return metric.used / metric.limit * 100
    if metric.remaining is not None:
        return (metric.limit - metric.remaining) / metric.limit * 100
    return None


def status_of(metrics: Iterable[LimitMetric]) -> str:
    """OK, NEAR_LIMIT or LIMITED by the fullest of the figures."""
    worst = max((used_percent(metric) or 0.0 for metric in metrics), default=0.0)
    if worst >= FULL_PERCENT:
        return ACCOUNT_LIMITED
    return ACCOUNT_NEAR_LIMIT if worst >= NEAR_PERCENT else ACCOUNT_OK
