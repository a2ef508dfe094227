"""Explanations of limits and balances, and what the way down shows while it waits or finds nothing."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from openusage_client.tui.detail import asking
from openusage_client.tui.detail.model import DetailState, Figure
from openusage_client.tui.layout import plain
from openusage_client.tui.views import screens
from openusage_proto.activity_messages import MetricSeries, Series, SeriesPoint
from openusage_proto.messages import Metric
from tests.support import detail_samples as details
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
