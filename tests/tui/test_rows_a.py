"""Rows A01-A14 of the feature table: start, first screen, life cycle, one test per row."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from openusage_client.tui.layout import plain
from openusage_client.tui.state import Link
from openusage_client.tui.views import screens
from openusage_proto import VERSION, methods
from tests.support import screen_samples as samples
from tests.support.claude_line import line
from tests.support.daemon import running_daemon
from tests.support.scripted_peer import ModelPeer
from tests.support.terminal import Terminal, dashboard
from tests.support.vendor_server import vendor
from tests.support.waiting import wait_until

MODEL = samples.model(samples.accounts(6))


def write_claude_home(home):
    """A transcript of Claude Code where that tool keeps them."""
    path = home / ".claude" / "projects" / "p" / "s.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(line(1))


def drawn(state, width=80, height=24):
    """A screen as text."""
    return "\n".join(plain(line) for line in screens.render(state, width, height))


@pytest.mark.pty
@pytest.mark.e2e
def test_a01_zero_config_start(isolated_home):
    """A tool's records and no settings file: its tile, in the default view and window."""
    write_claude_home(Path(isolated_home))
    with running_daemon(), Terminal(dashboard(), 100, 30) as terminal:
        text = terminal.wait_for("Claude Code", 20)
        assert "[30d]" in text
        assert "grid" in text


def test_a02_splash_checklist():
    """Before the first figures: daemon, settings and what is known, each with its state."""
    text = drawn(samples.state(None, link=Link(phase="connecting", since=samples.NOW)))
    for words in ("daemon: connecting", "settings: not read yet", "tools and services"):
        assert words in text
    assert "daemon:" not in drawn(samples.state(samples.accounts(1)))


def test_a03_nothing_found_is_an_end_state():
    """A machine without tools is told so and what to do, and nothing pretends to go on."""
    text = drawn(samples.state([]))
    assert "No AI tool has been found" in text
    for words in ("export a key", "openusage detect", "openusage demo", "looks again"):
        assert words in text
    assert "…" not in text.split("No AI tool")[0]


@pytest.mark.pty
def test_a04_enter_starts_a_missing_daemon(socket_path):
    """The key that the splash names asks for the daemon, and figures follow without a restart."""
    with Terminal(dashboard(), 100, 30) as terminal:
        text = terminal.wait_for("No figures from the daemon")
        assert "Enter  starts the daemon" in text
        terminal.send("\r")
        terminal.wait_for("looking for the daemon")
        with ModelPeer(socket_path, MODEL):
            terminal.wait_for("42% used", 15)


@pytest.fixture
def daemon_before_the_upgrade(isolated_home):
    """A running daemon that says it is version 0.0.1, and whoever has replaced it, ended."""
    outdated = Path(isolated_home) / "outdated"
    outdated.mkdir()
    (outdated / "sitecustomize.py").write_text(
        "import openusage_proto\nopenusage_proto.VERSION = '0.0.1'\n"
    )
    path = f"{outdated}{os.pathsep}{os.getcwd()}"
    with running_daemon({"PYTHONPATH": path}) as daemon:
        yield daemon
        stop = [sys.executable, "-m", "openusaged", "stop"]
        subprocess.run(stop, check=True, capture_output=True)


@pytest.mark.pty
@pytest.mark.e2e
def test_a05_an_outdated_daemon_is_replaced_after_asking(daemon_before_the_upgrade):
    """What an upgrade has left running is named; Enter runs this version's daemon instead."""
    daemon = daemon_before_the_upgrade
    before = daemon.call(methods.STATUS)
    assert before["version"] == "0.0.1"
    with Terminal(dashboard(), 120, 30) as terminal:
        text = terminal.wait_for("Replace the daemon?", 20)
        assert f"this is {VERSION}" in text
        terminal.send("\r")
        terminal.wait_for("connected to the daemon again", 30)
        assert "● live" in terminal.text()
        after = daemon.call(methods.STATUS)
        assert after["version"] == VERSION
        assert after["pid"] != before["pid"]


@pytest.mark.pty
def test_a05_no_leaves_the_daemon_and_says_what_would_replace_it(socket_path):
    """The question has the command for later, and Esc is a no."""
    with (
        ModelPeer(socket_path, MODEL, status={"version": "0.0.1"}),
        Terminal(dashboard(), 120, 30) as terminal,
    ):
        assert "Replace the daemon?" in terminal.wait_for(
            "`openusaged restart` does the same later"
        )
        terminal.send("\x1b")
        text = terminal.wait_until(lambda text: "Replace the daemon?" not in text)
        assert "Claude Code" in text
        terminal.send("q")
        assert terminal.wait_exit() == 0


@pytest.mark.pty
def test_a05_a_newer_daemon_is_not_offered_to_be_replaced(socket_path):
    """Only said: the older of the two is this program."""
    with (
        ModelPeer(socket_path, MODEL, status={"version": "999.1"}),
        Terminal(dashboard(), 120, 30) as terminal,
    ):
        text = terminal.wait_for("the daemon is version 999.1, this is")
        assert "Replace" not in text


def test_a06_an_error_of_the_daemon_is_shown_with_what_to_run():
    """Its words, and commands that start it and say what is wrong."""
    link = Link(phase="lost", since=samples.NOW, detail="socket: permission denied")
    text = drawn(samples.state(None, link=link))
    assert "permission denied" in text
    assert "openusaged run" in text
    assert "openusaged doctor" in text


@pytest.fixture
def package_index():
    """A server that stands for the package index, with version 999.0 of everything."""
    with vendor("", body={"info": {"version": "999.0"}}) as server:
        yield server


def start_settings(home, settings):
    """The settings file before the daemon starts."""
    path = Path(home) / ".config" / "openusage" / "settings.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(settings))


@pytest.mark.pty
@pytest.mark.e2e
def test_a07_a_newer_release_is_one_line_with_the_command(isolated_home, package_index):
    """Switched on, the index is asked once and the line names what upgrades this program."""
    start_settings(isolated_home, {"ui": {"check_for_updates": True}})
    with (
        running_daemon(),
        Terminal(
            dashboard(), 120, 30, OPENUSAGE_RELEASES_URL=package_index.url + "/json"
        ) as terminal,
    ):
        text = terminal.wait_for("OpenUsage 999.0 is out, this is", 20)
        assert re.search(r"pip|git pull", text)
        assert len(package_index.asked) == 1


@pytest.mark.pty
@pytest.mark.e2e
def test_a07_nobody_is_asked_unless_it_is_switched_on(isolated_home, package_index):
    """Without the setting not one request is made, from the start to the end."""
    with (
        running_daemon(),
        Terminal(
            dashboard(), 120, 30, OPENUSAGE_RELEASES_URL=package_index.url + "/json"
        ) as terminal,
    ):
        terminal.wait_for("● live", 20)
        terminal.send("r")
        terminal.wait_for("refreshing")
        terminal.send("q")
        assert terminal.wait_exit() == 0
        assert package_index.asked == []


@pytest.mark.pty
@pytest.mark.e2e
def test_a07_an_index_that_does_not_answer_is_no_news(isolated_home):
    """Offline: no word about it, and the dashboard is what it always is."""
    start_settings(isolated_home, {"ui": {"check_for_updates": True}})
    with (
        running_daemon(),
        Terminal(
            dashboard(), 120, 30, OPENUSAGE_RELEASES_URL="http://127.0.0.1:9/json"
        ) as terminal,
    ):
        text = terminal.wait_for("● live", 20)
        terminal.send("?")
        terminal.wait_for("On the overview")
        assert "release" not in text


@pytest.mark.pty
@pytest.mark.parametrize(
    ("keys", "code"), [("q", 0), ("\x03", 130), ("/typ\x03", 130), (":q\x03", 130)]
)
def test_a08_quit_also_while_typing(socket_path, keys, code):
    """q leaves; Ctrl+C leaves from a line that is being typed, too; the screen is given back."""
    with ModelPeer(socket_path, MODEL), Terminal(dashboard()) as terminal:
        terminal.wait_for("Claude Code")
        terminal.send(keys)
        assert terminal.wait_exit() == code
        assert b"\x1b[?1049l" in terminal.raw


@pytest.mark.pty
@pytest.mark.e2e
def test_a09_a_broken_settings_file_stops_nothing(isolated_home):
    """The daemon runs on defaults, the file is as it was, and the dashboard shows figures."""
    path = Path(isolated_home) / ".config" / "openusage" / "settings.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"theme": ')
    with running_daemon() as daemon, Terminal(dashboard(), 100, 30) as terminal:
        terminal.wait_for("● live", 20)
        assert any(str(path) in words for words in daemon.call(methods.SETTINGS_GET)["warnings"])
    assert path.read_text() == '{"theme": '


@pytest.mark.pty
def test_a10_a_terminal_that_is_too_small_recovers(socket_path):
    """One line that names the size; the screen is back when there is room again."""
    with ModelPeer(socket_path, MODEL), Terminal(dashboard()) as terminal:
        terminal.wait_for("Claude Code")
        terminal.resize(30, 6)
        terminal.wait_for("needs 40x8")
        terminal.resize(80, 24)
        terminal.wait_for("Claude Code")


@pytest.mark.e2e
def test_a11_an_account_names_where_it_comes_from(isolated_home):
    """A tool's records make an account, and `accounts` says from where."""
    write_claude_home(Path(isolated_home))
    with running_daemon() as daemon:
        found = daemon.call(methods.ACCOUNTS)["accounts"]
        claude = next(item for item in found if item["account_id"] == "claude-code")
        assert claude["origin"]
        assert claude["home"].endswith(".claude")


@pytest.mark.e2e
def test_a12_a_manual_account_wins_over_a_detected_one(isolated_home):
    """The same id in the settings: one account, with the settings' title."""
    write_claude_home(Path(isolated_home))
    path = Path(isolated_home) / ".config" / "openusage" / "settings.json"
    path.parent.mkdir(parents=True)
    account = {"id": "claude-code", "provider": "claude_code", "title": "My own name"}
    path.write_text(json.dumps({"accounts": [account]}))
    with running_daemon() as daemon:
        found = daemon.call(methods.ACCOUNTS)["accounts"]
        titles = [item["title"] for item in found if item["account_id"] == "claude-code"]
        assert titles == ["My own name"]


@pytest.mark.pty
def test_a13_a_debug_log_does_not_reach_the_screen(socket_path, isolated_home):
    """With OPENUSAGE_DEBUG and stderr in a file the screen is whole."""
    log = os.path.join(isolated_home, "debug.log")
    command = " ".join(dashboard())
    with (
        ModelPeer(socket_path, MODEL),
        Terminal(["/bin/sh", "-c", f"exec {command} 2>{log}"], OPENUSAGE_DEBUG="1") as terminal,
    ):
        text = terminal.wait_for("42% used")
        assert "┏━ Claude Code" in text
        terminal.send("q")
        assert terminal.wait_exit() == 0


@pytest.mark.pty
def test_a14_a_lost_daemon_is_said_and_its_return_too(socket_path):
    """Said within seconds, the figures marked with their time, and back without a key."""
    with Terminal(dashboard(), 100, 30) as terminal:
        with ModelPeer(socket_path, MODEL):
            terminal.wait_for("42% used", 15)
        text = terminal.wait_for("daemon lost at")
        assert re.search(r"as of \d\d:\d\d", text)
        assert "42% used" in text
        with ModelPeer(socket_path, dataclasses.replace(MODEL, seq=9)) as server:
            wait_until(lambda: server.params_of(methods.READ_MODEL), 15)
            text = terminal.wait_for("connected to the daemon again", 15)
            assert "● live" in text


def test_a14_figures_of_a_lost_daemon_carry_their_time():
    """The second line says as of when they are."""
    lost = Link(phase="lost", since=samples.NOW - timedelta(minutes=12))
    assert "as of 11:38" in drawn(samples.state(samples.accounts(2), link=lost), 100, 30)
