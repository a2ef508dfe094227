"""Codex's usage call against a real HTTP server: every shape of reply, every way to fail."""

from __future__ import annotations

import base64
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from openusaged.core.errors import Unreachable, UpstreamChanged
from openusaged.providers.base import FetchContext
from openusaged.providers.codex import PROVIDER, SPEC
from openusaged.providers.codex.usage_api import session_limits, usage_url
from openusaged.providers.shared.http import MAX_BODY_BYTES, UrllibHttpClient
from tests.support.codex_log import account, context, count, machine, meta, rollout_path, write

NOW = 1_780_308_600_000
LATER = NOW // 1000 + 3600
TOKEN = "eyJ-access-token"
WINDOWS = {
    "allowed": True,
    "limit_reached": False,
    "primary_window": {"used_percent": 3, "limit_window_seconds": 18000, "reset_at": LATER},
    "secondary_window": {"used_percent": 33, "limit_window_seconds": 604800, "reset_at": LATER},
}
REPLY = {
    "user_id": "user-1",
    "account_id": "acct-123",
    "email": "dev@example.com",
    "plan_type": "team",
    "rate_limit": WINDOWS,
    "code_review_rate_limit": {
        "primary_window": {"used_percent": 1, "limit_window_seconds": 604800, "reset_at": LATER},
        "secondary_window": None,
    },
    "additional_rate_limits": [
        {
            "limit_name": "GPT-5.3-Codex-Spark",
            "metered_feature": "codex_bengalfox",
            "rate_limit": {
                "primary_window": {
                    "used_percent": 55,
                    "limit_window_seconds": 18000,
                    "reset_at": LATER,
                },
                "secondary_window": None,
            },
        }
    ],
    "credits": {"has_credits": True, "unlimited": False, "balance": "9.99"},
    "individual_limit": {
        "limit": "1000",
        "used": "250",
        "remaining_percent": 75,
        "resets_at": LATER,
    },
}
LIVE = {"rate_limit_primary": 3.0, "rate_limit_secondary": 33.0}


class _Impatient(UrllibHttpClient):
    """The real client with a patience that suits a test."""

    def get_json(self, url, *, headers, timeout_s=10.0):
        return super().get_json(url, headers=headers, timeout_s=min(timeout_s, 0.3))


class _Vendor:
    """What the server answers, and what it was asked."""

    def __init__(self):
        self.status = 200
        self.headers = {}
        self.body = json.dumps(REPLY).encode()
        self.hold = None
        self.seen = []


@contextmanager
def _serving(vendor):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            # urllib spells header names its own way; they are case-insensitive
            named = {name.lower(): value for name, value in self.headers.items()}
            vendor.seen.append((self.path, named))
            if vendor.hold is not None:
                vendor.hold.wait(5)
            try:
                self.send_response(vendor.status)
                for name, value in vendor.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(vendor.body)))
                self.end_headers()
                self.wfile.write(vendor.body)
            except OSError:
                self.close_connection = True  # the client gave up, as some tests want

        def log_message(self, format, *args):  # noqa: A002
            """Keep the test output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/backend-api"
    finally:
        if vendor.hold is not None:
            vendor.hold.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def vendor():
    return _Vendor()


@pytest.fixture
def home(tmp_path):
    tokens = {"access_token": TOKEN, "refresh_token": "rt", "account_id": "acct-123"}
    auth = {"OPENAI_API_KEY": None, "account_id": "acct-top", "tokens": tokens}
    (tmp_path / "auth.json").write_text(json.dumps(auth))
    return tmp_path


def _fetch(home, base_url):
    ctx = FetchContext(machine=machine(home), http=_Impatient(proxies={}), now_ms=lambda: NOW)
    return PROVIDER.fetch(ctx, account(home, base_url=base_url))


def _ask(vendor, home):
    with _serving(vendor) as url:
        return _fetch(home, url)


def _used(snapshot):
    return {metric.key: metric.used for metric in snapshot.metrics}


def _session(home, used=77.0, resets_at=LATER, name="0199a000-0000-4000-8000-00000000aaaa"):
    limits = {"primary": {"used_percent": used, "window_minutes": 300, "resets_at": resets_at}}
    return write(rollout_path(home, name), [meta(), context(1), count(2, limits=limits)])


def test_full_reply_becomes_metrics(vendor, home):
    """Windows, features, credits and the credit limit are all there, with units."""
    snapshot = _ask(vendor, home)
    assert _used(snapshot) == {
        **LIVE,
        "rate_limit_code_review_secondary": 1.0,
        "rate_limit_codex_bengalfox_primary": 55.0,
        "codex_credit_limit": 250.0,
        "credit_balance": None,
    }
    by_key = {metric.key: metric for metric in snapshot.metrics}
    assert (by_key["credit_balance"].remaining, by_key["credit_balance"].unit) == (9.99, "credits")
    assert by_key["rate_limit_primary"].window == "5h"
    assert by_key["rate_limit_secondary"].resets_at_ms == LATER * 1000
    assert (snapshot.status, snapshot.ts_ms) == ("OK", NOW)
    assert snapshot.attributes == {"plan_type": "team", "rate_limit_source": "live"}


def test_request_carries_token_and_account(vendor, home):
    """The call is Codex's own: its token, its account id, our user agent."""
    _ask(vendor, home)
    ((path, headers),) = vendor.seen
    assert path == "/backend-api/wham/usage"
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["chatgpt-account-id"] == "acct-123"
    assert headers["user-agent"] == "openusage"


def test_reply_leaks_no_identity(vendor, home):
    """No e-mail address, account id or token is in the snapshot."""
    text = repr(_ask(vendor, home))
    for secret in ("dev@example.com", "acct-123", "acct-top", "user-1", TOKEN):
        assert secret not in text


@pytest.mark.parametrize(
    "body",
    [
        {"rate_limit_status": {"plan_type": "team", "rate_limit": WINDOWS}},
        {"rateLimitStatus": {"planType": "team", "rateLimit": WINDOWS}},
        {
            "plan_type": "team",
            "rate_limit": {
                "primary": {
                    "remaining_percent": "97",
                    "window_minutes": "300",
                    "reset_after_seconds": 60,
                },
                "secondary": {"usedPercent": "33", "windowDurationMins": 10080, "resetsAt": LATER},
            },
        },
        {
            "planType": "team",
            "rateLimits": {
                "primary": WINDOWS["secondary_window"],
                "secondary": WINDOWS["primary_window"],
            },
        },
    ],
)
def test_variants_of_the_reply_mean_the_same(vendor, home, body):
    """Nested, camel-cased, remaining instead of used, swapped slots: the same limits."""
    vendor.body = json.dumps(body).encode()
    snapshot = _ask(vendor, home)
    assert _used(snapshot) == LIVE
    assert snapshot.attributes["plan_type"] == "team"


def test_passed_reset_is_unused(vendor, home):
    """A window whose reset has passed is empty, not as full as it was."""
    window = {"used_percent": 99, "limit_window_seconds": 18000, "reset_at": NOW // 1000 - 1}
    vendor.body = json.dumps({"rate_limit": {"primary_window": window}}).encode()
    snapshot = _ask(vendor, home)
    assert (_used(snapshot), snapshot.status) == ({"rate_limit_primary": 0.0}, "OK")


@pytest.mark.parametrize(
    ("change", "status"),
    [({"used_percent": 95}, "NEAR_LIMIT"), ({"used_percent": 100}, "LIMITED")],
)
def test_status_follows_the_limits(vendor, home, change, status):
    """Near and full limits are the account's status."""
    window = WINDOWS["primary_window"] | change
    vendor.body = json.dumps({"rate_limit": {"primary_window": window}}).encode()
    assert _ask(vendor, home).status == status


def test_vendors_word_limits_the_account(vendor, home):
    """`limit_reached` counts also when the rounded percentage is lower."""
    vendor.body = json.dumps({"rate_limit": {**WINDOWS, "limit_reached": True}}).encode()
    assert _ask(vendor, home).status == "LIMITED"


def test_reply_without_windows_keeps_the_sessions_limits(vendor, home):
    """A reply that has no windows does not erase what the newest rollout knows."""
    _session(home)
    vendor.body = json.dumps({"plan_type": "team", "credits": {"balance": 5}}).encode()
    snapshot = _ask(vendor, home)
    assert _used(snapshot) == {"rate_limit_primary": 77.0, "credit_balance": None}
    assert (snapshot.status, snapshot.attributes["rate_limit_source"]) == ("OK", "session")


def test_sessions_limits_of_the_past_are_empty(vendor, home):
    """A window of the log that was reset since is unused."""
    _session(home, used=100.0, resets_at=NOW // 1000 - 5)
    vendor.body = b'{"plan_type":"team"}'
    snapshot = _ask(vendor, home)
    assert (_used(snapshot), snapshot.status) == ({"rate_limit_primary": 0.0}, "OK")


def test_reply_that_knows_nothing_is_ok(vendor, home):
    """No windows anywhere is no failure: the source says so."""
    vendor.body = b"{}"
    snapshot = _ask(vendor, home)
    assert (snapshot.status, snapshot.metrics) == ("OK", ())
    assert snapshot.attributes == {"rate_limit_source": "live_unavailable"}


def test_session_limits_look_past_rollouts_without_any(home):
    """The newest rollout may have ended before its first answer: the one before is asked."""
    _session(home, used=41.0)
    newer = "0199a000-0000-4000-8000-00000000bbbb"
    path = write(rollout_path(home, newer), [meta(), "half a line token_count", count(3)])
    with path.open("ab") as file:
        file.write(b'{"type":"event_msg","payload":{"type":"token_count","model":"\xff"}}\n')
        file.write(b'{"type":"event_msg","payload":{"type":"token_count"')
    found = session_limits(account(home), machine(home))
    assert _used(found) == {"rate_limit_primary": 41.0}


@pytest.mark.parametrize("status", [401, 403])
def test_refused_login_asks_for_a_new_one(vendor, home, status):
    """A refused token is a state with the way out, not an error."""
    vendor.status = status
    snapshot = _ask(vendor, home)
    assert (snapshot.status, snapshot.metrics) == ("AUTH_REQUIRED", ())
    assert "codex login" in snapshot.message


@pytest.mark.parametrize(("header", "wait"), [({"Retry-After": "120"}, 120.0), ({}, None)])
def test_throttled_call_waits_as_told(vendor, home, header, wait):
    """The vendor's wish travels with the snapshot; unknown stays unknown."""
    vendor.status, vendor.headers = 429, header
    snapshot = _ask(vendor, home)
    assert (snapshot.status, snapshot.retry_after_s, snapshot.metrics) == ("UNKNOWN", wait, ())


@pytest.mark.parametrize("status", [500, 503])
def test_server_error_is_unreachable(vendor, home, status):
    """A server error raises and so leaves the last good snapshot alone."""
    vendor.status = status
    with pytest.raises(Unreachable):
        _ask(vendor, home)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b"{}"),
        (200, b"<html>login</html>"),
        (200, b'{"rate_limit":'),
        (200, b"[1]"),
        (200, b'"text"'),
        (200, b'{"x":"' + b"y" * (MAX_BODY_BYTES + 1) + b'"}'),
    ],
    ids=["404", "html", "cut", "list", "text", "huge"],
)
def test_unexpected_answer_is_a_change_upstream(vendor, home, status, body):
    """Another status, no JSON, no object or too much of it raises."""
    vendor.status, vendor.body = status, body
    with pytest.raises(UpstreamChanged):
        _ask(vendor, home)


@pytest.mark.parametrize(
    "body",
    [
        {"rate_limit": "x", "credits": 5, "plan_type": 7.5, "additional_rate_limits": {"a": 1}},
        {"rate_limit": {"primary_window": {"used_percent": []}}, "individual_limit": "x"},
        {"additional_rate_limits": [None, 5, {"rate_limit": 7}, {"limit_name": "x"}]},
    ],
)
def test_wrong_types_cost_only_themselves(vendor, home, body):
    """Odd fields are unknown; the poll succeeds."""
    vendor.body = json.dumps(body).encode()
    snapshot = _ask(vendor, home)
    assert (snapshot.status, snapshot.metrics) == ("OK", ())


def test_slow_answer_is_unreachable(vendor, home):
    """A server that does not answer in time is given up."""
    vendor.hold = threading.Event()
    with pytest.raises(Unreachable):
        _ask(vendor, home)


def test_refused_connection_is_unreachable(vendor, home):
    """No server at all raises the same."""
    with _serving(vendor) as url:
        pass
    with pytest.raises(Unreachable):
        _fetch(home, url)


@pytest.mark.parametrize("text", ["{", "", "[]", '{"tokens":5}', "\x00", '"\xff"'])
def test_unreadable_auth_file_asks_for_a_login(vendor, tmp_path, text):
    """A broken, empty or missing login is the same to the user: sign in; nothing is sent."""
    (tmp_path / "auth.json").write_text(text, encoding="latin-1")
    snapshot = _ask(vendor, tmp_path)
    assert (snapshot.status, vendor.seen) == ("AUTH_REQUIRED", [])
    (tmp_path / "auth.json").unlink()
    assert _ask(vendor, tmp_path).status == "AUTH_REQUIRED"


def test_api_key_login_has_no_limits(vendor, tmp_path):
    """With an API key there is nothing to ask: a sentence says so, and the key stays here."""
    (tmp_path / "auth.json").write_text(json.dumps({"OPENAI_API_KEY": "sk-secret"}))
    snapshot = _ask(vendor, tmp_path)
    assert (snapshot.status, vendor.seen) == ("UNSUPPORTED", [])
    assert "API key" in snapshot.message
    assert "sk-secret" not in repr(snapshot)


def test_account_id_of_old_logins_is_used(vendor, tmp_path):
    """Older files keep the account id at the top; without one the header is left out."""
    claims = base64.urlsafe_b64encode(b'{"email":"dev@example.com"}').decode()
    auth = {"account_id": "acct-top", "tokens": {"access_token": TOKEN, "id_token": claims}}
    (tmp_path / "auth.json").write_text(json.dumps(auth))
    _ask(vendor, tmp_path)
    del auth["account_id"]
    (tmp_path / "auth.json").write_text(json.dumps(auth))
    _ask(vendor, tmp_path)
    sent = [headers.get("chatgpt-account-id") for _, headers in vendor.seen]
    assert sent == ["acct-top", None]


@pytest.mark.parametrize(
    ("base_url", "config", "expected"),
    [
        ("", None, "https://chatgpt.com/backend-api/wham/usage"),
        ("https://chatgpt.com/", None, "https://chatgpt.com/backend-api/wham/usage"),
        ("", "https://chat.openai.com", "https://chat.openai.com/backend-api/wham/usage"),
        ("http://a.example", "http://b.example", "http://a.example/api/codex/usage"),
        ("", "http://b.example/", "http://b.example/api/codex/usage"),
    ],
)
def test_base_address_comes_from_account_then_config(tmp_path, base_url, config, expected):
    """The account's base wins over Codex's config, which wins over the default."""
    if config is not None:
        text = f'model = "x"\nchatgpt_base_url = "{config}"\n[projects."/x"]\ntrust_level = "t"\n'
        (tmp_path / "config.toml").write_text(text)
    assert usage_url(account(tmp_path, base_url=base_url)) == expected


@pytest.mark.parametrize("text", ["chatgpt_base_url = 5", "not toml [", "\udcff"])
def test_unusable_config_means_the_default(tmp_path, text):
    """A config that Codex itself would refuse changes nothing."""
    (tmp_path / "config.toml").write_bytes(text.encode(errors="surrogateescape"))
    assert usage_url(account(tmp_path)).startswith("https://chatgpt.com/backend-api")


def test_vendor_is_asked_at_most_every_five_minutes():
    """The endpoint throttles: politeness is part of the specification."""
    assert SPEC.min_poll_s >= 300
