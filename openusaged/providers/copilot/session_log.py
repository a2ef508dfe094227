"""
Reads a session's `events.jsonl`: its tools and turns always, its tokens where nothing better is.

A session whose calls are in the database, or in exported telemetry, is counted there.  Otherwise
it is one growing event per model with the session's beginning as its time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

import msgspec

from openusaged.core.models import Account, SourceCursor
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.copilot import paths
from openusaged.providers.copilot.session_reader import SessionReader, State
from openusaged.providers.copilot.usage_store import Rows
from openusaged.providers.shared.cursors import document_state, unit_cursor
from openusaged.providers.shared.documents import decode_part
from openusaged.providers.shared.files import resume_offset, stat_unit
from openusaged.providers.shared.jsonl import iter_blocks

STATE_VERSION: Final = 1


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """
    Events of the lines behind the cursor; an incomplete last line waits.

    Raises:
        OSError: the file cannot be read.
        DatabaseUnreadable: whether the session is in the database cannot be told now.
    """
    offset = resume_offset(unit, cursor, STATE_VERSION)
    state = decode_part(document_state(cursor, STATE_VERSION), State) if offset else None
    if state is None:
        offset, state = 0, State(session_id=_session_of(unit.path))
    reader = SessionReader(state, BetterRecords(account, context))
    position = offset
    for block, end in iter_blocks(unit.path, offset):
        position = end - len(block)
        for line in block.split(b"\n")[:-1]:
            reader.read(line)
            position += len(line) + 1
            if len(reader.events) >= context.max_chunk_events:
                yield Chunk(events=reader.take(), cursor=_cursor(account, unit, state, position))
    yield Chunk(events=reader.take(), cursor=_cursor(account, unit, state, position, done=True))


class BetterRecords:
    """The database and exported telemetry beside a session's log."""

    def __init__(self, account: Account, context: CollectContext) -> None:
        self._account = account
        self._machine = context.machine
        self._rows = Rows(paths.session_store(account, context.machine))

    def has(self, session_id: str) -> bool:
        """Whether its calls are in the database or in exported telemetry."""
        if self._rows.of_session(session_id):
            return True
        files = paths.otel_files(self._account, self._machine)
        if not files:
            return False
        from openusaged.providers.copilot.otel import mentions

        return any(mentions(path, session_id) for path in files)

    def will_have(self, since_ms: int) -> bool:
        """
        Whether calls of a session that began then are yet to come: messages are then no record.

        Telemetry is written seconds after the message it is about.
        """
        files = paths.otel_files(self._account, self._machine)
        return self._rows.exist() or any(_written_since(path, since_ms) for path in files)


def _written_since(path: str, since_ms: int) -> bool:
    unit = stat_unit(path)
    return unit is not None and unit.mtime_ns // 1_000_000 >= since_ms


def _session_of(path: str) -> str:
    directory, name = os.path.split(path)
    stem = name.removesuffix(".jsonl")
    return os.path.basename(directory) if stem == "events" else stem


def _cursor(
    account: Account, unit: Unit, state: State, position: int, *, done: bool = False
) -> SourceCursor:
    return unit_cursor(
        account,
        unit,
        offset=position,
        state=msgspec.json.encode(state),
        state_version=STATE_VERSION,
        done=done,
    )
