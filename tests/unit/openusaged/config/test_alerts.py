"""Settings of alerts and budgets: defaults, every field's check, and what a slip costs."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from openusaged.config.alerts import (
    BUILT_IN_RULES,
    FIELDS,
    MAX_NAMED,
    AlertRule,
    AlertSettings,
    Budget,
    WebhookSettings,
    webhook_problem,
)
from openusaged.config.settings import Settings, parse

ENV = {"HOME": "/home/me"}


def alerts(document: Any) -> tuple[AlertSettings, list[str]]:
    settings, warnings = parse({"alerts": document}, ENV)
    return settings.alerts, warnings


def budgets(document: Any) -> tuple[dict[str, Budget], list[str]]:
    settings, warnings = parse({"budgets": document}, ENV)
    return dict(settings.budgets), warnings


def test_off_by_default_with_rules_that_make_sense() -> None:
    """Nothing is watched unasked; what is there once alerts are on needs no configuration."""
    settings, warnings = alerts({})
    assert warnings == []
    assert settings == AlertSettings() == Settings().alerts
    assert not settings.enabled
    assert settings.desktop
    assert set(settings.rules) == set(BUILT_IN_RULES)
    assert settings.rules["limit-95"] == AlertRule(on="limit", at=95)
    assert settings.rules["pace"].at == 20
    assert settings.quiet_minutes is None


def test_everything_can_be_set() -> None:
    """Each key takes effect as written; the command's words stay as they are, twice the same too."""
    settings, warnings = alerts(
        {
            "enabled": True,
            "cooldown_minutes": 60,
            "quiet_hours": "22:00-7:30",
            "desktop": False,
            "tmux": True,
            "command": ["~/bin/tell", "-v", "-v", ""],
            "webhook": {"url": "https://hooks.example.com/x?y=1"},
        }
    )
    assert warnings == []
    assert settings.command == ("/home/me/bin/tell", "-v", "-v", "")
    assert settings.quiet_minutes == (22 * 60, 7 * 60 + 30)
    assert (settings.cooldown_minutes, settings.tmux, settings.desktop) == (60, True, False)
    assert settings.webhook == WebhookSettings(url="https://hooks.example.com/x?y=1")


def test_own_rules_lie_over_the_built_in() -> None:
    """A rule of the same id replaces one, `enabled: false` alone switches it off."""
    settings, warnings = alerts(
        {
            "rules": {
                "limit-80": {"enabled": False},
                "pace": {"on": "pace", "at": 50, "account": "codex"},
                "mine": {"on": "spend", "amount": 5, "period": "week", "currency": "eur"},
            }
        }
    )
    assert warnings == []
    assert not settings.rules["limit-80"].enabled
    assert settings.rules["pace"] == AlertRule(on="pace", at=50, account="codex")
    assert settings.rules["mine"] == AlertRule(
        on="spend", at=0.0, amount=5, period="week", currency="EUR"
    )
    assert settings.rules["limit-95"].enabled


def test_a_built_in_rule_is_changed_by_what_differs() -> None:
    """Without `on` an entry names what is different; with it, it stands for itself."""
    settings, warnings = alerts(
        {
            "rules": {
                "limit-95": {"at": 97},
                "pace": {"enabled": False},
                "reset": {},
                "limit-80": {"on": "balance", "below": 2},
            }
        }
    )
    assert warnings == []
    assert list(settings.rules) == list(BUILT_IN_RULES)
    assert settings.rules["limit-95"] == AlertRule(on="limit", at=97)
    assert settings.rules["pace"] == AlertRule(on="pace", at=20.0, enabled=False)
    assert settings.rules["reset"] == AlertRule(on="reset", at=80.0)
    assert settings.rules["limit-80"] == AlertRule(on="balance", at=0.0, below=2)
    settings, warnings = alerts({"rules": {"pace": 5, "own": {"enabled": False}}})
    assert "alerts.rules.pace: 5 is not an object; ignored" in warnings
    assert list(settings.rules) == ["limit-80", "limit-95", "reset"]


@pytest.mark.parametrize("on", FIELDS)
def test_each_kind_takes_its_fields_and_no_others(on: str) -> None:
    """A field of another kind would do nothing, so the rule is refused with the field's name."""
    values: dict[str, Any] = {
        "account": "a",
        "provider": "p",
        "metric": "m",
        "window": "7d",
        "project": "api",
        "model": "opus",
        "at": 70,
        "below": 3,
        "amount": 5,
        "currency": "USD",
        "period": "day",
        "minutes": 30,
    }
    own = {name: values[name] for name in FIELDS[on]}
    settings, warnings = alerts({"rules": {"r": {"on": on, **own}}})
    assert warnings == []
    for name, value in own.items():
        assert getattr(settings.rules["r"], name) == value
    for name in set(values) - set(own):
        settings, warnings = alerts({"rules": {"r": {"on": on, **own, name: values[name]}}})
        assert "r" not in settings.rules
        (warning,) = warnings
        assert warning.startswith(f"alerts.rules.r.{name}: '{name}' is not a field of a rule on ")
        assert warning.endswith(f"; the rule on {on} is ignored")


@pytest.mark.parametrize(
    ("document", "warning"),
    [
        ({"quiet_hours": "22-7"}, "quiet_hours: '22-7' is not two times like 22:00-07:00"),
        ({"quiet_hours": "24:00-07:00"}, "is not two times"),
        ({"cooldown_minutes": -1}, "cooldown_minutes: -1 is not a whole number from 0"),
        ({"command": "tell me"}, "command: 'tell me' is not a list of texts"),
        ({"command": ["", "x"]}, "is not a program and its arguments"),
        ({"command": ["a\0b"]}, "is not a program and its arguments"),
        ({"command": ["a", 1]}, "is not a list of texts"),
        ({"webhook": {"url": "http://example.com/"}}, "another machine is only reached by https"),
        (
            {"webhook": {"url_env": "https://x/secret"}},
            "must be the name of an environment variable",
        ),
        (
            {"webhook": {"url": "https://x.example/", "url_env": "HOOK"}},
            "webhook.url_env: give either url or url_env",
        ),
        ({"rules": {"r": {"on": "spnd"}}}, "rules.r.on: 'spnd' is not one of limit, balance"),
        ({"rules": {"r": {}}}, "rules.r.on: None is not one of limit"),
        ({"rules": {"r": {"on": "spend"}}}, "rules.r.amount: None is not a number"),
        ({"rules": {"r": {"on": "balance"}}}, "rules.r.below: None is not a number"),
        (
            {"rules": {"r": {"on": "spend", "amount": "ten"}}},
            "rules.r.amount: 'ten' is not a number; the rule on spend is ignored",
        ),
        ({"rules": {"r": {"on": "balance", "below": True}}}, "rules.r.below: True is not"),
        ({"rules": {"r": {"on": "limit", "at": 0}}}, "rules.r.at: 0 is not a number from 1"),
        ({"rules": {"a b": {"on": "limit"}}}, "rules.a b: 'a b' is not an id"),
        ({"rules": {"x@1": {"on": "limit"}}}, "is not an id"),
    ],
)
def test_a_slip_is_named_and_costs_no_more(document: dict[str, Any], warning: str) -> None:
    """One warning that names the key; all the rest keeps its value or default."""
    settings, warnings = alerts({"tmux": True, **document})
    assert len(warnings) == 1
    assert warning in warnings[0]
    assert "secret" not in warnings[0]
    assert settings.tmux
    assert set(settings.rules) >= set(BUILT_IN_RULES)
    assert settings.command == ()


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://hooks.example.com/services/T/B", ""),
        ("http://localhost:8080/x", ""),
        ("http://127.1.2.3/", ""),
        ("http://[::1]:99/", ""),
        ("http://192.168.1.5/", "https"),
        ("http://localhost.example.com/", "https"),
        ("ftp://example.com/", "must begin"),
        ("https:///x", "must begin"),
        ("file:///etc/passwd", "must begin"),
        ("https://me:pw@example.com/", "user name or a password"),
        ("https://[::1/", "no address"),
        ("http://localhost:notaport/", "no address"),
    ],
)
def test_webhook_addresses(url: str, problem: str) -> None:
    """This machine in the clear, others encrypted, never with a password in the file."""
    found = webhook_problem(url)
    assert problem in found
    assert bool(found) == bool(problem)


def test_budgets() -> None:
    """An amount is all it takes; shares come in order, each once."""
    found, warnings = budgets(
        {
            "all": {"amount": 200},
            "api": {
                "amount": 20.5,
                "period": "week",
                "currency": "CNY",
                "project": "api",
                "model": "m",
                "account": "a",
                "provider": "p",
                "alert_at": [100, 50, 50],
            },
        }
    )
    assert warnings == []
    assert found["all"] == Budget(amount=200)
    assert found["all"].alert_at == (80.0, 100.0)
    assert found["api"].alert_at == (50.0, 100.0)
    assert (found["api"].period, found["api"].currency) == ("week", "CNY")


@pytest.mark.parametrize(
    ("document", "warning", "kept"),
    [
        ({"b": {}}, "budgets.b.amount: None is not a number; the budget is ignored", False),
        (
            {"b": {"amount": "ten"}},
            "budgets.b.amount: 'ten' is not a number; the budget is ignored",
            False,
        ),
        ({"b": {"amount": "10"}}, "budgets.b.amount: '10' is not a number from 0.01", True),
        ({"b": {"amount": 5, "projct": "x"}}, "'projct' is not a field of a budget", False),
        ({"b": {"amount": 0}}, "budgets.b.amount: 0 is not a number from 0.01", True),
        ({"b": {"amount": 5, "period": "year"}}, "'year' is not one of day, week, month", True),
        ({"b": {"amount": 5, "alert_at": "80"}}, "'80' is not a list of numbers", True),
        ({"b": {"amount": 5, "alert_at": [80, True]}}, "alert_at[1]: True is not a number", True),
        ({"b c": {"amount": 5}}, "is not an id", False),
    ],
)
def test_a_slip_in_a_budget(document: Any, warning: str, kept: bool) -> None:
    """A misspelt field would make a budget wider, so the budget is left out."""
    found, warnings = budgets(document)
    assert len(warnings) == 1
    assert warning in warnings[0]
    assert bool(found) == kept


def test_there_is_an_end_to_budgets() -> None:
    """A program that makes them without end is stopped at some number, with a warning each."""
    found, warnings = budgets({f"b{n}": {"amount": 1} for n in range(MAX_NAMED + 2)})
    assert len(found) == MAX_NAMED
    assert len(warnings) == 2


def test_effective_settings_are_json() -> None:
    """What `settings_get` shows of rules and budgets can be written back as it is."""
    settings, _ = parse(
        {"budgets": {"all": {"amount": 5}}, "alerts": {"rules": {"x": {"on": "stale"}}}}, ENV
    )
    document = json.loads(msgspec.json.encode(settings.as_document()))
    assert document["budgets"]["all"]["alert_at"] == [80.0, 100.0]
    again, warnings = parse({"budgets": document["budgets"]}, ENV)
    assert warnings == []
    assert again.budgets == settings.budgets
