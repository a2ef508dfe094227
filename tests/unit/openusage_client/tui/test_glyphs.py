"""Drawing characters for poorer terminals."""

from __future__ import annotations

import pytest

from openusage_client.tui import glyphs
from openusage_client.tui.layout import plain
from openusage_client.tui.text import cell_width
from openusage_client.tui.views import screens
from tests.support import detail_samples as details
from tests.support import screen_samples as samples


@pytest.mark.parametrize(
    ("encoding", "term", "chosen"),
    [
        ("UTF-8", "xterm-256color", glyphs.UNICODE),
        ("utf8", "vt100", glyphs.UNICODE),
        ("UTF-8", "linux", glyphs.CONSOLE),
        ("ANSI_X3.4-1968", "xterm", glyphs.ASCII),
        ("ISO-8859-1", "linux", glyphs.ASCII),
    ],
)
def test_choose_follows_locale_and_terminal(encoding, term, chosen):
    """Only a UTF-8 locale gets more than ASCII; the Linux console gets what its font has."""
    assert glyphs.choose(encoding, term) is chosen


@pytest.mark.parametrize("glyph_set", [glyphs.CONSOLE, glyphs.ASCII, glyphs.UNICODE])
def test_drawing_keeps_the_width(glyph_set):
    """Every character becomes one of the same width, so nothing moves."""
    for screen in (("main",), ("main", "detail"), ("main", "help")):
        state = samples.state([samples.odd_names(), samples.codex()], screens=screen)
        for line in screens.render(state, 100, 40):
            text = plain(line)
            assert cell_width(glyph_set.draw(text)) == cell_width(text)


def test_ascii_draws_nothing_but_ascii():
    """Names in other scripts become question marks of the same width."""
    assert glyphs.ASCII.draw("╭─ 東京 ██░ ≈$1 · é") == "+- ???? ##- ~$1 . ?"
    state = samples.state([samples.odd_names(), samples.codex()])
    assert all(glyphs.ASCII.draw(plain(line)).isascii() for line in screens.render(state, 90, 40))


def test_charts_and_heat_maps_read_in_ascii():
    """Lines keep their heights, shades stay five different ones, the chosen row is marked."""
    assert glyphs.ASCII.draw("⠉⠒⠤⣀⡇") == "'--.|"
    assert len({glyphs.ASCII.draw(shade) for shade in "·░▒▓█"}) == 5
    assert glyphs.ASCII.draw("▸ 10M┤ ■ a") == "> 10M+ * a"
    assert glyphs.CONSOLE.draw("⠉⠤⣀⡇▸") == "'-.|>"
    assert glyphs.CONSOLE.draw("░▒▓█■┤«»") == "░▒▓█■┤«»"
    page = details.detail("chart/models", 2, scroll={"detail": 40})
    for line in screens.render(page, 100, 60):
        assert glyphs.ASCII.draw(plain(line)).isascii()
        assert "?" not in glyphs.ASCII.draw(plain(line).replace("?", ""))


def test_the_pace_mark_stays_visible_inside_a_bar():
    """In no glyph set does the mark look like the bar it lies on."""
    for glyph_set in (glyphs.CONSOLE, glyphs.ASCII):
        assert glyph_set.draw("╏") not in (glyph_set.draw("█"), glyph_set.draw("░"))
