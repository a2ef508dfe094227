"""
One test per row INT-* (and I05, I08-I10) of the feature table, named after the row.

Each shows that the capability works as its row says; the details are tested beside the modules.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest

from openusage_client import cli
from openusaged.core.errors import ConfigError
from openusaged.integrations import scripts, wiring
from openusaged.providers.base import Machine
from tests.support.daemon import running_daemon
from tests.support.tool_home import STAMP, ToolHome
from tests.support.waiting import wait_until


@pytest.fixture
def home(tmp_path: Path) -> ToolHome:
    """A home in which the three tools have been used."""
    home = ToolHome(tmp_path / "h")
    home.write(".claude/settings.json", '{"model": "opus"}\n')
    home.write(".codex/config.toml", 'model = "gpt"\n')
    home.write(".config/opencode/opencode.json", "{}\n")
    return home


def test_int_01_install_uninstall_upgrade_list(home: ToolHome) -> None:
    """INT-01: after installing, each tool's configuration names our script and its state is ready."""
    for integration in wiring.ALL:
        home.install(integration.id)
        assert home.state(integration.id) == "ready"
    settings = json.loads((home.root / ".claude/settings.json").read_text())
    command = settings["hooks"]["Stop"][0]["hooks"][0]["command"]
    assert shlex.split(command)[-1] == str(home.hooks_dir / "claude.py")
    config = tomllib.loads((home.root / ".codex/config.toml").read_text())
    assert config["notify"][-1] == str(home.hooks_dir / "codex.py")
    assert (home.root / ".config/opencode/plugins/openusage.ts").exists()
    for integration in wiring.ALL:
        home.uninstall(integration.id)
        assert home.state(integration.id) == "missing"


def test_int_01_short_name_of_the_command(
    home: ToolHome, isolated_home: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """INT-01: `openusage int` is `openusage integrations`."""
    with running_daemon():
        assert cli.main(["int", "list", "--all", "--json"]) == 0
    ids = [item["id"] for item in json.loads(capsys.readouterr().out)["integrations"]]
    assert ids == ["claude_code", "codex", "opencode"]


def test_int_02_version_marker(home: ToolHome) -> None:
    """INT-02: only a script with an older marker is outdated, and upgrading changes only that."""
    for name in ("claude_code", "codex"):
        home.install(name)
    copy = home.hooks_dir / "codex.py"
    copy.write_bytes(re.sub(rb"(hook-version: )\d+", rb"\g<1>0", copy.read_bytes()))
    assert {name: home.state(name) for name in ("claude_code", "codex")} == {
        "claude_code": "ready",
        "codex": "outdated",
    }
    assert home.install("claude_code", upgrade=True).action == "unchanged"
    outcome = home.install("codex", upgrade=True)
    assert [change.path for change in outcome.changes] == [str(copy)]
    assert home.state("codex") == "ready"


def test_int_03_backups(home: ToolHome) -> None:
    """INT-03: the configuration and a replaced script are kept, each copy under its own time."""
    before = (home.root / ".codex/config.toml").read_bytes()
    home.install("codex")
    backup = home.root / f".codex/config.toml.openusage-{STAMP}.bak"
    assert backup.read_bytes() == before
    copy = home.hooks_dir / "codex.py"
    old = re.sub(rb"(hook-version: )\d+", rb"\g<1>0", copy.read_bytes())
    copy.write_bytes(old)
    home.install("codex", upgrade=True)
    assert copy.with_name(f"codex.py.openusage-{STAMP}.bak").read_bytes() == old
    assert backup.read_bytes() == before


@pytest.mark.parametrize(
    ("variable", "value", "tool", "file"),
    [
        ("CLAUDE_SETTINGS_FILE", "x/mine.json", "claude_code", "x/mine.json"),
        ("CLAUDE_CONFIG_DIR", "x", "claude_code", "x/settings.json"),
        ("CODEX_CONFIG_DIR", "x", "codex", "x/config.toml"),
        ("CODEX_HOME", "x", "codex", "x/config.toml"),
        ("XDG_CONFIG_HOME", "x", "opencode", "x/opencode/plugins/openusage.ts"),
    ],
)
def test_int_04_overrides(home: ToolHome, variable: str, value: str, tool: str, file: str) -> None:
    """INT-04: each variable moves what is wired, and leaves the default place alone."""
    home.env[variable] = str(home.root / value)
    home.install(tool)
    assert (home.root / file).exists()
    assert "hooks" not in (home.root / ".claude/settings.json").read_text()
    assert "notify" not in (home.root / ".codex/config.toml").read_text()


def test_int_04_program_of_the_status_line(tmp_path: Path) -> None:
    """INT-04: OPENUSAGE_BIN is the program that the status line runs."""
    program = tmp_path / "openusage"
    program.write_text("")
    program.chmod(0o755)
    machine = Machine(env={"OPENUSAGE_BIN": str(program)}, home="/h")
    assert scripts.statusline_command(machine) == f"{program} statusline"


def test_int_05_hints(isolated_home: str, capsys: pytest.CaptureFixture[str]) -> None:
    """INT-05, I05: the daemon's start and the list name the command for a tool that is not wired."""
    (Path(isolated_home) / ".codex/sessions").mkdir(parents=True)
    hint = "openusage integrations install codex"
    with running_daemon() as daemon:
        wait_until(lambda: hint in daemon.output, 20.0, "the hint on the daemon's output")
        assert cli.main(["integrations"]) == 0
        assert hint in capsys.readouterr().out
        assert "claude_code" not in daemon.output


def test_int_06_windows_is_refused_with_a_sentence(home: ToolHome) -> None:
    """INT-06: hooks need Unix sockets; on Windows nothing is written that could never fire."""
    home.platform = "win32"
    before = (home.root / ".claude/settings.json").read_bytes()
    with pytest.raises(ConfigError, match="Unix socket"):
        home.install("claude_code")
    assert (home.root / ".claude/settings.json").read_bytes() == before


def test_i08_list_says_the_state_of_each_tool(
    isolated_home: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """I08: tools that are not on this machine are listed with --all only."""
    with running_daemon():
        assert cli.main(["integrations", "list"]) == 0
        assert "No tool that can be wired is here" in capsys.readouterr().out
        assert cli.main(["integrations", "list", "-a"]) == 0
    rows = capsys.readouterr().out.splitlines()[1:4]
    assert [row.split()[:2] for row in rows] == [
        ["claude_code", "missing"],
        ["codex", "missing"],
        ["opencode", "missing"],
    ]


def test_i09_idempotent_and_only_own_entries(home: ToolHome) -> None:
    """I09: a second installation changes nothing, uninstalling touches nobody else's entry."""
    text = '{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "say"}]}]}}\n'
    file = home.write(".claude/settings.json", text)
    home.install("claude_code")
    wired = file.read_bytes()
    assert home.install("claude_code").changes == []
    assert file.read_bytes() == wired
    home.uninstall("claude_code")
    assert file.read_text() == text


def test_i10_upgrade_all_says_when_there_is_nothing_to_do(
    isolated_home: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """I10: `upgrade --all` on a machine where everything is current."""
    (Path(isolated_home) / ".codex/sessions").mkdir(parents=True)
    with running_daemon():
        assert cli.main(["integrations", "install", "codex", "--yes"]) == 0
        capsys.readouterr()
        assert cli.main(["integrations", "upgrade", "--all", "--yes"]) == 0
    assert "nothing to upgrade: everything that is wired is up to date" in capsys.readouterr().out
