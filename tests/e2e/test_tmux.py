"""The line in a real tmux, on a socket of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import REPOSITORY, Daemon
from tests.support.terminal import Terminal

SCRIPT = REPOSITORY / "bin" / "openusage"

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]


class Tmux:
    """A server of our own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.socket = home / "t.sock"

    def __call__(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", str(self.socket), *words],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "HOME": str(self.home), "TERM": "xterm-256color"},
        )
        return done.stdout.strip()


@pytest.fixture
def tmux(home: Path) -> Iterator[Tmux]:
    """A tmux server with a theme's own right side."""
    (home / ".tmux.conf").write_text('set -g status-right "theme %H:%M"\n')
    server = Tmux(home)
    server("-f", str(home / ".tmux.conf"), "new-session", "-d", "-x", "200", "-y", "50")
    yield server
    server("kill-server")


def openusage(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command, found under the name that it has when it is installed."""
    program = home / "bin" / "openusage"
    if not program.exists():
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {SCRIPT} "$@"\n')
        program.chmod(0o755)
    return subprocess.run(
        [str(program), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )


def install(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Put the block into tmux.conf."""
    program = str(home / "bin" / "openusage")
    openusage(home, "tmux", "--raw", "--no-cache")
    done = openusage(home, "tmux", "install", "--write", "--binary", program, *arguments)
    assert done.returncode == 0, done.stderr
    return done


def attached(tmux: Tmux) -> Terminal:
    """A client: without one tmux runs no command of its status bar."""
    words = ["tmux", "-S", str(tmux.socket), "attach"]
    return Terminal(words, columns=120, lines=20)


def test_k12_installed_line_shows_before_the_themes_own(
    home: Path, daemon: Daemon, tmux: Tmux
) -> None:
    """K12: the theme's right side stays, another preset replaces ours, twice is once."""
    daemon.start()
    config = home / ".tmux.conf"
    install(home, "--format", "FIRST", "--interval", "1")
    tmux("source-file", str(config))
    with attached(tmux) as terminal:
        terminal.wait_for("FIRST │ theme")
        install(home, "--format", "SECOND {plan_pct:default:none}", "--interval", "1")
        tmux("source-file", str(config))
        tmux("source-file", str(config))
        bar = terminal.wait_for("SECOND none │ theme")
        assert bar.count("│") == 1
        assert "FIRST" not in bar
    assert config.read_text().count(">>> openusage tmux >>>") == 1


def wizard(home: Path) -> Terminal:
    """`openusage tmux install` without flags on a terminal."""
    openusage(home, "tmux", "presets")
    return Terminal([str(home / "bin" / "openusage"), "tmux", "install"], columns=110)


def test_k13_the_screen_writes_what_was_chosen(home: Path, daemon: Daemon, tmux: Tmux) -> None:
    """K13: preset, side and keys are chosen beside a live line, then stand in the block."""
    daemon.start()
    config = home / ".tmux.conf"
    with wizard(home) as terminal:
        terminal.wait_for("> preset       < compact >")
        terminal.send("lllhh")
        terminal.wait_for("> preset       < minimal >")
        terminal.wait_for("claude_code ~$3.10   (a sample)")
        terminal.send("j\x1b[C")
        terminal.wait_for("> position     < left >")
        terminal.send("jl")
        terminal.wait_for("> pop-up key   < u >")
        terminal.send("jl")
        terminal.wait_for("> refresh key  < R >")
        terminal.send("j\r")
        terminal.wait_for(f"changed {config}")
        assert terminal.wait_exit() == 0
    text = config.read_text()
    assert text.startswith('set -g status-right "theme %H:%M"\n')
    assert "tmux --preset minimal)" in text
    assert "@openusage_left" in text
    assert "@openusage_right" not in text
    tmux("source-file", str(config))
    keys = tmux("list-keys", "-T", "prefix")
    assert " u " in next(line for line in keys.splitlines() if "display-popup" in line)
    assert any(" R " in line and "refresh-client" in line for line in keys.splitlines())
    assert openusage(home, "tmux", "uninstall").returncode == 0
    assert config.read_text() == 'set -g status-right "theme %H:%M"\n'


@pytest.mark.parametrize("key", ["q", "\x1b", "\x03"])
def test_k13_leaving_the_screen_changes_nothing(
    home: Path, daemon: Daemon, tmux: Tmux, key: str
) -> None:
    """K13: whoever leaves finds the file as it was, and exit 1."""
    daemon.start()
    before = (home / ".tmux.conf").read_bytes()
    with wizard(home) as terminal:
        terminal.wait_for("> preset")
        terminal.send("jl")
        terminal.wait_for("< left >")
        terminal.send(key)
        terminal.wait_for("nothing was changed")
        assert terminal.wait_exit() == 1
    assert (home / ".tmux.conf").read_bytes() == before


def test_k14_uninstall_leaves_the_rest_byte_for_byte(home: Path, daemon: Daemon) -> None:
    """K14: what was there before is there again, to the byte."""
    daemon.start()
    config = home / ".tmux.conf"
    for text in ("set -g status-right 'x'\n", "# no line end", "\r\nset -g mouse on\r\n"):
        config.write_bytes(text.encode())
        install(home)
        assert b"openusage" in config.read_bytes()
        done = openusage(home, "tmux", "uninstall")
        assert done.returncode == 0
        assert config.read_bytes().decode().removesuffix("\n") == text.removesuffix("\n")
    assert "nothing of ours" in openusage(home, "tmux", "uninstall").stdout


def test_k15_k16_keys_are_bound(home: Path, daemon: Daemon, tmux: Tmux) -> None:
    """K15, K16: a key opens the dashboard in a pop-up of 90 %, another draws the bar anew."""
    daemon.start()
    install(home, "--bind-popup", "u", "--bind-refresh", "R", "--position", "both")
    tmux("source-file", str(home / ".tmux.conf"))
    keys = tmux("list-keys", "-T", "prefix")
    popup = next(line for line in keys.splitlines() if " u " in line and "popup" in line)
    assert popup.replace('"', "").count("90%") == 2
    assert "refresh-client -S" in keys
    assert "@openusage_left" in tmux("show-options", "-g", "status-left")


def test_k16_the_refresh_key_draws_anew(home: Path, daemon: Daemon, tmux: Tmux) -> None:
    """K16: new figures stand in the bar when the key is pressed, long before the interval ends."""
    (home / ".claude" / "projects").mkdir(parents=True)
    daemon.start()
    template = "TOKENS {today_tokens}"
    how = ("--interval", "3600", "--bind-refresh", "R", "--max-runtime", "5s")
    install(home, "--format", template, *how)
    tmux("source-file", str(home / ".tmux.conf"))
    turn = {
        "provider": "anthropic",
        "model": "claude-sonnet-4-5",
        "message_id": "msg_1",
        "session_id": "one",
        "input_tokens": 41_000,
        "output_tokens": 1000,
    }
    with attached(tmux) as terminal:
        terminal.wait_for("TOKENS 0")
        daemon.call("ingest_turn", source="claude_code", account_id="claude-code", turn=turn)

        def pressed(text: str) -> bool:
            # tmux runs a command of its bar at most once a second, key or not
            terminal.send("\x02R")
            return "TOKENS 42k" in text

        terminal.wait_until(pressed, 30)


@pytest.mark.parametrize("tier", ["ascii", "unicode", "nerdfont"])
def test_k09_each_tier_is_drawn_installed_and_removed(
    home: Path, daemon: Daemon, tmux: Tmux, tier: str
) -> None:
    """K09: a tier has a sign for every service, stands in the block, and goes with it."""
    (home / ".claude" / "projects").mkdir(parents=True)
    (home / ".codex" / "sessions").mkdir(parents=True)
    daemon.start()
    signs = {
        provider: openusage(
            home, "tmux", "--raw", "--no-color", "--no-cache",
            "--format", "{provider:icon}", "--provider", provider, "--glyphs", tier,
            "--max-runtime", "20s",
        ).stdout.strip()
        for provider in ("claude_code", "codex")
    }  # fmt: skip
    assert all(signs.values())
    assert signs["claude_code"] != signs["codex"]
    assert all(sign.isascii() for sign in signs.values()) == (tier == "ascii")
    before = (home / ".tmux.conf").read_bytes()
    install(home, "--glyphs", tier, "--format", "{provider:icon}")
    assert f"--glyphs {tier}" in (home / ".tmux.conf").read_text()
    assert openusage(home, "tmux", "uninstall").returncode == 0
    assert (home / ".tmux.conf").read_bytes() == before


def test_k10_last_good_line_is_the_commands_own(home: Path, daemon: Daemon) -> None:
    """K10: without the daemon each command prints its own last line, and says why on stderr."""
    daemon.start()
    assert openusage(home, "tmux", "--format", "ONE").stdout == "ONE\n"
    assert openusage(home, "tmux", "--format", "TWO").stdout == "TWO\n"
    daemon.stop()
    for text in ("ONE", "TWO"):
        done = openusage(home, "tmux", "--format", text)
        assert (done.returncode, done.stdout) == (0, text + "\n")
        assert "not running" in done.stderr
    fresh = openusage(home, "tmux", "--format", "NEW")
    assert (fresh.returncode, fresh.stdout) == (0, "?\n")


def test_k17_doctor_finds_induced_faults(home: Path, daemon: Daemon) -> None:
    """K17: no daemon, a missing block, a wrong template and a program that is gone are named."""
    assert "the daemon does not answer" in openusage(home, "tmux", "doctor").stdout
    daemon.start()
    assert "does not hold our lines" in openusage(home, "tmux", "doctor").stdout
    wrong = openusage(home, "tmux", "doctor", "--format", "{x:nope}")
    assert wrong.returncode == 1
    assert "no modifier 'nope'" in wrong.stdout
    install(home)
    config = next(path for path in home.rglob("*tmux.conf"))
    config.write_text(config.read_text().replace(str(home / "bin"), "/gone"))
    assert "is gone" in openusage(home, "tmux", "doctor").stdout
