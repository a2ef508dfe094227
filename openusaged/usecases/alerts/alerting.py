"""
Alerts as the rest of the daemon sees them: one object that is told what moves, and answers.

Built by the composition root.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from openusage_proto.alert_messages import (
    AlertChannel,
    AlertEntry,
    AlertFacts,
    AlertMuteParams,
    AlertMuteResult,
    AlertRuleState,
    Alerts,
    AlertsParams,
    AlertStatus,
    AlertTestParams,
    AlertTestResult,
    Budgets,
    BudgetsParams,
)
from openusage_proto.privacy_messages import AlertWay
from openusaged.config.alerts import SPEND, AlertRule
from openusaged.core.errors import InvalidParams
from openusaged.core.models import Account
from openusaged.core.windows import iso, to_datetime
from openusaged.providers.base import HttpClient, Machine
from openusaged.providers.shared.http import UrllibHttpClient
from openusaged.storage.alerts import KEPT_RECORDS
from openusaged.storage.store import AlertChanges, AlertRecord
from openusaged.usecases.alerts.channels import CHANNELS, Channels, set_channels, target_of
from openusaged.usecases.alerts.outbox import Outbox, Tally, outcome_of
from openusaged.usecases.alerts.programs import Programs
from openusaged.usecases.alerts.quiet import quiet_until
from openusaged.usecases.alerts.rules import BUDGET, budget_rule
from openusaged.usecases.alerts.watch import AlertWatch, Around
from openusaged.usecases.report_scope import unknown_name

MAX_MUTE_MINUTES = 365 * 24 * 60


class Alerting:
    """Hub thread, except where it says otherwise."""

    def __init__(self, around: Around, http: HttpClient, machine: Machine) -> None:
        self._around = around
        self._platform = machine.platform
        channels = Channels(
            programs=Programs(machine.env),
            http=http,
            direct=UrllibHttpClient(proxies={}),
            env=machine.env,
            platform=machine.platform,
        )
        self._outbox = Outbox(
            store=around.store,
            pools=around.pools,
            tasks=around.tasks,
            channels=channels,
            settings=lambda: around.settings().alerts,
        )
        self._watch = AlertWatch(around, self._outbox)

    # ------------------------------------------------------------------ told

    def start(self) -> None:
        """Begin to watch."""
        self._watch.start()

    def close(self) -> None:
        """Start no more deliveries and end those that run."""
        self._outbox.close()

    def written(self, accounts: Iterable[str], *, events: bool) -> None:
        """These accounts have new limits or polls; `events`: amounts may have changed."""
        self._watch.written(accounts, events=events)

    def view_changed(self) -> None:
        """Accounts or the state of an import may have changed."""
        self._watch.view_changed()

    def settings_changed(self) -> None:
        """Rules may be others now."""
        self._watch.settings_changed()

    # ------------------------------------------------------------------ answers

    def status(self) -> AlertStatus:
        """For `status`; any thread."""
        return self._watch.status()

    def ways(self) -> list[AlertWay]:
        """How alerts leave the daemon; any thread."""
        settings = self._watch.settings
        if not settings.enabled:
            return []
        return [
            AlertWay(name=name, target=target_of(name, settings, self._platform))
            for name in set_channels(settings)
        ]

    def budgets(self, params: BudgetsParams) -> Budgets:
        """The answer of `budgets`; a reader thread."""
        from openusaged.usecases.alerts.budgets import BudgetBook  # not before somebody asks

        book = BudgetBook(self._around.store, self._around.reading)
        return book.answer(params.id, self._around.view())

    def alerts(self, params: AlertsParams) -> Alerts:
        """
        The answer of `alerts` (a greenlet waits for the history).

        Raises:
            InvalidParams: more history than is kept, or less than none.
        """
        if not 0 <= params.history <= KEPT_RECORDS:
            raise InvalidParams(f"history: must lie between 0 and {KEPT_RECORDS}")
        settings = self._watch.settings
        context = self._around.reading.context(None)
        records = (
            self._around.pools.read(self._around.store.alert_records, params.history)
            if params.history
            else []
        )
        all_until = self._watch.ledger.mutes.get("", 0)
        return Alerts(
            enabled=settings.enabled,
            quiet=quiet_until(settings, to_datetime(context.now_ms, context.zone)) is not None,
            quiet_hours=settings.quiet_hours,
            timezone=context.zone_name,
            cooldown_minutes=settings.cooldown_minutes,
            muted_until=iso(all_until) if all_until > context.now_ms else None,
            rules=self._rule_states(context.now_ms),
            channels=[self._channel(name) for name in set_channels(settings)],
            history=[_entry(record) for record in records],
        )

    def _rule_states(self, now_ms: int) -> list[AlertRuleState]:
        from openusaged.usecases.alerts.wording import budget_words, rule_words  # as above

        settings, view = self._around.settings(), self._around.view()
        rules = [
            (
                name,
                rule.on,
                rule_words(rule) if rule.enabled else "switched off",
                rule.enabled,
                _problem(rule, view.accounts),
            )
            for name, rule in settings.alerts.rules.items()
        ]
        rules += [
            (budget_rule(name, percent), BUDGET, budget_words(budget, percent), True, "")
            for name, budget in settings.budgets.items()
            for percent in budget.alert_at
        ]
        ledger = self._watch.ledger
        return [
            AlertRuleState(
                id=name,
                on=on,
                words=words,
                enabled=enabled,
                active=ledger.active(name),
                last_fired_at=iso(ledger.fired_ms(name)),
                muted_until=iso(ledger.muted_until(name, now_ms)),
                problem=problem,
            )
            for name, on, words, enabled, problem in rules
        ]

    def _channel(self, name: str) -> AlertChannel:
        tally = self._outbox.tallies.get(name, Tally())
        return AlertChannel(
            name=name,
            target=target_of(name, self._watch.settings, self._platform),
            delivered=tally.delivered,
            failed=tally.failed,
            last_error=tally.last_error,
        )

    def test(self, params: AlertTestParams) -> AlertTestResult:
        """
        Send a sample now, whatever is quiet or muted (a greenlet waits).

        Raises:
            InvalidParams: the way is not set, or none is.
        """
        ways = set_channels(self._watch.settings)
        if params.channel is not None:
            if params.channel not in CHANNELS:
                raise unknown_name("channel", params.channel, CHANNELS)
            if params.channel not in ways:
                raise InvalidParams(f"channel: alerts.{params.channel} is not set in the settings")
            ways = [params.channel]
        if not ways:
            raise InvalidParams("channel: none of desktop, tmux, command and webhook is set")
        now_ms = self._around.clock.now_ms()
        facts = AlertFacts(
            rule="test",
            kind="test",
            at=iso(now_ms) or "",
            text="This is a test: alerts reach you this way.",
        )
        deliveries = self._outbox.try_out(ways, facts)
        record = AlertRecord(
            ts_ms=now_ms,
            rule=facts.rule,
            outcome=outcome_of(deliveries),
            facts=msgspec.json.encode(facts),
            deliveries=deliveries,
        )
        self._around.pools.write(self._around.store.write_alerts, AlertChanges(records=(record,)))
        return AlertTestResult(deliveries=deliveries)

    def mute(self, params: AlertMuteParams) -> AlertMuteResult:
        """
        Have a rule, or all of them, silent for a time (a greenlet waits).

        Raises:
            InvalidParams: no such rule, or a time out of range.
        """
        if not 0 <= params.minutes <= MAX_MUTE_MINUTES:
            raise InvalidParams(f"minutes: must lie between 0 and {MAX_MUTE_MINUTES}")
        rule = params.rule or ""
        known = {name for full in self._watch.rule_ids() for name in (full, full.partition("@")[0])}
        if rule and rule not in known:
            raise unknown_name("rule", rule, known)
        until_ms = self._around.clock.now_ms() + params.minutes * 60_000 if params.minutes else 0
        self._watch.mute(rule, until_ms)
        return AlertMuteResult(rule=params.rule, muted_until=iso(until_ms or None))


def _problem(rule: AlertRule, accounts: Sequence[Account]) -> str:
    """Why a rule can never be told: a name in it that nothing has."""
    if not rule.enabled:
        return ""
    ids = {account.id for account in accounts}
    if rule.account and rule.account not in ids:
        return str(unknown_name("account", rule.account, ids))
    services = {account.provider_id for account in accounts}
    # Amounts also go by the vendor or tool that events name.
    if rule.on != SPEND and rule.provider and rule.provider not in services:
        return str(unknown_name("provider", rule.provider, services))
    return ""


def _entry(record: AlertRecord) -> AlertEntry:
    return AlertEntry(
        id=record.id,
        at=iso(record.ts_ms) or "",
        outcome=record.outcome,
        facts=msgspec.json.decode(record.facts, type=AlertFacts),
        deliveries=dict(record.deliveries),
    )
