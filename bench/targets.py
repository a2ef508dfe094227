"""What each figure should be; printed beside it, so that a miss is seen without a document."""

from __future__ import annotations

from typing import Final, NamedTuple


class Target(NamedTuple):
    """A bound: `<=` or `>=` and its value, in the unit of the figure."""

    relation: str
    bound: float

    def met_by(self, value: float) -> bool:
        """Whether the figure keeps the bound."""
        return value <= self.bound if self.relation == "<=" else value >= self.bound

    def __str__(self) -> str:
        return f"{self.relation} {self.bound:g}"


TARGETS: Final[dict[str, Target]] = {
    "import_seconds": Target("<=", 1.0),
    "import_daemon_rss_peak": Target("<=", 120),
    "import_status_p99": Target("<=", 50),
    "import_read_model_p99": Target("<=", 50),
    "read_model_30d_p50": Target("<=", 5),
    "read_model_30d_p99": Target("<=", 20),
    "read_model_30d_after_event_p50": Target("<=", 5),
    "read_model_30d_after_event_p99": Target("<=", 20),
    "read_model_if_seq_p50": Target("<=", 0.3),
    "ingest_serial": Target(">=", 2_000),
    "ingest_50_connections": Target(">=", 12_000),
    "daily_json_p50": Target("<=", 100),
    "weekly_json_p50": Target("<=", 150),
    "monthly_json_p50": Target("<=", 150),
    "models_json_p50": Target("<=", 150),
    "projects_json_p50": Target("<=", 150),
    "branches_json_p50": Target("<=", 150),
    "session_json_p50": Target("<=", 150),
    "blocks_json_p50": Target("<=", 150),
    "statusline_ratio": Target("<=", 1.5),
    "tmux_ratio": Target("<=", 1.5),
    "bar_ratio": Target("<=", 1.5),
    "hook.delivered_ratio": Target("<=", 1.6),
    "hook.spooled_ratio": Target("<=", 1.6),
    "hook.delivered_max_ms": Target("<=", 400),
    "hook.spooled_max_ms": Target("<=", 400),
    "idle_cpu": Target("<=", 0.1),
    "idle_rss": Target("<=", 70),
    "idle_written": Target("<=", 0),
    "written_per_event": Target("<=", 4_096),
}
"""Figures of other modules carry theirs in a `TARGETS` of the module."""
