"""
Session logs of the pi coding agent and of the programs that embed it, to usage events.

A log begins with a header; every later line is an entry with an id of eight characters.  Forks and
archives copy entries with id and time, so that both together name one response everywhere.  Input
excludes the cache, output includes reasoning.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Raw

from openusaged.core.languages import language_of
from openusaged.core.mcp_names import split_mcp
from openusaged.core.model_names import vendor_of_model
from openusaged.core.models import (
    JSONL,
    MESSAGE_USAGE,
    STATUS_ABORTED,
    STATUS_ERROR,
    STATUS_OK,
    TOOL_USAGE,
    UsageEvent,
)
from openusaged.providers.shared.documents import decode_part
from openusaged.providers.shared.json_values import (
    as_count,
    as_epoch_ms,
    as_nano,
    as_object,
    as_text,
    count_or_zero,
)
from openusaged.providers.shared.open_calls import OpenCalls
from openusaged.providers.shared.side_records import NO_JSON, raw_items

STATE_VERSION: Final = 1
"""Raise it when a change of the rules should make every log be read again."""

# What pi calls its ways to a vendor, by who bills.
_BILLED_BY: Final = {
    "amazon-bedrock": "aws",
    "azure-openai-responses": "azure",
    "google-antigravity": "google",
    "google-gemini-cli": "google",
    "google-vertex": "google",
    "kimi-coding": "moonshotai",
    "moonshot": "moonshotai",
    "openai-codex": "openai",
    "xai": "x-ai",
}
_MODEL_ENTRIES: Final = frozenset({"model", "model_change"})
_MODEL_CUSTOM: Final = frozenset({"model", "model-snapshot"})
_STATUS: Final = {"error": STATUS_ERROR, "aborted": STATUS_ABORTED}


class _Entry(msgspec.Struct, rename="camel", gc=False):
    """A header, a change of the model or a message: the fields of all three."""

    type: Any = None
    id: Any = None
    timestamp: Any = None
    cwd: Any = None
    provider: Any = None
    model_id: Any = None
    custom_type: Any = None
    data: Any = None
    message: Raw = NO_JSON


class _Message(msgspec.Struct, rename="camel", gc=False):
    role: Any = None
    provider: Any = None
    model: Any = None
    model_id: Any = None
    timestamp: Any = None
    stop_reason: Any = None
    cost: Any = None
    usage: Any = None
    content: Raw = NO_JSON
    tool_call_id: Any = None
    is_error: Any = None


class _Block(msgspec.Struct, gc=False):
    type: Any = None
    id: Any = None
    name: Any = None
    arguments: Raw = NO_JSON


class _Arguments(msgspec.Struct, gc=False):
    path: Any = None
    file_path: Any = None


class _State(msgspec.Struct, omit_defaults=True):
    session_id: str = ""
    cwd: str = ""
    model: str = ""
    provider: str = ""
    calls: dict[str, str] = {}


class PiReader:
    """
    Reads the lines of one log in their order.

    Args:
        source: the provider whose log it is.
        client: the program that made the requests.
        session_id: used while no header has named another, and always when `fixed_session`.
        prefers_message_time: whether a response's own time goes before its line's.
    """

    def __init__(
        self,
        state: bytes,
        *,
        source: str,
        client: str,
        session_id: str,
        mtime_ms: int,
        agent: str = "",
        fixed_session: bool = False,
        prefers_message_time: bool = False,
    ) -> None:
        self._source = source
        self._client = client
        self._agent = agent
        self._mtime_ms = mtime_ms
        self._fixed_session = fixed_session
        self._prefers_message_time = prefers_message_time
        self._state = decode_part(state, _State) or _State(session_id=session_id)
        self._calls = OpenCalls(self._state.calls)

    def state(self) -> bytes:
        """Session, directory and model of the lines so far, and the calls without a result."""
        return msgspec.json.encode(self._state)

    def read(self, line: bytes) -> Iterator[UsageEvent]:
        """Usage and tool calls of an assistant's message, the failure of a call."""
        entry = decode_part(line, _Entry)
        if entry is None:
            return
        if entry.type == "session":
            self._begin(entry)
        elif entry.type in _MODEL_ENTRIES or entry.custom_type in _MODEL_CUSTOM:
            self._switch(entry)
        elif entry.type in ("message", None):
            message = decode_part(entry.message, _Message)
            if message is None:
                return
            if message.role == "assistant":
                yield from self._answer(entry, message)
            elif message.role == "toolResult":
                yield from self._result(entry, message)

    def _begin(self, header: _Entry) -> None:
        state = self._state
        if not self._fixed_session:
            state.session_id = as_text(header.id) or state.session_id
        state.cwd = as_text(header.cwd) or state.cwd
        # the first versions name the model only here
        self._switch(header)

    def _switch(self, entry: _Entry) -> None:
        data = as_object(entry.data)
        model = as_text(entry.model_id) or as_text(data.get("modelId"))
        if model:
            self._state.model = model
            self._state.provider = as_text(entry.provider) or as_text(data.get("provider"))

    def _answer(self, entry: _Entry, message: _Message) -> Iterator[UsageEvent]:
        state = self._state
        model = as_text(message.model) or as_text(message.model_id) or as_text(entry.model_id)
        vendor = as_text(message.provider) or as_text(entry.provider)
        if not model or model == state.model:
            vendor = vendor or state.provider
        model = model or state.model
        ts_ms = self._time(entry, message)
        entry_id = as_text(entry.id)
        origin = {
            "ts_ms": ts_ms,
            "model": model,
            "provider": billed_by(vendor, model),
            "message_id": f"{entry_id}:{ts_ms}" if entry_id else "",
        }
        counts = usage_of(message.usage)
        if counts:
            yield self._event(
                MESSAGE_USAGE,
                **origin,
                **counts,
                requests=1,
                cost_nano=_cost(as_object(message.usage).get("cost")) or _cost(message.cost),
                status=_STATUS.get(as_text(message.stop_reason), STATUS_OK),
            )
        for raw in raw_items(message.content):
            block = decode_part(raw, _Block)
            if block is not None and block.type == "toolCall":
                yield self._call(block, origin)

    def _call(self, block: _Block, origin: dict[str, Any]) -> UsageEvent:
        arguments = decode_part(block.arguments, _Arguments) or _Arguments()
        name = as_text(block.name)
        server, function = split_mcp(name)
        return self._event(
            TOOL_USAGE,
            **origin,
            tool_call_id=self._calls.open(as_text(block.id), origin["ts_ms"]),
            tool_name=name.lower(),
            mcp_server=server,
            mcp_function=function,
            language=language_of(as_text(arguments.path) or as_text(arguments.file_path)),
        )

    def _result(self, entry: _Entry, message: _Message) -> Iterator[UsageEvent]:
        identity = self._calls.close(as_text(message.tool_call_id))
        if identity and message.is_error is True:
            yield self._event(
                TOOL_USAGE,
                ts_ms=self._time(entry, message),
                tool_call_id=identity,
                status=STATUS_ERROR,
            )

    def _time(self, entry: _Entry, message: _Message) -> int:
        times = [as_epoch_ms(entry.timestamp), as_epoch_ms(message.timestamp)]
        if self._prefers_message_time:
            times.reverse()
        return times[0] or times[1] or self._mtime_ms

    def _event(self, event_type: str, **fields: Any) -> UsageEvent:
        return UsageEvent(
            source=self._source,
            channel=JSONL,
            event_type=event_type,
            client=self._client,
            session_id=self._state.session_id,
            agent=self._agent,
            cwd=self._state.cwd,
            **fields,
        )


def billed_by(vendor: str, model: str) -> str:
    """Who bills, by what pi calls the way to the vendor; by the model's name when it says none."""
    return _BILLED_BY.get(vendor.lower(), vendor.lower()) or vendor_of_model(model)


def usage_of(value: object) -> dict[str, int | None]:
    """
    The buckets of a `usage` object as fields of an event; empty when it used nothing.

    Tokens that stand only in the total are output: gateways report them so.
    """
    usage = as_object(value)
    fresh = count_or_zero(usage.get("input"))
    read = count_or_zero(usage.get("cacheRead"))
    written = count_or_zero(usage.get("cacheWrite"))
    output = count_or_zero(usage.get("output"))
    output += max(0, count_or_zero(usage.get("totalTokens")) - fresh - read - written - output)
    if not (fresh or read or written or output):
        return {}
    for_an_hour = min(count_or_zero(usage.get("cacheWrite1h")), written)
    reasoning = as_count(usage.get("reasoning"))
    return {
        "input": fresh,
        "cache_read": read,
        "cache_write_5m": written - for_an_hour,
        "cache_write_1h": for_an_hour,
        "output": output,
        "reasoning": None if reasoning is None else min(reasoning, output),
    }


def _cost(value: object) -> int | None:
    # 0 is what a subscription costs: the tokens are priced instead
    return as_nano(as_object(value).get("total")) or None
