"""Rows A01-A14 of the feature table: start, first screen, life cycle, one test per row."""

from __future__ import annotations

import ast
import dataclasses
import json
import os
import re
from datetime import timedelta
from pathlib import Path

import pytest

import openusage_client.tui
from openusage_client.tui.layout import plain
from openusage_client.tui.state import Link
from openusage_client.tui.views import screens
from openusage_proto import methods
from tests.support import screen_samples as samples
from tests.support.claude_line import line
from tests.support.daemon import running_daemon
from tests.support.scripted_peer import ModelPeer
from tests.support.terminal import Terminal, dashboard
from tests.support.waiting import wait_until

MODEL = samples.model(samples.accounts(6))


@pytest.fixture
def socket_path(isolated_home, monkeypatch):
    """Where the dashboard looks for its daemon."""
    path = os.path.join(isolated_home, "s.sock")
    monkeypatch.setenv("OPENUSAGE_TELEMETRY_SOCKET", path)
    return path


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


@pytest.mark.pty
def test_a05_another_version_of_the_daemon_is_said(socket_path):
    """A daemon that was not restarted after an upgrade is named, with the command that helps."""
    with (
        ModelPeer(socket_path, MODEL, status={"version": "0.0.1"}),
        Terminal(dashboard(), 120, 30) as terminal,
    ):
        terminal.wait_for("the daemon is version 0.0.1, this is")
        assert "openusaged restart" in terminal.text()


def test_a06_an_error_of_the_daemon_is_shown_with_what_to_run():
    """Its words, and commands that start it and say what is wrong."""
    link = Link(phase="lost", since=samples.NOW, detail="socket: permission denied")
    text = drawn(samples.state(None, link=link))
    assert "permission denied" in text
    assert "openusaged run" in text
    assert "openusaged doctor" in text


def test_a07_the_dashboard_looks_nowhere_for_updates():
    """No part of it can open a network connection: the socket module is not imported at all."""
    root = Path(openusage_client.tui.__file__).parent
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names.append(node.module or "")
            assert not {name.split(".")[0] for name in names} & {"socket", "urllib", "http", "ssl"}


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
