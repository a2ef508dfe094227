"""
Reads JSON documents that a tool rewrites as a whole: bounded, leniently, and only for news.

A document that cannot be decoded is nearly always one that is being written; it is reported as
unreadable, its cursor stays where it was, and the next change brings it again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeVar

import msgspec

from openusaged.core.errors import ProviderError
from openusaged.core.models import Account, UsageEvent
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.shared.cursors import unit_cursor
from openusaged.providers.shared.emitted import Emitted

MAX_DOCUMENT_BYTES: Final = 64 << 20
_BOM: Final = b"\xef\xbb\xbf"
_UNDECODABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_T = TypeVar("_T")


class DocumentUnreadable(ProviderError):
    """Too large, or no JSON of the expected kind: half-written or damaged."""


def read_document(path: str, *, max_bytes: int = MAX_DOCUMENT_BYTES) -> bytes:
    """
    The bytes of a file without a byte-order mark.

    Raises:
        DocumentUnreadable: larger than `max_bytes`.
        OSError: it cannot be read.
    """
    with open(path, "rb", buffering=0) as file:
        if os.fstat(file.fileno()).st_size > max_bytes:
            raise DocumentUnreadable(f"{path}: more than {max_bytes} bytes")
        return file.readall().removeprefix(_BOM)


def decode_items(path: str, data: bytes) -> list[msgspec.Raw]:
    """
    The elements of a JSON array, undecoded: one odd element does not cost the others.

    Nothing for an empty file, which is one that has just been made.

    Raises:
        DocumentUnreadable: no JSON, or no array.
    """
    if not data.strip():
        return []
    try:
        return _decode_items(data)
    except _UNDECODABLE as error:
        raise DocumentUnreadable(f"{path}: no JSON array, or a half-written one") from error


def decode_object(path: str, data: bytes, kind: type[_T]) -> _T | None:
    """
    The document as a struct; None for an empty file.

    Raises:
        DocumentUnreadable: no JSON, or of another shape.
    """
    if not data.strip():
        return None
    try:
        return msgspec.json.decode(data, type=kind)
    except _UNDECODABLE as error:
        raise DocumentUnreadable(f"{path}: no JSON object, or a half-written one") from error


def decode_part(raw: msgspec.Raw | bytes | str, kind: type[_T]) -> _T | None:
    """A part of a document as a struct, None when it has another shape."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except _UNDECODABLE:
        return None


def decode_any(raw: msgspec.Raw | bytes | str) -> Any:
    """A part of a document as plain values, None when it is missing or no JSON."""
    try:
        return msgspec.json.decode(raw)
    except _UNDECODABLE:
        return None


def news(
    account: Account,
    unit: Unit,
    events: Iterable[UsageEvent],
    emitted: Emitted,
    context: CollectContext,
    *,
    state_version: int,
    encode: Callable[[bytes], bytes] = bytes,
) -> Iterator[Chunk]:
    """
    Chunks of what has not been emitted as it is; the last one's cursor marks the unit as read.

    `encode` wraps the state of `emitted` in whatever else the reader wants to remember.
    """
    batch: list[UsageEvent] = []
    for event in events:
        key = f"{event.event_type} {event.tool_call_id or event.message_id or event.turn_id}"
        if not emitted.is_news(key, event):
            continue
        batch.append(event)
        if len(batch) >= context.max_chunk_events:
            state = encode(emitted.encode(keep_unseen=True))
            yield Chunk(
                events=batch,
                cursor=unit_cursor(
                    account, unit, state=state, state_version=state_version, done=False
                ),
            )
            batch = []
    state = encode(emitted.encode())
    yield Chunk(
        events=batch,
        cursor=unit_cursor(account, unit, state=state, state_version=state_version, done=True),
    )
