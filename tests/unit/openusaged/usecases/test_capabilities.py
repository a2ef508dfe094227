"""The capability matrix: what a provider can tell follows from what it implements."""

from __future__ import annotations

import json

import pytest

from openusaged.providers import registry
from openusaged.providers.base import (
    CookieSpec,
    KeyVariable,
    MetricSpec,
    Provider,
    ProviderSpec,
    WidgetSpec,
)
from openusaged.usecases import capabilities
from tests.support.provider_case import DATA, cases

LIMIT = MetricSpec(key="limit", label="Limit", unit="%")
MONEY = MetricSpec(key="spend", label="Spend", unit="USD", money_kind="billed")


def provider(*, history: bool = False, metrics=(), **parts) -> Provider:
    spec = ProviderSpec(
        id="p",
        title="P",
        description="d",
        kind="api",
        auth="api_key",
        setup="Set K.",
        history=history,
        metrics=metrics,
        keys=(KeyVariable(name="K", account_id="p"), KeyVariable(name="K", account_id="q")),
        cookie=CookieSpec(domain="p.ai", name="n"),
        dashboard=WidgetSpec(gauges=("limit", "unknown"), sections=("models",)),
    )
    return Provider(spec=spec, **parts)


def something(*_: object) -> None:
    """Stands for an implemented part."""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (provider(), []),
        (provider(metrics=(LIMIT,)), []),
        (provider(metrics=(LIMIT,), fetch=something), ["quota"]),
        (provider(metrics=(MONEY,), fetch=something), ["spend"]),
        (provider(metrics=(MONEY, LIMIT), fetch=something), ["quota", "spend"]),
        (provider(collect=something), ["tokens", "history"]),
        (provider(history=True, metrics=(MONEY,), fetch=something), ["spend", "history"]),
        (provider(hook=something), ["hooks"]),
    ],
)
def test_capabilities(given: Provider, expected: list[str]) -> None:
    """A metric counts only when it can be fetched; local records have a history."""
    assert capabilities.of(given) == expected


def test_reported_past_is_a_history() -> None:
    """Whoever's recorded polls bring the vendor's own usage of days or months says so."""
    silent = set()
    for provider_id, case in cases():
        document = json.loads((DATA / provider_id / case / "case.json").read_text())
        found = document.get("expected", {}).get("snapshot", {})
        if found.get("reported") and capabilities.HISTORY not in capabilities.of(
            registry.load(provider_id)
        ):
            silent.add(provider_id)
    assert silent == set()


@pytest.mark.parametrize(
    ("accounts", "statuses", "installed", "words"),
    [
        ([], {}, False, "not found"),
        ([], {}, True, "installed, not used yet"),
        (["a"], {}, False, "found"),
        (["a"], {"a": "UNSUPPORTED"}, False, "found"),
        (["a"], {"a": "OK"}, False, "ok"),
        (["a", "b"], {"a": "OK", "b": "NEAR_LIMIT"}, False, "near limit"),
        (["a", "b"], {"a": "LIMITED", "b": "AUTH_REQUIRED"}, False, "sign in again"),
        (["a"], {"b": "ERROR"}, False, "found"),
    ],
)
def test_state(accounts: list[str], statuses: dict[str, str], installed: bool, words: str) -> None:
    """Of several accounts the one that needs attention is shown."""
    assert capabilities.state(accounts, statuses, installed=installed) == words


def test_row_on_the_wire() -> None:
    """Labels come from the metrics, an undeclared gauge keeps its key, variables are named once."""
    row = capabilities.info(provider(metrics=(LIMIT,)), ["p"], {"p": "OK"}, installed=False)
    assert [(gauge.metric, gauge.label) for gauge in row.dashboard_widget.gauges] == [
        ("limit", "Limit"),
        ("unknown", "unknown"),
    ]
    assert (row.variables, row.accounts, row.state) == (["K"], ["p"], "ok")
    assert (row.cookie_domain, row.cookie_name, row.origin) == ("p.ai", "n", "built-in")
