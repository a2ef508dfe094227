"""
The one way out to a vendor: bounded in time and size, with typed failures.

Over `urllib` rather than a client library: a handful of small GETs an hour do not pay for another
dependency.  The handlers are picked by hand, so that neither `file:` nor `ftp:` addresses work and
redirects stay ours to judge.  Headers carry credentials: they are never logged, never part of an
error, and never sent to another host than the one that was asked.
"""

from __future__ import annotations

import time
import urllib.parse
from collections.abc import Callable, Mapping
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from openusaged.core.errors import ProviderError, Unreachable, UpstreamChanged
from openusaged.providers.shared.http_response import HttpResponse

if TYPE_CHECKING:
    # Loaded by the first request: a daemon that only reads logs needs no TLS.
    import http.client
    from email.message import Message
    from urllib.request import OpenerDirector

MAX_BODY_BYTES: Final = 4 << 20
MAX_REDIRECTS: Final = 3
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
        self._proxies = None if proxies is None else dict(proxies)

    @cached_property
    def _opener(self) -> OpenerDirector:
        import urllib.request

        opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(self._proxies),
            urllib.request.UnknownHandler(),
            urllib.request.HTTPHandler(),
            urllib.request.HTTPSHandler(),
        ):
            opener.add_handler(handler)
        return opener

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
        response = self.send("GET", url, headers=headers, timeout_s=timeout_s)
        if response.status != HTTPStatus.OK and 200 <= response.status < 300:
            raise UpstreamChanged(response.place, f"unexpected HTTP {response.status}")
        response.require_ok(self._now_s())
        return response.json()

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        timeout_s: float = 10.0,
        follow_redirects: bool = True,
        max_bytes: int = MAX_BODY_BYTES,
    ) -> HttpResponse:
        """
        An answer of whatever status of at most `max_bytes`; `timeout_s` as for `get_json`.

        A redirect is followed on the same host only, and only for a GET.

        Raises:
            UpstreamChanged: too large, or a redirect elsewhere.
            Unreachable: refused, timed out, broken off, name not found.
            ProviderError: the address or a header cannot be sent at all.
        """
        import http.client
        import urllib.request

        place = _without_query(url)
        deadline = time.monotonic() + timeout_s
        follow = follow_redirects and method == "GET"
        try:
            for _ in range(MAX_REDIRECTS + 1):
                request = urllib.request.Request(  # noqa: S310  (handlers allow http and https only)
                    url,
                    data=body,
                    headers={"Accept": "application/json", **headers},
                    method=method,
                )
                with self._opener.open(request, timeout=timeout_s) as response:
                    if not follow or response.status not in _REDIRECTS:
                        return HttpResponse(
                            status=response.status,
                            headers=_joined(response.headers),
                            body=_body(response, deadline, place, max_bytes),
                            place=place,
                        )
                    url = _redirect_target(url, response.headers.get("Location"), place)
        except ProviderError:
            raise
        except ValueError:
            # The library quotes the offending header in its message: it must not survive.
            raise ProviderError(f"{place}: the address or a header cannot be sent") from None
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{place}: {_cause(error)}") from error
        raise UpstreamChanged(place, f"more than {MAX_REDIRECTS} redirects")


def _joined(headers: Message) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in headers.items():
        key = name.lower()
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return joined


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


def _body(response: http.client.HTTPResponse, deadline: float, place: str, max_bytes: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    # `read1` returns what one receive brought: a server that drips cannot hold us for longer.
    while data := response.read1(READ_BYTES):
        size += len(data)
        if size > max_bytes:
            raise UpstreamChanged(place, f"an answer of more than {max_bytes} bytes")
        if time.monotonic() > deadline:
            raise Unreachable(f"{place}: the answer took too long")
        parts.append(data)
    body = b"".join(parts)
    expected = response.headers.get("Content-Length", "")
    if expected.isdigit() and len(body) < int(expected):
        raise Unreachable(f"{place}: the answer broke off")
    return body


def _cause(error: BaseException) -> str:
    reason = getattr(error, "reason", None)  # what urllib has wrapped
    if isinstance(reason, BaseException):
        error = reason
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
