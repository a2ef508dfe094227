"""
The pricing use cases as the wire reaches them: questions, the catalogue's refresh, re-pricing.

Hub thread; everything that takes time is done in a pool.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo

from openusage_proto.price_messages import (
    Pricing,
    PricingParams,
    RepriceParams,
    RepriceResult,
)
from openusage_proto.status_messages import RepriceProgress
from openusaged.runtime.clock import Clock
from openusaged.runtime.pools import Job, Pools
from openusaged.runtime.tasks import Tasks
from openusaged.storage.store import Estimator, FlatPrice, Store
from openusaged.usecases import price_answers
from openusaged.usecases.prices import Prices
from openusaged.usecases.repricing import Repricing
from openusaged.usecases.usage_view import parse_day

Zones = Callable[[str | None], tuple[tzinfo, str]]
"""The asked or the machine's zone; `Reading.zone` is one."""


class PricingCase:
    """Implements `pricing` and `reprice`."""

    def __init__(
        self,
        *,
        prices: Prices,
        store: Store,
        estimate: Estimator,
        flat_price: FlatPrice,
        pools: Pools,
        tasks: Tasks,
        clock: Clock,
        zone: Zones,
        on_change: Callable[[], object] = lambda: None,
    ) -> None:
        self._prices = prices
        # Both are called in the writer thread, whose pipeline they belong to.
        self._repricing = Repricing(
            store=store,
            estimate=estimate,
            flat_price=flat_price,
            pools=pools,
            tasks=tasks,
            clock=clock,
            on_change=on_change,
        )
        self._store = store
        self._pools = pools
        self._clock = clock
        self._zone = zone

    def ask(self, params: PricingParams) -> Job[Pricing]:
        """
        The job that makes the answer; with `refresh` the calling greenlet waits for the fetch.

        Raises:
            InvalidParams, ProviderError, ConfigError.
        """
        zone, _ = self._zone(params.tz)
        if params.refresh:
            self._pools.work(self._prices.load)
            self._pools.work(self._prices.refresh)
        return self._pools.spawn_read(
            price_answers.answer,
            self._prices,
            self._store,
            params,
            now_ms=self._clock.now_ms(),
            zone=zone,
        )

    def reprice(self, params: RepriceParams) -> RepriceResult:
        """
        Start the job, or count what it would look at.

        The user's own prices are read again before, so that what was saved a moment ago counts.

        Raises:
            InvalidParams: a date that cannot be read.
        """
        zone, _ = self._zone(params.tz)
        since_ms = parse_day(params.since, "since", zone) if params.since else None
        if not params.dry_run:
            self._pools.work(self._prices.load)
        return self._repricing.start(since_ms, dry_run=params.dry_run)

    def progress(self) -> RepriceProgress:
        """The running or the last re-pricing."""
        return self._repricing.progress()

    def resume_later(self) -> None:
        """Go on with a re-pricing that was broken off."""
        self._repricing.resume_later()
