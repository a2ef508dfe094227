"""Settings, dialogs and themes on a real terminal, against a daemon whose settings are a file."""

from __future__ import annotations

import json
import os
import random
import signal

import pytest

from openusage_client.tui import keymap, theme
from openusage_client.tui.settings import model, option_table
from openusage_proto import methods
from tests.support.scripted_peer import Refusal
from tests.support.settings_samples import SettingsPeer
from tests.support.terminal import BYTES, ESC, Terminal, dashboard, key_bytes
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.pty, pytest.mark.measured]


@pytest.fixture
def server(isolated_home, socket_path):
    """A daemon with three accounts and a settings file of its own."""
    with SettingsPeer(socket_path, isolated_home) as running:
        yield running


def opened(terminal, tab="1"):
    """The settings, on a tab."""
    terminal.wait_for("Claude Code")
    terminal.send(",")
    terminal.wait_for("claude-1")
    terminal.send(tab)


def down_to(*path):
    """The keys from the first option to another one."""
    paths = [option.path for group in option_table.GROUPS for option in group.options]
    return "j" * paths.index(path)


def background(terminal, y=22, x=78):
    """The colour behind a cell."""
    terminal.read()
    return terminal.screen.buffer[y][x].bg


def left(terminal):
    """`q` leaves with the exit code 0 and no error on the screen."""
    terminal.send("q")
    assert terminal.wait_exit() == 0
    assert b"Traceback" not in terminal.raw
    return True


def test_f01_opens_with_either_key_and_closes_with_esc(server):
    """Nothing of the first screen is lost, also at 40 by 8."""
    with Terminal(dashboard(), 40, 8) as terminal:
        terminal.wait_for("Claude Code")
        for key in (",", "S"):
            terminal.send(key)
            terminal.wait_for("claude-1")
            terminal.send(ESC)
            terminal.wait_until(lambda text: "claude-1" not in text)
        assert left(terminal)


@pytest.mark.parametrize("tab", model.TABS)
def test_every_key_of_the_settings_works(server, tab):
    """Each key of each tab is taken without an error; what it opens, Esc closes."""
    number = str(list(model.TABS).index(tab) + 1)
    with Terminal(dashboard(), 100, 30) as terminal:
        opened(terminal, number)
        for row in keymap.rows(model.PREFIX + tab):
            if row.command in ("quit", "back", "help.open"):
                continue
            for key in row.keys:
                terminal.send(key_bytes(key))
                # Out of a dialog or back to the overview; then to this tab again.
                terminal.send(ESC)
                terminal.wait_until(lambda text: "Enter chooses" not in text)
                terminal.send(f"{ESC}")
                terminal.send(f",{number}")
        terminal.send(ESC)
        assert left(terminal)


def test_f02_accounts_are_switched_and_put_in_order(server):
    """The file has it at once, and the screen shows what the daemon has."""
    with Terminal(dashboard()) as terminal:
        opened(terminal)
        terminal.send(" ")
        terminal.wait_for("saved: claude-1 is off")
        terminal.wait_for("[ ] claude-1")
        terminal.send("J")
        terminal.wait_for("claude-1 is number 2")
        terminal.wait_for(" 2 [ ] claude-1")
        listed = server.written()["dashboard"]["providers"]
        assert [entry["account_id"] for entry in listed[:2]] == ["codex-1", "claude-1"]
        assert listed[1]["enabled"] is False
        assert left(terminal)


def test_f04_a_theme_is_looked_at_kept_and_left(server):
    """Moving paints the screen, Esc brings the old theme back, Enter keeps the new one."""
    paper = theme.builtin("paper").colours["base"]
    shown = theme.nearest_256(paper)
    with Terminal(dashboard(), 80, 40) as terminal:
        opened(terminal, "3")
        terminal.wait_for("▸ ● ◐  OpenUsage Dark")
        assert background(terminal) == "default"
        terminal.send("G")
        terminal.wait_until(lambda _text: background(terminal) != "default")
        terminal.send(ESC)
        terminal.wait_until(lambda _text: background(terminal) == "default")
        terminal.send(",")
        terminal.send(BYTES["Down"] * 17)
        terminal.wait_for("▸   ☐  Paper")
        terminal.send("\r")
        terminal.wait_for("theme: Paper")
        assert server.written()["theme"] == "Paper"
        terminal.send(ESC)
        terminal.wait_for("┏━ Claude Code")
        assert background(terminal) == "{:02x}{:02x}{:02x}".format(*of_256(shown))
        assert left(terminal)


def of_256(number):
    """Red, green, blue of a fixed colour as pyte knows it."""
    from pyte.graphics import FG_BG_256

    text = FG_BG_256[number]
    return tuple(int(text[at : at + 2], 16) for at in (0, 2, 4))


def test_g02_t_goes_to_the_next_theme_and_keeps_it(server):
    """Shown at once, written to the settings, T goes back; a flag is no hindrance."""
    with Terminal(dashboard("--theme", "mono")) as terminal:
        terminal.wait_for("Claude Code")
        terminal.send("T")
        terminal.wait_until(lambda _text: server.written().get("theme", "") != "")
        before = server.written()["theme"]
        terminal.send("t")
        wait_until(lambda: server.written()["theme"] != before)
        assert server.written()["theme"] == "Mono"
        assert left(terminal)


def test_g09_no_colour_is_not_taken_back_by_a_key(server):
    """NO_COLOR stays in force, and the key says so."""
    with Terminal(dashboard(), NO_COLOR="1") as terminal:
        terminal.wait_for("Claude Code")
        terminal.send("t")
        terminal.wait_for("colours are off (NO_COLOR or --no-color)")
        assert "theme" not in server.written()
        assert left(terminal)


def write_theme(home, name, **colours):
    """A theme file of the user."""
    directory = os.path.join(home, ".config", "openusage", "themes")
    os.makedirs(directory, exist_ok=True)
    values = {**dict.fromkeys(theme.TOKENS, "#202020"), "text": "#eeeeee", **colours}
    with open(os.path.join(directory, f"{name}.json"), "w", encoding="utf-8") as file:
        json.dump({"name": name, "background": "theme", **values}, file)


def test_g04_g07_a_theme_file_is_drawn_and_drawn_anew_without_a_restart(server, isolated_home):
    """A changed file is taken over by r, also while it is the theme in use."""
    write_theme(isolated_home, "mine", base="#0000ff")
    with open(server.file, "w", encoding="utf-8") as file:
        file.write('{"theme": "mine"}')
    with Terminal(dashboard()) as terminal:
        terminal.wait_for("Claude Code")
        terminal.wait_until(lambda _text: background(terminal) == "0000ff")
        write_theme(isolated_home, "mine", base="#ff0000")
        terminal.send("r")
        terminal.wait_until(lambda _text: background(terminal) == "ff0000")
        assert left(terminal)


def test_g06_a_theme_file_with_a_mistake_is_told_at_the_start_and_in_its_tab(server, isolated_home):
    """File and key, without a debug log."""
    write_theme(isolated_home, "odd", peach="peachy")
    with Terminal(dashboard(), 160, 40) as terminal:
        terminal.wait_for("odd.json: `peach` must be #RGB, #RRGGBB or default, not 'peachy'")
        terminal.send(",3")
        terminal.wait_for("! ")
        text = terminal.wait_for("odd.json")
        assert "OpenUsage Dark" in text
        assert left(terminal)


def test_f06_a_key_is_typed_unseen_checked_and_told_masked(server):
    """Not one character of it is ever drawn, also not while the cursor moves in it."""
    secret = "sk-planted-0001"
    with Terminal(dashboard()) as terminal:
        opened(terminal, "5")
        terminal.wait_for("OK      openai")
        # Enter and the text in one go: what is typed fast is not lost.
        terminal.send("\r" + secret)
        terminal.wait_for("*" * len(secret))
        terminal.send(BYTES["Left"] * 3 + BYTES["Home"] + BYTES["End"] + "\x7f1")
        # for a moment there is one fewer
        assert "API key of OpenAI" in terminal.wait_for("*" * len(secret))
        terminal.send("\r")
        terminal.wait_for("stored sk-p...0002 for openai, the vendor says: ok")
        assert server.params_of(methods.CREDENTIAL_SET) == [{"account_id": "openai", "key": secret}]
        assert b"planted" not in terminal.raw
        wait_until(lambda: len(server.params_of(methods.ACCOUNTS)) == 2)
        assert left(terminal)


def test_f06_a_refused_key_is_told_with_the_vendors_words(server):
    """Nothing is stored, and the screen goes on."""
    server.answers[methods.CREDENTIAL_SET] = Refusal(
        1003, "auth_required", {"detail": "not stored: the vendor says the key is wrong"}
    )
    with Terminal(dashboard()) as terminal:
        opened(terminal, "5")
        terminal.wait_for("OK      openai")
        terminal.send("\r")
        terminal.wait_for("Key:")
        terminal.send("\x1b[200~sk-planted\r\n-0002\x1b[201~")
        terminal.wait_for("*" * 10)
        terminal.send("\r")
        terminal.wait_for("not stored: the vendor says the key is wrong")
        assert left(terminal)


def test_f07_f10_what_is_stored_is_forgotten_after_a_question(server):
    """No stands first; the second line forgets."""
    with Terminal(dashboard()) as terminal:
        opened(terminal, "5")
        terminal.wait_for("OK      openai")
        terminal.send("d")
        terminal.wait_for("▸ No, leave it as it is")
        terminal.send("\r")
        terminal.wait_until(lambda text: "No, leave" not in text)
        assert server.params_of(methods.CREDENTIAL_DELETE) == []
        terminal.send("dj\r")
        terminal.wait_for("forgot what was stored for openai")
        assert server.params_of(methods.CREDENTIAL_DELETE) == [{"account_id": "openai"}]
        assert left(terminal)


def test_f09_a_browser_is_chosen_and_read(server):
    """With what is read and who may be asked for a key before anything is."""
    with Terminal(dashboard()) as terminal:
        opened(terminal, "5")
        terminal.wait_for("STALE   cursor")
        terminal.send("jj\r")
        terminal.wait_for("▸ Firefox")
        terminal.wait_for("(the system may ask you for its key)")
        terminal.send("\r")
        terminal.wait_for("stored sk-p")
        assert server.params_of(methods.CREDENTIAL_SET)[0]["browser"] == "firefox"
        assert left(terminal)


def test_f14_f15_hooks_are_wired_and_taken_out_after_the_difference_was_seen(server):
    """Exactly the plan that was shown is carried out."""
    with Terminal(dashboard(), 100, 30) as terminal:
        opened(terminal, "7")
        terminal.wait_for("OUTDATED Codex")
        terminal.send("j\r")
        text = terminal.wait_for("▸ No, change nothing")
        assert "+notify = ['openusage']" in text
        terminal.send("j\r")
        terminal.wait_for("Codex: installed; the file before is /home/user/.codex/config.toml.1")
        last = server.params_of(methods.INTEGRATION_INSTALL)[-1]
        assert (last["id"], last["plan"]) == ("codex", "plan-1")
        terminal.send("u")
        terminal.wait_for("Take the hooks out of Codex?")
        terminal.send(BYTES["Down"] + "\r")
        terminal.wait_for("Codex: uninstalled")
        assert left(terminal)


def test_f16_f17_an_option_is_saved_or_refused_with_the_daemons_reason(server):
    """The daemon checks; the screen says what it says."""
    with Terminal(dashboard(), 120, 40) as terminal:
        opened(terminal, "8")
        terminal.wait_for("Ask vendors every")
        terminal.send(down_to("ui", "refresh_interval_seconds") + "\r")
        terminal.wait_for("Value (s): 300")
        terminal.send("\x15" + "5\r")
        terminal.wait_for("not saved: ui.refresh_interval_seconds: 5 is not a whole number")
        assert server.written() == {}
        terminal.send("\r")
        terminal.wait_for("Value (s): 300")
        terminal.send("\x7f\x7f\x7f" + "60\r")
        terminal.wait_for("saved: Ask vendors every")
        terminal.wait_for("60 s")
        assert server.written() == {"ui": {"refresh_interval_seconds": 60}}
        terminal.send("\r")
        terminal.wait_for("Value (s): 60")
        terminal.send("x\r")
        terminal.wait_for("! Ask vendors every: a whole number is wanted")
        terminal.send(ESC)
        terminal.wait_until(lambda text: "Value (s)" not in text)
        assert left(terminal)


@pytest.mark.parametrize("environ", [{}, {"LC_ALL": "C"}, {"TERM": "linux"}, {"TERM": "vt100"},
                                     {"NO_COLOR": "1"}, {"TERM": "xterm"}])  # fmt: skip
def test_g09_dialogs_are_drawn_on_poor_terminals(server, environ):
    """In their own glyphs, with or without colours."""
    with Terminal(dashboard(), **environ) as terminal:
        opened(terminal, "8")
        terminal.wait_for("Ask vendors every")
        terminal.send(down_to("ui", "refresh_interval_seconds") + "\r")
        text = terminal.wait_for("Value (s): 300")
        if environ.get("LC_ALL") == "C":
            assert text.isascii()
        terminal.wait_for("Enter saves, Esc cancels")
        terminal.send("\r")
        terminal.wait_for("saved: ")
        assert left(terminal)


def test_wide_characters_are_typed_at_their_width(server):
    """What is typed lines up, two cells for each of these."""
    with Terminal(dashboard()) as terminal:
        opened(terminal, "8")
        terminal.wait_for("Ask vendors every")
        terminal.send(down_to("tmux", "alerts", "mode") + "\r")
        terminal.send(ESC)
        terminal.send("g" + down_to("pricing", "catalogue_url") + "\r")
        terminal.wait_for("Fetch them from ─")
        terminal.send("東京é" + BYTES["Left"] + "x" + "\x17" + "ü" * 3)
        text = terminal.wait_for("üüüé")
        assert text.isprintable() or "\n" in text
        line = next(row for row in text.splitlines() if "Value:" in row)
        assert line.rstrip().endswith("│")
        terminal.send("\r")
        terminal.wait_for("saved: Fetch them from")
        assert server.written()["pricing"]["catalogue_url"] == "üüüé"
        assert left(terminal)


def test_a_dialog_survives_a_storm_of_sizes_with_what_was_typed(server):
    """Where there is no room it closes and says so; else every size shows the text again."""
    chance = random.Random(5)
    sizes = [(100, 30), (50, 12), (40, 8), (80, 24), (120, 40), (41, 9)]
    with Terminal(dashboard()) as terminal:
        opened(terminal, "8")
        terminal.wait_for("Ask vendors every")
        terminal.send(down_to("ui", "refresh_interval_seconds") + "\r")
        terminal.wait_for("Value (s): 300")
        terminal.send("77")
        for _ in range(20):
            terminal.resize(*chance.choice(sizes))
        terminal.resize(90, 26)
        terminal.wait_for("Value (s): 30077")
        terminal.resize(20, 5)
        terminal.wait_for("40x8")
        terminal.resize(100, 30)
        terminal.wait_for("too small for this question")
        assert left(terminal)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_signals_end_it_in_the_middle_of_typing(server, number, code):
    """As everywhere else, with the terminal as it was."""
    with Terminal(dashboard()) as terminal:
        opened(terminal, "5")
        terminal.wait_for("OK      openai")
        terminal.send("\rsk-planted")
        terminal.wait_for("**********")
        if number == signal.SIGINT:
            terminal.send("\x03")
        else:
            os.kill(terminal.child.pid, number)
        assert terminal.wait_exit() == code
        assert b"Traceback" not in terminal.raw
        assert b"\x1b[?1049l" in terminal.raw
        assert b"planted" not in terminal.raw


def test_news_go_on_behind_a_dialog(server):
    """Figures that arrive while a question stands there are on screen when it is answered."""
    with Terminal(dashboard()) as terminal:
        opened(terminal, "8")
        terminal.wait_for("Ask vendors every")
        terminal.send(down_to("ui", "refresh_interval_seconds") + "\r")
        terminal.wait_for("Value (s): 300")
        before = len(server.params_of(methods.READ_MODEL))
        server.push(methods.READ_MODEL_CHANGED, seq=99)
        wait_until(lambda: len(server.params_of(methods.READ_MODEL)) > before)
        terminal.send(ESC)
        terminal.wait_until(lambda text: "Value (s)" not in text)
        assert left(terminal)


def test_a_slow_vendor_freezes_nothing(server):
    """While a key is being checked, keys work and q leaves at once."""
    released: list[bool] = []

    def hang(_params):
        wait_until(lambda: released, 20)
        return {}

    server.answers[methods.CREDENTIAL_SET] = hang
    with Terminal(dashboard()) as terminal:
        opened(terminal, "5")
        terminal.wait_for("OK      openai")
        terminal.send("\rsk-planted\r")
        terminal.wait_for("asking the vendor whether the key of openai works")
        terminal.send("4")
        terminal.wait_for("tiles side by side")
        assert left(terminal)
        released.append(True)


def test_settings_survive_a_storm_of_sizes_and_keys(server):
    """Any tab at any size, keys in between, down to one cell: the screen is right in the end."""
    chance = random.Random(11)
    sizes = [(100, 30), (50, 12), (20, 5), (3, 1), (1, 1), (250, 70), (40, 8), (80, 24)]
    with Terminal(dashboard()) as terminal:
        opened(terminal)
        for _ in range(30):
            terminal.resize(*chance.choice(sizes))
            terminal.send(chance.choice("12345678jkGg<]["))
        terminal.resize(80, 24)
        terminal.send("8g")
        terminal.wait_for("▸ Costs of all accounts")
        terminal.wait_until(lambda text: "quit" in text.splitlines()[-1])
        assert left(terminal)


def test_a_theme_of_the_users_own_may_be_asked_for_by_flag(server, isolated_home):
    """`--theme` knows the user's files as well as those that come with the program."""
    write_theme(isolated_home, "mine", base="#0000ff")
    with Terminal(dashboard("--theme", "Mine")) as terminal:
        terminal.wait_for("Claude Code")
        terminal.wait_until(lambda _text: background(terminal) == "0000ff")
        assert left(terminal)
