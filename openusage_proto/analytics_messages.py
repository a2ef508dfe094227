"""
Parameters and result of `analytics` (spec/jsonrpc.md, Methods): all accounts over a period.

Separate from `messages` because only the analytics screen needs it; the same rules apply.
"""

from __future__ import annotations

from dataclasses import field

from openusage_proto.messages import Totals, Window
from openusage_proto.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyticsParams:
    """
    A period, as in `read_model`.

    `top` is how many names of each breakdown come with their days.
    """

    window: Window = "30d"
    since: str | None = None
    until: str | None = None
    tz: str | None = None
    top: int = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyticsRow:
    """
    What one name (an account, model, tool, project or MCP server) used on one account.

    `account` is empty for what no account owns.  `previous` is null where there is no period
    before this one.  The lists have a figure per day of `Analytics.dates`, or none at all.
    `recorded_usd` is the part of `cost_usd` that a source wrote down, the rest is estimated.
    """

    account: str
    name: str
    label: str
    totals: Totals
    previous: Totals | None = None
    tokens: list[int] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)
    cost_usd: list[float] = field(default_factory=list)
    recorded_usd: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyticsHour:
    """What an account used in one hour (0..23) of one weekday (0 is Monday)."""

    account: str
    weekday: int
    hour: int
    requests: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Analytics:
    """
    The answer of `analytics`.

    `previous_since` and `previous_until` are the period of equal length before this one, null where
    there is none; `previous_complete` is False when history begins within it.  `dates` are
    consecutive local days, the latest 366 of the period; `hours` are of the same days.  `calls` of
    `mcp` are in `requests` and in `totals.requests`.
    """

    seq: int
    timezone: str
    since: str | None
    until: str
    previous_since: str | None
    previous_until: str | None
    previous_complete: bool
    history_since: str | None
    dates: list[str]
    accounts: list[AnalyticsRow] = field(default_factory=list)
    models: list[AnalyticsRow] = field(default_factory=list)
    clients: list[AnalyticsRow] = field(default_factory=list)
    projects: list[AnalyticsRow] = field(default_factory=list)
    mcp: list[AnalyticsRow] = field(default_factory=list)
    hours: list[AnalyticsHour] = field(default_factory=list)
