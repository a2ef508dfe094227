"""
What the reader of a rollout remembers: whose thread it is and how far its counters have come.

A struct of its own because it travels: between the chunks of a file, into the store with the
cursor, and back at the next append.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from openusaged.core.mcp_names import split_mcp
from openusaged.core.models import (
    JSONL,
    MESSAGE_USAGE,
    STATUS_OK,
    TOOL_USAGE,
    TURN_COMPLETED,
    UsageEvent,
)
from openusaged.providers.codex.counters import ZERO, Counts
from openusaged.providers.codex.paths import PROVIDER_ID, uuid7_ms
from openusaged.providers.codex.rows import UNDECODABLE, SessionMeta, as_text
from openusaged.providers.shared.json_values import as_epoch_ms, as_object

STATE_VERSION: Final = 1
FALLBACK_MODEL: Final = "gpt-5"
"""Logs before `turn_context` (September 2025) name no model; it was the only one then."""
MAX_PENDING_CALLS: Final = 64
GLOBAL_TURN_ID_BYTES: Final = 32
"""Shorter turn ids are counters within their thread ("0" in 0.98)."""

_ID_TOLERANCE_MS: Final = 2000

# Where the rows of a file come from.
OWN: Final = 0
"""Written by this thread."""
COPIED: Final = 1
"""Copies of the parent's rows, until a turn of this thread begins."""
COPIED_STAMPED: Final = 2
"""The same, with the parent's time stamps, until the first stamp of this thread's own time."""


# Few names, many calls.
_split_mcp = lru_cache(maxsize=512)(split_mcp)


class PendingCall(msgspec.Struct, array_like=True, gc=False):
    """A tool call whose output has not been seen yet."""

    ts_ms: int
    turn_id: str
    model: str
    name: str
    language: str = ""
    added: int | None = None
    removed: int | None = None


class ThreadState(msgspec.Struct, array_like=True):
    """State of one rollout; the names of ids are those of `UsageEvent`."""

    thread_id: str = ""
    parent_id: str = ""
    forked_from: str = ""
    paginated: bool = False
    """A fork without copied rows: its counters start at the parent's total."""
    agent: str = ""
    sub_agent: bool = False
    provider: str = "openai"
    cwd: str = ""
    branch: str = ""
    model: str = ""
    turn_id: str = ""
    tier: str = ""
    created_ms: int = 0
    phase: int = OWN
    saw_turn_start: bool = False
    settled: bool = False
    """A row of this thread's own has been counted: nothing behind it is inherited."""
    last_ts_ms: int = 0
    total: Counts | None = None
    """The cumulative counters as last seen; None before the first."""
    last: Counts | None = None
    resets: int = 0
    searches: int = 0
    pending: dict[str, PendingCall] = msgspec.field(default_factory=dict)
    exec_output: bool = False
    """The file is saved output of `codex exec --json`, no rollout."""
    exec_turns: int = 0

    @property
    def is_child(self) -> bool:
        """Whether the file can contain a parent's history."""
        return bool(self.forked_from) or self.sub_agent

    def open(self, meta: SessionMeta, row_ts_ms: int) -> None:
        """Take over the header; only the first of a file is about the file itself."""
        self.thread_id = meta.id or meta.session_id or ""
        source = as_object(meta.source).get("subagent", as_object(meta.source).get("sub_agent"))
        spawn = as_object(as_object(source).get("thread_spawn")) or as_object(source)
        parent = meta.parent_thread_id or as_text(spawn.get("parent_thread_id"))
        self.sub_agent = meta.thread_source == "subagent" or source is not None or bool(parent)
        if self.sub_agent:
            self.agent = (
                as_text(spawn.get("agent_nickname"))
                or meta.agent_nickname
                or as_text(spawn.get("agent_role"))
                or meta.agent_role
                or as_text(source)
                or "subagent"
            )
        self.forked_from = meta.forked_from_id or ""
        root = meta.session_id or ""
        self.parent_id = root if root != self.thread_id else ""
        self.parent_id = self.parent_id or parent or self.forked_from
        self.paginated = isinstance(meta.history_base, dict)
        self.provider = (meta.model_provider or "openai").lower()
        self.cwd = meta.cwd or ""
        self.branch = as_text(as_object(meta.git).get("branch"))
        self.created_ms = as_epoch_ms(meta.timestamp) or row_ts_ms

    def began_before(self, turn_id: str, started_ms: int) -> bool:
        """
        Whether a turn is older than this thread, and so a copy from its parent.

        `started_at` has a resolution of a second, in which a script can run a turn and fork; ids
        that carry their time (UUID 7) decide to the millisecond if they agree with the stamps.
        """
        turn_ms, thread_ms = uuid7_ms(turn_id), uuid7_ms(self.thread_id)
        if (
            turn_ms is not None
            and thread_ms is not None
            and abs(turn_ms - started_ms) <= _ID_TOLERANCE_MS
            and abs(thread_ms - self.created_ms) <= _ID_TOLERANCE_MS
        ):
            return turn_ms < thread_ms
        return started_ms // 1000 < self.created_ms // 1000

    def usage_event(
        self,
        origin: UsageEvent,
        ts_ms: int,
        message_id: str,
        counts: Counts,
        *,
        model: str = "",
        turn_id: str = "",
        requests: int = 1,
    ) -> UsageEvent:
        """The event of one model response, with its buckets made disjoint."""
        tokens_in, cached, written, tokens_out, reasoning = counts
        fresh = tokens_in - cached - written
        if fresh < 0:
            cached = min(cached, tokens_in)
            fresh, written = 0, tokens_in - cached
        return replace(
            origin,
            ts_ms=ts_ms,
            turn_id=global_turn_id(self.thread_id, turn_id or self.turn_id),
            message_id=message_id,
            model=model or self.model or FALLBACK_MODEL,
            input=fresh,
            cache_read=cached,
            cache_write_5m=written,
            output=tokens_out,
            reasoning=min(reasoning, tokens_out),
            requests=requests,
            service_tier=self.tier,
        )

    def tool_event(
        self, origin: UsageEvent, call_id: str, call: PendingCall, status: str
    ) -> UsageEvent:
        """The event of a tool call that has ended; lines count only if the patch was applied."""
        server, function = _split_mcp(call.name)
        applied = status == STATUS_OK
        return replace(
            origin,
            event_type=TOOL_USAGE,
            ts_ms=call.ts_ms,
            turn_id=global_turn_id(self.thread_id, call.turn_id),
            tool_call_id=call_id,
            model=call.model,
            requests=1,
            tool_name=call.name,
            mcp_server=server,
            mcp_function=function,
            language=call.language,
            lines_added=call.added if applied else None,
            lines_removed=call.removed if applied else None,
            status=status,
        )

    def turn_event(self, origin: UsageEvent, ts_ms: int, turn_id: str, status: str) -> UsageEvent:
        """The event of a turn that has ended."""
        return replace(
            origin,
            event_type=TURN_COMPLETED,
            ts_ms=ts_ms,
            turn_id=global_turn_id(self.thread_id, turn_id),
            model=self.model,
            status=status,
        )

    def origin(self, account_id: str) -> UsageEvent:
        """
        What all events of the thread have in common while it stays where it is.

        Filling in the rest in a copy costs a quarter of building an event from all its fields.
        """
        return UsageEvent(
            source=PROVIDER_ID,
            channel=JSONL,
            event_type=MESSAGE_USAGE,
            ts_ms=0,
            provider=self.provider,
            account_id=account_id,
            client=PROVIDER_ID,
            session_id=self.thread_id,
            parent_session_id=self.parent_id,
            agent=self.agent,
            is_sidechain=bool(self.agent),  # every sub-agent has a name, and nothing else has
            cwd=self.cwd,
            branch=self.branch,
        )

    def previous_total(self) -> Counts:
        """The cumulative counters as last seen; zero before the first."""
        return self.total or ZERO


def global_turn_id(thread_id: str, turn_id: str) -> str:
    """A turn id that no other thread has; hooks and rollouts must agree on it."""
    if not turn_id or len(turn_id) >= GLOBAL_TURN_ID_BYTES:
        return turn_id
    return f"{thread_id}:{turn_id}"


def encode_state(state: ThreadState) -> bytes:
    """The state as it is kept in the cursor."""
    return msgspec.msgpack.encode(state)


_decoder: Any = msgspec.msgpack.Decoder(ThreadState)


def decode_state(data: bytes) -> ThreadState | None:
    """The state of a cursor, or None when it is not readable: read the file again then."""
    try:
        state: ThreadState = _decoder.decode(data)
    except UNDECODABLE:
        return None
    return state
