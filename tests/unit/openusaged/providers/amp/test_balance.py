"""What is said about an Amp account that did not ask for its balance, and whose key is used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from openusaged.core.errors import AuthRequired, UpstreamChanged
from openusaged.core.models import Account
from openusaged.providers.amp import PROVIDER
from openusaged.providers.amp.balance import parse_balance
from openusaged.providers.base import FetchContext, Machine
from openusaged.providers.shared.http import UrllibHttpClient
from tests.support.provider_case import CaseServer, iso_ms

NOW = iso_ms("2026-06-01T12:00:00Z")


def context(home: Path, **env: str) -> FetchContext:
    return FetchContext(
        machine=Machine(env=env, home=str(home)),
        http=UrllibHttpClient(proxies={}),
        now_ms=lambda: NOW,
    )


def asking(server: str) -> Account:
    return Account(id="amp", provider_id="amp", base_url=server, options={"balance": "on"})


@pytest.fixture
def home(tmp_path) -> Path:
    (tmp_path / ".local/share/amp/threads").mkdir(parents=True)
    return tmp_path


def thread(home: Path, age_days: float) -> None:
    path = home / ".local/share/amp/threads/T-1.json"
    path.write_text("{}")
    os.utime(path, (NOW / 1000 - age_days * 86_400,) * 2)


class TestLocal:
    def test_nothing_is_asked_without_consent(self, home):
        """By default no request is made: the state is that of the local threads."""
        thread(home, 1)
        [account] = PROVIDER.discover(context(home).machine)
        snapshot = PROVIDER.fetch(context(home), account)
        assert (snapshot.status, snapshot.message) == ("OK", "")
        assert snapshot.metrics == ()

    def test_machine_without_threads_is_unknown(self, home):
        """An empty data directory is no good state."""
        account = Account(id="amp", provider_id="amp", home=str(home / ".local/share/amp"))
        snapshot = PROVIDER.fetch(context(home), account)
        assert snapshot.status == "UNKNOWN"
        assert "no Amp threads" in snapshot.message

    @pytest.mark.parametrize(("installed", "told"), [(True, True), (False, False)])
    def test_old_threads_of_an_installed_program_are_explained(self, home, installed, told):
        """A tile that stands still says that Amp keeps threads on its server now."""
        thread(home, 63)
        if installed:
            program = home / "bin" / "amp"
            program.parent.mkdir()
            program.touch(0o755)
        [account] = PROVIDER.discover(context(home).machine)
        snapshot = PROVIDER.fetch(context(home, PATH=f"/nowhere:{home}/bin"), account)
        assert snapshot.status == "OK"
        assert ("2026-03-30" in snapshot.message) is told


class TestKey:
    def test_key_of_another_address_is_not_sent(self, home):
        """Amp's key goes to Amp only: without one for this address there is none."""
        (home / ".local/share/amp/secrets.json").write_text(
            '{"apiKey@https://ampcode.com/": "sk-planted-0001"}'
        )
        with CaseServer([]) as server:
            with pytest.raises(AuthRequired, match="no Amp key"):
                PROVIDER.fetch(context(home), asking(server.url))
            assert server.requests == []

    @pytest.mark.parametrize("secrets", ["", "[1]", "{", '{"apiKey@x": 7}'])
    def test_unreadable_secrets_mean_no_key(self, home, secrets):
        """A damaged file of secrets is the same as none."""
        (home / ".local/share/amp/secrets.json").write_text(secrets)
        with pytest.raises(AuthRequired):
            PROVIDER.fetch(context(home), asking("http://127.0.0.1:9"))

    def test_text_without_known_amounts_is_a_change(self, home):
        """When Amp words its text anew, that is said, and no figure is made up."""
        route = {
            "method": "POST",
            "path": "/api/internal",
            "body": {"result": {"displayText": "?"}},
        }
        with CaseServer([route]) as server, pytest.raises(UpstreamChanged, match="displayText"):
            PROVIDER.fetch(context(home, AMP_API_KEY="k"), asking(server.url))


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("Amp Mega Tier: agent usage $1 of $0 remaining", {"agent_balance"}),
        (
            "Subscription Old: 61% other usage and 20% orb usage remaining",
            {"agent_usage", "orb_usage"},
        ),
        ("Amp Mega Tier: orb usage 3h of 0h a1.small", set()),
        ("Amp Free: ask again", set()),
        ("Workspace Acme", set()),
        ("", set()),
    ],
)
def test_only_known_amounts_become_figures(text, figures):
    """A line that lacks its amount, or one that nobody knows, gives nothing."""
    assert {metric.key for metric in parse_balance(text)[0]} == figures
