"""
Reads `ledger.jsonl`, which some versions kept beside the threads: one line per call.

Its lines name messages that are unique everywhere: a message that a thread tells of, too, is the
same event, and the larger of both figures counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from openusaged.core.models import Account, SourceCursor, UsageEvent
from openusaged.providers.amp.paths import ID
from openusaged.providers.amp.records import credits_of, ledger_tokens, tokens_of, usage_event
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.shared import documents
from openusaged.providers.shared.files import resume_offset
from openusaged.providers.shared.json_values import as_epoch_ms, as_object, as_text
from openusaged.providers.shared.jsonl import all_lines, iter_blocks

STATE_VERSION: Final = 1


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """Events of the lines behind the cursor; a last line that is still being written waits."""
    offset = resume_offset(unit, cursor, STATE_VERSION)
    before_ms = unit.mtime_ns // 1_000_000
    events: list[UsageEvent] = []
    for block, end in iter_blocks(unit.path, offset):
        start = offset
        for line in all_lines(block):
            event = _event(as_object(documents.decode_any(line)), before_ms)
            if event is not None:
                before_ms = event.ts_ms
                events.append(event)
            if len(events) >= context.max_chunk_events:
                # The block is read again from here by whoever goes on: identities absorb that.
                yield Chunk(events=events, cursor=_cursor(account, unit, start, done=False))
                events = []
        offset = end
    yield Chunk(events=events, cursor=_cursor(account, unit, offset, done=True))


def _event(record: Any, before_ms: int) -> UsageEvent | None:
    about = as_text(record.get("toMessageId")) or as_text(record.get("to_message_id"))
    tokens = ledger_tokens(
        tokens_of(as_object(record.get("tokens")) or as_object(record.get("usage"))), None
    )
    credit_nano = credits_of(record)
    if not about or not (tokens.known or credit_nano):
        return None
    return usage_event(
        about,
        thread="",  # the line does not say; the thread's own report does
        ts_ms=as_epoch_ms(record.get("timestamp")) or before_ms,
        model=as_text(record.get("model")),
        cwd="",
        tokens=tokens,
        credit_nano=credit_nano,
    )


def _cursor(account: Account, unit: Unit, offset: int, *, done: bool) -> SourceCursor:
    return SourceCursor(
        source=ID,
        account_id=account.id,
        path=unit.path,
        device=unit.device,
        inode=unit.inode,
        size=unit.size if done else 0,
        mtime_ns=unit.mtime_ns if done else 0,
        offset=offset,
        state_version=STATE_VERSION,
    )
