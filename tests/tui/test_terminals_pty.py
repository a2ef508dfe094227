"""The dashboard on terminals of every size, type and colour, and on none."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys

import pytest

from tests.support.terminal import ESC, Terminal, dashboard

pytestmark = pytest.mark.pty


def beside(text):
    """True for the two columns of a wide terminal."""
    return any("Claude Code" in line and "─ Codex" in line for line in text.splitlines())


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


@pytest.mark.parametrize("term", ["vt100", "linux", "xterm-256color"])
def test_keys_that_the_terminal_type_does_not_name_are_known(server, term):
    """PgDn, End, Home and PgUp scroll help, whatever TERM says of them, and arrows choose."""
    with Terminal(dashboard(), TERM=term) as terminal:
        terminal.wait_for("Claude Code")
        terminal.send("?")
        terminal.wait_for("On the overview")
        terminal.send("\x1b[6~")
        terminal.wait_until(lambda text: "On the overview" not in text)
        terminal.send("\x1b[5~")
        terminal.wait_for("On the overview")
        terminal.send("\x1b[4~")
        terminal.wait_until(lambda text: "On the overview" not in text)
        terminal.send("\x1b[1~")
        terminal.wait_for("On the overview")
        terminal.send(f"{ESC}:")
        terminal.wait_for(" > ")
        before = terminal.text()
        terminal.send("\x1b[B")
        terminal.wait_until(lambda text: text != before and " > " in text)
        terminal.send(ESC)
        terminal.wait_for("q quit")
        terminal.send("q")
        assert terminal.wait_exit() == 0
