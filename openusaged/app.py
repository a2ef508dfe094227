"""
The running daemon: starts its parts, reacts to what they tell, drains them in order.

Start: lock, settings, store, threads, accounts, socket, ready line.  Stop: the reverse, each step
bounded in time and five seconds in all.
"""

from __future__ import annotations

import gc
import logging
import os
from typing import Final

from gevent.lock import BoundedSemaphore

from openusage_proto import locations
from openusage_proto.messages import RecentError
from openusage_proto.values import dataclass
from openusaged import lifecycle, logs
from openusaged.composition import Composition, Ground
from openusaged.config import settings_file
from openusaged.core.errors import LifecycleError, OpenUsageError
from openusaged.core.models import UsageSnapshot
from openusaged.core.windows import iso
from openusaged.rpc.dispatch import Dispatcher
from openusaged.rpc.registry import load_methods
from openusaged.rpc.server import RpcServer
from openusaged.runtime.watch import SCAN_EVERYTHING
from openusaged.storage.store import Store
from openusaged.usecases.committing import Change

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
    """One daemon from its start to its end; what its parts tell it is `composition.Reactions`."""

    def __init__(self, recent: logs.RecentErrors, lock: lifecycle.InstanceLock) -> None:
        self._lock = lock
        self._recent = recent
        self._ground = Ground(os.environ)
        self._reloading = BoundedSemaphore()
        self._store: Store | None = None
        self._made: Composition | None = None
        self._server: RpcServer | None = None
        self._claimed: lifecycle.ClaimedSocket | None = None
        self._signals: lifecycle.StopSignals | None = None

    @property
    def _parts(self) -> Composition:
        """What there is from `start` on."""
        assert self._made is not None
        return self._made

    # -------------------------------------------------------------- start

    def start(self) -> None:
        """Build everything and announce readiness."""
        ground = self._ground
        app, pools = ground.app, ground.pools
        self._signals = lifecycle.StopSignals(self.reload)
        self._ownership = lifecycle.Ownership(self._lock, self._signals.stop, pools.work)
        app.settings = settings_file.load(locations.settings_path(), ground.env)
        for warning in app.settings.warnings:
            log.warning("event=settings warning=%s", warning)
        self._store = store = pools.write(self._open_store)
        parts = self._made = Composition(ground, store, self)
        parts.account_upkeep.detect()
        self._serve()
        parts.watcher.add(locations.spool_dir())
        parts.watcher.add(os.path.dirname(locations.settings_path()))
        parts.watcher.add(parts.price_upkeep.directory, recursive=False)
        parts.receiving.start()
        parts.collecting.scan()
        parts.account_upkeep.start()
        parts.housekeeping.start()
        app.alerting.start()
        parts.price_upkeep.start()
        app.parts.pricing.resume_later()
        ground.tasks.every(LOCK_CHECK_S, self._ownership.check)
        ground.tasks.later(HOOK_HINTS_S, app.setting_up.log_hints)
        # What the start has made stays: no later look for garbage need pass over it.
        gc.freeze()
        gc.enable()
        lifecycle.announce_ready(ground.socket_path, ground.env)
        log.info("event=started version=%s socket=%s", app.facts.version, ground.socket_path)

    def _open_store(self) -> Store:
        return Store.open(
            locations.database_path(),
            app_version=self._ground.app.facts.version,
            now_ms=self._ground.clock.now_ms,
        )

    def _serve(self) -> None:
        ground = self._ground
        self._claimed = lifecycle.open_listener(ground.socket_path, ground.env)
        dispatcher = Dispatcher(load_methods(), ground.pools, ground.app)
        self._server = RpcServer(self._claimed.sock, dispatcher, ground.app)
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
        ground = self._ground
        app = ground.app
        with self._reloading:  # whoever looks later must not be overtaken by what was seen earlier
            loaded = ground.pools.work(settings_file.load, locations.settings_path(), ground.env)
            if loaded == app.settings:
                return
            app.settings = loaded
        for warning in loaded.warnings:
            log.warning("event=settings warning=%s", warning)
        self._parts.scheduler.set_interval(loaded.settings.ui.refresh_interval_seconds)
        log.info("event=settings_reloaded")
        app.alerting.settings_changed()
        self._parts.account_upkeep.detect_soon()

    def reload_now(self) -> None:
        """Take over changed settings before the answer to whoever changed them."""
        self.reload()
        self._parts.account_upkeep.detect()

    def changed(self, paths: set[str]) -> None:
        """The file system says that something has changed; hub."""
        parts = self._parts
        spool = locations.spool_dir()
        settings_path = locations.settings_path()
        if SCAN_EVERYTHING in paths:
            parts.receiving.drain_soon()
            self._ground.tasks.spawn(self.reload)
            parts.price_upkeep.reload_soon()
            parts.collecting.scan()
            return
        if any(path == spool or path.startswith(spool + os.sep) for path in paths):
            parts.receiving.drain_soon()
        if settings_path in paths or os.path.dirname(settings_path) in paths:
            self._ground.tasks.spawn(self.reload)
        parts.account_upkeep.changed(paths)
        parts.price_upkeep.changed(paths)
        logs_changed = {path for path in paths if parts.collector.owner_of(path) is not None}
        parts.collecting.wake(logs_changed)
        ours = (
            os.path.dirname(settings_path),
            parts.prices.custom_path,
            locations.state_dir(),
        )
        if any(not path.startswith(ours) for path in paths - logs_changed):
            # Something appeared where no account is: a tool may have been used for the first time.
            parts.account_upkeep.detect_soon()

    # ------------------------------------------------------------ polling

    def snapshot_came(self, snapshot: UsageSnapshot) -> None:
        """A hook carried the vendor's own figures: asking for them can wait."""
        parts = self._parts
        for account, provider in self._ground.app.found.accounts:
            if account.id == snapshot.account_id and provider.fetch is not None:
                parts.scheduler.update(account.id, parts.polls.state_of(account))

    # ---------------------------------------------------------- small jobs

    def idle(self) -> None:
        """A scan is over: say so, and give back what an import has needed."""
        parts = self._parts
        self._ground.app.update_view()
        if parts.collecting.imported:
            parts.collecting.imported = False
            parts.housekeeping.release_memory_soon()

    def committed(self, changes: list[Change]) -> None:
        """Commits have changed something."""
        polled = {account for accounts, _ in changes for account in accounts}
        self._ground.app.alerting.written(polled, events=any(events for _, events in changes))
        self.publish()

    def repriced(self) -> None:
        """Stored estimates have changed."""
        self.committed([((), True)])

    def publish(self) -> None:
        """Have subscribers and alerts look again."""
        self._ground.app.alerting.view_changed()
        if self._server is not None:
            self._server.publish()

    def connections(self) -> tuple[int, int]:
        """(open connections, subscribers)."""
        server = self._server
        return (server.connections, server.subscribers) if server is not None else (0, 0)

    def recent_errors(self) -> list[RecentError]:
        """What went wrong lately, the newest first."""
        return [
            RecentError(
                at=iso(error.at_ms) or "",
                where=error.where,
                message=error.message,
                count=error.count,
            )
            for error in self._recent.newest_first()
        ]

    # --------------------------------------------------------------- stop

    def stop(self) -> None:
        """Stop what was started, newest first; harmless when little was."""
        ground = self._ground
        ground.app.shutting_down = True
        if self._server is not None:
            self._server.stop(timeout_s=0.5)
        if self._claimed is not None:
            self._claimed.release()
        if self._made is not None:
            self._drain(self._made)
        if self._store is not None:
            try:
                ground.pools.write(self._store.close)
            except Exception:
                log.exception("event=store_close_failed")
        ground.pools.close(1.0)
        if self._signals is not None:
            self._signals.close()
        log.info("event=stopped")

    def _drain(self, parts: Composition) -> None:
        ground = self._ground
        parts.watcher.close()
        ground.hook_news.save()
        parts.collecting.stop()
        try:
            parts.collecting.flush_cursors()
        except OpenUsageError as error:
            log.warning("event=cursors_not_stored error=%s", error)
        parts.scheduler.close()
        ground.app.alerting.close()
        ground.tasks.close()
        parts.committer.close()
        if not parts.committer.drain(DRAIN_S):
            log.warning("event=drain_timeout depth=%d", parts.committer.depth)
