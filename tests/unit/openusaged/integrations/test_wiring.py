"""What is common to all tools: plans, refusals, modes, owners, links, versions."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from openusaged.core.errors import ConfigError, InvalidParams
from openusaged.integrations import config_file, wiring
from openusaged.integrations.base import judge
from openusaged.integrations.claude_code import SCRIPT
from openusaged.integrations.ledger import Ledger
from openusaged.integrations.plan import Plan
from openusaged.integrations.scripts import ABSENT, Copy
from tests.support.tool_home import NOW_MS, ToolHome, snapshot

SETTINGS = ".claude/settings.json"


@pytest.fixture
def home(tmp_path: Path) -> ToolHome:
    """A home in which Claude Code has been used."""
    home = ToolHome(tmp_path / "h")
    home.write(SETTINGS, '{"model": "opus"}')
    return home


class TestPlan:
    """What is shown is what is done."""

    def test_a_dry_run_writes_nothing(self, home: ToolHome) -> None:
        """Not a file, not a directory, not a lock."""
        before = snapshot(home.root, without=())
        outcome = home.install("claude_code", dry_run=True)
        assert [change.action for change in outcome.changes] == ["create", "create", "change"]
        assert home.uninstall("claude_code", dry_run=True).action == "unchanged"
        assert snapshot(home.root, without=()) == before

    def test_a_plan_is_carried_out_only_as_it_was_shown(self, home: ToolHome) -> None:
        """A file that has changed since is looked at again."""
        shown = home.install("claude_code", dry_run=True)
        home.write(SETTINGS, '{"model": "sonnet"}')
        with pytest.raises(ConfigError, match="have changed since"):
            home.install("claude_code", plan=shown.plan)
        again = home.install("claude_code", dry_run=True)
        assert again.plan != shown.plan
        assert home.install("claude_code", plan=again.plan).action == "installed"

    def test_the_difference_names_no_secret(self, home: ToolHome) -> None:
        """Context lines may hold keys; they are shown without their values."""
        home.write(
            SETTINGS,
            '{\n  "env": {"ANTHROPIC_API_KEY": "sk-planted-0001", "A_TOKEN":"t-planted"},\n'
            '  "apiKeyHelper": "cat \\"secret-planted\\"",\n  "x": "sk-ant-planted0002"\n}\n',
        )
        (*_, change) = home.install("claude_code", dry_run=True).changes
        assert "ANTHROPIC_API_KEY" in change.diff
        assert "planted" not in change.diff
        assert '+  "hooks": {' in change.diff

    def test_a_script_is_not_shown_line_by_line(self, home: ToolHome) -> None:
        """Its name and version say it, and those of the module it starts."""
        (script, module, _) = home.install("claude_code", dry_run=True).changes
        assert re.fullmatch(r"create our claude\.py, version \d+", script.diff)
        assert re.fullmatch(r"create our claude_main\.py, version \d+", module.diff)

    def test_what_another_program_has_written_meanwhile_is_kept(self, home: ToolHome) -> None:
        """Between reading and writing the bytes are compared."""
        plan = Plan(Ledger(str(home.hooks_dir)))
        draft = plan.draft(str(home.root / SETTINGS))
        draft.set_text("{}")
        other = plan.draft(str(home.root / "z.json"))
        other.set_text("{}")
        home.write(SETTINGS, "written meanwhile")
        with pytest.raises(ConfigError, match="changed by another program"):
            plan.apply(NOW_MS)
        assert (home.root / SETTINGS).read_text() == "written meanwhile"

    def test_a_failure_half_way_says_what_was_done(self, home: ToolHome) -> None:
        """The user learns which files have their new bytes."""
        plan = Plan(Ledger(str(home.hooks_dir)))
        plan.draft(str(home.root / "a.json")).set_text("{}")
        plan.draft(str(home.root / SETTINGS)).set_text("{}")
        home.write(SETTINGS, "written meanwhile")
        with pytest.raises(ConfigError, match=r"changed before: .*a\.json"):
            plan.apply(NOW_MS)

    def test_notes_are_told_once(self) -> None:
        """Two homes, one sentence."""
        plan = Plan(Ledger("/nowhere"))
        plan.note("x")
        plan.note("x")
        assert plan.notes == ["x"]


class TestRefusals:
    """Nothing is changed when something is in the way."""

    def test_a_read_only_file(self, home: ToolHome) -> None:
        """Renaming over it would work, and would be rude."""
        file = home.root / SETTINGS
        file.chmod(0o444)
        before = snapshot(home.root)
        with pytest.raises(ConfigError, match=f"{file}: is read-only; nothing was changed"):
            home.install("claude_code")
        assert snapshot(home.root) == before
        assert not home.hooks_dir.exists()

    def test_a_link_to_a_read_only_file(self, home: ToolHome) -> None:
        """The target is named: a package manager owns it."""
        target = home.write("store/settings.json", "{}")
        target.chmod(0o444)
        file = home.root / SETTINGS
        file.unlink()
        file.symlink_to(target)
        with pytest.raises(ConfigError, match=rf"{file} \(a link to {target}\): is read-only"):
            home.install("claude_code")

    def test_a_link_to_nowhere(self, home: ToolHome) -> None:
        """A dotfile manager has not been run; a file in its place would hide that."""
        file = home.root / SETTINGS
        file.unlink()
        file.symlink_to("nowhere.json")
        assert home.state("claude_code") == "broken"
        with pytest.raises(ConfigError, match="does not exist"):
            home.install("claude_code")
        assert file.is_symlink()

    def test_what_is_no_file(self, home: ToolHome) -> None:
        """A directory or a pipe is neither read nor waited for."""
        file = home.root / SETTINGS
        file.unlink()
        os.mkfifo(file)
        with pytest.raises(ConfigError, match="is no file"):
            home.install("claude_code")
        file.unlink()
        file.mkdir()
        with pytest.raises(ConfigError):
            home.install("claude_code")

    def test_a_file_that_is_no_configuration(self, home: ToolHome) -> None:
        """Nobody's settings have nine mebibytes."""
        home.write(SETTINGS, b" " * (config_file.MAX_BYTES + 1))
        assert home.state("claude_code") == "broken"
        with pytest.raises(ConfigError, match="larger than 8 MiB"):
            home.install("claude_code")

    def test_no_text(self, home: ToolHome) -> None:
        """Bytes that are no UTF-8 are told with their place."""
        home.write(SETTINGS, b'{\n "a": "\xff"}')
        with pytest.raises(ConfigError, match="2:8: not UTF-8"):
            home.install("claude_code")

    def test_a_broken_second_home_leaves_the_first_as_it_was(self, home: ToolHome) -> None:
        """All files are read before one is written."""
        home.env["CLAUDE_CONFIG_DIR"] = f"{home.root}/.claude,{home.root}/two"
        home.write("two/settings.json", "{")
        before = snapshot(home.root)
        with pytest.raises(ConfigError, match=r"two/settings\.json:1:2"):
            home.install("claude_code")
        assert snapshot(home.root) == before

    def test_unknown_names(self, home: ToolHome) -> None:
        """Tools and parts that do not exist are told with those that do."""
        with pytest.raises(InvalidParams, match="claude_code, codex, opencode") as refused:
            wiring.named("gemini")
        assert str(refused.value).startswith("id: no integration 'gemini'")
        with pytest.raises(InvalidParams, match=r"^options: .*tools, statusline"):
            home.install("claude_code", ["nonsense"])
        with pytest.raises(InvalidParams, match="known: none"):
            home.install("opencode", ["tools"])

    @pytest.mark.parametrize("tool", ["claude_code", "codex", "opencode"])
    def test_nothing_to_upgrade(self, home: ToolHome, tool: str) -> None:
        """Upgrading does not install."""
        with pytest.raises(InvalidParams, match="is not installed"):
            home.install(tool, upgrade=True)


class TestFiles:
    """Mode, owner and links."""

    @pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
    def test_mode_and_owner_stay(self, home: ToolHome, mode: int) -> None:
        """Also when root wires a user's tool."""
        file = home.root / SETTINGS
        file.chmod(mode)
        if os.geteuid() == 0:
            os.chown(file, 12345, 23456)
        owner = (file.stat().st_uid, file.stat().st_gid)
        home.install("claude_code")
        (backup,) = file.parent.glob("*.bak")
        for path in (file, backup):
            info = path.stat()
            assert (stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid) == (mode, *owner)
        home.uninstall("claude_code")
        assert stat.S_IMODE(file.stat().st_mode) == mode

    def test_links_stay_links(self, home: ToolHome) -> None:
        """The file behind the link changes, the copy lies beside the link."""
        target = home.write("dotfiles/claude.json", "{}")
        file = home.root / SETTINGS
        file.unlink()
        file.symlink_to("../dotfiles/claude.json")
        home.install("claude_code")
        assert os.readlink(file) == "../dotfiles/claude.json"
        assert "claude.py" in target.read_text()
        assert list(file.parent.glob("*.bak"))
        assert not list(target.parent.glob("*.bak"))
        home.uninstall("claude_code")
        assert target.read_text() == "{}"
        assert file.is_symlink()

    def test_a_new_file_is_for_its_owner_only(self, tmp_path: Path) -> None:
        """Settings may hold keys later."""
        home = ToolHome(tmp_path / "h")
        home.install("claude_code")
        assert stat.S_IMODE((home.root / SETTINGS).stat().st_mode) == 0o600
        assert stat.S_IMODE((home.hooks_dir / "claude.py").stat().st_mode) == 0o644
        assert stat.S_IMODE((home.hooks_dir / "installed.json").stat().st_mode) == 0o600

    def test_no_temporary_file_is_left(self, home: ToolHome) -> None:
        """Whatever happens in between, only whole files are seen."""
        home.install("claude_code")
        assert not list(home.root.rglob("*.tmp"))


class TestVersions:
    """The script's own version decides, not the application's."""

    def old(self, home: ToolHome, version: int, name: str = "claude.py") -> Path:
        """An installed copy of another version."""
        file = home.hooks_dir / name
        marker = b"openusage-hook-version: %d" % version
        file.write_bytes(re.sub(rb"openusage-hook-version: \d+", marker, file.read_bytes()))
        return file

    def test_an_older_copy_is_outdated_and_replaced(self, home: ToolHome) -> None:
        """The old bytes are kept beside it."""
        home.install("claude_code")
        file = self.old(home, 0)
        assert home.state("claude_code") == "outdated"
        assert "has version 0" in home.reasons("claude_code")
        outcome = home.install("claude_code", upgrade=True)
        assert outcome.action == "upgraded"
        assert [change.path for change in outcome.changes] == [str(file)]
        assert b"version: 0" in Path(outcome.changes[0].backup).read_bytes()
        assert file.read_bytes() == SCRIPT.read()

    def test_one_from_before_modules_is_outdated_and_completed(self, home: ToolHome) -> None:
        """Version 1 was a single file, which goes on working until it is replaced."""
        home.install("claude_code")
        self.old(home, 1)
        module = home.hooks_dir / "claude_main.py"
        module.unlink()
        assert home.state("claude_code") == "outdated"
        home.install("claude_code", upgrade=True)
        assert home.state("claude_code") == "ready"
        assert module.exists()

    def test_a_script_without_its_module_is_broken_and_mended(self, home: ToolHome) -> None:
        """It could not do anything, and says so to nobody but us."""
        home.install("claude_code")
        module = home.hooks_dir / "claude_main.py"
        module.unlink()
        assert home.state("claude_code") == "broken"
        assert f"{module} does not exist" in home.reasons("claude_code")
        home.install("claude_code")
        assert home.state("claude_code") == "ready"

    def test_an_edited_module_is_outdated(self, home: ToolHome) -> None:
        """What was changed is kept beside it."""
        home.install("claude_code")
        module = home.hooks_dir / "claude_main.py"
        module.write_bytes(module.read_bytes() + b"# mine\n")
        assert home.state("claude_code") == "outdated"
        assert f"{module} was changed by hand" in home.reasons("claude_code")
        outcome = home.install("claude_code", upgrade=True)
        assert b"# mine" in Path(outcome.changes[0].backup).read_bytes()

    def test_a_foreign_module_is_refused_and_never_removed(self, home: ToolHome) -> None:
        """Somebody's own file beside ours stays."""
        home.install("claude_code")
        module = home.write(".config/openusage/hooks/claude_main.py", "print(1)\n")
        with pytest.raises(ConfigError, match=r"claude_main\.py.* no hook of ours"):
            home.install("claude_code")
        home.uninstall("claude_code")
        assert module.read_text() == "print(1)\n"
        assert not (home.hooks_dir / "claude.py").exists()

    def test_uninstalling_removes_the_bytecode(self, home: ToolHome) -> None:
        """Of our module, and of nothing else."""
        home.install("claude_code")
        kept = home.hooks_dir / "__pycache__"
        kept.mkdir()
        (kept / "claude_main.cpython-311.pyc").write_bytes(b"")
        home.uninstall("claude_code")
        assert not home.hooks_dir.exists()
        home.install("claude_code")
        kept.mkdir()
        (kept / "claude_main.cpython-39.pyc").write_bytes(b"")
        other = home.write(".config/openusage/hooks/__pycache__/other.cpython-311.pyc", "")
        home.uninstall("claude_code")
        assert list(kept.iterdir()) == [other]

    def test_an_edited_copy_is_outdated(self, home: ToolHome) -> None:
        """It says who changed it."""
        home.install("claude_code")
        file = home.hooks_dir / "claude.py"
        file.write_bytes(SCRIPT.read() + b"# mine\n")
        assert home.state("claude_code") == "outdated"
        assert "changed by hand" in home.reasons("claude_code")
        home.uninstall("claude_code")
        assert not file.exists()

    @pytest.mark.parametrize("tool", ["claude_code", "opencode"])
    def test_a_newer_copy_is_never_replaced(self, home: ToolHome, tool: str) -> None:
        """An older application beside a newer one does not turn hooks back."""
        home.install(tool)
        if tool == "opencode":
            file = home.root / ".config/opencode/plugins/openusage.ts"
            file.write_bytes(file.read_bytes().replace(b"version: 1", b"version: 999"))
        else:
            file = self.old(home, 999)
        assert home.state(tool) == "ready"
        assert "newer release (version 999)" in home.reasons(tool)
        assert home.install(tool).action == "unchanged"
        assert b"999" in file.read_bytes()

    def test_a_foreign_file_of_that_name_is_refused(self, home: ToolHome) -> None:
        """Somebody's own script is not overwritten."""
        file = home.write(".config/openusage/hooks/claude.py", "print(1)\n")
        with pytest.raises(ConfigError, match="no hook of ours"):
            home.install("claude_code")
        assert file.read_text() == "print(1)\n"


@pytest.mark.parametrize(
    ("wired", "wrong", "state"),
    [([], [], "missing"), (["a"], [], "broken"), (["a"], ["x"], "broken")],
)
def test_without_a_script_nothing_can_be_ready(wired, wrong, state) -> None:
    """Wired to nothing is broken."""
    assert judge(wired, ["a"], wrong, Copy(path="/p", state=ABSENT)) == state


def test_a_directory_that_cannot_be_made(home: ToolHome) -> None:
    """A file where a directory is needed is told, not a traceback."""
    home.write(".codex", "a file")
    with pytest.raises(ConfigError, match=r"\.codex"):
        home.install("codex")


def test_the_ledger_survives_nonsense(tmp_path: Path) -> None:
    """A record that cannot be read is none."""
    for text in ("{", '{"files": []}', "\udcff"):
        (tmp_path / "installed.json").write_bytes(text.encode("utf-8", "surrogateescape"))
        assert Ledger(str(tmp_path)).records == {}
    (tmp_path / "installed.json").unlink()
    (tmp_path / "installed.json").mkdir()
    ledger = Ledger(str(tmp_path))
    ledger.record("/a", "codex", "/h")
    with pytest.raises(ConfigError, match=r"installed\.json"):
        ledger.save()
    assert ledger.homes("codex") == ["/h"]


def test_directories_with_something_in_them_stay(tmp_path: Path) -> None:
    """Only what we made and is empty goes."""
    made = config_file.make_directories(str(tmp_path / "a/b/c"))
    assert made == [str(tmp_path / "a"), str(tmp_path / "a/b")]
    (tmp_path / "a/x").write_text("")
    config_file.remove_directories(made)
    assert (tmp_path / "a").is_dir()
    assert not (tmp_path / "a/b").exists()
    config_file.remove_directories(["/proc/1/nothing"])
