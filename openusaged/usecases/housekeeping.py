"""
What the store needs now and then: old detail goes, memory that an import has used is given back.

Greenlets; the work itself is the writer's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from openusaged.config.settings_file import LoadedSettings
from openusaged.core.windows import DAY_MS
from openusaged.runtime import memory
from openusaged.runtime.clock import Clock
from openusaged.runtime.pools import Pools
from openusaged.runtime.tasks import Tasks
from openusaged.storage.store import Store

log = logging.getLogger(__name__)

RETENTION_FIRST_S: Final = 300.0
RETENTION_EVERY_S: Final = 6 * 3600.0


class Housekeeping:
    """Keeps the store small and tidy."""

    def __init__(
        self,
        store: Store,
        pools: Pools,
        tasks: Tasks,
        clock: Clock,
        settings: Callable[[], LoadedSettings | None],
    ) -> None:
        self._store = store
        self._pools = pools
        self._tasks = tasks
        self._clock = clock
        self._settings = settings

    def start(self) -> None:
        """Begin; whoever opens the dashboard after the start is served first."""
        self._tasks.later(RETENTION_FIRST_S, self.expire)
        self._tasks.every(RETENTION_EVERY_S, self.expire)

    def expire(self) -> None:
        """Let go of detail that is older than the user wants, a bounded batch at a time."""
        loaded = self._settings()
        if loaded is None or not loaded.usable:
            return  # defaults its owner did not choose: nothing is deleted on their authority
        cutoff_ms = self._clock.now_ms() - loaded.settings.data.retention_days * DAY_MS
        total = 0
        while deleted := self._pools.write(self._store.run_retention, cutoff_ms):
            total += deleted
        if total:
            log.info("event=retention events=%d", total)
        self._pools.write(self._store.checkpoint)

    def release_memory_soon(self) -> None:
        """An import is over."""
        self._tasks.spawn(self._release_memory)

    def _release_memory(self) -> None:
        try:
            self._pools.write(self._store.settle_identities)
            # A long log would be moved by the next small commit that makes it too long.
            self._pools.write(self._store.checkpoint)
        finally:
            # A full disk is no reason to keep the memory.
            self._pools.write(self._store.release_memory)
            self._pools.read(self._store.release_memory)
            memory.trim()
