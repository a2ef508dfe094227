"""Shares, pace and order of limits."""

from __future__ import annotations

from datetime import timedelta

import pytest

from openusage_client.tui import limits
from openusage_proto.messages import Metric
from tests.support import screen_samples as samples


def metric(**fields):
    """A limit with defaults."""
    return Metric(**{"key": "some_limit", "unit": "tokens", **fields})


@pytest.mark.parametrize(
    ("fields", "percent"),
    [
        ({"unit": "%", "used": 42.0}, 42.0),
        ({"unit": "%", "remaining": 30.0}, 70.0),
        ({"used": 50.0, "limit": 200.0}, 25.0),
        ({"remaining": 150.0, "limit": 200.0}, 25.0),
        ({"used": 300.0, "limit": 200.0}, 150.0),
        ({"used": 5.0}, None),
        ({"limit": 200.0}, None),
        ({"used": 5.0, "limit": 0.0}, None),
        ({"used": 5.0, "limit": -1.0}, None),
        ({"unit": "%"}, None),
        ({"unit": "%", "used": float("nan")}, None),
        ({"remaining": 1.0, "limit": 2.2e-309}, None),
    ],
)
def test_used_percent_uses_whatever_is_known(fields, percent):
    """Used per cent from any two figures; unknown when they are missing, never zero."""
    assert limits.used_percent(metric(**fields)) == percent


@pytest.mark.parametrize(
    ("percent", "word"),
    [
        (None, "muted"),
        (0, "ok"),
        (79.9, "ok"),
        (80, "warn"),
        (94.9, "warn"),
        (95, "crit"),
        (150, "crit"),
    ],
)
def test_severity_changes_at_80_and_95(percent, word):
    """One pair of thresholds on every surface."""
    assert limits.severity(percent) == word


@pytest.mark.parametrize(
    ("window", "seconds"),
    [("5h", 18_000), ("7d", 604_800), ("30m", 1800), ("1w", 604_800), ("today", 86_400),
     (" 5H ", 18_000), ("month", None), ("current", None), ("", None)],
)  # fmt: skip
def test_window_seconds_reads_lengths(window, seconds):
    """Lengths are read; a month has none that is always right."""
    assert limits.window_seconds(window) == seconds


def test_pace_projects_to_the_reset():
    """Half the window gone and 30 % used reads as 60 % at the reset."""
    rate = limits.pace(
        metric(unit="%", used=30.0, window="5h", resets_at=samples.iso(timedelta(hours=2.5))),
        samples.NOW,
    )
    assert rate == limits.Pace(0.5, 60.0)


def test_pace_that_leads_past_the_limit_says_when():
    """At 80 % after half of five hours the rest lasts another 37.5 minutes."""
    rate = limits.pace(
        metric(unit="%", used=80.0, window="5h", resets_at=samples.iso(timedelta(hours=2.5))),
        samples.NOW,
    )
    assert rate.full_in_s == pytest.approx(37.5 * 60)


@pytest.mark.parametrize(
    "fields",
    [
        {"window": "month", "resets_at": samples.iso(timedelta(hours=1))},
        {"window": "5h"},
        {"window": "5h", "resets_at": samples.iso(-timedelta(minutes=1))},
        {"window": "5h", "resets_at": samples.iso(timedelta(hours=6))},
        {"window": "5h", "resets_at": "not a time"},
    ],
)
def test_pace_is_silent_when_it_cannot_know(fields):
    """No window, no reset, a reset that is over or too far away: no pace."""
    assert limits.pace(metric(unit="%", used=50.0, **fields), samples.NOW) is None


def test_pace_says_nothing_right_after_the_reset():
    """One minute into a window a projection would be noise."""
    rate = limits.pace(
        metric(unit="%", used=3.0, window="5h",
               resets_at=samples.iso(timedelta(hours=4, minutes=59))),
        samples.NOW,
    )  # fmt: skip
    assert rate.projected_percent is None


def test_gauges_follow_the_provider_and_lose_nothing():
    """The provider's order and words first, then every other limit."""
    account = samples.claude()
    reordered = [account.metrics[2], account.metrics[1], account.metrics[0]]
    found = limits.gauges(samples.claude(metrics=reordered), samples.PROVIDERS["claude_code"])
    assert [label for label, _ in found] == ["5-hour limit", "Weekly limit", "Weekly, large"]
    assert len(limits.gauges(account, None)) == 3


def test_figures_are_the_balances_with_a_value():
    """A balance is no gauge, and one without a value is not shown."""
    account = samples.codex()
    assert [item.key for item in limits.figures(account)] == ["credit_balance"]
    assert not limits.figures(samples.codex(metrics=[metric(unit="USD")]))


def test_label_falls_back_to_the_key():
    """A metric without words is still named."""
    assert limits.label(metric()) == "some limit"
