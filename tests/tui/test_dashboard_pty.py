"""The dashboard on a real terminal, against a real socket."""

from __future__ import annotations

import dataclasses
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import termios

import pytest

from openusage_client.tui import keymap
from openusage_proto import methods
from tests.support import screen_samples as samples
from tests.support.scripted_peer import ModelPeer, Refusal
from tests.support.terminal import Terminal, dashboard
from tests.support.waiting import wait_until

pytestmark = pytest.mark.pty

MODEL = samples.model(samples.accounts(6))
ESC = "\x1b"
BYTES = {
    "Up": "\x1bOA", "Down": "\x1bOB", "Right": "\x1bOC", "Left": "\x1bOD", "Home": "\x1bOH",
    "End": "\x1bOF", "PgUp": "\x1b[5~", "PgDn": "\x1b[6~", "F1": "\x1bOP", "Enter": "\r",
    "Space": " ", "Esc": ESC, "Backspace": "\x7f", "Tab": "\t", "BackTab": "\x1b[Z",
}  # fmt: skip


def beside(text):
    """True for the two columns of a wide terminal."""
    return any("Claude Code" in line and "─ Codex" in line for line in text.splitlines())


def key_bytes(name):
    """What a terminal sends for a key of the keymap."""
    if name.startswith("^") and len(name) == 2:
        return chr(ord(name[1]) - 64)
    return BYTES.get(name, name)


@pytest.fixture
def socket_path(isolated_home, monkeypatch):
    """Where the dashboard looks for its daemon."""
    path = os.path.join(isolated_home, "s.sock")
    monkeypatch.setenv("OPENUSAGE_TELEMETRY_SOCKET", path)
    return path


@pytest.fixture
def server(socket_path):
    """A daemon with six accounts."""
    with ModelPeer(socket_path, MODEL) as running:
        yield running


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


def test_starts_at_40_by_10_and_survives_a_storm_of_sizes(server):
    """Any sequence of sizes, down to one cell, ends in a correct screen."""
    sizes = [(100, 30), (50, 12), (20, 5), (8, 2), (3, 1), (1, 1), (250, 70), (40, 8)]
    chance = random.Random(7)
    with Terminal(dashboard(), 40, 10) as terminal:
        terminal.wait_for("Claude Code")
        for _ in range(30):
            terminal.resize(*chance.choice(sizes))
            terminal.send(chance.choice("jk\r?w\x7f"))
        terminal.resize(80, 24)
        terminal.send("\x7f\x7f\x7fg")
        terminal.wait_for("OpenUsage")
        terminal.wait_until(
            lambda text: "┏━ Claude Code" in text and "quit" in text.splitlines()[-1]
        )
        terminal.send("q")
        assert terminal.wait_exit() == 0


@pytest.mark.parametrize(("columns", "lines"), [("40", "10"), ("200", "60"), ("0", "many")])
def test_an_exported_size_does_not_outdo_the_terminals_own(server, columns, lines):
    """LINES and COLUMNS that a shell has left behind change nothing, before and after a resize."""
    with Terminal(dashboard(), 120, 30, COLUMNS=columns, LINES=lines) as terminal:
        terminal.wait_until(beside)
        assert "quit" in terminal.text().splitlines()[-1]
        terminal.resize(130, 32)
        terminal.wait_until(lambda text: beside(text) and "quit" in text.splitlines()[-1])
        terminal.send("q")
        assert terminal.wait_exit() == 0


@pytest.mark.parametrize(
    ("exported", "shown"), [({}, (80, 24)), ({"COLUMNS": "100", "LINES": "40"}, (100, 40))]
)
def test_a_terminal_without_a_size_takes_the_exported_one(server, exported, shown):
    """A serial line says 0 by 0: the environment's size holds then, and 80 by 24 without one."""
    with Terminal(dashboard(), 0, 0, **exported) as terminal:
        terminal.screen.resize(shown[1], shown[0])
        terminal.wait_until(lambda text: "quit" in text.splitlines()[-1])
        terminal.send("q")
        assert terminal.wait_exit() == 0


def test_resize_redraws_at_once(server):
    """No key is needed after a resize, and the new width is used."""
    with Terminal(dashboard(), 80, 24) as terminal:
        terminal.wait_for("Claude Code")
        terminal.resize(120, 40)
        terminal.wait_until(beside)
        terminal.resize(30, 6)
        terminal.wait_for("needs 40x8")


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
    with Terminal(dashboard()) as terminal:
        terminal.wait_for("Claude Code")

        def hang(_params):
            # Holds the server's thread as a stuck daemon would; ends with the connection.
            wait_until(lambda: not terminal.child.isalive() or released, 20)
            return {"accounts": [], "polls_deferred": [], "seq": 7}

        released: list[bool] = []
        server.answers[methods.REFRESH] = hang
        terminal.send("r")
        wait_until(lambda: server.params_of(methods.REFRESH))
        terminal.send("?")
        terminal.wait_for("On the overview")
        terminal.send("q")
        assert terminal.wait_exit() == 0
        released.append(True)


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


def test_stderr_may_be_a_file(server, isolated_home):
    """`2>log` neither breaks the start nor resizing, and the log stays empty."""
    log = os.path.join(isolated_home, "err.log")
    command = " ".join(dashboard())
    with Terminal(["/bin/sh", "-c", f"exec {command} 2>{log}"]) as terminal:
        terminal.wait_for("Claude Code")
        terminal.resize(120, 40)
        terminal.wait_until(beside)
        terminal.send("q")
        assert terminal.wait_exit() == 0
    with open(log, encoding="utf-8") as file:
        assert file.read() == ""


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"TERM": "vt100"}, "┏━ Claude Code"),
        ({"TERM": "linux"}, "╔═ Claude Code"),
        ({"TERM": "xterm"}, "┏━ Claude Code"),
        ({"TERM": "screen-256color"}, "┏━ Claude Code"),
        ({"LC_ALL": "C"}, "#= Claude Code"),
        ({"LC_ALL": "POSIX", "TERM": "vt100"}, "#= Claude Code"),
    ],
)
def test_poorer_terminals_get_what_they_can_show(server, environ, words):
    """Every common terminal type and the C locale show the same screen in their own glyphs."""
    with Terminal(dashboard(), **environ) as terminal:
        text = terminal.wait_for(words)
        assert "42% used" in text
        if environ.get("LC_ALL"):
            assert text.isascii()
        terminal.send("q")
        assert terminal.wait_exit() == 0


def test_no_color_sends_no_colour(server):
    """NO_COLOR means not one colour sequence."""
    with Terminal(dashboard(), NO_COLOR="1") as terminal:
        terminal.wait_for("┏━ Claude Code")
        styles = re.findall(rb"\x1b\[([0-9;]*)m", terminal.raw)
        numbers = {int(part) for style in styles for part in style.split(b";") if part}
        colours = {*range(30, 39), *range(40, 49), *range(90, 108)}
        assert not numbers & colours


def test_colours_are_used_where_there_are_some(server):
    """With 256 colours the gauge is drawn in the theme's green."""
    with Terminal(dashboard()) as terminal:
        terminal.wait_for("┏━ Claude Code")
        assert b"38;5;78m" in terminal.raw


def test_an_unknown_terminal_type_is_explained(server):
    """A sentence and exit 1 instead of curses' abrupt end."""
    with Terminal(dashboard(), TERM="no-such-terminal") as terminal:
        terminal.wait_for("TERM=no-such-terminal")
        assert terminal.wait_exit() == 1
        assert b"Traceback" not in terminal.raw


def test_a_dumb_terminal_is_not_drawn_on(server):
    """TERM=dumb asked for by name gets a sentence that says what to use instead."""
    code = "import sys, argparse; from openusage_client.tui.app import run; sys.exit(run(argparse.Namespace()))"
    with Terminal([dashboard()[0], "-c", code], TERM="dumb") as terminal:
        terminal.wait_for("openusage overview")
        assert terminal.wait_exit() == 1


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


def run_with(options):
    """The command line of a dashboard with given options, as the `openusage` command passes them."""
    code = (
        "import sys, argparse\n"
        "from openusage_client.tui.app import run\n"
        f"sys.exit(run(argparse.Namespace(no_autostart=True, **{options!r})))"
    )
    return [sys.executable, "-c", code]


def test_a_painted_theme_fills_the_screen(server):
    """A light theme is light on a dark terminal, too: every cell has its background."""
    with Terminal(run_with({"theme": "openusage-light"})) as terminal:
        terminal.wait_for("Claude Code")
        terminal.wait_until(lambda _text: terminal.screen.buffer[23][79].bg == "ffffff")
        assert {terminal.screen.buffer[y][x].bg for y in (5, 20) for x in (0, 40, 79)} == {"ffffff"}


def test_a_painted_theme_works_on_eight_colours(server):
    """Eight colours are enough for the same screen."""
    with Terminal(run_with({"theme": "openusage-light"}), TERM="linux") as terminal:
        terminal.wait_for("Claude Code")
        terminal.wait_until(lambda _text: terminal.screen.buffer[23][79].bg == "white")


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
        assert "[7d]" in terminal.text()


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


def test_a_wrong_theme_is_explained(server):
    """The names there are, and exit 1."""
    with Terminal(run_with({"theme": "nonesuch"})) as terminal:
        terminal.wait_for("no theme 'nonesuch'; there are:")
        assert terminal.wait_exit() == 1


def test_without_a_terminal_it_says_what_to_use(server):
    """Asked for by name with a pipe for a keyboard."""
    command = run_with({})
    quoted = " ".join([command[0], "-c", f"'{command[2]}'".replace("\n", "\n")])
    with Terminal(["/bin/sh", "-c", f"{quoted} </dev/null"]) as terminal:
        terminal.wait_for("the dashboard needs a terminal")
        assert terminal.wait_exit() == 1


def test_a_zone_nobody_here_knows_is_no_error(socket_path):
    """The daemon's zone data may be newer than ours."""
    model = dataclasses.replace(MODEL, timezone="Mars/Olympus")
    with ModelPeer(socket_path, model), Terminal(dashboard()) as terminal:
        terminal.wait_for("42% used")


def test_ctrl_l_repairs_a_disturbed_screen(server):
    """Another program has written over it: one key draws every cell again."""
    with Terminal(dashboard()) as terminal:
        terminal.wait_for("Claude Code")
        terminal.screen.reset()
        assert "Claude Code" not in terminal.text()
        terminal.send("\x0c")
        terminal.wait_for("Claude Code")
        terminal.wait_for("OpenUsage")


def test_a_terminal_that_goes_away_ends_it(server):
    """Without a signal, too: the end of the terminal is the end of the program."""
    master, slave = os.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "PYTHONPATH": os.getcwd()}
    with subprocess.Popen(
        dashboard(), stdin=slave, stdout=slave, stderr=subprocess.DEVNULL, env=env,
        start_new_session=True,
    ) as process:  # fmt: skip
        os.close(slave)
        seen = b""
        while b"Claude Code" not in seen:
            seen += os.read(master, 65536)
        os.close(master)
        process.wait(10)


@pytest.fixture
def terminal_type(isolated_home, monkeypatch):
    """Makes a terminal type from xterm-256color without some capabilities."""
    if not (shutil.which("tic") and shutil.which("infocmp")):
        pytest.skip("needs tic and infocmp of ncurses to make a terminal type")

    def make(*without):
        source = subprocess.run(
            ["infocmp", "-1", "xterm-256color"], capture_output=True, text=True, check=True
        ).stdout
        lines = [
            line
            for line in source.splitlines()
            if not line.strip().startswith(tuple(f"{name}=" for name in without))
        ]
        lines[1] = "ou-test|made by a test,"
        path = os.path.join(isolated_home, "ou.ti")
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        target = os.path.join(isolated_home, "terminfo")
        subprocess.run(["tic", "-o", target, path], check=True, capture_output=True)
        monkeypatch.setenv("TERMINFO", target)
        return "ou-test"

    return make


def test_colours_without_defaults_are_drawn_on_black(server, terminal_type):
    """A terminal that cannot return to its own colours gets white on black, not an error."""
    with Terminal(dashboard(), TERM=terminal_type("op", "oc")) as terminal:
        terminal.wait_for("Claude Code")
        assert b"48;5;" in terminal.raw or b"\x1b[40m" in terminal.raw


def test_a_terminal_that_cannot_place_the_cursor_is_explained(server, terminal_type):
    """A sentence instead of garbage."""
    with Terminal(dashboard(), TERM=terminal_type("cup")) as terminal:
        terminal.wait_for("cannot place the cursor")
        assert terminal.wait_exit() == 1
