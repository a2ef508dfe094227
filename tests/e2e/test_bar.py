"""`openusage bar` as waybar, polybar and sketchybar run it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from openusage_client import bar_line
from tests.support.daemon import REPOSITORY, Daemon

SCRIPT = REPOSITORY / "bin" / "openusage"
TURN = {
    "provider": "anthropic",
    "client": "claude_code",
    "session_id": "s1",
    "message_id": "m1",
    "model": "claude-sonnet-4-5",
    "input_tokens": 1_000_000,
    "output_tokens": 0,
}

pytestmark = pytest.mark.e2e


def bar(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Draw the line."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), "bar", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )


@pytest.fixture
def used(daemon: Daemon, home: Path) -> Daemon:
    """A daemon that knows of one turn of today."""
    (home / ".claude" / "projects").mkdir(parents=True)
    daemon.start()
    answer = daemon.call("ingest_turn", source="claude_code", turn=TURN)
    assert answer["accepted"] == 1
    return daemon


def test_each_bar_gets_its_form(used: Daemon) -> None:
    """Every format says the same, each in the syntax of its bar."""
    template = ("--template", "#[fg=$green]{tool}: {today_tokens}")
    plain = bar("--format", "plain", *template).stdout
    assert plain == "Claude Code: 1.0M\n"
    text = plain.strip()
    waybar = json.loads(bar(*template).stdout)
    assert (waybar["text"], waybar["class"]) == (text, "unknown")
    assert "Claude Code" in waybar["tooltip"]
    sketchybar = json.loads(bar("--format", "sketchybar", *template).stdout)
    assert sketchybar["label"] == text
    assert re.fullmatch("0x[0-9a-f]{8}", sketchybar["label.color"])
    polybar = bar("--format", "polybar", *template).stdout
    assert re.fullmatch(r"%\{F#[0-9a-fA-F]{6}\}Claude Code: 1\.0M%\{F-\}\n", polybar)
    ansi = bar("--format", "ansi", *template).stdout
    assert re.sub(r"\x1b\[[0-9;]*m", "", ansi) == plain != ansi
    figures = json.loads(bar("--format", "json", *template).stdout)
    assert (figures["rendered"], figures["provider"]) == (text, "claude_code")


@pytest.mark.parametrize("target", ["waybar", "sketchybar", "json"])
def test_json_stays_json_without_a_daemon(home: Path, target: str) -> None:
    """A bar that parses JSON gets JSON that says unknown; nothing is started; exit 0."""
    done = bar("--format", target)
    assert done.returncode == 0
    assert "unknown" in json.loads(done.stdout).values()
    assert "not running" in done.stderr
    assert not (home / ".local" / "state" / "openusage" / "telemetry.sock").exists()


def test_the_last_good_line_stands_in(used: Daemon) -> None:
    """While the daemon is away the line of the same flags is kept, without --no-cache only."""
    drawn = bar("--format", "plain", "--template", "{tool}").stdout
    assert drawn == "Claude Code\n"
    used.stop()
    assert bar("--format", "plain", "--template", "{tool}").stdout == drawn
    assert bar("--format", "plain", "--template", "{tool}", "--no-cache").stdout == "?\n"
    assert bar("--format", "plain", "--template", "{plan}").stdout == "?\n"


@pytest.mark.parametrize("command", ["bar", "tmux"])
def test_no_autostart_is_a_flag_of_lines_too(command: str) -> None:
    """The flag of every command is taken by the fast way as well."""
    code = bar_line.fast(command, ["--no-autostart", "--preset", "limits"])
    assert code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--format", "i3"], "invalid choice"),
        (["--template", "{tool:shout}"], "no modifier 'shout'"),
        (["--preset", "nothing"], "nothing"),
        (["--max-runtime", "soon"], "write 300ms or 1s"),
    ],
)
def test_mistakes_are_told(used: Daemon, arguments: list[str], says: str) -> None:
    """A name that there is not is a sentence on stderr or in the line, never a traceback."""
    done = bar(*arguments)
    assert says in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
