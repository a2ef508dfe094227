"""
Alerts on their way out: one after the other, each way in a worker thread, the outcome recorded.

At most `MAX_WAITING` wait; the oldest gives way and says so in the history.  What waited when the
daemon ended is delivered at its next start.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from openusage_proto.alert_messages import AlertFacts
from openusaged.config.alerts import AlertSettings
from openusaged.core.errors import OpenUsageError, StoreClosed
from openusaged.runtime.pools import Pools
from openusaged.runtime.tasks import Tasks
from openusaged.storage.store import AlertChanges, AlertRecord, Store
from openusaged.usecases.alerts.channels import Channels, set_channels
from openusaged.usecases.alerts.programs import DeliveryError

log = logging.getLogger(__name__)

MAX_WAITING: Final = 100

DELIVERED: Final = "delivered"
PARTLY: Final = "partly"
FAILED: Final = "failed"
_QUEUE: Final = "queue"


class Tally(msgspec.Struct):
    """How deliveries by one way went since the start."""

    delivered: int = 0
    failed: int = 0
    last_error: str = ""


class Outbox:
    """The queue; hub thread only."""

    def __init__(
        self,
        *,
        store: Store,
        pools: Pools,
        tasks: Tasks,
        channels: Channels,
        settings: Callable[[], AlertSettings],
    ) -> None:
        self._store = store
        self._pools = pools
        self._tasks = tasks
        self._channels = channels
        self._settings = settings
        self._waiting: deque[AlertRecord] = deque()
        self._running = False
        self.tallies: dict[str, Tally] = {}

    @property
    def waiting(self) -> int:
        """Alerts that are not delivered yet."""
        return len(self._waiting) + self._running

    def add(self, record: AlertRecord) -> None:
        """Have an alert delivered, soon."""
        self._waiting.append(record)
        if len(self._waiting) > MAX_WAITING:
            dropped = self._waiting.popleft()
            self._tasks.spawn(
                self._settle, dropped, {_QUEUE: f"more than {MAX_WAITING} alerts were waiting"}
            )
        if not self._running:
            self._running = True
            self._tasks.spawn(self._drain)

    def close(self) -> None:
        """End what is running."""
        self._channels.close()

    def try_out(self, names: list[str], facts: AlertFacts) -> dict[str, str]:
        """Deliver at once; the reason by way, empty where it went well (a greenlet waits)."""
        settings = self._settings()
        deliveries = {}
        for name in names:
            try:
                self._pools.work(self._channels.deliver, name, facts, settings)
                deliveries[name] = ""
            except DeliveryError as error:
                deliveries[name] = str(error)
            except StoreClosed:
                raise
            except Exception as error:
                log.exception("event=alert_delivery_failed way=%s", name)
                deliveries[name] = type(error).__name__
            self._note(name, deliveries[name])
        return deliveries

    def _note(self, name: str, problem: str) -> None:
        tally = self.tallies.setdefault(name, Tally())
        if problem:
            tally.failed += 1
            tally.last_error = problem
            log.warning("event=alert_not_delivered way=%s error=%s", name, problem)
        else:
            tally.delivered += 1
            tally.last_error = ""

    def _drain(self) -> None:
        try:
            while self._waiting:
                record = self._waiting.popleft()
                facts = msgspec.json.decode(record.facts, type=AlertFacts)
                self._settle(record, self.try_out(set_channels(self._settings()), facts))
        finally:
            self._running = False

    def _settle(self, record: AlertRecord, deliveries: dict[str, str]) -> None:
        settled = msgspec.structs.replace(
            record, outcome=outcome_of(deliveries), deliveries=deliveries
        )
        try:
            self._pools.write(self._store.write_alerts, AlertChanges(records=(settled,)))
        except OpenUsageError as error:
            log.warning("event=alert_not_recorded error=%s", error)


def outcome_of(deliveries: dict[str, str]) -> str:
    """`delivered`, `partly` or `failed`; `silent` when there was no way to go."""
    if not deliveries:
        return "silent"
    problems = sum(1 for problem in deliveries.values() if problem)
    if not problems:
        return DELIVERED
    return PARTLY if problems < len(deliveries) else FAILED
