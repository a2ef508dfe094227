"""Explanations of limits and balances, and what the way down shows while it waits or finds nothing."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from openusage_client.preferences import Preferences
from openusage_client.tui import inputs
from openusage_client.tui.detail import asking
from openusage_client.tui.detail.model import DetailState, Figure
from openusage_client.tui.effects import Size
from openusage_client.tui.layout import plain
from openusage_client.tui.views import screens
from openusage_proto.activity_messages import MetricSeries, Series, SeriesPoint
from openusage_proto.messages import Metric
from tests.support import detail_samples as details
from tests.support import overall_samples as overall
from tests.support import screen_samples as samples


def limit(metric, points=(), **account):
    """The explanation of one limit of an account, as text."""
    owner = samples.claude(metrics=[metric], **account)
    figure = Figure(account=owner.account_id, title="a limit", metric=metric.key)
    state = samples.state([owner], screens=("main", "detail", "explain"))
    state = dataclasses.replace(state, detail=DetailState(figure=figure))
    line = MetricSeries(metric=metric.key, unit=metric.unit, points=list(points))
    answer = Series(seq=1, account=owner.account_id, series=[line])
    state = details.answered(state, asking.series_question(state), answer)
    return "\n".join(plain(line) for line in screens.render(state, 90, 40))


@pytest.mark.parametrize(("metric", "words"), [
    (Metric(key="m", unit="requests", used=30.0, limit=120.0), "25% used = used / limit x 100"),
    (Metric(key="m", unit="USD", remaining=30.0, limit=120.0),
     "75% used = (limit - remaining) / limit x 100"),
    (Metric(key="m", unit="%", remaining=30.0, limit=100.0),
     "70% used = (limit - remaining) / limit x 100"),
    (Metric(key="m", unit="USD", remaining=3.5, money_kind="billed"), "billed"),
    (Metric(key="m", unit="%"), "reported  —"),
    (Metric(key="m", unit="%", used=50.0, limit=100.0, window="7d",
            resets_at=samples.iso(timedelta(days=3.5))), "50% used in 50% of the window"),
])  # fmt: skip
def test_a_limit_says_how_its_per_cent_came_about(metric, words):
    """The formula with the numbers that were reported; what was not reported is a dash."""
    assert words in limit(metric)


def test_points_are_in_the_words_of_their_unit():
    """Left of a balance, used of a limit, per cent of a window; unknown is a dash."""
    at = samples.iso(-timedelta(hours=1))
    balance = Metric(key="m", unit="USD", remaining=3.5)
    assert "$3.50 left" in limit(balance, [SeriesPoint(at=at, remaining=3.5)])
    count = Metric(key="m", unit="requests", used=30.0, limit=120.0)
    text = limit(count, [SeriesPoint(at=at, used=30.0, limit=120.0), SeriesPoint(at=at, used=31.0)])
    assert "30 of 120 requests used" in text
    assert "31 requests used" in text
    assert "10:50  —" in limit(count, [SeriesPoint(at=at)])


def test_old_figures_say_why_they_are_old():
    """The reason stands beside the time of the last good check."""
    metric = Metric(key="m", unit="%", used=1.0, limit=100.0)
    assert "vendor unreachable" in limit(metric, stale_reason="vendor unreachable")


def test_a_limit_that_has_gone_is_said_to_have_gone():
    """The vendor may stop reporting what is being looked at."""
    state = dataclasses.replace(
        details.explain(metric="usage_five_hour"),
        detail=DetailState(figure=Figure(account="claude-1", metric="no_such")),
    )
    text = "\n".join(plain(line) for line in screens.render(state, 90, 30))
    assert "does not report this figure any more" in text


def shown(state):
    """The screen as text."""
    return "\n".join(plain(line) for line in screens.render(state, 90, 30))


def test_what_is_awaited_and_what_is_refused_is_said():
    """While the daemon reads, and when it says no, on both screens."""
    waiting = dataclasses.replace(details.drill(), answers={})
    assert "reading …" in shown(waiting)
    asked = dataclasses.replace(details.explain(), answers={})
    assert "asking the daemon …" in shown(asked)
    refused = details.answered(waiting, asking.drill_question(waiting), error="the store is busy")
    assert "the store is busy" in shown(refused)
    odd = details.answered(waiting, asking.drill_question(waiting), value=7)
    assert "days" in shown(odd)


def test_nothing_below_a_number_is_said():
    """No day, no session, no turn: a sentence instead of an empty page."""
    none = details.explanation(
        sessions=[], sessions_total=0, requests_without_detail=0, events_total=0
    )
    idle = details.activity()
    quiet = dataclasses.replace(
        idle, days=dataclasses.replace(idle.days, tokens=[0] * 30, requests=[0] * 30)
    )
    assert "nothing used on any day" in shown(details.drill(value=quiet))
    assert "no session is known" in shown(details.drill(since="2026-03-12", value=none))
    turns = shown(details.drill(("session", "s"), value=none))
    assert "0 turns" in turns


@pytest.mark.parametrize("screen", ["sessions", "session"])
@pytest.mark.parametrize("hidden", [True, False])
def test_a_sessions_explanation_has_costs_only_if_its_account_has(screen, hidden):
    """The account of the session counts, not the one that is selected on the overview."""
    row = overall.session(1)
    wishes = Preferences(costs_of={row.account_id: hidden, "codex-1": not hidden})
    given = (samples.accounts(3), row) if screen == "session" else (samples.accounts(3), [row])
    made = overall.session_state if screen == "session" else overall.sessions_state
    state = made(*given)
    state = dataclasses.replace(state, preferences=wishes, selected="codex-1")
    state, _ = inputs.on_key(state, "e", Size(90, 30))
    state = details.answered(state, asking.explain_question(state), details.explanation())
    page = "\n".join(plain(line) for line in screens.render(state, 90, 60)[2:])
    assert ("≈$" in page) is not hidden


def test_the_total_of_all_accounts_says_what_other_screens_leave_out():
    """Costs of flat rates are in it and that is said; a word of the user hides them all."""
    figure = DetailState(figure=Figure(title="All accounts"))
    rates = [samples.codex(attributes={"plan_type": "pro"}), samples.claude()]

    def explained(**wishes):
        state = samples.state(
            rates, screens=("main", "explain"), detail=figure,
            preferences=Preferences(**wishes),
        )  # fmt: skip
        return details.answered(state, asking.explain_question(state), details.explanation())

    def whole(state):
        return "\n".join(plain(line) for line in screens.render(state, 90, 120)[2:])

    text = whole(explained())
    assert "≈$" in text
    assert "other screens leave them out" in text
    assert "≈$" not in whole(explained(hide_costs=True))
