"""
Zed's agent threads as values, and the events they stand for.  Pure.

Quirks of the vendor that are settled here:
- `cumulative_token_usage` is the thread's running sum.  `request_token_usage` keeps only the last
  request of every prompt, so a loop of tools is lost in it; it serves where the sum is missing.
- Input excludes cache; counts that are zero are left out of the document.
- A thread names one model, which may change while the sum grows on: it is no part of the identity.
- Nothing in a thread is dated but the thread itself.
- An imported thread was somebody else's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

from openusaged.core.languages import language_of
from openusaged.core.mcp_names import split_mcp
from openusaged.core.model_names import vendor_of_model
from openusaged.core.models import (
    MESSAGE_USAGE,
    SQLITE,
    STATUS_ERROR,
    STATUS_OK,
    TOOL_USAGE,
    UsageEvent,
)
from openusaged.providers.shared.call_ids import global_call_id
from openusaged.providers.shared.documents import decode_part
from openusaged.providers.shared.json_values import as_count, as_list, as_object, as_text

SOURCE: Final = "zed"

_USAGE_KEYS: Final = (
    "input_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "output_tokens",
)
_VENDORS: Final = {
    "amazon-bedrock": "aws",
    "bedrock": "aws",
    "copilot_chat": "github-copilot",
    "open_router": "openrouter",
    "x_ai": "x-ai",
}
_NOTHING: Final = msgspec.Raw(b"null")


class Thread(NamedTuple):
    """A row of the table without its document."""

    id: str
    parent_id: str
    ts_ms: int
    cwd: str


class _Document(msgspec.Struct, gc=False):
    messages: msgspec.Raw = _NOTHING
    cumulative_token_usage: Any = None
    request_token_usage: Any = None
    model: Any = None
    imported: Any = None
    subagent_context: Any = None


class _ToolUse(msgspec.Struct, gc=False):
    id: Any = None
    name: Any = None
    input: msgspec.Raw = _NOTHING


class _Content(msgspec.Struct, gc=False):
    ToolUse: _ToolUse | None = None


class _Result(msgspec.Struct, gc=False):
    is_error: Any = None
    tool_use_id: Any = None


class _Agent(msgspec.Struct, gc=False):
    content: list[msgspec.Raw] = []
    tool_results: dict[str, msgspec.Raw] = {}


class _Message(msgspec.Struct, gc=False):
    """An agent's message; `role` and what follows are how versions before 0.3.0 wrote it."""

    Agent: _Agent | None = None
    tool_uses: list[msgspec.Raw] = []
    tool_results: list[msgspec.Raw] = []


class _Input(msgspec.Struct, gc=False):
    path: Any = None


_decode_document = msgspec.json.Decoder(_Document).decode


def thread_events(thread: Thread, data: bytes) -> list[UsageEvent]:
    """
    The usage of a whole thread so far and its tool calls; none for an imported or unused one.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError: the document is none of Zed's.
    """
    document = _decode_document(data)
    if document.imported is True:
        return []
    parent = as_text(as_object(document.subagent_context).get("parent_thread_id"))
    model = as_object(document.model)
    name, provider = as_text(model.get("model")), as_text(model.get("provider")).lower()
    origin = UsageEvent(
        source=SOURCE,
        channel=SQLITE,
        event_type=MESSAGE_USAGE,
        ts_ms=thread.ts_ms,
        provider=_VENDORS.get(provider, provider) or vendor_of_model(name),
        session_id=thread.id,
        parent_session_id=thread.parent_id or parent,
        agent="subagent" if thread.parent_id or parent else "",
        cwd=thread.cwd,
        model=name,
    )
    usage = _usage_event(document, origin)
    calls = list(_call_events(document.messages, origin))
    return [usage, *calls] if usage is not None else calls


def _usage_event(document: _Document, origin: UsageEvent) -> UsageEvent | None:
    counts = _counts([document.cumulative_token_usage])
    if not any(counts):
        requests = document.request_token_usage
        # an object by prompt today, a list up to 0.2.0
        counts = _counts(requests.values() if isinstance(requests, dict) else as_list(requests))
    if not any(counts):
        return None
    fresh, read, write, output = counts
    return msgspec.structs.replace(
        origin,
        message_id=origin.session_id,
        is_sum=True,
        input=fresh,
        cache_read=read,
        cache_write_5m=write,
        output=output,
    )


def _counts(usages: Iterable[Any]) -> list[int]:
    sums = [0] * len(_USAGE_KEYS)
    for usage in usages:
        for place, key in enumerate(_USAGE_KEYS):
            sums[place] += as_count(as_object(usage).get(key)) or 0
    return sums


def _call_events(messages: msgspec.Raw, origin: UsageEvent) -> Iterator[UsageEvent]:
    for raw in decode_part(messages, list[msgspec.Raw]) or ():
        data = bytes(raw)
        # Most bytes are texts: a message without a tool is not decoded.
        if b'"ToolUse"' not in data and b'"tool_uses"' not in data:
            continue
        message = decode_part(data, _Message)
        if message is None:
            continue
        if message.Agent is not None:
            failed = {
                call_id
                for call_id, result in message.Agent.tool_results.items()
                if _is_error(decode_part(result, _Result))
            }
            parts = (decode_part(part, _Content) for part in message.Agent.content)
            uses = [part.ToolUse for part in parts if part is not None]
        else:
            results = [decode_part(result, _Result) for result in message.tool_results]
            failed = {as_text(one.tool_use_id) for one in results if one and _is_error(one)}
            uses = [decode_part(use, _ToolUse) for use in message.tool_uses]
        for use in uses:
            event = None if use is None else _call_event(use, failed, origin)
            if event is not None:
                yield event


def _is_error(result: _Result | None) -> bool:
    return result is not None and result.is_error is True


def _call_event(use: _ToolUse, failed: set[str], origin: UsageEvent) -> UsageEvent | None:
    call_id, name = as_text(use.id), as_text(use.name).lower()
    if not call_id or not name:
        return None
    given = decode_part(use.input, _Input)
    file = as_text(given.path) if given is not None else ""
    server, function = split_mcp(name)
    return msgspec.structs.replace(
        origin,
        event_type=TOOL_USAGE,
        tool_call_id=global_call_id(origin.session_id, call_id),
        tool_name=name,
        mcp_server=server,
        mcp_function=function,
        language=language_of(file) if file else "",
        status=STATUS_ERROR if call_id in failed else STATUS_OK,
    )


def first_folder(paths: Any, order: Any) -> str:
    """The worktree the user sees first: the paths are sorted, their order is kept beside them."""
    folders = [path for path in as_text(paths).split("\n") if path]
    first = as_text(order).partition(",")[0].strip()
    if not folders:
        return ""
    index = int(first) if first.isdecimal() else 0
    return folders[index] if index < len(folders) else folders[0]
