"""Lines of roles: cut, spread, boxed and arranged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusage_client.tui.layout import (
    arrange,
    box,
    clip_line,
    flow,
    line_width,
    lower_edge,
    pick,
    plain,
    scroll_to,
    spread,
)

SPANS = st.lists(
    st.tuples(st.text(alphabet="ab 東é…", max_size=12), st.sampled_from(["text", "ok"])), max_size=6
)
WIDTH = st.integers(0, 60)


@given(SPANS, WIDTH)
def test_clip_line_never_exceeds_the_width(line, width):
    """A cut line fits."""
    assert line_width(clip_line(line, width)) <= width


@given(SPANS, WIDTH)
def test_clip_line_leaves_alone_what_fits(line, width):
    """What fits keeps its text."""
    if line_width(line) <= width:
        assert plain(clip_line(line, width)) == plain(line)


def test_clip_line_marks_the_cut_at_a_border_of_pieces():
    """A cut between two pieces is as visible as one inside a piece."""
    assert plain(clip_line([("abc", "a"), ("def", "b")], 3)) == "ab…"
    assert plain(clip_line([("abc", "a"), ("  ", "b")], 3)) == "abc"
    assert clip_line([("abc", "a"), ("def", "b")], 5) == [("abc", "a"), ("d…", "b")]


@given(SPANS, SPANS, WIDTH)
def test_spread_fills_the_width(left, right, width):
    """Left and right together are exactly as wide as asked."""
    assert line_width(spread(left, right, width)) == width


def test_spread_keeps_the_right_end():
    """When room is short the left end gives way."""
    assert plain(spread([("left side", "a")], [("right", "b")], 10)) == "lef… right"


def test_pick_takes_the_first_that_fits_else_cuts_the_last():
    """Detail is shed in the given order."""
    forms = [[("long form", "a")], [("short", "a")]]
    assert plain(pick(forms, 9)) == "long form"
    assert plain(pick(forms, 6)) == "short"
    assert plain(pick(forms, 3)) == "sh…"


@given(st.lists(st.lists(SPANS, max_size=5), max_size=5), st.integers(1, 4), st.integers(1, 90))
def test_flow_keeps_every_line_within_the_width(blocks, columns, width):
    """Columns never push each other off the screen."""
    assert all(line_width(line) <= width for line in flow(blocks, columns, width))


def test_flow_fills_the_shortest_column():
    """Blocks stay whole and columns even."""
    blocks = [[[("a1", "t")], [("a2", "t")]], [[("b1", "t")]], [[("c1", "t")]], []]
    assert [plain(line) for line in flow(blocks, 2, 11)] == [
        "a1     b1  ",
        "a2         ",
        "       c1  ",
    ]


@given(SPANS, SPANS, SPANS, st.integers(1, 60), st.booleans())
def test_box_has_straight_edges(title, status, foot, width, heavy):
    """Every line of a box is exactly as wide as the box."""
    lines = box(title, status, [[("body", "t")]], foot, width, heavy=heavy)
    assert {line_width(line) for line in lines} == {width}


def test_box_drops_the_status_before_the_title():
    """The name of an account is worth more than its state."""
    narrow = box([("Account", "t")], [("near limit", "w")], [], [], 20)
    assert plain(narrow[0]) == "╭─ Account ────────╮"
    wide = box([("Account", "t")], [("near limit", "w")], [], [("note", "m")], 32)
    assert plain(wide[0]).startswith("╭─ Account ─")
    assert plain(wide[0]).endswith(" near limit ─╮")
    assert plain(wide[1]).endswith(" note ─╯")


@pytest.mark.parametrize(
    ("width", "tiles", "columns"),
    [(60, 9, 1), (99, 9, 1), (100, 9, 2), (150, 9, 3), (200, 9, 3), (200, 8, 4), (200, 1, 1),
     (200, 0, 1), (200, 5, 3)],
)  # fmt: skip
def test_arrange_follows_the_width_and_avoids_holes(width, tiles, columns):
    """One column per 50 cells, one less when that leaves fewer empty places."""
    plan = arrange(width, tiles)
    assert plan.columns == columns
    assert plan.columns * plan.tile_width + (plan.columns - 1) * plan.gap <= width


@given(st.integers(0, 100), st.integers(1, 20), st.integers(0, 120), st.integers(1, 30))
def test_scroll_to_shows_the_range(top, size, scroll, height):
    """What is selected is wholly in view when it fits, and fills the view when it does not."""
    bottom = top + size
    total = 130
    offset = scroll_to(top, bottom, scroll, height, total)
    if size > height:
        assert top <= offset <= bottom - height
    else:
        assert offset <= top < offset + height
    if size <= height:
        assert bottom <= offset + height


@pytest.mark.parametrize(
    ("width", "note"),
    [(60, "last used 1m ago · checked 2m ago"), (30, "last used 1m ago"), (14, "last us…")],
)
def test_a_note_in_a_frame_sheds_its_last_part_first(width, note):
    """Whole parts are left out before a word is cut."""
    line = lower_edge([], [("last used 1m ago · checked 2m ago", "muted")], width)
    assert f" {note} " in plain(line)
    assert line_width(line) == width
