"""Which themes there are: built in, the user's own, and what is wrong with a file."""

from __future__ import annotations

import json
import os

import pytest

from openusage_client.tui import theme, theme_files
from openusage_client.tui.theme import ThemeError

COLOURS = dict.fromkeys(theme.TOKENS, "#102030")


def write(directory, file_name, **values):
    """A theme file; the defaults make a valid one."""
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, file_name)
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"name": "Mine", **COLOURS, **values}, file)
    return path


@pytest.fixture
def own_directory(isolated_home):
    """`themes` below the configuration directory."""
    return os.path.join(isolated_home, ".config", "openusage", "themes")


def names(catalogue):
    """The names of a catalogue."""
    return [entry.theme.name for entry in catalogue.entries]


def test_g03_eighteen_themes_are_built_in_and_all_load():
    """More than the reference has; the default leads; three are light, two of high contrast."""
    catalogue = theme_files.read(os.environ)
    assert len(catalogue.entries) >= 19
    assert catalogue.problems == ()
    assert names(catalogue)[0] == "OpenUsage Dark"
    assert len(set(names(catalogue))) == len(catalogue.entries)
    painted = [entry.theme for entry in catalogue.entries if not entry.theme.mono]
    light = [item for item in painted if theme.luminance(item.colours["base"]) > 0.5]
    assert len(light) >= 3
    assert len([item for item in painted if "High Contrast" in item.name]) == 2
    assert all(entry.theme.icon for entry in catalogue.entries)


def test_g04_a_file_in_the_theme_folder_appears_and_replaces(own_directory):
    """A new name is appended, a known one takes the known one's place; only JSON counts."""
    write(own_directory, "b.JSON", name="My Own")
    write(own_directory, "a.json", name="paper", text="#fedcba")
    write(own_directory, "notes.txt", name="No Theme")
    before = [entry.theme.name for entry in theme_files.read({"HOME": "/nonexistent"}).entries]
    catalogue = theme_files.read(os.environ)
    assert names(catalogue)[-1] == "My Own"
    assert names(catalogue).index("paper") == before.index("Paper")
    assert len(catalogue.entries) == len(before) + 1
    entry = catalogue.entries[catalogue.index("Paper")]
    assert entry.theme.colours["text"] == "#fedcba"
    assert entry.origin == os.path.join(own_directory, "a.json")
    assert theme_files.find("PAPER", os.environ).colours["text"] == "#fedcba"


def test_g05_extra_theme_folders_are_read_in_order(isolated_home, own_directory, monkeypatch):
    """Each folder of OPENUSAGE_THEME_DIR once, a later theme of a name over an earlier one."""
    one, two = os.path.join(isolated_home, "one"), os.path.join(isolated_home, "two")
    write(own_directory, "x.json", red="#000001")
    write(one, "x.json", red="#000002")
    write(two, "x.json", red="#000003")
    value = os.pathsep.join([one, f"~/two{os.sep}", f"{one}{os.sep}.", " "])
    monkeypatch.setenv("OPENUSAGE_THEME_DIR", value)
    assert theme_files.directories(os.environ) == [own_directory, one, two]
    assert theme_files.find("mine", os.environ).colours["red"] == "#000003"
    assert names(theme_files.read(os.environ)).count("Mine") == 1


def test_g06_a_bad_file_is_left_out_and_named_with_its_key(own_directory, monkeypatch):
    """The message names the file and the key; the other files are used."""
    bad = write(own_directory, "bad.json", name="Bad", peach="peachy")
    write(own_directory, "good.json", name="Good")
    with open(os.path.join(own_directory, "half.json"), "w", encoding="utf-8") as file:
        file.write("{")
    monkeypatch.setenv("OPENUSAGE_THEME_DIR", "/nonexistent/themes")
    catalogue = theme_files.read(os.environ)
    assert "Good" in names(catalogue)
    assert "Bad" not in names(catalogue)
    told = catalogue.problems
    assert told[0] == f"{bad}: `peach` must be #RGB, #RRGGBB or default, not 'peachy'"
    assert told[1].startswith(os.path.join(own_directory, "half.json") + ": not JSON")
    assert told[2] == "/nonexistent/themes: No such file or directory"
    assert theme_files.problems(os.environ) == list(told)


def test_a_folder_that_cannot_be_listed_is_said(own_directory):
    """A file where the folder should be."""
    os.makedirs(os.path.dirname(own_directory))
    with open(own_directory, "w", encoding="utf-8"):
        pass
    assert theme_files.read(os.environ).problems == (f"{own_directory}: Not a directory",)


def test_a_huge_folder_is_cut(own_directory, monkeypatch):
    """A wrong path never makes the start slow, and the cut is said."""
    monkeypatch.setattr(theme_files, "_MAX_FILES", 2)
    for number in range(3):
        write(own_directory, f"{number}.json", name=f"T{number}")
    catalogue = theme_files.read(os.environ)
    assert names(catalogue)[-2:] == ["T0", "T1"]
    assert catalogue.problems == (f"{own_directory}: only the first 2 themes are read",)


def test_g07_what_is_read_is_what_is_there_now(own_directory):
    """A second look sees a file that was written meanwhile: nothing is kept."""
    write(own_directory, "x.json", red="#000001")
    assert theme_files.find("Mine", os.environ).colours["red"] == "#000001"
    write(own_directory, "x.json", red="#000002")
    assert theme_files.find("Mine", os.environ).colours["red"] == "#000002"


def test_an_unknown_name_lists_all_and_what_could_not_be_used(own_directory):
    """Whoever wrote a theme that is refused sees why at once."""
    write(own_directory, "good.json", name="Good")
    write(own_directory, "mine.json", name="Mine", teal="")
    with pytest.raises(ThemeError) as caught:
        theme_files.find("Mine", os.environ)
    words = str(caught.value)
    assert words.startswith("no theme 'Mine'; there are: ")
    assert "Good" in words
    assert "mine.json: `teal` must be" in words


def test_cycling_goes_round():
    """After the last comes the first; from an unknown name the first, too."""
    catalogue = theme_files.read({"HOME": "/nonexistent"})
    first, last = catalogue.entries[0], catalogue.entries[-1]
    assert catalogue.after(last.theme.name) == first
    assert catalogue.after(first.theme.name, -1) == last
    assert catalogue.after("nonesuch") == first
    assert catalogue.index("HARBOUR NIGHT") == catalogue.index("harbour-night") >= 0
