"""`openusage budget`: settings that are changed, exit codes for scripts, refusals."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support import alert_samples
from tests.support.scripted_peer import Refusal, ScriptedPeer

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def answers(peer: ScriptedPeer) -> None:
    peer.answers |= {
        "budgets": alert_samples.budgets(),
        "settings_update": {"settings": {}, "path": "", "warnings": []},
    }


def test_check_exits_1_when_one_is_over(run: Run, peer: ScriptedPeer) -> None:
    """In CI: 0 within, 1 over, whatever is printed."""
    assert run("budget", "check")[0] == 1
    assert run("budget", "check", "--json")[0] == 1
    within = [item for item in alert_samples.budgets().budgets if not item.over]
    peer.answers["budgets"] = replace(alert_samples.budgets(), budgets=within)
    assert run("budget", "check")[0] == 0
    assert run("budget", "list")[0] == 0
    peer.answers["budgets"] = Refusal(
        -32602, "invalid_params", {"detail": "budget: there is no 'x'"}
    )
    code, _, err = run("budget", "check", "x")
    assert code == 2
    assert "there is no 'x'" in err
    assert peer.params_of("budgets")[-1] == {"id": "x"}


def test_set_changes_one_budget(run: Run, peer: ScriptedPeer) -> None:
    """Only the fields that were named change, of that budget alone; the result is shown."""
    code, out, _ = run(
        *("budget", "set", "api", "$20", "--period", "day", "--project", "./api"),
        *("--alert-at", "50, 100%", "--currency", "EUR", "--model", "opus"),
    )
    assert code == 0
    assert "api" in out
    assert peer.params_of("settings_update") == [
        {
            "changes": {
                "budgets": {
                    "api": {
                        "amount": 20.0,
                        "period": "day",
                        "currency": "EUR",
                        "project": os.path.abspath("api"),
                        "model": "opus",
                        "alert_at": [50.0, 100.0],
                    }
                }
            }
        }
    ]
    assert peer.params_of("budgets") == [{"id": "api"}]


def test_remove_takes_it_out_of_the_settings(run: Run, peer: ScriptedPeer) -> None:
    """A budget that is there is removed; one that is not is refused and nothing changes."""
    assert run("budget", "remove", "api") == (0, "api: removed\n", "")
    assert json.loads(run("budget", "remove", "api", "--json")[1])["removed"] == "api"
    assert peer.params_of("settings_update")[0] == {"changes": {"budgets": {"api": None}}}
    peer.answers["budgets"] = Refusal(-32602, "invalid_params", {"detail": "no such budget"})
    assert run("budget", "remove", "x")[0] == 2
    assert len(peer.params_of("settings_update")) == 2


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("set", "api"), "needs an ID and an amount"),
        (("set", "api", "much"), "is no amount"),
        (("set", "api", "5", "--alert-at", "all"), "e.g. 50,80,100"),
        (("set", "api", "5", "--alert-at", "0"), "e.g. 50,80,100"),
        (("set", "a b", "5"), "no name for a budget"),
        (("set", "x@80", "5"), "no name for a budget"),
        (("list", "api"), "takes no ID"),
        (("check", "api", "5"), "go with set"),
        (("remove",), "needs the ID"),
        (("check", "--period", "day"), "go with set"),
    ],
)
def test_wrong_arguments_exit_2(run: Run, arguments: tuple[str, ...], hint: str) -> None:
    """What cannot be meant is refused with a sentence that helps."""
    code, _, err = run("budget", *arguments)
    assert code == 2
    assert hint in err
