"""The Gemini key travels in a header, never in an address."""

from __future__ import annotations

from openusaged.core.models import Account
from openusaged.providers.base import FetchContext, Machine
from openusaged.providers.gemini_api import fetch
from openusaged.providers.shared.http import UrllibHttpClient
from tests.unit.openusaged.providers.shared.vendor_server import vendor_server

KEY = "AIza-planted-0001"


def test_key_is_in_no_address():
    """Addresses end up in logs and messages, so no request holds the key in its own."""
    with vendor_server() as server:
        server.answer("/v1beta/models", body={"models": []})
        context = FetchContext(
            machine=Machine(env={}, home="/nowhere"),
            http=UrllibHttpClient(proxies={}),
            now_ms=lambda: 1_780_315_200_000,
            secret_of=lambda account: KEY,
        )
        account = Account(id="a", provider_id="gemini_api", base_url=f"{server.url}/v1beta")
        fetch(context, account)
        ((path, headers),) = server.requests
    assert path == "/v1beta/models?pageSize=1000"
    assert headers["x-goog-api-key"] == KEY
