"""
Parameters and results of `report` and `reconcile` (spec/jsonrpc.md, Methods).

Beside `messages.py`, which has the other methods: reports are what scripts read most, and their
fields are documented as a JSON schema of their own (spec/schemas/report.schema.json).
"""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from openusage_proto.values import dataclass

CostMode = Literal["calculate", "display", "auto"]
ReportKind = Literal[
    "daily", "weekly", "monthly", "session", "blocks", "models", "projects", "branches"
]
Breakdown = Literal["model", "account", "provider", "client", "project", "branch", "agent"]
SortKey = Literal["key", "cost", "tokens", "requests", "activity"]
Order = Literal["asc", "desc"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportParams:
    """
    What to count, which part of it, and how to arrange the rows.

    Dates are inclusive local days of `tz`.  `breakdown` asks for child rows, `breakdown_by` for
    what; `top_models` keeps that many children and folds the rest into one, so that children
    always add up to their row.  `top` does the same to the rows: of days, sessions and blocks the
    newest stay, of the others the first.  0 is all of them, null the kind's default: 1000
    sessions, all of the others.
    """

    kind: ReportKind
    since: str | None = None
    until: str | None = None
    tz: str | None = None
    provider: str | None = None
    project: str | None = None
    account: str | None = None
    model: str | None = None
    branch: str | None = None
    mode: CostMode = "calculate"
    breakdown: bool = False
    breakdown_by: Breakdown = "model"
    top_models: int = 0
    top: int | None = None
    sort: SortKey | None = None
    order: Order | None = None
    week_start: Literal["monday", "sunday"] = "monday"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRow:
    """
    One row, child row or the totals; absent when empty as the field's default says.

    `window_source` of a block: `vendor` (the vendor's own window, the truth, with the share it
    says is used) or `log` (derived from local records).
    """

    key: str
    label: str
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_creation_tokens: int = 0
    total_tokens: int = 0
    cost_usd: float = 0.0
    requests: int = 0
    reasoning_tokens: int = 0
    cost_basis: str = "estimate"
    unpriced_requests: int = 0
    other_costs: dict[str, float] = field(default_factory=dict)
    provider: str | None = None
    account: str | None = None
    project: str | None = None
    branch: str | None = None
    models: list[str] = field(default_factory=list)
    model_breakdown: list[ReportRow] | None = None
    breakdown: list[ReportRow] | None = None
    """Child rows by anything but the model."""
    sessions: int | None = None
    start: str | None = None
    end: str | None = None
    last_activity: str | None = None
    active: bool | None = None
    window_source: str | None = None
    used_percent: float | None = None
    time_remaining_seconds: float | None = None
    burn_rate_usd_per_hour: float | None = None
    projected_cost_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSource:
    """
    One account that feeds the report and how complete it is.

    `status`: `ok`, `error` (`note` says what could not be read), `vendor_only` (nothing was seen
    on this machine, the vendor reports usage: see `reconcile`).
    """

    account: str
    provider: str
    status: str
    last_event_at: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The answer of `report` and the body of every `--json` report."""

    schema_version: int
    kind: str
    timezone: str
    currency: str
    cost_basis: str
    generated_at: str
    seq: int
    rows: list[ReportRow]
    totals: ReportRow
    unpriced_models: list[str] = field(default_factory=list)
    approximate_models: list[str] = field(default_factory=list)
    """Models whose estimate is a guess: a sibling's price, or one for another tier."""
    sources: list[ReportSource] = field(default_factory=list)
    since: str | None = None
    until: str | None = None
    history_starts: str | None = None
    """Local day of the oldest event ever counted, whatever the report shows."""
    note: str = ""


# ------------------------------------------------------------------ reconcile


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileParams:
    """Which account's vendor figures to compare; all when it is not given."""

    account: str | None = None
    mode: CostMode = "calculate"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileSide:
    """What one side counted; null where it does not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_creation_tokens: int | None = None
    total_tokens: int | None = None
    requests: int | None = None
    cost: float | None = None
    currency: str = ""
    cost_basis: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileRow:
    """
    One period, model or group as the vendor reports it, beside what was counted here.

    `verdict`: `agrees` (within one per cent), `vendor_more` (used elsewhere, or not recorded
    here), `local_more` (look into it: `explain`), `not_comparable` (`reason` says why).
    """

    account: str
    provider: str
    window: str
    verdict: str
    vendor: ReconcileSide
    local: ReconcileSide | None = None
    date: str = ""
    model: str = ""
    group: str = ""
    since: str | None = None
    until: str | None = None
    cost_difference: float | None = None
    """Vendor minus local, where both are the same currency."""
    token_difference: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """The answer of `reconcile`."""

    schema_version: int
    generated_at: str
    seq: int
    rows: list[ReconcileRow]
    accounts_without_report: list[str] = field(default_factory=list)
