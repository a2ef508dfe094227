"""
A status line from stdin alone, for when the daemon does not answer.

Shows what the host itself knows: model, its own session cost, the vendor's limit windows, context.
Separate from `statusline` because it needs the JSON parser, which costs time.
"""

from __future__ import annotations

import json
from typing import Any, Final

from openusage_client.tui.text import clean

MEDIUM_PERCENT: Final = 50.0
HIGH_PERCENT: Final = 80.0
_GREEN, _YELLOW, _RED = "32", "33", "31"
_WINDOWS: Final = (("five_hour", "5h"), ("seven_day", "7d"))


def line(data: bytes, *, color: bool, ascii_only: bool) -> str:
    """
    One line for the host's JSON; missing, null or malformed parts are left out.

    Args:
        data: stdin as it came; anything.
        color: whether percentages get SGR colours.
        ascii_only: no emoji.
    """
    try:
        host = json.loads(data) if data.strip() else {}
    except (ValueError, RecursionError):
        host = {}
    segments = [
        _icon("🤖", ascii_only=ascii_only) + _model(host),
        _money(host, ascii_only=ascii_only),
        _limits(host, color=color, ascii_only=ascii_only),
        _context(host, color=color, ascii_only=ascii_only),
    ]
    return " | ".join(segment for segment in segments if segment)


def _icon(emoji: str, *, ascii_only: bool) -> str:
    return "" if ascii_only else f"{emoji} "


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
            return clean(name.strip()).rpartition("/")[2]
    return "claude"


def _money(host: Any, *, ascii_only: bool) -> str:
    cost = _number(_get(host, "cost", "total_cost_usd"))
    if cost is None or cost <= 0:
        return ""
    return f"{_icon('💰', ascii_only=ascii_only)}{'~' if ascii_only else '≈'}${cost:,.2f} sess"


def _limits(host: Any, *, color: bool, ascii_only: bool) -> str:
    parts = []
    for key, label in _WINDOWS:
        used = _number(_get(host, "rate_limits", key, "used_percentage"))
        if used is not None:
            parts.append(f"{label} {_percent(used, color=color)}")
    return f"{_icon('🕔', ascii_only=ascii_only)}{' / '.join(parts)} used" if parts else ""


def _context(host: Any, *, color: bool, ascii_only: bool) -> str:
    used = _number(_get(host, "context_window", "used_percentage"))
    if used is None:
        return ""
    return f"{_icon('🧠', ascii_only=ascii_only)}{_percent(used, color=color)} context"


def _percent(value: float, *, color: bool) -> str:
    # Rounded down like everywhere: 100% only once the limit is reached.
    text = f"{max(0, int(value))}%"
    if not color:
        return text
    code = _RED if value >= HIGH_PERCENT else _YELLOW if value >= MEDIUM_PERCENT else _GREEN
    return f"\x1b[{code}m{text}\x1b[0m"
