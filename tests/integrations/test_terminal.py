"""The command at a real terminal, against a real daemon: shown, asked, done."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.client import ENTRY
from tests.support.daemon import Daemon, running_daemon
from tests.support.terminal import Terminal

pytestmark = pytest.mark.pty


@pytest.fixture
def settings(isolated_home: str) -> Path:
    """Claude Code's settings in a fresh home."""
    file = Path(isolated_home) / ".claude" / "settings.json"
    file.parent.mkdir()
    file.write_text('{\n  "model": "opus"\n}\n')
    return file


@pytest.fixture
def daemon(settings: Path) -> Iterator[Daemon]:
    """A daemon in that home."""
    with running_daemon() as running:
        yield running


def terminal(*arguments: str) -> Terminal:
    return Terminal([sys.executable, str(ENTRY), "integrations", *arguments], 100, 60)


def test_yes_does_what_was_shown(daemon: Daemon, settings: Path) -> None:
    """The difference stands on the screen before the question; the answer is what happens."""
    with terminal("install", "claude_code") as term:
        term.wait_for("Install Claude Code so? [y/N]")
        assert '+  "hooks": {' in term.text()
        assert "hooks" not in json.loads(settings.read_text())
        term.send(b"y\r")
        assert term.wait_exit(20.0) == 0
        assert "Claude Code: installed version 2, ready" in term.text()
    assert "Stop" in json.loads(settings.read_text())["hooks"]


def test_no_changes_nothing(daemon: Daemon, settings: Path) -> None:
    """Enter alone is a no."""
    with terminal("install", "claude_code") as term:
        term.wait_for("[y/N]")
        term.send(b"\r")
        assert term.wait_exit(20.0) == 1
        assert "nothing was changed" in term.text()
    assert settings.read_text() == '{\n  "model": "opus"\n}\n'


def test_a_file_that_changes_while_the_question_stands(daemon: Daemon, settings: Path) -> None:
    """What was shown is not what would be done any more, so it is not done."""
    with terminal("install", "claude_code") as term:
        term.wait_for("[y/N]")
        settings.write_text('{"model": "sonnet"}')
        term.send(b"y\r")
        assert term.wait_exit(20.0) == 1
        assert "have changed since they were shown" in term.text()
    assert settings.read_text() == '{"model": "sonnet"}'


def test_interrupting_the_question(daemon: Daemon, settings: Path) -> None:
    """Control-C is a no, too."""
    with terminal("install", "claude_code") as term:
        term.wait_for("[y/N]")
        term.send(b"\x03")
        assert term.wait_exit(20.0) == 130
    assert settings.read_text() == '{\n  "model": "opus"\n}\n'
