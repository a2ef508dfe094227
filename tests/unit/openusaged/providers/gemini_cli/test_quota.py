"""Logins and answers of Code Assist that the recorded cases do not reach."""

from __future__ import annotations

import json

import pytest

from openusaged.core.errors import (
    AuthRequired,
    ProviderError,
    RateLimited,
    Unreachable,
    UpstreamChanged,
)
from openusaged.core.models import Account
from openusaged.providers.base import Machine
from openusaged.providers.gemini_cli import PROVIDER
from openusaged.providers.gemini_cli.buckets import left_of
from openusaged.providers.gemini_cli.oauth_client import OAuthClient, find_client
from tests.support.fetching import fetch_context
from tests.support.provider_case import CaseServer

EXPIRED = 1_780_000_000_000
LATER = 1_800_000_000_000
CLIENT = {
    "OPENUSAGE_GEMINI_CLIENT_ID": "1-a.apps.googleusercontent.com",
    "OPENUSAGE_GEMINI_CLIENT_SECRET": "planted",
}


def login(tmp_path, **credentials: object) -> None:
    (tmp_path / ".gemini").mkdir(exist_ok=True)
    (tmp_path / ".gemini/oauth_creds.json").write_text(json.dumps(credentials))


def fetch(tmp_path, routes, *, options: dict[str, str] | None = None, **env: str):
    """One poll against these routes; the requests made are in `fetch.requests`."""
    with CaseServer([{"method": "POST", **route} for route in routes]) as server:
        account = Account(
            id="gemini-cli",
            provider_id="gemini_cli",
            home=str(tmp_path / ".gemini"),
            base_url=server.url,
            options={"token_url": f"{server.url}/token", **(options or {})},
        )
        machine = Machine(env=env, home=str(tmp_path))
        return PROVIDER.fetch(fetch_context(machine=machine), account)


def load(**body: object) -> dict[str, object]:
    return {"path": "/v1internal:loadCodeAssist", "body": body}


def quota(body: object) -> dict[str, object]:
    return {"path": "/v1internal:retrieveUserQuota", "body": body}


def test_without_login_the_program_is_named(tmp_path):
    """No credentials: the message says what to run."""
    (tmp_path / ".gemini").mkdir()
    with pytest.raises(AuthRequired, match="gemini"):
        fetch(tmp_path, [])


def test_expired_login_without_refresh_token(tmp_path):
    """An access token that has ended and cannot be renewed is not sent."""
    login(tmp_path, access_token="a", expiry_date=EXPIRED)
    with pytest.raises(AuthRequired, match="expired"):
        fetch(tmp_path, [])


def test_expired_login_without_the_program(tmp_path):
    """Without the program's OAuth client the login cannot be renewed here."""
    login(tmp_path, refresh_token="r", expiry_date=EXPIRED)
    with pytest.raises(AuthRequired, match="program was not found"):
        fetch(tmp_path, [], PATH=str(tmp_path))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"status": 400, "body": {"error": "invalid_grant"}}, AuthRequired),
        ({"status": 429, "body": {}, "answer_headers": {"Retry-After": "7"}}, RateLimited),
        ({"status": 500, "body": {}}, Unreachable),
        ({"body": {}}, UpstreamChanged),
        ({"body": []}, UpstreamChanged),
    ],
)
def test_refresh_that_fails_is_named(tmp_path, answer, error):
    """Every way in which a refresh can fail has its own error, none of them with a token."""
    login(tmp_path, refresh_token="planted-refresh", expiry_date=EXPIRED)
    with pytest.raises(error) as caught:
        fetch(tmp_path, [{"path": "/token", **answer}], **CLIENT)
    assert "planted" not in str(caught.value)


def test_login_is_left_as_it_was(tmp_path):
    """A renewed token is kept in memory: the program's file does not change."""
    login(tmp_path, refresh_token="r", expiry_date=EXPIRED)
    before = (tmp_path / ".gemini/oauth_creds.json").read_bytes()
    routes = [
        {"path": "/token", "body": {"access_token": "new"}},
        load(cloudaicompanionProject="p"),
        quota({"buckets": []}),
    ]
    snapshot = fetch(tmp_path, routes, **CLIENT)
    assert snapshot.status == "UNKNOWN"
    assert (tmp_path / ".gemini/oauth_creds.json").read_bytes() == before


def test_token_without_end_is_used(tmp_path):
    """A login that does not say when it ends is tried as it is."""
    login(tmp_path, access_token="a")
    routes = [
        load(),
        {**quota({"buckets": [{"remainingFraction": 1}]}), "request": {"project": "own"}},
    ]
    snapshot = fetch(tmp_path, routes, options={"project_id": "own"})
    assert snapshot.status == "OK"
    assert [metric.key for metric in snapshot.metrics][:2] == ["quota", "quota_model:all_models"]


def test_login_without_project_says_what_to_set(tmp_path):
    """Quotas are asked for a project; without one the variable is named."""
    login(tmp_path, access_token="a", expiry_date=LATER)
    with pytest.raises(ProviderError, match="GOOGLE_CLOUD_PROJECT"):
        fetch(tmp_path, [load()])


@pytest.mark.parametrize("body", [{}, {"buckets": "many"}, []])
def test_answer_without_buckets_is_no_success(tmp_path, body):
    """An answer of another shape is reported, never shown as well."""
    login(tmp_path, access_token="a", expiry_date=LATER)
    with pytest.raises(UpstreamChanged):
        fetch(tmp_path, [load(cloudaicompanionProject="p"), quota(body)])


def test_older_settings_name_the_kind_of_login(tmp_path):
    """Earlier versions keep the kind of sign-in at another place."""
    (tmp_path / ".gemini").mkdir()
    (tmp_path / ".gemini/settings.json").write_text('{"selectedAuthType": "vertex-ai"}')
    assert fetch(tmp_path, []).attributes == {"auth_type": "vertex-ai"}


@pytest.mark.parametrize(
    ("bucket", "left"),
    [
        ({"remainingFraction": 0.42, "remainingAmount": "1%"}, 0.42),
        ({"remainingFraction": -1}, 0.0),
        ({"remainingFraction": "0.5"}, 0.5),
        ({"remainingAmount": "42%"}, 0.42),
        ({"remainingAmount": "3/12"}, 0.25),
        ({"remainingAmount": "3/0"}, None),
        ({"remainingAmount": "x%"}, None),
        ({"remainingAmount": "420"}, None),
        ({}, None),
    ],
)
def test_fraction_that_is_left(bucket, left):
    """Fractions, percentages and ratios tell what is left; a bare amount does not."""
    assert left_of(bucket) == left


class TestClient:
    SOURCE = (
        "const OAUTH_CLIENT_ID = '12-ab.apps.googleusercontent.com';\n"
        "const OAUTH_CLIENT_SECRET = 'GOCSPX-planted_1';\n"
    )
    WANTED = OAuthClient(id="12-ab.apps.googleusercontent.com", secret="GOCSPX-planted_1")

    def program(self, tmp_path, source: str, text: str):
        package = tmp_path / "lib/node_modules/@google/gemini-cli"
        (package / "dist").mkdir(parents=True)
        (package / "dist/index.js").write_text("//")
        place = package / source
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin/gemini").symlink_to(package / "dist/index.js")
        return Machine(env={"PATH": f":/nonexistent:{tmp_path}/bin"}, home=str(tmp_path))

    @pytest.mark.parametrize(
        "source",
        [
            "node_modules/@google/gemini-cli-core/dist/src/code_assist/oauth2.js",
            "../gemini-cli-core/dist/src/code_assist/oauth2.js",
            "bundle/chunk-1.js",
        ],
    )
    def test_client_is_read_from_the_program(self, tmp_path, source):
        """The client stands in the installed program, packaged or bundled."""
        assert find_client(self.program(tmp_path, source, self.SOURCE)) == self.WANTED

    def test_client_across_pieces(self, tmp_path):
        """A bundle of megabytes is read in pieces, and what lies across two is found."""
        text = "x" * ((1 << 20) - 20) + self.SOURCE
        assert find_client(self.program(tmp_path, "bundle/gemini.js", text)) == self.WANTED

    def test_program_without_client(self, tmp_path):
        """A program that holds no client gives none."""
        assert find_client(self.program(tmp_path, "bundle/gemini.js", "nothing")) is None

    def test_unreadable_source_is_passed_over(self, tmp_path):
        """A directory in the place of a source costs nothing."""
        machine = self.program(tmp_path, "bundle/a.js/file", self.SOURCE)
        assert find_client(machine) is None
