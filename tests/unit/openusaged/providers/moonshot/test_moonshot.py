"""What Moonshot's balance call says when it fails."""

from __future__ import annotations

import pytest

from openusaged.core.errors import AuthRequired, UpstreamChanged
from openusaged.core.models import Account
from openusaged.providers.moonshot import _is_china, fetch
from tests.support.fetching import fetch_context
from tests.support.provider_case import CaseServer


def poll(balance: dict, secret: str = "k"):
    with CaseServer([{"path": "/v1/users/me/balance", **balance}]) as server:
        account = Account(id="moonshot-ai", provider_id="moonshot", base_url=server.url)
        return fetch(fetch_context(secret=secret), account)


def test_refused_key_is_not_asked_with_again():
    """After a refusal the second call is not made, and the other region is mentioned."""
    with CaseServer([{"path": "/v1/users/me/balance", "status": 401, "body": {}}]) as server:
        account = Account(id="moonshot-ai", provider_id="moonshot", base_url=server.url)
        with pytest.raises(AuthRequired, match="other region"):
            fetch(fetch_context(secret="k"), account)
    assert server.requests == ["GET /v1/users/me/balance"]


@pytest.mark.parametrize(
    "body",
    [
        {"code": 5, "status": False, "message": "bad"},
        {"code": 0, "status": "true", "data": {"available_balance": 1}},
        {"status": True, "data": {"available_balance": 1}},
        {"code": 0, "status": True, "data": {}},
        {"code": 0, "status": True, "data": {"available_balance": None}},
    ],
)
def test_answer_without_success_or_balance_is_refused(body):
    """Only status true with code 0 and a balance is a success."""
    with pytest.raises(UpstreamChanged):
        poll({"body": body})


def test_no_key_names_the_variable():
    """Without a key nothing is asked."""
    with pytest.raises(AuthRequired, match="MOONSHOT_API_KEY"):
        poll({}, secret="")


def test_region_follows_host_or_option():
    """The mainland's host means yuan; an option decides where the host does not tell."""
    assert _is_china("https://api.moonshot.cn", "")
    assert not _is_china("https://api.moonshot.ai", "")
    assert not _is_china("https://api.moonshot.cn", "international")
    assert _is_china("https://gw.example.com", "china")
