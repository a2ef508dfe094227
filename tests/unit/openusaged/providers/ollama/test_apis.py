"""What a local server and the cloud say when they do not all go well."""

from __future__ import annotations

import pytest

from openusaged.core.errors import AuthRequired, Unreachable, UpstreamChanged
from openusaged.core.models import Account
from openusaged.providers.base import Machine
from openusaged.providers.ollama import SPEC, fetch
from openusaged.providers.ollama.cloud_api import cloud_base
from openusaged.providers.ollama.cloud_user import note_usage, note_user
from openusaged.providers.ollama.settings_page import note_page
from openusaged.providers.shared.figures import Figures
from tests.support.fetching import fetch_context
from tests.support.provider_case import CaseServer, iso_ms

NOW_MS = iso_ms("2026-06-10T12:00:00Z")
VERSION = {"path": "/api/version", "body": {"version": "0.16.3"}}


def local(routes, *, secret="", paths=None, machine=None):
    with CaseServer(routes) as server:
        account = Account(
            id="box", provider_id="ollama", base_url=server.url + "/", paths=paths or {}
        )
        return fetch(fetch_context(secret=secret, machine=machine), account), server.requests


def cloud(routes, *, secret="k", cookie="", env=None):
    with CaseServer(routes) as server:
        options = {"cloud_base_url": server.url}
        account = Account(id="ollama-cloud", provider_id="ollama", options=options)
        machine = Machine(env=env or {}, home="/nonexistent")
        return fetch(fetch_context(secret=secret, cookie=cookie, machine=machine), account)


class TestLocalServer:
    def test_server_that_does_not_run_is_no_error(self):
        """Nobody listens: the state is unknown, with a sentence, and nothing is alarming."""
        account = Account(id="box", provider_id="ollama", base_url="http://127.0.0.1:9")
        snapshot = fetch(fetch_context(), account)
        assert snapshot.status == "UNKNOWN"
        assert "not running" in snapshot.message

    def test_failing_server_is_an_error(self):
        """A server that answers with a failure is running, and fails."""
        with pytest.raises(Unreachable, match="HTTP 500"):
            local([{"path": "/api/version", "status": 500, "body": {}}])

    def test_something_else_on_the_port_is_told(self):
        """Another service on the port is not taken for Ollama."""
        with pytest.raises(UpstreamChanged, match="no Ollama server"):
            local([{"path": "/api/version", "body": {"name": "other"}}])

    def test_proxy_gets_the_key(self):
        """A key of the account is sent to a server that wants one."""
        guarded = {**VERSION, "headers": {"Authorization": "Bearer planted"}}
        snapshot, _ = local([guarded], secret="planted")
        assert snapshot.message == "Ollama is running"
        assert set(snapshot.attributes) == {"cli_version", "tags_error", "ps_error"}

    def test_signed_out_user_is_a_note(self):
        """Cloud models without a sign-in do not spoil the local figures."""
        tags = {"path": "/api/tags", "body": {"models": [{"name": "a:cloud"}]}}
        snapshot, requests = local([VERSION, tags, {"path": "/api/ps", "body": {}}])
        assert snapshot.status == "OK"
        assert "cloud_error" in snapshot.attributes
        assert requests[-1] == "POST /api/me"

    def test_local_models_never_make_the_server_call_out(self):
        """Without models of the cloud the user's account is not asked for."""
        tags = {"path": "/api/tags", "body": {"models": [{"name": "llama3:8b"}]}}
        _, requests = local([VERSION, tags, {"path": "/api/ps", "body": {}}])
        assert "POST /api/me" not in requests

    @pytest.mark.parametrize("text", ["", "[1]", "{", None])
    def test_damaged_settings_say_nothing(self, tmp_path, text):
        """A settings file that cannot be read leaves the switch unknown."""
        path = tmp_path / "server.json"
        if text is not None:
            path.write_text(text)
        snapshot, _ = local([VERSION], paths={"server_config": str(path)})
        assert "cloud_disabled" not in snapshot.attributes

    def test_host_variable_names_the_server(self):
        """Without an address of its own an account asks where OLLAMA_HOST points."""
        with CaseServer([VERSION]) as server:
            machine = Machine(env={"OLLAMA_HOST": server.url}, home="/nonexistent")
            account = Account(id="box", provider_id="ollama")
            snapshot = fetch(fetch_context(machine=machine), account)
        assert snapshot.attributes["cli_version"] == "0.16.3"


ME = {"method": "POST", "path": "/api/me", "body": {"id": "u", "plan": "pro"}}


class TestCloud:
    def test_no_key_names_the_variable(self):
        """Without a key nothing is asked."""
        with pytest.raises(AuthRequired, match="OLLAMA_API_KEY"):
            cloud([], secret="")

    def test_page_of_html_with_403_is_a_refusal(self):
        """The status is judged before the body."""
        with pytest.raises(AuthRequired):
            cloud([{**ME, "status": 403, "text": "<html>"}])

    def test_answer_without_a_user_is_refused(self):
        """Another shape is not taken for a user without a plan."""
        with pytest.raises(UpstreamChanged):
            cloud([{**ME, "body": {"signin_url": "https://ollama.com/connect"}}])

    def test_unreadable_usage_is_unknown(self):
        """The key works, but what the poll is for was not learned."""
        snapshot = cloud([ME, {"path": "/api/usage", "status": 503, "body": {}}])
        assert snapshot.status == "UNKNOWN"

    def test_account_without_windows_is_honest(self):
        """No windows and no failure: the key works, and that is all there is to say."""
        snapshot = cloud([ME, {"path": "/api/usage", "body": {}}])
        assert (snapshot.status, snapshot.message) == (
            "OK",
            "The key works; Ollama shows no limits here",
        )

    def test_cookie_of_the_variable_is_sent_as_it_is(self):
        """The variable holds a whole header; a failing page is a note."""
        page = {
            "path": "/settings",
            "headers": {"Cookie": "aid=1; session=planted"},
            "text": "<p>Weekly usage <b>7% used</b>",
        }
        env = {"OLLAMA_SESSION_COOKIE": "aid=1; session=planted"}
        usage = {"path": "/api/usage", "body": {}}
        snapshot = cloud([ME, usage, page], env=env)
        assert [metric.used for metric in snapshot.metrics] == [7.0]
        snapshot = cloud([ME, usage], cookie="other")
        assert "settings_page_error" in snapshot.attributes

    @pytest.mark.parametrize(
        "text",
        ["https://x/api", "https://x/api/v1/", "https://x?k=1", "https://x/#a", "https://x"],
    )
    def test_base_is_cut_to_the_host(self, text):
        """Whatever part of the API's address is given, calls go to the host."""
        account = Account(id="c", provider_id="ollama", base_url=text)
        assert cloud_base(account) == "https://x"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({"usage_5h": 12}, {"usage_five_hour": (12.0, None)}),
        ({"usage_five_hour": "12.5%"}, {"usage_five_hour": (12.5, None)}),
        ({"quota": {"session_usage": {"used": 5, "limit": 20}}}, {"usage_five_hour": (25.0, None)}),
        ({"cloud_usage": {"weekly-usage": {"max": 8, "left": 2}}}, {"usage_weekly": (75.0, None)}),
        (
            {"usage": {"daily_usage": {"pct": "3", "reset_at": "2026-06-11T00:00:00Z"}}},
            {"usage_weekly": (3.0, iso_ms("2026-06-11T00:00:00Z"))},
        ),
        (
            {"session_usage": {"percent": 1, "resets_in": 60}},
            {"usage_five_hour": (1.0, NOW_MS + 60_000)},
        ),
        ({"session_usage": {"limit": 5}, "weekly_usage": "much"}, {}),
        ({"session_usage": [], "usage": 5}, {}),
    ],
)
def test_windows_of_a_user_in_every_spelling(user, expected):
    """Numbers, text with a per-cent sign and objects are one thing; nothing is scaled."""
    figures = Figures(SPEC)
    note_user(figures, user, NOW_MS)
    found = {key: (m.used, m.resets_at_ms) for key, m in figures.metrics.items()}
    assert found == expected


def test_newer_plans_have_a_month():
    """A monthly window is a fraction as well; more than all of it is all of it."""
    figures = Figures(SPEC)
    note_usage(figures, {"limits": {"monthly": {"usage": 1.2, "models": [7]}}}, NOW_MS)
    assert figures.metrics["usage_monthly"].used == 100.0
    assert figures.reported == []


def test_plain_billing_times_are_understood():
    """A cycle may be plain text; an invalid one is unknown."""
    figures = Figures(SPEC)
    note_user(
        figures,
        {"SubscriptionPeriodStart": "2026-06-01", "SubscriptionPeriodEnd": {"Time": "x"}},
        NOW_MS,
    )
    assert figures.attributes == {"billing_cycle_start": "2026-06-01"}


def test_page_of_another_shape_brings_nothing():
    """Labels without numbers are no windows."""
    figures = Figures(SPEC)
    note_page(figures, "<p>Session usage</p>" + " " * 5000 + "9% used")
    assert figures.metrics == {}
