"""
Reads what was appended to a log of JSON lines, in chunks whose cursors stand between lines.

Apart from the providers because the way of reading is the same for all logs that only grow; what a
line means is told by the provider's own `LineReader`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

from openusaged.core.errors import ProviderError
from openusaged.core.models import Account, SourceCursor, UsageEvent
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.shared.cursors import unit_cursor
from openusaged.providers.shared.files import resume_offset
from openusaged.providers.shared.jsonl import iter_blocks

BLOCK_BYTES: Final = 1 << 20
"""Small blocks stay in the processor's cache between reading and searching."""


class LineReader(Protocol):
    """Turns lines into events, in the order of the file."""

    def read(self, line: bytes) -> Iterable[UsageEvent]:
        """Events of one complete line; none for a line that says nothing or is damaged."""
        ...

    def state(self) -> bytes:
        """What has to be known to go on behind the last line."""
        ...


OpenReader = Callable[[bytes], LineReader]
"""A reader that goes on from a state; from the beginning of the file when that is empty."""


def collect_appended(
    open_reader: OpenReader,
    account: Account,
    unit: Unit,
    cursor: SourceCursor | None,
    context: CollectContext,
    *,
    state_version: int,
) -> Iterator[Chunk]:
    """
    Events of the lines behind the cursor; a last line without an end waits for it.

    A file that was replaced or cut is read again from its beginning.  One that has been deleted
    yields nothing.

    Raises:
        ProviderError: the file cannot be read; what was yielded before stands.
    """
    offset = resume_offset(unit, cursor, state_version)
    reader = open_reader(cursor.state if cursor is not None and offset else b"")
    limit = max(context.max_chunk_events, 1)
    events: list[UsageEvent] = []

    def chunk(reached: int, *, done: bool) -> Chunk:
        return Chunk(
            events=tuple(events),
            cursor=unit_cursor(
                account,
                unit,
                offset=reached,
                state=reader.state(),
                state_version=state_version,
                done=done,
            ),
        )

    try:
        for block, end in iter_blocks(unit.path, offset, block_bytes=BLOCK_BYTES):
            start = end - len(block)
            at = 0
            while at < len(block):
                stop = block.find(b"\n", at) + 1
                events.extend(reader.read(block[at:stop]))
                at = stop
                if len(events) >= limit:
                    yield chunk(start + at, done=False)
                    events.clear()
            offset = end
    except FileNotFoundError:
        return
    except OSError as error:
        raise ProviderError(f"{unit.path}: {error.strerror}") from error
    yield chunk(offset, done=True)
