"""The status line as a user wires it: section J of the feature table."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from openusage_client.statusline_configure import APPLY, Choices, lines, sample
from openusage_client.tmux_live import Marks
from tests.support.client import run_client
from tests.support.daemon import REPOSITORY, Daemon
from tests.support.scripted_peer import ScriptedPeer
from tests.support.terminal import Terminal

SCRIPT = REPOSITORY / "bin" / "openusage"
FOREIGN = '{\n\t"statusLine": {"type": "command", "command": "echo theirs"},\n\t"model": "x"\n}'

pytestmark = pytest.mark.e2e


def openusage(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command."""
    return run_client(os.environ, *arguments, stdin=stdin, check=False)


def settings_file(home: Path, text: str) -> Path:
    """Claude Code's settings with this text."""
    path = home / ".claude" / "settings.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_j08_foreign_line_is_never_clobbered(home: Path, daemon: Daemon) -> None:
    """J08: another program's line stays until it is said what becomes of it."""
    daemon.start()
    path = settings_file(home, FOREIGN)
    done = openusage("statusline", "install", "--yes")
    assert done.returncode == 2
    assert "echo theirs" in done.stderr
    assert "--replace or --chain" in done.stderr
    assert path.read_text() == FOREIGN


@pytest.mark.parametrize("how", ["--replace", "--chain"])
def test_j08_j10_there_and_back_byte_for_byte(home: Path, daemon: Daemon, how: str) -> None:
    """J08, J10: the rest keeps every byte, and uninstalling brings the old line back."""
    daemon.start()
    path = settings_file(home, FOREIGN)
    assert openusage("statusline", "install", how, "--dry-run").returncode == 0
    assert path.read_text() == FOREIGN
    done = openusage("statusline", "install", how, "--yes", "--segments", "model,weekly")
    assert done.returncode == 0, done.stderr
    command = json.loads(path.read_text())["statusLine"]["command"]
    assert "statusline --segments model,weekly" in command
    assert path.read_text().replace("\t", "").endswith('"model": "x"\n}')
    assert ("echo theirs" in command) == (how == "--chain")
    # Installing again changes the flags and keeps what is chained.
    assert openusage("statusline", "install", "--yes", "--ascii").returncode == 0
    again = json.loads(path.read_text())["statusLine"]["command"]
    assert "--ascii" in again
    assert ("echo theirs" in again) == (how == "--chain")
    assert openusage("statusline", "uninstall", "--yes").returncode == 0
    assert path.read_text() == FOREIGN


def test_j10_a_foreign_line_survives_uninstall(home: Path, daemon: Daemon) -> None:
    """J10: only our own entry is removed."""
    daemon.start()
    path = settings_file(home, FOREIGN)
    assert "is not ours" in openusage("statusline", "uninstall", "--yes").stdout
    assert path.read_text() == FOREIGN


def test_chained_line_prints_both(home: Path) -> None:
    """The other program gets the same input; one that fails or hangs costs only its own line."""
    host = json.dumps({"model": {"display_name": "Opus X"}})
    both = openusage("statusline", "--after", "grep -o Opus", stdin=host)
    assert both.stdout == "Opus\nOpus X\n"
    alone = openusage("statusline", "--after", "sleep 60", stdin=host)
    assert (alone.returncode, alone.stdout) == (0, "Opus X\n")
    assert openusage("statusline", "--after", "exit 3", stdin=host).stdout == "Opus X\n"


def test_last_good_line_of_the_session(home: Path) -> None:
    """Without the daemon the session's own last line is shown, never another session's."""
    one, two = (json.dumps({"session_id": name}) for name in ("one", "two"))
    with ScriptedPeer({"statusline": {"text": "costs of one"}}):
        assert openusage("statusline", stdin=one).stdout == "costs of one\n"
    assert openusage("statusline", stdin=one).stdout == "costs of one\n"
    assert openusage("statusline", stdin=two).stdout == "claude\n"
    (kept,) = (
        Path(os.environ.get("XDG_CACHE_HOME", home / ".cache")) / "openusage/lines"
    ).iterdir()
    old = time.time() - 300
    os.utime(kept, (old, old))
    assert openusage("statusline", stdin=one).stdout == "costs of one (5m old)\n"
    old = time.time() - 3600
    os.utime(kept, (old, old))
    assert openusage("statusline", stdin=one).stdout == "claude\n"


def test_j07_two_hundred_at_once(home: Path) -> None:
    """J07: 200 concurrent lines all finish; none asks the daemon twice or connects again."""
    command = [sys.executable, str(SCRIPT), "statusline"]
    with ScriptedPeer({"statusline": {"text": "from the daemon"}}) as peer:
        with contextlib.ExitStack() as running:
            started = []
            for number in range(200):
                host = home / f"{number}.json"
                host.write_text(json.dumps({"session_id": f"s{number}"}))
                process = subprocess.Popen(
                    command,
                    stdin=running.enter_context(host.open("rb")),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                )
                started.append(running.enter_context(process))
            done = [process.communicate(timeout=60) for process in started]
        asked = [params["payload"]["session_id"] for params in peer.params_of("statusline")]
        connected = peer.connected
    assert [process.returncode for process in started] == [0] * 200
    assert all(out.count(b"\n") == 1 and not errors for out, errors in done)
    answered = sum(out == b"from the daemon\n" for out, _ in done)
    # On a busy machine some are out of time before they are heard, and say what stdin says.
    assert 0 < answered <= len(asked) == len(set(asked)) <= 200
    assert len(asked) <= connected <= 200


def test_j07_two_hundred_are_served_by_the_daemon(home: Path, daemon: Daemon) -> None:
    """J07: the real daemon serves 200 lines and is well afterwards."""
    (home / ".claude" / "projects").mkdir(parents=True)
    daemon.start()
    host = json.dumps({"session_id": "one", "model": {"display_name": "Opus X"}})
    with ThreadPoolExecutor(50) as pool:
        done = list(pool.map(lambda _: openusage("statusline", stdin=host), range(200)))
    assert {(one.returncode, one.stderr) for one in done} == {(0, "")}
    # On a busy machine a line is out of time before it has read its input, and is a line still.
    assert all(one.stdout.count("\n") == 1 for one in done)
    assert any("Opus X" in one.stdout for one in done)
    assert daemon.call("status")["errors"] == []


def test_j02_h22_unknown_names_are_usage_errors() -> None:
    """J02, H22: a mistyped segment and thresholds out of order exit 2 with a sentence."""
    wrong = openusage("statusline", "--segments", "modle")
    assert wrong.returncode == 2
    assert "did you mean model?" in wrong.stderr
    assert openusage("statusline", "--segments", ",").returncode == 2
    crossed = openusage("statusline", "--context-medium", "90")
    assert crossed.returncode == 2
    assert "lies above" in crossed.stderr


@pytest.mark.pty
def test_j09_the_screen_writes_nothing_when_left(home: Path, daemon: Daemon) -> None:
    """J09: a live sample changes with the ticks; leaving changes no file."""
    daemon.start()
    path = settings_file(home, "{}\n")
    words = [sys.executable, str(SCRIPT), "statusline", "configure"]
    with Terminal(words, columns=130) as terminal:
        terminal.wait_for("[x] model")
        terminal.send(" ")
        terminal.wait_for("[ ] model")
        terminal.send("q")
        assert terminal.wait_exit() == 1
    assert path.read_text() == "{}\n"


def test_j09_choices() -> None:
    """J09: an empty choice is not taken for all, and the sample says what would be shown."""
    choices = Choices()
    assert "Opus X" in sample(choices)
    choices.on.clear()
    choices.at = choices.rows.index(APPLY)
    assert choices.press("enter") is False
    assert "at least one" in list(lines(choices))[-1]
    choices.on = {"model", "plain characters"}
    assert choices.press("enter") is True
    assert choices.picked() == ("model", True, True)
    choices.press("down")
    assert choices.at == 0
    choices.press("toggle")
    assert choices.segments == []


def test_k19_each_crossing_speaks_once() -> None:
    """K19: a mark speaks when it is passed, not again until it was not, and not too often."""
    marks = Marks(limit_pct=90, burn_rate=5, minutes_left=10, cooldown_s=100)

    def news(now_s: float, **values: Any) -> int:
        return len(marks.news(values, now_s))

    assert news(0, block_pct=89.9) == 0
    assert news(5, block_pct=90) == 1
    assert news(10, block_pct=95) == 0
    assert news(15, block_pct=10) == 0
    assert news(20, block_pct=91) == 0  # passed again, within the cool-down
    assert news(150, block_pct=10) == 0
    assert news(160, block_pct=92) == 1
    assert news(170, weekly=99, burn_rate=6, block_remaining=60) == 3
    assert news(180, weekly=None, burn_rate=None) == 0
