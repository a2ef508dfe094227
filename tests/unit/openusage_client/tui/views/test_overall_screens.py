"""The analytics and sessions screens as text: goldens, and any state on any terminal."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openusage_client.preferences import Preferences
from openusage_client.tui.layout import line_width, plain
from openusage_client.tui.theme import ROLES
from openusage_client.tui.views import screens
from openusage_proto.messages import Totals, Usage
from tests.support import overall_samples as overall
from tests.support import screen_samples as samples
from tests.support.screens import SIZES, check_golden, drawn, page_of


def hidden():
    """Costs are hidden everywhere."""
    wishes = Preferences(hide_costs=True)
    rows = samples.accounts(3)
    shown = wishes.applied(samples.model(rows))
    return overall.analytics_state(rows, preferences=wishes, model=shown)


IDLE = samples.claude(usage=Usage(totals=Totals(), today=Totals()))

CASES = {
    "analytics-waiting": lambda: samples.state(samples.accounts(3), screens=("main", "analytics")),
    "analytics-nothing": lambda: overall.analytics_state([IDLE]),
    "analytics-1": lambda: overall.analytics_state(samples.accounts(1)),
    "analytics-6": lambda: overall.analytics_state(samples.accounts(6)),
    "analytics-40": lambda: overall.analytics_state(samples.accounts(40)),
    "analytics-error": lambda: overall.analytics_state(
        samples.accounts(3), error="the database is locked by another program"
    ),
    "analytics-stale": lambda: overall.analytics_state([samples.stale()]),
    "analytics-names": lambda: overall.analytics_state([samples.odd_names(), samples.codex()]),
    "analytics-hidden": hidden,
    "analytics-history": lambda: overall.analytics_state(
        samples.accounts(3),
        overall.analytics(samples.accounts(3), previous_complete=False),
    ),
    "sessions-waiting": lambda: samples.state(samples.accounts(1), screens=("main", "sessions")),
    "sessions-nothing": lambda: overall.sessions_state(samples.accounts(1), []),
    "sessions-1": lambda: overall.sessions_state(samples.accounts(1), [overall.session(1)]),
    "sessions-40": lambda: overall.sessions_state(
        samples.accounts(6), [overall.session(number) for number in range(40)], 412
    ),
    "sessions-names": lambda: overall.sessions_state(
        samples.accounts(1), [overall.session(1), overall.odd_session()]
    ),
    "sessions-error": lambda: overall.sessions_state(
        samples.accounts(1), [], error="the database is locked by another program"
    ),
    "session": lambda: overall.session_state(samples.accounts(1), overall.session(2)),
    "session-names": lambda: overall.session_state(samples.accounts(1), overall.odd_session()),
    "session-sums": lambda: overall.session_state(samples.accounts(1), overall.session(2), []),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_golden(name, width, height):
    """The screen looks as reviewed (rewritten by `make golden`)."""
    lines = drawn(CASES[name](), width, height)
    check_golden(f"tui/{name}-{width}x{height}", page_of(lines))


@settings(max_examples=80, deadline=None)
@given(
    name=st.sampled_from(sorted(CASES)),
    width=st.integers(1, 250),
    height=st.integers(1, 70),
    scroll=st.integers(0, 200),
    sort=st.sampled_from(["cost", "tokens", "requests", "change", "name"]),
    wanted=st.text(max_size=20),
)
def test_any_terminal(name, width, height, scroll, sort, wanted):
    """Exactly the height, never wider, only known roles, nothing a terminal would obey."""
    state = CASES[name]()
    state = dataclasses.replace(
        state,
        scroll={state.screen: scroll},
        filters={state.screen: wanted} if wanted else {},
        analytics=dataclasses.replace(state.analytics, sort=sort),
    )
    lines = screens.render(state, width, height)
    assert len(lines) == height
    for line in lines:
        assert line_width(line) <= width
        assert {role for _, role in line} <= set(ROLES)
        assert all(char.isprintable() or char == " " for char in plain(line))
