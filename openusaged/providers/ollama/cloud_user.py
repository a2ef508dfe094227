"""
What ollama.com says about a user: plan, billing cycle and, in some answers, usage windows.

Names of fields come in several spellings and are compared without case and punctuation.  Name and
mail address are passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

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
from openusaged.providers.shared.utc_days import utc_date

_SESSION: Final = (
    "sessionusage",
    "usage5h",
    "usage5hour",
    "usagefivehour",
    "usagefivehours",
    "fivehourusage",
)
_WEEKLY: Final = (
    "weeklyusage",
    "usageweekly",
    "usage1d",
    "usage1day",
    "usageoneday",
    "onedayusage",
    "dailyusage",
)
_PERCENT: Final = ("percent", "pct", "usedpercent", "usagepercent")
_USED: Final = ("used", "usage", "value")
_LIMIT: Final = ("limit", "max")
_REMAINING: Final = ("remaining", "left")
_RESET_AT: Final = ("resetat", "resetsat", "resettime", "reset")
_RESET_IN: Final = ("resetin", "resetinseconds", "resetsin", "secondstoreset")
_WINDOWS: Final = (
    ("session", "usage_five_hour", "5h"),
    ("weekly", "usage_weekly", "7d"),
    ("monthly", "usage_monthly", "month"),
)


def note_user(figures: Figures, body: Mapping[str, Any], now_ms: int) -> None:
    """Put plan, billing cycle and windows of `/api/me` among the figures."""
    user = _plain(body)
    figures.note("plan_name", as_text(user.get("plan")))
    for name, key in (
        ("billing_cycle_start", "subscriptionperiodstart"),
        ("billing_cycle_end", "subscriptionperiodend"),
    ):
        moment = _valid_time(user.get(key))
        if moment is not None:
            figures.note(name, utc_date(moment))
    for level in (user, *(_plain(user.get(key)) for key in ("usage", "cloudusage", "quota"))):
        for key, names in (("usage_five_hour", _SESSION), ("usage_weekly", _WEEKLY)):
            value = _first(level, names)
            if key not in figures.metrics and value is not None:
                _note_window(figures, key, value, now_ms)


def note_usage(figures: Figures, body: Mapping[str, Any], now_ms: int) -> None:
    """
    Put the windows of `/api/usage` among the figures.

    Here usage is a fraction of the window.  Old plans have sessions and weeks, newer ones a month.
    """
    limits = as_object(body.get("limits"))
    for name, key, window in _WINDOWS:
        limit = as_object(limits.get(name))
        fraction = as_number(limit.get("usage"))
        if fraction is None:
            continue
        plain = _plain(limit)
        figures.add_percent(key, round(fraction * 100, 6), _reset_ms(plain, now_ms))
        figures.reported += [
            ReportedUsage(window=window, model=as_text(model.get("name")), requests=requests)
            for model in map(as_object, as_list(limit.get("models")))
            if (requests := as_count(model.get("request_count"))) and as_text(model.get("name"))
        ]
    cost = as_number(as_object(body.get("activity")).get("cost"))
    if cost is not None:
        figures.add("extra_usage_cost", used=cost)


def _note_window(figures: Figures, key: str, value: object, now_ms: int) -> None:
    """A window as a number, as text with a per-cent sign, or as an object."""
    if not isinstance(value, Mapping):
        percent = as_number(value.strip().removesuffix("%")) if isinstance(value, str) else None
        percent = as_number(value) if percent is None else percent
        if percent is not None:
            figures.add_percent(key, percent)
        return
    window = _plain(value)
    percent = as_number(_first(window, _PERCENT))
    if percent is None:
        limit, used = as_number(_first(window, _LIMIT)), as_number(_first(window, _USED))
        left = as_number(_first(window, _REMAINING))
        if limit and used is None and left is not None:
            used = limit - left
        percent = used / limit * 100 if limit and used is not None else None
    if percent is not None:
        figures.add_percent(key, percent, _reset_ms(window, now_ms))


def _reset_ms(window: Mapping[str, Any], now_ms: int) -> int | None:
    moment = as_epoch_ms(_first(window, _RESET_AT))
    seconds = as_number(_first(window, _RESET_IN))
    if moment is None and seconds is not None and seconds >= 0:
        moment = now_ms + round(seconds * 1000)
    return moment


def _valid_time(value: object) -> int | None:
    """A nullable time: `{"Time": "...", "Valid": true}`, or plain text."""
    if isinstance(value, Mapping):
        wrapped = _plain(value)
        return as_epoch_ms(wrapped.get("time")) if wrapped.get("valid") is True else None
    return as_epoch_ms(value)


def _plain(value: object) -> dict[str, Any]:
    return {
        "".join(char for char in name.lower() if char not in "_-."): inner
        for name, inner in as_object(value).items()
    }


def _first(level: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((level[name] for name in names if level.get(name) is not None), None)
