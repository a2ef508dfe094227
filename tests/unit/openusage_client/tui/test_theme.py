"""Themes: validated, complete, and degraded to fewer colours."""

from __future__ import annotations

import json

import pytest

from openusage_client.tui import theme
from openusage_client.tui.theme import ThemeError

COLOURS = {"name": "Test", **dict.fromkeys(theme.TOKENS, "#102030")}


def contrast(one, other):
    """WCAG contrast ratio of two colours."""

    def luminance(colour):
        parts = [part / 255 for part in theme.rgb(colour)]
        linear = [
            part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_builtin_themes_load():
    """A dark, a light, a high-contrast and a mono theme come with the program."""
    names = theme.builtin_names()
    assert {"openusage-dark", "openusage-light", "high-contrast", "mono"} <= set(names)
    for name in names:
        assert theme.builtin(name).name
    assert theme.builtin("High Contrast").paint
    assert theme.builtin("mono").mono


@pytest.mark.parametrize(
    ("name", "least"), [("openusage-dark", 4.5), ("openusage-light", 4.5), ("high-contrast", 7.0)]
)
def test_text_can_be_read(name, least):
    """Every role that carries words has the contrast WCAG asks for (7 for high contrast)."""
    chosen = theme.builtin(name)
    for role_name, role in theme.ROLES.items():
        if role_name.startswith(("border", "track", "bar")):
            continue
        fore = chosen.colours[role.token]
        if fore == theme.TERMINAL:
            continue
        back = chosen.colours[role.background or "base"]
        assert contrast(fore, back) >= least, role_name


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
