"""
The daemon as its use cases see it: one object that the wire's methods reach everything through.

Built by the composition root; knows no sockets and no greenlets.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from openusage_proto.messages import (
    EventCounts,
    RecentError,
    RefreshParams,
    RefreshResult,
    SourceStatus,
    Status,
)
from openusage_proto.methods import PROTOCOL_VERSION
from openusage_proto.price_messages import Pricing, PricingParams, RepriceParams, RepriceResult
from openusaged.config.settings import BUILT_IN_LINKS
from openusaged.config.settings_file import LoadedSettings
from openusaged.core.model_identity import ModelNames
from openusaged.core.models import Account
from openusaged.core.windows import iso
from openusaged.providers.base import Machine, Provider
from openusaged.runtime.clock import Clock
from openusaged.runtime.pools import Job
from openusaged.runtime.scheduler import PollScheduler
from openusaged.storage.store import Store
from openusaged.telemetry.collectors import Collector
from openusaged.usecases import health
from openusaged.usecases.accounts import Found
from openusaged.usecases.alerts.alerting import Alerting
from openusaged.usecases.collecting import Collecting
from openusaged.usecases.committing import Committer, Writing
from openusaged.usecases.prices import Prices
from openusaged.usecases.pricing_case import PricingCase
from openusaged.usecases.reading import Reading, View
from openusaged.usecases.receiving import Receiving
from openusaged.usecases.setting_up import SettingUp

if TYPE_CHECKING:
    from openusaged.usecases.activity import Activities
    from openusaged.usecases.explaining import Explaining

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What never changes while the daemon runs."""

    version: str
    started_ms: int
    socket: str
    database: str
    demo: bool
    machine: Machine


@dataclass(slots=True, kw_only=True)
class Parts:
    """The objects the application is made of; filled by the composition root."""

    store: Store
    writing: Writing
    committer: Committer
    collector: Collector
    collecting: Collecting
    reading: Reading
    prices: Prices
    pricing: PricingCase
    alerting: Alerting
    receiving: Receiving
    setting_up: SettingUp
    scheduler: PollScheduler
    clock: Clock
    recent_errors: Callable[[], Iterable[RecentError]]
    connections: Callable[[], tuple[int, int]]
    """(open connections, subscribers)."""
    redetect: Callable[[], None]
    publish: Callable[[], None]
    zone_name: Callable[[], str]


class Application:
    """Implements what `rpc` needs (`AppApi`) and what its methods call."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.shutting_down = False
        self.found = Found(accounts=[], warnings=[])
        self.settings: LoadedSettings | None = None
        self._parts: Parts | None = None
        self._view = View(demo=facts.demo)

    def assemble(self, parts: Parts) -> None:
        """Give the application its parts, once."""
        self._parts = parts

    @property
    def parts(self) -> Parts:
        """The parts; an application without them is a mistake of the composition root."""
        if self._parts is None:
            raise RuntimeError("the application has not been assembled")
        return self._parts

    @property
    def setting_up(self) -> SettingUp:
        """Detection, accounts, credentials and settings."""
        return self.parts.setting_up

    @property
    def seq(self) -> int:
        """The store's change sequence."""
        return self.parts.store.seq

    @property
    def reading(self) -> Reading:
        """Questions about usage."""
        return self.parts.reading

    # Made and loaded with the first question: many a daemon never hears one.

    @cached_property
    def explaining(self) -> Explaining:
        """Where numbers come from."""
        from openusaged.usecases.explaining import Explaining

        parts = self.parts
        return Explaining(
            store=parts.store,
            clock=parts.clock,
            reading=parts.reading,
            view=self.view,
            prices=parts.prices,
            deliveries=parts.writing.deliveries.counts,
            started_ms=self.facts.started_ms,
        )

    @cached_property
    def activities(self) -> Activities:
        """Figures over time."""
        from openusaged.usecases.activity import Activities

        parts = self.parts
        return Activities(
            store=parts.store, clock=parts.clock, reading=parts.reading, view=self.view
        )

    @property
    def receiving(self) -> Receiving:
        """What is pushed to us."""
        return self.parts.receiving

    @property
    def alerting(self) -> Alerting:
        """Alerts and budgets."""
        return self.parts.alerting

    def pricing(self, params: PricingParams) -> Job[Pricing]:
        """What a model costs, or which models have no price."""
        return self.parts.pricing.ask(params)

    def reprice(self, params: RepriceParams) -> RepriceResult:
        """Estimate stored events anew; hub thread (the waiting is a greenlet's)."""
        return self.parts.pricing.reprice(params)

    # --------------------------------------------------------------- view

    def view(self) -> View:
        """What answers depend on beside the store."""
        return self._view

    def accounts(self) -> list[Account]:
        """The accounts there are now."""
        return self.found.plain

    def update_view(self) -> None:
        """Take over changed accounts, settings, collector errors or import state; hub thread."""
        parts, settings = self.parts, self.settings
        links: Mapping[str, str] = (
            settings.settings.telemetry.provider_links if settings is not None else {}
        )
        errors = {
            account_id: _first_error(progress.errors)
            for account_id, progress in parts.collector.progress.items()
            if progress.errors
        }
        view = View(
            accounts=tuple(self.found.plain),
            titles={
                account.id: account.title or provider.spec.title
                for account, provider in self.found.accounts
            },
            # A built-in link is only a suggestion: what no account owns must not quietly become
            # somebody's usage.
            links={
                source: target
                for source, target in links.items()
                if BUILT_IN_LINKS.get(source) != target
            },
            suggestions=dict(links),
            errors=errors,
            recording=frozenset(
                account.id
                for account, provider in self.found.accounts
                if provider.collect is not None or provider.hook is not None
            ),
            pollable=frozenset(
                account.id
                for account, provider in self.found.accounts
                if provider.fetch is not None
            ),
            zone_name=parts.zone_name(),
            retention_days=(settings.settings.data.retention_days if settings is not None else 30),
            names=(
                settings.settings.model_normalization.names()
                if settings is not None
                else ModelNames()
            ),
            budgets=settings.settings.budgets if settings is not None else {},
            importing=parts.collecting.progress().active or not parts.collecting.first_scan_done,
            demo=self.facts.demo,
        )
        if view != self._view:
            self._view = view
            parts.store.bump()
            parts.publish()

    # ------------------------------------------------------------ refresh

    def refresh(self, params: RefreshParams) -> RefreshResult:
        """Detect, scan and poll now; hub thread (the waiting is a greenlet's)."""
        parts = self.parts
        parts.redetect()
        ids = [account.id for account in self.found.plain]
        if params.accounts is not None:
            ids = [name for name in ids if name in params.accounts]
        parts.collecting.scan()
        _, deferred = parts.scheduler.poll_now(ids)
        if params.wait:
            parts.collecting.wait_idle()
        return RefreshResult(accounts=ids, polls_deferred=deferred, seq=parts.store.seq)

    def log_changes(self) -> dict[str, int]:
        """
        When each account's logs last grew, as far as this run has seen it happen.

        What the first import read had been written at some time before.
        """
        imported_ms = self.parts.collecting.imported_ms
        return {
            account_id: progress.last_change_ms
            for account_id, progress in self.parts.collector.progress.items()
            if progress.last_change_ms is not None and progress.last_change_ms > imported_ms
        }

    # ------------------------------------------------------------- status

    def status(self) -> Status:
        """The answer of `status`; a reader thread."""
        parts, facts = self.parts, self.facts
        delivered = parts.writing.deliveries.total()
        now_ms = parts.clock.now_ms()
        counts = parts.store.counts()
        connections, subscribers = parts.connections()
        settings = self.settings
        warnings = [
            *self.found.warnings,
            *(settings.warnings if settings is not None else ()),
            *parts.prices.warnings,
        ]
        return Status(
            version=facts.version,
            protocol=PROTOCOL_VERSION,
            pid=os.getpid(),
            started_at=iso(facts.started_ms) or "",
            uptime_s=(now_ms - facts.started_ms) / 1000,
            cpu_s=round(health.cpu_seconds(), 3),
            rss_bytes=health.rss_bytes(),
            seq=parts.store.seq,
            socket=facts.socket,
            database=facts.database,
            database_bytes=counts.database_bytes,
            wal_bytes=counts.wal_bytes,
            demo=facts.demo,
            connections=connections,
            subscribers=subscribers,
            queues={"commit": parts.committer.depth, "collect": parts.collecting.depth},
            events=EventCounts(
                stored=counts.stored,
                identities=counts.identities,
                accepted=delivered.new,
                deduplicated=delivered.repeated,
                merged=delivered.completed,
                rejected=parts.writing.rejected,
            ),
            spool=parts.receiving.spool_status(),
            importing=replace(
                parts.collecting.progress(),
                active=parts.collecting.progress().active or not parts.collecting.first_scan_done,
            ),
            repricing=parts.pricing.progress(),
            alerts=parts.alerting.status(),
            integrations=dict(parts.setting_up.integration_states),
            sources=[self._source(account, provider) for account, provider in self.found.accounts],
            warnings=warnings,
            errors=list(parts.recent_errors()),
        )

    def _source(self, account: Account, provider: Provider) -> SourceStatus:
        parts = self.parts
        progress = parts.collector.progress.get(account.id)
        poll = parts.store.snapshots().get((account.provider_id, account.id))
        return SourceStatus(
            account_id=account.id,
            provider_id=account.provider_id,
            title=account.title or provider.spec.title,
            home=account.home,
            origin=account.origin,
            units=progress.units if progress is not None else 0,
            bytes=progress.size if progress is not None else 0,
            last_scan_at=iso(progress.last_scan_ms) if progress is not None else None,
            last_change_at=iso(progress.last_change_ms) if progress is not None else None,
            last_poll_at=iso(poll.latest_ms or None) if poll is not None else None,
            next_poll_at=iso(parts.scheduler.next_poll_ms(account.id)),
            poll_status=poll.latest_status if poll is not None else "",
            error=_first_error(progress.errors) if progress is not None else "",
        )


def _first_error(errors: Mapping[str, str]) -> str:
    """One sentence for the units that could not be read."""
    if not errors:
        return ""
    path, reason = next(iter(errors.items()))
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{path}: {reason}{more}"
