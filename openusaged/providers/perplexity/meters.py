"""The console's meters of the last month: one list per meter, one summary per day and model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from openusaged.core.errors import UpstreamChanged
from openusaged.core.models import ReportedUsage
from openusaged.providers.shared.figures import Figures
from openusaged.providers.shared.json_values import as_list, as_number, as_object, as_text

_METRIC_OF: Final = {
    "api_requests": "requests_window",
    "input_tokens": "input_tokens_window",
    "output_tokens": "output_tokens_window",
    "citation_tokens": "citation_tokens_window",
    "reasoning_tokens": "reasoning_tokens_window",
    "num_search_queries": "search_queries_window",
    "search_request_count": "search_queries_window",
    "pro_search_request_count": "pro_search_window",
}
"""Two names for searches: a newer one replaced the older, and both may be listed."""

_REPORTED: Final = frozenset({"api_requests", "input_tokens", "output_tokens", "reasoning_tokens"})

_Sums = dict[str, dict[str, float]]


def note_meters(figures: Figures, answer: object) -> None:
    """
    Put the sums of the meters among the figures, and usage by model and by day in the report.

    Raises:
        UpstreamChanged: the answer is no list of meters.
    """
    if not isinstance(answer, list):
        raise UpstreamChanged("usage-analytics $", "no list of meters in the answer")
    totals: dict[str, float] = {}
    by_model: _Sums = defaultdict(lambda: defaultdict(float))
    by_day: _Sums = defaultdict(lambda: defaultdict(float))
    for entry in answer:
        meter = as_object(entry)
        name = as_text(meter.get("name"))
        if name not in _METRIC_OF:
            continue
        total = 0.0
        for value, model, day in _summaries(meter):
            total += value
            if name in _REPORTED:
                by_model[model][name] += value
                by_day[day][name] += value
        key = _METRIC_OF[name]
        totals[key] = max(totals.get(key, 0.0), total)
    for key, total in totals.items():
        if total > 0:
            figures.add(key, used=total)
    figures.reported += [
        _reported(sums, window="30d", model=model)
        for model, sums in sorted(by_model.items(), key=_by_tokens)
        if model
    ]
    figures.reported += [
        _reported(by_day[day], window="1d", date=day) for day in sorted(by_day) if day
    ]


def _summaries(meter: Mapping[str, object]) -> Iterator[tuple[float, str, str]]:
    for entry in as_list(meter.get("meter_event_summaries")):
        summary = as_object(entry)
        value = as_number(summary.get("value"))
        if value is not None and value > 0:
            model = as_text(as_object(summary.get("dimensions")).get("model_name"))
            yield value, model, as_text(summary.get("start_time"))[:10]


def _by_tokens(item: tuple[str, Mapping[str, float]]) -> tuple[float, str]:
    return -sum(item[1].values()), item[0]


def _reported(
    sums: Mapping[str, float], *, window: str, model: str = "", date: str = ""
) -> ReportedUsage:
    reasoning = int(sums.get("reasoning_tokens", 0))
    # Here reasoning is metered beside the output, with us it is a part of it.
    return ReportedUsage(
        window=window,
        model=model,
        date=date,
        input=int(sums.get("input_tokens", 0)),
        output=int(sums.get("output_tokens", 0)) + reasoning,
        reasoning=reasoning,
        requests=int(sums.get("api_requests", 0)) or None,
    )
