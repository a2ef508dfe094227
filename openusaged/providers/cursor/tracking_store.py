"""
Reads Cursor's database of AI-written code: edits by Tab, the command line and cloud agents.

It holds one row per line or block of code, many to a request, with neither tokens nor cost.  What
the IDE's own agent (`composer`) wrote is left out: its tool calls are in the state database.  The
primary key is a hash that is replaced, which gives the row a new `rowid` at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from openusaged.core.languages import language_of
from openusaged.core.models import (
    MESSAGE_USAGE,
    SQLITE,
    TOOL_USAGE,
    Account,
    SourceCursor,
    UsageEvent,
)
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.cursor.records import BILLED_BY, LOCAL_TOKENS_END_MS, SOURCE
from openusaged.providers.shared.cursors import state_of, unit_cursor
from openusaged.providers.shared.documents import decode_part
from openusaged.providers.shared.json_values import as_epoch_ms, as_text, count_or_zero
from openusaged.providers.shared.sqlite_ro import ForeignDatabase, open_read_only

STATE_VERSION: Final = 1
BATCH_ROWS: Final = 2000

_COLUMNS: Final = (
    "source",
    "fileExtension",
    "fileName",
    "requestId",
    "conversationId",
    "createdAt",
    "timestamp",
    "model",
)
_MINUTE_MS: Final = 60_000


class _Kind(msgspec.Struct, frozen=True):
    """What a source of code is called as a tool and as a client."""

    tool: str
    client: str


_TAB: Final = _Kind("tab", SOURCE)
_COMMAND_LINE: Final = _Kind("cli_agent_edit", "cursor-cli")
_CLOUD: Final = _Kind("cloud_agent_edit", "cursor-cloud-agent")


class Progress(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Resumable state: the last row that was read, and its hash to know it by."""

    position: int = 0
    anchor: str = ""


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """
    Events of new rows, one per request and language; the last chunk's cursor marks the end.

    Raises:
        DatabaseUnreadable: locked, corrupt or no database; what was yielded before stands.
    """
    progress = decode_part(state_of(unit, cursor, STATE_VERSION), Progress) or Progress()
    batch = max(1, min(BATCH_ROWS, context.max_chunk_events // 2))
    first = True
    while True:
        with open_read_only(unit.path) as database, database.snapshot():
            columns = {name.lower(): name for name in database.columns("ai_code_hashes")}
            if not {"hash", "source"} <= columns.keys():
                yield Chunk(events=(), cursor=_cursor(account, unit, progress, done=True))
                return
            newest = count_or_zero(database.rows("SELECT max(rowid) FROM ai_code_hashes")[0][0])
            if first:
                _check_anchor(database, progress, newest)
            rows = database.rows(_page(columns), (progress.position, batch))
            done = len(rows) < batch
            progress.position = newest if done else rows[-1][0]
            progress.anchor = _hash_at(database, progress.position)
        events: dict[tuple[str, str], UsageEvent] = {}
        for row in rows:
            for event in row_events(dict(zip(_COLUMNS, map(_plain, row[1:]), strict=True))):
                events.setdefault((event.event_type, event.tool_call_id or event.message_id), event)
        yield Chunk(
            events=list(events.values()), cursor=_cursor(account, unit, progress, done=done)
        )
        if done:
            return
        first = False


def row_events(row: dict[str, Any]) -> Iterator[UsageEvent]:
    """
    An edit in the row's language and, from before the usage log, the request that made it.

    Every row of a request gives the same identities, so a request counts once per language.
    """
    kind = _kind(as_text(row["source"]).lower())
    ts_ms = as_epoch_ms(row["createdAt"]) or as_epoch_ms(row["timestamp"])
    if kind is None or ts_ms is None:
        return
    session = as_text(row["conversationId"])
    # Without a request's id, what happened within a minute counts as one.
    request = as_text(row["requestId"]) or f"{session or kind.tool}@{ts_ms // _MINUTE_MS}"
    extension = as_text(row["fileExtension"]).lstrip(".")
    language = language_of(as_text(row["fileName"])) or language_of(f".{extension}")
    common: dict[str, Any] = {
        "source": SOURCE,
        "channel": SQLITE,
        "ts_ms": ts_ms,
        "provider": BILLED_BY,
        "client": kind.client,
        "session_id": session,
        "model": as_text(row["model"]),
        "requests": 1,
    }
    yield UsageEvent(
        event_type=TOOL_USAGE,
        tool_call_id=f"code:{request}:{language}",
        tool_name=kind.tool,
        language=language,
        **common,
    )
    # Tab has no requests that a plan counts; later requests are in the account's usage log.
    if kind is not _TAB and ts_ms < LOCAL_TOKENS_END_MS:
        yield UsageEvent(event_type=MESSAGE_USAGE, message_id=f"request:{request}", **common)


def _kind(source: str) -> _Kind | None:
    if source == "tab":
        return _TAB
    if "cloud" in source or "web" in source or source in ("background-agent", "background_agent"):
        return _CLOUD
    if any(word in source for word in ("cli", "terminal", "cmd", "agent")):
        return _COMMAND_LINE
    return None  # `composer` is counted by its tool calls, `human` is no AI


def _page(columns: dict[str, str]) -> str:
    # Older versions lack columns; as bytes, so that text that is no UTF-8 costs its own row.
    picked = ", ".join(
        f"CAST({columns[name.lower()]} AS BLOB)" if name.lower() in columns else "NULL"
        for name in _COLUMNS
    )
    return f"SELECT rowid, {picked} FROM ai_code_hashes WHERE rowid > ? ORDER BY rowid LIMIT ?"


def _plain(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def _check_anchor(database: ForeignDatabase, progress: Progress, newest: int) -> None:
    """Start over when the rows were renumbered; a row that was merely replaced has left a gap."""
    there = _hash_at(database, progress.position)
    if newest < progress.position or (there and there != progress.anchor):
        progress.position = 0


def _hash_at(database: ForeignDatabase, rowid: int) -> str:
    sql = "SELECT CAST(hash AS BLOB) FROM ai_code_hashes WHERE rowid = ?"
    rows = database.rows(sql, (rowid,))
    return _plain(rows[0][0]) if rows else ""


def _cursor(account: Account, unit: Unit, progress: Progress, *, done: bool) -> SourceCursor:
    return unit_cursor(
        account,
        unit,
        state=msgspec.json.encode(progress),
        state_version=STATE_VERSION,
        done=done,
    )
