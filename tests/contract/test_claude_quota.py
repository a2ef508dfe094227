"""Claude Code's plan limits from a real local server, through the real client."""

from __future__ import annotations

import json
import os
import stat

import pytest

from openusaged.core.errors import ProviderError, Unreachable, UpstreamChanged
from openusaged.core.models import Account
from openusaged.providers.base import FetchContext, Machine
from openusaged.providers.claude_code.credentials import OAuth, plan_name, read_oauth
from openusaged.providers.claude_code.usage_api import fetch, parse_usage
from openusaged.providers.shared.http import UrllibHttpClient
from tests.unit.openusaged.providers.shared.vendor_server import vendor_server

USAGE = "/api/oauth/usage"
NOW_MS = 1_780_308_000_000  # 2026-06-01T10:00:00Z
LATER = "2026-06-01T15:00:00.000000+00:00"
TOKEN = "sk-ant-oat01-secret"


@pytest.fixture
def server():
    with vendor_server() as running:
        yield running


@pytest.fixture
def home(isolated_home):
    path = os.path.join(isolated_home, ".claude")
    os.mkdir(path)
    return path


def sign_in(home, **fields):
    oauth = {
        "accessToken": TOKEN,
        "refreshToken": "sk-ant-ort01-secret",
        "expiresAt": NOW_MS + 1000,
        "scopes": ["user:inference", "user:profile"],
        "subscriptionType": "max",
        "rateLimitTier": "default_claude_max_20x",
        **fields,
    }
    with open(os.path.join(home, ".credentials.json"), "w") as file:
        json.dump({"claudeAiOauth": {k: v for k, v in oauth.items() if v is not ...}}, file)


def ask(server, home, **env):
    account = Account(
        id="claude-code", provider_id="claude_code", home=home, base_url=f"{server.url}/"
    )
    context = FetchContext(
        machine=Machine(env=env, home=os.path.dirname(home)),
        http=UrllibHttpClient(proxies={}),
        now_ms=lambda: NOW_MS,
        user_agent="openusage/test",
    )
    return fetch(context, account)


def test_limits_of_a_plan(server, home):
    """Windows, plan and source arrive; the request carries what the vendor wants to see."""
    sign_in(home)
    server.answer(
        USAGE,
        body={
            "five_hour": {"utilization": 42.0, "resets_at": LATER},
            "seven_day": {"utilization": 13, "resets_at": None},
            "seven_day_opus": None,
            "seven_day_sonnet": {"utilization": 91.5, "resets_at": LATER},
            "tangelo": {"utilization": 5},
        },
    )
    snapshot = ask(server, home)
    assert (snapshot.provider_id, snapshot.account_id, snapshot.ts_ms, snapshot.status) == (
        "claude_code",
        "claude-code",
        NOW_MS,
        "NEAR_LIMIT",
    )
    assert [(m.key, m.used, m.remaining, m.window, m.resets_at_ms) for m in snapshot.metrics] == [
        ("usage_five_hour", 42.0, 58.0, "5h", NOW_MS + 5 * 3_600_000),
        ("usage_seven_day", 13.0, 87.0, "7d", None),
        ("usage_seven_day_sonnet", 91.5, 8.5, "7d", NOW_MS + 5 * 3_600_000),
    ]
    assert snapshot.attributes == {"plan": "Max 20x", "usage_source": "oauth"}
    assert "secret" not in repr(snapshot)
    ((_, headers),) = server.requests
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["anthropic-beta"] == "oauth-2025-04-20"
    assert headers["user-agent"] == "openusage/test"


def test_sign_in_is_left_as_it_is(server, home):
    """Asking changes nothing of the sign-in."""
    sign_in(home)
    path = os.path.join(home, ".credentials.json")
    with open(path, "rb") as file:
        before = file.read()
    server.answer(USAGE, body={})
    ask(server, home)
    with open(path, "rb") as file:
        assert file.read() == before


@pytest.mark.parametrize("body", [{}, {"five_hour": None, "limits": None, "extra_usage": None}])
def test_plan_without_limits(server, home, body):
    """Null and absent windows are unknown, not zero."""
    sign_in(home)
    server.answer(USAGE, body=body)
    snapshot = ask(server, home)
    assert (snapshot.status, snapshot.metrics) == ("OK", ())
    assert snapshot.message


class TestSignInProblems:
    def check(self, server, home, words, **env):
        server.answer(USAGE, body={})
        snapshot = ask(server, home, **env)
        assert (snapshot.status, snapshot.metrics) == ("AUTH_REQUIRED", ())
        assert words in snapshot.message
        assert "secret" not in snapshot.message
        assert server.requests == []

    def test_never_signed_in(self, server, home):
        """Without a sign-in the message says how to get one, and nobody is asked."""
        self.check(server, home, "/login")

    def test_token_of_the_environment(self, server, home):
        """CLAUDE_CODE_OAUTH_TOKEN cannot read limits: that is said, not tried."""
        self.check(server, home, "CLAUDE_CODE_OAUTH_TOKEN", CLAUDE_CODE_OAUTH_TOKEN="secret")

    def test_expired(self, server, home):
        """An expired sign-in is renewed by Claude Code, never by us."""
        sign_in(home, expiresAt=NOW_MS)
        self.check(server, home, "expired")

    def test_lacking_scope(self, server, home):
        """A token that may not read the profile is told apart."""
        sign_in(home, scopes=["user:inference"])
        self.check(server, home, "user:profile")

    @pytest.mark.parametrize(
        "text", [b"", b"{", b"[]", b'{"claudeAiOauth":5}', b'{"accessToken":"secret"}', b"\xff"]
    )
    def test_unusable_file(self, server, home, text):
        """A file without a sign-in in its place is no sign-in."""
        with open(os.path.join(home, ".credentials.json"), "wb") as file:
            file.write(text)
        self.check(server, home, "/login")


@pytest.mark.parametrize("status", [401, 403])
def test_refused_sign_in(server, home, status):
    """A refusal is a state with the way out, not an exception."""
    sign_in(home, expiresAt=..., scopes=...)
    server.answer(USAGE, status)
    snapshot = ask(server, home)
    assert (snapshot.status, snapshot.metrics) == ("AUTH_REQUIRED", ())
    assert "/login" in snapshot.message


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"Retry_After": "90"}, 90.0),
        ({}, None),
        ({"Retry_After": "soon"}, None),
    ],
)
def test_asked_to_wait(server, home, headers, wait_s):
    """Being throttled is no full plan: an error state that keeps the wait."""
    sign_in(home)
    server.answer(USAGE, 429, **headers)
    snapshot = ask(server, home)
    assert (snapshot.status, snapshot.metrics, snapshot.retry_after_s) == ("ERROR", (), wait_s)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (500, b"", Unreachable),
        (404, b"", UpstreamChanged),
        (200, b"<html>", UpstreamChanged),
    ],
)
def test_other_failures_are_typed(server, home, status, body, error):
    """Server errors, other statuses and other bodies are errors of their kind."""
    sign_in(home)
    server.answer(USAGE, status, body)
    with pytest.raises(error):
        ask(server, home)


def test_huge_answer_and_refused_connection(server, home):
    """An endless answer and a closed port end as typed errors."""
    sign_in(home)
    server.flood(USAGE)
    with pytest.raises(UpstreamChanged):
        ask(server, home)
    server.url = "http://127.0.0.1:1"
    with pytest.raises(Unreachable):
        ask(server, home)


def test_token_that_cannot_be_sent(server, home):
    """A broken token is an error that does not show it."""
    sign_in(home, accessToken="secret\n")
    with pytest.raises(ProviderError) as caught:
        ask(server, home)
    assert "secret" not in repr(caught.value)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ([], "$"),
        ({"five_hour": []}, "five_hour"),
        ({"five_hour": {"utilization": "42"}}, "five_hour.utilization"),
        ({"seven_day": {"utilization": True}}, "seven_day.utilization"),
        ({"seven_day": {"utilization": 1, "resets_at": "soon"}}, "seven_day.resets_at"),
        ({"limits": {}}, "limits"),
        ({"limits": [5]}, "limits[0]"),
        ({"limits": [{"kind": "session", "percent": "x"}]}, "limits[0].percent"),
        ({"extra_usage": 5}, "extra_usage"),
        (
            {"extra_usage": {"is_enabled": True, "used_credits": "1"}},
            "extra_usage.used_credits",
        ),
    ],
)
def test_wrong_types_say_where(body, path):
    """A field of another type is a changed answer that names the field."""
    with pytest.raises(UpstreamChanged) as caught:
        parse_usage(body, NOW_MS)
    assert caught.value.path == path


def test_window_that_has_rolled_over():
    """A window whose reset has passed is empty."""
    body = {"five_hour": {"utilization": 80, "resets_at": "2026-06-01T09:59:59+00:00"}}
    (metric,) = parse_usage(body, NOW_MS)
    assert (metric.used, metric.remaining) == (0.0, 100.0)


def test_windows_of_the_list():
    """Windows that moved into `limits` fill what the old keys leave null; old keys win."""
    scoped = {"kind": "weekly_scoped", "percent": 20, "resets_at": LATER}
    body = {
        "five_hour": {"utilization": 42},
        "seven_day_opus": None,
        "limits": [
            {"kind": "session", "percent": 99},
            {"kind": "weekly_all", "percent": 30},
            {**scoped, "scope": {"model": {"display_name": "Opus"}}},
            {**scoped, "scope": {"model": {"display_name": "Claude Sonnet 4.5"}}, "percent": 120},
            {**scoped, "scope": {"model": {"display_name": 5}}},
            {**scoped, "scope": {"model": {"display_name": " "}}},
            {**scoped, "scope": {"model": None}},
            {**scoped, "scope": None},
            {"kind": "session", "percent": None},
            {"kind": "lunar", "percent": 1},
        ],
    }
    assert [(m.key, m.used, m.remaining, m.label) for m in parse_usage(body, NOW_MS)] == [
        ("usage_five_hour", 42.0, 58.0, "5-hour limit"),
        ("usage_seven_day", 30.0, 70.0, "Weekly limit"),
        ("usage_seven_day_opus", 20.0, 80.0, "Weekly Opus limit"),
        ("usage_seven_day_claude_sonnet_4_5", 120.0, 0.0, "Weekly claude sonnet 4 5 limit"),
    ]


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (
            {"is_enabled": True, "monthly_limit": 100_000, "used_credits": 1234},
            ("USD", 12.34, 1000.0, 987.66),
        ),
        ({"is_enabled": True, "monthly_limit": None, "used_credits": 5}, ("USD", 0.05, None, None)),
        (
            {"is_enabled": True, "monthly_limit": 100, "used_credits": 250, "currency": "eur"},
            ("EUR", 2.5, 1.0, 0.0),
        ),
        ({"is_enabled": True}, ("USD", None, None, None)),
    ],
)
def test_extra_usage_is_money(extra, expected):
    """Extra usage is billed money, in whole units of its currency."""
    (metric,) = parse_usage({"extra_usage": extra}, NOW_MS)
    assert (metric.unit, metric.used, metric.limit, metric.remaining) == expected
    assert (metric.key, metric.money_kind) == ("extra_usage", "billed")


def test_disabled_extra_usage_is_nothing():
    """A budget that is switched off is not shown as zero."""
    assert parse_usage({"extra_usage": {"is_enabled": False, "used_credits": 0}}, NOW_MS) == ()


@pytest.mark.parametrize(
    ("plan", "tier", "name"),
    [
        ("max", "default_claude_max_20x", "Max 20x"),
        ("max", "default_claude_max_5x", "Max 5x"),
        ("pro", "default_claude_ai", "Pro"),
        ("team", None, "Team"),
        ("", "default_claude_max_5x", ""),
        (None, None, ""),
    ],
)
def test_plan_names(plan, tier, name):
    """The plan is named with its size when it has one."""
    assert plan_name(OAuth(subscription_type=plan, rate_limit_tier=tier)) == name


class TestKeychain:
    """macOS, with a program of the same interface in place of `security`."""

    def tool(self, tmp_path, script):
        path = tmp_path / "security"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    def read(self, home, tool, *, default=True):
        real_home = os.path.dirname(home) if default else "/elsewhere"
        account = Account(id="a", provider_id="claude_code", home=home)
        return read_oauth(
            account, Machine(env={}, home=real_home, platform="darwin"), keychain_tool=tool
        )

    def test_secret_of_the_keychain(self, home, tmp_path):
        """The keychain's entry is the sign-in; the longer valid one of both places wins."""
        secret = json.dumps({"claudeAiOauth": {"accessToken": "chain", "expiresAt": 2000}})
        tool = self.tool(tmp_path, f"echo \"$@\" > {tmp_path}/args\necho '{secret}'")
        assert self.read(home, tool).access_token == "chain"
        assert (tmp_path / "args").read_text() == (
            "find-generic-password -s Claude Code-credentials -w\n"
        )
        sign_in(home, accessToken="file", expiresAt=3000)
        assert self.read(home, tool).access_token == "file"
        sign_in(home, accessToken="file", expiresAt=1000)
        assert self.read(home, tool).access_token == "chain"

    def test_moved_home_has_its_own_entry(self, home, tmp_path):
        """A home set by CLAUDE_CONFIG_DIR is looked up under its own name, then the plain one."""
        tool = self.tool(tmp_path, f'echo "$3" >> {tmp_path}/services\nexit 44')
        assert self.read(home, tool, default=False) is None
        first, second = (tmp_path / "services").read_text().splitlines()
        assert first.startswith("Claude Code-credentials-")
        assert len(first) == len("Claude Code-credentials-") + 8
        assert second == "Claude Code-credentials"

    def test_keychain_that_does_not_answer(self, home, tmp_path, monkeypatch):
        """A dialog nobody answers is given up; no program is no entry."""
        monkeypatch.setattr("openusaged.providers.claude_code.credentials.KEYCHAIN_TIMEOUT_S", 0.1)
        assert self.read(home, self.tool(tmp_path, "exec sleep 30")) is None
        assert self.read(home, str(tmp_path / "missing")) is None

    def test_secret_is_not_in_its_repr(self):
        """A log line that shows the sign-in does not show the token."""
        assert TOKEN not in repr(OAuth(access_token=TOKEN))
