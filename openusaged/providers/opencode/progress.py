"""
What a reader of OpenCode's stores remembers between reads: where it was and what was unfinished.

Messages and tool calls are written in place until they are done.  Instead of searching a table
that has no index on time, the unfinished ones are remembered by id and looked at again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from openusaged.core.models import UsageEvent
from openusaged.providers.opencode.records import Message, ToolCall, message_events, tool_event

STATE_VERSION: Final = 1
MAX_PENDING: Final = 256
"""Messages of killed processes stay unfinished for ever; beyond this the oldest are given up."""


class Pending(msgspec.Struct, kw_only=True, gc=False, omit_defaults=True):
    """An unfinished message: the tokens and the tool calls that were reported already."""

    tokens: int = 0
    calls: list[str] = []


_NOTHING: Final = Pending()


class Progress(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Resumable state of one database or session directory."""

    position: int = 0
    """`rowid` of the newest message that was read."""
    anchor: str = ""
    """Id of that message: another one there means that rows were deleted or renumbered."""
    updated_ms: int = 0
    """Newest `time_updated` of the assistant messages that complete passes have read."""
    seen_ms: int = 0
    """The same, with the pass that is under way."""
    floor_ms: int = 0
    """While a pass starts over: rows updated before this were read in an earlier one."""
    pending: dict[str, Pending] = {}

    def encode(self) -> bytes:
        """Bytes for a cursor."""
        return msgspec.json.encode(self)


def decode(state: bytes, version: int) -> Progress:
    """The state of a cursor; a fresh one when it is another version's or damaged."""
    if version == STATE_VERSION and state:
        try:
            return msgspec.json.decode(state, type=Progress)
        except msgspec.DecodeError:
            pass
    return Progress()


def events_of(
    message: Message,
    calls: Iterable[ToolCall],
    progress: Progress,
    channel: str,
    servers: tuple[str, ...],
) -> list[UsageEvent]:
    """What is new about one message; it stays pending while it or a call of it is unfinished."""
    before = progress.pending.pop(message.id, _NOTHING)
    is_final = message.is_final
    # Only an unfinished message has to tell whether its tokens have grown.
    tokens = 0 if is_final else message.usage[0].sum
    events = message_events(message, channel) if is_final or tokens != before.tokens else []
    is_unfinished = not is_final
    settled: list[str] = []
    for call in calls:
        if not call.is_settled:
            is_unfinished = True
            continue
        settled.append(call.id)
        if call.id not in before.calls:
            event = tool_event(call, message, channel, servers)
            if event is not None:
                events.append(event)
    if is_unfinished and not message.is_fork_copy:
        tokens = message.usage[0].sum
        progress.pending[message.id] = Pending(tokens=tokens, calls=settled)
        while len(progress.pending) > MAX_PENDING:
            del progress.pending[next(iter(progress.pending))]
    return events
