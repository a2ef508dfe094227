"""
The answer of `status` (spec/jsonrpc.md, Methods): is the daemon well, what does it read.

Beside `messages.py`, which has the other methods: this is what a person looks at when something is
wrong, and what monitoring reads.
"""

from __future__ import annotations

from dataclasses import field

from openusage_proto.alert_messages import AlertStatus
from openusage_proto.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusParams:
    """No parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """One account as the collector and the poller see it."""

    account_id: str
    provider_id: str
    title: str
    home: str
    origin: str = ""
    units: int = 0
    bytes: int = 0
    last_scan_at: str | None = None
    last_change_at: str | None = None
    last_poll_at: str | None = None
    next_poll_at: str | None = None
    poll_status: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportProgress:
    """A first import; `done_bytes` of `total_bytes` have been read."""

    active: bool
    total_bytes: int = 0
    done_bytes: int = 0
    total_units: int = 0
    done_units: int = 0
    events: int = 0
    started_at: str | None = None
    finished_at: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolStatus:
    """Files waiting in, rejected from, and dropped from the spool."""

    pending: int = 0
    rejected: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCounts:
    """Events since the database was made (`stored`) and since this daemon started."""

    stored: int = 0
    identities: int = 0
    accepted: int = 0
    deduplicated: int = 0
    merged: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentError:
    """An error since the start, newest first; repeated ones are counted."""

    at: str
    where: str
    message: str
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RepriceProgress:
    """The running or the last re-pricing; sums are those of the estimates it has changed."""

    active: bool = False
    total_events: int = 0
    done_events: int = 0
    changed_events: int = 0
    cost_before_usd: float = 0.0
    cost_after_usd: float = 0.0
    started_at: str | None = None
    finished_at: str | None = None
    seconds: float = 0.0
    error: str = ""
    aged_requests_changed: int = 0
    """Requests whose detail is gone and whose cost could be worked out exactly all the same."""
    aged_requests_left: int = 0
    """Requests whose detail is gone and whose cost stays as it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The answer of `status`."""

    version: str
    protocol: int
    pid: int
    started_at: str
    uptime_s: float
    cpu_s: float
    rss_bytes: int
    seq: int
    socket: str
    database: str
    database_bytes: int
    wal_bytes: int
    demo: bool
    connections: int
    subscribers: int
    queues: dict[str, int]
    events: EventCounts
    spool: SpoolStatus
    importing: ImportProgress
    repricing: RepriceProgress = field(default_factory=RepriceProgress)
    alerts: AlertStatus = field(default_factory=AlertStatus)
    sources: list[SourceStatus] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    errors: list[RecentError] = field(default_factory=list)
    integrations: dict[str, str] = field(default_factory=dict)
