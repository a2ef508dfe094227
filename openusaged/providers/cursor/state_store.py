"""
Reads Cursor's state database: conversations and messages that are new since the cursor.

The table is a key-value store of many gigabytes whose rows are replaced, which gives them a new
`rowid` at the end; so what is new or has changed is what lies behind the last one.  Rows that are
updated in place keep their `rowid`: unfinished tool calls are remembered and looked at again.
Only the wanted fields leave SQLite, never a text, and of the other table, which holds the login,
nothing is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any, Final

import msgspec

from openusaged.core.models import Account, SourceCursor, UsageEvent
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.cursor import paths
from openusaged.providers.cursor.records import (
    BUBBLE_PATHS,
    CALL_PATHS,
    COMPOSER_PATHS,
    Bubble,
    Composer,
    bubble_events,
    bubble_of,
    claims_totals,
    composer_events,
    composer_of,
)
from openusaged.providers.cursor.workspaces import WorkspaceFolders
from openusaged.providers.shared.cursors import state_of, unit_cursor
from openusaged.providers.shared.documents import decode_part
from openusaged.providers.shared.json_values import count_or_zero
from openusaged.providers.shared.sqlite_ro import ForeignDatabase, open_read_only

STATE_VERSION: Final = 1
BATCH_ROWS: Final = 400
"""Rows of one transaction; also below SQLite's smallest limit of bound values (999)."""
MAX_PENDING: Final = 128
"""Calls of killed windows stay unfinished for ever; beyond this the oldest are given up."""
MAX_RECENT: Final = 48
"""Rows are rewritten at every keystroke; this many are known not to say anything new."""

_COMPOSER: Final = "composerData:"
_BUBBLE: Final = "bubbleId:"


def _fields(value: str, wanted: Sequence[str]) -> str:
    """SQL for one JSON array of these members as bytes: text that is no UTF-8 costs one row."""
    members = ", ".join(f"'{path}'" for path in wanted)
    # CASE, not AND: SQLite promises the order of its evaluation only there
    return f"CASE WHEN json_valid({value}) THEN CAST(json_extract({value}, {members}) AS BLOB) END"


_PARAMETERS: Final = "json_extract(v, '$.toolFormerData.params')"
_RAW_ARGUMENTS: Final = "json_extract(v, '$.toolFormerData.rawArgs')"
_SELECT: Final = f"""
    SELECT r, CAST(key AS BLOB),
        CASE WHEN key < '{_COMPOSER}' THEN {_fields("v", BUBBLE_PATHS)}
             ELSE {_fields("v", COMPOSER_PATHS)} END,
        CASE WHEN key < '{_COMPOSER}' AND json_valid(v)
             THEN {_fields(_PARAMETERS, CALL_PATHS)} END,
        CASE WHEN key < '{_COMPOSER}' AND json_valid(v)
             THEN {_fields(_RAW_ARGUMENTS, CALL_PATHS)} END
    FROM (SELECT rowid AS r, key, CAST(value AS TEXT) AS v FROM cursorDiskKV WHERE {{where}})
"""
# The plus keeps SQLite from walking the index of keys instead of the rows.
_PAGE: Final = _SELECT.format(
    where=f"""rowid > ? AND ((+key >= '{_BUBBLE}' AND +key < 'bubbleId;')
              OR (+key >= '{_COMPOSER}' AND +key < 'composerData;'))
              ORDER BY rowid LIMIT ?"""
)
_HAS_TOKENS: Final = """
    SELECT 1 FROM (SELECT CAST(value AS TEXT) AS v FROM cursorDiskKV WHERE key >= ? AND key < ?)
    WHERE CASE WHEN json_valid(v)
               THEN COALESCE(json_extract(v, '$.tokenCount.inputTokens'), 0)
                  + COALESCE(json_extract(v, '$.tokenCount.outputTokens'), 0) END > 0
    LIMIT 1
"""


class Progress(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Resumable state: where we were, and what was unfinished or said already."""

    position: int = 0
    anchor: str = ""
    """Key of the row at `position`: another one there means that rows were renumbered."""
    pending: list[str] = []
    recent: dict[str, str] = {}
    is_placed: bool = False
    """Whether a whole pass has looked up the folders of old conversations."""


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """
    Events of new and rewritten rows; the last chunk's cursor marks the database as read.

    Raises:
        DatabaseUnreadable: locked, corrupt or no database; what was yielded before stands.
    """
    progress = decode_part(state_of(unit, cursor, STATE_VERSION), Progress) or Progress()
    batch = max(1, min(BATCH_ROWS, context.max_chunk_events // 4))
    reader = _Reader(WorkspaceFolders(paths.workspace_storage(account, context.machine)))
    first = True
    while True:
        with open_read_only(unit.path) as database, database.snapshot():
            if not {"key", "value"} <= database.columns("cursorDiskKV"):
                yield Chunk(events=(), cursor=_cursor(account, unit, progress, done=True))
                return
            newest = count_or_zero(database.rows("SELECT max(rowid) FROM cursorDiskKV")[0][0])
            if first:
                _check_anchor(database, progress, newest)
            rows = database.rows(_PAGE, (progress.position, batch))
            done = len(rows) < batch
            again = _keyed(database, progress.pending) if first else []
            events = reader.events(database, [*again, *rows], progress)
            progress.position = newest if done else rows[-1][0]
            progress.anchor = _key_at(database, progress.position)
            progress.is_placed = progress.is_placed or done
            share = progress.position / max(1, newest)
        yield Chunk(events=events, cursor=_cursor(account, unit, progress, done=done, share=share))
        if done:
            return
        first = False


def composers(database: ForeignDatabase, ids: Sequence[str]) -> dict[str, Composer]:
    """Conversations by id; those that are gone are left out."""
    found = {}
    for row in _keyed(database, [_COMPOSER + ident for ident in ids]):
        fields = _decoded(row[2], len(COMPOSER_PATHS))
        if fields is not None:
            composer = composer_of(_text(row[1]), fields)
            found[composer.id] = composer
    return found


def _check_anchor(database: ForeignDatabase, progress: Progress, newest: int) -> None:
    """Start over when the rows were renumbered; a row that was merely replaced has left a gap."""
    there = _key_at(database, progress.position)
    if newest < progress.position or (there and there != progress.anchor):
        progress.position = 0


def _key_at(database: ForeignDatabase, rowid: int) -> str:
    rows = database.rows("SELECT CAST(key AS BLOB) FROM cursorDiskKV WHERE rowid = ?", (rowid,))
    return _text(rows[0][0]) if rows else ""


def _keyed(database: ForeignDatabase, keys: Sequence[str]) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for start in range(0, len(keys), BATCH_ROWS):
        some = keys[start : start + BATCH_ROWS]
        where = f"key IN ({','.join('?' * len(some))})"
        rows += database.rows(_SELECT.format(where=where), some)
    return rows


class _Reader:
    """Turns rows into events; remembers the folders of workspaces for one pass."""

    def __init__(self, folders: WorkspaceFolders) -> None:
        self._folders = folders

    def events(
        self, database: ForeignDatabase, rows: Sequence[tuple[Any, ...]], progress: Progress
    ) -> list[UsageEvent]:
        """Events of these rows that say something new."""
        bubbles: dict[str, Bubble] = {}
        touched: dict[str, Composer] = {}
        for _, name, data, *calls in rows:
            key = _text(name)
            if key.startswith(_BUBBLE):
                fields = _decoded(data, len(BUBBLE_PATHS))
                if fields is not None:
                    bubbles[key] = bubble_of(key, fields, _first(calls))
            else:
                fields = _decoded(data, len(COMPOSER_PATHS))
                if fields is not None:
                    composer = composer_of(key, fields)
                    touched[composer.id] = composer
        missing = {bubble.composer_id for bubble in bubbles.values()} - touched.keys()
        known = {**composers(database, sorted(missing)), **touched}
        if not progress.is_placed:
            # Newer conversations name their folder; older ones are only met on the first pass.
            known = {ident: self._placed(composer) for ident, composer in known.items()}
        events: list[UsageEvent] = []
        for composer in (known[ident] for ident in touched):
            has_tokens = claims_totals(composer) and _has_tokens(database, composer.id)
            news = composer_events(composer, has_message_tokens=has_tokens)
            events += _unsaid(_COMPOSER + composer.id, list(news), progress)
        for key, bubble in bubbles.items():
            composer = known.get(bubble.composer_id) or Composer(id=bubble.composer_id)
            events += _unsaid(key, list(bubble_events(bubble, composer)), progress)
        _note_pending(bubbles, progress)
        return events

    def _placed(self, composer: Composer) -> Composer:
        if composer.cwd:
            return composer
        return msgspec.structs.replace(composer, cwd=self._folders.folder_of(composer.id))


def _has_tokens(database: ForeignDatabase, composer_id: str) -> bool:
    prefix = f"{_BUBBLE}{composer_id}"
    return bool(database.rows(_HAS_TOKENS, (f"{prefix}:", f"{prefix};")))


def _note_pending(bubbles: dict[str, Bubble], progress: Progress) -> None:
    waiting = dict.fromkeys(progress.pending)
    for key, bubble in bubbles.items():
        waiting.pop(key, None)
        if not bubble.is_settled:
            waiting[key] = None
    progress.pending = list(waiting)[-MAX_PENDING:]


def _unsaid(key: str, events: list[UsageEvent], progress: Progress) -> list[UsageEvent]:
    """The events, or nothing when the row said the same a short while ago."""
    if not events:
        return events
    said = blake2b(msgspec.msgpack.encode(events), digest_size=6).hexdigest()
    if progress.recent.pop(key, "") == said:
        events = []
    progress.recent[key] = said
    while len(progress.recent) > MAX_RECENT:
        del progress.recent[next(iter(progress.recent))]
    return events


def _first(calls: Sequence[Any]) -> list[Any] | None:
    return next(
        (fields for data in calls if (fields := _decoded(data, len(CALL_PATHS))) is not None), None
    )


def _decoded(data: Any, size: int) -> list[Any] | None:
    if not isinstance(data, bytes):
        return None
    try:
        fields = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return fields if isinstance(fields, list) and len(fields) == size else None


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def _cursor(
    account: Account, unit: Unit, progress: Progress, *, done: bool, share: float = 1.0
) -> SourceCursor:
    return unit_cursor(
        account,
        unit,
        offset=int(unit.size * min(share, 1.0)),
        state=msgspec.json.encode(progress),
        state_version=STATE_VERSION,
        done=done,
    )
