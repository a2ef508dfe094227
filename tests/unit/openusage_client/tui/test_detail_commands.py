"""The keys of the detail screens, without a terminal: rows, cards, cursor, the way down and up."""

from __future__ import annotations

import dataclasses

import pytest

from openusage_client.tui import actions, keymap, wanted
from openusage_client.tui.detail import asking
from openusage_client.tui.detail.model import Figure
from openusage_client.tui.effects import Size
from openusage_client.tui.views import detail, frame
from openusage_proto import methods
from tests.support import detail_samples as details
from tests.support import overall_samples as overall
from tests.support import screen_samples as samples

LOW = Size(80, 24)


def press(state, keys, size=LOW):
    """The state after these keys."""
    for key in keys:
        command = keymap.lookup(state.context, key)
        assert command, (state.context, key)
        state, _effects = actions.perform(command, state, size)
    return state


def test_rows_take_the_focus_in_order_and_stay_in_view():
    """Down goes from row to row; whatever is in focus can be seen."""
    state = details.detail()
    room = frame.content_height(LOW.height) - 1
    seen = []
    for _ in range(150):
        state = press(state, ["Down"])
        place = detail.page(state, LOW.width).place(state.detail.focused("detail"))
        if place is not None:
            offset = state.scroll.get("detail", 0)
            if place.spot.id not in seen:
                assert offset <= place.line < offset + room
                seen.append(place.spot.id)
    page = detail.page(state, LOW.width)
    every = [place.spot.id for place in page.places]
    assert seen == every[: len(seen)]
    assert len(seen) > 20
    assert seen[0] == "metric/usage_five_hour"
    back = press(state, ["Up"] * 300)
    assert back.detail.focused("detail") == every[0]
    assert back.scroll["detail"] == 0


def test_after_a_jump_the_focus_begins_where_one_looks():
    """PgDn leaves the focus behind; Down then takes the first row that is seen, Up the last."""
    state = press(details.detail(), ["Down", "PgDn", "PgDn"])
    offset = state.scroll["detail"]
    down = press(state, ["Down"])
    place = detail.page(down, LOW.width).place(down.detail.focused("detail"))
    assert place.line >= offset
    assert down.scroll["detail"] == offset


def test_tab_goes_through_all_cards_and_round():
    """Each card once, its top at the top edge (or as far up as the page can go)."""
    state = details.detail()
    page = detail.page(state, LOW.width)
    tops = [top for _, top in page.cards]
    last = len(page.lines) - (frame.content_height(LOW.height) - 1)
    reached = []
    for _ in tops:
        state = press(state, ["Tab"])
        reached.append(state.scroll["detail"])
    assert reached == [min(top, last) for top in tops]
    assert press(state, ["Tab"]).scroll["detail"] == tops[0]
    assert press(state, ["BackTab"]).scroll["detail"] == min(tops[-2], last)


def test_arrows_move_a_charts_cursor_and_else_turn_cards():
    """On a chart left is a day back, down to the first day; on another row it is the card before."""
    state = press(details.detail("chart/tokens"), ["Left", "Left", "Right"])
    assert state.detail.cursor == 1
    assert press(state, ["Right", "Right"]).detail.cursor == 0
    assert press(state, ["Left"] * 99).detail.cursor == 29
    row = details.detail(f"models/{details.LARGE}")
    assert press(row, ["Right"]).detail.focused("detail") != row.detail.focused("detail")


def test_enter_goes_down_and_escape_comes_back_step_by_step():
    """Model, day, session, turns, and back up to the same row and scroll of the page."""
    state = details.detail(f"models/{details.LARGE}", scroll={"detail": 40})
    state = press(state, ["Enter"])
    assert (state.screen, state.detail.trail[-1].level) == ("drill", "days")
    state = details.answered(state, asking.drill_question(state), details.activity())
    state = press(state, ["Down", "Enter"])
    assert state.detail.trail[-1].since == "2026-03-12"
    state = details.answered(state, asking.drill_question(state), details.explanation())
    state = press(state, ["Down", "Down", "Enter"])
    step = state.detail.trail[-1]
    assert (step.asks("session"), step.asks("model"), step.level) == (
        "s-2",
        details.LARGE,
        "events",
    )
    state = details.answered(state, asking.drill_question(state), details.explanation(events="two"))
    assert press(state, ["Down", "Enter"]).notice == "there is nothing below this row"
    state = press(state, ["Esc"])
    assert state.detail.focused("drill") == "session/s-2"
    state = press(state, ["Esc"])
    assert state.detail.focused("drill") == "day/2026-03-12"
    state = press(state, ["Esc"])
    assert (state.screens, state.scroll["detail"]) == (("main", "detail"), 40)
    assert state.detail.focused("detail") == f"models/{details.LARGE}"


def test_enter_without_a_row_says_what_to_do():
    """No dead key: it tells how to choose a row."""
    assert "choose a row" in press(details.detail(), ["Enter"]).notice
    tools = press(details.detail("metric/usage_five_hour"), ["Enter"])
    assert tools.notice == "there is nothing below this row"


@pytest.mark.parametrize(("focus", "expected"), [
    ("metric/usage_five_hour", {"metric": "usage_five_hour"}),
    (f"models/{details.SMALL}", {"filters": (("model", details.SMALL),)}),
    ("projects/harbour", {"filters": (("project", "harbour"),)}),
    ("clients/claude_code", {"filters": (("client", "claude_code"),)}),
    ("other_data/main", {"filters": (("agent", "main"),)}),
    ("provider_burn/anthropic", {"filters": (("billed_by", "anthropic"),)}),
    ("day/2026-03-11", {"since": "2026-03-11", "until": "2026-03-11"}),
    ("used/Cost", {}),
    ("spent/Today", {"since": "2026-03-12"}),
    ("chart/cost", {"since": "2026-03-10"}),
])  # fmt: skip
def test_e_explains_the_number_in_focus(focus, expected):
    """What is asked is exactly what the row shows."""
    state = press(details.detail(focus, cursor=2), ["e"])
    assert state.screen == "explain"
    for name, value in {"account": "claude-1", **expected}.items():
        assert getattr(state.detail.figure, name) == value


def test_e_without_a_focus_explains_the_account_and_on_the_overview_too():
    """The whole number of the selected account."""
    for state in (details.detail(), samples.state(samples.accounts(3))):
        asked = press(state, ["e"]).detail.figure
        assert (asked.account, asked.filters, asked.since) == ("claude-1", (), "")
    assert press(samples.state([]), ["e"]).screen == "main"


def test_e_explains_what_all_accounts_used_on_the_analytics_screen():
    """The total is asked for in the window of the screen, of no account in particular."""
    state = press(overall.analytics_state(samples.accounts(2)), ["e"])
    assert state.screen == "explain"
    (one,) = wanted.wanted(state)
    assert one.method == methods.EXPLAIN
    assert set(dict(one.params)) == {"window", "tz", "sessions"}
    assert press(state, ["Esc"]).screen == "analytics"


def test_e_explains_the_chosen_session_and_the_open_one():
    """In the list it is the row in focus, on a session's page that session; its tool is named."""
    rows = [overall.session(1), overall.session(2, source="codex")]
    listed = press(overall.sessions_state(samples.accounts(1), rows), ["Down", "e"])
    opened = press(overall.session_state(samples.accounts(1), rows[1]), ["e"])
    for state in (listed, opened):
        assert state.screen == "explain"
        (one,) = wanted.wanted(state)
        params = dict(one.params)
        assert params["session"] == rows[1].session_id
        assert params["provider"] == "codex"
        assert "account" not in params
    nothing = press(overall.sessions_state([], []), ["e"])
    assert nothing.screen == "sessions"
    assert "no number to explain" in nothing.notice


def test_a_screen_asks_only_for_what_it_shows():
    """Nothing is asked beside the read model unless a screen that needs it is open."""
    state = details.detail()
    assert [one.method for one in wanted.wanted(state)] == [methods.ACTIVITY, methods.SERIES]
    down = press(details.detail(f"models/{details.LARGE}"), ["Enter"])
    (one,) = wanted.wanted(down)
    assert dict(one.params)["model"] == details.LARGE
    assert dict(one.params)["tz"] == "Europe/Berlin"
    limit = press(details.detail("metric/usage_five_hour"), ["e"])
    assert [one.method for one in wanted.wanted(limit)] == [methods.SERIES]
    usage = press(details.detail(), ["e"])
    assert [one.method for one in wanted.wanted(usage)] == [methods.EXPLAIN]
    none = dataclasses.replace(
        details.detail(), detail=dataclasses.replace(state.detail, figure=None)
    )
    assert asking.explain_questions(none) == ()
    assert asking.drill_questions(none) == ()
    assert asking.detail_questions(samples.state([])) == ()


def test_an_answer_to_another_question_is_not_shown():
    """Figures of another account or window never stand under this one's name."""
    state = details.detail()
    other = dataclasses.replace(state, selected="codex-1")
    assert asking.answer_to(other, asking.activity_question(other)) is None
    week = dataclasses.replace(state, window="7d")
    assert asking.answer_to(week, asking.activity_question(week)) is None
    assert asking.answer_to(state, asking.activity_question(state)) is not None


def test_levels_of_a_number():
    """Days are known by model and project; everything else goes to its sessions at once."""
    whole = Figure(account="a")
    assert whole.level == "days"
    assert whole.with_filter("project", "/p").level == "days"
    assert whole.with_filter("client", "c").level == "sessions"
    assert whole.at_day("2026-03-01", "Mar 1").level == "sessions"
    assert whole.with_filter("session", "s").level == "events"
    assert whole.with_filter("model", "x").with_filter("model", "y").filters == (("model", "y"),)
