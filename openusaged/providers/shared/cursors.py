"""Makes the cursors of units, and takes up again what a reader left in one."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from openusaged.core.models import Account, SourceCursor
from openusaged.providers.base import Unit

_T = TypeVar("_T")


def unit_cursor(
    account: Account,
    unit: Unit,
    *,
    state_version: int,
    done: bool,
    state: bytes = b"",
    offset: int | None = None,
) -> SourceCursor:
    """
    How far the unit has been read: up to `offset`, else all of it when `done` and nothing before.

    Until the end size and time stay 0: a reader that dies half-way must look unread.
    """
    if offset is None:
        offset = unit.size if done else 0
    return SourceCursor(
        source=account.provider_id,
        account_id=account.id,
        path=unit.path,
        device=unit.device,
        inode=unit.inode,
        size=unit.size if done else 0,
        mtime_ns=unit.mtime_ns if done else 0,
        offset=offset,
        state=state,
        state_version=state_version,
    )


def state_of(unit: Unit, cursor: SourceCursor | None, state_version: int) -> bytes:
    """The cursor's state, unless it is of another file or another version of the reader."""
    if cursor is None or (cursor.device, cursor.inode) != (unit.device, unit.inode):
        return b""
    return document_state(cursor, state_version)


def document_state(cursor: SourceCursor | None, state_version: int) -> bytes:
    """The same for a document, which is another file whenever it has been rewritten."""
    return cursor.state if cursor is not None and cursor.state_version == state_version else b""


def resumed(state: bytes, kind: type[_T]) -> _T:
    """A MessagePack state as it was left; a fresh one where there is none, or a damaged one."""
    try:
        return msgspec.msgpack.decode(state, type=kind) if state else kind()
    except msgspec.DecodeError:
        return kind()
