"""
Parameters and results of `activity` and `series` (spec/jsonrpc.md, Methods): figures over time.

Separate from `messages` because only charts need them; the same rules apply.
"""

from __future__ import annotations

from dataclasses import field

from openusage_proto.messages import Window
from openusage_proto.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityParams:
    """
    A range and what to look at; nothing named is everything.

    `account`, `model` and `project` as in `explain`; `top` is how many rows of each breakdown are
    listed.
    """

    window: Window = "30d"
    since: str | None = None
    until: str | None = None
    tz: str | None = None
    account: str | None = None
    model: str | None = None
    project: str | None = None
    top: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityDays:
    """
    One line of figures per local day, in the order of `Activity.dates`.

    `cost_usd` is the cost as `Totals.cost_usd` has it, `unpriced` the requests without any.
    """

    name: str
    label: str
    tokens: list[int]
    requests: list[int]
    cost_usd: list[float]
    unpriced: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityHour:
    """One local hour in which something happened."""

    at: str
    tokens: int
    requests: int
    cost_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """
    The answer of `activity`.

    `dates` are consecutive local days; `history_since` is the first day anything is known of.
    `hours` are the active hours of the last eight weeks whatever the range is: what a week looks
    like.  `calls` of `mcp` are in `requests`.
    """

    seq: int
    timezone: str
    dates: list[str]
    days: ActivityDays
    history_since: str | None
    hours_since: str
    hours: list[ActivityHour]
    models: list[ActivityDays] = field(default_factory=list)
    clients: list[ActivityDays] = field(default_factory=list)
    projects: list[ActivityDays] = field(default_factory=list)
    mcp: list[ActivityDays] = field(default_factory=list)
    other_currencies: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesParams:
    """The measured points of an account's limits and balances; `metrics` null: all of them."""

    account: str
    metrics: list[str] | None = None
    since: str | None = None
    tz: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPoint:
    """A figure as one poll found it; a stretch without change has only its ends."""

    at: str
    used: float | None = None
    limit: float | None = None
    remaining: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSeries:
    """The points of one metric, oldest first."""

    metric: str
    unit: str
    points: list[SeriesPoint]
    money_kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The answer of `series`."""

    seq: int
    account: str
    series: list[MetricSeries]
