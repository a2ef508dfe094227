"""
The composition root: builds every object, runs until told to stop, drains in order.

Start: lock, settings, store, threads, accounts, socket, ready line.  Stop: the reverse, each step
bounded in time and five seconds in all.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
from typing import Final

from gevent.lock import BoundedSemaphore

from openusage_proto import locations
from openusage_proto.messages import RecentError
from openusage_proto.values import dataclass
from openusaged import lifecycle, logs
from openusaged.config import settings_file
from openusaged.config.credentials import CredentialsFile
from openusaged.config.settings import Settings
from openusaged.core.errors import LifecycleError, OpenUsageError
from openusaged.core.models import UsageSnapshot
from openusaged.core.windows import iso
from openusaged.providers.base import Machine
from openusaged.providers.shared.http import UrllibHttpClient
from openusaged.rpc.dispatch import Dispatcher
from openusaged.rpc.registry import load_methods
from openusaged.rpc.server import RpcServer
from openusaged.runtime.clock import SystemClock
from openusaged.runtime.group_commit import GroupCommitter
from openusaged.runtime.local_zone import local_zone_name
from openusaged.runtime.pools import Pools
from openusaged.runtime.scheduler import PollScheduler
from openusaged.runtime.tasks import Tasks
from openusaged.runtime.watch import SCAN_EVERYTHING, Watcher
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
from openusaged.usecases.committing import Committer, Writing
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

log = logging.getLogger(__name__)

HOOK_HINTS_S: Final = 2.0
LOCK_CHECK_S: Final = 60.0
DRAIN_S: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How `openusaged run` was called."""

    foreground: bool = False
    log_level: str = "info"


def run(options: RunOptions) -> int:
    """
    Run the daemon until SIGTERM or SIGINT.

    Raises:
        LifecycleError: it cannot start, nothing of another daemon has been touched; or its state
            directory was removed while it ran.
        StorageError: the database cannot be opened.
    """
    env = os.environ
    state_dir = locations.state_dir(env)
    lifecycle.ensure_private_dir(state_dir)
    lock = lifecycle.acquire_lock(locations.lock_path(env))
    logging_state = logs.configure(
        locations.log_path(env), level=options.log_level, foreground=options.foreground
    )
    try:
        daemon = Daemon(logging_state.recent, lock)
        try:
            daemon.start()
            daemon.wait()
        finally:
            daemon.stop()
    finally:
        logging_state.close()
        lock.release()
    return 0


class Daemon:
    """All objects of one running daemon."""

    def __init__(self, recent: logs.RecentErrors, lock: lifecycle.InstanceLock) -> None:
        self._lock = lock
        self._env = os.environ
        self._clock = SystemClock()
        self._machine = Machine(env=dict(os.environ), home=locations.home(), platform=sys.platform)
        self._recent = recent
        self._pools = Pools()
        self._tasks = Tasks()
        self._reloading = BoundedSemaphore()
        self._http = UrllibHttpClient()
        self._secrets = AccountSecrets(
            self._machine, CredentialsFile(locations.credentials_path()), self._clock.now_ms
        )
        demo = self._env.get("OPENUSAGE_DEMO", "") == "1"
        self._detecting = Detecting(
            self._machine,
            self._secrets,
            self._clock.now_ms,
            directory=_working_directory(),
            keys=not demo,
        )
        self._hook_news = HookNews(os.path.join(locations.state_dir(), "hook-times.json"))
        self._socket_path = locations.socket_path()
        self.app = Application(
            Facts(
                version=version(),
                started_ms=self._clock.now_ms(),
                socket=self._socket_path,
                database=locations.database_path(),
                demo=demo,
                machine=self._machine,
            )
        )
        self._store: Store | None = None
        self._server: RpcServer | None = None
        self._claimed: lifecycle.ClaimedSocket | None = None
        self._signals: lifecycle.StopSignals | None = None

    # -------------------------------------------------------------- start

    def start(self) -> None:
        """Build everything and announce readiness."""
        self._signals = lifecycle.StopSignals(self.reload)
        self._ownership = lifecycle.Ownership(self._lock, self._signals.stop, self._pools.work)
        app, clock = self.app, self._clock
        app.settings = settings_file.load(locations.settings_path(), self._env)
        for warning in app.settings.warnings:
            log.warning("event=settings warning=%s", warning)
        store = self._pools.write(
            lambda: Store.open(
                locations.database_path(), app_version=app.facts.version, now_ms=clock.now_ms
            )
        )
        self._store = store
        self._prices = Prices(
            env=self._env,
            http=self._http,
            now_ms=clock.now_ms,
            settings=lambda: self._settings().pricing,
        )
        self._prices.load()
        self._price_upkeep = PriceUpkeep(
            self._prices, pools=self._pools, tasks=self._tasks, may_call=self._may_call
        )
        pipeline = self._pipeline()
        writing = Writing(store, pipeline, self._committed)
        self._housekeeping = Housekeeping(
            store, self._pools, self._tasks, clock, lambda: app.settings
        )
        self._committer: Committer = GroupCommitter(
            self._pools, writing.commit, writing.commit_here
        )
        collector = Collector(
            machine=self._machine,
            pipeline=self._pipeline(),
            cursors=self._pools.read(store.cursors),
            now_ms=clock.now_ms,
        )
        news = LimitNews()
        self._collecting = Collecting(
            pools=self._pools,
            tasks=self._tasks,
            committer=self._committer,
            collector=collector,
            machine=self._machine,
            clock=clock,
            news=news,
            on_idle=self._idle,
        )
        self._collector = collector
        reading = Reading(store=store, pools=self._pools, clock=clock, view=app.view)
        ingest = Ingest(machine=self._machine, now_ms=clock.now_ms, accounts=app.accounts)
        self._lines = Lines(
            Around(
                store=store,
                reading=reading,
                clock=clock,
                figures=FigureBook(store=store, reading=reading, clock=clock, view=app.view),
                settings=self._settings,
            )
        )
        self._receiving = Receiving(
            ingest=ingest,
            committer=self._committer,
            collecting=self._collecting,
            lines=self._lines,
            spool=Spool(locations.spool_dir(), clock.now_ms),
            pools=self._pools,
            tasks=self._tasks,
            now_ms=clock.now_ms,
            news=news,
            hook_news=self._hook_news,
            on_snapshot=self._snapshot_came,
        )
        self._polls = VendorPolls(
            machine=self._machine,
            http=self._http,
            now_ms=clock.now_ms,
            secrets=self._secrets,
            pools=self._pools,
            committer=self._committer,
            store=store,
            found=lambda: app.found,
        )
        self._scheduler = PollScheduler(
            self._polls.poll, clock, app.settings.settings.ui.refresh_interval_seconds
        )
        self._watcher = Watcher(self._pools, self._changed)
        self._account_upkeep = AccountUpkeep(
            app,
            machine=self._machine,
            detecting=self._detecting,
            polls=self._polls,
            pools=self._pools,
            tasks=self._tasks,
            collector=collector,
            collecting=self._collecting,
            scheduler=self._scheduler,
            watcher=self._watcher,
        )
        app.assemble(
            Parts(
                store=store,
                writing=writing,
                committer=self._committer,
                collector=collector,
                collecting=self._collecting,
                reading=reading,
                prices=self._prices,
                pricing=PricingCase(
                    prices=self._prices,
                    store=store,
                    estimate=pipeline.price,
                    flat_price=pipeline.flat_rates,
                    pools=self._pools,
                    tasks=self._tasks,
                    clock=clock,
                    zone=reading.zone,
                    on_change=lambda: self._stored(frozenset(), True),
                ),
                alerting=Alerting(
                    Watched(
                        store=store,
                        pools=self._pools,
                        tasks=self._tasks,
                        clock=clock,
                        reading=reading,
                        view=app.view,
                        settings=self._settings,
                    ),
                    self._http,
                    self._machine,
                ),
                receiving=self._receiving,
                setting_up=self._setting_up(),
                scheduler=self._scheduler,
                clock=clock,
                recent_errors=self._recent_errors,
                connections=self._connections,
                redetect=self._account_upkeep.detect,
                publish=self._publish,
                zone_name=lambda: local_zone_name(self._env),
            )
        )
        self._account_upkeep.detect()
        self._serve()
        self._watcher.add(locations.spool_dir())
        self._watcher.add(os.path.dirname(locations.settings_path()))
        self._watcher.add(self._price_upkeep.directory, recursive=False)
        self._receiving.start()
        self._collecting.scan()
        self._account_upkeep.start()
        self._housekeeping.start()
        app.alerting.start()
        self._price_upkeep.start()
        app.parts.pricing.resume_later()
        self._tasks.every(LOCK_CHECK_S, self._ownership.check)
        self._tasks.later(HOOK_HINTS_S, app.setting_up.integrating.log_hints)
        # What the start has made stays: no later look for garbage need pass over it.
        gc.freeze()
        gc.enable()
        lifecycle.announce_ready(self._socket_path, self._env)
        log.info("event=started version=%s socket=%s", app.facts.version, self._socket_path)

    def _setting_up(self) -> SettingUp:
        around = Surroundings(
            machine=self._machine,
            http=self._http,
            now_ms=self._clock.now_ms,
            settings_path=locations.settings_path(),
            work=self._pools.work,
            read=self._pools.read,
            found=lambda: self.app.found,
            settings=lambda: self.app.settings,
            statuses=self._polls.statuses,
            redetect=self._account_upkeep.detect,
            reload=self._reload_now,
            keep=self._polls.keep,
            log_changes=self.app.log_changes,
            hook_news=self._hook_news,
        )
        return SettingUp(around, self._detecting, self._secrets)

    def _settings(self) -> Settings:
        return self.app.settings.settings if self.app.settings else Settings()

    def _pipeline(self) -> Pipeline:
        """A pipeline of its own for each thread that prepares events."""
        return Pipeline(self._prices.book(), Repositories())

    def _serve(self) -> None:
        self._claimed = lifecycle.open_listener(self._socket_path, self._env)
        dispatcher = Dispatcher(load_methods(), self._pools, self.app)
        self._server = RpcServer(self._claimed.sock, dispatcher, self.app)
        self._server.start()

    # ------------------------------------------------------------ running

    def wait(self) -> None:
        """
        Until a stop signal.

        Raises:
            LifecycleError: the state directory has gone.
        """
        assert self._signals is not None
        self._signals.stop.wait()
        if self._ownership.lost:
            raise LifecycleError(f"{self._lock.path} has gone or is another daemon's; ended")

    def reload(self) -> None:
        """SIGHUP or a changed settings file: take over what can change while running."""
        with self._reloading:  # whoever looks later must not be overtaken by what was seen earlier
            loaded = self._pools.work(settings_file.load, locations.settings_path(), self._env)
            if loaded == self.app.settings:
                return
            self.app.settings = loaded
        for warning in loaded.warnings:
            log.warning("event=settings warning=%s", warning)
        self._scheduler.set_interval(loaded.settings.ui.refresh_interval_seconds)
        log.info("event=settings_reloaded")
        self.app.alerting.settings_changed()
        self._account_upkeep.detect_soon()

    def _reload_now(self) -> None:
        """Take over changed settings before the answer to whoever changed them."""
        self.reload()
        self._account_upkeep.detect()

    def _may_call(self) -> bool:
        return self._account_upkeep.may_call()

    def _changed(self, paths: set[str]) -> None:
        """The file system says that something has changed; hub."""
        spool = locations.spool_dir()
        settings_path = locations.settings_path()
        if SCAN_EVERYTHING in paths:
            self._receiving.drain_soon()
            self._tasks.spawn(self.reload)
            self._price_upkeep.reload_soon()
            self._collecting.scan()
            return
        if any(path == spool or path.startswith(spool + os.sep) for path in paths):
            self._receiving.drain_soon()
        if settings_path in paths or os.path.dirname(settings_path) in paths:
            self._tasks.spawn(self.reload)
        self._account_upkeep.changed(paths)
        self._price_upkeep.changed(paths)
        logs_changed = {path for path in paths if self._collector.owner_of(path) is not None}
        self._collecting.wake(logs_changed)
        ours = (
            os.path.dirname(settings_path),
            self._prices.custom_path,
            locations.state_dir(),
        )
        if any(not path.startswith(ours) for path in paths - logs_changed):
            # Something appeared where no account is: a tool may have been used for the first time.
            self._account_upkeep.detect_soon()

    # ------------------------------------------------------------ polling

    def _snapshot_came(self, snapshot: UsageSnapshot) -> None:
        """A hook carried the vendor's own figures: asking for them can wait."""
        for account, provider in self.app.found.accounts:
            if account.id == snapshot.account_id and provider.fetch is not None:
                self._scheduler.update(account.id, self._polls.state_of(account))

    # ---------------------------------------------------------- small jobs

    def _idle(self) -> None:
        """A scan is over: say so, and give back what an import has needed."""
        self.app.update_view()
        if self._collecting.imported:
            self._collecting.imported = False
            self._housekeeping.release_memory_soon()

    def _committed(self, polled: frozenset[str], events: bool) -> None:  # noqa: FBT001
        """Writer thread, or the hub in its place: a commit has changed something."""
        self._pools.call_hub(self._stored, polled, events)

    def _stored(self, polled: frozenset[str], events: bool) -> None:  # noqa: FBT001
        self.app.alerting.written(polled, events=events)
        self._publish()

    def _publish(self) -> None:
        self.app.alerting.view_changed()
        if self._server is not None:
            self._server.publish()

    def _connections(self) -> tuple[int, int]:
        server = self._server
        return (server.connections, server.subscribers) if server is not None else (0, 0)

    def _recent_errors(self) -> list[RecentError]:
        return [
            RecentError(
                at=iso(error.at_ms) or "",
                where=error.where,
                message=error.message,
                count=error.count,
            )
            for error in self._recent.newest_first()
        ]

    def _flush_cursors(self) -> None:
        try:
            self._collecting.flush_cursors()
        except OpenUsageError as error:
            log.warning("event=cursors_not_stored error=%s", error)

    # --------------------------------------------------------------- stop

    def stop(self) -> None:
        """Stop what was started, newest first; harmless when little was."""
        self.app.shutting_down = True
        if self._server is not None:
            self._server.stop(timeout_s=0.5)
        if self._claimed is not None:
            self._claimed.release()
        if self._store is not None:
            self._watcher.close()
            self._hook_news.save()
            self._collecting.stop()
            self._flush_cursors()
            self._scheduler.close()
            self.app.alerting.close()
            self._tasks.close()
            self._committer.close()
            if not self._committer.drain(DRAIN_S):
                log.warning("event=drain_timeout depth=%d", self._committer.depth)
            try:
                self._pools.write(self._store.close)
            except Exception:
                log.exception("event=store_close_failed")
        self._pools.close(1.0)
        if self._signals is not None:
            self._signals.close()
        log.info("event=stopped")


def _working_directory() -> str:
    try:
        return os.getcwd()
    except OSError:  # it has been removed
        return ""
