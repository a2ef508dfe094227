"""
One line of text for Claude Code's status bar.

What the host itself says comes first: it knows the model, its official 5-hour and weekly
percentages and the context window.  The store adds what only we know: today's cost over all
sessions and this session's cost by the same prices as every report.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Final

from openusaged.core.models import NANO
from openusaged.core.windows import day_start_ms, local_date, quarter_of
from openusaged.storage.store import Store
from openusaged.usecases.totals import sum_rows

SOURCE: Final = "claude_code"
RESET: Final = "\x1b[0m"
GREEN: Final = "\x1b[32m"
YELLOW: Final = "\x1b[33m"
RED: Final = "\x1b[31m"
WARN_PERCENT: Final = 50.0
HIGH_PERCENT: Final = 80.0
MAX_NAME: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Estimated costs in USD; None when nothing is known."""

    session: float | None
    today: float | None


def read_costs(
    store: Store, session_id: str, accounts: frozenset[str], now_ms: int, zone: tzinfo
) -> Costs:
    """Cost of the session and of the local day, from the store; runs in a reader thread."""
    today = quarter_of(day_start_ms(local_date(now_ms, zone), zone))
    rows = store.usage_rows(
        start_q=today, end_q=quarter_of(now_ms) + 97, accounts=sorted(accounts) or None
    )
    day = sum_rows(rows)
    session = store.session(SOURCE, session_id) if session_id else None
    spent = sum_rows(session.rows) if session is not None else None
    return Costs(
        session=spent.cost_nano / NANO if spent is not None and spent.requests else None,
        today=day.cost_nano / NANO if day.requests else None,
    )


def render(payload: Mapping[str, Any], costs: Costs, *, color: bool, ascii_only: bool) -> str:
    """The line; parts that are not known are left out."""
    paint = _paint if color else _plain
    parts = [_text(_get(payload, "model", "display_name") or _get(payload, "model", "id"))]
    money = []
    session = costs.session
    if session is None:
        session = _number(_get(payload, "cost", "total_cost_usd"))
    about = "~$" if ascii_only else "≈$"
    if session is not None:
        money.append(f"{about}{session:.2f} session")
    if costs.today is not None:
        money.append(f"{about}{costs.today:.2f} today")
    if money:
        parts.append(" / ".join(money))
    for key, label in (("five_hour", "5h"), ("seven_day", "week")):
        percent = _number(_get(payload, "rate_limits", key, "used_percentage"))
        if percent is not None:
            parts.append(paint(f"{label} {whole(percent)}% used", percent))
    context = _number(_get(payload, "context_window", "used_percentage"))
    if context is not None:
        parts.append(paint(f"context {whole(context)}%", context))
    bar = " | " if ascii_only else " │ "
    return bar.join(part for part in parts if part)


def whole(percent: float) -> int:
    """Whole per cent, rounded down: 99.6 is not all of it (and 29.0 that came out as 28.999 is)."""
    return math.floor(percent + 1e-6)


def _plain(text: str, percent: float) -> str:
    del percent
    return text


def _paint(text: str, percent: float) -> str:
    tint = RED if percent >= HIGH_PERCENT else YELLOW if percent >= WARN_PERCENT else GREEN
    return f"{tint}{text}{RESET}"


def _get(payload: Any, *path: str) -> Any:
    for name in path:
        if not isinstance(payload, Mapping):
            return None
        payload = payload.get(name)
    return payload


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        return ""
    clean = "".join(character for character in value if character.isprintable())
    return clean[:MAX_NAME]
