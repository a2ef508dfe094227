"""Themes: validated, complete, and degraded to fewer colours."""

from __future__ import annotations

import json

import pytest

from openusage_client.tui import theme
from openusage_client.tui.theme import ThemeError

COLOURS = {"name": "Test", **dict.fromkeys(theme.TOKENS, "#102030")}


def test_builtin_themes_load():
    """A dark, a light, a high-contrast and a mono theme come with the program."""
    names = theme.builtin_names()
    assert {"openusage-dark", "openusage-light", "high-contrast", "mono"} <= set(names)
    for name in names:
        assert theme.builtin(name).name
    assert theme.builtin("High Contrast").paint
    assert theme.builtin("mono").mono


def of_256(number):
    """Red, green and blue of a fixed colour of a 256-colour terminal."""
    if number >= 232:
        return f"#{8 + 10 * (number - 232):02x}" + f"{8 + 10 * (number - 232):02x}" * 2
    steps = (0, 95, 135, 175, 215, 255)
    cube = number - 16
    return "#" + "".join(f"{steps[part]:02x}" for part in (cube // 36, cube // 6 % 6, cube % 6))


LINES = ("border", "track")
PAINTED = [name for name in theme.builtin_names() if not theme.builtin(name).mono]


@pytest.mark.parametrize("degrade", [False, True], ids=["exact", "256 colours"])
@pytest.mark.parametrize("name", PAINTED)
def test_g08_every_role_can_be_read(name, degrade):
    """
    WCAG AA (4.5) for each role on its background, 7 for high contrast, at 256 colours, too.

    Frames and the empty part of a bar carry nothing: they have to be seen, not read.
    """
    chosen = theme.builtin(name)
    high = "high-contrast" in name
    for role_name, role in theme.ROLES.items():
        fore = chosen.colours[role.token]
        if fore == theme.TERMINAL:
            continue
        back = chosen.colours[role.background or "base"]
        if degrade:
            fore, back = (of_256(theme.nearest_256(colour)) for colour in (fore, back))
        decoration = role_name in LINES
        least = (3.0 if high else 1.3) if decoration else (7.0 if high else 4.5)
        assert theme.contrast(fore, back) >= least, role_name


@pytest.mark.parametrize("count", [8, 16])
@pytest.mark.parametrize("name", PAINTED)
def test_g09_every_role_can_be_read_on_basic_colours(name, count):
    """On 8 and 16 colours no word disappears in its background: 3 at least, as xterm has them."""
    chosen = theme.builtin(name)
    behind = theme.ground(chosen.colours["base"], count) if chosen.paint else 0
    for role_name, role in theme.ROLES.items():
        if role.background or chosen.colours[role.token] == theme.TERMINAL:
            continue
        number = theme.on_ground(chosen.colours[role.token], behind, count)
        assert 0 <= number < count
        ratio = theme._ratio(theme._BASIC[number], theme._BASIC[behind])
        assert ratio >= 3.0, role_name


def test_basic_colours_keep_the_hue_where_it_can_be_read():
    """Yellow is yellow on black and black on white; a grey stays fainter than white."""
    assert theme.on_ground("#f2c14e", 0, 8) == 3
    assert theme.on_ground("#f2c14e", 7, 8) == 0
    assert theme.on_ground("#6cb2ff", 0, 16) == 12
    assert theme.on_ground("#c0242d", 15, 16) == 1
    assert theme.on_ground("#8b95a5", 0, 16) == 8
    assert theme.on_ground("#8b95a5", -1, 8) == 7
    assert theme.on_ground("default", 0, 8) == -1
    assert theme.ground("default", 16) == -1
    assert [theme.ground(colour, 16) for colour in ("#11151c", "#ffffff")] == [0, 15]
    assert [theme.ground(colour, 8) for colour in ("#11151c", "#ffffff")] == [0, 7]


def test_a_theme_of_three_digit_colours_and_terminal_colours_is_fine():
    """Both short forms are read."""
    parsed = theme.parse({**COLOURS, "text": "default", "red": "#f00"})
    assert theme.rgb(parsed.colours["red"]) == (255, 0, 0)
    assert theme.rgb(parsed.colours["text"]) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": " "}, "`name`"),
        ({"red": None}, "`red` is missing"),
        ({"red": "tomato"}, "`red` must be #RGB, #RRGGBB or default, not 'tomato'"),
        ({"red": "#12345"}, "`red`"),
        ({"mauve": 7}, "`mauve`"),
    ],
)
def test_a_wrong_theme_names_the_key(change, words):
    """The author of a theme is told what to correct."""
    with pytest.raises(ThemeError, match=words.replace("#", ".")):
        theme.parse({**COLOURS, **change})


def test_all_problems_are_told_at_once():
    """Nobody corrects one key per attempt."""
    with pytest.raises(ThemeError) as caught:
        theme.parse({"name": "Empty"})
    assert str(caught.value).count("is missing") == len(theme.TOKENS)


@pytest.mark.parametrize("content", ["{", "[1]", "[" * 70_000])
def test_a_file_that_is_no_theme_is_refused_with_its_path(tmp_path, content):
    """The message names the file."""
    path = tmp_path / "odd.json"
    path.write_text(content)
    with pytest.raises(ThemeError, match=r"odd\.json"):
        theme.load(str(path))


def test_a_file_that_cannot_be_read_is_refused_with_its_path(tmp_path):
    """Missing files, wrong keys: the same form."""
    with pytest.raises(ThemeError, match=r"absent\.json"):
        theme.load(str(tmp_path / "absent.json"))
    path = tmp_path / "half.json"
    path.write_text(json.dumps({**COLOURS, "blue": "navy"}))
    with pytest.raises(ThemeError, match=r"half\.json: `blue`"):
        theme.load(str(path))


def test_an_unknown_name_lists_the_known_ones():
    """A typing error is easy to correct."""
    with pytest.raises(ThemeError, match=r"there are: .*openusage-dark"):
        theme.builtin("opnusage")


@pytest.mark.parametrize(
    ("colour", "number"),
    [("#000000", 16), ("#ffffff", 231), ("#ff0000", 196), ("#808080", 244), ("#5fd787", 78),
     ("default", -1)],
)  # fmt: skip
def test_nearest_256_uses_the_fixed_colours(colour, number):
    """Cube and grey ramp; never the sixteen a user may have changed."""
    assert theme.nearest_256(colour) == number


@pytest.mark.parametrize(
    ("colour", "number"),
    [("#ff6b6b", 1), ("#5fd787", 2), ("#f2c14e", 3), ("#6cb2ff", 4), ("#c48cf5", 5),
     ("#5fd7ff", 6), ("#ffffff", 7), ("#0b0e13", 0), ("#8b95a5", 7), ("default", -1)],
)  # fmt: skip
def test_nearest_8_keeps_the_hue(colour, number):
    """A pastel red is still red on eight colours."""
    assert theme.nearest_8(colour) == number
