"""
The one way out to a vendor: bounded in time and size, with typed failures.

Over `urllib` rather than a client library: a handful of small GETs an hour do not pay for another
dependency.  The handlers are picked by hand, so that neither `file:` nor `ftp:` addresses work and
redirects stay ours to judge.  Headers carry credentials: they are never logged, never part of an
error, and never sent to another host than the one that was asked.
"""

from __future__ import annotations

import email.utils
import http.client
import math
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from email.message import Message
from typing import Any, Final

import msgspec

from openusaged.core.errors import (
    AuthRequired,
    ProviderError,
    RateLimited,
    Unreachable,
    UpstreamChanged,
)

MAX_BODY_BYTES: Final = 4 << 20
MAX_REDIRECTS: Final = 3
MAX_RETRY_AFTER_S: Final = 86_400.0
"""A vendor that asks for more is asked again after a day: it may have meant milliseconds."""
READ_BYTES: Final = 64 << 10

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class UrllibHttpClient:
    """
    `providers.base.HttpClient` over the standard library; safe to share between threads.

    Args:
        proxies: scheme to proxy address; from the process environment when None.
        now_s: the wall clock, for `Retry-After` dates of servers that send no `Date`.
    """

    def __init__(
        self,
        *,
        proxies: Mapping[str, str] | None = None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._now_s = now_s
        self._opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(None if proxies is None else dict(proxies)),
            urllib.request.UnknownHandler(),
            urllib.request.HTTPHandler(),
            urllib.request.HTTPSHandler(),
        ):
            self._opener.add_handler(handler)

    def get_json(self, url: str, *, headers: Mapping[str, str], timeout_s: float = 10.0) -> Any:
        """
        The decoded body of a 200 answer to a GET.

        `timeout_s` bounds connecting, each wait for the server, and reading the body as a whole.

        Raises:
            AuthRequired: 401 or 403.
            RateLimited: 429, with Retry-After when given.
            UpstreamChanged: no JSON, too large, a redirect elsewhere, or another status that is
                no server error.
            Unreachable: 5xx, refused, timed out, broken off, name not found.
            ProviderError: the address or a header cannot be sent at all.
        """
        place = _without_query(url)
        deadline = time.monotonic() + timeout_s
        try:
            for _ in range(MAX_REDIRECTS + 1):
                request = urllib.request.Request(  # noqa: S310  (handlers allow http and https only)
                    url, headers={"Accept": "application/json", **headers}, method="GET"
                )
                with self._opener.open(request, timeout=timeout_s) as response:
                    if response.status not in _REDIRECTS:
                        self._check_status(response.status, response.headers, place)
                        return _decoded(_body(response, deadline, place), place)
                    url = _redirect_target(url, response.headers.get("Location"), place)
        except ProviderError:
            raise
        except ValueError:
            # The library quotes the offending header in its message: it must not survive.
            raise ProviderError(f"{place}: the address or a header cannot be sent") from None
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{place}: {_cause(error)}") from error
        raise UpstreamChanged(place, f"more than {MAX_REDIRECTS} redirects")

    def _check_status(self, status: int, headers: Message, place: str) -> None:
        if status == http.client.OK:
            return
        if status in (http.client.UNAUTHORIZED, http.client.FORBIDDEN):
            raise AuthRequired(f"{place}: the credentials were refused (HTTP {status})")
        if status == http.client.TOO_MANY_REQUESTS:
            wait_s = retry_after_s(headers, self._now_s())
            raise RateLimited(f"{place}: asked to wait (HTTP 429)", wait_s)
        if status >= http.client.INTERNAL_SERVER_ERROR:
            raise Unreachable(f"{place}: the server failed (HTTP {status})")
        raise UpstreamChanged(place, f"unexpected HTTP {status}")


def retry_after_s(headers: Message, now_s: float) -> float | None:
    """
    Seconds to wait by the `Retry-After` header, between 0 and a day; None without a usable one.

    A date is taken relative to the answer's own `Date`, so that a wrong clock here does no harm.
    """
    value = str(headers.get("Retry-After", "")).strip()
    try:
        seconds = float(value)
    except ValueError:
        until = _http_date(value)
        if until is None:
            return None
        sent = _http_date(str(headers.get("Date", "")))
        seconds = until - (now_s if sent is None else sent)
    if not math.isfinite(seconds):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)


def _http_date(text: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _without_query(url: str) -> str:
    # User names and queries may hold keys; host and path say enough.
    try:
        parts = urllib.parse.urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "address"
    return f"{host}{parts.path}" or "address"


def _redirect_target(url: str, location: str | None, place: str) -> str:
    if not location:
        raise UpstreamChanged(place, "redirect without a target")
    target = urllib.parse.urljoin(url, location)
    old, new = urllib.parse.urlsplit(url), urllib.parse.urlsplit(target)
    upgraded = (old.scheme, new.scheme) == ("http", "https")
    if old.hostname != new.hostname or not (
        upgraded or (old.scheme, old.port) == (new.scheme, new.port)
    ):
        raise UpstreamChanged(place, "redirect to another host")
    return target


def _body(response: http.client.HTTPResponse, deadline: float, place: str) -> bytes:
    parts: list[bytes] = []
    size = 0
    # `read1` returns what one receive brought: a server that drips cannot hold us for longer.
    while data := response.read1(READ_BYTES):
        size += len(data)
        if size > MAX_BODY_BYTES:
            raise UpstreamChanged(place, f"an answer of more than {MAX_BODY_BYTES} bytes")
        if time.monotonic() > deadline:
            raise Unreachable(f"{place}: the answer took too long")
        parts.append(data)
    body = b"".join(parts)
    expected = response.headers.get("Content-Length", "")
    if expected.isdigit() and len(body) < int(expected):
        raise Unreachable(f"{place}: the answer broke off")
    return body


def _decoded(body: bytes, place: str) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamChanged(place, "the answer is no JSON") from error


def _cause(error: BaseException) -> str:
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, BaseException):
        error = error.reason
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
