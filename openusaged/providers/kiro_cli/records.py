"""
What all generations of Kiro's records have in common, and the events they stand for.  Pure.

Quirks of the vendor that are settled here:
- Token counts are there and are 0: the vendor counts on its servers.  Zero means unknown.  Context
  percentages and answer lengths would only give estimates; they are left out.
- What a turn is charged is in credits, which are no US dollars.
- The whole turn's credits may be written again when a turn is replayed: one turn is one event.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from openusaged.core.languages import language_of
from openusaged.core.mcp_names import split_mcp
from openusaged.core.models import (
    MESSAGE_USAGE,
    STATUS_ERROR,
    STATUS_OK,
    TOOL_USAGE,
    TURN_COMPLETED,
    UsageEvent,
)
from openusaged.providers.shared.call_ids import global_call_id
from openusaged.providers.shared.documents import decode_part
from openusaged.providers.shared.json_values import as_count, as_list, as_nano, as_object, as_text

SOURCE: Final = "kiro_cli"
VENDOR: Final = "kiro"
CREDITS: Final = "credits"

NOTHING: Final = msgspec.Raw(b"null")


class _Given(msgspec.Struct, gc=False):
    """What a tool was given, as far as it names a file; the rest is never made an object."""

    path: Any = None
    file_path: Any = None
    camel_path: Any = msgspec.field(default=None, name="filePath")
    target: Any = msgspec.field(default=None, name="targetFile")


def origin(
    channel: str, session: str, *, cwd: str = "", model: str = "", agent: str = ""
) -> UsageEvent:
    """What the events of a session share."""
    return UsageEvent(
        source=SOURCE,
        channel=channel,
        event_type=MESSAGE_USAGE,
        ts_ms=0,
        provider=VENDOR,
        session_id=session,
        agent=agent,
        cwd=cwd,
        model=model,
    )


def credits_nano(entries: Any, amount_key: str) -> int | None:
    """The sum of the entries in credits; None when there is none."""
    amounts = [
        as_nano(as_object(entry).get(amount_key))
        for entry in as_list(entries)
        if as_text(as_object(entry).get("unit")).lower() == "credit"
    ]
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None


def charged(
    shared: UsageEvent, ts_ms: int, turn: str, cost_nano: int | None, counts: Mapping[str, int]
) -> UsageEvent | None:
    """The usage of a turn; None when neither credits nor tokens are known."""
    if cost_nano is None and not counts:
        return None
    return msgspec.structs.replace(
        shared,
        ts_ms=ts_ms,
        turn_id=turn,
        message_id=turn,
        cost_nano=cost_nano,
        currency=CREDITS if cost_nano is not None else "USD",
        **counts,
    )


def token_counts(record: Mapping[str, Any], **keys: str) -> dict[str, int]:
    """Fields of an event by the record's keys; empty when all of them are zero or absent."""
    counts = {field: as_count(record.get(key)) or 0 for field, key in keys.items()}
    return counts if any(counts.values()) else {}


def completed(shared: UsageEvent, ts_ms: int, turn: str) -> UsageEvent:
    """The end of a turn."""
    return msgspec.structs.replace(shared, event_type=TURN_COMPLETED, ts_ms=ts_ms, turn_id=turn)


def called(
    shared: UsageEvent,
    ts_ms: int,
    call_id: str,
    name: str,
    *,
    file: str = "",
    turn: str = "",
    is_error: bool = False,
) -> UsageEvent:
    """The use of a tool."""
    tool = name.lower()
    server, function = split_tool(tool)
    return msgspec.structs.replace(
        shared,
        event_type=TOOL_USAGE,
        ts_ms=ts_ms,
        turn_id=turn,
        tool_call_id=global_call_id(shared.session_id, call_id),
        tool_name=tool,
        mcp_server=server,
        mcp_function=function,
        language=language_of(file) if file else "",
        status=STATUS_ERROR if is_error else STATUS_OK,
    )


def split_tool(tool: str) -> tuple[str, str]:
    """(server, function) of an MCP tool: `@server/function`, or `server___function` before."""
    if tool.startswith("@"):
        server, _, function = tool[1:].partition("/")
        return server, function
    server, found, function = tool.partition("___")
    return (server, function) if found else split_mcp(tool)


def file_of(given: msgspec.Raw) -> str:
    """The file a tool was given, whatever the tool calls it."""
    names = decode_part(given, _Given)
    if names is None:
        return ""
    values = map(as_text, (names.path, names.file_path, names.camel_path, names.target))
    return next((value for value in values if value), "")
