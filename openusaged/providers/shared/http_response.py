"""
An HTTP answer of any status, and what its status and `Retry-After` mean.

Separate from the client so that the contract (`providers.base`) need not know how requests travel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from openusage_proto.values import dataclass
from openusaged.core.errors import AuthRequired, RateLimited, Unreachable, UpstreamChanged

MAX_RETRY_AFTER_S: Final = 86_400.0
"""A vendor that asks for more is asked again after a day: it may have meant milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """An answer of any status; header names are in lower case, repeated ones joined by `, `."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    place: str
    """Host and path that answered, for messages; no query, no credentials."""

    def json(self) -> Any:
        """
        The decoded body.

        Raises:
            UpstreamChanged: it is no JSON.
        """
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UpstreamChanged(self.place, "the answer is no JSON") from error

    def retry_after_s(self, now_s: float) -> float | None:
        """Seconds the vendor asks to wait; see the function of that name."""
        return retry_after_s(self.headers, now_s)

    def require_ok(self, now_s: float) -> None:
        """
        Pass for a 2xx; otherwise the typed failure that `HttpClient.get_json` documents.

        Raises:
            AuthRequired, RateLimited, Unreachable, UpstreamChanged.
        """
        status, place = self.status, self.place
        if 200 <= status < 300:
            return
        if status in (401, 403):
            raise AuthRequired(f"{place}: the credentials were refused (HTTP {status})")
        if status == 429:
            wait_s = self.retry_after_s(now_s)
            raise RateLimited(f"{place}: asked to wait (HTTP 429)", wait_s)
        if status >= 500:
            raise Unreachable(f"{place}: the server failed (HTTP {status})")
        raise UpstreamChanged(place, f"unexpected HTTP {status}")


def retry_after_s(headers: Mapping[str, str], now_s: float) -> float | None:
    """
    Seconds to wait by the `Retry-After` header, between 0 and a day; None without a usable one.

    A date is taken relative to the answer's own `Date`, so that a wrong clock here does no harm.
    """
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        until = _http_date(value)
        if until is None:
            return None
        sent = _http_date(headers.get("date", ""))
        seconds = until - (now_s if sent is None else sent)
    if not math.isfinite(seconds):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)


def _http_date(text: str) -> float | None:
    # Rarely needed, and scanners would pay for all that it imports.
    import email.utils

    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
