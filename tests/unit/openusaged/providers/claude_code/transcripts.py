"""Builds transcripts in the form Claude Code writes them, and reads them back with the collector."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from openusaged.core.models import MESSAGE_USAGE, Account, UsageEvent
from openusaged.providers.base import Chunk, CollectContext, Machine
from openusaged.providers.claude_code.paths import units
from openusaged.providers.claude_code.records import collect

SESSION = "11111111-aaaa-bbbb-cccc-000000000001"


def usage(**fields: Any) -> dict[str, Any]:
    return {"input_tokens": 10, "output_tokens": 20, "speed": "standard", **fields}


def assistant(
    message_id: str | None = "msg_A", *, request: str | None = "req_A", **fields: Any
) -> dict[str, Any]:
    """One line of an answer; `usage`, `content`, `model`, `stop_reason` go into the message."""
    message: dict[str, Any] = {
        "type": "message",
        "role": "assistant",
        "model": fields.pop("model", "claude-sonnet-4-5"),
        "content": fields.pop("content", [{"type": "text", "text": 'the "secret" answer'}]),
        "stop_reason": fields.pop("stop_reason", "end_turn"),
        "usage": fields.pop("usage", usage()),
    }
    row: dict[str, Any] = {
        "parentUuid": None,
        "isSidechain": False,
        "type": "assistant",
        "uuid": "u-1",
        "timestamp": "2026-06-01T10:00:05.120Z",
        "cwd": "/home/dev/shop",
        "sessionId": SESSION,
        "version": "2.1.330",
        "gitBranch": "main",
    }
    if message_id is not None:
        message["id"] = message_id
    if request is not None:
        row["requestId"] = request
    row.update(fields)
    row["message"] = message
    return row


def tool_use(call_id: str, name: str = "Bash", **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def tool_result(call_id: str, *, is_error: bool, **fields: Any) -> dict[str, Any]:
    return {
        "type": "user",
        "uuid": "u-2",
        "sessionId": SESSION,
        "timestamp": "2026-06-01T10:00:09.000Z",
        "cwd": "/home/dev/shop",
        "message": {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": call_id,
                    "is_error": is_error,
                    "content": "Exit code 1: secret",
                }
            ],
        },
        **fields,
    }


def text_of(rows: Sequence[Any], *, spaced: bool = False) -> bytes:
    separators = (", ", ": ") if spaced else (",", ":")
    return b"".join(
        (row if isinstance(row, bytes) else json.dumps(row, separators=separators).encode()) + b"\n"
        for row in rows
    )


def write(home: str, name: str, rows: Sequence[Any], *, spaced: bool = False) -> str:
    """Write a transcript `name` below the home's `projects/`; returns its path."""
    path = os.path.join(home, "projects", name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "ab") as file:
        file.write(text_of(rows, spaced=spaced))
    return path


def account(home: str) -> Account:
    return Account(id="claude-code", provider_id="claude_code", home=home)


def chunks(home: str, limit: int = 2000, cursors: dict[str, Any] | None = None) -> list[Chunk]:
    """Every chunk of every transcript, from the given cursors on, which are moved."""
    machine = Machine(env={}, home=home)
    known = {} if cursors is None else cursors
    found: list[Chunk] = []
    for unit in list(units(account(home), machine)):
        context = CollectContext(machine=machine, max_chunk_events=limit)
        for chunk in collect(account(home), unit, known.get(unit.path), context):
            known[unit.path] = chunk.cursor
            found.append(chunk)
    return found


def events(home: str, **options: Any) -> list[UsageEvent]:
    return [event for chunk in chunks(home, **options) for event in chunk.events]


def messages(home: str, **options: Any) -> list[UsageEvent]:
    return [event for event in events(home, **options) if event.event_type == MESSAGE_USAGE]


def only(found: Sequence[UsageEvent]) -> UsageEvent:
    assert len(found) == 1, found
    return found[0]


def merged_by_message(found):
    """What the store makes of repeated message ids: the largest of every number."""
    best = {}
    for event in found:
        row = (
            event.input or 0,
            event.cache_read or 0,
            (event.cache_write_5m or 0) + (event.cache_write_1h or 0),
            event.output or 0,
        )
        old = best.get(event.message_id, (0, 0, 0, 0))
        best[event.message_id] = tuple(map(max, old, row))
    return best
