"""The first start at a real terminal, against a real daemon: told, asked, done, remembered."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openusage_proto import locations
from openusaged import cli
from tests.support.client import ENTRY
from tests.support.stand_in_systemctl import StandInSystemctl
from tests.support.terminal import Terminal

pytestmark = [pytest.mark.pty, pytest.mark.measured]

ORIGINAL = '{\n  "model": "opus"\n}\n'


@pytest.fixture
def home(isolated_home: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with Claude Code and a key, no service manager, and whatever daemon gets started."""
    root = Path(isolated_home)
    (root / ".claude" / "projects").mkdir(parents=True)
    (root / ".claude" / "settings.json").write_text(ORIGINAL)
    (root / "tools" / "bin").mkdir(parents=True)
    monkeypatch.setenv("PATH", os.fspath(root / "tools" / "bin"))
    for name in ("XDG_CURRENT_DESKTOP", "WAYLAND_DISPLAY", "DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GROQ_API_KEY", "gsk_planted0001")
    yield root
    cli.main(["stop"])


@pytest.fixture
def systemctl(home: Path) -> Iterator[StandInSystemctl]:
    """The same home on a machine with a user manager."""
    yield StandInSystemctl(home / "tools")
    cli.main(["uninstall"])


def start(columns: int = 80, lines: int = 24, **environ: str) -> Terminal:
    argv = [sys.executable, str(ENTRY)]
    return Terminal(argv, columns, lines, **{"OPENUSAGE_FIRST_RUN": "1", **environ})


def kept() -> Any:
    try:
        return json.loads(Path(locations.settings_path()).read_text()).get("integrations")
    except FileNotFoundError:
        return None


def hooks(home: Path) -> Any:
    return json.loads((home / ".claude" / "settings.json").read_text()).get("hooks")


def leave_dashboard(term: Terminal) -> None:
    term.send(b"\r")
    term.wait_for("Claude Code", 20.0)
    term.send(b"q")
    assert term.wait_exit(20.0) == 0


def test_i05_yes_to_everything(home: Path, systemctl: StandInSystemctl) -> None:
    """The changes can be looked at; agreed to, they are made; nobody is asked again."""
    with start(110, 70) as term:
        term.wait_for("Install the hooks?", 20.0)
        term.send(b"d\r")
        term.wait_for('+  "hooks": {', 20.0)
        assert hooks(home) is None
        term.send(b"y\r")
        term.wait_for("Install the service? [y/N]", 20.0)
        term.send(b"y\r")
        term.wait_for("Enter opens the dashboard.", 40.0)
        assert "Claude Code: installed version" in term.text()
        assert "service installed: systemd" in term.text()
        leave_dashboard(term)
    assert "Stop" in hooks(home)
    assert systemctl.service_pid
    assert kept()["service"] == {"declined": False}
    with start() as term:
        term.wait_for("Claude Code", 20.0)
        assert "Welcome" not in term.text()
        term.send(b"q")
        assert term.wait_exit(20.0) == 0


def test_one_screen_and_no_to_everything(home: Path, systemctl: StandInSystemctl) -> None:
    """All of it fits 80 by 24; Enter alone is a no, nothing is changed, and it is remembered."""
    with start() as term:
        term.wait_for("Install the hooks?", 20.0)
        term.send(b"\r")
        term.wait_for("Install the service? [y/N]", 20.0)
        shown = term.text()
        for words in (
            "Welcome to OpenUsage.",
            "~/.claude",
            "$GROQ_API_KEY",
            "It reads",
            "It never keeps prompts, answers",
            "systemd",
        ):
            assert words in shown, words
        assert "planted" not in shown
        term.send(b"n\r")
        term.wait_for("Enter opens the dashboard.", 20.0)
        leave_dashboard(term)
    assert (home / ".claude" / "settings.json").read_text() == ORIGINAL
    assert systemctl.service_pid == 0
    assert kept() == {"claude_code": {"declined": True}, "service": {"declined": True}}
    with start() as term:
        term.wait_for("Claude Code", 20.0)
        assert "Welcome" not in term.text()
        term.send(b"q")
        assert term.wait_exit(20.0) == 0


def test_no_service_is_offered_where_none_can_run(home: Path) -> None:
    """Without a manager only the hooks are asked about."""
    with start() as term:
        term.wait_for("Install the hooks?", 20.0)
        term.send(b"n\r")
        term.wait_for("Enter opens the dashboard.", 20.0)
        assert "Install the service?" not in term.text()
        leave_dashboard(term)
    assert kept()["service"] == {"declined": False}


def test_an_interrupted_answer_is_no_answer(home: Path) -> None:
    """Ctrl-C leaves at once and is asked again."""
    with start() as term:
        term.wait_for("Install the hooks?", 20.0)
        term.send(b"\x03")
        assert term.wait_exit(20.0) == 130
    assert kept() is None


def test_never_without_a_terminal(home: Path) -> None:
    """A pipe gets the overview and no question, and nothing is remembered for the terminal."""
    done = subprocess.run(
        [sys.executable, str(ENTRY)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "Welcome" not in done.stdout
    assert kept() is None


def test_an_empty_machine_is_not_greeted(
    isolated_home: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a tool or key there is nothing to tell yet; the greeting waits for the first one."""
    (home / ".claude" / "settings.json").unlink()
    (home / ".claude" / "projects").rmdir()
    (home / ".claude").rmdir()
    monkeypatch.delenv("GROQ_API_KEY")
    with start() as term:
        term.wait_for("OpenUsage", 20.0)
        assert "Welcome to OpenUsage." not in term.text()
        term.send(b"q")
        assert term.wait_exit(20.0) == 0
    assert kept() is None


def test_settings_that_cannot_be_read_are_left_alone(home: Path) -> None:
    """A broken file is the daemon's to report; nobody is asked for answers it could not keep."""
    path = Path(locations.settings_path())
    path.parent.mkdir(parents=True)
    path.write_text("{broken")
    with start() as term:
        term.wait_for("Claude Code", 20.0)
        assert "Welcome" not in term.text()
        term.send(b"q")
        assert term.wait_exit(20.0) == 0
    assert path.read_text() == "{broken"
