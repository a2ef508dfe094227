"""
Keeps the accounts current while the daemon runs: detects, watches their places, polls them.

Looking (files, directories, a probe) is a worker's; taking over what was found is the hub's.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Final

from openusaged.providers import registry
from openusaged.providers.base import Machine, Shallow
from openusaged.runtime.pools import Pools
from openusaged.runtime.scheduler import PollScheduler
from openusaged.runtime.tasks import Coalescer, Tasks
from openusaged.runtime.watch import Watcher
from openusaged.telemetry.collectors import Collector
from openusaged.usecases.accounts import Found, roots_of, watched_of
from openusaged.usecases.application import Application
from openusaged.usecases.collecting import Collecting
from openusaged.usecases.detecting import Detecting
from openusaged.usecases.vendor_polls import VendorPolls

MIN_RETRY_S: Final = 1.0
SAFETY_SCAN_S: Final = 900.0
KEY_FILES_S: Final = 60.0
"""Shell start-up files and other tools' key files are looked at (stat only) this often."""


class AccountUpkeep:
    """Every method runs in a greenlet."""

    def __init__(
        self,
        app: Application,
        *,
        machine: Machine,
        detecting: Detecting,
        polls: VendorPolls,
        pools: Pools,
        tasks: Tasks,
        collector: Collector,
        collecting: Collecting,
        scheduler: PollScheduler,
        watcher: Watcher,
    ) -> None:
        self._app = app
        self._machine = machine
        self._detecting = detecting
        self._polls = polls
        self._pools = pools
        self._tasks = tasks
        self._collector = collector
        self._collecting = collecting
        self._scheduler = scheduler
        self._watcher = watcher
        self._soon: Coalescer[str] = Coalescer(tasks, lambda _: self.detect_and_scan())

    def start(self) -> None:
        """Begin to look for what notifications cannot promise, and tools installed meanwhile."""
        self._tasks.every(SAFETY_SCAN_S, self.detect_and_scan)
        self._tasks.every(KEY_FILES_S, self._look_at_key_files)

    def detect(self) -> None:
        """Find the accounts, watch their directories, poll those that can be polled."""
        loaded = self._app.settings
        assert loaded is not None
        found = self._pools.work(self._detecting.run, loaded.settings)
        places = self._pools.work(self._places, found)
        self._app.found = found
        self._collector.set_accounts(found.accounts)
        for path, recursive in places:
            self._watcher.add(path, recursive=recursive)
        self._scheduler.set_accounts(self._polls.polled() if self.may_call() else ())
        # Refused credentials are tried again seldom: a new key deserves to be tried now.
        self._poll_soon(self._detecting.rekeyed)
        self._app.update_view()

    def detect_and_scan(self) -> None:
        """Detect, then read what the accounts have recorded since."""
        self.detect()
        self._collecting.scan()

    def detect_soon(self) -> None:
        """Detect and scan in a greenlet of its own; several wishes are one run."""
        self._soon.add(("",))

    def changed(self, paths: Collection[str]) -> None:
        """These files have changed; keys may be among them."""
        path = self._detecting.credentials_path
        # The directory itself is named when its watch begins: what came before that was not told.
        if path in paths or os.path.dirname(path) in paths:
            self._tasks.spawn(self._look_at_key_files)

    def may_call(self) -> bool:
        """Whether the user lets us make calls of our own accord."""
        loaded = self._app.settings
        return loaded is not None and loaded.settings.telemetry.poll and not self._app.facts.demo

    def _places(self, found: Found) -> list[tuple[str, bool]]:
        """Directories to watch and whether what lies deeper matters; worker thread."""
        machine = self._machine
        places = [
            (root, False)
            for provider in registry.load_all().values()
            for root in roots_of(provider, machine)
        ]
        places += [
            (place.path, False) if isinstance(place, Shallow) else (place, True)
            for account, provider in found.accounts
            for place in watched_of(account, provider, machine)
        ]
        return places

    def _look_at_key_files(self) -> None:
        """A key may have come, changed or gone in a file that is not in a watched directory."""
        if self._pools.work(self._detecting.outdated):
            self.detect_soon()

    def _poll_soon(self, account_ids: list[str]) -> None:
        """Poll these as soon as their vendors may be asked."""
        _, deferred = self._scheduler.poll_now(account_ids)
        waits_s = [
            provider.spec.min_poll_s
            for account, provider in self._app.found.accounts
            if account.id in deferred
        ]
        if waits_s:
            self._tasks.later(max(MIN_RETRY_S, *waits_s), self._poll_soon, deferred)
