"""
Watches for alerts: decides when conditions are looked at, and has their news stored and delivered.

On the hub; the looking itself is a reader's work.  Nothing happens while alerts are off, and what
has not moved is not looked at.  A part that was just looked at rests in proportion to what that
cost, so that a storm of events costs no more than `DUTY`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from openusage_proto.alert_messages import AlertStatus
from openusage_proto.values import dataclass
from openusaged.config.alerts import AlertSettings
from openusaged.config.settings import Settings
from openusaged.core.errors import OpenUsageError
from openusaged.core.models import Account
from openusaged.core.windows import to_datetime
from openusaged.runtime.clock import Clock
from openusaged.runtime.pools import Pools
from openusaged.runtime.tasks import Tasks, Timer
from openusaged.storage.alerts import HELD, PENDING, UNSETTLED
from openusaged.storage.store import AlertChanges, AlertRecord, Store
from openusaged.usecases.alerts.channels import set_channels
from openusaged.usecases.alerts.ledger import DROPPED, Ledger, Manners
from openusaged.usecases.alerts.memory import Finding
from openusaged.usecases.alerts.outbox import Outbox
from openusaged.usecases.alerts.quiet import quiet_until
from openusaged.usecases.alerts.rules import News, Rules, budget_rule
from openusaged.usecases.reading import Reading, View

log = logging.getLogger(__name__)

REST_S: Final = 2.0
DUTY: Final = 0.02
"""Share of a core that looking at conditions may take."""
LONGEST_SLEEP_S: Final = 900.0
"""Timers stand still while a machine sleeps: what is due is noticed this much later at worst."""
STALE_DELIVERY_MS: Final = 3_600_000
"""An alert that a former run could not deliver is old news after this."""
_SPENDING: Final = ""
"""The part that is no account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What the watch is built on."""

    store: Store
    pools: Pools
    tasks: Tasks
    clock: Clock
    reading: Reading
    view: Callable[[], View]
    settings: Callable[[], Settings]


class AlertWatch:
    """See the module; hub thread, except `status`."""

    def __init__(self, around: Around, outbox: Outbox) -> None:
        self._around = around
        self._outbox = outbox
        self.ledger = Ledger()
        self._held: list[AlertRecord] = []
        self._news: set[str] = set()
        self._due: dict[str, int] = {}
        self._rest_until: dict[str, float] = {}
        self._accounts: Iterable[Account] = ()
        self._importing = True
        self._ready = False
        self._running = False
        self._timer: Timer | None = None
        self.fired = 0

    # ------------------------------------------------------------------ what moves

    def start(self) -> None:
        """Remember what a former run did, then begin (the calling greenlet waits)."""
        store, pools = self._around.store, self._around.pools
        self.ledger.load(pools.read(store.alert_states), pools.read(store.alert_mutes))
        self._ready = True
        self._around.tasks.spawn(self._resume)

    def written(self, accounts: Iterable[str], *, events: bool) -> None:
        """These accounts have new limits or polls; `events`: amounts may have changed."""
        self._news.update(accounts)
        if events:
            self._news.add(_SPENDING)
        self._look()

    def view_changed(self) -> None:
        """Accounts or the state of an import may have changed: look at all when they have."""
        view = self._around.view()
        if view.accounts is not self._accounts or view.importing != self._importing:
            self._accounts, self._importing = view.accounts, view.importing
            self._everything()

    def settings_changed(self) -> None:
        """Rules may be others now."""
        if self._ready:
            self._around.tasks.spawn(self._forget)
            self._everything()

    def _everything(self) -> None:
        self.written([account.id for account in self._around.view().accounts], events=True)

    # ------------------------------------------------------------------ looking

    @property
    def settings(self) -> AlertSettings:
        """As they are now."""
        return self._around.settings().alerts

    def rules(self) -> Rules:
        """What is watched now."""
        settings = self._around.settings()
        rules = {name: rule for name, rule in settings.alerts.rules.items() if rule.enabled}
        return Rules(rules, settings.budgets)

    def rule_ids(self) -> list[str]:
        """Ids of all rules there are, those of budgets included."""
        settings = self._around.settings()
        shares = [
            budget_rule(name, percent)
            for name, budget in settings.budgets.items()
            for percent in budget.alert_at
        ]
        return [*settings.alerts.rules, *shares]

    def _resume(self) -> None:
        """Settle what a former run has left, then look at everything."""
        store, pools = self._around.store, self._around.pools
        self._forget()
        unsettled = pools.read(store.alert_records, outcomes=UNSETTLED)
        oldest_ms = self._around.clock.now_ms() - STALE_DELIVERY_MS
        for record in reversed(unsettled):
            if record.outcome == HELD:
                self._held.append(record)
            elif record.ts_ms >= oldest_ms:
                self._outbox.add(record)
            else:
                self._write(AlertChanges(records=(_settled(record, DROPPED),)))
        self._everything()

    def _forget(self) -> None:
        gone = self.ledger.forget(self.rule_ids())
        if gone:
            self._write(AlertChanges(forget_rules=gone))

    def _look(self) -> None:
        if not self.settings.enabled:
            self._news.clear()
        elif self._ready and not self._running and (self._news or self._held):
            self._running = True
            self._around.tasks.spawn(self._run)

    def _run(self) -> None:
        try:
            while self._ready_news() or self._is_release_due():
                self._step()
        finally:
            self._running = False
            self._sleep()

    def _ready_news(self) -> set[str]:
        """The parts with news that have rested."""
        now = self._around.clock.monotonic()
        return {part for part in self._news if self._rest_until.get(part, 0.0) <= now}

    def _step(self) -> None:
        from openusaged.usecases.alerts.evaluation import (
            evaluate,
        )  # only where something is watched

        around = self._around
        parts = self._ready_news()
        self._news -= parts
        view, rules = around.view(), self.rules()
        # While history is imported an amount is no more than a part of itself.
        news = News(frozenset(parts - {_SPENDING}), _SPENDING in parts and not view.importing)
        context = around.reading.context(None)
        begun = around.clock.monotonic()
        findings = around.pools.read(evaluate, around.store, view, context, rules, news)
        took = around.clock.monotonic() - begun
        rest = around.clock.monotonic() + max(REST_S, took / DUTY)
        self._rest_until.update(dict.fromkeys(parts, rest))
        self._note_due(parts, findings, context.now_ms)
        quiet = quiet_until(self.settings, to_datetime(context.now_ms, context.zone))
        self._tell(findings, context.now_ms, quiet=quiet is not None)
        if quiet is None:
            self._release()

    def _note_due(self, parts: set[str], findings: list[Finding], now_ms: int) -> None:
        for part in parts:
            self._due.pop(part, None)
        for finding in findings:
            if finding.due_ms > now_ms:
                earliest = self._due.get(finding.part, finding.due_ms)
                self._due[finding.part] = min(earliest, finding.due_ms)

    def _tell(self, findings: list[Finding], now_ms: int, *, quiet: bool) -> None:
        settings = self.settings
        manners = Manners(
            now_ms=now_ms,
            cooldown_ms=settings.cooldown_minutes * 60_000,
            quiet=quiet,
            has_channels=bool(set_channels(settings)),
        )
        states, records = self.ledger.take(findings, manners)
        if not states and not records:
            return
        ids = self._write(AlertChanges(states=tuple(states), records=tuple(records)))
        self.fired += len(records)
        for record, ident in zip(records, ids, strict=True):
            log.info("event=alert rule=%s outcome=%s", record.rule, record.outcome)
            stored = msgspec.structs.replace(record, id=ident)
            if record.outcome == PENDING:
                self._outbox.add(stored)
            elif record.outcome == HELD:
                self._held.append(stored)

    def _is_release_due(self) -> bool:
        if not self._held:
            return False
        context = self._around.reading.context(None)
        return quiet_until(self.settings, to_datetime(context.now_ms, context.zone)) is None

    def _release(self) -> None:
        """It is loud again: tell what was held back and still holds."""
        held, self._held = self._held, []
        for record in held:
            if self.ledger.still_holds(record):
                self._outbox.add(record)
            else:
                self._write(AlertChanges(records=(_settled(record, DROPPED),)))

    def _write(self, changes: AlertChanges) -> list[int]:
        """Store them; a store that cannot is no reason not to tell."""
        try:
            return self._around.pools.write(self._around.store.write_alerts, changes)
        except OpenUsageError as error:
            log.warning("event=alerts_not_stored error=%s", error)
            return [record.id for record in changes.records]

    # ------------------------------------------------------------------ time

    def _sleep(self) -> None:
        """Wake when time alone changes something, or a part has rested."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        delays = [
            self._rest_until.get(part, 0.0) - self._around.clock.monotonic() for part in self._news
        ]
        now_ms = self._around.clock.now_ms()
        delays += [
            (due_ms - now_ms) / 1000
            for part, due_ms in self._due.items()
            if part not in self._news  # it is waiting for its rest to be over
        ]
        if self._held:
            delays.append(60.0)
        if delays and self.settings.enabled:
            delay = min(max(0.05, min(delays)), LONGEST_SLEEP_S)
            self._timer = self._around.tasks.later(delay, self._wake)

    def _wake(self) -> None:
        self._timer = None
        now_ms = self._around.clock.now_ms()
        self._news.update(part for part, due_ms in self._due.items() if due_ms <= now_ms)
        if self._news or self._held:
            self._look()
        if not self._running:
            self._sleep()

    # ------------------------------------------------------------------ for answers

    def mute(self, rule: str, until_ms: int) -> None:
        """Have a rule (empty: all) silent until then; 0 ends it (a greenlet waits)."""
        self.ledger.mutes[rule] = until_ms
        self._write(AlertChanges(mutes={rule: until_ms}))

    def status(self) -> AlertStatus:
        """For `status`; any thread."""
        rules = self.rule_ids()
        tallies = list(self._outbox.tallies.values())
        return AlertStatus(
            enabled=self.settings.enabled,
            rules=len(rules),
            active=sum(len(self.ledger.active(rule)) for rule in rules),
            waiting=self._outbox.waiting + len(self._held),
            fired=self.fired,
            failed=sum(tally.failed for tally in tallies),
            last_error=next((tally.last_error for tally in tallies if tally.last_error), ""),
        )


def _settled(record: AlertRecord, outcome: str) -> AlertRecord:
    return msgspec.structs.replace(record, outcome=outcome)
