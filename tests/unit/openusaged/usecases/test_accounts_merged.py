"""Accounts of settings, records, keys, sign-ins and stored secrets become one list."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from types import MappingProxyType

import pytest

from openusaged.config.credentials import CredentialsFile, Session
from openusaged.core.models import Account
from openusaged.detect.findings import Detection, KeyFinding, Presence
from openusaged.providers import registry
from openusaged.providers.base import CookieSpec, KeyVariable, Machine, Provider, ProviderSpec
from openusaged.usecases.accounts import Found, find_accounts
from openusaged.usecases.secrets import AccountSecrets


def provider(
    ident: str,
    *keys: tuple[str, str],
    base_url: str = "https://api.example.com",
    cookie: CookieSpec | None = None,
    discover: Callable[[Machine], Iterable[Account]] | None = None,
) -> Provider:
    spec = ProviderSpec(
        id=ident,
        title=ident.title(),
        description="",
        kind="api",
        auth="api_key",
        base_url=base_url,
        cookie=cookie,
        keys=tuple(KeyVariable(name=name, account_id=account) for name, account in keys),
    )
    return Provider(spec=spec, discover=discover)


def local(_machine: Machine) -> list[Account]:
    return [
        Account(
            id="tool",
            provider_id="tool",
            title="Tool",
            home="/h/.tool",
            paths={"db": "/h/.tool/db", "log": "/h/.tool/log"},
            options={"plan": "pro"},
            origin="default",
        )
    ]


PROVIDERS = MappingProxyType(
    {
        "openai": provider("openai", ("OPENAI_API_KEY", "openai")),
        "gemini": provider("gemini", ("GEMINI_API_KEY", "gemini"), ("GOOGLE_API_KEY", "google")),
        "perplexity": provider("perplexity", cookie=CookieSpec(domain="p.ai", name="t")),
        "tool": provider("tool", ("TOOL_KEY", "tool"), discover=local),
        "claude_code": provider("claude_code"),
    }
)


@pytest.fixture(autouse=True)
def known_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only these providers exist."""
    monkeypatch.setattr(registry, "load_all", lambda: PROVIDERS)
    monkeypatch.setattr(registry, "problems", tuple)


def key(value: str, variable: str, account: str, provider_id: str, source: str = "env"):
    return KeyFinding(
        account_id=account, provider_id=provider_id, value=value, source=source, variable=variable
    )


class World:
    """A machine with an environment, findings and stored secrets."""

    def __init__(self, home: Path, **env: str) -> None:
        self.machine = Machine(env=env, home=str(home))
        self.file = CredentialsFile(str(home / "credentials.json"))
        self.secrets = AccountSecrets(self.machine, self.file, lambda: 0)

    def find(self, *configured: Account, detection: Detection | None = None, **more) -> Found:
        detection = detection or Detection()
        self.secrets.use(detection)
        return find_accounts(
            self.machine, configured, detection=detection, secrets=self.secrets, **more
        )


def by_id(found: Found) -> dict[str, Account]:
    accounts = {account.id: account for account in found.plain}
    assert len(accounts) == len(found.plain), "an id twice"
    return accounts


OPENAI = key("sk-1", "OPENAI_API_KEY", "openai", "openai")


def test_key_makes_an_account(tmp_path: Path) -> None:
    """It names its variable and its source, and holds no secret."""
    found = by_id(World(tmp_path, OPENAI_API_KEY="sk-1").find(detection=Detection(keys=[OPENAI])))
    account = found["openai"]
    assert (account.api_key_env, account.origin) == ("OPENAI_API_KEY", "env:OPENAI_API_KEY")
    assert "sk-1" not in repr(account)


def test_first_source_of_an_account_counts(tmp_path: Path) -> None:
    """The environment before a file; one account, not two."""
    again = key("sk-2", "OPENAI_API_KEY", "openai", "openai", "shell_rc:/x")
    found = World(tmp_path, OPENAI_API_KEY="sk-1").find(detection=Detection(keys=[OPENAI, again]))
    assert by_id(found)["openai"].origin == "env:OPENAI_API_KEY"


def test_manual_fields_win_and_detection_fills_the_rest(tmp_path: Path) -> None:
    """A configured address does not suppress the key that detection has found."""
    mine = Account(
        id="openai", provider_id="openai", base_url="https://gw.example.com", title="Gateway"
    )
    world = World(tmp_path, OPENAI_API_KEY="sk-1")
    account = by_id(world.find(mine, detection=Detection(keys=[OPENAI])))["openai"]
    assert (account.base_url, account.title) == ("https://gw.example.com", "Gateway")
    assert account.api_key_env == "OPENAI_API_KEY"
    assert world.secrets.secret_of(account) == "sk-1"


def test_local_account_is_completed(tmp_path: Path) -> None:
    """Paths and options are merged name by name, the configured ones win."""
    mine = Account(
        id="tool", provider_id="tool", paths={"db": "/other/db"}, options={"plan": "max", "x": "y"}
    )
    account = by_id(World(tmp_path).find(mine))["tool"]
    assert account.paths == {"db": "/other/db", "log": "/h/.tool/log"}
    assert account.options == {"plan": "max", "x": "y"}
    assert account.home == "/h/.tool"


def test_account_of_another_home_keeps_its_own_paths(tmp_path: Path) -> None:
    """A second home must not read the first one's files."""
    mine = Account(id="tool", provider_id="tool", home="/elsewhere", paths={"db": "/elsewhere/db"})
    account = by_id(World(tmp_path).find(mine))["tool"]
    assert (account.home, account.paths) == ("/elsewhere", {"db": "/elsewhere/db"})


def test_same_id_of_another_provider_is_the_users(tmp_path: Path) -> None:
    """A configured account is never mixed with a detected one of another service."""
    mine = Account(id="openai", provider_id="gemini")
    found = by_id(World(tmp_path).find(mine, detection=Detection(keys=[OPENAI])))
    assert found["openai"].provider_id == "gemini"
    assert found["openai"].api_key_env == ""


def test_detected_key_gives_way_to_the_same_key_of_a_manual_account(tmp_path: Path) -> None:
    """One key at one address is polled once, under the user's name for it."""
    env = {"OPENAI_API_KEY": "sk-1", "WORK": "sk-1"}
    mine = Account(id="mine", provider_id="openai", api_key_env="WORK")
    detection = Detection(keys=[OPENAI])
    assert set(by_id(World(tmp_path, **env).find(mine, detection=detection))) == {"mine", "tool"}


@pytest.mark.parametrize(
    ("work", "base_url"), [("sk-other", ""), ("sk-1", "https://gw.example.com")]
)
def test_other_key_or_other_address_is_another_account(
    tmp_path: Path, work: str, base_url: str
) -> None:
    """Two keys, or one key at two addresses, are two accounts side by side."""
    mine = Account(id="mine", provider_id="openai", api_key_env="WORK", base_url=base_url)
    world = World(tmp_path, OPENAI_API_KEY="sk-1", WORK=work)
    found = by_id(world.find(mine, detection=Detection(keys=[OPENAI])))
    assert set(found) == {"mine", "openai", "tool"}
    assert {found["mine"].title, found["openai"].title} == {"Openai (mine)", "Openai (openai)"}


def test_the_providers_address_written_out_is_the_same_address(tmp_path: Path) -> None:
    """A configured address that is the default one makes no second account."""
    mine = Account(
        id="mine", provider_id="openai", api_key_env="WORK", base_url="https://api.example.com/"
    )
    world = World(tmp_path, OPENAI_API_KEY="sk-1", WORK="sk-1")
    assert "openai" not in by_id(world.find(mine, detection=Detection(keys=[OPENAI])))


def test_one_key_in_two_variables_is_one_account(tmp_path: Path) -> None:
    """The same value under both names of a service is asked for once."""
    keys = [
        key("AIza-1", "GEMINI_API_KEY", "gemini", "gemini"),
        key("AIza-1", "GOOGLE_API_KEY", "google", "gemini"),
    ]
    world = World(tmp_path, GEMINI_API_KEY="AIza-1", GOOGLE_API_KEY="AIza-1")
    assert set(by_id(world.find(detection=Detection(keys=keys)))) == {"gemini", "tool"}


class TestSignIns:
    SIGN_IN = Presence(
        account_id="claude-code", provider_id="claude_code", source="keychain:x", home="/h/.claude"
    )

    def test_sign_in_alone_makes_an_account(self, tmp_path: Path) -> None:
        """Somebody who is signed in but has no records yet is shown."""
        found = by_id(World(tmp_path).find(detection=Detection(presences=[self.SIGN_IN])))
        assert found["claude-code"].home == "/h/.claude"
        assert found["claude-code"].origin == "keychain:x"

    def test_sign_in_beside_accounts_of_the_tool_adds_none(self, tmp_path: Path) -> None:
        """It says nothing about which of the user's accounts it belongs to."""
        mine = Account(id="work", provider_id="claude_code")
        found = World(tmp_path).find(mine, detection=Detection(presences=[self.SIGN_IN]))
        assert set(by_id(found)) == {"work", "tool"}

    def test_hint_makes_no_account(self, tmp_path: Path) -> None:
        """gcloud's credentials only tell about accounts that are there."""
        hint = Presence(account_id="gemini", provider_id="gemini", source="x", makes_account=False)
        assert set(by_id(World(tmp_path).find(detection=Detection(presences=[hint])))) == {"tool"}


class TestStored:
    def test_stored_key_makes_a_default_account(self, tmp_path: Path) -> None:
        """A key for a known id is enough."""
        world = World(tmp_path)
        world.file.set_key("openai", "sk-1")
        assert by_id(world.find())["openai"].origin == "credentials.json"

    def test_stored_key_of_a_custom_account_serves_it(self, tmp_path: Path) -> None:
        """While the account is in the settings its stored key is its own; alone it makes none."""
        world = World(tmp_path)
        world.file.set_key("work", "sk-w")
        mine = Account(id="work", provider_id="openai")
        found = by_id(world.find(mine))
        assert world.secrets.secret_of(found["work"]) == "sk-w"
        assert "work" not in by_id(world.find())

    def test_connected_browser_makes_an_account(self, tmp_path: Path) -> None:
        """A service that has only a cookie is there as soon as that is stored."""
        world = World(tmp_path)
        world.file.set_session("perplexity", Session(domain="p.ai", cookie_name="t", value="v"))
        assert by_id(world.find())["perplexity"].provider_id == "perplexity"

    def test_counts_without_detection(self, tmp_path: Path) -> None:
        """Who switched detection off still has what he stored, and nothing that was found."""
        world = World(tmp_path)
        world.file.set_key("openai", "sk-1")
        found = world.find(auto_detect=False, detection=Detection(keys=[OPENAI]))
        assert by_id(found)["openai"].origin == "credentials.json"
        assert set(by_id(found)) == {"openai"}

    def test_corrupt_file_costs_only_itself(self, tmp_path: Path) -> None:
        """The other accounts are found all the same."""
        (tmp_path / "credentials.json").write_text("{")
        assert set(by_id(World(tmp_path).find())) == {"tool"}


def test_disabled_accounts_of_any_source_are_left_out(tmp_path: Path) -> None:
    """What the user switched off is not there, whatever found it."""
    world = World(tmp_path)
    world.file.set_key("openai", "sk-1")
    found = world.find(disabled=frozenset({"openai", "tool"}), detection=Detection(keys=[OPENAI]))
    assert found.accounts == []


def test_broken_discovery_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider whose look at the machine fails costs only its own accounts."""

    def fail(_machine: Machine) -> list[Account]:
        raise ValueError("odd file")

    broken = MappingProxyType({**PROVIDERS, "bad": provider("bad", discover=fail)})
    monkeypatch.setattr(registry, "load_all", lambda: broken)
    found = World(tmp_path).find()
    assert set(by_id(found)) == {"tool"}
    assert found.warnings == ["bad: detection failed: ValueError: odd file"]


def test_key_of_a_provider_that_is_gone_is_nobodys(tmp_path: Path) -> None:
    """A finding for a provider that could not be loaded makes no account."""
    lost = key("k", "LOST_KEY", "lost", "lost")
    assert set(by_id(World(tmp_path).find(detection=Detection(keys=[lost])))) == {"tool"}
