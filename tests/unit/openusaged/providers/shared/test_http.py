"""The HTTP client against a real server on 127.0.0.1."""

from __future__ import annotations

import pytest

from openusaged.core.errors import (
    AuthRequired,
    ProviderError,
    RateLimited,
    Unreachable,
    UpstreamChanged,
)
from openusaged.providers.shared.http import (
    MAX_BODY_BYTES,
    MAX_REDIRECTS,
    UrllibHttpClient,
)
from openusaged.providers.shared.http_response import retry_after_s
from tests.unit.openusaged.providers.shared.vendor_server import vendor_server

SECRET = "sk-secret-0123456789"


@pytest.fixture
def server():
    with vendor_server() as running:
        yield running


def get(url, *, timeout_s=5.0, **headers):
    client = UrllibHttpClient(proxies={})
    return client.get_json(url, headers={"Authorization": SECRET, **headers}, timeout_s=timeout_s)


def test_answer_is_decoded_and_headers_arrive(server):
    """A 200 gives its JSON; the caller's headers reach the vendor."""
    server.answer("/v1", body={"a": [1, None]})
    assert get(f"{server.url}/v1", **{"User-Agent": "openusage/1"}) == {"a": [1, None]}
    ((path, headers),) = server.requests
    assert (path, headers["authorization"], headers["user-agent"], headers["accept"]) == (
        "/v1",
        SECRET,
        "openusage/1",
        "application/json",
    )


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (204, UpstreamChanged),
        (304, UpstreamChanged),
        (400, UpstreamChanged),
        (401, AuthRequired),
        (403, AuthRequired),
        (404, UpstreamChanged),
        (429, RateLimited),
        (500, Unreachable),
        (503, Unreachable),
    ],
)
def test_each_status_has_its_error(server, status, error):
    """A status other than 200 is the error that says what to do; no secret is in it."""
    server.answer("/v1", status)
    with pytest.raises(error) as caught:
        get(f"{server.url}/v1?key={SECRET}")
    assert type(caught.value) is error
    assert str(status) in str(caught.value)
    assert SECRET not in repr(caught.value)


def test_retry_after_reaches_the_caller(server):
    """The wait the vendor asked for is in the error."""
    server.answer("/v1", 429, Retry_After="120")
    with pytest.raises(RateLimited) as caught:
        get(f"{server.url}/v1")
    assert caught.value.retry_after_s == 120.0


@pytest.mark.parametrize(
    ("value", "date", "expected"),
    [
        ("0", None, 0.0),
        ("1.5", None, 1.5),
        ("-5", None, 0.0),
        ("999999999", None, 86_400.0),
        ("nan", None, None),
        ("inf", None, None),
        ("soon", None, None),
        ("", None, None),
        (None, None, None),
        ("Mon, 01 Jun 2026 10:02:00 GMT", None, 120.0),
        ("Mon, 01 Jun 2026 10:02:00 GMT", "Mon, 01 Jun 2026 10:01:00 GMT", 60.0),
        ("Mon, 01 Jun 2026 10:02:00 GMT", "nonsense", 120.0),
        ("Mon, 01 Jun 2026 09:00:00 GMT", None, 0.0),
    ],
)
def test_retry_after_forms(value, date, expected):
    """Seconds and dates are understood and bounded; anything else is no statement."""
    headers = {}
    if value is not None:
        headers["retry-after"] = value
    if date is not None:
        headers["date"] = date
    assert retry_after_s(headers, 1_780_308_000.0) == expected


class TestRedirects:
    def test_same_host_is_followed(self, server):
        """A redirect within the host is followed with the same headers."""
        server.answer("/old", 302, Location="/new?x=1")
        server.answer("/new", body=7)
        assert get(f"{server.url}/old") == 7
        assert server.requests[1][0] == "/new?x=1"
        assert server.requests[1][1]["authorization"] == SECRET

    @pytest.mark.parametrize("target", ["http://localhost:{port}/x", "http://127.0.0.1:1/x"])
    def test_credentials_stay_with_the_host(self, server, target):
        """A redirect to another host or port is refused and nothing is sent there."""
        server.answer("/old", 307, Location=target.format(port=server.port))
        with pytest.raises(UpstreamChanged, match="another host"):
            get(f"{server.url}/old")
        assert len(server.requests) == 1

    def test_other_schemes_are_refused(self, server):
        """A redirect to a file is no answer."""
        server.answer("/old", 302, Location="file:///etc/passwd")
        with pytest.raises(UpstreamChanged, match="another host"):
            get(f"{server.url}/old")

    def test_loop_and_empty_target_end(self, server):
        """Redirects in a circle end, and one without a target is an error."""
        server.answer("/loop", 301, Location="/loop")
        server.answer("/empty", 301)
        with pytest.raises(UpstreamChanged, match="redirects"):
            get(f"{server.url}/loop")
        assert len(server.requests) == MAX_REDIRECTS + 1
        with pytest.raises(UpstreamChanged, match="without a target"):
            get(f"{server.url}/empty")


class TestBodies:
    @pytest.mark.parametrize("body", [b"", b"<html>", b'{"a":', b"\xff\xfe", b"[" * 100_000])
    def test_no_json_is_a_changed_answer(self, server, body):
        """A body that is no JSON is no answer."""
        server.answer("/v1", body=body)
        with pytest.raises(UpstreamChanged, match="no JSON"):
            get(f"{server.url}/v1")

    def test_huge_body_is_cut_off(self, server):
        """A body without end is given up at the cap."""
        server.flood("/v1")
        with pytest.raises(UpstreamChanged, match=str(MAX_BODY_BYTES)):
            get(f"{server.url}/v1")

    def test_broken_off_body_is_no_answer(self, server):
        """Half an answer is none, though what came is JSON."""
        server.break_off("/v1")
        with pytest.raises(Unreachable, match="broke off"):
            get(f"{server.url}/v1")

    def test_dripping_body_is_given_up(self, server):
        """A server that sends a byte now and then cannot hold the caller."""
        server.drip("/v1")
        with pytest.raises(Unreachable, match="took too long"):
            get(f"{server.url}/v1", timeout_s=0.3)


class TestNoAnswer:
    def test_silent_server(self, server):
        """A server that does not answer in time is unreachable."""
        server.hang("/v1")
        with pytest.raises(Unreachable, match="no answer in time"):
            get(f"{server.url}/v1", timeout_s=0.2)

    def test_refused_connection(self):
        """Nobody listens: unreachable, with the reason of the operating system."""
        with pytest.raises(Unreachable, match="refused"):
            get("http://127.0.0.1:1/v1")

    def test_connection_closed_without_an_answer(self, server):
        """A server that hangs up without a word is unreachable."""
        server.answers["/v1"] = lambda _handler: None
        with pytest.raises(Unreachable, match="RemoteDisconnected"):
            get(f"{server.url}/v1")

    def test_answer_that_is_no_http(self, server):
        """Something that is no HTTP is unreachable."""
        server.answers["/v1"] = lambda handler: handler.wfile.write(b"220 smtp ready\r\n\r\n")
        with pytest.raises(Unreachable, match="BadStatusLine"):
            get(f"{server.url}/v1")

    @pytest.mark.parametrize("url", ["nonsense", "http://[::1", "http://127.0.0.1:x/"])
    def test_addresses_that_are_none(self, url):
        """An address that cannot be one is an error of ours to show."""
        with pytest.raises(ProviderError):
            get(url)

    def test_files_cannot_be_read(self):
        """A `file:` address does not open a file."""
        with pytest.raises(ProviderError):
            get("file:///etc/hostname")

    @pytest.mark.parametrize("token", ["secret\nInjected: x", "secret😀"])
    def test_unsendable_header_does_not_show_itself(self, server, token):
        """A broken token is reported without the token, in the causes too."""
        with pytest.raises(ProviderError) as caught:
            UrllibHttpClient(proxies={}).get_json(server.url, headers={"Authorization": token})
        assert "secret" not in repr(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__
        assert server.requests == []


def test_proxy_is_used(server):
    """A configured proxy gets the request."""
    server.answer("http://vendor.invalid/v1", body=5)
    client = UrllibHttpClient(proxies={"http": server.url})
    assert client.get_json("http://vendor.invalid/v1", headers={}) == 5


def test_any_status_comes_back_with_its_headers(server):
    """`send` judges nothing: status, joined headers and body are the caller's to read."""

    def answer(handler):
        handler.send_response(418)
        handler.send_header("X-RateLimit-Limit", "10")
        handler.send_header("X-RateLimit-Limit", "20")
        handler.send_header("Content-Length", "4")
        handler.end_headers()
        handler.wfile.write(b"nope")

    server.answers["/probe"] = answer
    response = UrllibHttpClient(proxies={}).send("GET", f"{server.url}/probe", headers={})
    assert (response.status, response.body) == (418, b"nope")
    assert response.headers["x-ratelimit-limit"] == "10, 20"
    with pytest.raises(UpstreamChanged, match="no JSON"):
        response.json()
    with pytest.raises(UpstreamChanged, match="418"):
        response.require_ok(0.0)


def test_redirect_can_be_read_instead_of_followed(server):
    """A caller that wants the address of a redirect gets the answer itself."""
    server.answer("/auth", 302, Location="/elsewhere")
    client = UrllibHttpClient(proxies={})
    response = client.send("GET", f"{server.url}/auth", headers={}, follow_redirects=False)
    assert (response.status, response.headers["location"]) == (302, "/elsewhere")
