"""
Usage of the last seven days: `/api/monitor/usage/model-usage` and `/tool-usage`.

Both come as parallel lists over `x_time` (hours or days, null where nothing was used) with totals
beside them.  A plain list of rows per model is understood as well.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from openusaged.core.models import ReportedUsage
from openusaged.providers.shared.figures import Figures
from openusaged.providers.shared.json_values import (
    as_count,
    as_list,
    as_object,
    as_text,
    count_or_zero,
)

_TOOL_SERIES: Final = re.compile(r"^([a-z][A-Za-z]*?)(?:Mcp)?Count$")
_TOOL_TOTAL: Final = re.compile(r"^total([A-Z][A-Za-z]*?)(?:Mcp)?Count$")
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def note_model_usage(figures: Figures, data: object, today: str) -> bool:
    """Put tokens and requests among the figures; whether there was anything."""
    if isinstance(data, list):
        return _note_rows(figures, data, today)
    answer = as_object(data)
    total = as_object(answer.get("totalUsage"))
    requests = _by_day(answer, "modelCallCount")
    tokens = _by_day(answer, "tokensUsage")
    models = dict(_models(answer, total))
    all_requests = _known(total.get("totalModelCallCount"), sum(requests.values()))
    all_tokens = _known(total.get("totalTokensUsage"), sum(tokens.values()))
    _add(figures, "7d_requests", all_requests)
    _add(figures, "7d_tokens", all_tokens)
    _add(figures, "today_requests", requests.get(today, 0))
    _add(figures, "today_tokens", tokens.get(today, 0))
    _add(figures, "active_models", len(models))
    for model in sorted(models, key=lambda name: (-models[name], name)):
        figures.reported.append(ReportedUsage(window="7d", model=model, total=models[model]))
    for day in sorted(requests.keys() | tokens.keys()):
        count, sum_ = requests.get(day, 0), tokens.get(day, 0)
        if count or sum_:
            figures.reported.append(
                ReportedUsage(window="1d", date=day, total=sum_, requests=count)
            )
    return bool(all_requests or all_tokens or models)


def note_tool_usage(figures: Figures, data: object, today: str) -> bool:
    """Put calls of the plan's tools among the figures; whether there were any."""
    answer = as_object(data)
    totals = {
        _snake(match[1]): count
        for name, value in as_object(answer.get("totalUsage")).items()
        if (match := _TOOL_TOTAL.match(name)) and (count := as_count(value)) is not None
    }
    today_calls = 0
    for name in answer:
        match = _TOOL_SERIES.match(name)
        if match:
            days = _by_day(answer, name)
            totals.setdefault(_snake(match[1]), sum(days.values()))
            today_calls += days.get(today, 0)
    for tool, calls in sorted(totals.items()):
        _add(figures, f"tool_calls:{tool}", calls)
    _add(figures, "7d_tool_calls", sum(totals.values()))
    _add(figures, "today_tool_calls", today_calls)
    return any(totals.values())


def _add(figures: Figures, key: str, count: int) -> None:
    if count:
        figures.add(key, used=count)


def _known(value: object, otherwise: int) -> int:
    count = as_count(value)
    return otherwise if count is None else count


def _by_day(answer: Mapping[str, Any], name: str) -> dict[str, int]:
    """A series summed by the day of its `x_time`."""
    days: dict[str, int] = defaultdict(int)
    for time, value in zip(as_list(answer.get("x_time")), as_list(answer.get(name)), strict=False):
        days[as_text(time)[:10]] += count_or_zero(value)
    return dict(days)


def _models(answer: Mapping[str, Any], total: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for rows in (total.get("modelSummaryList"), answer.get("modelDataList")):
        for row in as_list(rows):
            entry = as_object(row)
            name = as_text(entry.get("modelName"))
            series = sum(count_or_zero(value) for value in as_list(entry.get("tokensUsage")))
            tokens = _known(entry.get("totalTokens"), series)
            if name and tokens:
                yield name, tokens


def _snake(name: str) -> str:
    return _HUMP.sub("_", name).lower()


def _note_rows(figures: Figures, rows: Sequence[Any], today: str) -> bool:
    """Rows of one model each, with or without a date."""
    week: dict[str, _Sum] = defaultdict(_Sum)
    day = _Sum()
    for row in rows:
        entry = as_object(row)
        model = as_text(_pick(entry, "model", "modelName", "model_id"))
        if not model:
            continue
        week[model].take(entry)
        if as_text(_pick(entry, "date", "day", "time"))[:10] == today:
            day.take(entry)
    _add(figures, "7d_requests", sum(one.requests for one in week.values()))
    _add(figures, "7d_tokens", sum(one.total for one in week.values()))
    _add(figures, "today_requests", day.requests)
    _add(figures, "today_tokens", day.total)
    _add(figures, "active_models", len(week))
    for model, one in sorted(week.items(), key=lambda item: (-item[1].total, item[0])):
        figures.reported.append(
            ReportedUsage(
                window="7d",
                model=model,
                input=one.input or None,
                output=one.output or None,
                total=one.total,
                requests=one.requests,
            )
        )
    return bool(week)


class _Sum:
    """What several rows of one model come to."""

    def __init__(self) -> None:
        self.input = self.output = self.total = self.requests = 0

    def take(self, row: Mapping[str, Any]) -> None:
        given = count_or_zero(_pick(row, "inputTokens", "input_tokens", "prompt_tokens"))
        made = count_or_zero(_pick(row, "outputTokens", "output_tokens", "completion_tokens"))
        self.input += given
        self.output += made
        self.total += _known(_pick(row, "totalTokens", "total_tokens", "tokens"), given + made)
        self.requests += count_or_zero(_pick(row, "requests", "requestCount", "request_count"))


def _pick(row: Mapping[str, Any], *names: str) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)
