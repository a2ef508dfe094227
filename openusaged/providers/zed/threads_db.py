"""
Reads Zed's thread database: the threads that were saved since the cursor, each as a whole.

A thread is one compressed document that is written anew after every answer.  It is unpacked in
memory, decoded for its counts and the names of its tools, and forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from openusaged.core.models import Account, SourceCursor
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.shared.growing_rows import Row, Window, collect_rows
from openusaged.providers.shared.json_values import as_epoch_ms, as_text
from openusaged.providers.shared.sqlite_ro import DatabaseUnreadable, ForeignDatabase
from openusaged.providers.zed.records import Thread, first_folder, thread_events

STATE_VERSION: Final = 1
MAX_DOCUMENT_BYTES: Final = 64 << 20
PAGE_THREADS: Final = 16
"""Documents may be megabytes: few of them are read in one transaction."""
_NEEDED: Final = frozenset({"id", "updated_at", "data_type", "data"})


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """
    Events of the threads that say something new.

    Raises:
        DatabaseUnreadable: locked, corrupt or no database, or, when everything else has been
            yielded, threads that could not be decoded.
    """
    reader = _Reader()
    bounded = CollectContext(
        machine=context.machine, max_chunk_events=min(PAGE_THREADS, context.max_chunk_events)
    )
    yield from collect_rows(
        account,
        unit,
        cursor,
        bounded,
        state_version=STATE_VERSION,
        page=reader.page,
    )
    if reader.undecodable:
        raise DatabaseUnreadable(f"{unit.path}: {reader.undecodable} threads could not be decoded")


class _Reader:
    """The queries of one pass, and how many threads it had to leave out."""

    def __init__(self) -> None:
        self.undecodable = 0

    def page(self, database: ForeignDatabase, window: Window) -> list[Row]:
        """The next threads that are new or were saved since the last pass."""
        columns = database.columns("threads")
        if not columns >= _NEEDED:
            return []
        optional = ", ".join(
            name if name in columns else "NULL"
            for name in ("parent_id", "created_at", "folder_paths", "folder_paths_order")
        )
        rows = database.rows(
            f"""
            SELECT rowid, updated_at, id, data_type, {optional} FROM threads
            WHERE rowid > ?
              AND (rowid > ? OR coalesce(strftime('%s', updated_at) * 1000 + 1000 > ?, 1))
            ORDER BY rowid LIMIT ?
            """,
            window,
        )
        return [self._row(database, row) for row in rows]

    def _row(self, database: ForeignDatabase, row: tuple[Any, ...]) -> Row:
        rowid, updated, thread_id, kind, parent, created, paths, order = row
        updated_ms = as_epoch_ms(updated) or 0
        thread = Thread(
            id=str(thread_id),
            parent_id=as_text(parent),
            # versions without the column do not say when a thread began
            ts_ms=as_epoch_ms(created) or updated_ms,
            cwd=first_folder(paths, order),
        )
        if not thread.ts_ms:
            self.undecodable += 1
            return Row(rowid, 0, ())
        try:
            document = _unpack(as_text(kind), _document(database, rowid))
            return Row(rowid, updated_ms, thread_events(thread, document))
        except (ValueError, msgspec.DecodeError, RecursionError):
            self.undecodable += 1
            return Row(rowid, updated_ms, ())


def _document(database: ForeignDatabase, rowid: int) -> bytes:
    rows = database.rows(
        "SELECT CAST(data AS BLOB) FROM threads WHERE rowid = ? AND length(data) <= ?",
        (rowid, MAX_DOCUMENT_BYTES),
    )
    return rows[0][0] or b"" if rows else b""


def _unpack(kind: str, data: bytes) -> bytes:
    """
    The JSON of a document.

    Raises:
        ValueError: packed in another way, damaged, or too large.
    """
    if kind in ("", "json"):
        return data
    if kind != "zstd":
        raise ValueError(kind)
    # Here and not above: only a machine with Zed's threads pays for it.
    import zstandard

    # The frames do not always say how large their content is: read on, up to the bound.
    try:
        with zstandard.ZstdDecompressor().stream_reader(data) as stream:
            content: bytes = stream.read(MAX_DOCUMENT_BYTES + 1)
    except zstandard.ZstdError as error:
        raise ValueError("zstd") from error
    if len(content) > MAX_DOCUMENT_BYTES:
        raise ValueError("size")
    return content
