"""Which theme is drawn: looked at, asked for, set; and what is said when there is none."""

from __future__ import annotations

import json
import os

import pytest

from openusage_client.tui import theme
from openusage_client.tui.theme_choice import ThemeChoice


@pytest.fixture
def own(isolated_home):
    """Writes a theme file of the user."""
    directory = os.path.join(isolated_home, ".config", "openusage", "themes")
    os.makedirs(directory)

    def write(name, **colours):
        values = {**dict.fromkeys(theme.TOKENS, "#102030"), **colours}
        with open(os.path.join(directory, f"{name}.json"), "w", encoding="utf-8") as file:
            json.dump({"name": name, **values}, file)

    return write


def test_the_settings_theme_is_drawn_unless_another_is_looked_at():
    """Looking is over as soon as nothing is looked at."""
    choice = ThemeChoice(None, os.environ)
    assert choice.shown.name == "OpenUsage Dark"
    assert choice.choose("", "paper") == ""
    assert choice.shown.name == "Paper"
    choice.choose("Ember", "paper")
    assert choice.shown.name == "Ember"
    choice.choose("", "paper")
    assert choice.shown.name == "Paper"
    choice.choose("", "")
    assert choice.shown.name == "OpenUsage Dark"


def test_the_command_line_counts_before_the_settings_until_the_user_chooses():
    """Looking at another theme works all the same."""
    choice = ThemeChoice(theme.builtin("moss"), os.environ)
    choice.choose("", "paper")
    assert choice.shown.name == "Moss"
    choice.choose("Ember", "paper")
    assert choice.shown.name == "Ember"
    choice.choose("", "paper")
    assert choice.shown.name == "Moss"
    assert choice.after("paper", 1) == "Neon Alley"
    choice.release()
    choice.choose("", "paper")
    assert choice.shown.name == "Paper"
    assert choice.after("paper", 1) == "Pine Ridge"


def test_g09_refused_colours_stay_refused():
    """Whatever is looked at or set."""
    choice = ThemeChoice(theme.builtin("mono"), os.environ, colourless=True)
    assert choice.choose("Ember", "paper") == ""
    assert choice.shown.mono


def test_an_unknown_theme_is_said_once_and_gives_the_default():
    """Not again with every piece of news."""
    choice = ThemeChoice(None, os.environ)
    words = "settings: no theme 'Gruvbox', showing openusage-dark"
    assert choice.choose("", "Gruvbox") == words
    assert choice.shown.name == "OpenUsage Dark"
    assert choice.choose("", "Gruvbox") == ""


def test_g07_a_changed_file_is_taken_over_after_reload(own):
    """And the list has what is there now."""
    own("Mine", red="#000001")
    choice = ThemeChoice(None, os.environ)
    choice.choose("", "mine")
    own("Mine", red="#000002")
    own("Other")
    choice.choose("", "mine")
    assert choice.shown.colours["red"] == "#000001"
    assert choice.reload().index("other") > 0
    choice.choose("", "mine")
    assert choice.shown.colours["red"] == "#000002"


def test_g06_each_problem_is_told_once(own):
    """One at a time, file and key."""
    own("One", red="x")
    own("Two", teal="y")
    choice = ThemeChoice(None, os.environ)
    assert "One.json: `red`" in choice.problem()
    assert "Two.json: `teal`" in choice.problem()
    assert choice.problem() == ""
