"""
What the figures of a limit mean: the share used, the length of its window, its reset.

Shared by both sides, so that an alert of the daemon and a gauge of the dashboard agree about one
metric.  One convention everywhere: per cent USED, never remaining.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Final

from openusage_proto.messages import Metric

_WINDOW: Final = re.compile(r"(\d+)\s*(m|h|d|w)")
_NO_LIMIT: Final = re.compile(
    r"cache_hit|cycle_progress|context_window|success_rate|ai_code_percentage|ai_share"
)
_UNIT_S: Final = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_NAMED_S: Final = {"today": 86_400, "day": 86_400, "week": 604_800}


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


def window_seconds(window: str) -> float | None:
    """Length of a limit's window: `5h`, `7d`, `today`; None for months and unknown words."""
    text = window.strip().lower()
    if text in _NAMED_S:
        return float(_NAMED_S[text])
    match = _WINDOW.fullmatch(text)
    return float(int(match[1]) * _UNIT_S[match[2]]) if match else None


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


def moment(iso: str) -> datetime:
    """An instant of the wire; the far past for one that is no time, so that it reads as over."""
    try:
        found = datetime.fromisoformat(iso)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
