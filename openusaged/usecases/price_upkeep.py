"""
Keeps the price lists current while the daemon runs; hub thread, the work itself in a worker.

Separate from `prices` so that what is looked up needs no threads and no timers.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection
from typing import Final

from openusaged.core.errors import OpenUsageError
from openusaged.runtime import memory
from openusaged.runtime.pools import Pools
from openusaged.runtime.tasks import Tasks
from openusaged.usecases.prices import Prices

log = logging.getLogger(__name__)

FIRST_CHECK_S: Final = 120.0
"""After the start: whoever opens the dashboard is served first."""
CHECK_EVERY_S: Final = 900.0


class PriceUpkeep:
    """Reloads the user's own prices when they change, fetches the catalogue once a day."""

    def __init__(
        self,
        prices: Prices,
        *,
        pools: Pools,
        tasks: Tasks,
        may_call: Callable[[], bool],
    ) -> None:
        self._prices = prices
        self._pools = pools
        self._tasks = tasks
        self._may_call = may_call

    @property
    def directory(self) -> str:
        """What has to be watched."""
        return os.path.dirname(os.path.abspath(self._prices.custom_path))

    def start(self) -> None:
        """Begin the checks."""
        self._tasks.later(FIRST_CHECK_S, self.refresh_if_due)
        self._tasks.every(CHECK_EVERY_S, self._check)

    def changed(self, paths: Collection[str]) -> None:
        """These paths have changed."""
        if self._prices.custom_path in paths or self.directory in paths:
            self.reload_soon()

    def reload_soon(self) -> None:
        """Look at the user's own prices again."""
        self._tasks.spawn(self._reload)

    def _check(self) -> None:
        # A link's target changes without a notification for the directory of the link.
        self._reload()
        self.refresh_if_due()

    def _reload(self) -> None:
        if self._pools.work(self._prices.load):
            log.info(
                "event=custom_pricing_loaded models=%d", len(self._prices.sources.custom.exact)
            )

    def refresh_if_due(self) -> None:
        """Fetch the catalogue of new models when the one on disk is stale."""
        if not self._may_call() or not self._prices.is_due:
            return
        try:
            self._pools.work(self._prices.refresh)
        except OpenUsageError as error:
            log.warning("event=price_catalogue_failed error=%s", error)
        memory.trim()
