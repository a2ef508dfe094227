"""
What Amp's threads and ledger say, as the events they stand for.  Pure.

Quirks of the vendor that are settled here:
- `messageId` is a number that counts within its thread, so the thread's id goes in front of it;
  the layout of older readers has texts that are unique everywhere.
- A message's usage and the ledger's event of it are two reports of one call and get one identity,
  so that a ledger that is added later counts nothing twice.
- A ledger's event has no cache counts; its `total` holds them, and so does the message.
- Credits are Amp's own unit, not dollars.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from openusaged.core.languages import language_of
from openusaged.core.mcp_names import split_mcp
from openusaged.core.model_names import vendor_of_model
from openusaged.core.models import (
    JSONL,
    MESSAGE_USAGE,
    STATUS_ABORTED,
    STATUS_ERROR,
    STATUS_OK,
    STATUS_UNKNOWN,
    TOOL_USAGE,
    UsageEvent,
)
from openusaged.providers.amp.paths import ID
from openusaged.providers.shared.json_values import as_nano, as_number, as_text, first_count

CREDITS: Final = "credits"

_INPUT: Final = ("inputTokens", "input", "input_tokens")
_OUTPUT: Final = ("outputTokens", "output", "output_tokens")
_CACHE_READ: Final = ("cacheReadInputTokens", "cache_read", "cache_read_input_tokens")
_CACHE_WRITE: Final = ("cacheCreationInputTokens", "cache_write", "cache_creation_input_tokens")
_TOTAL: Final = ("total", "totalTokens")
_RUN_STATUS: Final = {
    "done": STATUS_OK,
    "error": STATUS_ERROR,
    "cancelled": STATUS_ABORTED,
    "rejected-by-user": STATUS_ABORTED,
}


class Tokens(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Disjoint counts of one call; None is unknown."""

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    total: int | None = None

    @property
    def known(self) -> int:
        """The sum of the parts."""
        return (
            (self.input or 0)
            + (self.output or 0)
            + (self.cache_read or 0)
            + (self.cache_write or 0)
        )


def tokens_of(usage: Mapping[str, Any]) -> Tokens:
    """The counts of a usage object in any of its spellings."""
    return Tokens(
        input=first_count(usage, _INPUT),
        output=first_count(usage, _OUTPUT),
        cache_read=first_count(usage, _CACHE_READ),
        cache_write=first_count(usage, _CACHE_WRITE),
        total=first_count(usage, _TOTAL),
    )


def ledger_tokens(logged: Tokens, message: Tokens | None) -> Tokens:
    """
    The counts of a ledger's event, with the cache counts of its message.

    What the total holds beyond all parts was output when there is none, else cache reads: the
    ledger has no other place for them.
    """
    if message is not None:
        logged = msgspec.structs.replace(
            logged,
            cache_read=logged.cache_read or message.cache_read,
            cache_write=logged.cache_write or message.cache_write,
        )
    missing = (logged.total or 0) - logged.known
    if missing <= 0:
        return logged
    if not logged.output:
        return msgspec.structs.replace(logged, output=missing)
    return msgspec.structs.replace(logged, cache_read=(logged.cache_read or 0) + missing)


def message_tokens(usage: Mapping[str, Any]) -> Tokens:
    """The counts of a message; what a total holds beyond them is priced as output."""
    tokens = tokens_of(usage)
    missing = (tokens.total or 0) - tokens.known
    if missing > 0:
        return msgspec.structs.replace(tokens, output=(tokens.output or 0) + missing)
    return tokens


def credits_of(record: Mapping[str, Any]) -> int | None:
    """Credits in 1e-9, None when there are none; `cost` is what older records call them."""
    return next(
        (as_nano(value) for key in ("credits", "cost") if (as_number(value := record.get(key)))),
        None,
    )


def usage_event(
    message_id: str,
    *,
    thread: str,
    ts_ms: int,
    model: str,
    cwd: str,
    tokens: Tokens,
    credit_nano: int | None,
) -> UsageEvent:
    """One model call."""
    return UsageEvent(
        source=ID,
        channel=JSONL,
        event_type=MESSAGE_USAGE,
        ts_ms=ts_ms,
        provider=vendor_of_model(model),
        session_id=thread,
        message_id=message_id,
        cwd=cwd,
        model=model,
        input=tokens.input,
        cache_read=tokens.cache_read,
        # the record does not say how long an entry lives; the default is 5 minutes
        cache_write_5m=tokens.cache_write,
        output=tokens.output,
        requests=1,
        cost_nano=credit_nano,
        currency=CREDITS if credit_nano is not None else "USD",
    )


def tool_event(
    call_id: str,
    name: str,
    *,
    thread: str,
    message_id: str,
    ts_ms: int,
    model: str,
    cwd: str,
    path: str,
    run_status: str,
) -> UsageEvent:
    """One use of a tool; its result may follow in a later message."""
    server, function = split_mcp(name)
    return UsageEvent(
        source=ID,
        channel=JSONL,
        event_type=TOOL_USAGE,
        ts_ms=ts_ms,
        provider=vendor_of_model(model),
        session_id=thread,
        message_id=message_id,
        tool_call_id=call_id,
        cwd=cwd,
        model=model,
        tool_name=name.lower(),
        mcp_server=server,
        mcp_function=function,
        language=language_of(path),
        status=_RUN_STATUS.get(run_status, STATUS_UNKNOWN),
    )


def message_name(thread: str, message_id: object) -> str:
    """Global id of a message: numbers count within a thread; "" when it has none."""
    if isinstance(message_id, int) and not isinstance(message_id, bool):
        return f"{thread}:{message_id}"
    return as_text(message_id)
