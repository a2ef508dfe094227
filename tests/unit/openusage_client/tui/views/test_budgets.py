"""Budgets in the header of the first screen and on the analytics screen."""

from __future__ import annotations

import dataclasses

import pytest

from openusage_client.preferences import Preferences
from openusage_client.tui.layout import line_width, plain
from openusage_client.tui.theme import ROLES
from openusage_client.tui.views import budgets, screens
from openusage_client.tui.wanted import wanted
from openusage_client.tui.watching import Answer
from openusage_proto.alert_messages import Budgets
from tests.support import alert_samples, overall_samples
from tests.support import screen_samples as samples
from tests.support.screens import check_golden, drawn, page_of

WISHES = Preferences(document={"budgets": {"all": {"amount": 200}}})


def with_budgets(state, found=None, error="", wishes=WISHES):
    """The state, with settings that have budgets and the daemon's answer about them."""
    state = dataclasses.replace(state, preferences=wishes)
    (question,) = [one for one in wanted(state) if one.name == budgets.PLACE]
    value = None if error else found or alert_samples.budgets()
    answer = Answer(question, value, error)
    return dataclasses.replace(state, answers={**state.answers, budgets.PLACE: answer})


def only(*names):
    """Those of the sample budgets."""
    found = alert_samples.budgets()
    return dataclasses.replace(found, budgets=[one for one in found.budgets if one.id in names])


def header(state, width):
    """The second line of the first screen."""
    return plain(screens.render(state, width, 24)[1])


def analytics(**changes):
    """The analytics screen."""
    return with_budgets(overall_samples.analytics_state(samples.accounts(2)), **changes)


def test_nothing_is_asked_where_there_are_none():
    """Who has no budgets pays nothing for them."""
    for screen in ("main", "analytics"):
        state = samples.state(
            samples.accounts(1), screens=("main", screen)[: 1 + (screen != "main")]
        )
        assert not [one for one in wanted(state) if one.name == budgets.PLACE]
        state = dataclasses.replace(state, preferences=WISHES)
        assert [one.name for one in wanted(state)].count(budgets.PLACE) == 1
    compact = samples.state(samples.accounts(1), view="compact", preferences=WISHES)
    assert wanted(compact)[0].name == budgets.PLACE


@pytest.mark.parametrize(
    ("names", "words", "role"),
    [
        (("all",), "budget all 20% of $200.00   ●", "value"),
        (("all", "api"), "budget api 80% of $20.00   ●", "warn"),
        (("all", "api", "cn"), "budget cn 131% of 100.00 CNY and 1 more   ●", "crit"),
    ],
)
def test_the_header_names_the_one_that_matters_most(names, words, role):
    """Over comes before on the way over, that before the share; the others are counted."""
    state = with_budgets(samples.state(samples.accounts(1)), only(*names))
    assert words in header(state, 140)
    line = screens.render(state, 140, 24)[1]
    assert [span[1] for span in line if span[0].endswith("%")] == [role]


def test_the_header_gives_way_on_a_narrow_screen():
    """First the amount goes, then the words of the accounts, then the budget; never the totals."""
    state = with_budgets(samples.state(samples.accounts(3)))
    found = [header(state, width) for width in (160, 140, 90, 60)]
    assert "budget cn 131% of 100.00 CNY and 1 more   ● 1 ok" in found[0]
    assert "budget cn 131%   ● 1 ok" in found[1]
    assert "budget cn 131%   ● 1  ◐ 1" in found[2]
    assert "budget" not in found[3]
    assert all(line.startswith(" 30 days") for line in found)


def test_the_panel_says_what_is_spent_and_whether_it_lasts():
    """A row each: the share, the amounts, the end; a name that nothing is known by."""
    state = analytics()
    for width in (60, 100, 120):
        lines = [plain(line) for line in budgets.panel(state, width)]
        check_golden(f"tui/budgets-{width}", page_of(lines))
    text = "\n".join(drawn(state, 120, 60))
    assert "Budgets what may be spent" in text
    assert "until" in text


@pytest.mark.parametrize("width", range(12, 140, 7))
def test_no_line_is_too_wide_and_every_role_is_known(width):
    """Whatever the width."""
    for line in budgets.panel(analytics(), width):
        assert line_width(line) <= width
        assert {role for _, role in line} <= set(ROLES)


def test_hidden_costs_leave_shares_alone():
    """Who hides amounts of money sees how much of a budget is left, and no amount."""
    wishes = dataclasses.replace(WISHES, hide_costs=True)
    text = "\n".join(plain(line) for line in budgets.panel(analytics(wishes=wishes), 120))
    assert "131%" in text
    assert "this month, over" in text
    assert "$" not in text
    assert "CNY" not in text
    state = with_budgets(samples.state(samples.accounts(1)), wishes=wishes)
    assert "budget cn 131% and 1 more" in header(state, 140)


def test_what_is_not_known_is_not_shown():
    """Before the answer, after a refusal by an older daemon, and when the last budget has gone."""
    waiting = samples.state(samples.accounts(1), preferences=WISHES)
    refused = with_budgets(samples.state(samples.accounts(1)), error="no such method")
    gone = dataclasses.replace(with_budgets(waiting), preferences=Preferences())
    empty = with_budgets(waiting, Budgets(timezone="UTC"))
    for state in (waiting, refused, gone, empty):
        assert "budget" not in header(state, 140)
        assert budgets.panel(state, 80) == []


def test_budgets_are_there_before_anything_was_used():
    """A month that has just begun has no use and a budget."""
    idle = samples.claude(usage=None)
    state = with_budgets(overall_samples.analytics_state([idle]), only("all"))
    assert "Budgets what may be spent" in "\n".join(drawn(state, 100, 30))
