"""
What a limit's figures mean: share used, pace, and words for its reset.

One convention everywhere: per cent USED, never remaining.  Pure functions of a metric and a time.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from openusage_client.formatting import parse_iso
from openusage_proto.messages import AccountSnapshot, Metric, ProviderInfo

_WINDOW: Final = re.compile(r"(\d+)\s*(m|h|d|w)")
_NO_LIMIT: Final = re.compile(
    r"cache_hit|cycle_progress|context_window|success_rate|ai_code_percentage|ai_share"
)
_UNIT_S: Final = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_NAMED_S: Final = {"today": 86_400, "day": 86_400, "week": 604_800}
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


def used_percent(metric: Metric) -> float | None:
    """Per cent used, from whichever of used, limit and remaining are known; may exceed 100."""
    percent = _share_used(metric)
    return percent if percent is not None and math.isfinite(percent) else None


def _share_used(metric: Metric) -> float | None:
    if metric.unit == "%" and metric.used is not None:
        return metric.used
    if metric.unit == "%" and metric.remaining is not None:
        return 100.0 - metric.remaining
    if not metric.limit or metric.limit < 0:
        return None
    if metric.used is not None:
        return metric.used / metric.limit * 100.0
    if metric.remaining is not None:
        return (metric.limit - metric.remaining) / metric.limit * 100.0
    return None


def severity(percent: float | None, thresholds: Thresholds = DEFAULT_THRESHOLDS) -> str:
    """`ok`, or `warn` or `crit` from a threshold on; `muted` when unknown."""
    if percent is None:
        return "muted"
    if percent >= thresholds.critical:
        return "crit"
    return "warn" if percent >= thresholds.warn else "ok"


def window_seconds(window: str) -> float | None:
    """Length of a limit's window: `5h`, `7d`, `today`; None for months and unknown words."""
    text = window.strip().lower()
    if text in _NAMED_S:
        return float(_NAMED_S[text])
    match = _WINDOW.fullmatch(text)
    return float(int(match[1]) * _UNIT_S[match[2]]) if match else None


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


def is_limit(metric: Metric) -> bool:
    """
    True for a share that one can run out of.

    The others are shares, too, but no more than that: how far a billing cycle has come, how much of
    a prompt came from the cache, how much code an AI wrote.
    """
    return is_gauge(metric) and not _NO_LIMIT.search(metric.key)


def is_gauge(metric: Metric) -> bool:
    """True for a figure with a ceiling; a bare balance or sum is none."""
    return metric.unit == "%" or bool(metric.limit)


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


def moment(iso: str) -> datetime:
    """An instant of the wire; the far past for one that is no time, so that it reads as over."""
    try:
        return parse_iso(iso)
    except ValueError:
        return parse_iso("1970-01-01T00:00:00Z")
