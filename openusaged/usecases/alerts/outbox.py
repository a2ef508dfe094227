"""
Alerts on their way out: one after the other, each way in a worker thread, the outcome recorded.

A way that may get through later is tried again.  At most `MAX_WAITING` alerts wait; the oldest
gives way and says so in the history.  What waited when the daemon ended is delivered at its next
start, by the ways that had not told it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from openusage_proto.alert_messages import AlertFacts
from openusaged.config.alerts import AlertSettings
from openusaged.core.errors import OpenUsageError, StoreClosed
from openusaged.runtime.pools import Pools
from openusaged.runtime.tasks import Tasks
from openusaged.storage.alerts import PENDING
from openusaged.storage.store import AlertChanges, AlertRecord, Store
from openusaged.usecases.alerts.channels import Channels, set_channels
from openusaged.usecases.alerts.programs import DeliveryError, NotNow

log = logging.getLogger(__name__)

MAX_WAITING: Final = 100
RETRY_AFTER_S: Final = (60.0, 300.0, 1800.0)
"""Between attempts: a network comes back, a receiver is started again, or somebody mends it."""

DELIVERED: Final = "delivered"
PARTLY: Final = "partly"
FAILED: Final = "failed"
_QUEUE: Final = "queue"


class Tally(msgspec.Struct):
    """How deliveries by one way went since the start."""

    delivered: int = 0
    failed: int = 0
    last_error: str = ""


class _Sending(msgspec.Struct, frozen=True):
    """An alert that waits; `ways` are those to be tried again, None before the first attempt."""

    record: AlertRecord
    attempt: int = 0
    ways: frozenset[str] | None = None


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
        retry_after_s: Sequence[float] = RETRY_AFTER_S,
    ) -> None:
        self._store = store
        self._pools = pools
        self._tasks = tasks
        self._channels = channels
        self._settings = settings
        self._retry_after_s = retry_after_s
        self._waiting: deque[_Sending] = deque()
        self._running = False
        self._postponed = 0
        self.tallies: dict[str, Tally] = {}

    @property
    def waiting(self) -> int:
        """Alerts that are not delivered yet."""
        return len(self._waiting) + self._running + self._postponed

    def add(self, record: AlertRecord) -> None:
        """Have an alert delivered, soon."""
        self._queue(_Sending(record))

    def close(self) -> None:
        """End what is running."""
        self._channels.close()

    def try_out(self, names: list[str], facts: AlertFacts) -> dict[str, str]:
        """Deliver at once; the reason by way, empty where it went well (a greenlet waits)."""
        return self._attempt(names, facts)[0]

    def _attempt(
        self, names: list[str], facts: AlertFacts
    ) -> tuple[dict[str, str], frozenset[str]]:
        """As `try_out`, and the ways that may get through later."""
        settings = self._settings()
        deliveries = {}
        later = set()
        for name in names:
            try:
                self._pools.work(self._channels.deliver, name, facts, settings)
                deliveries[name] = ""
            except DeliveryError as error:
                deliveries[name] = str(error)
                if isinstance(error, NotNow):
                    later.add(name)
            except StoreClosed:
                raise
            except Exception as error:
                log.exception("event=alert_delivery_failed way=%s", name)
                deliveries[name] = type(error).__name__
            self._note(name, deliveries[name])
        return deliveries, frozenset(later)

    def _note(self, name: str, problem: str) -> None:
        tally = self.tallies.setdefault(name, Tally())
        if problem:
            tally.failed += 1
            tally.last_error = problem
            log.warning("event=alert_not_delivered way=%s error=%s", name, problem)
        else:
            tally.delivered += 1
            tally.last_error = ""

    def _queue(self, sending: _Sending) -> None:
        self._waiting.append(sending)
        if len(self._waiting) > MAX_WAITING:
            dropped = self._waiting.popleft()
            problem = {_QUEUE: f"more than {MAX_WAITING} alerts were waiting"}
            self._tasks.spawn(self._settle, dropped.record, problem)
        if not self._running:
            self._running = True
            self._tasks.spawn(self._drain)

    def _drain(self) -> None:
        try:
            while self._waiting:
                self._send(self._waiting.popleft())
        finally:
            self._running = False

    def _send(self, sending: _Sending) -> None:
        record = sending.record
        facts = msgspec.json.decode(record.facts, type=AlertFacts)
        settings = self._settings()
        names = [name for name in set_channels(settings) if record.deliveries.get(name) != ""]
        if sending.ways is not None:
            names = [name for name in names if name in sending.ways and settings.enabled]
        deliveries, ways = self._attempt(names, facts)
        again = (
            bool(ways)
            and sending.attempt < len(self._retry_after_s)
            and self._postponed < MAX_WAITING
        )
        record = self._settle(record, deliveries, final=not again)
        if again:
            self._postponed += 1
            postponed = _Sending(record, sending.attempt + 1, ways)
            self._tasks.later(self._retry_after_s[sending.attempt], self._resume, postponed)

    def _resume(self, sending: _Sending) -> None:
        self._postponed -= 1
        self._queue(sending)

    def _settle(
        self, record: AlertRecord, deliveries: dict[str, str], *, final: bool = True
    ) -> AlertRecord:
        """Record what became of an alert; one that is not `final` stays on its way."""
        deliveries = {**record.deliveries, **deliveries}
        outcome = outcome_of(deliveries) if final else PENDING
        settled = msgspec.structs.replace(record, outcome=outcome, deliveries=deliveries)
        try:
            self._pools.write(self._store.write_alerts, AlertChanges(records=(settled,)))
        except OpenUsageError as error:
            log.warning("event=alert_not_recorded error=%s", error)
        return settled


def outcome_of(deliveries: dict[str, str]) -> str:
    """`delivered`, `partly` or `failed`; `silent` when there was no way to go."""
    if not deliveries:
        return "silent"
    problems = sum(1 for problem in deliveries.values() if problem)
    if not problems:
        return DELIVERED
    return PARTLY if problems < len(deliveries) else FAILED
