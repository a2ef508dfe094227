"""
The scanner process: reads logs, prepares events and streams them to the daemon.

`python -m openusaged.scan` with a job on standard input.  It is a process of its own so that
parsing gigabytes neither holds the daemon's interpreter lock nor stays in its memory.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import IO

from openusaged.core.models import Account
from openusaged.pricing import custom
from openusaged.pricing.book import PriceBook
from openusaged.pricing.catalogue import shipped
from openusaged.providers import registry
from openusaged.providers.base import CollectContext, Machine, Provider, Unit
from openusaged.scan.protocol import (
    Batch,
    Done,
    Job,
    UnitDone,
    UnitFailed,
    UnitRef,
    read_job,
    write_frame,
)
from openusaged.telemetry.pipeline import Pipeline
from openusaged.telemetry.repositories import Repositories

NICE = 5


def main() -> int:
    """Read the job, stream the frames, end."""
    with contextlib.suppress(OSError):
        os.nice(NICE)
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
    context = CollectContext(machine=machine)
    rates, _ = custom.load(custom.custom_path(job.env))
    pipeline = Pipeline(PriceBook(shipped(), rates), Repositories())
    for share in job.shares:
        provider = registry.load(share.account.provider_id)
        for unit in share.units:
            _scan_unit(share.account, provider, unit, pipeline, context, output)
    write_frame(output, Done())


def _scan_unit(
    account: Account,
    provider: Provider,
    ref: UnitRef,
    pipeline: Pipeline,
    context: CollectContext,
    output: IO[bytes],
) -> None:
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
        for chunk in provider.collect(account, unit, ref.cursor, context):
            write_frame(
                output,
                Batch(
                    cursor=chunk.cursor,
                    events=pipeline.prepare(chunk.events, account.id),
                    read_bytes=max(0, chunk.cursor.offset - offset),
                    snapshot=chunk.snapshot,
                ),
            )
            offset = chunk.cursor.offset
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - one unreadable file must not stop the others
        reason = f"{type(error).__name__}: {error}"
        write_frame(output, UnitFailed(path=ref.path, account_id=account.id, reason=reason))
        return
    write_frame(output, UnitDone(path=ref.path))


if __name__ == "__main__":
    sys.exit(main())
