"""Which key or cookie an account gets, from where, and how often a browser is asked."""

from __future__ import annotations

import json
from pathlib import Path
from types import MappingProxyType

import pytest

from openusaged.config.credentials import CredentialsFile, Session
from openusaged.core.models import Account
from openusaged.detect.cookies import Cookie, CookieUnavailable
from openusaged.detect.findings import Detection, KeyFinding
from openusaged.providers import registry
from openusaged.providers.base import (
    CookieSpec,
    KeyVariable,
    Machine,
    Provider,
    ProviderSpec,
)
from openusaged.usecases.secrets import AccountSecrets, OneSecret, cookie_address

NOW = 1_772_366_400_000  # 2026-03-01T12:00:00Z
SPEC = ProviderSpec(
    id="openai",
    title="OpenAI",
    description="",
    kind="api",
    auth="api_key",
    keys=(
        KeyVariable(name="FIRST_KEY", account_id="openai"),
        KeyVariable(name="SECOND_KEY", account_id="openai"),
    ),
    cookie=CookieSpec(domain=".a.org", name="session"),
)
OPENAI = Account(id="openai", provider_id="openai")
WORK = Account(id="work", provider_id="openai", api_key_env="WORK_KEY")


@pytest.fixture(autouse=True)
def one_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only this provider exists."""
    loaded = MappingProxyType({"openai": Provider(spec=SPEC)})
    monkeypatch.setattr(registry, "load_all", lambda: loaded)


class Browser:
    """A browser whose cookie can be changed and taken away; counts how often it is asked."""

    def __init__(self) -> None:
        self.value: str | None = "fresh"
        self.expires_s = 1_775_044_800.0
        self.asked: list[tuple[str, str, str]] = []

    def read(self, _machine: Machine, browser: str, domain: str, name: str) -> Cookie:
        self.asked.append((browser, domain, name))
        if self.value is None:
            raise CookieUnavailable("no session cookie found")
        return Cookie(host=domain, name=name, value=self.value, expires_s=self.expires_s)


class Setup:
    """Secrets over a temporary machine."""

    def __init__(self, home: Path, **env: str) -> None:
        self.now_ms = NOW
        self.browser = Browser()
        self.path = home / "credentials.json"
        self.file = CredentialsFile(str(self.path))
        self.secrets = AccountSecrets(
            Machine(env=env, home=str(home)), self.file, lambda: self.now_ms, self.browser.read
        )

    def find(self, *findings: KeyFinding) -> None:
        self.secrets.use(Detection(keys=findings))


def finding(value: str, account_id: str = "openai", variable: str = "", **more: str) -> KeyFinding:
    given = {"provider_id": "openai", "source": "opencode_auth_json", **more}
    return KeyFinding(account_id=account_id, value=value, variable=variable, **given)


class TestKeys:
    def test_precedence(self, tmp_path: Path) -> None:
        """Environment by the order of variables, then findings in order, then what is stored."""
        setup = Setup(tmp_path, SECOND_KEY=" two ", FIRST_KEY="one")
        setup.find(finding("found", source="shell_rc:/x", variable="FIRST_KEY"), finding("other"))
        setup.file.set_key("openai", "stored")
        assert [(key.value, key.source) for key in setup.secrets.all_of(OPENAI)] == [
            ("one", "env"),
            ("two", "env"),
            ("found", "shell_rc:/x"),
            ("other", "opencode_auth_json"),
            ("stored", "credentials.json"),
        ]
        assert setup.secrets.secret_of(OPENAI) == "one"

    def test_nothing_is_empty(self, tmp_path: Path) -> None:
        """Without any source the answer is an empty text, which providers turn into words."""
        setup = Setup(tmp_path)
        assert setup.secrets.secret_of(OPENAI) == ""
        assert setup.secrets.where(OPENAI) is None
        assert setup.secrets.cookie_of(OPENAI) == ""

    def test_account_with_a_variable_of_its_own(self, tmp_path: Path) -> None:
        """It takes that variable from the environment or a file, and no key of the default one."""
        setup = Setup(tmp_path, FIRST_KEY="default")
        setup.find(finding("default"), finding("mine", "work", "WORK_KEY", source="shell_rc:/x"))
        assert [key.value for key in setup.secrets.all_of(WORK)] == ["mine"]
        own = Account(id="openai", provider_id="openai", api_key_env="OWN_KEY")
        assert setup.secrets.all_of(own) == []

    def test_default_variable_named_explicitly(self, tmp_path: Path) -> None:
        """Naming the standard variable changes nothing: other tools' keys still count."""
        setup = Setup(tmp_path)
        setup.find(finding("found"))
        named = Account(id="openai", provider_id="openai", api_key_env="FIRST_KEY")
        assert setup.secrets.secret_of(named) == "found"

    def test_shared_variable(self, tmp_path: Path) -> None:
        """Two accounts may name one variable."""
        setup = Setup(tmp_path)
        setup.find(finding("v", "openai", "FIRST_KEY", source="aider_yaml:/x"))
        second = Account(id="second", provider_id="openai", api_key_env="FIRST_KEY")
        assert setup.secrets.secret_of(second) == "v"

    def test_other_providers_keys_are_not_ours(self, tmp_path: Path) -> None:
        """A key of the same account id under another provider is never sent to this one."""
        setup = Setup(tmp_path)
        setup.find(finding("theirs", provider_id="groq"))
        assert setup.secrets.all_of(OPENAI) == []

    def test_key_is_read_when_it_is_needed(self, tmp_path: Path) -> None:
        """A key stored, changed or deleted later counts at the next fetch."""
        setup = Setup(tmp_path)
        setup.file.set_key("openai", "a")
        assert setup.secrets.secret_of(OPENAI) == "a"
        CredentialsFile(str(setup.path)).set_key("openai", "bb")
        assert setup.secrets.secret_of(OPENAI) == "bb"
        setup.file.delete("openai")
        assert setup.secrets.secret_of(OPENAI) == ""

    def test_source_is_shown_masked(self, tmp_path: Path) -> None:
        """What may be seen of a key is its mask."""
        setup = Setup(tmp_path, FIRST_KEY="sk-planted-000001")
        found = setup.secrets.where(OPENAI)
        assert found is not None
        assert found.masked == "sk-p...0001"
        assert "planted" not in repr(found)


class TestCookies:
    def connected(self, tmp_path: Path, **more: str) -> Setup:
        setup = Setup(tmp_path)
        setup.file.set_session("openai", Session(
            domain=".a.org", cookie_name="session", value="stored", source_browser="firefox",
            captured_at="2026-02-01T00:00:00Z", **more,
        ))  # fmt: skip
        return setup

    def test_browser_is_asked_at_most_every_ten_minutes(self, tmp_path: Path) -> None:
        """A renewed sign-in is followed without reading the browser at each poll."""
        setup = self.connected(tmp_path)
        for moment in (0, 1, 599_999, 600_000, 1_199_999):
            setup.now_ms = NOW + moment
            assert setup.secrets.cookie_of(OPENAI) == "fresh"
        assert setup.browser.asked == [("firefox", ".a.org", "session")] * 2

    def test_new_value_is_stored_once(self, tmp_path: Path) -> None:
        """The file is written when the cookie has changed, not when it was read again."""
        setup = self.connected(tmp_path)
        setup.secrets.cookie_of(OPENAI)
        kept = json.loads(setup.path.read_text())["sessions"]["openai"]
        assert kept == {
            "domain": ".a.org",
            "cookie_name": "session",
            "value": "fresh",
            "source_browser": "firefox",
            "captured_at": "2026-03-01T12:00:00Z",
            "expires_at": "2026-04-01T12:00:00Z",
        }
        before = setup.path.stat().st_mtime_ns
        setup.now_ms += 600_000
        setup.secrets.cookie_of(OPENAI)
        assert setup.path.stat().st_mtime_ns == before
        assert len(setup.browser.asked) == 2

    @pytest.mark.parametrize("expires_at", ["", "2026-01-01T00:00:00Z"])
    def test_unreadable_browser_leaves_the_stored_value(
        self, tmp_path: Path, expires_at: str
    ) -> None:
        """Also an expired one: whether it still works is for the site to say."""
        setup = self.connected(tmp_path, expires_at=expires_at)
        setup.browser.value = None
        assert setup.secrets.cookie_of(OPENAI) == "stored"
        assert setup.secrets.cookie_of(OPENAI) == "stored"
        assert len(setup.browser.asked) == 1

    def test_pasted_cookie_never_opens_a_browser(self, tmp_path: Path) -> None:
        """Who brought the value by hand did not agree to have a browser read."""
        setup = Setup(tmp_path)
        session = setup.secrets.pasted(OPENAI, SPEC, "by-hand")
        setup.file.set_session("openai", session)
        assert setup.secrets.cookie_of(OPENAI) == "by-hand"
        assert (session.domain, session.cookie_name) == (".a.org", "session")
        assert setup.browser.asked == []

    def test_nobody_connected_nothing_is_read(self, tmp_path: Path) -> None:
        """A provider with a cookie does not open a browser of its own accord."""
        setup = Setup(tmp_path)
        assert setup.secrets.cookie_of(OPENAI) == ""
        assert setup.browser.asked == []

    def test_settings_name_browser_and_cookie(self, tmp_path: Path) -> None:
        """`browser_cookie` of the settings is consent, too, and its names win."""
        setup = self.connected(tmp_path)
        options = {"cookie_domain": "b.org", "cookie_name": "sid", "cookie_browser": "brave"}
        account = Account(id="openai", provider_id="openai", options=options)
        assert setup.secrets.cookie_of(account) == "fresh"
        assert setup.browser.asked == [("brave", "b.org", "sid")]
        assert cookie_address(account, SPEC) == ("b.org", "sid")

    def test_capture_for_a_user(self, tmp_path: Path) -> None:
        """Connecting reads at once and counts as the reading of these ten minutes."""
        setup = Setup(tmp_path)
        session = setup.secrets.capture(OPENAI, SPEC, "Firefox")
        assert (session.value, session.source_browser) == ("fresh", "firefox")
        assert session.expires_at == "2026-04-01T12:00:00Z"
        setup.file.set_session("openai", session)
        assert setup.secrets.cookie_of(OPENAI) == "fresh"
        assert len(setup.browser.asked) == 1

    def test_account_of_an_unknown_provider(self, tmp_path: Path) -> None:
        """A session of a provider that is gone is used as it stands."""
        setup = Setup(tmp_path)
        session = Session(domain="d", cookie_name="n", value="v", source_browser="firefox")
        setup.file.set_session("x", session)
        assert setup.secrets.cookie_of(Account(id="x", provider_id="gone")) == "fresh"

    def test_expiry_beyond_all_reason(self, tmp_path: Path) -> None:
        """A time that no calendar has is no time."""
        setup = Setup(tmp_path)
        setup.browser.expires_s = 1e18
        assert setup.secrets.capture(OPENAI, SPEC, "firefox").expires_at == ""


def test_secret_on_trial() -> None:
    """Before it is stored, a key or cookie is handed out as if it were."""
    trial = OneSecret(key="k", cookie="c")
    assert (trial.secret_of(OPENAI), trial.cookie_of(OPENAI)) == ("k", "c")
