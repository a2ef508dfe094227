"""The watch over a real store, threads and programs, with a clock that the test moves on."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import gevent
import pytest

from openusage_proto.alert_messages import (
    AlertMuteParams,
    AlertsParams,
    AlertTestParams,
    BudgetsParams,
)
from openusaged.config.alerts import AlertRule, AlertSettings, Budget
from openusaged.config.settings import Settings
from openusaged.core.errors import InvalidParams
from openusaged.core.models import Account, LimitMetric, UsageSnapshot
from openusaged.providers.base import Machine
from openusaged.providers.shared.http import UrllibHttpClient
from openusaged.runtime.pools import Pools
from openusaged.runtime.tasks import Tasks
from openusaged.storage.alerts import HELD, PENDING
from openusaged.storage.store import AlertChanges, AlertRecord, AlertState, WriteBatch
from openusaged.usecases.alerts.alerting import Alerting
from openusaged.usecases.alerts.outbox import MAX_WAITING
from openusaged.usecases.alerts.watch import Around
from openusaged.usecases.reading import Reading, View
from tests.support.stored import event, fill, open_store

ACCOUNT = Account(id="claude-code", provider_id="claude_code", title="Claude Code")
HOUR = 3_600_000
LIMIT = AlertRule(on="limit", at=80.0)
FACTS = b'{"rule":"r","kind":"limit","at":"","text":"of a former run"}'


class Clock:
    """The machine's, moved on by the test."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead_ms / 1000


class World:
    """Everything around alerts; what is told is a line of a file."""

    def __init__(self, tmp_path: Path) -> None:
        self.path = str(tmp_path / "db" / "t.db")
        self.told_file = tmp_path / "told"
        self.store = open_store(self.path)
        self.pools, self.tasks, self.clock = Pools(), Tasks(), Clock()
        self.view = View(accounts=(ACCOUNT,), titles={ACCOUNT.id: "Claude Code"})
        self.settings = Settings(
            alerts=AlertSettings(
                enabled=True,
                desktop=False,
                command=("sh", "-c", f"cat >> {self.told_file}"),
                rules={"limit": LIMIT},
            )
        )
        reading = Reading(
            store=self.store, pools=self.pools, clock=self.clock, view=lambda: self.view
        )
        around = Around(
            store=self.store,
            pools=self.pools,
            tasks=self.tasks,
            clock=self.clock,
            reading=reading,
            view=lambda: self.view,
            settings=lambda: self.settings,
        )
        machine = Machine(env={"PATH": "/usr/bin:/bin"}, home="/h", platform="linux")
        self.alerting = Alerting(around, UrllibHttpClient(proxies={}), machine)

    def close(self) -> None:
        self.alerting.close()
        self.tasks.close()
        self.pools.write(self.store.close)
        self.pools.close()

    def alerts(self, **more: Any) -> None:
        """Change the settings of alerts, as a reload does."""
        self.settings = replace(self.settings, alerts=replace(self.settings.alerts, **more))
        self.alerting.settings_changed()

    def used(self, percent: float, window_h: float = 50.0, *, look: bool = True) -> None:
        """The vendor says that so much of the week is used."""
        now_ms = self.clock.now_ms()
        metric = LimitMetric(
            key="usage_seven_day",
            unit="%",
            window="7d",
            label="7-day limit",
            used=percent,
            limit=100.0,
            resets_at_ms=now_ms + round(window_h * HOUR),
        )
        snapshot = UsageSnapshot(
            provider_id="claude_code",
            account_id=ACCOUNT.id,
            ts_ms=now_ms,
            status="OK",
            metrics=(metric,),
        )
        self.pools.write(self.store.apply, [WriteBatch(snapshots=(snapshot,))])
        if look:
            self.alerting.written([ACCOUNT.id], events=False)

    def pass_time(self, seconds: float) -> None:
        """Later; everything is looked at again."""
        self.clock.ahead_ms += round(seconds * 1000)
        self.view = replace(self.view, accounts=(*self.view.accounts,))
        self.alerting.view_changed()

    def told(self) -> list[str]:
        if not self.told_file.exists():
            return []
        return [json.loads(line)["rule"] for line in self.told_file.read_text().splitlines()]

    def outcomes(self) -> list[tuple[str, str]]:
        """(rule, outcome), oldest first."""
        answer = self.alerting.alerts(AlertsParams(history=1000))
        return [(entry.facts.rule, entry.outcome) for entry in reversed(answer.history)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def until(predicate: Callable[[], object], seconds: float = 10.0) -> None:
    """Let greenlets run until something is true."""
    with gevent.Timeout(seconds, AssertionError("it did not come true")):
        while not predicate():
            gevent.sleep(0.005)


def test_a_crossing_goes_out_once(world: World) -> None:
    """Told by the way that is set, recorded, counted; the same figure again is no news."""
    world.alerting.start()
    world.used(85)
    until(lambda: world.outcomes() == [("limit", "delivered")])
    assert world.told() == ["limit"]
    world.used(86)
    world.alerts(rules={"limit": LIMIT, "high": AlertRule(on="limit", at=86.0)})
    world.pass_time(10)
    until(lambda: world.told() == ["limit", "high"])
    (limit, high) = world.alerting.alerts(AlertsParams()).rules
    assert limit.active == high.active == ["claude-code/usage_seven_day"]
    status = world.alerting.status()
    assert (status.enabled, status.fired, status.active, status.failed) == (True, 2, 2, 0)


def test_nothing_is_looked_at_while_alerts_are_off(world: World) -> None:
    """Off means no work; switched on, what holds by then is told."""
    world.alerts(enabled=False)
    world.alerting.start()
    world.used(85)
    until(lambda: not world.alerting.status().enabled)
    # The start reads what is remembered; nothing comes after it.
    until(lambda: not any(world.pools.busy().values()))
    assert world.pools.read(world.store.alert_states) == []
    world.alerts(enabled=True)
    until(lambda: world.told() == ["limit"])


def test_time_alone_is_enough(world: World) -> None:
    """A limit that starts anew is told when its time comes, without a new figure."""
    world.alerts(rules={"reset": AlertRule(on="reset", at=80.0)})
    world.alerting.start()
    world.used(85, window_h=3 / 3600)
    until(lambda: world.alerting.alerts(AlertsParams()).rules[0].active)
    until(lambda: world.told() == ["reset"])


def minutes_from_now(world: World, minutes: int) -> str:
    moment = time.gmtime(world.clock.now_ms() / 1000 + minutes * 60)
    return f"{moment.tm_hour:02}:{moment.tm_min:02}"


def test_quiet_hours_hold_back(world: World) -> None:
    """After them: what still holds is told, what is over by then is only in the history."""
    world.alerts(
        quiet_hours=f"{minutes_from_now(world, -10)}-{minutes_from_now(world, 60)}",
        rules={"limit": LIMIT, "left": AlertRule(on="spend", amount=0.001, period="day")},
    )
    world.alerting.start()
    fill_now(world)
    world.used(85)
    until(lambda: len(world.outcomes()) == 2)
    assert {outcome for _, outcome in world.outcomes()} == {"held"}
    assert world.alerting.alerts(AlertsParams()).quiet
    assert world.alerting.status().waiting == 2
    world.used(10, look=False)
    world.pass_time(65 * 60)
    until(lambda: ("limit", "dropped") in world.outcomes())
    until(lambda: ("left", "delivered") in world.outcomes())
    assert world.told() == ["left"]


def fill_now(world: World) -> None:
    """An event of this minute."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(world.clock.now_ms() / 1000))
    world.pools.write(fill, world.store, [event(moment)])
    world.alerting.written((), events=True)


def test_amounts_wait_for_the_end_of_an_import(world: World) -> None:
    """Half of a history is no reason to alert; once it is there, budgets are looked at."""
    world.view = replace(world.view, importing=True)
    world.settings = replace(
        world.settings, budgets={"all": Budget(amount=0.004, period="day", alert_at=(50.0, 100.0))}
    )
    world.alerting.start()
    fill_now(world)
    world.used(85)
    until(lambda: world.told() == ["limit"])
    world.view = replace(world.view, importing=False, budgets=world.settings.budgets)
    world.pass_time(10)
    until(lambda: world.told() == ["limit", "budget:all@100"])
    (budget,) = world.alerting.budgets(BudgetsParams()).budgets
    assert budget.over
    with pytest.raises(InvalidParams, match="budget: there is no 'al'; did you mean all"):
        world.alerting.budgets(BudgetsParams(id="al"))


def test_what_a_former_run_left_is_settled(world: World) -> None:
    """Delivered when young, dropped when old, held on; memory of rules that are gone goes."""
    now_ms = world.clock.now_ms()

    def left(rule: str, outcome: str, ts_ms: int = now_ms) -> AlertRecord:
        facts = FACTS.replace(b'"r"', f'"{rule}"'.encode())
        return AlertRecord(ts_ms=ts_ms, rule=rule, outcome=outcome, facts=facts)

    world.pools.write(
        world.store.write_alerts,
        AlertChanges(
            states=(
                AlertState(rule="limit", subject="x", active=True, fired_ms=now_ms),
                AlertState(rule="gone", subject="x", active=True),
            ),
            records=(
                left("old", PENDING, now_ms - 2 * HOUR),
                left("young", PENDING),
                left("limit", HELD),
            ),
        ),
    )
    world.alerting.start()
    until(lambda: len(world.told()) == 2)
    until(lambda: all(outcome not in (PENDING, HELD) for _, outcome in world.outcomes()))
    assert world.outcomes() == [("old", "dropped"), ("young", "delivered"), ("limit", "delivered")]
    states = world.pools.read(world.store.alert_states)
    assert [state.rule for state in states] == ["limit"]


def test_a_store_that_cannot_remember_is_no_reason_to_be_silent(world: World, caplog: Any) -> None:
    """An alert goes out even when it cannot be recorded."""
    world.alerting.start()
    world.used(85)
    until(lambda: world.outcomes() == [("limit", "delivered")])
    with closing(sqlite3.connect(world.path)) as connection:
        connection.execute("DROP TABLE alert_state")
    world.alerts(rules={"high": AlertRule(on="limit", at=81.0)})
    world.pass_time(10)
    until(lambda: world.told() == ["limit", "high"])
    assert "event=alerts_not_stored" in caplog.text


def test_mute_and_test(world: World) -> None:
    """A muted rule is recorded only; a test goes out all the same; wrong names are refused."""
    world.alerting.start()
    assert world.alerting.mute(AlertMuteParams(minutes=5)).muted_until is not None
    world.used(85)
    until(lambda: world.outcomes() == [("limit", "muted")])
    assert world.alerting.test(AlertTestParams()).deliveries == {"command": ""}
    assert world.told() == ["test"]
    answer = world.alerting.alerts(AlertsParams())
    assert answer.muted_until == answer.rules[0].muted_until is not None
    assert world.alerting.mute(AlertMuteParams(minutes=0)).muted_until is None
    for refused, words in (
        (lambda: world.alerting.mute(AlertMuteParams(minutes=-1)), "minutes: must lie"),
        (
            lambda: world.alerting.mute(AlertMuteParams(minutes=1, rule="limt")),
            "did you mean limit",
        ),
        (lambda: world.alerting.test(AlertTestParams(channel="mail")), "known: command"),
        (lambda: world.alerting.test(AlertTestParams(channel="tmux")), "alerts.tmux is not set"),
        (lambda: world.alerting.alerts(AlertsParams(history=5000)), "history: must lie"),
    ):
        with pytest.raises(InvalidParams, match=words):
            refused()
    world.alerts(command=())
    with pytest.raises(InvalidParams, match="none of desktop"):
        world.alerting.test(AlertTestParams())
    assert world.alerting.ways() == []
    world.alerts(enabled=False)
    assert world.alerting.ways() == []


def test_rules_about_nobody_say_so(world: World) -> None:
    """A name that nothing has is told, instead of a rule that waits for ever; a vendor is none."""
    world.alerts(
        rules={
            "a": AlertRule(on="limit", account="claude-cod"),
            "b": AlertRule(on="pace", provider="claude"),
            "c": AlertRule(on="spend", amount=1, provider="anthropic", account=ACCOUNT.id),
            "d": AlertRule(on="limit", enabled=False, account="x"),
        }
    )
    world.alerting.start()
    problems = [rule.problem for rule in world.alerting.alerts(AlertsParams()).rules]
    assert problems == [
        "account: there is no 'claude-cod'; did you mean claude-code?",
        "provider: there is no 'claude'; did you mean claude_code?",
        "",
        "",
    ]


def test_no_way_is_recorded_as_silence(world: World) -> None:
    """Alerts that reach nobody are in the history, and say so."""
    world.alerts(command=())
    world.alerting.start()
    world.used(85)
    until(lambda: world.outcomes() == [("limit", "silent")])


def test_failures_are_shown(world: World) -> None:
    """The reason is in the history, with the way, and in the status."""
    world.alerts(command=("no-such-program-here",), tmux=True)
    world.alerting.start()
    world.used(85)
    until(lambda: world.outcomes() == [("limit", "failed")])
    reason = "no-such-program-here is not installed or not on PATH"
    answer = world.alerting.alerts(AlertsParams(history=1))
    assert answer.history[0].deliveries["command"] == reason
    assert {way.name: way.failed for way in answer.channels} == {"tmux": 1, "command": 1}
    assert world.alerting.status().failed == 2
    assert [way.name for way in world.alerting.ways()] == ["tmux", "command"]


def test_the_queue_is_bounded(world: World, tmp_path: Path) -> None:
    """When too many wait the oldest gives way and says so; nothing else is lost."""
    gate = tmp_path / "gate"
    world.alerts(
        command=("sh", "-c", f"until test -e {gate}; do :; done; cat >> {world.told_file}")
    )
    now_ms = world.clock.now_ms()
    records = tuple(
        AlertRecord(ts_ms=now_ms, rule=f"r{n}", outcome=PENDING, facts=FACTS)
        for n in range(MAX_WAITING + 3)
    )
    world.pools.write(world.store.write_alerts, AlertChanges(records=records))
    world.alerting.start()
    until(lambda: [outcome for _, outcome in world.outcomes()].count("failed") == 3)
    failed = [
        entry
        for entry in world.alerting.alerts(AlertsParams(history=1000)).history
        if entry.outcome == "failed"
    ]
    assert {entry.deliveries["queue"] for entry in failed} == {
        f"more than {MAX_WAITING} alerts were waiting"
    }
    gate.touch()
    until(lambda: len(world.told()) == MAX_WAITING, 30.0)
