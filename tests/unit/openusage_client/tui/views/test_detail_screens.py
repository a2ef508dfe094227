"""The detail screens whole: an account's page, the way down from a number, explanations."""

from __future__ import annotations

import dataclasses

import pytest

from openusage_client.preferences import Preferences
from openusage_client.tui.detail import asking
from openusage_client.tui.layout import line_width
from openusage_client.tui.theme import ROLES
from openusage_client.tui.views import screens
from tests.support import detail_samples as details
from tests.support import screen_samples as samples
from tests.support.screens import SIZES, check_golden, drawn, page_of


def hidden():
    """The settings hide all costs."""
    shown = Preferences(hide_costs=True)
    state = details.detail(preferences=shown)
    return dataclasses.replace(state, model=shown.applied(state.model))


def refused():
    """The daemon cannot say what happened over time."""
    state = dataclasses.replace(details.detail(), answers={})
    return details.answered(state, asking.activity_question(state), error="the store is busy")


CASES = {
    "page": details.detail,
    "page-trends": lambda: details.detail(scroll={"detail": 44}),
    "page-cursor": lambda: details.detail("chart/cost", 3, scroll={"detail": 60}),
    "page-heat": lambda: details.detail("chart/heat", 8, scroll={"detail": 80}),
    "page-row": lambda: details.detail(f"models/{details.LARGE}"),
    "page-hidden": hidden,
    "page-refused": refused,
    "drill-days": lambda: details.drill(("model", details.LARGE), value=details.activity()),
    "drill-sessions": lambda: details.drill(since="2026-03-12", value=details.explanation()),
    "drill-turns": lambda: details.drill(
        ("session", "0198c1d2-6f1c-7bd4"), value=details.explanation(events="two")
    ),
    "explain": lambda: details.explain(details.explanation(events="two"), since="2026-03-12"),
    "explain-limit": lambda: details.explain(metric="usage_five_hour"),
    "explain-refused": lambda: details.explain(error="model: none of this name was used"),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_golden(name, width, height):
    """The screen looks as reviewed (rewritten by `make golden`)."""
    lines = drawn(CASES[name](), width, height)
    check_golden(f"tui/detail-{name}-{width}x{height}", page_of(lines))


@pytest.mark.parametrize("name", CASES)
def test_every_size_fits_and_every_role_exists(name):
    """No line is wider than the terminal from 1 to 220 cells, and all roles have a colour."""
    state = CASES[name]()
    for width in (*range(1, 132, 7), 190, 220):
        for height in (3, 12, 24, 60):
            lines = screens.render(state, width, height)
            assert len(lines) == height
            assert all(line_width(line) <= width for line in lines)
            assert {role for line in lines for _, role in line} <= set(ROLES)


@pytest.mark.parametrize("rows", [[samples.odd_names()], [samples.unknown_figures()],
                                  [samples.signed_out()], [samples.stale()]])  # fmt: skip
def test_odd_accounts_have_a_page(rows):
    """Names with control characters, unknown figures, no usage: nothing fails, nothing leaks."""
    state = samples.state(rows, screens=("main", "detail"))
    state = details.answered(state, asking.activity_question(state), details.activity())
    for width in (60, 200):
        text = "\n".join(drawn(state, width, 60))
        assert "\x1b" not in text
        assert "\x07" not in text


def test_nothing_is_shown_of_an_account_that_has_gone():
    """All screens are empty, not broken, when the account is gone."""
    for screen in ("detail", "drill", "explain"):
        state = samples.state([], screens=("main", screen))
        assert len(screens.render(state, 80, 24)) == 24
