"""
Receives what is pushed to the daemon: hook payloads, turns, spooled deliveries, status line input.

Hub thread, except where a method says otherwise.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from openusage_proto.messages import (
    IngestParams,
    SpoolStatus,
    StatuslineParams,
)
from openusaged.core.errors import InvalidEvent, StorageError
from openusaged.core.models import TURN_COMPLETED, Account, UsageSnapshot
from openusaged.runtime.pools import Pools
from openusaged.runtime.tasks import Coalescer, Tasks
from openusaged.storage.store import BatchResult
from openusaged.telemetry.spool import Spool, SpoolItem
from openusaged.usecases.collecting import Collecting
from openusaged.usecases.committing import Committer, EventWrite
from openusaged.usecases.hook_news import HookNews
from openusaged.usecases.ingest import Accepted, Ingest, parse_time
from openusaged.usecases.limit_news import LimitNews
from openusaged.usecases.lines.lines import Lines

log = logging.getLogger(__name__)

SPOOL_CHECK_S: Final = 60.0
"""Notifications tell of new spool files; this is for file systems without them."""
COMMIT_TIMEOUT_S: Final = 60.0
MAX_TOGETHER: Final = 64
"""Spooled files that share a commit: hooks wait for the same disk."""
MAX_TOGETHER_BYTES: Final = 1 << 20
MAX_HEARD: Final = 64
"""Sessions whose limits are remembered: those at work."""


class Receiving:
    """The receiving use cases."""

    def __init__(
        self,
        *,
        ingest: Ingest,
        committer: Committer,
        collecting: Collecting,
        lines: Lines,
        spool: Spool,
        pools: Pools,
        tasks: Tasks,
        now_ms: Callable[[], int],
        news: LimitNews,
        hook_news: HookNews,
        on_snapshot: Callable[[UsageSnapshot], None] = lambda _: None,
    ) -> None:
        self._on_snapshot = on_snapshot
        self._ingest = ingest
        self._committer = committer
        self._collecting = collecting
        self.lines = lines
        self._spool = spool
        self._pools = pools
        self._tasks = tasks
        self._now_ms = now_ms
        self._draining: Coalescer[str] = Coalescer(tasks, self._drain)
        self._news = news
        self._heard: dict[int, tuple[int, Sequence[Account]]] = {}
        """By a session's transcript: its limits, and the accounts that they were matched to."""
        self._hook_news = hook_news

    # ------------------------------------------------------------- ingest

    def ingest(self, params: IngestParams) -> tuple[Any, Callable[[Any], msgspec.Raw]]:
        """What to wait for, and how its outcome becomes the answer."""
        if params.turn is not None:
            accepted = self._ingest.turn(params, params.turn)
            return self._committer.submit_nowait(EventWrite(accepted.events)), _result
        assert params.payload is not None
        job = self._pools.spawn_work(self._take_payload, params, params.payload)
        return job, self._commit_payload

    def _take_payload(self, params: IngestParams, payload: Mapping[str, Any]) -> Accepted:
        """Worker thread: what a hook's payload comes to."""
        accepted = self._ingest.payload(params, payload)
        observed_ms = parse_time(params.observed_at, "observed_at") or self._now_ms()
        # a spooled payload is from when the hook ran
        self._hook_news.note(params.source, min(observed_ms, self._now_ms()))
        return accepted

    def _commit_payload(self, accepted: Accepted) -> msgspec.Raw:
        write, paths = self._write_of(accepted), accepted.wake_paths
        ended = [event.ts_ms for event in accepted.events if event.event_type == TURN_COMPLETED]
        if ended:
            return _result(self._collecting.store_turn(write, paths, ended[0]))
        return _result(self._collecting.store_call(write, paths))

    def _write_of(self, accepted: Accepted) -> EventWrite:
        snapshot = self._news.take(accepted.snapshot)
        return EventWrite(accepted.events, (snapshot,) if snapshot is not None else ())

    # -------------------------------------------------------------- spool

    def drain_soon(self) -> None:
        """Look into the spool."""
        self._draining.add(("spool",))

    def start(self) -> None:
        """Drain what hooks left while nobody listened, and keep looking."""
        self.drain_soon()
        self._tasks.every(SPOOL_CHECK_S, self.drain_soon)

    def _drain(self, _: set[str]) -> None:
        paths = self._pools.work(self._drain_files)
        self._collecting.wake_repeatedly(paths, self._now_ms())

    def _drain_files(self) -> list[str]:
        """Worker thread: deliver every spooled file, delete it after its commit."""
        dropped = self._spool.enforce_bounds()
        if dropped:
            log.warning("event=spool_dropped files=%d", dropped)
        wake: dict[str, None] = {}
        for items in _together(self._spool.pending()):
            if not self._deliver(items, wake):
                break
        return list(wake)

    def _deliver(self, items: Sequence[SpoolItem], wake: dict[str, None]) -> bool:
        """Store the events of these files with one commit; False when some have to wait."""
        taken = []
        for item in items:
            try:
                taken.append((item, self._take_spooled(item)))
            except (InvalidEvent, msgspec.ValidationError) as error:
                self._spool.reject(item.path, str(error))
        failure: StorageError | None = None
        tickets = self._committer.post_from_thread(*(self._write_of(each) for _, each in taken))
        for (item, accepted), ticket in zip(taken, tickets, strict=True):
            try:
                ticket.wait(COMMIT_TIMEOUT_S)
            except StorageError as error:
                failure = error  # the others may be stored
            else:
                wake.update(dict.fromkeys(accepted.wake_paths))
                self._spool.done(item.path)
        if failure is not None:
            log.warning("event=spool_paused reason=%s", failure)
        return failure is None

    def _take_spooled(self, item: SpoolItem) -> Accepted:
        params = msgspec.convert(item.params, IngestParams)
        if params.turn is not None:
            return self._ingest.turn(params, params.turn)
        if params.payload is not None:
            return self._take_payload(params, params.payload)
        raise InvalidEvent("payload", "neither turn nor payload is given")

    def spool_status(self) -> SpoolStatus:
        """Counts for `status`."""
        counts = self._spool.status()
        return SpoolStatus(pending=counts.pending, rejected=counts.rejected, dropped=counts.dropped)

    # --------------------------------------------------------- statusline

    def statusline(self, params: StatuslineParams) -> Any:
        """The job that renders the line; the limits in the input go to the store on the way."""
        limits = params.payload.get("rate_limits")
        if limits is not None:
            # Hashes, because a host may send what it likes and as much.
            session = hash(msgspec.json.encode(params.payload.get("transcript_path")))
            heard = (hash(msgspec.json.encode(limits)), self._ingest.accounts())
            # Most lines repeat what the one before had said.
            if self._heard.get(session) != heard:
                self._tasks.spawn(self._forward_limits, params, session, heard)
        return self._pools.spawn_read(self.lines.statusline, params)

    def _forward_limits(
        self, params: StatuslineParams, session: int, heard: tuple[int, Sequence[Account]]
    ) -> None:
        request = IngestParams(source="claude_code", payload=params.payload)
        try:
            accepted = self._pools.work(self._ingest.payload, request, params.payload)
        except InvalidEvent as error:
            log.debug("event=statusline_input error=%s", error)
            return
        if accepted.snapshot is not None and accepted.snapshot.account_id:
            if len(self._heard) >= MAX_HEARD:
                self._heard.clear()
            self._heard[session] = heard
        snapshot = self._news.take(accepted.snapshot)
        if snapshot is not None:
            self._committer.submit(EventWrite(snapshots=(snapshot,)))
            self._on_snapshot(snapshot)


def _together(items: Iterable[SpoolItem]) -> Iterator[list[SpoolItem]]:
    """Files in groups that are small in number and size."""
    group: list[SpoolItem] = []
    for item in items:
        group.append(item)
        if len(group) >= MAX_TOGETHER or sum(each.size for each in group) >= MAX_TOGETHER_BYTES:
            yield group
            group = []
    if group:
        yield group


def _result(result: BatchResult) -> msgspec.Raw:
    """An encoded `IngestResult`."""
    return msgspec.Raw(
        b'{"accepted":%d,"deduplicated":%d,"merged":%d,"seq":%d}'
        % (result.accepted, result.deduplicated, result.merged, result.seq)
    )
