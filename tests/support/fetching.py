"""A `FetchContext` over the real HTTP client, for tests of single providers' calls."""

from __future__ import annotations

from openusaged.providers.base import FetchContext, Machine
from openusaged.providers.shared.http import UrllibHttpClient
from tests.support.provider_case import iso_ms

NOW = "2026-06-10T12:00:00Z"


def fetch_context(
    *,
    secret: str = "",
    cookie: str = "",
    now: str = NOW,
    machine: Machine | None = None,
) -> FetchContext:
    """What a provider may use: the key and cookie given, a clock that stands at `now`."""
    return FetchContext(
        machine=machine or Machine(env={}, home="/nonexistent"),
        http=UrllibHttpClient(proxies={}),
        now_ms=lambda: iso_ms(now),
        secret_of=lambda _account: secret,
        cookie_of=lambda _account: cookie,
    )
