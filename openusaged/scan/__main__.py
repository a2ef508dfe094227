"""
The scanner process: reads logs, prepares events and streams them to the daemon.

`python -m openusaged.scan` with a job on standard input.  It is a process of its own so that
parsing gigabytes neither holds the daemon's interpreter lock nor stays in its memory.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from typing import IO

from openusaged.core.models import Account, SourceCursor, UsageSnapshot
from openusaged.pricing import custom
from openusaged.pricing.book import PriceBook
from openusaged.pricing.catalogue import shipped
from openusaged.pricing.price_file import PriceFile, catalogue_path
from openusaged.providers import registry
from openusaged.providers.base import CollectContext, Machine, Provider, Unit
from openusaged.scan.protocol import (
    Batch,
    Done,
    Job,
    UnitFailed,
    UnitRef,
    read_job,
    write_frame,
)
from openusaged.storage.staging import Staging
from openusaged.telemetry.pipeline import Pipeline
from openusaged.telemetry.repositories import Repositories

NICE = 10
CHUNK_EVENTS = 4000
MAX_EVENTS = 8000
MAX_UNITS = 800
"""A batch is sent at the latest after this many events or units: each costs a commit that touches
pages all over the tables, but others wait for it, and progress is to be seen."""


def main() -> int:
    """Read the job, stream the frames, end."""
    with contextlib.suppress(OSError):
        os.nice(NICE)
    # Nothing here forms cycles worth collecting; the process ends with its job.
    gc.disable()
    output = sys.stdout.buffer
    try:
        scan(read_job(sys.stdin.buffer), output)
        output.flush()
    except BrokenPipeError:
        # The daemon has gone; nobody is left to read.  Keep the interpreter from complaining.
        os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())
        return 1
    return 0


def scan(job: Job, output: IO[bytes]) -> None:
    """Read every unit of the job in order and write frames to `output`."""
    machine = Machine(env=job.env, home=job.home, platform=job.platform)
    context = CollectContext(machine=machine, max_chunk_events=CHUNK_EVENTS)
    book = PriceBook(
        shipped(),
        custom.load(custom.custom_path(job.env)),
        PriceFile(catalogue_path(job.env)),
    )
    pipeline = Pipeline(book, Repositories())
    scanner = _Scanner(pipeline, context, output)
    owners = [(account, registry.load(account.provider_id)) for account in job.accounts]
    for unit in job.units:
        account, provider = owners[unit.account]
        scanner.read(account, provider, unit)
    scanner.flush()
    write_frame(output, Done())


class _Scanner:
    """Reads units and gathers what they hold into batches worth a commit."""

    def __init__(self, pipeline: Pipeline, context: CollectContext, output: IO[bytes]) -> None:
        self._pipeline = pipeline
        self._context = context
        self._output = output
        self._staging = Staging()
        self._cursors: dict[str, SourceCursor] = {}
        self._snapshots: list[UsageSnapshot] = []
        self._read_bytes = 0
        self._done_units = 0

    def read(self, account: Account, provider: Provider, ref: UnitRef) -> None:
        """Read one unit; one that cannot be read does not stop the others."""
        assert provider.collect is not None
        unit = Unit(
            path=ref.path,
            device=ref.device,
            inode=ref.inode,
            size=ref.size,
            mtime_ns=ref.mtime_ns,
            group=ref.group,
        )
        offset = ref.cursor.offset if ref.cursor is not None else 0
        try:
            for chunk in provider.collect(account, unit, ref.cursor, self._context):
                self._staging.add(self._pipeline.prepare(chunk.events, account.id))
                self._cursors[chunk.cursor.path] = chunk.cursor
                if chunk.snapshot is not None:
                    self._snapshots.append(chunk.snapshot)
                self._read_bytes += max(0, chunk.cursor.offset - offset)
                offset = chunk.cursor.offset
                self._flush_when_full()
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001 - the other units go on
            reason = f"{type(error).__name__}: {error}"
            write_frame(self._output, UnitFailed(ref.path, account.id, reason))
        self._done_units += 1
        self._flush_when_full()

    def _flush_when_full(self) -> None:
        if len(self._staging) >= MAX_EVENTS or self._done_units >= MAX_UNITS:
            self.flush()

    def flush(self) -> None:
        """Send what has been gathered."""
        staging = self._staging
        events, deduplicated, merged = len(staging), staging.deduplicated, staging.merged
        write_frame(
            self._output,
            Batch(
                cursors=list(self._cursors.values()),
                staged=staging.take(),
                events=events,
                deduplicated=deduplicated,
                merged=merged,
                read_bytes=self._read_bytes,
                done_units=self._done_units,
                snapshots=self._snapshots,
            ),
        )
        self._output.flush()
        self._cursors, self._snapshots = {}, []
        self._read_bytes = self._done_units = 0


if __name__ == "__main__":
    sys.exit(main())
