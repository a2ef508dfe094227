"""
A status line from stdin alone, for when the daemon does not answer.

Shows what the host itself knows, worded as the daemon words it: model, session cost, the vendor's
limit windows, context.
Separate from `statusline` because it needs the JSON parser, which costs time.
"""

from __future__ import annotations

import json
from typing import Any, Final

from openusage_client.tui.text import clean

MEDIUM_PERCENT: Final = 50.0
HIGH_PERCENT: Final = 80.0
_GREEN, _YELLOW, _RED = "32", "33", "31"
_WINDOWS: Final = (("five_hour", "5h"), ("seven_day", "week"))
_MAX_NAME: Final = 40


def line(
    data: bytes,
    *,
    color: bool,
    ascii_only: bool,
    thresholds: tuple[float, float] = (MEDIUM_PERCENT, HIGH_PERCENT),
) -> str:
    """
    One line for the host's JSON; missing, null or malformed parts are left out.

    Args:
        data: stdin as it came; anything.
        color: whether percentages get SGR colours.
        ascii_only: nothing beyond ASCII of our own.
        thresholds: from which share of the context it turns yellow and red.
    """
    try:
        host = json.loads(data) if data.strip() else {}
    except (ValueError, RecursionError):
        host = {}
    about = "~$" if ascii_only else "≈$"
    parts = [_model(host)]
    cost = _number(_get(host, "cost", "total_cost_usd"))
    if cost:
        parts.append(f"{about}{cost:.2f} session")
    for key, label in _WINDOWS:
        used = _number(_get(host, "rate_limits", key, "used_percentage"))
        if used is not None:
            parts.append(_paint(f"{label} {_percent(used)} used", used, color=color))
    context = _number(_get(host, "context_window", "used_percentage"))
    if context is not None:
        text = f"context {_percent(context)}"
        parts.append(_paint(text, context, color=color, thresholds=thresholds))
    return (" | " if ascii_only else " │ ").join(parts)


def _get(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _number(value: Any) -> float | None:
    """A finite number; booleans, strings and NaN are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e12 else None


def _model(host: Any) -> str:
    for name in (_get(host, "model", "display_name"), _get(host, "model", "id")):
        if isinstance(name, str) and name.strip():
            return clean(name.strip())[:_MAX_NAME]
    return "claude"


def _percent(value: float) -> str:
    # Rounded down like everywhere: 100% only once the limit is reached.
    return f"{max(0, int(value))}%"


def _paint(
    text: str,
    percent: float,
    *,
    color: bool,
    thresholds: tuple[float, float] = (MEDIUM_PERCENT, HIGH_PERCENT),
) -> str:
    if not color:
        return text
    medium, high = thresholds
    code = _RED if percent >= high else _YELLOW if percent >= medium else _GREEN
    return f"\x1b[{code}m{text}\x1b[0m"
