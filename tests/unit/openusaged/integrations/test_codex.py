"""Codex's configuration: `notify`, a notifier that was there before, and the newer hooks."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from openusaged.core.errors import ConfigError
from openusaged.core.models import Account
from openusaged.integrations.codex import EVENTS, SCRIPT
from tests.support.tool_home import ToolHome

CONFIG = ".codex/config.toml"
HOOKS = ".codex/hooks.json"


@pytest.fixture
def home(tmp_path: Path) -> ToolHome:
    """A home with a blank in its path, in which Codex has been used."""
    home = ToolHome(tmp_path / "a home")
    home.write(CONFIG, 'model = "gpt"\n\n# servers\n[mcp]\nnotify = 1\n')
    return home


def notify(home: ToolHome):
    return tomllib.loads((home.root / CONFIG).read_text())["notify"]


def test_notify_stands_above_the_first_table(home: ToolHome) -> None:
    """Below a table Codex would not see it."""
    home.install("codex")
    assert notify(home) == home.site().hook_command(SCRIPT)
    lines = (home.root / CONFIG).read_text().splitlines()
    assert lines[0] == 'model = "gpt"'
    assert lines[1].startswith("notify = [")
    assert home.state("codex") == "ready"
    assert not (home.root / HOOKS).exists()


def test_a_notifier_of_before_is_called_and_comes_back(home: ToolHome) -> None:
    """Its words stand behind `--then`; its own line, comments and all, is put back."""
    before = 'notify = [ "terminal-notifier",  # mine\n  "-x" ] # keep\n[t]\n'
    file = home.write(CONFIG, before)
    outcome = home.install("codex")
    ours = home.site().hook_command(SCRIPT)
    assert notify(home) == [*ours, "--then", "terminal-notifier", "-x"]
    assert "# keep" in file.read_text()
    assert "terminal-notifier is called" in outcome.notes[0]
    assert home.install("codex").action == "unchanged"
    home.uninstall("codex")
    assert file.read_text() == before


def test_a_chain_without_its_record_comes_back_as_a_list(home: ToolHome) -> None:
    """When `installed.json` is lost the notifier itself is not."""
    home.write(CONFIG, "notify = ['say', 'done']\n")
    home.install("codex")
    (home.hooks_dir / "installed.json").unlink()
    home.uninstall("codex")
    assert (home.root / CONFIG).read_text() == 'notify = ["say", "done"]\n'


def test_a_chain_that_was_edited_comes_back_as_edited(home: ToolHome) -> None:
    """What the user has changed behind `--then` since counts, not the record."""
    file = home.write(CONFIG, 'notify = ["say"]\n')
    home.install("codex")
    file.write_text(file.read_text().replace('"say"', '"shout", "loud"'))
    assert home.state("codex") == "ready"
    home.uninstall("codex")
    assert file.read_text() == 'notify = ["shout", "loud"]\n'


def test_a_moved_script_keeps_the_chain(home: ToolHome) -> None:
    """Pointing to the installed copy leaves the user's notifier where it is."""
    words = '["/gone/python", "-I", "-S", "/old/openusage/hooks/codex.py", "--then", "say"]'
    home.write(CONFIG, f"notify = {words}\n")
    assert home.state("codex") == "broken"
    assert "/old/openusage/hooks/codex.py does not exist" in home.reasons("codex")
    home.install("codex")
    assert notify(home) == [*home.site().hook_command(SCRIPT), "--then", "say"]
    assert home.state("codex") == "ready"


def test_a_copy_elsewhere_is_outdated(home: ToolHome) -> None:
    """It works, but upgrades do not reach it."""
    copy = home.write("src/codex/openusage_hook.py", SCRIPT.read())
    home.install("codex")
    home.write(CONFIG, f'notify = ["/bin/sh", "{copy}"]\n')
    assert home.state("codex") == "outdated"
    assert str(copy) in home.reasons("codex")


def test_a_removed_interpreter_is_broken(home: ToolHome) -> None:
    """Codex ignores a program that is gone without a word; we do not."""
    home.install("codex")
    home.write(CONFIG, f'notify = ["/gone/python", "{home.hooks_dir}/codex.py"]\n')
    assert home.state("codex") == "broken"
    assert "/gone/python does not exist any more" in home.reasons("codex")
    home.install("codex", upgrade=True)
    assert home.state("codex") == "ready"


def test_notify_below_a_table_is_explained(home: ToolHome) -> None:
    """The mistake that other installers make has a name and a place."""
    file = home.root / CONFIG
    file.write_text(f'[a]\n[a.b]\nnotify = ["/bin/sh", "{home.hooks_dir}/codex.py"]\n')
    assert home.state("codex") == "missing"
    assert "[a.b], where Codex ignores it" in home.reasons("codex")


@pytest.mark.parametrize("value", ['"say done"', "[1]", '["a", 2]'])
def test_a_notify_that_codex_refuses_is_refused(home: ToolHome, value: str) -> None:
    """A string makes Codex end at once; replacing it would hide that."""
    file = home.write(CONFIG, f"a = 1\nnotify = {value}\n")
    assert home.state("codex") == "missing"
    with pytest.raises(ConfigError, match=rf"{file}:2: notify is no list of strings"):
        home.install("codex")
    assert file.read_text() == f"a = 1\nnotify = {value}\n"


def test_without_a_configuration_one_is_made_and_goes_again(tmp_path: Path) -> None:
    """Nothing is left behind."""
    home = ToolHome(tmp_path / "h")
    home.install("codex", ["hooks"])
    assert notify(home) == home.site().hook_command(SCRIPT)
    home.uninstall("codex")
    assert not (home.root / ".codex").exists()


class TestHooks:
    """`hooks.json`, which newer versions run after they have asked."""

    def test_are_wired_when_asked_for(self, home: ToolHome) -> None:
        """Three events; the question that Codex will ask is announced."""
        outcome = home.install("codex", ["hooks"])
        hooks = json.loads((home.root / HOOKS).read_text())["hooks"]
        assert set(hooks) == set(EVENTS)
        assert any("Hooks need review" in note for note in outcome.notes)
        assert home.overview("codex").reports[0].options == ("hooks",)
        assert "whether you trust the hooks" in home.reasons("codex")

    def test_are_trusted_once_the_user_has_said_so(self, home: ToolHome) -> None:
        """Codex notes its trust in config.toml; then nothing is left to say."""
        home.install("codex", ["hooks"])
        key = f"{home.root}/{HOOKS}:stop:0:0"
        with (home.root / CONFIG).open("a") as file:
            file.write(f'[hooks.state."{key}"]\ntrusted_hash = "sha256:0"\n')
        assert home.reasons("codex") == ""

    def test_stay_without_being_asked_for_again(self, home: ToolHome) -> None:
        """A re-installation repairs them."""
        home.install("codex", ["hooks"])
        document = json.loads((home.root / HOOKS).read_text())
        del document["hooks"]["Stop"]
        home.write(HOOKS, json.dumps(document))
        home.install("codex")
        assert set(json.loads((home.root / HOOKS).read_text())["hooks"]) == set(EVENTS)

    @pytest.mark.parametrize(("version", "fits"), [((0, 130, 2), False), ((0, 145), True)])
    def test_need_a_version_that_runs_them(
        self, home: ToolHome, version: tuple[int, ...], fits: bool
    ) -> None:
        """An older Codex would carry hooks that it never runs."""
        home.codex_version = version
        if fits:
            home.install("codex", ["hooks"])
        else:
            with pytest.raises(ConfigError, match=r"0\.130\.2 runs no hooks; 0\.145"):
                home.install("codex", ["hooks"])
            assert home.state("codex") == "missing"

    def test_in_a_broken_file_do_not_keep_notify_away(self, home: ToolHome) -> None:
        """`notify` needs no hooks.json; whoever asks for hooks is told."""
        file = home.write(HOOKS, "{ // c\n}")
        home.install("codex")
        assert home.state("codex") == "ready"
        assert f"{file}:1:3" in home.reasons("codex")
        with pytest.raises(ConfigError, match=r"hooks\.json:1:3"):
            home.install("codex", ["hooks"])
        outcome = home.uninstall("codex")
        assert "could not be searched" in outcome.notes[0]
        assert file.read_text() == "{ // c\n}"
        assert home.state("codex") == "missing"


class TestHomes:
    """Several homes."""

    def test_every_one_that_is_named(self, tmp_path: Path) -> None:
        """A list of homes is wired as a whole, and taken out without the variable."""
        home = ToolHome(tmp_path / "h")
        for name in ("one", "two"):
            home.write(f"{name}/auth.json", "{}")
        home.env["CODEX_HOME"] = f"~/one, {home.root}/two/,relative"
        home.install("codex")
        assert (home.root / "one/config.toml").exists()
        assert (home.root / "two/config.toml").exists()
        del home.env["CODEX_HOME"]
        home.uninstall("codex")
        assert not list(home.root.rglob("config.toml"))

    def test_of_accounts(self, home: ToolHome) -> None:
        """An account of the settings is a home, too."""
        other = home.write("work/config.toml", "").parent
        paths = {"config": f"{other}/config.toml"}
        account = Account(id="w", provider_id="codex", title="", home=str(other), paths=paths)
        home.accounts = [account, Account(id="c", provider_id="claude_code", title="", home="/x")]
        home.install("codex")
        assert "notify" in (other / "config.toml").read_text()
        home.uninstall("codex")
        assert (other / "config.toml").read_text() == ""
