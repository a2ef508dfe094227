"""Shipped scripts, their versions, and the commands that run them."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import pytest

from openusaged.integrations import scripts, wiring
from openusaged.integrations.claude_code import SCRIPT
from openusaged.providers.base import Machine

# The digest of each shipped script (and its module) by its version.  A script that has changed is not noticed on
# machines that have the same version: raise the version in its second line, then write both here.
SHIPPED = {
    "claude_code": (2, "923a0bc197550ef6"),
    "codex": (2, "0170d6ed5f097b45"),
    "opencode": (1, "387eb13fa1f07c51"),
}


@pytest.mark.parametrize("integration", wiring.ALL, ids=lambda item: item.id)
def test_a_changed_script_has_another_version(integration) -> None:
    """Forgetting to raise the version would leave old hooks on every machine."""
    files = integration.script.files("copy.py").values()
    [version] = {scripts.version_of(data) for data in files}
    digest = hashlib.sha256(b"".join(files)).hexdigest()[:16]
    assert (version, digest) == SHIPPED[integration.id]


def test_scripts_of_an_installed_package_come_first(monkeypatch, tmp_path: Path) -> None:
    """A wheel carries them inside; a checkout has them beside the package."""
    assert os.path.isfile(os.path.join(scripts.shipped_directory(), *SCRIPT.shipped))
    package = tmp_path / "openusaged"
    (package / "_assets" / "hooks").mkdir(parents=True)
    monkeypatch.setattr(scripts.openusaged, "__file__", str(package / "__init__.py"))
    assert scripts.shipped_directory() == str(package / "_assets" / "hooks")


def test_the_interpreter_is_a_real_one() -> None:
    """Not that of our own virtual environment, and on macOS not the system's stub."""
    for platform in ("linux", "darwin"):
        path = scripts.hook_python(Machine(env={}, home="/h", platform=platform))
        assert os.path.isabs(path)
        assert os.access(path, os.X_OK)
        assert not path.startswith(sys.prefix) or sys.prefix == sys.base_prefix
    assert scripts.hook_python(Machine(env={}, home="/h", platform="darwin")) != "/usr/bin/python3"


@pytest.mark.parametrize(
    ("name", "fits"), [("python3.9", True), ("python3.8", False), ("python3", False)]
)
def test_an_old_system_interpreter_is_not_taken(tmp_path: Path, name: str, fits: bool) -> None:
    """Hooks need 3.9."""
    real = tmp_path / name
    real.write_text("")
    real.chmod(0o755)
    link = tmp_path / "link"
    link.symlink_to(real)
    assert scripts._is_recent(str(link)) is fits


def test_the_status_line_is_our_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that is named, else beside the interpreter, else on the path, else by its name."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv/bin/python"))
    names = [tmp_path / "a b/openusage", tmp_path / "venv/bin/openusage", tmp_path / "p/openusage"]
    env = {"PATH": str(tmp_path / "p"), "OPENUSAGE_BIN": str(names[0])}
    machine = Machine(env=env, home="/h")
    assert scripts.statusline_command(machine) == "openusage statusline"
    for path in reversed(names):
        path.parent.mkdir(parents=True)
        path.write_text("")
        path.chmod(0o755)
        command = scripts.statusline_command(machine)
        assert scripts.split(command) == [str(path), "statusline"]
        assert scripts.is_statusline(command)


@pytest.mark.parametrize(
    ("command", "ours"),
    [
        ("openusage statusline --ascii", True),
        ("'/a b/openusage' statusline", True),
        ("bash -c 'openusage statusline'", False),
        ("openusage status", False),
        ("ccusage statusline", False),
        ("openusage 'statusline", False),
        ("", False),
        (None, False),
        (7, False),
    ],
)
def test_our_status_line_is_recognised(command: object, ours: bool) -> None:
    """By its program and its command."""
    assert scripts.is_statusline(command) is ours


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("/p -I -S /i/claude.py", "/i/claude.py"),
        ("/p '/o/cfg/openusage/hooks/claude.py'", "/o/cfg/openusage/hooks/claude.py"),
        ("/p /src/hooks/claude/openusage_hook.py", "/src/hooks/claude/openusage_hook.py"),
        ("/p /src/hooks/codex/openusage_hook.py", ""),
        ("/p /home/me/claude.py", ""),
        ("say done", ""),
    ],
)
def test_our_script_is_recognised(command: str, found: str) -> None:
    """The installed copy, one of another configuration directory, one of a checkout."""
    assert scripts.script_in(scripts.split(command), SCRIPT, "/i/claude.py") == found
