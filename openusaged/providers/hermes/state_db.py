"""
Reads Hermes' state database: totals per session as they grow, side tasks, and new tool results.

Quirks of the vendor that are settled here:
- Input excludes cache; reasoning is a part of output.
- A session's row has running totals and one model, which may change while they grow on: the name is
  no part of the session's identity.
- Side tasks (titles, vision, compression) are in `session_model_usage` only, except spoken turns,
  which are in the session's totals as well.
- An estimated cost under a subscription is notional; it is no cost that anybody recorded.
- A session's row has no time of change.  Rows are looked at when they are new, when messages came
  to their session, and for a while after: counts are written a little later than messages.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from openusaged.core.mcp_names import split_mcp
from openusaged.core.model_names import vendor_of_model
from openusaged.core.models import (
    MESSAGE_USAGE,
    SQLITE,
    TOOL_USAGE,
    Account,
    SourceCursor,
    UsageEvent,
)
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.shared.call_ids import global_call_id
from openusaged.providers.shared.cursors import resumed, state_of
from openusaged.providers.shared.database_pass import read_pages
from openusaged.providers.shared.growing_rows import (
    GrowingRows,
    Row,
    Window,
)
from openusaged.providers.shared.json_values import as_count, as_epoch_ms, as_nano, as_text
from openusaged.providers.shared.sqlite_ro import ForeignDatabase

SOURCE: Final = "hermes"
STATE_VERSION: Final = 1
PAGE_ROWS: Final = 500
MAX_ACTIVE: Final = 64
"""Sessions that are looked at again because something happened in them lately."""

_TOKENS: Final = tuple(
    f"{name}_tokens" for name in ("input", "cache_read", "cache_write", "output", "reasoning")
)
_BILLING: Final = (
    "api_call_count",
    "billing_provider",
    "billing_mode",
    "cost_status",
    "actual_cost_usd",
    "estimated_cost_usd",
)
_PLACE: Final = ("parent_session_id", "cwd", "git_branch", "git_repo_root")
_IN_TOTALS: Final = ("", "voice_chat")
"""Tasks whose requests are in the session's totals too."""
_VENDORS: Final = {
    "claude": "anthropic",
    "openai_codex": "openai",
    "google_ai": "google",
    "gemini": "google",
    "vertex": "google",
    "vertex_ai": "google",
    "copilot": "github-copilot",
    "kimi_coding": "moonshotai",
    "kimi_for_coding": "moonshotai",
    "moonshot": "moonshotai",
    "xai": "x-ai",
    "bedrock": "aws",
    "azure_foundry": "azure",
    # these say how a request found its way, not who bills it
    "auto": "",
    "custom": "",
}


class _Usage(NamedTuple):
    """Counts and billing of a row, in the order of `_TOKENS` and `_BILLING`."""

    input: Any
    cache_read: Any
    cache_write: Any
    output: Any
    reasoning: Any
    requests: Any
    provider: Any
    mode: Any
    cost_status: Any
    actual_cost: Any
    estimated_cost: Any

    @property
    def cost_nano(self) -> int | None:
        actual = as_nano(self.actual_cost)
        if actual:
            return actual
        words = f"{as_text(self.mode)} {as_text(self.cost_status)}".lower()
        return None if "included" in words else as_nano(self.estimated_cost) or None


class _Progress(msgspec.Struct, kw_only=True, omit_defaults=True):
    sessions: bytes = b""
    tasks: bytes = b""
    messages: int = 0
    active: list[str] = []
    """Sessions in which something happened lately, the latest last."""


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """
    Events of what is new; the last chunk's cursor marks the database as read.

    Raises:
        DatabaseUnreadable: locked, corrupt or no database; what was yielded before stands.
    """
    progress = resumed(state_of(unit, cursor, STATE_VERSION), _Progress)
    sessions, tasks = GrowingRows(progress.sessions), GrowingRows(progress.tasks)
    calls_done = False

    def read(database: ForeignDatabase, limit: int) -> tuple[list[UsageEvent], bool]:
        nonlocal calls_done
        reader = _Reader(database, progress)
        # First the messages to their end: they tell which sessions to look at.
        if not calls_done:
            events, calls_done = reader.calls(limit)
            return events, False
        events = [] if sessions.done else sessions.read(database, reader.sessions, limit)
        events += [] if tasks.done else tasks.read(database, reader.tasks, limit)
        return events, sessions.done and tasks.done

    def state() -> bytes:
        progress.sessions, progress.tasks = sessions.encode(), tasks.encode()
        return msgspec.msgpack.encode(progress)

    yield from read_pages(
        account,
        unit,
        context,
        page=read,
        state=state,
        state_version=STATE_VERSION,
        page_rows=PAGE_ROWS,
    )


class _Reader:
    """The queries of one transaction, fitted to the columns this version has."""

    def __init__(self, database: ForeignDatabase, progress: _Progress) -> None:
        self._database = database
        self._progress = progress
        self._columns = database.columns("sessions")
        wanted = {"id", "session_id", "role", "tool_call_id", "tool_name", "timestamp"}
        self._has_messages = wanted <= database.columns("messages") and "id" in self._columns

    def sessions(self, database: ForeignDatabase, window: Window) -> list[Row]:
        """The next sessions that are new or in which something has happened."""
        if not {"id", "model", "started_at"} <= self._columns:
            return []
        active = self._progress.active
        # Without messages nothing tells which sessions have changed: all are looked at.
        known = window.known if self._has_messages else 0
        rows = database.rows(
            f"""
            SELECT s.rowid, s.id, s.model, s.started_at,
                   {_columns(self._columns, "s", (*_PLACE, *_TOKENS, *_BILLING))}
            FROM sessions s
            WHERE s.rowid > ? AND (s.rowid > ? OR s.id IN ({", ".join("?" * len(active))}))
              AND trim(coalesce(s.model, '')) <> ''
            ORDER BY s.rowid LIMIT ?
            """,
            (window.after, known, *active, window.limit),
        )
        found = []
        for rowid, session, model, started, *values in rows:
            place, usage = values[: len(_PLACE)], _Usage(*values[len(_PLACE) :])
            event = _usage_event(str(session), str(session), model, started, place, usage)
            found.append(Row(rowid, 0, [event] if event else []))
        return found

    def tasks(self, database: ForeignDatabase, window: Window) -> list[Row]:
        """The next side tasks that are not in a session's totals."""
        columns = database.columns("session_model_usage")
        if not {"session_id", "model", "task", "first_seen", "last_seen"} <= columns:
            return []
        rows = database.rows(
            f"""
            SELECT u.rowid, u.last_seen, u.session_id, u.task, u.model, u.first_seen,
                   {_columns(self._columns, "s", _PLACE)},
                   {_columns(columns, "u", (*_TOKENS, *_BILLING))}
            FROM session_model_usage u LEFT JOIN sessions s ON s.id = u.session_id
            WHERE u.rowid > ? AND (u.rowid > ? OR u.last_seen * 1000 >= ?)
              AND u.task NOT IN ({", ".join("?" * len(_IN_TOTALS))})
            ORDER BY u.rowid LIMIT ?
            """,
            (window.after, window.known, window.since_ms, *_IN_TOTALS, window.limit),
        )
        found = []
        for rowid, last_seen, session, task, model, began, *values in rows:
            place, usage = values[: len(_PLACE)], _Usage(*values[len(_PLACE) :])
            key = f"{session}:{task}:{as_text(usage.provider)}:{as_text(usage.mode)}:{model}"
            event = _usage_event(str(session), key, model, began, place, usage)
            found.append(Row(rowid, as_epoch_ms(last_seen) or 0, [event] if event else []))
        return found

    def calls(self, limit: int) -> tuple[list[UsageEvent], bool]:
        """Tools that answered in the next messages, and whether these were the last."""
        progress = self._progress
        if not self._has_messages:
            return [], True
        newest = as_count(self._database.rows("SELECT max(id) FROM messages")[0][0]) or 0
        if newest < progress.messages:
            progress.messages = 0  # an older copy has been put in its place
        rows = self._database.rows(
            f"""
            SELECT m.id, m.role, m.session_id, m.tool_call_id, m.tool_name, m.timestamp,
                   {_columns(self._columns, "s", _PLACE)}
            FROM messages m LEFT JOIN sessions s ON s.id = m.session_id
            WHERE m.id > ? ORDER BY m.id LIMIT ?
            """,
            (progress.messages, limit),
        )
        events = []
        active = dict.fromkeys(progress.active)
        for message_id, role, *values in rows:
            progress.messages = message_id
            session = str(values[0])
            active.pop(session, None)
            active[session] = None
            event = _call_event(*values) if role == "tool" else None
            if event is not None:
                events.append(event)
        progress.active = list(active)[-MAX_ACTIVE:]
        return events, len(rows) < limit


def _columns(columns: frozenset[str], table: str, names: tuple[str, ...]) -> str:
    return ", ".join(f"{table}.{name}" if name in columns else "NULL" for name in names)


def _usage_event(
    session: str, message_id: str, model: Any, began: Any, place: list[Any], usage: _Usage
) -> UsageEvent | None:
    ts_ms = as_epoch_ms(began)
    counts = [as_count(value) for value in usage[: len(_TOKENS)]]
    fresh, read, write, output, reasoning = counts
    cost_nano = usage.cost_nano
    if ts_ms is None or not (any(counts) or cost_nano):
        return None
    name = as_text(model)
    provider = as_text(usage.provider).lower()
    return msgspec.structs.replace(
        _origin(session, place),
        ts_ms=ts_ms,
        message_id=message_id,
        provider=_VENDORS.get(provider.replace("-", "_"), provider) or vendor_of_model(name),
        model=name,
        input=fresh,
        cache_read=read,
        cache_write_5m=write,
        output=output,
        reasoning=None if reasoning is None else min(reasoning, output or 0),
        requests=as_count(usage.requests) or None,
        is_sum=True,
        cost_nano=cost_nano,
    )


def _call_event(
    session: Any, call_id: Any, name: Any, called: Any, *place: Any
) -> UsageEvent | None:
    tool, ts_ms = as_text(name).lower(), as_epoch_ms(called)
    if not tool or not as_text(call_id) or ts_ms is None:
        return None
    server, function = split_mcp(tool)
    return msgspec.structs.replace(
        _origin(str(session), list(place)),
        event_type=TOOL_USAGE,
        ts_ms=ts_ms,
        tool_call_id=global_call_id(str(session), as_text(call_id)),
        tool_name=tool,
        mcp_server=server,
        mcp_function=function,
    )


def _origin(session: str, place: list[Any]) -> UsageEvent:
    parent, cwd, branch, repository = (as_text(value) for value in place)
    return UsageEvent(
        source=SOURCE,
        channel=SQLITE,
        event_type=MESSAGE_USAGE,
        ts_ms=0,
        session_id=session,
        parent_session_id=parent,
        cwd=cwd,
        repo_root=repository,
        branch=branch,
    )
