"""OpenCode's hosted half when it does not all go well."""

from __future__ import annotations

import json

import pytest

from openusaged.core.errors import AuthRequired, RateLimited, Unreachable, UpstreamChanged
from openusaged.core.models import Account
from openusaged.providers.base import Machine
from openusaged.providers.opencode import fetch
from openusaged.providers.opencode.zen import keys_of
from tests.support.fetching import fetch_context
from tests.support.provider_case import CaseServer

MODELS = {"path": "/zen/v1/models", "body": {"data": []}}
WINDOWS = {"path": "/zen/go/v1/usage", "body": {"usage": {"rolling": {"percent": 5}}}}


def billing(fields: str) -> dict:
    return {"path": "/_server", "text": f"=>$R[0]={{{fields}}}"}


def poll(routes, *, secret="", cookie="", options=None, machine=None):
    with CaseServer(routes) as server:
        account = Account(
            id="opencode",
            provider_id="opencode",
            base_url=server.url,
            home="/nonexistent",
            options={"opencode_workspace_id": "wrk", **(options or {})},
        )
        context = fetch_context(secret=secret, cookie=cookie, machine=machine)
        return fetch(context, account)


@pytest.mark.parametrize(
    ("routes", "error"),
    [
        ([{"path": "/zen/v1/models", "status": 401, "body": {}}], AuthRequired),
        ([{"path": "/zen/v1/models", "status": 429, "body": {}}], RateLimited),
        ([{"path": "/zen/v1/models", "status": 500, "body": {}}], Unreachable),
        ([{"path": "/zen/v1/models", "body": {"data": {}}}], UpstreamChanged),
        (
            [
                MODELS,
                {
                    "path": "/zen/go/v1/usage",
                    "status": 401,
                    "body": {"type": "error", "error": {"type": "AuthError", "message": "no"}},
                },
            ],
            AuthRequired,
        ),
    ],
)
def test_failed_key_is_the_outcome(routes, error):
    """What the key's calls say is not covered up by the console."""
    with pytest.raises(error):
        poll(routes, secret="k", cookie="c")


@pytest.mark.parametrize(
    "usage",
    [
        {"status": 404, "body": {}},
        {"status": 503, "text": "<html>"},
        {"body": {"usage": {"rolling": {"percent": None}}}},
    ],
)
def test_public_list_of_models_proves_no_key(usage):
    """With the plan's usage unknown, a list of models is not taken for a good key."""
    snapshot = poll([MODELS, {"path": "/zen/go/v1/usage", **usage}], secret="k")
    assert snapshot.status == "UNKNOWN"
    assert "go_usage_error" in snapshot.attributes


def test_moved_function_is_a_note_beside_a_key():
    """The console's function ids change with every deploy: the key's figures stay."""
    snapshot = poll(
        [MODELS, WINDOWS, {"path": "/_server", "status": 500, "text": ""}], secret="k", cookie="c"
    )
    assert (snapshot.status, snapshot.message) == ("OK", "5 hours 5%")
    assert "HTTP 500" in snapshot.attributes["console_error"]


@pytest.mark.parametrize(
    ("route", "error"),
    [
        ({"path": "/_server", "status": 403, "text": ""}, AuthRequired),
        ({"path": "/_server", "text": "{}"}, UpstreamChanged),
        (billing("reload:null"), UpstreamChanged),
    ],
)
def test_console_alone_is_the_outcome(route, error):
    """Without a key the console's failures are what there is to say."""
    with pytest.raises(error):
        poll([route], cookie="c")


@pytest.mark.parametrize(
    ("auth", "error"),
    [
        ({"status": 200, "text": "<html>"}, AuthRequired),
        ({"status": 401, "text": ""}, AuthRequired),
        (
            {"status": 302, "answer_headers": {"Location": "/auth/authorize"}, "text": ""},
            AuthRequired,
        ),
        ({"status": 302, "text": ""}, AuthRequired),
        ({"status": 502, "text": ""}, Unreachable),
    ],
)
def test_login_instead_of_a_workspace_is_an_expired_session(auth, error):
    """Only a redirect to a workspace is a session that is still good."""
    with pytest.raises(error):
        poll([{"path": "/auth", **auth}], cookie="c", options={"opencode_workspace_id": ""})


@pytest.mark.parametrize(
    ("fields", "routes", "status", "message"),
    [
        ("balance:0,reload:!0", [], "OK", "$0.00 balance"),
        ("balance:-100000000", [], "LIMITED", "The balance is used up"),
        ("balance:0", [MODELS, WINDOWS], "OK", "5 hours 5% · $0.00 balance"),
        ("balance:900000000,monthlyLimit:5,monthlyUsage:500000000", [], "LIMITED", "$9.00 balance"),
        ("balance:900000000,monthlyLimit:5,monthlyUsage:null", [], "OK", "$9.00 balance"),
    ],
)
def test_balance_and_limit_decide_the_status(fields, routes, status, message):
    """Nothing left is a limit unless it reloads or a plan pays; a full month is one as well."""
    snapshot = poll([billing(fields), *routes], secret="k" if routes else "", cookie="c")
    assert (snapshot.status, snapshot.message) == (status, message)


class TestKeys:
    def keys(self, tmp_path, auth, secret="", **account):
        if auth is not None:
            (tmp_path / "auth.json").write_text(auth)
        fields = {"home": str(tmp_path), **account}
        found = Account(id="opencode", provider_id="opencode", **fields)
        return keys_of(fetch_context(secret=secret), found)

    def test_each_plan_has_its_own_key(self, tmp_path):
        """Zen is asked with Zen's key, the Go plan with the Go plan's."""
        auth = json.dumps(
            {
                "opencode": {"type": "api", "key": "planted-zen"},
                "opencode-go": {"type": "api", "key": "planted-go"},
            }
        )
        keys = self.keys(tmp_path, auth)
        assert (keys.zen, keys.go) == ("planted-zen", "planted-go")
        assert "planted" not in repr(keys)
        keys = self.keys(tmp_path, auth, secret="planted-env")
        assert (keys.zen, keys.go) == ("planted-env", "planted-go")

    @pytest.mark.parametrize(
        "auth",
        [None, "", "[]", '{"opencode": 5}', '{"opencode-go": {"type": "oauth", "key": "k"}}'],
    )
    def test_damaged_or_foreign_sign_ins_are_no_keys(self, tmp_path, auth):
        """A file that cannot be read, and sign-ins of other kinds, give no key."""
        assert not self.keys(tmp_path, auth)

    def test_file_is_looked_for_where_the_account_says(self, tmp_path):
        """A path of the settings comes first, else the usual data directory."""
        entry = '{"opencode": {"type": "api", "key": "planted"}}'
        (tmp_path / "mine.json").write_text(entry)
        keys = self.keys(tmp_path, None, paths={"auth": str(tmp_path / "mine.json")})
        assert keys.go == "planted"
        place = tmp_path / ".local/share/opencode"
        place.mkdir(parents=True)
        (place / "auth.json").write_text(entry)
        machine = Machine(env={}, home=str(tmp_path))
        account = Account(id="opencode", provider_id="opencode")
        assert keys_of(fetch_context(machine=machine), account).zen == "planted"
