"""Listing the keys of an OpenRouter account over real pages."""

from __future__ import annotations

import pytest

from openusaged.core.errors import UpstreamChanged
from openusaged.core.models import Account
from openusaged.providers.openrouter import fetch
from openusaged.providers.openrouter.key_list import MAX_PAGES, list_keys
from tests.support.fetching import fetch_context
from tests.support.provider_case import CaseServer


def page(first: int, count: int) -> list[dict]:
    return [
        {"hash": f"h{number}", "label": f"sk-...{number}", "usage": 1, "usage_monthly": 0.5}
        for number in range(first, first + count)
    ]


def keys_route(offset: int, rows: list) -> dict:
    return {"path": "/keys", "query": {"offset": str(offset)}, "body": {"data": rows}}


def listed(routes: list[dict]) -> tuple[list, list[str]]:
    with CaseServer(routes) as server:
        return list_keys(fetch_context(), server.url, {}), server.requests


def test_pages_are_asked_for_until_a_short_one():
    """Two full pages and a short one are one list, in three calls."""
    keys, requests = listed(
        [
            keys_route(0, page(0, 100)),
            keys_route(100, page(100, 100)),
            keys_route(200, page(200, 7)),
        ]
    )
    assert len(keys) == 207
    assert sum(key.spent["usage"] for key in keys) == 207
    assert len(requests) == 3


def test_server_that_ignores_the_offset_is_asked_twice():
    """The same full page again ends the list instead of asking for ever."""
    keys, requests = listed([{"path": "/keys", "body": {"data": page(0, 100)}}])
    assert len(keys) == 100
    assert len(requests) == 2


def test_more_keys_than_the_bound_are_refused():
    """A sum over a part of the keys would be wrong: it is not made."""
    routes = [keys_route(number * 100, page(number * 100, 100)) for number in range(MAX_PAGES + 1)]
    with pytest.raises(UpstreamChanged, match="more than 2000 keys"):
        listed(routes)


def test_answer_without_a_list_is_refused():
    """Another shape is a change of the vendor, not an account without keys."""
    with pytest.raises(UpstreamChanged):
        listed([{"path": "/keys", "body": {"data": {"keys": []}}}])


def test_rows_without_identity_are_passed_over():
    """Odd rows cost only themselves."""
    keys, _ = listed([keys_route(0, [None, {"usage": 5}, {"label": "sk-...1", "usage": "2"}])])
    assert [(key.label, dict(key.spent)) for key in keys] == [("sk-...1", {"usage": 2.0})]


def own_key(**fields) -> dict:
    data = {"label": "own", "usage": 3, "usage_daily": 1, "is_management_key": True, **fields}
    return {"path": "/key", "body": {"data": data}}


def poll(routes: list[dict]):
    with CaseServer(routes) as server:
        account = Account(id="openrouter", provider_id="openrouter", base_url=server.url)
        return fetch(fetch_context(secret="k"), account)


def test_spend_of_an_own_key_outside_the_list_is_added():
    """The management key's own spend is part of the account unless the list already holds it."""
    rows = [{"hash": "a", "label": "other", "usage": 4, "usage_daily": 2}]
    metrics = {m.key: m.used for m in poll([own_key(), keys_route(0, rows)]).metrics}
    assert (metrics["credits"], metrics["usage_daily"]) == (7.0, 3.0)
    rows.append({"hash": "b", "label": "own", "usage": 3, "usage_daily": 1})
    metrics = {m.key: m.used for m in poll([own_key(), keys_route(0, rows)]).metrics}
    assert (metrics["credits"], metrics["usage_daily"]) == (7.0, 3.0)


def test_failed_list_leaves_the_own_figures():
    """Without the list the key's own spend stands, and the reason is told."""
    snapshot = poll([own_key(), {"path": "/keys", "status": 500, "body": {}}])
    assert {m.key: m.used for m in snapshot.metrics}["credits"] == 3.0
    assert "HTTP 500" in snapshot.attributes["keys_error"]
    assert snapshot.status == "OK"
    assert snapshot.message == "$3.00 used, the key has no limit"


def test_limit_reset_may_be_a_moment():
    """A reset that is a time instead of a word is taken as it is."""
    reset = own_key(limit=10, limit_remaining=9, limit_reset="2026-06-20T00:00:00Z")
    metrics = {m.key: m for m in poll([reset]).metrics}
    assert metrics["limit_remaining"].resets_at_ms == 1_781_913_600_000
    assert metrics["limit_remaining"].used == 1.0


def test_request_to_wait_ends_the_further_calls():
    """A 429 of a secondary call is passed on as a wait, and nothing more is asked."""
    credits_ = {
        "path": "/credits",
        "status": 429,
        "answer_headers": {"Retry-After": "77"},
        "body": {},
    }
    with CaseServer([own_key(), credits_]) as server:
        account = Account(id="openrouter", provider_id="openrouter", base_url=server.url)
        snapshot = fetch(fetch_context(secret="k"), account)
    assert (snapshot.status, snapshot.retry_after_s) == ("OK", 77.0)
    assert server.requests == ["GET /key", "GET /credits"]
