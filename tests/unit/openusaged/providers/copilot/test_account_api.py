"""A poll of a Copilot plan: the quotas decide, the rest may fail by itself."""

from __future__ import annotations

import pytest

from openusaged.core.errors import UpstreamChanged
from openusaged.core.models import Account
from openusaged.providers.base import FetchContext, Machine
from openusaged.providers.copilot import account_api
from openusaged.providers.shared.http import UrllibHttpClient
from tests.support.provider_case import CaseServer

SEAT = {
    "copilot_plan": "business",
    "token_based_billing": True,
    "quota_snapshots": {"premium_interactions": {"entitlement": 0}},
}
RATES = {"path": "/rate_limit", "body": {"resources": {}}}


def poll(home, user, *routes):
    with CaseServer([{"path": "/copilot_internal/user", "body": user}, *routes]) as server:
        context = FetchContext(
            machine=Machine(env={}, home=str(home)),
            http=UrllibHttpClient(proxies={}),
            now_ms=lambda: 1_784_548_800_000,
            secret_of=lambda _account: "gho_planted-0001",
        )
        account = Account(id="copilot", provider_id="copilot", base_url=server.url)
        return account_api.fetch(context, account), server.requests


def test_answer_about_something_else_is_no_plan(tmp_path):
    """An object without anything of a plan is named, not shown as a healthy account."""
    with pytest.raises(UpstreamChanged, match="Copilot plan"):
        poll(tmp_path, {"login": "someone"})


def test_organisations_of_a_seat_are_looked_up(tmp_path):
    """Where the plan names none, the user's own organisations are asked for the bill."""
    bill = {"product": "copilot", "unitType": "ai-credits", "grossQuantity": 3, "netAmount": 0}
    snapshot, requests = poll(
        tmp_path,
        SEAT,
        RATES,
        {"path": "/user/orgs", "query": {"per_page": "100"}, "body": [{"login": "ac me"}, 5]},
        {"path": "/orgs/ac%20me/settings/billing/usage/summary", "body": {"usageItems": [bill]}},
    )
    assert requests[2:] == [
        "GET /user/orgs",
        "GET /orgs/ac%20me/copilot/billing",
        "GET /orgs/ac%20me/settings/billing/usage/summary",
    ]
    used = {metric.key: metric.used for metric in snapshot.metrics}
    assert used == {"org_credits:ac me": 3.0, "org_spend:ac me": 0.0}
    assert not any(name.endswith("_error") for name in snapshot.attributes)


def test_waiting_that_is_asked_for_ends_the_poll(tmp_path):
    """After a 429 nothing more is asked, what is known stays, and the wait is kept."""
    rates = {"path": "/rate_limit", "status": 429, "answer_headers": {"Retry-After": "90"}}
    user = {**SEAT, "organization_login_list": ["acme"]}
    snapshot, requests = poll(tmp_path, user, rates)
    assert requests == ["GET /copilot_internal/user", "GET /rate_limit"]
    assert snapshot.retry_after_s == 90.0
    assert "429" in snapshot.attributes["rate_limit_error"]


def test_server_that_fails_is_left_alone(tmp_path):
    """After a server error nothing more is asked in this poll."""
    user = {**SEAT, "organization_login_list": ["acme"]}
    snapshot, requests = poll(tmp_path, user, {"path": "/rate_limit", "status": 502})
    assert len(requests) == 2
    assert snapshot.status == "OK"
    assert "502" in snapshot.attributes["rate_limit_error"]


def test_odd_answer_of_a_lesser_call_is_named(tmp_path):
    """A list where an object should be costs the figures and says so."""
    snapshot, _ = poll(tmp_path, SEAT, {"path": "/rate_limit", "body": [1]})
    assert "no object" in snapshot.attributes["rate_limit_error"]


def test_redirect_elsewhere_is_not_followed_with_the_token(tmp_path):
    """The token goes to the host that was asked and to no other."""
    away = {
        "path": "/rate_limit",
        "status": 302,
        "answer_headers": {"Location": "http://localhost:9/x"},
    }
    snapshot, _ = poll(tmp_path, SEAT, away)
    assert "another host" in snapshot.attributes["rate_limit_error"]
