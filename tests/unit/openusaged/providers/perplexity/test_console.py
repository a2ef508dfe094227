"""What Perplexity's console says in its rarer answers."""

from __future__ import annotations

import pytest

from openusaged.core.errors import AuthRequired, ProviderError, UpstreamChanged
from openusaged.core.models import Account
from openusaged.providers.perplexity import fetch
from tests.support.fetching import fetch_context
from tests.support.provider_case import CaseServer

GROUPS = "/rest/pplx-api/v2/groups"


def poll(groups: dict, customer: dict | None = None, cookie: str = "c", **options: str):
    routes = [
        {"path": GROUPS, **groups},
        {"path": f"{GROUPS}/o", "body": {"customerInfo": customer or {}}},
        {"path": f"{GROUPS}/o/usage-analytics", "body": []},
    ]
    with CaseServer(routes) as server:
        account = Account(
            id="perplexity", provider_id="perplexity", base_url=server.url, options=options
        )
        return fetch(fetch_context(cookie=cookie), account)


ONE = {"body": {"orgs": [{"api_org_id": "o"}]}}


def test_no_session_asks_for_one():
    """Without a cookie nothing is asked, and the message says what to do."""
    with pytest.raises(AuthRequired, match=r"console\.perplexity\.ai"):
        poll(ONE, cookie=" ")


def test_page_of_html_is_an_expired_session():
    """HTML with 200 is the login page."""
    with pytest.raises(AuthRequired, match="expired"):
        poll({"text": "<html>", "answer_headers": {"Content-Type": "text/html; charset=utf-8"}})


def test_failing_page_is_no_expired_session():
    """An error page of the server does not send the user to the login."""
    with pytest.raises(ProviderError, match="HTTP 502"):
        poll({"status": 502, "text": "<html>", "answer_headers": {"Content-Type": "text/html"}})


@pytest.mark.parametrize(
    ("groups", "error", "words"),
    [
        ({"body": {"orgs": []}}, ProviderError, "no API organisation"),
        ({"body": {"orgs": [{"display_name": "x"}]}}, ProviderError, "no API organisation"),
        ({"body": {}}, UpstreamChanged, "orgs"),
    ],
)
def test_login_without_organisation_is_an_error(groups, error, words):
    """A login that owns nothing, or an unknown answer, is not shown as well."""
    with pytest.raises(error, match=words):
        poll(groups)


def test_unknown_organisation_of_the_settings_is_named():
    """A wrong id in the settings is told instead of showing another organisation."""
    with pytest.raises(ProviderError, match="perplexity_org_id"):
        poll(ONE, perplexity_org_id="other")


def test_session_that_expires_between_calls():
    """A refusal of the second call is the same as one of the first."""
    routes = [{"path": GROUPS, **ONE}, {"path": f"{GROUPS}/o", "status": 401, "body": {}}]
    with CaseServer(routes) as server:
        account = Account(id="perplexity", provider_id="perplexity", base_url=server.url)
        with pytest.raises(AuthRequired):
            fetch(fetch_context(cookie="c"), account)


@pytest.mark.parametrize(
    ("customer", "status", "message"),
    [
        ({"balance": 0}, "LIMITED", "The balance is used up"),
        ({"balance": 0, "auto_top_up_amount": 10}, "OK", "$0.00 balance"),
        ({"balance": "3", "is_pro": True}, "OK", "$3.00 balance"),
    ],
)
def test_empty_balance_is_a_limit_unless_it_fills_itself(customer, status, message):
    """Nothing left stops requests, except where the console tops up by itself."""
    snapshot = poll(ONE, customer)
    assert (snapshot.status, snapshot.message) == (status, message)


def test_request_to_wait_for_the_details_ends_the_poll():
    """A 429 for the balance is unknown with a wait; the meters are not asked for."""
    slow = {"status": 429, "answer_headers": {"Retry-After": "60"}, "body": {}}
    routes = [{"path": GROUPS, **ONE}, {"path": f"{GROUPS}/o", **slow}]
    with CaseServer(routes) as server:
        account = Account(id="perplexity", provider_id="perplexity", base_url=server.url)
        snapshot = fetch(fetch_context(cookie="c"), account)
    assert (snapshot.status, snapshot.retry_after_s) == ("UNKNOWN", 60.0)
    assert len(server.requests) == 2
