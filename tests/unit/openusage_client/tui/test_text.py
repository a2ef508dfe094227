"""Text in terminal cells."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from openusage_client.tui.text import (
    bar,
    cell_width,
    clean,
    clip,
    clip_middle,
    pad,
    sparkline,
    wrap,
)

TEXT = st.text(max_size=60)
WIDTH = st.integers(0, 80)


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("abc", 3),
        ("東京", 4),
        ("e\u0301", 1),
        ("❤", 1),
        ("❤\ufe0f", 2),
        ("한", 2),
        ("\u1112\u1161\u11ab", 2),
        ("👩\u200d💻", 4),
        ("", 0),
    ],
)
def test_cell_width_counts_terminal_cells(text, cells):
    """Wide characters take two cells, marks and joiners none, an emoji selector widens."""
    assert cell_width(text) == cells


@given(TEXT, WIDTH)
@example("e\u0301" * 5, 3)
@example("東京", 3)
def test_clip_never_exceeds_the_width(text, width):
    """A clipped text fits, whatever is in it."""
    assert cell_width(clip(text, width)) <= width


@given(TEXT, WIDTH)
def test_clip_leaves_alone_what_fits(text, width):
    """What fits is not touched."""
    if cell_width(text) <= width > 0:
        assert clip(text, width) == text


def test_clip_marks_the_cut_and_keeps_marks_with_their_letter():
    """The reader sees that something is missing, and no accent hangs in the air."""
    assert clip("abcdef", 4) == "abc…"
    assert clip("ae\u0301ioux", 4) == "ae\u0301i…"
    assert clip("東京都", 5) == "東京…"
    assert clip("ab", 1) == "…"


@given(TEXT, WIDTH)
def test_clip_middle_never_exceeds_the_width(text, width):
    """A text cut in the middle fits, too."""
    assert cell_width(clip_middle(text, width)) <= width


def test_clip_middle_keeps_both_ends():
    """Model names differ at their end, so the end stays."""
    assert clip_middle("orchid-large-4-5-20260311", 14) == "orchid-la…0311"


@given(TEXT.map(clean), WIDTH, st.sampled_from("<>^"))
def test_pad_gives_exactly_the_width(text, width, align):
    """Padded text is as wide as asked, except where a wide character leaves half a place."""
    assert cell_width(pad(text, width, align)) == width


def test_pad_aligns():
    """Left, right and centre."""
    assert [pad("ab", 5, align) for align in "<>^"] == ["ab   ", "   ab", " ab  "]


@given(st.text(alphabet=st.characters(), max_size=80))
@example("\x1b[31mred\x07")
@example("\u202eevil")
@example("\ud800")
def test_clean_leaves_nothing_that_moves_the_cursor(text):
    """No control, format, surrogate, private or unassigned character survives."""
    bad = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert not bad.intersection(unicodedata.category(char) for char in clean(text))


def test_clean_limits_piles_of_marks_and_drops_selectors():
    """Three marks per letter, no variation selector, spaces of all kinds are one kind."""
    assert clean("a" + "\u0301" * 9) == "a" + "\u0301" * 3
    assert clean("❤\ufe0f") == "❤"
    assert clean("a\u00a0b\u2028c") == "a b c"
    assert clean("\u0301a") == "a"


@given(st.text(alphabet="ab 東é", max_size=80), st.integers(2, 30), st.integers(0, 3))
def test_wrap_fits_and_honours_the_limit(text, width, limit):
    """No line is wider than asked and there are no more lines than asked."""
    lines = wrap(text, width, limit)
    assert all(cell_width(line) <= width for line in lines)
    assert not limit or len(lines) <= limit


@given(st.text(alphabet="abc ", max_size=80), st.integers(2, 30))
def test_wrap_loses_no_letter(text, width):
    """Without a limit all letters are still there, in order."""
    assert "".join(wrap(text, width)).replace(" ", "") == text.replace(" ", "")


def test_wrap_marks_what_the_limit_cut():
    """The last line ends with the mark of a cut."""
    assert wrap("one two three four", 5, 2) == ["one", "two …"]


@given(st.floats(-1, 3), st.integers(0, 60))
def test_bar_fills_exactly_its_width(fraction, width):
    """Filled and empty part together are as wide as asked."""
    filled, track = bar(fraction, width)
    assert cell_width(filled) + cell_width(track) == width


def test_bar_shows_a_trace_and_the_whole():
    """The smallest share shows, nothing shows nothing, all fills all."""
    assert bar(0.0001, 10) == ("▏", "░" * 9)
    assert bar(0.0, 10) == ("", "░" * 10)
    assert bar(1.0, 10) == ("█" * 10, "")
    assert bar(0.5, 3) == ("█▌", "░")


def test_sparkline_runs_from_zero_to_the_largest():
    """A quiet day is not drawn like a day off."""
    assert sparkline([0, 1, 50, 100]) == "▁▂▅█"
    assert sparkline([0, 0]) == "▁▁"
    assert sparkline([]) == ""


def test_wrap_breaks_a_word_that_is_too_long():
    """A path or key longer than the line is continued on the next one."""
    assert wrap("see /a/very/long/path now", 8) == ["see", "/a/very/", "long/pat", "h now"]


def test_clip_without_room_for_the_mark_cuts_only():
    """One cell cannot hold half of a wide mark."""
    assert clip("abc", 1, "東") == "a"
