"""Claude Code's settings: what is written, recognised, repaired, explained and put back."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from openusaged.core.errors import ConfigError
from openusaged.core.models import Account
from openusaged.integrations.claude_code import EVENTS, SCRIPT, TOOL_EVENTS
from tests.support.tool_home import STAMP, ToolHome

SETTINGS = ".claude/settings.json"


@pytest.fixture
def home(tmp_path: Path) -> ToolHome:
    """A home with a blank in its path, in which Claude Code has been used."""
    home = ToolHome(tmp_path / "a home")
    home.write(SETTINGS, '{\n  "model": "opus"\n}\n')
    return home


def settings(home: ToolHome, path: str = SETTINGS):
    return json.loads((home.root / path).read_text())


def command(home: ToolHome) -> str:
    return shlex.join(home.site().hook_command(SCRIPT))


def test_each_event_runs_the_copy(home: ToolHome) -> None:
    """Three events call the installed script, with a time limit, quoted for a shell."""
    home.install("claude_code")
    hooks = settings(home)["hooks"]
    handler = {"type": "command", "command": command(home), "timeout": 5}
    assert hooks == {event: [{"hooks": [handler]}] for event in EVENTS}
    assert shlex.split(handler["command"])[-1] == str(home.hooks_dir / "claude.py")
    assert (home.hooks_dir / "claude.py").read_bytes() == SCRIPT.read()
    assert home.state("claude_code") == "ready"


def test_tool_events_are_optional_and_stay(home: ToolHome) -> None:
    """Asked for once, the hooks of tool calls survive an installation that does not name them."""
    home.install("claude_code", ["tools"])
    hooks = settings(home)["hooks"]
    assert set(hooks) == {*EVENTS, *TOOL_EVENTS}
    assert hooks["PostToolUse"][0]["matcher"] == "*"
    file = home.root / SETTINGS
    file.write_text(file.read_text().replace("PostToolUseFailure", "Other"))
    home.install("claude_code")
    assert set(settings(home)["hooks"]) == {*EVENTS, *TOOL_EVENTS, "Other"}
    assert home.overview("claude_code").reports[0].options == ("tools",)


def test_without_settings_a_file_is_made_and_goes_again(tmp_path: Path) -> None:
    """No file, no directory before: neither is left behind."""
    home = ToolHome(tmp_path / "h")
    assert home.state("claude_code") == "missing"
    home.install("claude_code")
    assert set(settings(home)["hooks"]) == set(EVENTS)
    assert home.state("claude_code") == "ready"
    home.uninstall("claude_code")
    assert not (home.root / ".claude").exists()
    assert not home.hooks_dir.exists()


@pytest.mark.parametrize("blank", ["", "  \n", "\r\n", "\ufeff"])
def test_a_blank_file_is_filled_and_emptied(home: ToolHome, blank: str) -> None:
    """Claude Code takes a blank file for no settings; so do we, and give it back."""
    file = home.write(SETTINGS, blank)
    home.install("claude_code")
    assert set(json.loads(file.read_text("utf-8-sig"))["hooks"]) == set(EVENTS)
    home.uninstall("claude_code")
    assert file.read_bytes() == blank.encode()


def test_hooks_of_others_keep_their_bytes(home: ToolHome) -> None:
    """Our group is added behind the user's; theirs is not even indented anew."""
    theirs = '"Stop":[ {"matcher":"", "hooks":[{"type":"command","command":"say done"}]} ]'
    file = home.write(SETTINGS, '{\n  "hooks": {' + theirs + "}\n}\n")
    home.install("claude_code")
    assert theirs[:-2] in file.read_text()
    assert len(settings(home)["hooks"]["Stop"]) == 2
    home.uninstall("claude_code")
    assert file.read_text() == '{\n  "hooks": {' + theirs + "}\n}\n"


@pytest.mark.parametrize(
    "text", ['{"hooks": {"Stop": null, "PreToolUse": null}}', '{\n  "hooks": null\n}\n']
)
def test_a_null_stands_for_nothing(home: ToolHome, text: str) -> None:
    """Another installer has left it; it is no obstacle, and comes back."""
    file = home.write(SETTINGS, text)
    home.install("claude_code")
    assert len(settings(home)["hooks"]["Stop"]) == 1
    home.uninstall("claude_code")
    assert file.read_text() == text


def test_our_handler_in_a_group_of_the_user(home: ToolHome) -> None:
    """Moved by hand beside another handler, ours alone is removed."""
    other = {"type": "command", "command": "say done"}
    group = {"hooks": [other, {"type": "command", "command": command(home)}]}
    home.write(SETTINGS, json.dumps({"hooks": {"Stop": [group]}}))
    home.install("claude_code")
    assert settings(home)["hooks"]["Stop"] == [group]
    home.uninstall("claude_code")
    assert settings(home) == {"hooks": {"Stop": [{"hooks": [other]}]}}


def test_missing_events_are_partial(home: ToolHome) -> None:
    """A removed event is named, and an upgrade brings it back without touching the rest."""
    home.install("claude_code")
    document = settings(home)
    del document["hooks"]["SessionEnd"]
    document["hooks"]["Stop"][0]["hooks"][0]["timeout"] = 60
    home.write(SETTINGS, json.dumps(document))
    assert home.state("claude_code") == "partial"
    assert home.reasons("claude_code") == "no hook for SessionEnd"
    home.install("claude_code", upgrade=True)
    assert home.state("claude_code") == "ready"
    assert settings(home)["hooks"]["Stop"][0]["hooks"][0]["timeout"] == 60


def test_wiring_by_hand_is_recognised(home: ToolHome) -> None:
    """A hook of the manual, with another interpreter, is ours: ready, and not wired twice."""
    home.install("claude_code")
    document = settings(home)
    by_hand = f"python3 -I -S '{home.hooks_dir}/claude.py'"
    for event in EVENTS:
        document["hooks"][event][0]["hooks"][0]["command"] = by_hand
    file = home.write(SETTINGS, json.dumps(document))
    assert home.state("claude_code") == "ready"
    assert home.install("claude_code").action == "unchanged"
    assert json.loads(file.read_text()) == document


@pytest.mark.parametrize(
    "path", ["/src/openusage/hooks/claude/openusage_hook.py", "/old/cfg/openusage/hooks/claude.py"]
)
def test_another_copy_is_replaced_and_surplus_ones_go(home: ToolHome, path: str) -> None:
    """A hook that runs a copy elsewhere is pointed to the installed one, once per event."""
    handler = {"type": "command", "command": f"/bin/sh -I -S {path}"}
    home.write(SETTINGS, json.dumps({"hooks": {"Stop": [{"hooks": [handler]}] * 2}}))
    assert home.state("claude_code") == "broken"  # the copy is not there
    home.install("claude_code")
    stop = settings(home)["hooks"]["Stop"]
    assert [group["hooks"][0]["command"] for group in stop] == [command(home)]
    assert home.state("claude_code") == "ready"


def test_another_copy_that_works_is_outdated(home: ToolHome) -> None:
    """Two copies drift apart: it is said, with the other one's path."""
    home.install("claude_code")
    copy = home.write("src/claude/openusage_hook.py", SCRIPT.read())
    document = settings(home)
    for event in EVENTS:
        document["hooks"][event][0]["hooks"][0]["command"] = shlex.join(["/bin/sh", str(copy)])
    home.write(SETTINGS, json.dumps(document))
    assert home.state("claude_code") == "outdated"
    assert str(copy) in home.reasons("claude_code")


def test_a_removed_interpreter_is_broken_and_repaired(home: ToolHome) -> None:
    """A virtual environment that is gone took the hook with it; an upgrade names another one."""
    home.python = str(home.write("venv/bin/python", "#!/bin/sh\n"))
    (home.root / "venv/bin/python").chmod(0o755)
    home.install("claude_code")
    assert home.state("claude_code") == "ready"
    (home.root / "venv/bin/python").unlink()
    home.python = "/bin/sh"
    assert home.state("claude_code") == "broken"
    assert "venv/bin/python does not exist any more" in home.reasons("claude_code")
    assert home.install("claude_code", upgrade=True).action == "upgraded"
    assert home.state("claude_code") == "ready"


def test_a_removed_script_is_broken_and_repaired(home: ToolHome) -> None:
    """Settings that name a script that is gone make Claude Code complain at every turn."""
    home.install("claude_code")
    (home.hooks_dir / "claude.py").unlink()
    assert home.state("claude_code") == "broken"
    assert "claude.py does not exist" in home.reasons("claude_code")
    home.install("claude_code", upgrade=True)
    assert home.state("claude_code") == "ready"


def test_a_script_without_wiring_is_partial(home: ToolHome) -> None:
    """Half an installation is neither missing nor ready."""
    home.install("claude_code")
    home.write(SETTINGS, "{}")
    assert home.state("claude_code") == "partial"
    assert "nothing runs it" in home.reasons("claude_code")
    assert home.install("claude_code").action == "installed"


class TestStatusline:
    """The optional status line."""

    def test_is_added_and_removed(self, home: ToolHome) -> None:
        """Where there was none there is none again."""
        before = (home.root / SETTINGS).read_text()
        home.install("claude_code", ["statusline"])
        line = settings(home)["statusLine"]
        assert line == {"type": "command", "command": "openusage statusline"}
        assert home.overview("claude_code").reports[0].options == ("statusline",)
        home.uninstall("claude_code")
        assert (home.root / SETTINGS).read_text() == before

    def test_of_another_tool_stays_unless_asked_for(self, home: ToolHome) -> None:
        """Without the option nobody's status line is touched; with it, it comes back."""
        before = '{"statusLine":{"type":"command",  "command":"ccusage"},"model":"x"}'
        file = home.write(SETTINGS, before)
        home.install("claude_code")
        assert settings(home)["statusLine"]["command"] == "ccusage"
        outcome = home.install("claude_code", ["statusline"])
        assert any("status line is replaced" in note for note in outcome.notes)
        assert settings(home)["statusLine"]["command"] == "openusage statusline"
        home.uninstall("claude_code")
        assert file.read_text() == before

    def test_of_a_wrong_type_is_replaced_and_comes_back(self, home: ToolHome) -> None:
        """Whatever stood there is put back as it was written."""
        file = home.write(SETTINGS, '{"statusLine": "openusage statusline"}')
        home.install("claude_code", ["statusline"])
        assert settings(home)["statusLine"]["type"] == "command"
        home.uninstall("claude_code")
        assert file.read_text() == '{"statusLine": "openusage statusline"}'

    def test_that_runs_another_one_first_gives_it_back(self, home: ToolHome) -> None:
        """Even when nothing has written down what stood there."""
        line = {"type": "command", "command": "openusage statusline --after 'ccusage -x'"}
        home.write(SETTINGS, json.dumps({"statusLine": line, "model": "x"}))
        home.install("claude_code")
        (home.hooks_dir / "installed.json").unlink()
        home.uninstall("claude_code")
        wanted = {"type": "command", "command": "ccusage -x"}
        assert settings(home) == {"statusLine": wanted, "model": "x"}

    def test_whose_program_is_gone_is_repaired(self, home: ToolHome) -> None:
        """The path of a removed environment is exchanged, its padding is not."""
        home.install("claude_code", ["statusline"])
        document = settings(home)
        document["statusLine"] = {
            "type": "command",
            "command": "/gone/bin/openusage statusline",
            "padding": 0,
        }
        home.write(SETTINGS, json.dumps(document))
        assert home.state("claude_code") == "broken"
        assert "/gone/bin/openusage does not exist any more" in home.reasons("claude_code")
        home.install("claude_code", upgrade=True)
        wanted = {"type": "command", "command": "openusage statusline", "padding": 0}
        assert settings(home)["statusLine"] == wanted


class TestHomes:
    """Several configuration directories."""

    def test_every_one_that_is_named(self, tmp_path: Path) -> None:
        """A list of directories (or of their projects) is wired as a whole."""
        home = ToolHome(tmp_path / "h")
        for name in ("one", "two"):
            home.write(f"{name}/projects/.keep", "")
        home.env["CLAUDE_CONFIG_DIR"] = f"~/one,{home.root}/two/projects, relative"
        home.install("claude_code")
        for name in ("one", "two"):
            assert set(settings(home, f"{name}/settings.json")["hooks"]) == set(EVENTS)
        assert not (home.root / ".claude").exists()
        del home.env["CLAUDE_CONFIG_DIR"]
        assert home.state("claude_code") == "ready"
        home.uninstall("claude_code")
        assert not list(home.root.rglob("settings.json"))

    def test_one_that_is_not_wired_is_partial(self, home: ToolHome) -> None:
        """The unwired home is named."""
        home.install("claude_code")
        other = home.write("work/settings.json", "{}").parent
        home.accounts.append(Account(id="w", provider_id="claude_code", title="", home=str(other)))
        assert home.state("claude_code") == "partial"
        assert f"not wired in {other}" in home.reasons("claude_code")
        home.install("claude_code")
        assert home.state("claude_code") == "ready"

    def test_a_home_without_settings_is_not_read_by_claude_code(self, home: ToolHome) -> None:
        """Records in a directory that only an older version used are no reason to wire it."""
        other = home.write(".config/claude/projects/x", "").parent.parent
        account = Account(id="m", provider_id="claude_code", title="", home=str(other))
        home.accounts.append(account)
        home.install("claude_code")
        assert home.state("claude_code") == "ready"
        assert not (other / "settings.json").exists()

    def test_one_that_is_a_link_to_another_is_one(self, home: ToolHome) -> None:
        """The same file is not wired twice."""
        (home.root / "link").symlink_to(home.root / ".claude")
        home.env["CLAUDE_CONFIG_DIR"] = f"{home.root}/.claude,{home.root}/link"
        home.install("claude_code")
        assert len(home.overview("claude_code").reports) == 1


def test_a_switch_in_the_settings_is_told(home: ToolHome) -> None:
    """What keeps a wired hook silent is a reason beside `ready`."""
    home.install("claude_code")
    document = settings(home)
    document |= {"disableAllHooks": True, "env": {"OPENUSAGE_TELEMETRY_ENABLED": "No"}}
    home.write(SETTINGS, json.dumps(document))
    assert home.state("claude_code") == "ready"
    assert "disableAllHooks" in home.reasons("claude_code")
    assert "env.OPENUSAGE_TELEMETRY_ENABLED" in home.reasons("claude_code")


def test_comments_are_refused_because_claude_code_refuses_them(home: ToolHome) -> None:
    """One comment makes Claude Code ignore the whole file: it is broken, not merely unusual."""
    file = home.write(SETTINGS, '{\n  // mine\n  "model": "opus"\n}\n')
    assert home.state("claude_code") == "broken"
    assert f"{file}:2:3: a comment" in home.reasons("claude_code")
    with pytest.raises(ConfigError, match="2:3"):
        home.install("claude_code")


def test_a_lost_record_leaves_nothing_of_ours(home: ToolHome) -> None:
    """Without `installed.json` our entries are recognised all the same."""
    before = json.loads((home.root / SETTINGS).read_text())
    home.install("claude_code", ["tools", "statusline"])
    (home.hooks_dir / "installed.json").write_text("{")
    home.uninstall("claude_code")
    assert settings(home) == before
    assert not home.hooks_dir.exists()


def test_the_bytes_from_before_are_kept(home: ToolHome) -> None:
    """Each change leaves a copy with the time in its name and the file's own mode."""
    file = home.root / SETTINGS
    file.chmod(0o640)
    before = file.read_bytes()
    changes = home.install("claude_code").changes
    backup = Path(changes[-1].backup)
    assert backup == file.with_name(f"settings.json.openusage-{STAMP}.bak")
    assert backup.read_bytes() == before
    assert backup.stat().st_mode & 0o777 == 0o640
    home.uninstall("claude_code")
    assert file.with_name(f"settings.json.openusage-{STAMP}-2.bak").exists()
