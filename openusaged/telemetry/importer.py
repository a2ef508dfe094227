"""
Runs scanner processes for a large import and hands their batches over as they come.

The processes are plain ones (`python -m openusaged.scan`), one per core up to two, so that parsing
runs beside the daemon and leaves its memory alone.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from openusaged.providers.base import Machine
from openusaged.scan.protocol import (
    Batch,
    Done,
    Job,
    UnitFailed,
    UnitRef,
    read_frames,
    write_frame,
)
from openusaged.telemetry.collectors import Work

log = logging.getLogger(__name__)

UNDER_WAY: Final = 1


class ImportSink(Protocol):
    """Where the results of an import go; called from reading threads."""

    def post(self, batch: Batch) -> Callable[[], None]:
        """Hand one batch over; the returned call waits until it is stored."""

    def unit_failed(self, account_id: str, path: str, reason: str) -> None:
        """A unit could not be read."""


def deal(work: Sequence[Work], scanners: int) -> list[list[Work]]:
    """
    Split the work into shares of about equal bytes, keeping groups together and in order.

    Units of one group (a rollout and its forks) must be read by one scanner, parents first.  The
    accounts of a share take turns by the age of their units: what happened at one time lies in the
    same pages of the database, and pages that are written once cost less than in every commit.
    """
    groups: dict[tuple[str, str], list[Work]] = {}
    for item in work:
        groups.setdefault((item.account.id, item.unit.group or item.unit.path), []).append(item)
    shares: list[list[Work]] = [[] for _ in range(max(1, scanners))]
    loads = [0] * len(shares)
    for members in sorted(
        groups.values(), key=lambda group: -sum(item.new_bytes for item in group)
    ):
        lightest = loads.index(min(loads))
        shares[lightest] += members
        loads[lightest] += sum(item.new_bytes for item in members) + 1
    turns = _turns(work)
    return [sorted(share, key=lambda item: turns[id(item)]) for share in shares if share]


def _turns(work: Sequence[Work]) -> dict[int, tuple[int, int]]:
    """What to sort work by, so that the units of each account stay in their order."""
    newest_ns: dict[str, int] = {}
    turns = {}
    for index, item in enumerate(work):
        account, mtime_ns = item.account.id, item.unit.mtime_ns
        newest_ns[account] = max(mtime_ns, newest_ns.get(account, mtime_ns))
        turns[id(item)] = newest_ns[account], index
    return turns


class Importer:
    """One import: start it with `run` in a worker thread; `stop` ends it early."""

    def __init__(self, machine: Machine, sink: ImportSink) -> None:
        self._machine = machine
        self._sink = sink
        self._processes: list[subprocess.Popen[bytes]] = []
        self._stopping = False
        self._lock = threading.Lock()

    def run(self, work: Sequence[Work], scanners: int) -> list[str]:
        """
        Import everything and return what went wrong, empty when nothing did.

        Units of a scanner that died keep their old cursors and are read again by the next scan.
        """
        problems: list[str] = []
        threads = []
        for share in deal(work, scanners):
            process = self._start()
            if process is None:
                return problems
            thread = threading.Thread(
                target=self._attend, args=(process, share, problems), name="import", daemon=True
            )
            thread.start()
            threads.append(thread)
        for thread in threads:
            thread.join()
        return problems

    def stop(self) -> None:
        """End the scanners; what they have not delivered is read again later."""
        with self._lock:
            self._stopping = True
            for process in self._processes:
                process.kill()

    def _start(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._stopping:
                return None
            process = subprocess.Popen(
                [sys.executable, "-m", "openusaged.scan"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            self._processes.append(process)
            return process

    def _attend(
        self, process: subprocess.Popen[bytes], share: Sequence[Work], problems: list[str]
    ) -> None:
        """Give a scanner its job, which takes until it has come up, and drain what it sends."""
        stdin = process.stdin
        assert stdin is not None
        try:
            with stdin:
                write_frame(stdin, self._job(share))
        except OSError:
            # It has ended; what it says of that is read below.
            log.warning("event=scanner_start_failed pid=%d", process.pid)
        self._drain(process, problems)

    def _job(self, share: Sequence[Work]) -> Job:
        accounts = {item.account.id: item.account for item in share}
        places = {account_id: place for place, account_id in enumerate(accounts)}
        units = []
        for item in share:
            unit = item.unit
            units.append(
                UnitRef(
                    places[item.account.id],
                    unit.path,
                    unit.device,
                    unit.inode,
                    unit.size,
                    unit.mtime_ns,
                    unit.group,
                    item.cursor,
                )
            )
        machine = self._machine
        return Job(
            dict(machine.env), machine.home, machine.platform, list(accounts.values()), units
        )

    def _drain(self, process: subprocess.Popen[bytes], problems: list[str]) -> None:
        stdout = process.stdout
        assert stdout is not None
        complete = False
        posted: deque[Callable[[], None]] = deque()
        try:
            for frame in read_frames(stdout):
                if isinstance(frame, Batch):
                    # One in its commit while the next is decoded: more would only cost memory.
                    if len(posted) >= UNDER_WAY:
                        posted.popleft()()
                    posted.append(self._sink.post(frame))
                elif isinstance(frame, UnitFailed):
                    self._sink.unit_failed(frame.account_id, frame.path, frame.reason)
                elif isinstance(frame, Done):
                    complete = True
            while posted:
                posted.popleft()()
        except Exception as error:  # noqa: BLE001 - reported; the units are read again later
            if not self._stopping:
                problems.append(f"{type(error).__name__}: {error}")
            process.kill()
        finally:
            stdout.close()
            status = process.wait()
        if not complete and not self._stopping:
            problems.append(f"a scanner ended early with status {status}")
