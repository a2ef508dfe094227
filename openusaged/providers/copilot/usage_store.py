"""
Reads the CLI's database: one row per model call, the best record there is of a session.

Its rows are exact (time, tokens, cost) and written at once, so a session that has any is counted
from here alone; `Rows` tells the readers of the weaker records whether it has.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from openusaged.core.models import (
    MESSAGE_USAGE,
    SQLITE,
    STATUS_ERROR,
    STATUS_OK,
    Account,
    SourceCursor,
    UsageEvent,
)
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.copilot.tokens import BILLED_BY, SOURCE, SUBAGENT, Counts, usd_nano
from openusaged.providers.shared.cursors import state_of, unit_cursor
from openusaged.providers.shared.documents import decode_part
from openusaged.providers.shared.json_values import as_count, as_epoch_ms, as_text, count_or_zero
from openusaged.providers.shared.sqlite_ro import ForeignDatabase, open_read_only

STATE_VERSION: Final = 1
BATCH_ROWS: Final = 2000

_TABLE: Final = "assistant_usage_events"
_AUTO: Final = "auto"
_COLUMNS: Final = (
    "session_id",
    "created_at",
    "model",
    "copilot_usage_model",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "total_nano_aiu",
    "finish_reason",
    "agent_id",
)
_SESSION_COLUMNS: Final = ("cwd", "branch")


class Progress(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Resumable state: id of the last row that was read, and its session to know it by."""

    position: int = 0
    anchor: str = ""


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """
    Events of new rows; the last chunk's cursor marks the database as read.

    Raises:
        DatabaseUnreadable: locked, corrupt or no database; what was yielded before stands.
    """
    progress = decode_part(state_of(unit, cursor, STATE_VERSION), Progress) or Progress()
    batch = max(1, min(BATCH_ROWS, context.max_chunk_events))
    first = True
    while True:
        with open_read_only(unit.path) as database, database.snapshot():
            columns = database.columns(_TABLE)
            if not {"id", "session_id"} <= columns:
                yield Chunk(events=(), cursor=_cursor(account, unit, progress, done=True))
                return
            newest = count_or_zero(database.rows(f"SELECT max(id) FROM {_TABLE}")[0][0])
            if first:
                _check_anchor(database, progress, newest)
            sql = _page(columns, database.columns("sessions"))
            rows = database.rows(sql, (progress.position, batch))
            done = len(rows) < batch
            progress.position = newest if done else rows[-1][0]
            progress.anchor = _session_at(database, progress.position)
        events = [event for row in rows if (event := row_event(row)) is not None]
        yield Chunk(events=events, cursor=_cursor(account, unit, progress, done=done))
        if done:
            return
        first = False


def row_event(row: Sequence[Any]) -> UsageEvent | None:
    """The model call of one row; None without a time or a session."""
    ident, *values = row
    fields = dict(zip((*_COLUMNS, *_SESSION_COLUMNS), map(_plain, values), strict=True))
    ts_ms = as_epoch_ms(fields["created_at"])
    session = as_text(fields["session_id"])
    if ts_ms is None or not session:
        return None
    model = as_text(fields["model"])
    if not model or model == _AUTO:
        model = as_text(fields["copilot_usage_model"]) or model
    counts = Counts.of_gross(
        fields["input_tokens"],
        fields["output_tokens"],
        fields["cache_read_tokens"],
        fields["cache_write_tokens"],
        fields["reasoning_tokens"],
    )
    return UsageEvent(
        source=SOURCE,
        channel=SQLITE,
        event_type=MESSAGE_USAGE,
        ts_ms=ts_ms,
        provider=BILLED_BY,
        client=SOURCE,
        session_id=session,
        message_id=f"{session}:{ident}",
        agent=SUBAGENT if fields["agent_id"] else "",
        cwd=as_text(fields["cwd"]),
        branch=as_text(fields["branch"]),
        model=model,
        input=counts.input,
        cache_read=counts.cache_read,
        cache_write_5m=counts.cache_write,
        output=counts.output,
        reasoning=counts.reasoning,
        requests=1,
        cost_nano=usd_nano(as_count(fields["total_nano_aiu"])),
        status=STATUS_ERROR if fields["finish_reason"] == "error" else STATUS_OK,
    )


class Rows:
    """
    What the database knows of other records' sessions; asks it only when it is asked.

    Every method raises `DatabaseUnreadable` when the database cannot be read: to guess would be
    to count a session twice.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def exist(self) -> bool:
        """Whether this version of the CLI writes rows at all."""
        if not os.path.isfile(self._path):
            return False
        with open_read_only(self._path) as database:
            return "session_id" in database.columns(_TABLE)

    def of_session(self, session_id: str) -> bool:
        """Whether calls of the session are in the database."""
        if not self.exist():
            return False
        sql = f"SELECT 1 FROM {_TABLE} WHERE session_id = ? LIMIT 1"
        with open_read_only(self._path) as database:
            return bool(database.rows(sql, (session_id,)))

    def between(self, first_day: str, last_day: str) -> set[tuple[str, int, int]]:
        """(session, gross input, output) of the calls of these days (`YYYY-MM-DD`, inclusive)."""
        if not self.exist():
            return set()
        with open_read_only(self._path) as database:
            if not {"created_at", "input_tokens", "output_tokens"} <= database.columns(_TABLE):
                return set()
            rows = database.rows(
                f"SELECT CAST(session_id AS BLOB), input_tokens, output_tokens FROM {_TABLE}"
                " WHERE substr(created_at, 1, 10) BETWEEN ? AND ?",
                (first_day, last_day),
            )
        return {
            (_plain(session) or "", count_or_zero(fresh), count_or_zero(output))
            for session, fresh, output in rows
        }


def _page(columns: frozenset[str], session_columns: frozenset[str]) -> str:
    # Older versions lack columns; texts as bytes, so that one that is no UTF-8 costs its own row.
    picked = [
        (f"e.{name}" if name.endswith(("_tokens", "_aiu")) else f"CAST(e.{name} AS BLOB)")
        if name in columns
        else "NULL"
        for name in _COLUMNS
    ]
    joins = "id" in session_columns
    picked += [
        f"CAST(s.{name} AS BLOB)" if joins and name in session_columns else "NULL"
        for name in _SESSION_COLUMNS
    ]
    join = "LEFT JOIN sessions s ON s.id = e.session_id" if joins else ""
    wanted = ", ".join(picked)
    return f"SELECT e.id, {wanted} FROM {_TABLE} e {join} WHERE e.id > ? ORDER BY e.id LIMIT ?"


def _plain(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _check_anchor(database: ForeignDatabase, progress: Progress, newest: int) -> None:
    """Start over when the rows are others: ids began anew in a database that was made again."""
    there = _session_at(database, progress.position)
    if newest < progress.position or (there and there != progress.anchor):
        progress.position = 0


def _session_at(database: ForeignDatabase, ident: int) -> str:
    rows = database.rows(f"SELECT CAST(session_id AS BLOB) FROM {_TABLE} WHERE id = ?", (ident,))
    return _plain(rows[0][0]) or "" if rows else ""


def _cursor(account: Account, unit: Unit, progress: Progress, *, done: bool) -> SourceCursor:
    return unit_cursor(
        account,
        unit,
        state=msgspec.json.encode(progress),
        state_version=STATE_VERSION,
        done=done,
    )
