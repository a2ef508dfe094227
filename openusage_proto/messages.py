"""
Typed parameters and results of every method (spec/jsonrpc.md, Methods).

One dataclass per object on the wire; field names are the wire's names.  The daemon decodes
parameters into these (a wrong type is refused with its path) and encodes results from them;
`spec/openrpc.json` is generated from them.  Standard library only, so that the client starts fast.

A field with a default is optional.  `None` means unknown and 0 means zero, on both sides.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal

from openusage_proto.report_messages import (
    CostMode as CostMode,  # noqa: PLC0414 - one place to import the wire's objects from
)
from openusage_proto.report_messages import Report as Report  # noqa: PLC0414
from openusage_proto.report_messages import ReportKind as ReportKind  # noqa: PLC0414
from openusage_proto.report_messages import ReportParams as ReportParams  # noqa: PLC0414
from openusage_proto.report_messages import ReportRow as ReportRow  # noqa: PLC0414
from openusage_proto.report_messages import ReportSource as ReportSource  # noqa: PLC0414
from openusage_proto.status_messages import EventCounts as EventCounts  # noqa: PLC0414
from openusage_proto.status_messages import ImportProgress as ImportProgress  # noqa: PLC0414
from openusage_proto.status_messages import RecentError as RecentError  # noqa: PLC0414
from openusage_proto.status_messages import SourceStatus as SourceStatus  # noqa: PLC0414
from openusage_proto.status_messages import SpoolStatus as SpoolStatus  # noqa: PLC0414
from openusage_proto.status_messages import Status as Status  # noqa: PLC0414
from openusage_proto.status_messages import StatusParams as StatusParams  # noqa: PLC0414
from openusage_proto.values import dataclass

Window = Literal["1d", "3d", "7d", "30d", "all"]
EventType = Literal[
    "turn_completed",
    "message_usage",
    "tool_usage",
    "raw_envelope",
    "limit_snapshot",
    "reconcile_adjustment",
]
EventStatus = Literal["ok", "error", "aborted", "unknown"]


# ---------------------------------------------------------------- ingest_turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """
    One normalised event, for any tool in any language.

    Token buckets are disjoint: `input_tokens` is uncached input, `output_tokens` includes
    reasoning.  At least one of the ids should be given: it is what makes a repeated delivery
    harmless.  `occurred_at` is ISO 8601 with zone, or epoch milliseconds.
    """

    event_type: EventType = "message_usage"
    occurred_at: str | int | None = None
    provider: str = ""
    client: str = ""
    model: str = ""
    session_id: str = ""
    parent_session_id: str = ""
    turn_id: str = ""
    message_id: str = ""
    request_id: str = ""
    tool_call_id: str = ""
    agent: str = ""
    cwd: str = ""
    branch: str = ""
    input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_5m_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    requests: int | None = None
    is_sum: bool = False
    """Several requests added up: no price for a single large prompt applies."""
    cost: float | None = None
    currency: str = "USD"
    service_tier: str = ""
    tool_name: str = ""
    mcp_server: str = ""
    mcp_function: str = ""
    language: str = ""
    lines_added: int | None = None
    lines_removed: int | None = None
    status: EventStatus = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestParams:
    """`source` and either `turn` (normalised) or `payload` (an agent's own hook JSON)."""

    source: str
    turn: Turn | None = None
    payload: dict[str, Any] | None = None
    account_id: str = ""
    observed_at: str | int | None = None
    delivery_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestResult:
    """Answered after commit: how many events were new, already known, or known and completed."""

    accepted: int
    deduplicated: int
    merged: int
    seq: int


# ----------------------------------------------------------------- read_model


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModelParams:
    """
    `window` (or `since`/`until`, ISO dates in `tz` or ISO instants), zone and account filter.

    `if_seq`: the `seq` of the answer the caller holds; `{"unchanged": true}` when it still stands.
    """

    window: Window = "30d"
    since: str | None = None
    until: str | None = None
    tz: str | None = None
    accounts: list[str] | None = None
    if_seq: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """
    Sums of one group.  `total_tokens = input + output + cache_read + cache_creation`.

    `cost_usd` is what `cost_basis` says: `estimate` (API-equivalent list price), `recorded` (what
    the tool or vendor logged), `mixed`, or `unpriced` (no price known: then 0 is no statement and
    `unpriced_requests` counts what is missing).
    """

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_creation_tokens: int = 0
    cache_creation_1h_tokens: int = 0
    reasoning_tokens: int = 0
    total_tokens: int = 0
    cost_usd: float = 0.0
    cost_basis: str = "estimate"
    unpriced_requests: int = 0
    other_costs: dict[str, float] = field(default_factory=dict)
    """Recorded amounts in currencies other than USD; never added to `cost_usd`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedTotals:
    """One row of a breakdown."""

    name: str
    totals: Totals
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCount:
    """One row of a tool, MCP or language breakdown."""

    name: str
    calls: int
    errors: int = 0
    aborted: int = 0
    lines_added: int = 0
    lines_removed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTotals:
    """One local day (`YYYY-MM-DD` in the answer's zone)."""

    date: str
    totals: Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One limit, quota or balance figure; unknown numbers are null."""

    key: str
    unit: str
    label: str = ""
    window: str = ""
    used: float | None = None
    limit: float | None = None
    remaining: float | None = None
    resets_at: str | None = None
    money_kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the events of one account add up to in the window."""

    totals: Totals
    today: Totals
    sessions: int = 0
    turns: int = 0
    last_event_at: str | None = None
    models: list[NamedTotals] = field(default_factory=list)
    clients: list[NamedTotals] = field(default_factory=list)
    projects: list[NamedTotals] = field(default_factory=list)
    projects_today: list[NamedTotals] = field(default_factory=list)
    agents: list[NamedTotals] = field(default_factory=list)
    providers: list[NamedTotals] = field(default_factory=list)
    tools: list[NamedCount] = field(default_factory=list)
    mcp: list[NamedCount] = field(default_factory=list)
    languages: list[NamedCount] = field(default_factory=list)
    days: list[DayTotals] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSnapshot:
    """
    One account: the last good poll overlaid with the window's usage.

    `status` is the latest poll's; `metrics` are the last good ones, `stale_reason` says why when
    they are older than that.
    """

    account_id: str
    provider_id: str
    title: str
    status: str
    message: str = ""
    fetched_at: str | None = None
    stale_since: str | None = None
    stale_reason: str = ""
    metrics: list[Metric] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)
    upstream: list[NamedTotals] = field(default_factory=list)
    """Who answered behind a router in the last 30 days, by the vendor's own report."""
    usage: Usage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmapped:
    """Events that no account owns, with a suggestion for `telemetry.provider_links`."""

    source: str
    account_id: str
    provider: str
    suggestion: str
    totals: Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModel:
    """The answer of `read_model`; all but the first two fields are absent when unchanged."""

    seq: int
    unchanged: bool = False
    generated_at: str = ""
    timezone: str = ""
    window: str = ""
    since: str | None = None
    until: str | None = None
    importing: bool = False
    demo: bool = False
    accounts: list[AccountSnapshot] = field(default_factory=list)
    totals: Totals | None = None
    unmapped: list[Unmapped] = field(default_factory=list)
    unpriced_models: list[str] = field(default_factory=list)


# ------------------------------------------------------------- the other ones


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeParams:
    """`after_seq`: push at once when the store has moved past it."""

    after_seq: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeResult:
    """The sequence the subscription starts from."""

    seq: int
    subscribed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubscribeParams:
    """No parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModelChanged:
    """Parameters of the notification that subscribers get, at most ten times a second."""

    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvidersParams:
    """No parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """A metric a provider's tile shows as a gauge, in order."""

    metric: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Widget:
    """What a tile or a detail view shows of a provider; data, drawn by the client."""

    gauges: list[Gauge] = field(default_factory=list)
    sections: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderInfo:
    """One provider the daemon knows."""

    id: str
    title: str
    kind: str
    auth: str
    description: str
    capabilities: list[str]
    dashboard_widget: Widget
    detail_widget: Widget
    setup: str = ""
    variables: list[str] = field(default_factory=list)
    cookie_domain: str = ""
    cookie_name: str = ""
    accounts: list[str] = field(default_factory=list)
    state: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Providers:
    """The answer of `providers`."""

    providers: list[ProviderInfo]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsParams:
    """No parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountInfo:
    """One account and why it exists."""

    account_id: str
    provider_id: str
    title: str
    home: str
    origin: str
    enabled: bool
    auth: str = ""
    status: str = ""
    base_url: str = ""
    credential: str = ""
    variable: str = ""
    source: str = ""
    unused_sources: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """The answer of `accounts`; `browsers` are those with a profile on this machine."""

    accounts: list[AccountInfo]
    browsers: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshParams:
    """Detect, scan and poll now; vendors' own limits are still honoured."""

    accounts: list[str] | None = None
    wait: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshResult:
    """What was started; with `wait` the answer comes when the scan has been committed."""

    accounts: list[str]
    polls_deferred: list[str]
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsGetParams:
    """No parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsResult:
    """The effective settings, where they come from and what was wrong with the file."""

    path: str
    settings: dict[str, Any]
    warnings: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatuslineParams:
    """
    Claude Code's status line input, and how to draw the answer.

    `segments` in any order (null: the default ones); they are drawn in one fixed order.  `width`
    drops segments from the right until the line fits; 0 is any width.
    """

    payload: dict[str, Any]
    color: bool = True
    ascii: bool = False
    segments: list[str] | None = None
    context_medium: float = 50.0
    context_high: float = 80.0
    width: int = 0
    mode: CostMode = "calculate"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatuslineResult:
    """One line of text, ready to print."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoverParams:
    """No parameters."""
