"""
What a limit's figures mean on screen: its severity, its pace, which come first.

One convention everywhere: per cent USED; who wants to see what is left has that said where it is
drawn (`views.gauge`), never in a number that is passed on.  Pure functions of a metric and a time;
what both sides need of them is in `openusage_proto.limits`.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Final, NamedTuple

from openusage_proto.limits import is_gauge, is_limit, moment, used_percent, window_seconds
from openusage_proto.messages import AccountSnapshot, Metric, ProviderInfo
from openusage_proto.values import dataclass

__all__ = [
    "DEFAULT_THRESHOLDS",
    "Pace",
    "Thresholds",
    "figures",
    "gauges",
    "is_gauge",
    "is_limit",
    "label",
    "moment",
    "pace",
    "severity",
    "used_percent",
    "window_seconds",
]

_PACE_FROM: Final = 0.05
"""Share of a window that must have passed before a projection says anything."""


class Thresholds(NamedTuple):
    """Per cent used from which a limit is shown as a warning and as critical."""

    warn: float = 80.0
    critical: float = 95.0


DEFAULT_THRESHOLDS: Final = Thresholds()


@dataclass(frozen=True, slots=True)
class Pace:
    """
    How a limit's use compares with the time that has passed.

    `elapsed` is the share of the window behind us (0..1), `projected_percent` the use at the reset
    if it goes on like this (None too early to say), `full_in_s` the seconds until 100 % when that
    comes before the reset.
    """

    elapsed: float
    projected_percent: float | None = None
    full_in_s: float | None = None


def severity(percent: float | None, thresholds: Thresholds = DEFAULT_THRESHOLDS) -> str:
    """`ok`, or `warn` or `crit` from a threshold on; `muted` when unknown."""
    if percent is None:
        return "muted"
    if percent >= thresholds.critical:
        return "crit"
    return "warn" if percent >= thresholds.warn else "ok"


def pace(metric: Metric, now: datetime) -> Pace | None:
    """The pace of a limit; None when its window or reset is unknown or the reset has passed."""
    length = window_seconds(metric.window)
    if not length or not metric.resets_at:
        return None
    left = (moment(metric.resets_at) - now).total_seconds()
    if left <= 0 or left > length:
        return None
    elapsed = 1.0 - left / length
    used = used_percent(metric)
    if used is None or elapsed < _PACE_FROM:
        return Pace(elapsed)
    projected = used / elapsed
    if used <= 0 or used >= 100 or projected <= 100:
        return Pace(elapsed, projected)
    return Pace(elapsed, projected, (100.0 - used) / (used / (elapsed * length)))


def gauges(account: AccountSnapshot, provider: ProviderInfo | None) -> list[tuple[str, Metric]]:
    """
    The account's gauges as (label, metric): the provider's order first, then all others.

    Nothing is left out: a limit the provider's tile does not name still can stop a user.
    """
    by_key = {metric.key: metric for metric in account.metrics if is_gauge(metric)}
    wanted: list[tuple[str, Metric]] = []
    for gauge in provider.dashboard_widget.gauges if provider else ():
        metric = by_key.pop(gauge.metric, None)
        if metric is not None:
            wanted.append((gauge.label or label(metric), metric))
    return wanted + [(label(metric), metric) for metric in by_key.values()]


def figures(account: AccountSnapshot) -> list[Metric]:
    """The metrics without a ceiling that have a value: balances and sums."""
    return [
        metric
        for metric in account.metrics
        if not is_gauge(metric) and _is_number(metric.used, metric.remaining)
    ]


def _is_number(*values: float | None) -> bool:
    return any(value is not None and math.isfinite(value) for value in values)


def label(metric: Metric) -> str:
    """Words for a metric: its label, else its key with spaces."""
    return metric.label or metric.key.replace("_", " ")
