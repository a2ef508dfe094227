"""
Knows every unit of local records, what of it has been read, and what is new.

Work is proportional to what is new: an unchanged file costs one `stat` in a full scan and nothing
when the operating system's notifications name the changed one.  Cursors move only after their
events are committed.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from openusaged.core.models import Account, SourceCursor
from openusaged.providers.base import CollectContext, Machine, Provider, Unit
from openusaged.providers.shared.files import is_unchanged, stat_unit
from openusaged.storage.store import WriteBatch
from openusaged.telemetry.pipeline import Pipeline

log = logging.getLogger(__name__)

Key = tuple[str, str]
"""(account id, path)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One changed unit and where to go on reading it."""

    account: Account
    provider: Provider
    unit: Unit
    cursor: SourceCursor | None

    @property
    def key(self) -> Key:
        """What the unit is remembered under."""
        return self.account.id, self.unit.path

    @property
    def new_bytes(self) -> int:
        """Bytes that have not been read; the whole unit when it has to be read again."""
        if self.cursor is None:
            return self.unit.size
        # A database grows inside; a log shows its growth.  Both are small once a cursor exists.
        return max(0, self.unit.size - max(self.cursor.offset, self.cursor.size))


@dataclass(slots=True, kw_only=True)
class AccountProgress:
    """What the collector knows about one account."""

    units: int = 0
    size: int = 0
    last_scan_ms: int | None = None
    last_change_ms: int | None = None
    errors: dict[str, str] = field(default_factory=dict)
    """Reason by path of the units that could not be read last time."""


class Collector:
    """Cursors and accounts; methods may be called from worker threads, one plan at a time."""

    def __init__(
        self,
        *,
        machine: Machine,
        pipeline: Pipeline,
        cursors: Iterable[SourceCursor],
        now_ms: Callable[[], int],
    ) -> None:
        self._machine = machine
        self._pipeline = pipeline
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._cursors: dict[Key, SourceCursor] = {
            (cursor.account_id, cursor.path): cursor for cursor in cursors
        }
        self._accounts: dict[str, tuple[Account, Provider]] = {}
        self.progress: dict[str, AccountProgress] = {}

    @property
    def accounts(self) -> list[Account]:
        """Accounts with local records, in the order they were found."""
        return [account for account, _ in self._accounts.values()]

    def set_accounts(self, accounts: Sequence[tuple[Account, Provider]]) -> None:
        """Replace the accounts; cursors of vanished ones are kept, they may return."""
        with self._lock:
            self._accounts = {
                account.id: (account, provider)
                for account, provider in accounts
                if provider.collect is not None and provider.units is not None
            }
            self.progress = {
                account_id: self.progress.get(account_id, AccountProgress())
                for account_id in self._accounts
            }

    def plan_all(self, account_ids: Iterable[str] | None = None) -> tuple[list[Work], list[Key]]:
        """
        Every changed unit, and the keys of cursors whose unit is gone.

        Lists and stats; opens nothing.
        """
        wanted = set(account_ids) if account_ids is not None else None
        work: list[Work] = []
        gone: list[Key] = []
        for account, provider in list(self._accounts.values()):
            if wanted is not None and account.id not in wanted:
                continue
            assert provider.units is not None
            progress = self.progress.setdefault(account.id, AccountProgress())
            seen: set[str] = set()
            count = size = 0
            try:
                for unit in provider.units(account, self._machine):
                    seen.add(unit.path)
                    count += 1
                    size += unit.size
                    cursor = self._cursors.get((account.id, unit.path))
                    if not is_unchanged(unit, cursor):
                        work.append(
                            Work(account=account, provider=provider, unit=unit, cursor=cursor)
                        )
            except OSError as error:
                progress.errors[account.home] = f"{error.strerror}: {error.filename}"
                continue
            progress.errors.pop(account.home, None)
            progress.units, progress.size = count, size
            progress.last_scan_ms = self._now_ms()
            gone += [key for key in self._cursors if key[0] == account.id and key[1] not in seen]
        return work, gone

    def plan_paths(self, paths: Iterable[str]) -> list[Work]:
        """Changed units among the units that these paths belong to or, as directories, hold."""
        files: list[str] = []
        directories: list[str] = []
        for path in paths:
            (directories if os.path.isdir(path) else files).append(path)
        work: dict[Key, Work] = {}
        for account, provider in list(self._accounts.values()):
            for unit in self._units_at(account, provider, files, directories):
                cursor = self._cursors.get((account.id, unit.path))
                if not is_unchanged(unit, cursor):
                    item = Work(account=account, provider=provider, unit=unit, cursor=cursor)
                    work[item.key] = item
        return list(work.values())

    def _units_at(
        self, account: Account, provider: Provider, files: list[str], directories: list[str]
    ) -> Iterator[Unit]:
        # A new directory: what was written before it could be watched is told by no event.
        inside = tuple(path.rstrip("/") + "/" for path in directories if _below(path, account))
        if inside:
            assert provider.units is not None
            for listed in provider.units(account, self._machine):
                if listed.path.startswith(inside):
                    yield listed
        for path in files:
            if not _below(path, account):
                continue
            if provider.locate is not None:
                unit = provider.locate(account, path, self._machine)
            else:
                unit = stat_unit(path) if path.endswith(".jsonl") else None
            if unit is not None:
                yield unit

    def read(self, work: Work) -> Iterator[WriteBatch]:
        """Batches with the events and cursors of one unit, prepared in this thread."""
        assert work.provider.collect is not None
        context = CollectContext(machine=self._machine)
        for chunk in work.provider.collect(work.account, work.unit, work.cursor, context):
            yield WriteBatch(
                events=self._pipeline.prepare(chunk.events, work.account.id),
                cursors=(chunk.cursor,),
                snapshots=(chunk.snapshot,) if chunk.snapshot is not None else (),
            )

    def committed(self, cursor: SourceCursor, *, changed: bool = True) -> None:
        """Remember a cursor whose events are stored."""
        with self._lock:
            self._cursors[cursor.account_id, cursor.path] = cursor
        progress = self.progress.get(cursor.account_id)
        if progress is not None:
            progress.errors.pop(cursor.path, None)
            if changed:
                progress.last_change_ms = self._now_ms()

    def forgotten(self, keys: Iterable[Key]) -> None:
        """Drop cursors of units that are gone."""
        with self._lock:
            for key in keys:
                self._cursors.pop(key, None)

    def failed(self, account_id: str, path: str, reason: str) -> None:
        """Remember why a unit could not be read; logged once per reason."""
        progress = self.progress.setdefault(account_id, AccountProgress())
        if progress.errors.get(path) != reason:
            log.warning(
                "event=unit_unreadable account=%s path=%s error=%s", account_id, path, reason
            )
        progress.errors[path] = reason

    def owner_of(self, path: str) -> Account | None:
        """The account whose home holds `path`, the most specific one."""
        owners = [account for account, _ in self._accounts.values() if _below(path, account)]
        return max(owners, key=lambda account: len(account.home), default=None)


def _below(path: str, account: Account) -> bool:
    """Whether a path lies in one of the account's directories."""
    for root in (account.home, *account.paths.values()):
        if root and (path == root or path.startswith(root.rstrip("/") + "/")):
            return True
        # A database's side files (-wal, -shm) belong to it.
        if root and path.startswith(root + "-"):
            return True
    return False
