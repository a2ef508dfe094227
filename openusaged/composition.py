"""
The composition root: what the daemon is made of, built in the order of dependence.

`Ground` is there before anything is opened, `Composition` is built on an opened store; what they
tell the running daemon is `Reactions`, which `app.Daemon` implements.
"""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping
from typing import Protocol

from openusage_proto import locations
from openusage_proto.messages import RecentError
from openusaged.config.credentials import CredentialsFile
from openusaged.config.settings import Settings
from openusaged.core.models import UsageSnapshot
from openusaged.providers.base import Machine
from openusaged.providers.shared.http import UrllibHttpClient
from openusaged.rpc.connection import PUSH_INTERVAL_S
from openusaged.runtime.clock import SystemClock
from openusaged.runtime.group_commit import GroupCommitter
from openusaged.runtime.local_zone import local_zone_name
from openusaged.runtime.pools import Pools
from openusaged.runtime.scheduler import PollScheduler
from openusaged.runtime.tasks import Gatherer, Tasks
from openusaged.runtime.watch import Watcher
from openusaged.service.program import version
from openusaged.storage.store import Store
from openusaged.telemetry.collectors import Collector
from openusaged.telemetry.pipeline import Pipeline
from openusaged.telemetry.repositories import Repositories
from openusaged.telemetry.spool import Spool
from openusaged.usecases.account_upkeep import AccountUpkeep
from openusaged.usecases.alerts.alerting import Alerting
from openusaged.usecases.alerts.watch import Around as Watched
from openusaged.usecases.application import Application, Facts, Parts
from openusaged.usecases.collecting import Collecting
from openusaged.usecases.committing import Change, Committer, Writing
from openusaged.usecases.detecting import Detecting
from openusaged.usecases.hook_news import HookNews
from openusaged.usecases.housekeeping import Housekeeping
from openusaged.usecases.ingest import Ingest
from openusaged.usecases.limit_news import LimitNews
from openusaged.usecases.lines.figures import FigureBook
from openusaged.usecases.lines.lines import Around, Lines
from openusaged.usecases.price_upkeep import PriceUpkeep
from openusaged.usecases.prices import Prices
from openusaged.usecases.pricing_case import PricingCase
from openusaged.usecases.reading import Reading
from openusaged.usecases.receiving import Receiving
from openusaged.usecases.secrets import AccountSecrets
from openusaged.usecases.setting_up import SettingUp, Surroundings
from openusaged.usecases.vendor_polls import VendorPolls


class Reactions(Protocol):
    """What the parts tell the daemon."""

    def committed(self, changes: list[Change]) -> None:
        """Commits have changed something; hub, ten times a second at most."""

    def repriced(self) -> None:
        """Stored estimates have changed; hub."""

    def idle(self) -> None:
        """A scan is over; hub."""

    def changed(self, paths: set[str]) -> None:
        """The file system says that something has changed; hub."""

    def snapshot_came(self, snapshot: UsageSnapshot) -> None:
        """A hook carried the vendor's own figures; hub."""

    def publish(self) -> None:
        """Subscribers are to look again; hub."""

    def connections(self) -> tuple[int, int]:
        """(open connections, subscribers)."""

    def recent_errors(self) -> list[RecentError]:
        """What went wrong lately, the newest first."""

    def reload_now(self) -> None:
        """Take over changed settings before the answer to whoever changed them."""


class Ground:
    """What everything else stands on; nothing is opened for it."""

    def __init__(self, env: MutableMapping[str, str]) -> None:
        self.env = env
        self.clock = SystemClock()
        self.machine = Machine(env=dict(env), home=locations.home(), platform=sys.platform)
        self.pools = Pools()
        self.tasks = Tasks()
        self.http = UrllibHttpClient()
        self.socket_path = locations.socket_path()
        self.hook_news = HookNews(os.path.join(locations.state_dir(), "hook-times.json"))
        self.secrets = AccountSecrets(
            self.machine, CredentialsFile(locations.credentials_path()), self.clock.now_ms
        )
        demo = env.get("OPENUSAGE_DEMO", "") == "1"
        self.detecting = Detecting(
            self.machine,
            self.secrets,
            self.clock.now_ms,
            directory=_working_directory(),
            keys=not demo,
        )
        self.app = Application(
            Facts(
                version=version(),
                started_ms=self.clock.now_ms(),
                socket=self.socket_path,
                database=locations.database_path(),
                demo=demo,
                machine=self.machine,
            )
        )

    def settings(self) -> Settings:
        """The settings in force."""
        loaded = self.app.settings
        return loaded.settings if loaded else Settings()


def _working_directory() -> str:
    try:
        return os.getcwd()
    except OSError:  # it has been removed
        return ""


class Composition:
    """The parts of one daemon; whoever builds it starts and stops them."""

    def __init__(self, ground: Ground, store: Store, daemon: Reactions) -> None:
        self._ground = ground
        self._daemon = daemon
        app, clock, pools, tasks = ground.app, ground.clock, ground.pools, ground.tasks
        self.store = store
        self.prices = Prices(
            env=ground.env,
            http=ground.http,
            now_ms=clock.now_ms,
            settings=lambda: ground.settings().pricing,
        )
        self.prices.load()
        self.price_upkeep = PriceUpkeep(
            self.prices,
            pools=pools,
            tasks=tasks,
            may_call=lambda: self.account_upkeep.may_call(),  # noqa: PLW0108  # built later
        )
        self.pipeline = self._new_pipeline()
        changes = Gatherer(tasks, pools.call_hub, PUSH_INTERVAL_S, daemon.committed)
        self.writing = Writing(store, self.pipeline, changes.note)
        self.committer: Committer = GroupCommitter(
            pools, self.writing.commit, self.writing.commit_here
        )
        self.housekeeping = Housekeeping(store, pools, tasks, clock, lambda: app.settings)
        self.news = LimitNews()
        self.collector = Collector(
            machine=ground.machine,
            pipeline=self._new_pipeline(),
            cursors=pools.read(store.cursors),
            now_ms=clock.now_ms,
        )
        self.collecting = Collecting(
            pools=pools,
            tasks=tasks,
            committer=self.committer,
            collector=self.collector,
            machine=ground.machine,
            clock=clock,
            news=self.news,
            on_idle=daemon.idle,
        )
        self.reading = Reading(store=store, pools=pools, clock=clock, view=app.view)
        self.receiving = self._receiving()
        self.polls = self._polls()
        self.scheduler = PollScheduler(
            self.polls.poll, clock, ground.settings().ui.refresh_interval_seconds
        )
        self.watcher = Watcher(pools, daemon.changed)
        self.account_upkeep = self._account_upkeep()
        app.assemble(self._parts())

    def _new_pipeline(self) -> Pipeline:
        """A pipeline of its own for each thread that prepares events."""
        return Pipeline(self.prices.book(), Repositories())

    def _receiving(self) -> Receiving:
        ground, clock = self._ground, self._ground.clock
        app = ground.app
        return Receiving(
            ingest=Ingest(machine=ground.machine, now_ms=clock.now_ms, accounts=app.accounts),
            committer=self.committer,
            collecting=self.collecting,
            lines=Lines(
                Around(
                    store=self.store,
                    reading=self.reading,
                    clock=clock,
                    figures=FigureBook(
                        store=self.store, reading=self.reading, clock=clock, view=app.view
                    ),
                    settings=ground.settings,
                )
            ),
            spool=Spool(locations.spool_dir(), clock.now_ms),
            pools=ground.pools,
            tasks=ground.tasks,
            now_ms=clock.now_ms,
            news=self.news,
            hook_news=ground.hook_news,
            on_snapshot=self._daemon.snapshot_came,
        )

    def _polls(self) -> VendorPolls:
        ground = self._ground
        return VendorPolls(
            machine=ground.machine,
            http=ground.http,
            now_ms=ground.clock.now_ms,
            secrets=ground.secrets,
            pools=ground.pools,
            committer=self.committer,
            store=self.store,
            found=lambda: ground.app.found,
        )

    def _account_upkeep(self) -> AccountUpkeep:
        ground = self._ground
        return AccountUpkeep(
            ground.app,
            machine=ground.machine,
            detecting=ground.detecting,
            polls=self.polls,
            pools=ground.pools,
            tasks=ground.tasks,
            collector=self.collector,
            collecting=self.collecting,
            scheduler=self.scheduler,
            watcher=self.watcher,
        )

    def _parts(self) -> Parts:
        ground, daemon = self._ground, self._daemon
        return Parts(
            store=self.store,
            writing=self.writing,
            committer=self.committer,
            collector=self.collector,
            collecting=self.collecting,
            reading=self.reading,
            prices=self.prices,
            pricing=self._pricing(),
            alerting=self._alerting(),
            receiving=self.receiving,
            setting_up=self._setting_up(),
            scheduler=self.scheduler,
            clock=ground.clock,
            recent_errors=daemon.recent_errors,
            connections=daemon.connections,
            redetect=self.account_upkeep.detect,
            publish=daemon.publish,
            zone_name=lambda: local_zone_name(ground.env),
        )

    def _pricing(self) -> PricingCase:
        ground = self._ground
        return PricingCase(
            prices=self.prices,
            store=self.store,
            estimate=self.pipeline.price,
            flat_price=self.pipeline.flat_rates,
            pools=ground.pools,
            tasks=ground.tasks,
            clock=ground.clock,
            zone=self.reading.zone,
            on_change=self._daemon.repriced,
        )

    def _alerting(self) -> Alerting:
        ground = self._ground
        around = Watched(
            store=self.store,
            pools=ground.pools,
            tasks=ground.tasks,
            clock=ground.clock,
            reading=self.reading,
            view=ground.app.view,
            settings=ground.settings,
        )
        return Alerting(around, ground.http, ground.machine)

    def _setting_up(self) -> SettingUp:
        ground = self._ground
        around = Surroundings(
            machine=ground.machine,
            http=ground.http,
            now_ms=ground.clock.now_ms,
            settings_path=locations.settings_path(),
            work=ground.pools.work,
            read=ground.pools.read,
            found=lambda: ground.app.found,
            settings=lambda: ground.app.settings,
            statuses=self.polls.statuses,
            redetect=self.account_upkeep.detect,
            reload=self._daemon.reload_now,
            keep=self.polls.keep,
            log_changes=ground.app.log_changes,
            hook_news=ground.hook_news,
        )
        return SettingUp(around, ground.detecting, ground.secrets)
