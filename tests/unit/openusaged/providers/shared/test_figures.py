"""Gathering the figures of a poll."""

from __future__ import annotations

import pytest

from openusaged.core.errors import RateLimited, Unreachable
from openusaged.core.models import Account
from openusaged.providers.base import MetricSpec, ProviderSpec
from openusaged.providers.shared.figures import Figures
from tests.support.fetching import NOW, fetch_context
from tests.support.provider_case import iso_ms

SPEC = ProviderSpec(
    id="demo",
    title="Demo",
    description="d",
    kind="api",
    auth="api_key",
    metrics=(
        MetricSpec(key="spend", label="Spend", unit="USD", window="7d", money_kind="billed"),
        MetricSpec(key="quota", label="Quota", unit="%", window="5h"),
    ),
)


def test_declaration_gives_unit_window_and_label():
    """A figure has what its declaration says, unless the answer knows better."""
    figures = Figures(SPEC)
    figures.add("spend", used=1.0)
    figures.add("spend:gpt", used=2.0, unit="EUR", window="1d")
    one, other = figures.metrics.values()
    assert (one.unit, one.window, one.label, one.money_kind) == ("USD", "7d", "Spend", "billed")
    assert (other.key, other.unit, other.window) == ("spend:gpt", "EUR", "1d")


def test_undeclared_figure_is_a_mistake_of_ours():
    """What the spec does not declare cannot be returned."""
    with pytest.raises(KeyError):
        Figures(SPEC).add("other", used=1.0)


@pytest.mark.parametrize(("given", "used", "left"), [(40, 40, 60), (120, 100, 0), (-3, 0, 100)])
def test_percentages_stay_between_nothing_and_all(given, used, left):
    """Gauges have a limit of 100 and what is left of it."""
    figures = Figures(SPEC)
    figures.add_percent("quota", given, 5)
    metric = figures.metrics["quota"]
    assert (metric.used, metric.limit, metric.remaining, metric.resets_at_ms) == (
        used,
        100,
        left,
        5,
    )


def test_snapshot_holds_what_was_gathered():
    """Everything noted is in the snapshot; empty attributes are unknown and left out."""
    figures = Figures(SPEC)
    figures.add("spend", used=1.0)
    figures.note("plan", "pro")
    figures.note("region", "")
    snapshot = figures.snapshot(
        fetch_context(),
        Account(id="a", provider_id="demo"),
        status="OK",
        message="m",
    )
    assert (snapshot.provider_id, snapshot.account_id) == ("demo", "a")
    assert (snapshot.ts_ms, snapshot.retry_after_s) == (iso_ms(NOW), None)
    assert [metric.key for metric in snapshot.metrics] == ["spend"]
    assert snapshot.attributes == {"plan": "pro"}


def test_failed_side_call_is_told_and_its_wait_honoured():
    """A failure is an attribute; a request to wait ends the poll's calls and is passed on."""
    figures = Figures(SPEC)
    figures.failed("usage", Unreachable("host: no answer"))
    assert not figures.must_wait
    figures.failed("keys", RateLimited("host: asked to wait", 90.0), "later")
    assert figures.must_wait
    snapshot = figures.snapshot(
        fetch_context(), Account(id="a", provider_id="demo"), status="OK", message=""
    )
    assert snapshot.attributes == {"usage_error": "host: no answer", "keys_error": "later"}
    assert snapshot.retry_after_s == 90.0
