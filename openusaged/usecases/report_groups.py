"""
Reports over local days, weeks, months, models, projects, branches and sessions.

All but sessions are sums of the same quarter-hour buckets that the dashboard reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from openusage_proto.messages import ReportParams
from openusaged.core.model_identity import ModelNames, Use
from openusaged.core.projects import project_labels
from openusaged.core.windows import day_of_number, iso, segments, week_start
from openusaged.storage.block_reading import SessionSpan
from openusaged.storage.store import SessionRecord, Store, UsageRow
from openusaged.usecases.report_rows import (
    NO_BRANCH,
    NO_PROJECT,
    UNKNOWN,
    Entry,
    child_dimension,
    entry_of,
    others,
    sort_of,
    top_of,
)
from openusaged.usecases.report_scope import Accept, Range, ReportContext, is_filtered
from openusaged.usecases.totals import sum_rows

SESSION_ID_CHARS: Final = 12
_ALWAYS: Final = ("account", "provider", "client", "model")
_BY_KIND: Final = {"projects": ("project",), "branches": ("project", "branch")}


@dataclass(slots=True)
class Built:
    """What a kind of report consists of, before it is ordered."""

    entries: Iterable[Entry]
    labels: Mapping[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def dimensions_of(params: ReportParams) -> tuple[str, ...]:
    """What rows of usage have to tell for these filters and breakdowns."""
    wanted = dict.fromkeys((*_ALWAYS, *_BY_KIND.get(params.kind, ())))
    if params.project:
        wanted["project"] = None
    if params.branch:
        wanted["branch"] = None
    if params.breakdown:
        dimension = child_dimension(params)
        wanted["agent_kind" if dimension == "agent" else dimension] = None
    return tuple(wanted)


def period_entries(
    store: Store, params: ReportParams, context: ReportContext, limits: Range, accept: Accept
) -> Built:
    """One entry per local day, week or month that used anything."""
    key = _period_key(params)
    groups: dict[str, list[UsageRow]] = {}
    for row in _rows(store, params, context, limits, by_day=True):
        if accept(row):
            groups.setdefault(key(row.bucket), []).append(row)
    suffix = " (wk)" if params.kind == "weekly" else ""
    return Built(
        [entry_of(name, name + suffix, rows, params.mode) for name, rows in groups.items()],
        project_labels(store.projects()),
    )


def group_entries(
    store: Store, params: ReportParams, context: ReportContext, limits: Range, accept: Accept
) -> Built:
    """One entry per model, project, or branch of a project."""
    found = [row for row in _rows(store, params, context, limits, by_day=False) if accept(row)]
    labels = project_labels(store.projects())
    if params.kind == "models":
        return Built(_model_entries(found, params, context.names), labels)
    groups: dict[tuple[str, ...], list[UsageRow]] = {}
    pick = _GROUP_KEY[params.kind]
    for row in found:
        groups.setdefault(pick(row), []).append(row)
    spans = _spans(store, params, limits)
    return Built(
        [
            _place_entry(params, place, rows, labels, spans.get(place))
            for place, rows in groups.items()
        ],
        labels,
    )


_GROUP_KEY: Final[Mapping[str, Callable[[UsageRow], tuple[str, ...]]]] = {
    "projects": lambda row: (row.project,),
    "branches": lambda row: (row.project, row.branch),
}


def _model_entries(
    rows: Iterable[UsageRow], params: ReportParams, names: ModelNames
) -> list[Entry]:
    used = [(Use(row.provider, row.client, row.model), row) for row in rows]
    shown = names.shown(use for use, _ in used)
    groups: dict[str, list[UsageRow]] = {}
    for use, row in used:
        groups.setdefault(shown.get(use, row.model) or UNKNOWN, []).append(row)
    return [entry_of(name, name, members, params.mode) for name, members in groups.items()]


def _place_entry(
    params: ReportParams,
    place: tuple[str, ...],
    rows: list[UsageRow],
    labels: Mapping[str, str],
    span: SessionSpan | None,
) -> Entry:
    project = place[0]
    label = labels.get(project, project) or NO_PROJECT
    key = project
    extra: dict[str, Any] = {"project": labels.get(project, project) or None}
    if len(place) > 1:
        key = f"{project}@{place[1]}"
        label = f"{label} · {place[1] or NO_BRANCH}"
        extra["branch"] = place[1] or None
    if span is not None:
        extra |= {
            "sessions": span.sessions,
            "start": iso(span.first_ms),
            "last_activity": iso(span.last_ms),
        }
    activity_ms = span.last_ms if span is not None else 0
    return entry_of(key, label, rows, params.mode, activity_ms, **extra)


def _spans(store: Store, params: ReportParams, limits: Range) -> dict[tuple[str, ...], SessionSpan]:
    """Sessions per project or branch; none when only a part of a session's usage is asked for."""
    if params.provider or params.account or params.model:
        return {}
    spans: dict[tuple[str, ...], SessionSpan] = {}
    for span in store.session_spans(limits.start_ms or 0, limits.end_ms or 1 << 62):
        place = (span.project,) if params.kind == "projects" else (span.project, span.branch)
        known = spans.get(place)
        spans[place] = span if known is None else _joined(known, span)
    return spans


def _joined(one: SessionSpan, other: SessionSpan) -> SessionSpan:
    return SessionSpan(
        one.project,
        one.branch,
        one.sessions + other.sessions,
        min(one.first_ms, other.first_ms),
        max(one.last_ms, other.last_ms),
    )


def _rows(
    store: Store, params: ReportParams, context: ReportContext, limits: Range, *, by_day: bool
) -> list[UsageRow]:
    first_q = store.first_quarter()
    if first_q is None:
        return []
    start_q, end_q = limits.quarters(first_q, context.now_ms)
    if start_q >= end_q:
        return []
    dimensions = dimensions_of(params)
    if by_day:
        days = segments(start_q, end_q, context.zone)
        return store.usage_rows(segments=days, group_by=dimensions)
    return store.usage_rows(start_q=start_q, end_q=end_q, group_by=dimensions)


def _period_key(params: ReportParams) -> Callable[[int], str]:
    sunday = params.week_start == "sunday"
    known: dict[int, str] = {}

    def key(number: int) -> str:
        name = known.get(number)
        if name is None:
            day = day_of_number(number)
            if params.kind == "monthly":
                name = f"{day.year:04d}-{day.month:02d}"
            elif params.kind == "weekly":
                name = week_start(day, sunday=sunday).isoformat()
            else:
                name = day.isoformat()
            known[number] = name
        return name

    return key


def session_entries(
    store: Store, params: ReportParams, context: ReportContext, limits: Range, accept: Accept
) -> Built:
    """One entry per session that was last active in the range, with all it ever used."""
    labels = project_labels(store.projects())
    # Only the newest are needed one by one where nothing but time decides which ones those are.
    by_time = sort_of(params)[0] == "activity" and not is_filtered(params)
    records, older, older_usage = store.newest_sessions(
        start_ms=limits.start_ms,
        end_ms=limits.end_ms,
        limit=(top_of(params) or None) if by_time else None,
    )
    entries = []
    for record in records:
        usage = [row for row in record.rows if accept(row)]
        if usage:
            key = (record.source, record.session_id)
            entry = context.entries.find(key, (record, usage))
            if entry is None:
                entry = _session_entry(record, usage, labels, params)
                context.entries.keep(key, (record, usage), entry)
            entries.append(entry)
    if older:
        entries.append(others(older, older_usage, params.mode))
    notes = []
    if not limits.is_open:
        notes.append("sessions are those last active in the range, each with all it used")
    elif not is_filtered(params):
        notes += _without_session(store, entries)
    return Built(entries, labels, notes)


def _session_entry(
    record: SessionRecord,
    usage: list[UsageRow],
    labels: Mapping[str, str],
    params: ReportParams,
) -> Entry:
    project = labels.get(record.project, record.project)
    label = record.session_id[:SESSION_ID_CHARS] + (f" · {project}" if project else "")
    return entry_of(
        record.session_id,
        label,
        usage,
        params.mode,
        record.last_ms,
        account=record.account or None,
        project=project or None,
        branch=record.branch or None,
        start=iso(record.first_ms),
        last_activity=iso(record.last_ms),
    )


def _without_session(store: Store, entries: Sequence[Entry]) -> list[str]:
    """A note when sources that know no sessions have used tokens, so that totals differ."""
    everything = sum_rows(store.usage_rows(group_by=())).total_tokens
    missing = everything - sum(entry.summed.total_tokens for entry in entries)
    if missing <= 0:
        return []
    return [f"{missing:,} tokens belong to no session and are only in the other reports"]
