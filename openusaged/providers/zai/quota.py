"""
The windows of a coding plan: `/api/monitor/usage/quota/limit`.

In these rows `usage` is the limit, `currentValue` what was used, and `percentage` is per cent,
also when it is 1 or less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from openusage_proto.values import dataclass
from openusaged.core.models import ReportedUsage
from openusaged.providers.shared.figures import Figures
from openusaged.providers.shared.json_values import (
    as_count,
    as_epoch_ms,
    as_list,
    as_number,
    as_object,
    as_text,
)

_HOURS_OF_UNIT: Final = {1: 24, 3: 1, 4: 24, 5: 720, 6: 168}
_NAME_OF_HOURS: Final = {5: "five_hour", 24: "daily", 168: "weekly", 720: "monthly"}
_AMOUNT_WINDOWS: Final = ("five_hour", "weekly")
_FIVE_HOURS: Final = 5
_LABELS: Final = {
    "usage_five_hour": "5-hour limit",
    "usage_daily": "daily limit",
    "usage_weekly": "weekly limit",
    "usage_monthly": "monthly limit",
    "mcp_monthly_usage": "MCP calls",
}


@dataclass(frozen=True, slots=True)
class Fullness:
    """How full a window is, in words for a message."""

    key: str
    percent: float

    @property
    def label(self) -> str:
        """The window by name."""
        return _LABELS.get(self.key, "limit")


def note_quota(figures: Figures, data: object) -> list[Fullness]:
    """Put the windows among the figures; how full each is, in the order of the answer."""
    figures.note("plan", as_text(as_object(data).get("level")))
    return [full for row in _rows(data) for full in _note_row(figures, row)]


def _rows(data: object) -> Iterator[Mapping[str, Any]]:
    outer = as_object(data)
    if "type" in outer or "limitType" in outer:
        yield outer
        return
    for value in (outer.get("limits"), outer.get("items"), outer.get("data"), data):
        if isinstance(value, list):
            yield from (row for row in value if isinstance(row, Mapping))
            return


def _first(row: Mapping[str, Any], *names: str) -> float | None:
    return next((n for name in names if (n := as_number(row.get(name))) is not None), None)


def _note_row(figures: Figures, row: Mapping[str, Any]) -> Iterator[Fullness]:
    kind = as_text(row.get("type")) or as_text(row.get("limitType"))
    limit = _first(row, "usage", "limit", "quota")
    used = _first(row, "currentValue", "current", "used")
    remaining = _first(row, "remaining")
    percent = _first(row, "percentage", "usedPercent", "used_percentage")
    if percent is None and limit and used is not None:
        percent = used / limit * 100
    resets = next(
        (ms for name in ("nextResetTime", "resetTime", "reset_at") if (ms := _moment(row, name))),
        None,
    )
    if kind == "TIME_LIMIT":
        amounts = (limit, used, remaining)
        if any(amount is not None for amount in amounts):
            figures.add(
                "mcp_monthly_usage",
                used=used,
                limit=limit,
                remaining=remaining,
                resets_at_ms=resets,
            )
        figures.reported += _tool_shares(row)
        if percent is not None:
            yield Fullness("mcp_monthly_usage", percent)
        return
    if kind not in ("TOKENS_LIMIT", "CREDIT_LIMIT") or percent is None:
        return
    hours = _hours(row)
    name = _NAME_OF_HOURS.get(hours, "")
    key = f"usage_{name}" if name else f"usage_window:{hours}h"
    figures.add_percent(key, percent, resets)
    if name in _AMOUNT_WINDOWS and limit is not None:
        amount = "credits" if kind == "CREDIT_LIMIT" else "tokens"
        figures.add(
            f"{amount}_{name}", used=used, limit=limit, remaining=remaining, resets_at_ms=resets
        )
    yield Fullness(key, percent)


def _moment(row: Mapping[str, Any], name: str) -> int | None:
    return as_epoch_ms(row.get(name))


def _hours(row: Mapping[str, Any]) -> int:
    """Length of the window; older answers name none and mean five hours."""
    unit = _HOURS_OF_UNIT.get(as_count(row.get("unit")) or 0)
    number = as_count(row.get("number"))
    return unit * number if unit and number else _FIVE_HOURS


def _tool_shares(row: Mapping[str, Any]) -> Iterator[ReportedUsage]:
    for entry in as_list(row.get("usageDetails")):
        detail = as_object(entry)
        name, calls = as_text(detail.get("modelCode")), as_count(detail.get("usage"))
        if name and calls:
            yield ReportedUsage(window="month", group=name, requests=calls)
