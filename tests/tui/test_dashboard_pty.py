"""The dashboard on a real terminal, against a real socket."""

from __future__ import annotations

import dataclasses
import os
import signal
import termios
import threading

import pytest

from openusage_client.tui import keymap
from openusage_proto import methods
from tests.support import screen_samples as samples
from tests.support.scripted_peer import ModelPeer, Refusal
from tests.support.terminal import ESC, Terminal, dashboard, key_bytes
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.pty, pytest.mark.measured]

MODEL = samples.model(samples.accounts(6))


def test_shows_the_accounts_and_leaves_the_terminal_as_it_was(server):
    """First screen, q, exit code 0, alternate screen left, echo and line mode restored."""
    with Terminal(dashboard()) as terminal:
        before = termios.tcgetattr(terminal.child.child_fd)
        text = terminal.wait_for("● live")
        assert "Claude Code" in text
        assert "42% used" in text
        terminal.send("q")
        assert terminal.wait_exit() == 0
        assert b"\x1b[?1049l" in terminal.raw
        assert termios.tcgetattr(terminal.child.child_fd)[3] == before[3]


def test_every_key_of_the_table_works(server):
    """Each key on each screen is taken without an error, and the program still answers."""
    with Terminal(dashboard()) as terminal:
        terminal.wait_for("Claude Code")
        for opener in ("", "\r", "?"):
            context = {"": "main", "\r": "detail", "?": "help"}[opener]
            for row in keymap.rows(context):
                if row.command == "quit":
                    continue
                for key in row.keys:
                    terminal.send(opener + key_bytes(key))
                    terminal.send("\x7f\x7f\x7f")
        terminal.send("gr")
        terminal.wait_for("refreshing 1 account")
        terminal.send("q")
        assert terminal.wait_exit() == 0
    assert server.params_of(methods.REFRESH)


def test_detail_and_help_and_back(server):
    """Enter, arrows, Esc, ? as a user would press them."""
    with Terminal(dashboard()) as terminal:
        terminal.wait_for("Claude Code")
        terminal.send("\r")
        terminal.wait_for("Total tokens")
        terminal.send("]")
        terminal.wait_for("Codex · codex")
        terminal.send("?")
        terminal.wait_for("On the overview")
        terminal.send(ESC)
        terminal.wait_for("Total tokens")
        terminal.send(ESC)
        terminal.wait_until(lambda text: "Total tokens" not in text)
        terminal.send("\x1b[25~\x1b[<0;3;3Mq")
        assert terminal.wait_exit() == 0


def test_a_key_struck_right_after_esc_counts(server):
    """tmux delivers Esc and the next key together; both mean something."""
    with Terminal(dashboard()) as terminal:
        terminal.wait_for("Claude Code")
        terminal.send("\r")
        terminal.wait_for("Total tokens")
        terminal.send(ESC + "q")
        assert terminal.wait_exit() == 0


def test_window_key_asks_for_the_window(server):
    """w shows the next window and its figures."""
    with Terminal(dashboard()) as terminal:
        terminal.wait_for("[30d]")
        terminal.send("w")
        terminal.wait_for("[all]")
        terminal.wait_for("All time")
        terminal.send("W")
        terminal.wait_for("[30d]")
    wait_until(
        lambda: [p["window"] for p in server.params_of(methods.READ_MODEL)][:2] == ["30d", "all"]
    )


def test_an_event_reaches_the_screen_without_a_key(server):
    """A push is drawn by itself."""
    with Terminal(dashboard()) as terminal:
        terminal.wait_for("Claude Code")
        rows = [samples.claude(title="Renamed account"), *MODEL.accounts[1:]]
        server.publish(dataclasses.replace(MODEL, seq=8, accounts=rows))
        terminal.wait_for("Renamed account")


def test_nothing_is_written_while_nothing_changes(server):
    """An idle dashboard is silent: a push of the same figures draws nothing."""
    with Terminal(dashboard()) as terminal:
        text = terminal.wait_for("Claude Code")
        terminal.wait_until(lambda _text: len(server.params_of(methods.PROVIDERS)) == 1)
        server.publish(dataclasses.replace(MODEL, seq=8))
        wait_until(lambda: len(server.params_of(methods.READ_MODEL)) >= 2)
        # A key without a meaning is the proof that the push has been handled before it.
        terminal.send("r")
        after = terminal.wait_for("refreshing 1 account")
        changed = [
            (old, new)
            for old, new in zip(text.splitlines(), after.splitlines(), strict=True)
            if old != new
        ]
        assert len(changed) <= 2


def test_survives_the_daemons_death_and_return(socket_path):
    """Lost is said with the figures still there; the return needs no key."""
    with Terminal(dashboard(), 100, 30) as terminal:
        terminal.wait_for("No figures from the daemon")
        with ModelPeer(socket_path, MODEL):
            terminal.wait_for("42% used", 15)
        text = terminal.wait_for("daemon lost at")
        assert "42% used" in text
        with ModelPeer(socket_path, dataclasses.replace(MODEL, seq=9, demo=True)):
            text = terminal.wait_for("DEMO", 15)
            assert "● live" in text
        terminal.send("q")
        assert terminal.wait_exit() == 0


def test_a_daemon_that_does_not_answer_does_not_freeze_the_keys(socket_path, server):
    """While a call hangs, keys work and q leaves at once."""
    released = threading.Event()

    def hang(_params):
        # Holds the server's thread as a stuck daemon would, until the dashboard has gone.
        released.wait(20)
        return {"accounts": [], "polls_deferred": [], "seq": 7}

    server.answers[methods.REFRESH] = hang
    try:
        with Terminal(dashboard()) as terminal:
            terminal.wait_for("Claude Code")
            terminal.send("r")
            wait_until(lambda: server.params_of(methods.REFRESH))
            terminal.send("?")
            terminal.wait_for("On the overview")
            terminal.send("q")
            assert terminal.wait_exit() == 0
    finally:
        released.set()


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)],
)
def test_signals_end_it_with_the_terminal_restored(server, number, code):
    """SIGTERM, SIGINT, SIGHUP: the screen is left, the exit code says why."""
    with Terminal(dashboard()) as terminal:
        before = termios.tcgetattr(terminal.child.child_fd)
        terminal.wait_for("Claude Code")
        os.kill(terminal.child.pid, number)
        assert terminal.wait_exit() == code
        assert b"\x1b[?1049l" in terminal.raw
        assert b"Traceback" not in terminal.raw
        assert termios.tcgetattr(terminal.child.child_fd)[3] == before[3]


def test_ctrl_c_leaves(server):
    """The key everyone knows works and is no crash."""
    with Terminal(dashboard()) as terminal:
        terminal.wait_for("Claude Code")
        terminal.send("\x03")
        assert terminal.wait_exit() == 130
        assert b"Traceback" not in terminal.raw


def test_suspend_and_resume_draws_again(server):
    """Ctrl-Z and fg, with a resize in between."""
    with Terminal(dashboard()) as terminal:
        terminal.wait_for("Claude Code")
        os.kill(terminal.child.pid, signal.SIGTSTP)
        terminal.wait_until(lambda _text: b"\x1b[?1049l" in terminal.raw)
        terminal.resize(100, 30)
        terminal.screen.reset()
        os.kill(terminal.child.pid, signal.SIGCONT)
        text = terminal.wait_for("Claude Code")
        assert "OpenUsage" in text


def test_a_first_import_is_followed(socket_path):
    """The progress is on the first screen and gives way to the figures."""
    running = samples.model([], importing=True)
    status = {"importing": dataclasses.asdict(samples.IMPORTING)}
    with (
        ModelPeer(socket_path, running, status=status) as server,
        Terminal(dashboard()) as terminal,
    ):
        terminal.wait_for("first import 42%")
        server.answers[methods.STATUS] = {
            "importing": dataclasses.asdict(dataclasses.replace(samples.IMPORTING, active=False))
        }
        server.publish(dataclasses.replace(MODEL, seq=8))
        terminal.wait_for("Claude Code")


def settings(**values):
    """An answer of `settings_get`."""
    return {"path": "/settings.json", "settings": values, "warnings": []}


def test_theme_and_window_of_the_settings_open_and_are_followed(server):
    """The first screen has them; a theme changed in the file is taken over with r."""
    server.answers[methods.SETTINGS_GET] = settings(
        theme="OpenUsage Light", data={"time_window": "7d"}
    )
    with Terminal(dashboard()) as terminal:
        terminal.wait_for("[7d]")
        terminal.wait_until(lambda _text: terminal.screen.buffer[23][79].bg == "ffffff")
        server.answers[methods.SETTINGS_GET] = settings(theme="mono")
        terminal.send("r")
        terminal.wait_until(lambda _text: terminal.screen.buffer[23][79].bg == "default")
        terminal.wait_for("[7d]")


def test_flags_win_over_the_settings(server):
    """What was asked for on the command line is not changed by the file."""
    server.answers[methods.SETTINGS_GET] = settings(theme="mono", data={"time_window": "7d"})
    with Terminal(dashboard("--theme", "openusage-light", "--window", "all")) as terminal:
        terminal.wait_for("[all]")
        terminal.wait_until(lambda _text: terminal.screen.buffer[23][79].bg == "ffffff")


def test_an_unknown_theme_of_the_settings_is_said(server):
    """The default theme and a note that the next key takes away."""
    server.answers[methods.SETTINGS_GET] = settings(theme="Gruvbox")
    with Terminal(dashboard()) as terminal:
        terminal.wait_for("settings: no theme 'Gruvbox', showing openusage-dark")
        terminal.send("g")
        terminal.wait_for("q quit")


def test_an_error_answer_is_said_and_passes(server):
    """The daemon's words stand above the last figures until it works again."""
    with Terminal(dashboard()) as terminal:
        terminal.wait_for("● live")
        good = server.answers[methods.READ_MODEL]
        busy = Refusal(1006, "storage_busy", {"detail": "the database is locked"})
        server.answers[methods.READ_MODEL] = busy
        server.push(methods.READ_MODEL_CHANGED, seq=8)
        text = terminal.wait_for("the database is locked")
        assert "daemon error since" in text
        assert "42% used" in text
        server.answers[methods.READ_MODEL] = good
        terminal.wait_for("● live")


def test_a_zone_nobody_here_knows_is_no_error(socket_path):
    """The daemon's zone data may be newer than ours."""
    model = dataclasses.replace(MODEL, timezone="Mars/Olympus")
    with ModelPeer(socket_path, model), Terminal(dashboard()) as terminal:
        terminal.wait_for("42% used")
