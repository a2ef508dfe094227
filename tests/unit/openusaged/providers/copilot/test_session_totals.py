"""A session's totals: differences where counters went on, whole where they began anew."""

from __future__ import annotations

import pytest

from openusaged.providers.copilot.session_totals import ModelUse, Sums, shutdown_sums
from openusaged.providers.copilot.tokens import Counts


@pytest.mark.parametrize(
    ("reports", "total"),
    [
        ([(100, 10), (150, 30)], (150, 30)),
        ([(100, 10), (50, 20)], (150, 30)),
        ([(100, 10), (100, 10)], (100, 10)),
        ([(100, 10), (50, 20), (80, 25)], (180, 35)),
    ],
)
def test_reports_go_on_or_begin_anew(reports, total):
    """Only when no counter has fallen did the counting go on."""
    use = ModelUse()
    for gross, output in reports:
        use.report(Sums(input=gross, output=output))
    assert (use.reported.input, use.reported.output) == total


def test_cost_is_unknown_until_somebody_says_it():
    """Credits are known from the first report that has them, never zero before."""
    use = ModelUse()
    use.report(Sums(input=5))
    assert use.counts(with_messages=True)[2] is None
    use.report(Sums(input=9, nano_aiu=300))
    assert use.counts(with_messages=True)[2] == 300


def test_session_cost_is_a_models_only_when_it_is_alone():
    """The whole session's credits are not split by guess between two models."""
    one = {"totalNanoAiu": 7, "modelMetrics": {"a": {}}}
    two = {"totalNanoAiu": 7, "modelMetrics": {"a": {}, "b": {"totalNanoAiu": 3}}}
    assert shutdown_sums(one)["a"].nano_aiu == 7
    assert [sums.nano_aiu for sums in shutdown_sums(two).values()] == [None, 3]


def test_gross_input_is_freed_of_the_cache():
    """More cache than input leaves none, and reasoning is never more than the output it is in."""
    counts = Counts.of_gross(100, 10, 80, 40, 99)
    assert (counts.input, counts.cache_read, counts.cache_write) == (0, 80, 40)
    assert (counts.output, counts.reasoning) == (10, 10)
    assert Counts.of_gross(None, None, "x", -1, None) == Counts()
