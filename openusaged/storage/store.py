"""
The store: what the daemon knows, behind one small interface.

One writer thread applies batches in groups, one transaction each; reader threads get records out
of consistent snapshots.  Values are in `records.py`, re-exported here.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final

from openusaged.core.errors import StorageError, StoreClosed
from openusaged.core.models import QUARTER_MS, SourceCursor
from openusaged.storage import read_queries
from openusaged.storage.applying import Group, Outcome
from openusaged.storage.buckets import MESSAGES, TOOLS, BucketReader
from openusaged.storage.cursors import forget_cursors, read_cursors, write_cursors
from openusaged.storage.database import Database, DatabaseFailure, translate, translated_errors
from openusaged.storage.events import EventRows
from openusaged.storage.identities import Identities
from openusaged.storage.migrations.runner import migrate
from openusaged.storage.names import Names
from openusaged.storage.read_queries import SessionFilter
from openusaged.storage.records import (
    BatchResult,
    BlockRow,
    Segment,
    SessionRecord,
    StoreCounts,
    StoredSnapshot,
    ToolRow,
    UsageRow,
    WriteBatch,
)
from openusaged.storage.retention import expire_events, thin_series
from openusaged.storage.rollups import AGENT_KINDS
from openusaged.storage.salvage import is_corrupt, salvage
from openusaged.storage.sessions import Sessions
from openusaged.storage.snapshots import SeriesPoint, read_series, read_snapshots, write_snapshot

__all__ = [
    "BatchResult",
    "BlockRow",
    "Segment",
    "SessionRecord",
    "Store",
    "StoreCounts",
    "StoredSnapshot",
    "ToolRow",
    "UsageRow",
    "WriteBatch",
]

log = logging.getLogger(__name__)

SEQ_BLOCK: Final = 1 << 24
"""Sequence numbers reserved at once, so that a change does not cost a page for its number."""
SEQ_MARGIN: Final = 1 << 16
USAGE_DIMENSIONS: Final = (
    "account",
    "provider",
    "client",
    "model",
    "project",
    "branch",
    "agent_kind",
)
DEFAULT_GROUP_BY: Final = ("account", "provider", "client", "model", "project", "agent_kind")
_FAR_PAST: Final = 0
_FAR_FUTURE: Final = 1 << 40

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


class Store:
    """See the module; made by `open`."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms
        self._names = Names()
        self._sessions = Sessions(self._names)
        self._identities = Identities()
        self._rows = EventRows(self._names, self._sessions)
        self._messages = BucketReader(database, MESSAGES)
        self._tools = BucketReader(database, TOOLS)
        self._seq = 0
        self._seq_limit = 0
        self._seq_lock = threading.Lock()
        self._hot = 0
        self._last_ms: dict[str, int] = {}
        self._owners: set[tuple[str, str, str]] = set()
        self._projects: set[str] = set()
        self._closed = False
        self._thinned_ms = 0

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
        with _creation_errors(path):
            _create(path)
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
            for account, last_ms in connection.execute(
                "SELECT account, MAX(last_ms) FROM session WHERE events > 0 GROUP BY account"
            ):
                name = text[account]
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
        Apply batches in one durable transaction; one result each.

        When one of them cannot be stored, each is tried alone and only the bad ones have an
        error.
        """
        self._check_open()
        try:
            return self._apply_group(batches)
        except _BAD_BATCH as error:
            if len(batches) == 1:
                log.warning("event=batch_refused reason=%s", type(error).__name__)
                return [self._refused(error)]
        except StorageError as error:
            return [BatchResult(seq=self._seq, error=error) for _ in batches]
        return [self.apply((batch,))[0] for batch in batches]

    def _refused(self, error: Exception) -> BatchResult:
        failure = StorageError(f"an event cannot be stored: {error}")
        failure.__cause__ = error
        return BatchResult(seq=self._seq, error=failure)

    def _apply_group(self, batches: Sequence[WriteBatch]) -> list[BatchResult]:
        connection = self._writer()
        group = Group(connection, self._names, self._sessions, self._identities, self._rows)
        identities = self._identities.count
        quarters: Collection[int] = ()
        try:
            connection.execute("BEGIN IMMEDIATE")
        except DatabaseFailure as error:
            raise translate(error, self._database.path) from error
        try:
            group.look_up([event for batch in batches for event in batch.events])
            outcomes = [group.take(batch.events) for batch in batches]
            changed = group.write()
            changed |= self._write_sources(connection, batches)
            quarters = group.quarters
            self._mark_days(quarters)
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
            self._unmark_days(quarters)
        self._note(group)
        seq = self.bump() if changed else self._seq
        return [_result(outcome, seq) for outcome in outcomes]

    def _undo(self, connection: sqlite3.Connection, identities: int) -> None:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        self._identities.count = identities
        with contextlib.suppress(sqlite3.Error):
            self._reload(connection)

    def _mark_days(self, quarters: Collection[int]) -> None:
        if quarters:
            self._messages.cache.begin_write(quarters)
            self._tools.cache.begin_write(quarters)

    def _unmark_days(self, quarters: Collection[int]) -> None:
        if quarters:
            self._messages.cache.end_write(quarters)
            self._tools.cache.end_write(quarters)

    def _write_sources(self, connection: sqlite3.Connection, batches: Sequence[WriteBatch]) -> bool:
        cursors: list[SourceCursor] = []
        changed = False
        for batch in batches:
            if batch.forget_cursors:
                # in the batches' order: a path may come back within one group
                write_cursors(connection, cursors)
                cursors = []
                forget_cursors(connection, batch.forget_cursors)
            cursors.extend(batch.cursors)
            for snapshot in batch.snapshots:
                write_snapshot(connection, self._names, snapshot)
                changed = True
        if cursors:
            write_cursors(connection, cursors)
        return changed

    def _note(self, group: Group) -> None:
        self._hot += group.hot_delta
        if group.last_ms:
            # Replaced, not changed: readers iterate over what they got.
            last_ms = dict(self._last_ms)
            for account, ts_ms in group.last_ms.items():
                if ts_ms > last_ms.get(account, 0):
                    last_ms[account] = ts_ms
            self._last_ms = last_ms
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
        with self._database.write_transaction() as connection:
            try:
                dropped = expire_events(connection, self._identities, cutoff_ms, limit)
                thin_series(connection, self._now_ms())
            except BaseException:
                connection.execute("ROLLBACK")
                self._undo(connection, self._identities.count)
                raise
        self._hot -= dropped
        return dropped

    def checkpoint(self) -> None:
        """Move the write-ahead log into the database as far as readers allow."""
        with translated_errors(self._database.path):
            self._writer().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

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

    # ------------------------------------------------------------------ reading

    def usage_rows(
        self,
        *,
        start_q: int | None = None,
        end_q: int | None = None,
        segments: Sequence[Segment] = (),
        group_by: Sequence[str] = DEFAULT_GROUP_BY,
        accounts: Sequence[str] | None = None,
        providers: Sequence[str] | None = None,
        projects: Sequence[str] | None = None,
    ) -> list[UsageRow]:
        """
        Sums of [start_q, end_q), or of the segments per local day, by the dimensions named.

        Rows with different recorded currencies are never added up.
        """
        self._check_open()
        groups = self._messages.read(
            segments or _one_segment(start_q, end_q),
            by_day=bool(segments),
            group_by=(*group_by, "currency"),
            filters=self._filters(account=accounts, provider=providers, project=projects),
        )
        text = self._names.text
        # Positions of the dimensions within a key, whose first element is the bucket.
        places = [group_by.index(name) + 1 if name in group_by else 0 for name in USAGE_DIMENSIONS]
        *named, agent = places
        rows = []
        for key, sums in groups.items():
            words = [text[key[place]] if place else "" for place in named]
            kind = AGENT_KINDS[key[agent]] if agent else ""
            rows.append(UsageRow(key[0], *words, kind, text[key[-1]], *sums))
        return rows

    def tool_rows(
        self,
        *,
        start_q: int | None = None,
        end_q: int | None = None,
        accounts: Sequence[str] | None = None,
    ) -> list[ToolRow]:
        """Tool calls in [start_q, end_q)."""
        self._check_open()
        groups = self._tools.read(
            _one_segment(start_q, end_q),
            by_day=False,
            group_by=TOOLS.dimensions,
            filters=self._filters(account=accounts),
        )
        text = self._names.text
        return [ToolRow(*(text[ident] for ident in key[1:]), *sums) for key, sums in groups.items()]

    def _filters(self, **wanted: Sequence[str] | None) -> dict[str, frozenset[int]]:
        names = self._names
        return {
            dimension: frozenset(names[text] for text in texts if text in names)
            for dimension, texts in wanted.items()
            if texts is not None
        }

    def sessions(
        self,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        account: str | None = None,
        project: str | None = None,
        limit: int | None = 100,
        offset: int = 0,
    ) -> tuple[int, list[SessionRecord]]:
        """How many sessions were last active in [start_ms, end_ms), and a page, newest first."""
        wanted = SessionFilter(start_ms=start_ms, end_ms=end_ms, account=account, project=project)
        with self._database.read_snapshot() as connection:
            return read_queries.find_sessions(connection, self._names, wanted, limit, offset)

    def session(self, source: str, session_id: str) -> SessionRecord | None:
        """One session, or None when nothing of it was counted."""
        with self._database.read_snapshot() as connection:
            return read_queries.find_session(connection, self._names, source, session_id)

    def session_counts(self, start_ms: int, end_ms: int) -> dict[str, int]:
        """Sessions active within [start_ms, end_ms), by account."""
        with self._database.read_snapshot() as connection:
            return read_queries.session_counts(connection, self._names, start_ms, end_ms)

    def block_rows(
        self,
        *,
        start_ms: int,
        end_ms: int,
        accounts: Sequence[str] | None = None,
        providers: Sequence[str] | None = None,
    ) -> list[BlockRow]:
        """Hot activity per account, provider, model and quarter, ordered by first_ms."""
        with self._database.read_snapshot() as connection:
            return read_queries.block_rows(
                connection,
                self._names,
                start_ms=start_ms,
                end_ms=end_ms,
                accounts=accounts,
                providers=providers,
            )

    def last_event_ms(self) -> dict[str, int]:
        """Latest counted event by account."""
        self._check_open()
        return dict(self._last_ms)

    def accounts_with_events(self) -> list[tuple[str, str, str]]:
        """(account, provider, client) of all messages ever counted."""
        self._check_open()
        return sorted(self._owners)

    def projects(self) -> list[str]:
        """Roots of all projects ever counted."""
        self._check_open()
        return sorted(self._projects - {""})

    def first_quarter(self) -> int | None:
        """Quarter of the oldest counted event, or None."""
        with self._database.read_snapshot() as connection:
            spans = [self._messages.span(connection), self._tools.span(connection)]
        return min((span[0] for span in spans if span is not None), default=None)

    def unpriced_models(self, start_q: int | None, end_q: int | None) -> list[str]:
        """Models with tokens in [start_q, end_q) for which no price is known."""
        rows = self.usage_rows(start_q=start_q, end_q=end_q, group_by=("model",))
        return sorted({row.model for row in rows if row.unpriced})

    def cursors(self) -> list[SourceCursor]:
        """How far each file and database has been read."""
        return read_cursors(self._database)

    def snapshots(self) -> dict[tuple[str, str], StoredSnapshot]:
        """What polls learned, by (provider id, account id)."""
        return read_snapshots(self._database)

    def series(self, account_id: str, metric_key: str, since_ms: int) -> list[SeriesPoint]:
        """(ts_ms, used, limit, remaining) of one figure, oldest first."""
        with self._database.read_snapshot() as connection:
            return read_series(connection, self._names, account_id, metric_key, since_ms)

    def counts(self) -> StoreCounts:
        """Sizes, without scanning events."""
        with self._database.read_snapshot() as connection:
            sessions = connection.execute(
                "SELECT COUNT(*) FROM session WHERE events > 0"
            ).fetchone()[0]
        return StoreCounts(
            stored=self._identities.count,
            hot=self._hot,
            identities=self._identities.count,
            sessions=sessions,
            database_bytes=_size(self._database.path),
            wal_bytes=_size(self._database.path + "-wal"),
        )

    def _check_open(self) -> None:
        if self._closed:
            raise StoreClosed("the store is closed")


def _result(outcome: Outcome, seq: int) -> BatchResult:
    return BatchResult(
        accepted=outcome.accepted,
        deduplicated=outcome.deduplicated,
        merged=outcome.merged,
        seq=seq,
    )


def _one_segment(start_q: int | None, end_q: int | None) -> tuple[Segment]:
    return (
        Segment(
            _FAR_PAST if start_q is None else start_q, _FAR_FUTURE if end_q is None else end_q, 0
        ),
    )


def _create(path: str) -> None:
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    # Before SQLite does it with the process's umask.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


@contextlib.contextmanager
def _creation_errors(path: str) -> Iterator[None]:
    try:
        with translated_errors(path):
            yield
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror or error}") from error


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
