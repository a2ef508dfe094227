"""
What `/activity` says: one row per day, model and endpoint of the last 30 completed UTC days.

Reported compactly, as every poll is stored: per model over all days, per day over all models, per
upstream provider.  These are three views of the same usage, told apart by `model`, `date` and
`group`; they are never added to one another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from openusage_proto.values import dataclass
from openusaged.core.errors import UpstreamChanged
from openusaged.core.models import ReportedUsage
from openusaged.providers.shared.json_values import (
    as_epoch_ms,
    as_number,
    as_object,
    as_text,
    count_or_zero,
)
from openusaged.providers.shared.utc_days import utc_date

_ROUTER_NAMES: Final = ("", "unknown", "openrouter", "openusage")
_TOKENS: Final = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row in our terms: disjoint tokens, cost that OpenRouter bills, cost on an own key."""

    date: str
    model: str
    provider: str
    amounts: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """All rows of an answer."""

    rows: tuple[Row, ...]
    cached_at_ms: int | None = None

    def sums(self, after_date: str) -> dict[str, float]:
        """Sums over the days after a date; those that are zero are left out."""
        total = _total(row for row in self.rows if row.date > after_date)
        return {name: value for name, value in total.items() if value}

    def counts(self) -> dict[str, int]:
        """How many days, models and upstream providers there are."""
        return {
            "days": len({row.date for row in self.rows}),
            "models": len({row.model for row in self.rows}),
            "providers": len({row.provider for row in self.rows if row.provider}),
        }

    def span(self) -> dict[str, str]:
        """First and last day, and when the vendor made the figures."""
        dates = sorted({row.date for row in self.rows})
        said = {"activity_min_date": dates[0], "activity_max_date": dates[-1]} if dates else {}
        if self.cached_at_ms is not None:
            said["activity_cached_on"] = utc_date(self.cached_at_ms)
        return said

    def reported(self) -> Iterator[ReportedUsage]:
        """By model, by day, by upstream provider; the costliest or the earliest first."""
        for model, rows in _by_cost(self.rows, "model"):
            yield _reported(rows, window="30d", model=model)
        by_date = _grouped(self.rows, "date")
        for date in sorted(by_date):
            yield _reported(by_date[date], window="1d", date=date)
        for provider, rows in _by_cost(self.rows, "provider"):
            if provider:
                yield _reported(rows, window="30d", group=provider)


def parse_activity(body: object) -> Activity:
    """
    The rows of an answer, also of one that is wrapped once more.

    Raises:
        UpstreamChanged: there is no list of rows.
    """
    data = as_object(body).get("data")
    wrapper = as_object(data)
    rows = wrapper.get("data", data)
    if not isinstance(rows, list):
        raise UpstreamChanged("/activity $.data", "no list of rows in the answer")
    parsed = (_row_of(as_object(row)) for row in rows)
    return Activity(
        rows=tuple(row for row in parsed if row is not None),
        cached_at_ms=as_epoch_ms(wrapper.get("cachedAt")),
    )


def _row_of(row: Mapping[str, Any]) -> Row | None:
    date = _date_of(as_text(row.get("date")))
    if not date:
        return None
    prompt = count_or_zero(row.get("prompt_tokens"))
    # Cached tokens are part of the prompt, reasoning is part of the completion.
    cached = min(count_or_zero(row.get("cached_tokens")), prompt)
    output = count_or_zero(row.get("completion_tokens"))
    return Row(
        date=date,
        model=_model_of(row),
        provider=_provider_of(as_text(row.get("provider_name"))),
        amounts={
            "cost": as_number(row.get("usage")) or as_number(row.get("total_cost")) or 0.0,
            "byok_cost": as_number(row.get("byok_usage_inference")) or 0.0,
            "requests": count_or_zero(row.get("requests")),
            "input_tokens": prompt - cached,
            "cached_tokens": cached,
            "output_tokens": output,
            "reasoning_tokens": min(count_or_zero(row.get("reasoning_tokens")), output),
            "tokens": prompt + output or count_or_zero(row.get("total_tokens")),
        },
    )


def _date_of(text: str) -> str:
    moment = as_epoch_ms(text)
    return text[:10] if moment is None else utc_date(moment)


def _model_of(row: Mapping[str, Any]) -> str:
    name = as_text(row.get("model")) or as_text(row.get("model_permaslug")) or "unknown"
    return "-".join(name.lower().replace("\\", "/").strip("/").split()) or "unknown"


def _provider_of(name: str) -> str:
    """The upstream provider; the router itself is none."""
    plain = "".join(char for char in name.lower() if char not in " -_.")
    is_router = plain in _ROUTER_NAMES or any(word in plain for word in _ROUTER_NAMES[2:])
    return "" if is_router else name


def _grouped(rows: Iterable[Row], attribute: str) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[getattr(row, attribute)].append(row)
    return groups


def _by_cost(rows: Iterable[Row], attribute: str) -> list[tuple[str, list[Row]]]:
    def rank(group: tuple[str, list[Row]]) -> tuple[float, float, str]:
        total = _total(group[1])
        return (-total["cost"], -total["requests"], group[0])

    return sorted(_grouped(rows, attribute).items(), key=rank)


def _total(rows: Iterable[Row]) -> dict[str, float]:
    total: dict[str, float] = dict.fromkeys(("cost", "byok_cost", "requests", *_TOKENS), 0)
    for row in rows:
        for name, value in row.amounts.items():
            total[name] += value
    # Float sums of cents drift by 1e-17; beyond a nano-dollar there is nothing to know.
    return {name: round(value, 9) for name, value in total.items()}


def _reported(
    rows: Iterable[Row], *, window: str, date: str = "", model: str = "", group: str = ""
) -> ReportedUsage:
    total = _total(rows)
    return ReportedUsage(
        window=window,
        date=date,
        model=model,
        group=group,
        input=int(total["input_tokens"]),
        cache_read=int(total["cached_tokens"]),
        output=int(total["output_tokens"]),
        reasoning=int(total["reasoning_tokens"]),
        total=int(total["tokens"]),
        requests=int(total["requests"]),
        cost=total["cost"],
        currency="USD",
        money_kind="billed",
    )
