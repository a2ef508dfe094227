"""
The one event type and the values that travel with it.

Everything a collector, a hook or another program reports becomes a `UsageEvent`; the pipeline turns
it into a `PreparedEvent`, the only thing the store accepts.  The structs are msgspec's because an
import makes tens of thousands of them and hands them between processes; a frozen dataclass costs
fifteen times as much to build.

Conventions: times are UTC epoch milliseconds; money is an integer of 1e-9 of its currency (so that
sums and differences are exact); an empty string is an unknown id or name; `None` is an unknown
number, and 0 means zero.
"""

from __future__ import annotations

from typing import Final

import msgspec

NANO: Final = 1_000_000_000
"""Money is kept in units of 1e-9: 3 USD per million tokens are 3,000 nano-dollars per token."""

QUARTER_MS: Final = 900_000
"""Aggregates are kept per quarter hour, which divides every time zone in use."""

# Channels: how an event reached us.  A repeated identity is merged field by field within one
# priority and replaced by a strictly higher one (design, section 4).
HOOK: Final = "hook"
SSE: Final = "sse"
SQLITE: Final = "sqlite"
JSONL: Final = "jsonl"
API: Final = "api"
RPC: Final = "rpc"
CHANNEL_PRIORITY: Final = {HOOK: 4, SSE: 3, SQLITE: 2, JSONL: 2, API: 1, RPC: 1}

# Event types.
MESSAGE_USAGE: Final = "message_usage"
TOOL_USAGE: Final = "tool_usage"
TURN_COMPLETED: Final = "turn_completed"
RAW_ENVELOPE: Final = "raw_envelope"
LIMIT_SNAPSHOT: Final = "limit_snapshot"
RECONCILE_ADJUSTMENT: Final = "reconcile_adjustment"
EVENT_TYPES: Final = (
    MESSAGE_USAGE,
    TOOL_USAGE,
    TURN_COMPLETED,
    RAW_ENVELOPE,
    LIMIT_SNAPSHOT,
    RECONCILE_ADJUSTMENT,
)

# Outcome of the thing an event reports.
STATUS_OK: Final = "ok"
STATUS_ERROR: Final = "error"
STATUS_ABORTED: Final = "aborted"
STATUS_UNKNOWN: Final = "unknown"
STATUSES: Final = (STATUS_OK, STATUS_ERROR, STATUS_ABORTED, STATUS_UNKNOWN)


NUMBERS: Final = (
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "reasoning",
    "requests",
    "lines_added",
    "lines_removed",
)
"""Counts of an event, in the order that every table and merge slot keeps them."""


class UsageEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """
    One thing that used tokens, a tool or a turn, as its source reported it.

    Token buckets are disjoint: `input` is uncached input, `output` includes reasoning (`reasoning`
    is informative and never added), and `total = input + cache_read + cache_write_5m +
    cache_write_1h + output` on every surface.
    """

    source: str
    """The reader that knows this record: `claude_code`, `codex`, `opencode`, or the name another
    program gave to `ingest_turn`.  Namespaces every id below."""
    channel: str
    event_type: str
    ts_ms: int

    provider: str = ""
    """Who bills, lower case: `anthropic`, `openai`, `openrouter` ..."""
    account_id: str = ""
    """The account that owns the event; empty when no configured account does (`unmapped`)."""
    client: str = ""
    """The tool that made the request; the source when empty."""

    session_id: str = ""
    parent_session_id: str = ""
    turn_id: str = ""
    message_id: str = ""
    request_id: str = ""
    tool_call_id: str = ""

    agent: str = ""
    """Name of the sub-agent; empty for the main agent."""
    is_sidechain: bool = False
    cwd: str = ""
    repo_root: str = ""
    branch: str = ""

    model: str = ""
    input: int | None = None
    cache_read: int | None = None
    cache_write_5m: int | None = None
    cache_write_1h: int | None = None
    output: int | None = None
    reasoning: int | None = None
    requests: int | None = None
    is_sum: bool = False
    """Several requests added up (a session's totals): how large a single prompt was is unknown,
    so no price tier for large prompts applies."""
    output_is_lower_bound: bool = False
    """The source is known to write a too small output count (Claude Code 2.1.9 to 2.1.42)."""

    cost_nano: int | None = None
    """Cost the source recorded, in 1e-9 of `currency`."""
    currency: str = "USD"
    service_tier: str = ""
    """`fast`, `priority`, `batch`, `flex`; empty for standard."""

    tool_name: str = ""
    mcp_server: str = ""
    mcp_function: str = ""
    language: str = ""
    lines_added: int | None = None
    lines_removed: int | None = None

    status: str = STATUS_OK


class PreparedEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A `UsageEvent` after normalise, link and price: what the store takes."""

    event: UsageEvent
    identity: int
    """Signed 64-bit hash of what the event is, see `core.identity`."""
    reuse_identity: int = 0
    """Identity to use instead when the first one is taken by a *different* response: proxies
    reuse message ids under new request ids (0: not applicable)."""
    project: str = ""
    """Repository root (worktrees folded in) or, outside one, the working directory."""
    cost_nano: int | None = None
    """API-equivalent estimate in 1e-9 USD; None when no price is known."""
    price_source: str = ""
    """`custom`, `genai-prices`, `litellm`, `approximate`; empty when unpriced."""


class SourceCursor(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """
    How far one file or database has been read; commits together with the events it produced.

    `offset` points behind the last complete record that was read; `state` is the reader's own
    resumable state (encoded by it), valid only for its `state_version`.
    """

    source: str
    account_id: str
    path: str
    device: int = 0
    inode: int = 0
    size: int = 0
    mtime_ns: int = 0
    offset: int = 0
    state: bytes = b""
    state_version: int = 0


MINUTE_WINDOW: Final = "1m"
"""Window of rate limits: it has always just been reset, which is no news and no reason to ask."""


class LimitMetric(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    One limit, quota, balance or spend figure of an account.

    `used_percent` gauges have unit `%`, `limit` 100.  Any of the numbers may be unknown (None).
    """

    key: str
    """Stable name, e.g. `usage_five_hour`, `rate_limit_primary`, `credit_balance`."""
    unit: str
    """`%`, `tokens`, `requests`, `credits`, `USD`, `EUR` ..."""
    window: str = ""
    """`5h`, `7d`, `month`, `current` ..."""
    label: str = ""
    """Words for people, e.g. `5-hour limit`."""
    used: float | None = None
    limit: float | None = None
    remaining: float | None = None
    resets_at_ms: int | None = None
    money_kind: str = ""
    """`billed`, `estimate`, `credits`; empty when it is no money."""


# Status of an account as the last poll left it.
ACCOUNT_OK: Final = "OK"
ACCOUNT_NEAR_LIMIT: Final = "NEAR_LIMIT"
ACCOUNT_LIMITED: Final = "LIMITED"
ACCOUNT_AUTH_REQUIRED: Final = "AUTH_REQUIRED"
ACCOUNT_ERROR: Final = "ERROR"
ACCOUNT_UNSUPPORTED: Final = "UNSUPPORTED"
ACCOUNT_UNKNOWN: Final = "UNKNOWN"


class ReportedUsage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    Usage as the vendor's own report sums it up, per model, day or key.

    Kept beside our events and never added to them: the same requests may have been seen locally.
    """

    window: str
    """`1d`, `7d`, `30d`, `month`, `cycle`, `all`; with `date` the single day."""
    date: str = ""
    """`YYYY-MM-DD` as the vendor counts days (UTC unless its reference says otherwise)."""
    model: str = ""
    group: str = ""
    """What else the vendor splits by: upstream provider, endpoint, tool, API key's name."""
    input: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    output: int | None = None
    reasoning: int | None = None
    total: int | None = None
    """Tokens when the vendor gives only a sum."""
    requests: int | None = None
    cost: float | None = None
    currency: str = ""
    money_kind: str = ""
    """`billed`, `estimate`, `credits`; empty without a cost."""


class UsageSnapshot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    What one poll of one account learned.

    A failed poll has an error status and no metrics; the store keeps the last good one beside it.
    """

    provider_id: str
    account_id: str
    ts_ms: int
    status: str
    message: str = ""
    metrics: tuple[LimitMetric, ...] = ()
    attributes: dict[str, str] = {}
    """Plan, organisation kind, source of the figures.  Never an e-mail address or a token."""
    retry_after_s: float | None = None
    """What the vendor asked for; honoured across restarts."""
    reported: tuple[ReportedUsage, ...] = ()
    """The vendor's own account of usage, for comparison."""


class Account(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    One home of one tool or one API key, with everything needed to collect and poll it.

    Credentials are never here: a provider reads them at fetch time from where the tool or the
    environment keeps them.
    """

    id: str
    provider_id: str
    """Which provider module serves it: `claude_code`, `codex`, `opencode`."""
    title: str = ""
    home: str = ""
    """The tool's data directory (`~/.claude`, `~/.codex`, `~/.local/share/opencode`)."""
    paths: dict[str, str] = {}
    """Further named paths a provider wants (`config_dir`, `projects_dir`, ...)."""
    api_key_env: str = ""
    base_url: str = ""
    options: dict[str, str] = {}
    origin: str = ""
    """Why it exists: `settings`, `env:CLAUDE_CONFIG_DIR`, `default`."""


def total_tokens(event: UsageEvent) -> int:
    """Tokens of an event by the one definition used on every surface."""
    return (
        (event.input or 0)
        + (event.cache_read or 0)
        + (event.cache_write_5m or 0)
        + (event.cache_write_1h or 0)
        + (event.output or 0)
    )


def prompt_tokens(event: UsageEvent) -> int:
    """Size of the prompt, which decides the price tier of the whole request."""
    return (
        (event.input or 0)
        + (event.cache_read or 0)
        + (event.cache_write_5m or 0)
        + (event.cache_write_1h or 0)
    )
