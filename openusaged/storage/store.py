"""
The store: what the daemon knows, behind one small interface.

One thread at a time applies batches in groups, one transaction each: the writer, or the hub while
the writer is idle.  Reader threads get records out of consistent snapshots.  Values are in
`records.py`, re-exported here.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Final

from openusaged.core.errors import StorageError
from openusaged.core.models import QUARTER_MS, SourceCursor
from openusaged.storage.aged_pricing import (
    AgedStep,
    FlatPrice,
    reprice_buckets,
    reprice_sessions,
)
from openusaged.storage.alerts import AlertChanges, AlertRecord, AlertState, write_alerts
from openusaged.storage.applying import Desk, Group, Outcome
from openusaged.storage.cursors import forget_cursors, write_cursors
from openusaged.storage.database import (
    Database,
    DatabaseFailure,
    creating,
    translate,
    translated_errors,
)
from openusaged.storage.detail_queries import EventGroup, Owner, Selection, readable_sql
from openusaged.storage.events import QUARTER_SHIFT, EventRows
from openusaged.storage.migrations.runner import migrate
from openusaged.storage.reading import StoreReading
from openusaged.storage.records import (
    BatchResult,
    BlockRow,
    Segment,
    SessionRecord,
    Staged,
    StoreCounts,
    StoredSnapshot,
    ToolRow,
    UsageRow,
    WriteBatch,
)
from openusaged.storage.repricing import (
    STEP_EVENTS,
    Estimator,
    RepriceRange,
    RepriceStep,
    range_of,
    remember,
    reprice_events,
)
from openusaged.storage.retention import expire_events, thin_series
from openusaged.storage.salvage import is_corrupt, salvage
from openusaged.storage.sessions import Sessions
from openusaged.storage.snapshots import write_snapshots
from openusaged.storage.staged import Takeover, attached

__all__ = [
    "AgedStep",
    "AlertChanges",
    "AlertRecord",
    "AlertState",
    "BatchResult",
    "BlockRow",
    "Estimator",
    "EventGroup",
    "FlatPrice",
    "Owner",
    "RepriceRange",
    "RepriceStep",
    "Segment",
    "Selection",
    "SessionRecord",
    "Staged",
    "Store",
    "StoreCounts",
    "StoredSnapshot",
    "ToolRow",
    "UsageRow",
    "WriteBatch",
    "readable_sql",
]

log = logging.getLogger(__name__)

SEQ_BLOCK: Final = 1 << 24
"""Sequence numbers reserved at once, so that a change does not cost a page for its number."""
SEQ_MARGIN: Final = 1 << 16
# What a bad value in a batch raises; anything else concerns the whole group.
_BAD_BATCH: Final = (
    ValueError,
    TypeError,
    OverflowError,
    KeyError,
    AttributeError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.DataError,
    sqlite3.ProgrammingError,
)


class Store(StoreReading):
    """See the module; made by `open`."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        super().__init__(database)
        self._now_ms = now_ms
        self._sessions = Sessions(self._names)
        self._rows = EventRows(self._names, self._sessions)
        self._seq = 0
        self._seq_limit = 0
        self._seq_lock = threading.Lock()

    @classmethod
    def open(cls, path: str, *, app_version: str, now_ms: Callable[[], int]) -> Store:
        """
        Open or create the database at the absolute `path`; the caller holds the daemon's lock.

        A corrupt file is moved aside (`<path>.corrupt`, one is kept) and what can be read of it
        is taken over; its cursors are not, so logs are read again.

        Raises:
            DatabaseFromFuture: a newer version wrote it; untouched.
            StorageError: it cannot be created or is another program's; untouched.
        """
        with creating(path):
            if is_corrupt(path):
                salvage(path, app_version=app_version, now_ms=now_ms)
            migrate(path, app_version=app_version, now_ms=now_ms)
        store = cls(Database(path), now_ms)
        try:
            store._load()
        except BaseException:
            store._database.close()
            raise
        return store

    # ------------------------------------------------------------------ writing

    def _load(self) -> None:
        with self._database.write_transaction() as connection:
            self._reload(connection)
            meta = dict(connection.execute("SELECT key, value FROM meta"))
            if meta.get("clean"):
                self._hot, self._identities.count = meta["hot"], meta["identities"]
            else:
                self._hot = connection.execute("SELECT COUNT(*) FROM event").fetchone()[0]
                self._identities.count = connection.execute(
                    "SELECT (SELECT COUNT(*) FROM identity)"
                    " + (SELECT COUNT(*) FROM recent_identity)"
                ).fetchone()[0]
            self._seq = meta.get("seq", 0)
            self._set_meta(connection, clean=0, seq=self._seq + SEQ_BLOCK)
            self._seq_limit = self._seq + SEQ_BLOCK
            text = self._names.text
            for account, provider, client, project, quarter in connection.execute(
                "SELECT account, provider, client, project, MAX(quarter) FROM message_bucket"
                " GROUP BY account, provider, client, project"
            ):
                name = text[account]
                self._owners.add((name, text[provider], text[client]))
                self._projects.add(text[project])
                # Start of the last active quarter; sessions below know it to the millisecond.
                self._last_ms[name] = max(self._last_ms.get(name, 0), quarter * QUARTER_MS)
            for account, project, last_ms in connection.execute(
                "SELECT account, project, MAX(last_ms) FROM session WHERE events > 0"
                " GROUP BY account, project"
            ):
                name = text[account]
                # Tools alone may have been at work in it.
                self._projects.add(text[project])
                self._last_ms[name] = max(self._last_ms.get(name, 0), last_ms)

    def _reload(self, connection: sqlite3.Connection) -> None:
        """Make the writer's memory equal to the file."""
        self._names.load(connection)
        self._sessions.load(connection)
        self._identities.load(connection)
        self._rows.reset()

    @staticmethod
    def _set_meta(connection: sqlite3.Connection, **values: int) -> None:
        connection.executemany(
            "REPLACE INTO meta (key, value) VALUES (?, ?)", sorted(values.items())
        )

    def apply(self, batches: Sequence[WriteBatch]) -> list[BatchResult]:
        """
        Apply batches in one durable transaction (a scanner's in one of its own); one result each.

        When one of them cannot be stored, each is tried alone and only the bad ones have an
        error.
        """
        self._check_open()
        results: list[BatchResult] = []
        for alone, run in itertools.groupby(batches, _alone):
            results += self._apply_run(list(run), alone[1] if alone is not None else None)
        return results

    def apply_at_once(self, batches: Sequence[WriteBatch]) -> list[BatchResult] | None:
        """
        The same for batches without staged events, in another thread than the writer's.

        Waits for no lock and leaves upkeep (the log, the tree of identities) to the next `apply`,
        which must not run meanwhile.  None when it does not work out: nothing is stored, and
        `apply` finds out why.
        """
        try:
            return self._apply_group(self._database.hasty_connection(), batches)
        except (StorageError, *_BAD_BATCH):
            return None

    def _apply_run(
        self, batches: Sequence[WriteBatch], staged: Staged | None = None
    ) -> list[BatchResult]:
        try:
            connection = self._writer()
            if staged is None:
                return self._apply_group(connection, batches, upkeep=True)
            self._database.prepare_for_import()
            with translated_errors(self._database.path), attached(connection, staged.data):
                return self._apply_group(connection, batches, staged)
        except _BAD_BATCH as error:
            if len(batches) == 1:
                log.warning("event=batch_refused reason=%s", type(error).__name__)
                return [self._refused(error)]
        except StorageError as error:
            return [BatchResult(seq=self._seq, error=error) for _ in batches]
        return [self._apply_run((batch,), staged)[0] for batch in batches]

    def _refused(self, error: Exception) -> BatchResult:
        failure = StorageError(f"an event cannot be stored: {error}")
        failure.__cause__ = error
        return BatchResult(seq=self._seq, error=failure)

    def _apply_group(
        self,
        connection: sqlite3.Connection,
        batches: Sequence[WriteBatch],
        staged: Staged | None = None,
        *,
        upkeep: bool = False,
    ) -> list[BatchResult]:
        desk = Desk(connection, self._names, self._sessions, self._identities, self._rows)
        group = Group(desk)
        identities = self._identities.count
        try:
            connection.execute("BEGIN IMMEDIATE")
        except DatabaseFailure as error:
            raise translate(error, self._database.path) from error
        try:
            group.look_up([event for batch in batches for event in batch.events])
            outcomes = [group.take(batch.events) for batch in batches]
            changed = False
            if staged is not None:
                copied = Takeover(desk).take(group)
                outcomes = [_staged_outcome(group.outcome, staged, copied)]
                changed = copied > 0
            changed |= group.write()
            if upkeep:
                self._identities.settle_when_many(connection)
            snapshots = self._write_sources(connection, batches)
            changed |= snapshots
            self._spans.begin_write(group.quarters | self._sessions.moved)
            if self._seq + SEQ_MARGIN > self._seq_limit:
                self._set_meta(connection, seq=self._seq + SEQ_BLOCK)
                self._seq_limit = self._seq + SEQ_BLOCK
            connection.execute("COMMIT")
        except BaseException as error:
            self._undo(connection, identities)
            if isinstance(error, DatabaseFailure) and not isinstance(error, _BAD_BATCH):
                raise translate(error, self._database.path) from error
            raise
        finally:
            self._spans.end_write()
        self._note(group)
        if snapshots:
            self._snapshot_writes += 1
        seq = self.bump() if changed else self._seq
        return [_result(outcome, seq) for outcome in outcomes]

    def _undo(self, connection: sqlite3.Connection, identities: int) -> None:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        self._identities.count = identities
        with contextlib.suppress(sqlite3.Error):
            self._reload(connection)

    def _write_sources(self, connection: sqlite3.Connection, batches: Sequence[WriteBatch]) -> bool:
        """Write what the batches say of their sources; whether there were snapshots."""
        cursors: list[SourceCursor] = []
        snapshots = [snapshot for batch in batches for snapshot in batch.snapshots]
        for batch in batches:
            if batch.forget_cursors:
                # in the batches' order: a path may come back within one group
                write_cursors(connection, cursors)
                cursors = []
                forget_cursors(connection, batch.forget_cursors)
            cursors.extend(batch.cursors)
        if cursors:
            write_cursors(connection, cursors)
        if snapshots:
            write_snapshots(connection, self._names, snapshots)
        return bool(snapshots)

    def _note(self, group: Group) -> None:
        self._hot += group.hot_delta
        known = self._last_ms
        newer = {name: ts for name, ts in group.last_ms.items() if ts > known.get(name, 0)}
        if newer:
            # Replaced, not changed: readers iterate over what they got.
            self._last_ms = known | newer
        if not group.owners <= self._owners:
            self._owners = self._owners | group.owners
        if not group.projects <= self._projects:
            self._projects = self._projects | group.projects

    def run_retention(self, cutoff_ms: int, *, limit: int = 5000) -> int:
        """
        Drop the detail of up to `limit` events before `cutoff_ms` and thin old series.

        Identities, aggregates and session totals stay.  Returns how many were dropped: call again
        while it equals `limit`.
        """
        try:
            with self._database.write_transaction() as connection:
                try:
                    dropped = expire_events(connection, self._identities, cutoff_ms, limit)
                    thinned = thin_series(connection, self._now_ms())
                except BaseException:
                    connection.execute("ROLLBACK")
                    self._undo(connection, self._identities.count)
                    raise
                self._spans.begin_write({ident >> QUARTER_SHIFT for ident in dropped})
        finally:
            self._spans.end_write()
        if thinned:
            self._snapshot_writes += 1
        self._hot -= len(dropped)
        return len(dropped)

    def begin_reprice(self, since_ms: int | None) -> RepriceRange:
        """Record that everything from a time on is to be re-priced; `end_reprice` is the end."""
        with self._database.write_transaction() as connection:
            span = range_of(connection, since_ms)
            remember(connection, span)
        return span

    def reprice(
        self, span: RepriceRange, estimate: Estimator, limit: int = STEP_EVENTS
    ) -> RepriceStep:
        """
        Re-price the upper end of a range of events, durably, and say what is left.

        Sums move by exactly the difference; a step that fails changes nothing.
        """
        try:
            with self._database.write_transaction() as connection:
                step = reprice_events(connection, self._names, span, estimate, limit)
                self._spans.begin_write(step.quarters)
        except BaseException:
            self._undo(self._writer(), self._identities.count)
            raise
        finally:
            self._spans.end_write()
        if step.changed:
            self.bump()
        return step

    def reprice_aged_buckets(self, start_q: int, price: FlatPrice) -> AgedStep:
        """Re-price sums whose events have gone, a few days from a quarter on, where exact."""
        return self._aged(
            lambda connection: reprice_buckets(connection, self._names, start_q, price)
        )

    def reprice_aged_sessions(self, since_ms: int, start: int, price: FlatPrice) -> AgedStep:
        """The same for the totals of sessions, from a session's row on."""
        return self._aged(
            lambda connection: reprice_sessions(connection, self._names, since_ms, start, price)
        )

    def _aged(self, work: Callable[[sqlite3.Connection], AgedStep]) -> AgedStep:
        try:
            with self._database.write_transaction() as connection:
                step = work(connection)
                self._spans.begin_write(step.quarters)
        finally:
            self._spans.end_write()
        if step.changed:
            self.bump()
        return step

    def end_reprice(self) -> None:
        """Record that a re-pricing has come to its end."""
        with self._database.write_transaction() as connection:
            remember(connection, None)

    def write_alerts(self, changes: AlertChanges) -> list[int]:
        """Store what alerts remember and have told; the ids of the records."""
        with self._database.write_transaction() as connection:
            return write_alerts(connection, changes)

    def settle_identities(self) -> None:
        """Sort those into the tree that an import has left waiting."""
        try:
            with self._database.write_transaction() as connection:
                self._identities.settle(connection)
        except BaseException:
            self._undo(self._writer(), self._identities.count)
            raise

    def checkpoint(self) -> None:
        """Move the write-ahead log into the database as far as readers allow."""
        with translated_errors(self._database.path):
            self._writer().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def release_memory(self) -> None:
        """Give the page cache of this thread's connection back; after an import."""
        self._check_open()
        self._database.release_memory()

    def _writer(self) -> sqlite3.Connection:
        self._check_open()
        return self._database.connection()

    def disconnect(self) -> None:
        """Close this thread's connection."""
        self._database.disconnect()

    def close(self) -> None:
        """Record a clean end and close all connections; every later call raises StoreClosed."""
        if self._closed:
            return
        try:
            with self._database.write_transaction() as connection:
                self._set_meta(
                    connection,
                    clean=1,
                    seq=self._seq,
                    hot=self._hot,
                    identities=self._identities.count,
                )
        finally:
            self._closed = True
            self._database.close()

    # ------------------------------------------------------------ change sequence

    @property
    def seq(self) -> int:
        """Number of the latest change; grows over restarts, too."""
        return self._seq

    def bump(self) -> int:
        """Count a change that is no event (a boundary of time, settings); the new number."""
        with self._seq_lock:
            self._seq += 1
            return self._seq


def _alone(batch: WriteBatch) -> tuple[int, Staged] | None:
    """What keeps a scanner's batch out of the transaction of its neighbours, even of its equals."""
    return None if batch.staged is None else (id(batch), batch.staged)


def _staged_outcome(known: Outcome, staged: Staged, copied: int) -> Outcome:
    """What became of a scanner's batch: copied, or handled one by one because known."""
    return Outcome(
        accepted=copied + known.accepted,
        deduplicated=staged.deduplicated + known.deduplicated,
        merged=staged.merged + known.merged,
    )


def _result(outcome: Outcome, seq: int) -> BatchResult:
    return BatchResult(
        accepted=outcome.accepted,
        deduplicated=outcome.deduplicated,
        merged=outcome.merged,
        seq=seq,
    )
