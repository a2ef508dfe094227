"""What a free call to a platform proves, and what failures of it mean."""

from __future__ import annotations

import logging

import pytest

from openusaged.core.errors import AuthRequired, Unreachable, UpstreamChanged
from openusaged.core.models import Account, LimitMetric
from openusaged.providers.base import FetchContext, Machine, ProviderSpec
from openusaged.providers.shared.api import base_url_of, versioned_url_of
from openusaged.providers.shared.http import UrllibHttpClient
from openusaged.providers.shared.key_probe import (
    Probe,
    ask,
    ask_aside,
    limits_message,
    snapshot_of,
    status_of,
    used_percent,
)
from tests.unit.openusaged.providers.shared.vendor_server import vendor_server

NOW_MS = 1_780_315_200_000  # 2026-06-01T12:00:00Z
ACCOUNT = Account(id="work", provider_id="example")
LIMITS = {"x-ratelimit-limit-requests": "10", "x-ratelimit-remaining-requests": "4"}


@pytest.fixture
def server():
    with vendor_server() as running:
        yield running


@pytest.fixture
def context():
    return FetchContext(
        machine=Machine(env={}, home="/nowhere"),
        http=UrllibHttpClient(proxies={}),
        now_ms=lambda: NOW_MS,
    )


def metric(**figures):
    return LimitMetric(key="k", unit="requests", **figures)


class TestAsk:
    def test_object_and_limits_of_a_good_answer(self, server, context):
        """A 200 with an object is usable, and its headers are read."""
        server.answer("/models", body={"data": [{"id": "a"}, 7]}, **LIMITS)
        probe = ask(context, f"{server.url}/models", {})
        assert probe.objects("data") == [{"id": "a"}]
        assert [(one.key, one.limit, one.remaining) for one in probe.limits] == [("rpm", 10, 4)]
        assert not probe.is_limited

    def test_request_to_wait_is_an_answer_with_limits(self, server, context):
        """A 429 brings limits and the wait; there is no list to look for in it."""
        server.answer("/models", 429, body=b"slow down", retry_after="7", **LIMITS)
        probe = ask(context, f"{server.url}/models", {})
        assert (probe.is_limited, probe.retry_after_s, len(probe.limits)) == (True, 7.0, 1)
        assert probe.objects("data") == []

    @pytest.mark.parametrize(
        ("status", "error"),
        [(401, AuthRequired), (403, AuthRequired), (404, UpstreamChanged), (529, Unreachable)],
    )
    def test_other_statuses_are_failures(self, server, context, status, error):
        """Neither an unknown path nor an overloaded server passes as a working key."""
        server.answer("/models", status, body={"data": []})
        with pytest.raises(error):
            ask(context, f"{server.url}/models", {})

    @pytest.mark.parametrize("body", [[], "text", None, 7])
    def test_answer_that_is_no_object_is_a_failure(self, server, context, body):
        """JSON of another kind is a changed vendor."""
        server.answer("/models", body=body)
        with pytest.raises(UpstreamChanged, match="no object"):
            ask(context, f"{server.url}/models", {})

    def test_debug_log_shows_the_harmless_headers(self, server, context, caplog):
        """Whoever wonders why there are no limits finds the headers in the log, and no cookie."""
        server.answer("/models", body={}, set_cookie="session=planted", **LIMITS)
        with caplog.at_level(logging.DEBUG, "openusaged.providers.shared.key_probe"):
            ask(context, f"{server.url}/models?key=planted", {"x-api-key": "planted"})
        (line,) = caplog.messages
        assert line.startswith("event=probe place=127.0.0.1/models status=200 headers=")
        assert "'x-ratelimit-limit-requests': '10'" in line
        assert "planted" not in line

    def test_object_without_the_list_is_a_failure(self, server, context):
        """A greeting with status 200 is not a list of models."""
        server.answer("/models", body={"data": {"id": "a"}})
        with pytest.raises(UpstreamChanged, match="no list of data"):
            ask(context, f"{server.url}/models", {}).objects("data")

    def test_secondary_call_fails_in_words(self, server, context):
        """What a second call cannot tell is a reason, never an exception."""
        server.answer("/ok", body={"a": 1})
        server.answer("/list", body=[1])
        server.answer("/no", 402, body={})
        assert ask_aside(context, f"{server.url}/ok", {}) == ({"a": 1}, "")
        assert ask_aside(context, f"{server.url}/list", {}) == ({}, "the answer is no object")
        assert ask_aside(context, f"{server.url}/no?key=sk-planted-0001", {}) == (
            {},
            "127.0.0.1/no: unexpected HTTP 402",
        )


class TestSnapshot:
    def test_request_to_wait_decides_the_status(self, context):
        """Whatever else was learned, an account that must wait is limited."""
        probe = Probe(place="host/models", is_limited=True, retry_after_s=9.0)
        snapshot = snapshot_of(context, ACCOUNT, probe, message="fine", metrics=[metric(used=1.0)])
        assert (snapshot.status, snapshot.retry_after_s) == ("LIMITED", 9.0)
        assert snapshot.message == "host/models: asked to wait (HTTP 429)"
        assert len(snapshot.metrics) == 1

    def test_unknown_attributes_are_left_out(self, context):
        """An attribute without a value is not there."""
        snapshot = snapshot_of(
            context, ACCOUNT, Probe(), message="fine", attributes={"plan": "", "team": "t-1"}
        )
        assert snapshot.attributes == {"team": "t-1"}
        assert (snapshot.provider_id, snapshot.account_id) == ("example", "work")
        assert snapshot.ts_ms == NOW_MS

    def test_message_counts_only_whole_figures(self):
        """Half a limit is not put into words; none at all is said honestly."""
        whole, half = metric(limit=10.0, remaining=4.0), metric(limit=5.0)
        assert limits_message("Example", [whole, half]) == "Remaining: 4/10 K"
        assert limits_message("Example", [half]) == "The key works; Example shows no limits here"


@pytest.mark.parametrize(
    ("figures", "percent", "status"),
    [
        ({"limit": 100.0, "used": 79.9}, 79.9, "OK"),
        ({"limit": 100.0, "used": 80.0}, 80.0, "NEAR_LIMIT"),
        ({"limit": 100.0, "used": 100.0}, 100.0, "LIMITED"),
        ({"limit": 50.0, "remaining": 10.0}, 80.0, "NEAR_LIMIT"),
        ({"limit": 50.0, "remaining": -1.0}, 102.0, "LIMITED"),
        ({"limit": 50.0}, None, "OK"),
        ({"limit": 0.0, "used": 5.0}, None, "OK"),
        ({"used": 5.0}, None, "OK"),
    ],
)
def test_status_follows_what_is_used(figures, percent, status):
    """Eighty percent are near the limit, a hundred are at it; no limit means no percentage."""
    assert used_percent(metric(**figures)) == (None if percent is None else pytest.approx(percent))
    assert status_of([metric(**figures)]) == status
    assert status_of([metric(limit=10.0, used=0.0), metric(**figures)]) == status


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", "https://api.example.com/v1"),
        ("https://api.example.com", "https://api.example.com/v1"),
        ("https://api.example.com/", "https://api.example.com/v1"),
        ("https://api.example.com/v1/", "https://api.example.com/v1"),
        ("https://api.example.com/v2", "https://api.example.com/v2"),
        ("https://gateway.example.org", "https://gateway.example.org"),
    ],
)
def test_vendors_own_host_needs_no_version(given, expected):
    """With or without the version segment the vendor's host is meant; a gateway is left alone."""
    spec = ProviderSpec(
        id="example", title="", description="", kind="api", auth="api_key",
        base_url="https://api.example.com/v1/",
    )  # fmt: skip
    account = Account(id="a", provider_id="example", base_url=given)
    assert versioned_url_of(account, spec) == expected
    assert base_url_of(account, spec) == (given or spec.base_url).rstrip("/")
