"""The views of the main screen: goldens in every state, and what keys and mouse do in each."""

from __future__ import annotations

import dataclasses
import random

import pytest

from openusage_client.preferences import VIEWS
from openusage_client.tui.layout import line_width
from openusage_client.tui.views import grid, overview, screens
from openusage_client.tui.views.compact import questions
from openusage_client.tui.watching import Answer
from tests.support import screen_samples as samples
from tests.support.screens import SIZES, check_golden, drawn, page_of

ROWS = {
    "1": lambda: samples.accounts(1),
    "6": lambda: samples.accounts(6),
    "40": lambda: samples.accounts(40),
    "errors": lambda: [samples.signed_out(), samples.stale(), samples.unknown_figures()],
    "stale": lambda: [samples.stale(), samples.codex()],
    "names": lambda: [samples.odd_names(), samples.codex()],
}
OTHERS = [view for view in VIEWS if view != "grid"]


def viewed(view, rows="6", **changes):
    """A state whose main screen is in a view, with what the view asks for answered."""
    state = samples.state(ROWS[rows](), view=view, **changes)
    if view != "compact":
        return state
    answers = {
        one.name: Answer(
            one, samples.model(state.model.accounts, window=dict(one.params)["window"])
        )
        for one in questions(state)
    }
    return dataclasses.replace(state, answers=answers)


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("view", OTHERS)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_golden(view, rows, width, height):
    """The view looks as reviewed (rewritten by `make golden`)."""
    chosen = "codex-7" if rows == "40" else ""
    state = overview.followed(viewed(view, rows, selected=chosen), width, height)
    check_golden(f"tui/{view}-{rows}-{width}x{height}", page_of(drawn(state, width, height)))


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(("width", "height"), [(40, 8), (59, 10), (60, 12), (131, 30), (250, 70)])
@pytest.mark.parametrize("rows", ROWS)
def test_every_view_fits_every_terminal(view, rows, width, height):
    """Exactly the height, never wider than the width, whatever has been pressed before."""
    state = viewed(view, rows)
    for act in (
        lambda s: overview.move(s, width, height, 1, 0),
        lambda s: overview.page(s, width, height, 1),
        lambda s: overview.end(s, width, height, last=True),
        lambda s: overview.wheeled(s, width, height, width - 2, height // 2, -3),
        lambda s: overview.wheeled(s, width, height, 2, 3, 3),
        lambda s: overview.move(s, width, height, 0, -1),
        lambda s: overview.page(s, width, height, -1),
        lambda s: overview.end(s, width, height, last=False),
    ):
        state = act(state)
        lines = screens.render(state, width, height)
        assert len(lines) == height
        assert all(line_width(line) <= width for line in lines)


@pytest.mark.parametrize("view", VIEWS)
def test_every_account_can_be_reached_and_none_twice(view):
    """Arrow by arrow all accounts come past, in their order, and then it ends."""
    state = viewed(view, "40")
    seen = [state.account.account_id]
    while True:
        after = overview.move(state, 80, 24, 0, 1)
        if after.account.account_id == state.account.account_id:
            break
        state = after
        seen.append(state.account.account_id)
    names = [account.account_id for account in state.accounts]
    # The compare view passes over the account of its other side.
    expected = [name for name in names if name != names[1]] if view == "compare" else names
    assert seen == expected


@pytest.mark.parametrize("view", VIEWS)
def test_what_is_drawn_under_a_click_is_what_it_selects(view):
    """Clicking on an account's name finds that account, wherever its view has put it."""
    state = viewed(view)
    lines = drawn(state, 120, 40)
    for title in ("Claude Code (work)", "Codex (fresh)"):
        places = [(line.index(title), y) for y, line in enumerate(lines) if title in line]
        for x, y in places:
            found = overview.account_at(state, 120, 40, x, y)
            account = next(a for a in state.accounts if a.account_id == found)
            assert account.title == title


@pytest.mark.parametrize("view", ["tabs", "split", "compare", "stacked", "grid"])
def test_nothing_of_a_tall_tile_is_out_of_reach(view):
    """Page by page every line of the selected account comes past, down and up again."""
    state = viewed(view, "6", expanded=frozenset({"claude-1"}))
    wanted = {"orchid-nano-3", "tide-tables", "explorer", "TypeScript", "seat"}
    for direction in (1, -1):
        missing = set(wanted)
        for _ in range(12):
            text = "\n".join(drawn(state, 80, 20))
            missing -= {word for word in missing if word in text}
            if not missing:
                break
            state = overview.page(state, 80, 20, direction)
        assert not missing
        assert state.account.account_id == "claude-1"
        for _ in range(12):
            ahead = overview.page(state, 80, 20, direction)
            if ahead.account.account_id != "claude-1":
                break
            state = ahead


def test_the_wheel_moves_freely_and_keys_take_the_selection_back():
    """What the wheel shows need not be a whole tile; the next arrow shows one again."""
    state = viewed("stacked", "40")
    turned = overview.wheeled(state, 80, 24, 10, 10, 3)
    assert turned.scroll["main"] == 3
    for _ in range(30):
        turned = overview.wheeled(turned, 80, 24, 10, 10, 3)
    assert turned.selected_index > 0
    moved = overview.move(turned, 80, 24, 0, 1)
    text = "\n".join(drawn(moved, 80, 24))
    assert f"┏━ {moved.account.title}" in text


def test_the_compact_view_says_so_while_a_period_is_not_known():
    """Before the answer is there a dash stands, never a zero."""
    state = samples.state(samples.accounts(1), view="compact")
    row = next(line for line in drawn(state, 80, 12) if "Claude Code" in line)
    assert row.split()[-3:] == ["1.2M", "—", "41.2M"]


def test_costs_that_are_hidden_have_no_column():
    """Neither an amount nor an empty place for one."""
    shown = viewed("compact", "1")
    assert "≈$62.40" in "\n".join(drawn(shown, 140, 12))
    wishes = dataclasses.replace(shown.preferences, hide_costs=True)
    hidden = dataclasses.replace(
        shown, preferences=wishes, raw=shown.model, model=wishes.applied(shown.model)
    )
    assert "$" not in "\n".join(drawn(hidden, 140, 12))


@pytest.mark.parametrize("seed", range(3))
def test_stack_built_in_part_is_the_same_page(seed, monkeypatch):
    """What lies far below a stack's screen is not built, and nothing that is seen or done differs."""
    width, height = 80, 24
    acts = {
        "next": lambda s: overview.move(s, width, height, 0, 1),
        "back": lambda s: overview.move(s, width, height, 0, -1),
        "page": lambda s: overview.page(s, width, height, 1),
        "page back": lambda s: overview.page(s, width, height, -1),
        "end": lambda s: overview.end(s, width, height, last=True),
        "start": lambda s: overview.end(s, width, height, last=False),
        "wheel": lambda s: overview.wheeled(s, width, height, 5, 10, 3),
        "wheel back": lambda s: overview.wheeled(s, width, height, 5, 10, -3),
    }
    chosen = random.Random(seed)
    part = whole = viewed("stacked", "40")
    for _ in range(40):
        act = acts[chosen.choices(list(acts), [6, 3, 3, 2, 1, 1, 4, 3])[0]]
        part = act(part)
        with monkeypatch.context() as patch:
            patch.setattr(grid, "_AHEAD", 1_000_000)
            whole = act(whole)
            seen = drawn(whole, width, height)
        assert drawn(part, width, height) == seen
        assert part.selected == whole.selected


def test_stack_draws_only_what_may_come_into_view():
    """Of forty full tiles those near the screen are drawn."""
    state = viewed("stacked", "40")
    page = grid.STACKED.build(state, 80, 20)
    assert len(page.tops) < 15
    assert 3 * 20 < len(page.lines) < len(grid.STACKED.build(state, 80, 1_000).lines)
