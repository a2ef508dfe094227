"""Alerts and budgets as a user has them: a real daemon, a real receiver, tmux, the command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openusage_proto import locations
from openusage_proto.errors import RpcError
from openusaged.core.models import LimitMetric, UsageSnapshot
from openusaged.storage.store import Store, WriteBatch
from tests.support.client import run_client
from tests.support.daemon import Daemon
from tests.support.receiver import Receiver, receiving
from tests.support.terminal import Terminal, dashboard
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.measured]

HOUR_S = 3600


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Where webhooks go."""
    with receiving() as server:
        yield server


@pytest.fixture
def alerting(home: Path, receiver: Receiver) -> dict[str, Any]:
    """A home of Claude Code, and settings that tell the receiver."""
    (home / ".claude" / "projects").mkdir(parents=True)
    settings = {
        "telemetry": {"poll": False},
        "alerts": {"enabled": True, "desktop": False, "webhook": {"url": f"{receiver.url}/hook"}},
    }
    write(settings)
    return settings


def write(settings: dict[str, Any]) -> None:
    Path(locations.settings_path()).write_text(json.dumps(settings), encoding="utf-8")


def used(daemon: Daemon, percent: float, ends_s: float, window: str = "seven_day") -> None:
    """Claude Code's status line tells how much of a window is used."""
    payload = {
        "session_id": "s1",
        "model": {"id": "claude-opus-5", "display_name": "Opus 5"},
        "rate_limits": {window: {"used_percentage": percent, "resets_at": ends_s}},
    }
    daemon.call("statusline", payload=payload, color=False)


def turn(daemon: Daemon, ident: str, **more: Any) -> None:
    """A turn of some tool that recorded what it cost."""
    given = {
        "model": "house-model-1",
        "message_id": ident,
        "input_tokens": 100,
        "output_tokens": 10,
        "cost": 4.0,
        "currency": "USD",
    }
    daemon.call("ingest_turn", source="house_tool", turn=given | more)


def history(daemon: Daemon) -> list[tuple[str, str]]:
    """(rule, outcome), oldest first."""
    entries = daemon.call("alerts", history=50)["history"]
    return [(entry["facts"]["rule"], entry["outcome"]) for entry in reversed(entries)]


def test_m01_thresholds_are_told_once_over_restarts(
    alerting: dict[str, Any], daemon: Daemon, receiver: Receiver
) -> None:
    """M01: a crossing reaches the webhook once, whatever is killed; the next threshold does, too."""
    daemon.start()
    ends = time.time() + 150 * HOUR_S
    used(daemon, 85, ends)
    wait_until(lambda: "limit-80" in receiver.rules, 20, "the first alert")
    path, headers, body = receiver.got[0]
    assert (path, headers["Content-Type"]) == ("/hook", "application/json")
    assert body["account"] == "claude-code"
    assert (body["metric"], body["value"], body["threshold"]) == ("usage_seven_day", 85, 80)
    assert body["text"].startswith("Claude Code: 85% of ")
    wait_until(lambda: history(daemon)[0] == ("limit-80", "delivered"), 10, "its record")
    told = sorted(receiver.rules)
    used(daemon, 87, ends)
    daemon.restart(kill=True)
    used(daemon, 88, ends)
    used(daemon, 96, ends)
    wait_until(lambda: "limit-95" in receiver.rules, 20, "the next threshold")
    # By the clock the week is just begun: it will not last, which is told once as well.
    assert told == ["limit-80", "pace"]
    assert sorted(receiver.rules) == ["limit-80", "limit-95", "pace"]


def test_a_reset_is_told_when_its_time_comes(
    alerting: dict[str, Any], daemon: Daemon, receiver: Receiver
) -> None:
    """Without any new figure: the clock is enough."""
    daemon.start()
    used(daemon, 90, time.time() + 4, "five_hour")
    wait_until(lambda: "reset" in receiver.rules, 30, "the reset")
    assert receiver.got[-1][2]["text"].endswith("limit has started anew.")


def test_quiet_hours_and_mutes_hold_back(
    alerting: dict[str, Any], daemon: Daemon, receiver: Receiver
) -> None:
    """Held in quiet hours and told after them; muted is recorded only. Settings work at once."""
    now = time.gmtime()
    alerting["alerts"]["quiet_hours"] = f"{now.tm_hour:02}:00-{(now.tm_hour + 2) % 24:02}:00"
    write(alerting)
    daemon.env["TZ"] = "UTC"
    daemon.start()
    run_client(daemon.env, "alerts", "mute", "pace", "--for", "2h")
    used(daemon, 85, time.time() + 150 * HOUR_S)
    wait_until(lambda: len(history(daemon)) == 2, 20, "both")
    assert sorted(history(daemon)) == [("limit-80", "held"), ("pace", "muted")]
    assert receiver.rules == []
    assert "held until the quiet hours end" in run_client(daemon.env, "alerts", "history").stdout
    daemon.call("settings_update", changes={"alerts": {"quiet_hours": None}})
    wait_until(lambda: receiver.rules == ["limit-80"], 20, "what was held")


def test_m07_budgets_per_project_and_period(
    alerting: dict[str, Any], daemon: Daemon, receiver: Receiver, home: Path
) -> None:
    """M07: set on the command line, told at their shares, and an exit code for CI."""
    daemon.start()
    daemon.wait_idle()
    api, web = home / "src" / "api", home / "src" / "web"
    for root in (api, web):
        (root / ".git").mkdir(parents=True)
    run_client(daemon.env, "budget", "set", "api", "10", "--project", str(api), "--period", "week")
    run_client(daemon.env, "budget", "set", "all", "100", "--alert-at", "10,50")
    turn(daemon, "m1", cwd=str(api))
    turn(daemon, "m2", cwd=str(web))
    assert run_client(daemon.env, "budget", "check").returncode == 0
    turn(daemon, "m3", cwd=str(api))
    wait_until(lambda: len(receiver.rules) == 2, 30, "both budgets")
    assert sorted(receiver.rules) == ["budget:all@10", "budget:api@80"]
    facts = next(body for _, _, body in receiver.got if body["rule"] == "budget:api@80")
    assert (facts["value"], facts["threshold"], facts["unit"]) == (8.0, 8.0, "USD")
    assert (facts["basis"], facts["period"]) == ("recorded", "week")
    turn(daemon, "m4", cwd=str(api))
    wait_until(lambda: "budget:api@100" in receiver.rules, 30, "the budget's end")
    done = run_client(daemon.env, "budget", "check", "api", check=False)
    assert done.returncode == 1
    assert "over" in done.stdout
    document = json.loads(run_client(daemon.env, "budget", "list", "--json").stdout)
    spent = {item["id"]: (item["spent"], item["over"]) for item in document["budgets"]}
    assert spent == {"api": (12.0, True), "all": (16.0, False)}
    run_client(daemon.env, "budget", "remove", "api")
    assert run_client(daemon.env, "budget", "check", "api", check=False).returncode == 2
    assert "api" not in json.loads(Path(locations.settings_path()).read_text())["budgets"]


@pytest.mark.pty
def test_an_open_dashboard_shows_budgets_as_they_stand(home: Path, daemon: Daemon) -> None:
    """One that is set, reached, changed or removed meanwhile is told at once, in the first line."""
    daemon.start()
    daemon.wait_idle()
    turn(daemon, "m1")
    with Terminal(dashboard(), 120, 30) as terminal:
        terminal.wait_for("● live", 20)
        assert "budget" not in terminal.text()
        run_client(daemon.env, "budget", "set", "all", "5")
        terminal.wait_for("budget all 80% of $5.00", 20)
        turn(daemon, "m2")
        terminal.wait_for("budget all 160% of $5.00", 20)
        terminal.send("a")
        terminal.wait_for("$8.00 of $5.00, over", 20)
        run_client(daemon.env, "budget", "set", "all", "16")
        terminal.wait_for("$8.00 of $16.00", 20)
        run_client(daemon.env, "budget", "remove", "all")
        terminal.wait_until(lambda text: "budget" not in text.lower(), 20)


def test_rules_are_made_changed_and_removed_by_command(
    alerting: dict[str, Any], daemon: Daemon, receiver: Receiver
) -> None:
    """A rule made on the command line is told; one that is changed or switched off is not again."""
    daemon.start()
    daemon.wait_idle()
    run_client(daemon.env, "alerts", "set", "dear", "--on", "spend", "--amount", "4")
    turn(daemon, "m1")
    wait_until(lambda: receiver.rules == ["dear"], 30, "the rule's alert")
    run_client(daemon.env, "alerts", "set", "dear", "--amount", "100")
    run_client(daemon.env, "alerts", "set", "limit-95", "--at", "97")
    listed = run_client(daemon.env, "alerts", "off", "pace").stdout
    assert "$100.00 a day spent" in listed
    assert "97% of a limit used" in listed
    rules = {rule["id"]: rule for rule in daemon.call("alerts")["rules"]}
    assert (rules["pace"]["enabled"], rules["pace"]["on"]) == (False, "pace")
    run_client(daemon.env, "alerts", "set", "dear", "--on", "stale", "--minutes", "60")
    run_client(daemon.env, "alerts", "on", "pace")
    run_client(daemon.env, "alerts", "remove", "limit-95")
    rules = {rule["id"]: rule for rule in daemon.call("alerts")["rules"]}
    assert rules["pace"]["enabled"]
    assert rules["limit-95"]["words"] == "95% of a limit used"
    assert rules["dear"]["on"] == "stale"
    run_client(daemon.env, "alerts", "remove", "dear")
    assert "dear" not in {rule["id"] for rule in daemon.call("alerts")["rules"]}
    assert run_client(daemon.env, "alerts", "off", "dear", check=False).returncode == 2


def test_unlike_currencies_are_not_added(alerting: dict[str, Any], daemon: Daemon) -> None:
    """A budget in yuan sees yuan; one in dollars names them apart."""
    daemon.start()
    daemon.wait_idle()
    turn(daemon, "m1", cost=30.0, currency="CNY")
    turn(daemon, "m2")
    run_client(daemon.env, "budget", "set", "cn", "20", "--currency", "CNY")
    run_client(daemon.env, "budget", "set", "us", "20")
    done = run_client(daemon.env, "budget", check=True)
    assert "30.00 CNY" in done.stdout
    assert "us: 30.00 CNY in other currencies are not in it." in done.stdout
    budgets = {item["id"]: item for item in daemon.call("budgets")["budgets"]}
    assert (budgets["cn"]["spent"], budgets["cn"]["over"]) == (30.0, True)
    assert (budgets["us"]["spent"], budgets["us"]["other_costs"]) == (4.0, {"CNY": 30.0})


def test_a_stale_source_is_told(
    alerting: dict[str, Any], daemon: Daemon, receiver: Receiver
) -> None:
    """A vendor that has not answered for hours, as the store knows it at the start."""
    alerting["alerts"]["rules"] = {"stale": {"on": "stale", "minutes": 120}}
    write(alerting)
    now_ms = time.time_ns() // 1_000_000
    store = Store.open(locations.database_path(), app_version="0", now_ms=lambda: now_ms)
    names = {"provider_id": "claude_code", "account_id": "claude-code"}
    metric = LimitMetric(key="usage_seven_day", unit="%", window="7d", used=5.0, limit=100.0)
    good = UsageSnapshot(**names, ts_ms=now_ms - 5 * 3_600_000, status="OK", metrics=(metric,))
    bad = UsageSnapshot(**names, ts_ms=now_ms - 60_000, status="AUTH_REQUIRED", message="log in")
    for snapshot in (good, bad):
        store.apply([WriteBatch(snapshots=(snapshot,))])
    store.close()
    daemon.start()
    wait_until(lambda: receiver.rules == ["stale"], 20, "the alert")
    text = receiver.got[0][2]["text"]
    assert "no new figures since" in text
    assert "auth required" in text


def test_a_slow_command_keeps_nobody_waiting(
    alerting: dict[str, Any], daemon: Daemon, home: Path
) -> None:
    """While a command runs the daemon answers; its failure is in the status and the history."""
    begun, gate = home / "begun", home / "gate"
    script = home / "tell"
    script.write_text(
        f"#!/bin/sh\ntouch {begun}\nuntil test -e {gate}; do sleep 0.05; done\nexit 7\n"
    )
    script.chmod(0o755)
    alerting["alerts"] |= {"command": [str(script)], "webhook": {}}
    write(alerting)
    daemon.start()
    used(daemon, 85, time.time() + 10 * HOUR_S)
    wait_until(begun.exists, 20, "the command")
    assert daemon.call("status")["alerts"]["waiting"] >= 1
    used(daemon, 86, time.time() + 10 * HOUR_S)
    assert not gate.exists()
    gate.touch()
    wait_until(lambda: ("limit-80", "failed") in history(daemon), 20, "its failure")
    status = daemon.call("status")["alerts"]
    assert status["failed"] >= 1
    assert status["last_error"] == "tell ended with exit code 7"
    assert "tell ended with exit code 7" in run_client(daemon.env, "status").stdout


def test_doctor_finds_alerts_that_reach_nobody(alerting: dict[str, Any], daemon: Daemon) -> None:
    """A way that failed is named with what tries it again; so are alerts without any way."""

    def found() -> list[tuple[str, str, str]]:
        done = run_client(daemon.env, "doctor", "--json", check=False)
        checks = json.loads(done.stdout)["checks"]
        return [
            (check["state"], check["found"], check["fix"])
            for check in checks
            if check["name"] == "alerts"
        ]

    daemon.start()
    assert found() == [("ok", "webhook: 127.0.0.1", "")]
    daemon.call("settings_update", changes={"alerts": {"command": ["no-such-program"]}})
    daemon.call("alert_test", channel="command")
    assert (
        "warning",
        "command: no-such-program is not installed or not on PATH",
        "openusage alerts test command",
    ) in found()
    changes = {"alerts": {"command": None, "webhook": None}}
    daemon.call("settings_update", changes=changes)
    ((state, text, _),) = found()
    assert (state, "no way is set" in text) == ("warning", True)


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_m01_tmux_shows_the_words_as_they_are(
    alerting: dict[str, Any], daemon: Daemon, home: Path
) -> None:
    """M01: a message in every attached client; per cent and number signs are no formats."""
    tmux_dir = home / "tm"
    tmux_dir.mkdir()
    alerting["alerts"] |= {"tmux": True, "webhook": {}}
    alerting["accounts"] = [
        {"id": "claude-code", "provider": "claude_code", "title": "50%H #(touch trap) #S"}
    ]
    write(alerting)
    env = {**os.environ, "TMUX_TMPDIR": str(tmux_dir), "TERM": "xterm-256color"}

    def tmux(*words: str) -> None:
        subprocess.run(["tmux", *words], env=env, check=True, capture_output=True)

    tmux("-f", "/dev/null", "new-session", "-d", "-x", "120", "-y", "20")
    try:
        daemon.env["TMUX_TMPDIR"] = str(tmux_dir)
        daemon.start()
        with Terminal(
            ["tmux", "attach"], columns=120, lines=20, TMUX_TMPDIR=str(tmux_dir)
        ) as terminal:
            wait_until(
                lambda: (
                    subprocess.run(
                        ["tmux", "list-clients"], env=env, check=True, capture_output=True
                    ).stdout
                ),
                20,
                "the client",
            )
            used(daemon, 96, time.time() + 10 * HOUR_S)
            terminal.wait_for("50%H #(touch trap) #S: 96% of")
        assert not (home / "trap").exists()
    finally:
        tmux("kill-server")


def test_wrong_settings_are_refused_whole(alerting: dict[str, Any], daemon: Daemon) -> None:
    """A program that sets a rule is told what is wrong, and nothing has changed."""
    daemon.start()
    before = Path(locations.settings_path()).read_bytes()
    for changes, words in (
        ({"alerts": {"rules": {"x": {"on": "spend"}}}}, "alerts.rules.x.amount"),
        ({"alerts": {"rulez": {}}}, "there is no such setting"),
        ({"alerts": {"webhook": {"url": "http://example.com"}}}, "https"),
        ({"budgets": {"a b": {"amount": 1}}}, "is not an id"),
    ):
        with pytest.raises(RpcError) as refusal:
            daemon.call("settings_update", changes=changes)
        assert words in refusal.value.detail
    assert Path(locations.settings_path()).read_bytes() == before
    done = run_client(daemon.env, "budget", "set", "x", "5", "--currency", "", check=False)
    assert done.returncode == 0
    assert run_client(daemon.env, "alerts", "test", "desktop", check=False).returncode == 2
