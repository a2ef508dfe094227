"""
Reads the chats of Ollama's desktop app: one event per answer and per tool call.

The app keeps no token counts; they stay unknown here (`estimates` guesses them for display).  It
writes messages anew under other row ids when a chat is saved, and tool calls at every step of an
answer, so that neither id names anything: a message is its chat and its time, a tool call its place
in the message.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from openusaged.core.models import (
    MESSAGE_USAGE,
    SQLITE,
    TOOL_USAGE,
    Account,
    SourceCursor,
    UsageEvent,
)
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.ollama.model_names import plain_model
from openusaged.providers.ollama.moments import as_moment_ms
from openusaged.providers.shared.growing_rows import Row, Window, collect_rows
from openusaged.providers.shared.json_values import as_text
from openusaged.providers.shared.sqlite_ro import ForeignDatabase

SOURCE: Final = "ollama"
STATE_VERSION: Final = 1
REREAD_ROWS: Final = 64
"""The last messages are looked at again: the app rewrites a chat's newest one while it grows."""

_NEEDED: Final = {"id", "chat_id", "role", "created_at", "model_name"}


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """
    Events of new and of lately rewritten answers.

    Raises:
        DatabaseUnreadable: locked, corrupt or no database; what was yielded before stands.
    """
    yield from collect_rows(
        account,
        unit,
        cursor,
        context,
        state_version=STATE_VERSION,
        page=_page,
    )


def _page(database: ForeignDatabase, window: Window) -> list[Row]:
    if not database.columns("messages") >= _NEEDED:
        return []
    found = database.rows(
        # Two messages of one chat with one time are told apart by their order.
        """
        SELECT m.id, m.chat_id, m.created_at, m.model_name,
               (SELECT count(*) FROM messages o WHERE o.chat_id = m.chat_id AND o.id < m.id
                AND o.created_at = m.created_at AND o.role = 'assistant')
        FROM messages m
        WHERE m.role = 'assistant' AND m.id > ?
        ORDER BY m.id LIMIT ?
        """,
        (max(window.after, window.known - REREAD_ROWS), window.limit),
    )
    tools = _tools(database, [row[0] for row in found])
    return [Row(row[0], 0, list(_events(row, tools.get(row[0], ())))) for row in found]


def _tools(database: ForeignDatabase, ids: Sequence[int]) -> dict[int, list[str]]:
    """Names of the tools that each message calls, in their order."""
    found: dict[int, list[str]] = {}
    if not ids or not {"id", "message_id", "function_name"} <= database.columns("tool_calls"):
        return found
    marks = ",".join("?" * len(ids))
    for message_id, name in database.rows(
        f"SELECT message_id, function_name FROM tool_calls WHERE message_id IN ({marks})"
        " ORDER BY message_id, id",
        ids,
    ):
        found.setdefault(message_id, []).append(as_text(name))
    return found


def _events(row: tuple[Any, ...], tools: Sequence[str]) -> Iterator[UsageEvent]:
    _, chat_id, created, model, earlier = row
    ts_ms = as_moment_ms(created)
    chat = as_text(chat_id)
    if ts_ms is None or not chat:
        return
    message_id = f"{chat}:{ts_ms}" + (f".{earlier}" if earlier else "")
    name = plain_model(as_text(model))
    yield UsageEvent(
        source=SOURCE,
        channel=SQLITE,
        event_type=MESSAGE_USAGE,
        ts_ms=ts_ms,
        provider=SOURCE,
        session_id=chat,
        message_id=message_id,
        model=name,
        requests=1,
    )
    for number, tool in enumerate(tools):
        if tool:
            yield UsageEvent(
                source=SOURCE,
                channel=SQLITE,
                event_type=TOOL_USAGE,
                ts_ms=ts_ms,
                provider=SOURCE,
                session_id=chat,
                message_id=message_id,
                tool_call_id=f"{message_id}:{number}",
                model=name,
                tool_name=tool.lower(),
            )
