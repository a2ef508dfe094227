"""
What goes into the store and what comes out: plain values, never entities.

Names are the words of `core.models`; money is in 1e-9 of its currency, times are UTC epoch
milliseconds, a quarter is `ts_ms // QUARTER_MS`.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from openusaged.core.models import PreparedEvent, SourceCursor, UsageSnapshot
from openusaged.core.windows import Segment as Segment  # noqa: PLC0414 - part of the store's face


class Staged(msgspec.Struct, frozen=True, kw_only=True):
    """Events that a scanner has gathered (`staging.Staging`), and what it merged among them."""

    data: bytes
    """A serialised database."""
    events: int
    deduplicated: int = 0
    merged: int = 0


class WriteBatch(msgspec.Struct, frozen=True, kw_only=True):
    """What one reader, hook or poll wants stored; applied whole or not at all."""

    events: Sequence[PreparedEvent] = ()
    cursors: Sequence[SourceCursor] = ()
    snapshots: Sequence[UsageSnapshot] = ()
    forget_cursors: Sequence[str] = ()
    """Paths that no longer exist."""
    staged: Staged | None = None
    """Events of a scanner; a batch has these or `events`."""


class BatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """
    What became of a batch: each event is either new, merged or already known.

    `seq` is the store's change sequence after the commit; with `error` set nothing of the batch
    was stored.
    """

    accepted: int = 0
    deduplicated: int = 0
    merged: int = 0
    seq: int = 0
    error: Exception | None = None


class UsageRow(msgspec.Struct, frozen=True, gc=False):
    """
    Sums of one group; dimensions that were not asked for are empty.

    `calc_nano` is our estimate in 1e-9 USD and `unpriced` counts requests with tokens that have
    none; `rec_nano` is what sources recorded, in `currency`, over `rec_requests`; `auto_nano`
    takes the recorded USD where there is one, else the estimate (`auto_unpriced`: neither);
    `fallback_nano` is the recorded USD of requests without an estimate.
    """

    bucket: int = 0
    """Local day number since 1970-01-01; 0 when no segments were given."""
    account: str = ""
    provider: str = ""
    client: str = ""
    model: str = ""
    project: str = ""
    branch: str = ""
    agent_kind: str = ""
    """`main` or `subagent`."""
    currency: str = "USD"
    requests: int = 0
    errors: int = 0
    turns: int = 0
    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0
    calc_nano: int = 0
    unpriced: int = 0
    rec_nano: int = 0
    rec_requests: int = 0
    auto_nano: int = 0
    auto_unpriced: int = 0
    fallback_nano: int = 0
    approx: int = 0
    """Requests whose estimate is approximate."""

    @property
    def total_tokens(self) -> int:
        """Tokens by the one definition used on every surface."""
        return (
            self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h + self.output
        )


class ToolRow(msgspec.Struct, frozen=True, gc=False):
    """Calls of one tool on files of one language."""

    account: str = ""
    client: str = ""
    project: str = ""
    tool: str = ""
    mcp_server: str = ""
    mcp_function: str = ""
    language: str = ""
    calls: int = 0
    errors: int = 0
    aborted: int = 0
    lines_added: int = 0
    lines_removed: int = 0


class BlockRow(msgspec.Struct, frozen=True, kw_only=True):
    """Activity of one account, provider and model within a quarter hour, from hot events."""

    first_ms: int
    last_ms: int
    usage: UsageRow


class SessionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """
    One session of one source; `rows` are its totals per model, most tokens first.

    `first_ms` and `last_ms` span every report of the session's events.
    """

    source: str
    session_id: str
    account: str = ""
    client: str = ""
    project: str = ""
    branch: str = ""
    parent_session_id: str = ""
    first_ms: int
    last_ms: int
    events: int = 0
    tool_calls: int = 0
    rows: tuple[UsageRow, ...] = ()


class StoredSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """
    An account's last good poll and, apart from it, how the latest one went.

    `last_good` is None until one succeeded; its metrics are the newest of each key seen within a
    day.  `retry_at_ms` is what the vendor asked for (0: nothing).
    """

    last_good: UsageSnapshot | None = None
    latest_status: str = ""
    latest_message: str = ""
    latest_ms: int = 0
    failures: int = 0
    """Failed polls in a row."""
    retry_at_ms: int = 0


class StoreCounts(msgspec.Struct, frozen=True, kw_only=True):
    """
    Sizes: events ever counted, those with detail, identities, sessions, bytes on disk.

    `stored` equals `identities`: an event counts once, for ever.
    """

    stored: int
    hot: int
    identities: int
    sessions: int
    database_bytes: int
    wal_bytes: int
