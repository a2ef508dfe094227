"""What the settings say about how things are shown, and that it is applied."""

from __future__ import annotations

from dataclasses import replace

import pytest

from openusage_client.preferences import (
    DEFAULTS,
    HIDDEN,
    Preferences,
    parse,
    read,
    row_without_costs,
    without_costs,
)
from openusage_client.rpc import Connection
from openusage_client.tui.limits import Thresholds
from openusage_proto.errors import RpcError
from openusage_proto.messages import Metric, Totals
from tests.support import screen_samples as samples
from tests.support import wire_samples
from tests.support.scripted_peer import Refusal, ScriptedPeer


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (None, DEFAULTS),
        ({}, DEFAULTS),
        ({"theme": 5, "data": 7, "ui": [], "dashboard": "x"}, DEFAULTS),
        ({"ui": {"warn_threshold": True, "crit_threshold": "low"}}, DEFAULTS),
        ({"dashboard": {"providers": [7, {}, {"account_id": ""}], "hide_costs": None}}, DEFAULTS),
        (
            {"theme": " High Contrast ", "data": {"time_window": "7d"}},
            Preferences(theme="High Contrast", window="7d"),
        ),
        ({"data": {"time_window": "2d"}}, DEFAULTS),
        (
            {
                "ui": {"warn_threshold": 0.3, "crit_threshold": 0.1},
                "dashboard": {
                    "hide_costs": True,
                    "providers": [
                        {"account_id": "b", "hide_costs": False},
                        {"account_id": "a", "hide_costs": None},
                    ],
                },
            },
            Preferences(
                hide_costs=True,
                costs_of={"b": False},
                order=("b", "a"),
                thresholds=Thresholds(70.0, 90.0),
            ),
        ),
    ],
)
def test_settings_are_taken_where_they_make_sense(settings: object, expected: Preferences) -> None:
    """Values of the right kind count; everything else leaves the default."""
    assert parse(settings) == expected


def test_read_asks_the_daemon(isolated_home: str) -> None:
    """The daemon's effective values are used; one without the method has none to give."""
    answer = {"settings": {"dashboard": {"hide_costs": True}}, "path": "", "warnings": []}
    with ScriptedPeer({"settings_get": answer}) as peer, Connection() as connection:
        assert read(connection).hide_costs
        peer.answers["settings_get"] = 7
        assert read(connection) == DEFAULTS
        del peer.answers["settings_get"]
        assert read(connection) == DEFAULTS
        peer.answers["settings_get"] = Refusal(-32603, "internal_error")
        with pytest.raises(RpcError):
            read(connection)


def test_an_accounts_own_word_wins() -> None:
    """Its entry, else the common setting; a sum over several follows the common one."""
    shown = Preferences(hide_costs=True, costs_of={"a": False, "b": True})
    assert [shown.hides_costs_of(name) for name in ("a", "b", "c", None)] == [
        False, True, True, True,
    ]  # fmt: skip


def test_listed_accounts_come_first_in_the_lists_order() -> None:
    """Names of the list that do not exist are passed over; the rest keep their order."""
    accounts = samples.accounts(4)
    names = [account.account_id for account in accounts]
    shown = Preferences(order=("nobody", names[3], names[1])).ordered(accounts)
    assert [account.account_id for account in shown] == [names[3], names[1], names[0], names[2]]


def test_nothing_set_changes_nothing() -> None:
    """Unset means: costs are shown, in the daemon's order."""
    model = samples.model(samples.accounts(6), unmapped=[samples.UNMAPPED])
    assert DEFAULTS.applied(model) == model


def test_hidden_costs_are_nowhere_in_the_model() -> None:
    """No amount, no balance and no missing price is left; tokens and limits are as before."""
    model = samples.model(samples.accounts(6), unmapped=[samples.UNMAPPED])
    hidden = Preferences(hide_costs=True).applied(model)
    assert hidden.totals is not None
    assert model.totals is not None
    groups: list[Totals] = [hidden.totals, *(item.totals for item in hidden.unmapped)]
    for account in hidden.accounts:
        assert not [metric for metric in account.metrics if metric.unit == "USD"]
        if usage := account.usage:
            groups += [usage.totals, usage.today, *(day.totals for day in usage.days)]
            for rows in (usage.models, usage.clients, usage.projects, usage.agents):
                groups += [row.totals for row in rows]
            groups += [row.totals for row in usage.providers]
    assert {(item.cost_basis, item.cost_usd, item.unpriced_requests) for item in groups} == {
        (HIDDEN, 0.0, 0)
    }
    assert hidden.unpriced_models == []
    assert hidden.totals.total_tokens == model.totals.total_tokens
    assert hidden.accounts[0].metrics == model.accounts[0].metrics


def test_limits_in_money_and_credits_stay() -> None:
    """A limit can stop a user, whatever it is counted in; credits are no money."""
    budget = Metric(key="budget", unit="USD", used=3.0, limit=10.0)
    credits_left = Metric(key="credits", unit="credits", remaining=250.0)
    spent = Metric(key="spent", unit="EUR", used=3.0)
    account = replace(samples.claude(usage=None), metrics=[budget, credits_left, spent])
    assert without_costs(account) == replace(account, metrics=[budget, credits_left])


def test_a_report_row_loses_its_costs_and_those_of_its_models() -> None:
    """Children, burn rate and projection are amounts too."""
    child = wire_samples.row("m", 2)
    row = wire_samples.row(
        "d", 3, model_breakdown=[child], burn_rate_usd_per_hour=1.5, projected_cost_usd=4.0
    )
    hidden = row_without_costs(row)
    assert hidden.model_breakdown is not None
    assert (hidden.cost_basis, hidden.cost_usd) == (HIDDEN, 0.0)
    assert hidden.model_breakdown[0].cost_basis == HIDDEN
    assert hidden.burn_rate_usd_per_hour is None
    assert hidden.projected_cost_usd is None
    assert hidden.total_tokens == row.total_tokens
