"""Detection as the daemon runs it: remembered, found outdated by stamps, told without secrets."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from openusaged.config.credentials import CredentialsFile, Session
from openusaged.config.settings import Settings, parse
from openusaged.usecases.accounts import Found
from openusaged.usecases.detecting import Detecting
from openusaged.usecases.secrets import AccountSecrets
from tests.support.key_table import bare_machine, program, write

NOW = 1_772_366_400_000


class World:
    """A machine, its detection, and the settings it runs with."""

    def __init__(self, home: Path, *, directory: str = "", **env: str) -> None:
        self.home = home
        machine = bare_machine(home, **env)
        self.file = CredentialsFile(str(home / ".config/openusage/credentials.json"))
        self.secrets = AccountSecrets(machine, self.file, lambda: NOW)
        self.detecting = Detecting(
            machine, self.secrets, lambda: NOW, directory=directory, probe=lambda _command: 1
        )

    def run(self, **document: object) -> Found:
        settings, warnings = parse(document, {"HOME": str(self.home)})
        assert warnings == []
        return self.detecting.run(settings)

    def ids(self, **document: object) -> set[str]:
        return {account.id for account in self.run(**document).plain}


@pytest.mark.parametrize(
    "name",
    [".zshrc", ".local/share/opencode/auth.json", ".codex/auth.json", ".config/gh/hosts.yml"],
)
def test_changed_source_makes_the_run_outdated(tmp_path: Path, name: str) -> None:
    """A file of keys that appears or changes asks for another run; that run settles it."""
    world = World(tmp_path)
    world.run()
    assert not world.detecting.outdated()
    write(tmp_path / name, "{}")
    assert world.detecting.outdated()
    world.run()
    assert not world.detecting.outdated()
    write(tmp_path / name, "{ }")
    assert world.detecting.outdated()


def test_stored_key_makes_the_run_outdated(tmp_path: Path) -> None:
    """credentials.json is a source, too."""
    world = World(tmp_path)
    assert "groq" not in world.ids()
    world.file.set_key("groq", "gsk-1")
    assert world.detecting.outdated()
    assert "groq" in world.ids()


def test_damaged_credentials_are_a_warning(tmp_path: Path) -> None:
    """The accounts are found without them, and the file is named."""
    write(tmp_path / ".config/openusage/credentials.json", "{")
    found = World(tmp_path, GROQ_API_KEY="gsk-1").run()
    assert "groq" in {account.id for account in found.plain}
    assert any("credentials.json: not JSON" in warning for warning in found.warnings)


def test_dotenv_of_the_daemons_own_directory(tmp_path: Path) -> None:
    """Where the daemon was started counts like a directory of the settings, when it is allowed."""
    write(tmp_path / "here/.env", "GROQ_API_KEY=gsk-1")
    write(tmp_path / "there/.env", "XAI_API_KEY=xai-1")
    world = World(tmp_path, directory=str(tmp_path / "here"))
    assert world.ids() == set()
    assert world.ids(detect={"dotenv": True}) == {"groq"}
    both = world.ids(detect={"dotenv": True, "directories": ["~/there"]})
    assert both == {"groq", "xai"}


def test_variable_of_the_settings_is_found_in_shell_files(tmp_path: Path) -> None:
    """The most common failure of a second account: the service never saw the variable."""
    write(tmp_path / ".profile", "export WORK_KEY=gsk-work\n")
    world = World(tmp_path)
    found = world.run(accounts=[{"id": "work", "provider": "groq", "api_key_env": "WORK_KEY"}])
    (account,) = found.plain
    assert world.secrets.secret_of(account) == "gsk-work"


def test_without_detection_nothing_is_looked_at(tmp_path: Path) -> None:
    """Switched off, no file is opened and keys found before are forgotten."""
    write(tmp_path / ".zshrc", "export GROQ_API_KEY=gsk-1")
    world = World(tmp_path)
    (account,) = world.run().plain
    assert world.ids(auto_detect=False) == set()
    assert world.detecting.detection.looks == ()
    assert world.secrets.secret_of(account) == ""


def test_new_keys_are_noticed(tmp_path: Path) -> None:
    """An account whose key came, changed or went is named once; one that is new is not."""
    world = World(tmp_path)
    path = write(tmp_path / ".zshrc", "export GROQ_API_KEY=one")
    mine = [{"id": "groq", "provider": "groq"}]
    seen = []
    for text in ("export GROQ_API_KEY=one", "export GROQ_API_KEY=two", "", "# nothing"):
        write(path, text)
        world.run(accounts=mine)
        seen.append(world.detecting.rekeyed)
    assert seen == [[], ["groq"], ["groq"], []]


def test_demonstration_shows_no_key_of_the_user(tmp_path: Path) -> None:
    """Beside sample data the keys of the real machine are not looked for."""
    machine = bare_machine(tmp_path, GROQ_API_KEY="gsk-1")
    secrets = AccountSecrets(machine, CredentialsFile(str(tmp_path / "c.json")), lambda: NOW)
    demonstrating = Detecting(machine, secrets, lambda: NOW, keys=False)
    assert demonstrating.run(Settings()).accounts == []
    assert demonstrating.detection.looks == ()


def test_report(tmp_path: Path) -> None:
    """Tools with program and records, accounts with reasons, the rest with where was looked."""
    program(tmp_path / "bin/claude")
    program(tmp_path / "bin/codex")
    write(tmp_path / ".claude/projects/p/x.jsonl", "")
    write(tmp_path / ".claude/.credentials.json", '{"claudeAiOauth":{"accessToken":"planted-t"}}')
    write(tmp_path / ".bashrc", "export GROQ_API_KEY=gsk_planted_shell_01")
    world = World(tmp_path, PATH=str(tmp_path / "bin"), GROQ_API_KEY="gsk_planted_env_0002")
    found = world.run()
    report = world.detecting.report(found)

    tools = {tool.provider_id: tool for tool in report.tools}
    assert tools["claude_code"].binary == f"{tmp_path}/bin/claude"
    assert tools["claude_code"].records == [f"{tmp_path}/.claude"]
    assert (tools["codex"].binary, tools["codex"].records) == (f"{tmp_path}/bin/codex", [])

    accounts = {account.account_id: account for account in report.accounts}
    assert accounts["claude-code"].why == [
        f"has records in {tmp_path}/.claude",
        f"signed in, by file:{tmp_path}/.claude/.credentials.json",
        f"program {tmp_path}/bin/claude",
    ]
    groq = accounts["groq"]
    assert (groq.credential, groq.variable, groq.source) == ("gsk_...0002", "GROQ_API_KEY", "env")
    assert len(groq.why) == 2

    missing = {item.provider_id: item for item in report.missing}
    assert any(f"{tmp_path}/.codex" in place for place in missing["codex"].looked)
    assert missing["openai"].setup
    assert set(missing) | {"claude_code", "groq"} == set(report.providers)
    assert report.detected_at == "2026-03-01T12:00:00Z"
    assert "planted" not in json.dumps(asdict(report))


def test_connected_browser_in_the_report(tmp_path: Path) -> None:
    """A cookie is a credential like a key: masked, with where it came from."""
    world = World(tmp_path)
    session = Session(
        domain=".perplexity.ai",
        cookie_name="t",
        value="planted-cookie-0001",
        source_browser="firefox",
    )
    world.file.set_session("perplexity", session)
    found = world.run()
    (account,) = world.detecting.report(found).accounts
    assert (account.credential, account.source) == ("plan...0001", "credentials.json")
    assert account.why == ["t cookie, firefox"]


def test_settings_alone_make_a_report(tmp_path: Path) -> None:
    """Without a run there is nothing to tell, which is no error."""
    report = World(tmp_path).detecting.report(Found(accounts=[], warnings=["w"]))
    assert (report.detected_at, report.accounts, report.warnings) == (
        "",
        [],
        ["w"],
    )
    assert Settings().auto_detect
