"""
What makes two reports the same event: a 64-bit identity that survives resume, fork and re-import.

Separate from merging because the pipeline computes it once per event, in whichever process parsed
it.  Session, directory, file, channel and account are never part of it: tools copy history under
new ones.
"""

from __future__ import annotations

import struct
from hashlib import blake2b
from typing import Final

from openusaged.core.models import TOOL_USAGE, TURN_COMPLETED, UsageEvent

_NO_RESPONSE: Final = frozenset({TOOL_USAGE, TURN_COMPLETED})

# Copying a fresh state costs half of making one from its parameters.
_fresh_state: Final = blake2b(digest_size=8).copy
_signed_64_bit: Final = struct.Struct(">q").unpack


def _hash(text: str) -> int:
    state = _fresh_state()
    try:
        state.update(text.encode())
    except UnicodeEncodeError:
        # Lone surrogates come out of vendors' JSON; they must hash, not fail.
        state.update(text.encode("utf-8", "surrogatepass"))
    # 0 is how the store says "none"; one value in 2**64 gives way.
    identity: int = _signed_64_bit(state.digest())[0]
    return identity or 1


def identity_of(event: UsageEvent) -> int:
    """
    Signed 64-bit identity of an event, never 0.

    The first that exists of tool-call, message, request and turn id, namespaced by source and
    event type; else a fingerprint of what the event says.  A completed turn is its turn id, and a
    tool call without an id of its own is fingerprinted: one message or turn calls many tools.
    """
    kind = event.event_type
    if kind == TURN_COMPLETED:
        if event.turn_id:
            return _hash(f"{event.source}\0{kind}\0u\0{event.turn_id}")
    elif event.tool_call_id:
        return _hash(f"{event.source}\0{kind}\0c\0{event.tool_call_id}")
    elif kind != TOOL_USAGE:
        if event.message_id:
            return _hash(f"{event.source}\0{kind}\0m\0{event.message_id}")
        if event.request_id:
            return _hash(f"{event.source}\0{kind}\0r\0{event.request_id}")
        if event.turn_id:
            return _hash(f"{event.source}\0{kind}\0u\0{event.turn_id}")
    return _fingerprint(event)


def reuse_identity_of(event: UsageEvent) -> int:
    """
    Identity of (message id, request id), or 0 unless the event has both.

    Tells a new response apart from a replay when a proxy hands out a message id twice.  Tool calls
    and turns have none: they are no responses, and several share the ids of one.
    """
    kind = event.event_type
    if event.request_id and event.message_id and kind not in _NO_RESPONSE:
        return _hash(f"{event.source}\0{kind}\0mr\0{event.message_id}\0{event.request_id}")
    return 0


def _fingerprint(event: UsageEvent) -> int:
    fields = (
        event.ts_ms,
        event.provider,
        event.agent,
        event.model,
        event.turn_id,
        event.message_id,
        event.request_id,
        event.input,
        event.cache_read,
        event.cache_write_5m,
        event.cache_write_1h,
        event.output,
        event.reasoning,
        event.requests,
        event.cost_nano,
        event.currency,
        event.tool_name,
        event.mcp_server,
        event.mcp_function,
        event.language,
        event.lines_added,
        event.lines_removed,
    )
    return _hash(f"{event.source}\0{event.event_type}\0f\0{fields!r}")
