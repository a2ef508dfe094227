"""
Rows of a report: how usage becomes one, what stands below it, in which order they come.

Whatever is folded away is folded into a row, so that rows always add up to the totals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from openusage_proto.messages import CostMode, ReportParams, ReportRow
from openusage_proto.report_messages import Breakdown, SortKey
from openusaged.core.models import NANO
from openusaged.storage.store import UsageRow
from openusaged.usecases.totals import Sum, sum_rows

UNKNOWN: Final = "(unknown)"
NO_PROJECT: Final = "(no project)"
NO_BRANCH: Final = "(no branch)"
OTHERS: Final = "(others)"
"""Key of the row that stands for those which `top` or `top_models` left out."""

MAX_SESSIONS: Final = 1000
"""Nobody reads further, and a million events have ten times as many."""
_IN_TIME: Final = frozenset({"daily", "weekly", "monthly", "session", "blocks"})
_DEFAULT_SORT: Final[Mapping[str, SortKey]] = {
    "session": "activity",
    "models": "cost",
    "projects": "cost",
    "branches": "cost",
}
_ATTRIBUTE: Final[Mapping[str, str]] = {"agent": "agent_kind"}
_EMPTY: Final[Mapping[str, str]] = {"project": NO_PROJECT, "branch": NO_BRANCH}


@dataclass(slots=True)
class Entry:
    """A row before it is ordered: its usage, its sums, and what else is known of it."""

    key: str
    label: str
    usage: list[UsageRow]
    summed: Sum
    extra: dict[str, Any] = field(default_factory=dict)
    activity_ms: int = 0
    is_news: bool = False
    """Worth a row although nothing was used."""
    row: ReportRow | None = None
    """As it goes over the wire, once it was asked for."""


def entry_of(
    key: str, label: str, usage: list[UsageRow], mode: CostMode, activity_ms: int = 0, **extra: Any
) -> Entry:
    """An entry with its sums."""
    return Entry(key, label, usage, sum_rows(usage, mode), extra, activity_ms)


def is_empty(entry: Entry) -> bool:
    """Whether nothing at all was used."""
    summed = entry.summed
    return not (summed.requests or summed.total_tokens or summed.cost_nano or summed.other)


def build_rows(
    entries: Iterable[Entry], params: ReportParams, labels: Mapping[str, str]
) -> tuple[list[ReportRow], Sum]:
    """The rows in the order asked for, and what they add up to."""
    kept = [entry for entry in entries if entry.is_news or not is_empty(entry)]
    total = Sum(params.mode)
    for entry in kept:
        total.absorb(entry.summed)
    arranged = _arranged(kept, params)
    return [_report_row(entry, params, labels) for entry in arranged], total


def top_of(params: ReportParams) -> int:
    """How many rows are wanted before the others become one; 0 is all."""
    if params.top is not None:
        return params.top
    return MAX_SESSIONS if params.kind == "session" else 0


def sort_of(params: ReportParams) -> tuple[SortKey, bool]:
    """What rows are ordered by, and whether the largest or latest comes first."""
    by: SortKey = params.sort or _DEFAULT_SORT.get(params.kind, "key")
    descending = by in ("cost", "tokens", "requests") or (
        by == "activity" and params.sort is not None
    )
    return by, descending if params.order is None else params.order == "desc"


def _arranged(entries: list[Entry], params: ReportParams) -> list[Entry]:
    by, descending = sort_of(params)
    keys: dict[SortKey, Callable[[Entry], Any]] = {
        "key": lambda entry: (entry.key, entry.extra.get("account") or ""),
        "cost": lambda entry: (entry.summed.cost_nano, entry.summed.total_tokens),
        "tokens": lambda entry: entry.summed.total_tokens,
        "requests": lambda entry: entry.summed.requests,
        "activity": lambda entry: entry.activity_ms,
    }
    # Twice, so that equals keep the order of their keys whichever way the others go.
    entries = sorted(entries, key=keys["key"])
    entries = sorted(entries, key=keys[by], reverse=descending)
    top = 0 if any(entry.key == OTHERS for entry in entries) else top_of(params)
    if not descending and params.kind in _IN_TIME and by in ("key", "activity"):
        # In the order of time the newest come last, and they are what is kept.
        return folded(entries[::-1], top, params.mode)[::-1]
    return folded(entries, top, params.mode)


def folded(entries: list[Entry], top: int, mode: CostMode) -> list[Entry]:
    """The first `top` entries and one that stands for the others; all of them when it is 0."""
    if top <= 0 or len(entries) <= top:
        return entries
    rest = entries[top:]
    usage = [row for entry in rest for row in entry.usage]
    return [*entries[:top], others(len(rest), usage, mode)]


def others(number: int, usage: list[UsageRow], mode: CostMode) -> Entry:
    """The entry that stands for so many others."""
    label = f"({number:,} {'other' if number == 1 else 'others'})"
    return entry_of(OTHERS, label, usage, mode)


def _report_row(entry: Entry, params: ReportParams, labels: Mapping[str, str]) -> ReportRow:
    if entry.row is None:
        extra = entry.extra
        if params.breakdown:
            name = "model_breakdown" if child_dimension(params) == "model" else "breakdown"
            extra = {**extra, name: _children(entry, params, labels)}
        entry.row = plain_row(entry.key, entry.label, entry.summed, entry.usage, **extra)
    return entry.row


def child_dimension(params: ReportParams) -> Breakdown:
    """What child rows are split by; models by model would say everything twice."""
    if params.kind == "models" and params.breakdown_by == "model":
        return "client"
    return params.breakdown_by


def _children(entry: Entry, params: ReportParams, labels: Mapping[str, str]) -> list[ReportRow]:
    dimension = child_dimension(params)
    attribute = _ATTRIBUTE.get(dimension, dimension)
    groups: dict[str, list[UsageRow]] = {}
    for row in entry.usage:
        groups.setdefault(getattr(row, attribute), []).append(row)
    children = [
        entry_of(
            key or _EMPTY.get(dimension, UNKNOWN),
            _child_label(dimension, key, labels),
            usage,
            params.mode,
        )
        for key, usage in groups.items()
    ]
    children = [child for child in children if not is_empty(child)]
    children.sort(
        key=lambda child: (-child.summed.cost_nano, -child.summed.total_tokens, child.key)
    )
    children = folded(children, params.top_models, params.mode)
    return [plain_row(child.key, child.label, child.summed) for child in children]


def _child_label(dimension: str, key: str, labels: Mapping[str, str]) -> str:
    if not key:
        return _EMPTY.get(dimension, UNKNOWN)
    return labels.get(key, key) if dimension == "project" else key


def plain_row(
    key: str, label: str, total: Sum, usage: Sequence[UsageRow] = (), **extra: Any
) -> ReportRow:
    """A row of sums, with the models and the tool that its usage has."""
    by_model: dict[str, int] = {}
    for row in usage:
        if row.model:
            by_model[row.model] = by_model.get(row.model, 0) + row.total_tokens
    clients = {row.client for row in usage}
    return ReportRow(
        key=key,
        label=label,
        input_tokens=total.input,
        output_tokens=total.output,
        cache_read_tokens=total.cache_read,
        cache_creation_tokens=total.write_5m + total.write_1h,
        total_tokens=total.total_tokens,
        cost_usd=total.cost_usd,
        requests=total.requests,
        reasoning_tokens=total.reasoning,
        cost_basis=total.basis,
        unpriced_requests=total.unpriced,
        other_costs={name: nano / NANO for name, nano in total.other.items()},
        provider=next(iter(clients)) if len(clients) == 1 else None,
        models=sorted(by_model, key=lambda name: (-by_model[name], name)),
        **extra,
    )
