"""
The plan's limits as metrics, whichever of the two ways they came.

Both the vendor's usage endpoint and the status line's input report percentages of windows; here
they get the same keys, so that each replaces the other's older figure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from openusaged.core.models import (
    ACCOUNT_LIMITED,
    ACCOUNT_NEAR_LIMIT,
    ACCOUNT_OK,
    LimitMetric,
)

LABELS: Final = {
    "five_hour": "5-hour limit",
    "seven_day": "Weekly limit",
    "seven_day_sonnet": "Weekly Sonnet limit",
    "seven_day_opus": "Weekly Opus limit",
    "seven_day_cowork": "Weekly Cowork limit",
    "seven_day_oauth_apps": "Weekly apps limit",
    "spend_limit": "Spend limit",
}
NEAR_LIMIT_PERCENT: Final = 90.0


def percent_metric(name: str, used: float, resets_at_ms: int | None, now_ms: int) -> LimitMetric:
    """
    A gauge of `used` percent of the window `name` (`five_hour`, `seven_day_opus` ...).

    A window whose reset has passed is empty, whatever was said about it before.
    """
    if resets_at_ms is not None and resets_at_ms <= now_ms:
        used = 0.0
    return LimitMetric(
        key=f"usage_{name}",
        unit="%",
        window=_window(name),
        label=LABELS.get(name) or _label(name),
        used=float(used),
        limit=100.0,
        remaining=max(100.0 - used, 0.0),
        resets_at_ms=resets_at_ms,
    )


def status_of(metrics: Iterable[LimitMetric]) -> str:
    """The account's status by its fullest window."""
    fullest = max(
        (metric.used for metric in metrics if metric.unit == "%" and metric.used is not None),
        default=0.0,
    )
    if fullest >= 100.0:
        return ACCOUNT_LIMITED
    return ACCOUNT_NEAR_LIMIT if fullest >= NEAR_LIMIT_PERCENT else ACCOUNT_OK


def _window(name: str) -> str:
    if name == "five_hour":
        return "5h"
    return "month" if name == "spend_limit" else "7d"


def _label(name: str) -> str:
    return f"Weekly {name.removeprefix('seven_day_').replace('_', ' ')} limit"
