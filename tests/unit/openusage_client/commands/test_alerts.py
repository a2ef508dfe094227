"""`openusage alerts`: what is asked of the daemon, what is printed, which exit code it has."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from openusage_client import alert_rules
from openusage_proto.alert_messages import AlertMuteResult, AlertTestResult
from openusaged.config.alerts import FIELDS, KINDS
from tests.support import alert_samples
from tests.support.scripted_peer import ScriptedPeer

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def answers(peer: ScriptedPeer) -> None:
    peer.answers |= {
        "alerts": alert_samples.alerts(),
        "alert_test": AlertTestResult(deliveries={"desktop": "", "webhook": "HTTP 404"}),
        "alert_mute": AlertMuteResult(rule="pace", muted_until="2026-03-07T12:00:00Z"),
        "settings_update": {"settings": {}, "path": "", "warnings": []},
    }


def test_list_is_the_default(run: Run, peer: ScriptedPeer) -> None:
    """Without an action the rules are listed, and no history is asked for."""
    code, out, err = run("alerts")
    assert (code, err) == (0, "")
    assert "limit-80" in out
    assert peer.params_of("alerts") == [{}]


def test_history_asks_for_as_many_as_wanted(run: Run, peer: ScriptedPeer) -> None:
    """The number of alerts goes to the daemon, twenty by itself."""
    assert "told by desktop; not told by webhook" in run("alerts", "history")[1]
    run("alerts", "history", "-n", "5")
    assert peer.params_of("alerts") == [{"history": 20}, {"history": 5}]


def test_json_has_its_version(run: Run) -> None:
    """Each action has a document for scripts."""
    for action in ("list", "history"):
        document = json.loads(run("alerts", action, "--json")[1])
        assert document["schema_version"] == 1
        assert document["rules"][0]["id"] == "limit-80"
    assert json.loads(run("alerts", "mute", "pace", "--json")[1])["rule"] == "pace"
    assert json.loads(run("alerts", "test", "--json")[1])["deliveries"]["desktop"] == ""


def test_test_fails_when_a_way_does(run: Run, peer: ScriptedPeer) -> None:
    """A way that did not work is named, and the exit code says so."""
    code, out, _ = run("alerts", "test")
    assert (code, out) == (1, "desktop: sent\nwebhook: HTTP 404\n")
    peer.answers["alert_test"] = AlertTestResult(deliveries={"desktop": ""})
    assert run("alerts", "test", "desktop")[0] == 0
    assert peer.params_of("alert_test")[-1] == {"channel": "desktop"}


def test_mute_and_unmute(run: Run, peer: ScriptedPeer) -> None:
    """A time in words becomes minutes; an hour by itself; nothing at all ends it."""
    assert "silent until" in run("alerts", "mute", "pace", "--for", "2h")[1]
    peer.answers["alert_mute"] = replace(
        AlertMuteResult(rule=None, muted_until=None), muted_until=None
    )
    run("alerts", "mute")
    assert run("alerts", "unmute")[1] == "all rules: no longer muted\n"
    assert [item["minutes"] for item in peer.params_of("alert_mute")] == [120, 60, 0]


def test_on_and_off_change_the_setting(run: Run, peer: ScriptedPeer) -> None:
    """The switch is a setting like any other, and the list shows what it does."""
    assert "limit-80" in run("alerts", "on")[1]
    run("alerts", "off")
    assert [item["changes"] for item in peer.params_of("settings_update")] == [
        {"alerts": {"enabled": True}},
        {"alerts": {"enabled": False}},
    ]


def changes(peer: ScriptedPeer) -> list[dict[str, Any]]:
    """What was sent to be changed of the rules."""
    return [item["changes"]["alerts"]["rules"] for item in peer.params_of("settings_update")]


def test_set_with_a_kind_makes_the_rule_anew(run: Run, peer: ScriptedPeer) -> None:
    """Fields that are not given go: those of another kind would have the rule refused."""
    out = run("alerts", "set", "week", "--on", "limit", "--window", "7d", "--at", "60")[1]
    assert "limit-80" in out
    ((name, rule),) = changes(peer)[0].items()
    assert name == "week"
    assert {key: value for key, value in rule.items() if value is not None} == {
        "on": "limit",
        "window": "7d",
        "at": 60.0,
    }
    assert rule["below"] is None
    assert rule["enabled"] is None


def test_set_without_a_kind_changes_the_named_fields(run: Run, peer: ScriptedPeer) -> None:
    """Of a rule that there is, a built-in one too; the others stay."""
    run("alerts", "set", "limit-80", "--at", "75", "--project", ".")
    project = os.getcwd()
    assert changes(peer) == [{"limit-80": {"at": 75.0, "project": project}}]
    code, _, err = run("alerts", "set", "fresh", "--at", "75")
    assert code == 2
    assert "there is no 'fresh'; known: limit-80, limit-95" in err
    assert "--on KIND makes a new one" in err
    assert len(changes(peer)) == 1


def test_single_rules_are_removed_and_switched(run: Run, peer: ScriptedPeer) -> None:
    """A name behind them makes them of one rule."""
    run("alerts", "off", "pace")
    run("alerts", "on", "pace")
    run("alerts", "remove", "codex")
    assert changes(peer) == [
        {"pace": {"enabled": False}},
        {"pace": {"enabled": None}},
        {"codex": None},
    ]


def test_every_field_of_every_kind_has_a_flag() -> None:
    """What the daemon takes in a rule can be set."""
    parser = argparse.ArgumentParser()
    alert_rules.add_flags(parser)
    flags = {action.option_strings[0].removeprefix("--") for action in parser._actions[1:]}
    assert flags == {"on", *(name for fields in FIELDS.values() for name in fields)}
    assert alert_rules.KINDS == KINDS


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("set",), "needs a name and what to watch"),
        (("set", "week"), "needs a name and what to watch"),
        (("set", "a b", "--on", "limit"), "is no name for a rule"),
        (("set", "week", "--on", "moon"), "invalid choice"),
        (("set", "week", "--on", "limit", "--at", "most"), "no number"),
        (("list", "--at", "5"), "go with set"),
        (("on", "--on", "limit"), "go with set"),
        (("remove",), "needs the name of a rule"),
        (("remove", "nosuch"), "there is no 'nosuch'; known: limit-80"),
        (("off", "nosuch"), "there is no 'nosuch'"),
        (("off", "budget:all@80"), "comes from a budget"),
        (("mute", "--for", "soon"), "30m, 4h or 2d"),
        (("list", "--for", "2h"), "--for goes with mute"),
        (("list", "-n", "3"), "-n goes with history"),
        (("list", "pace"), "takes no name"),
        (("shout",), "invalid choice"),
    ],
)
def test_wrong_arguments_exit_2(run: Run, arguments: tuple[str, ...], hint: str) -> None:
    """What cannot be meant is refused with a sentence that helps."""
    code, _, err = run("alerts", *arguments)
    assert code == 2
    assert hint in err
