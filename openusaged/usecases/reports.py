"""
Reports over periods, sessions and five-hour blocks; the same sums as the dashboard.

Days, weeks and months are local ones of any zone.  Cost modes and bases as in `totals`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Final

from openusage_proto.messages import Report, ReportParams, ReportRow, ReportSource
from openusaged.core.blocks import Block, split_blocks
from openusaged.core.models import QUARTER_MS, Account
from openusaged.core.projects import project_labels, projects_named
from openusaged.core.windows import (
    HOUR_MS,
    day_of_number,
    iso,
    quarter_of,
    segments,
    to_datetime,
    week_start,
)
from openusaged.storage.store import BlockRow, SessionRecord, Store, UsageRow
from openusaged.usecases.totals import Sum, group_rows, sum_rows
from openusaged.usecases.usage_view import parse_day

SCHEMA_VERSION: Final = 1
SESSION_ID_CHARS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportContext:
    """What a report needs beside its parameters."""

    zone: tzinfo
    zone_name: str
    now_ms: int
    accounts: Sequence[Account]
    errors: Mapping[str, str]
    """Account id -> what its collector could not read."""
    importing: bool
    retention_days: int


def build_report(store: Store, params: ReportParams, context: ReportContext, seq: int) -> Report:
    """The answer of `report`; runs in a reader thread."""
    start_ms = parse_day(params.since, "since", context.zone) if params.since else None
    end_ms = parse_day(params.until, "until", context.zone, end=True) if params.until else None
    builders = {"session": _session_rows, "blocks": _block_rows}
    builder = builders.get(params.kind, _period_rows)
    rows, total = builder(store, params, context, _Range(start_ms, end_ms))
    last_events = store.last_event_ms()
    notes = []
    if context.importing:
        notes.append("the first import is still running; totals will grow")
    if params.kind == "blocks":
        notes.append(
            f"blocks are derived from the last {context.retention_days} days of detailed events"
        )
    start_q = quarter_of(start_ms) if start_ms is not None else None
    end_q = -(-end_ms // QUARTER_MS) if end_ms is not None else None
    return Report(
        schema_version=SCHEMA_VERSION,
        kind=params.kind,
        timezone=context.zone_name,
        currency="USD",
        cost_basis=total.basis,
        generated_at=iso(context.now_ms) or "",
        seq=seq,
        rows=rows,
        totals=_row("total", "TOTAL", total),
        unpriced_models=store.unpriced_models(start_q, end_q),
        sources=[
            ReportSource(
                account=account.id,
                provider=account.provider_id,
                status="error" if context.errors.get(account.id) else "ok",
                last_event_at=iso(last_events.get(account.id)),
                note=context.errors.get(account.id, ""),
            )
            for account in context.accounts
        ],
        since=params.since,
        until=params.until,
        note="; ".join(notes),
    )


@dataclass(frozen=True, slots=True)
class _Range:
    start_ms: int | None
    end_ms: int | None


Built = tuple[list[ReportRow], Sum]


def _period_rows(
    store: Store, params: ReportParams, context: ReportContext, limits: _Range
) -> Built:
    first_q = store.first_quarter()
    total = Sum(params.mode)
    if first_q is None:
        return [], total
    start_q = first_q if limits.start_ms is None else quarter_of(limits.start_ms)
    start_q = max(start_q, first_q)
    end_q = quarter_of(context.now_ms) + 97
    if limits.end_ms is not None:
        end_q = min(end_q, -(-limits.end_ms // QUARTER_MS))
    if start_q >= end_q:
        return [], total
    dimensions = ["account", "provider", "client", "model"]
    if params.project:
        dimensions.append("project")
    accept = _filter(params, context, store)
    periods: dict[str, list[UsageRow]] = {}
    key = _period_key(params)
    for row in store.usage_rows(
        segments=segments(start_q, end_q, context.zone), group_by=tuple(dimensions)
    ):
        if accept(row):
            periods.setdefault(key(row.bucket), []).append(row)
    rows = []
    for name in sorted(periods):
        group = periods[name]
        summed = sum_rows(group, params.mode)
        if not summed.requests and not summed.total_tokens and not summed.cost_nano:
            continue
        for row in group:
            total.add(row)
        label = f"{name} (wk)" if params.kind == "weekly" else name
        rows.append(_row(name, label, summed, group, breakdown=params.breakdown))
    return rows, total


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


def _filter(
    params: ReportParams, context: ReportContext, store: Store
) -> Callable[[UsageRow], bool]:
    providers = {account.id: account.provider_id for account in context.accounts}
    wanted_provider = (params.provider or "").lower()
    projects = projects_named(store.projects(), params.project) if params.project else None

    def accept(row: UsageRow) -> bool:
        if params.account and row.account != params.account:
            return False
        if wanted_provider and wanted_provider not in (
            providers.get(row.account, ""),
            row.client,
            row.provider,
        ):
            return False
        return projects is None or row.project in projects

    return accept


def _row(
    key: str,
    label: str,
    total: Sum,
    rows: Iterable[UsageRow] = (),
    *,
    breakdown: bool = False,
) -> ReportRow:
    rows = list(rows)
    by_model = group_rows(rows, lambda row: row.model, total.mode)
    models = sorted(by_model, key=lambda name: (-by_model[name].total_tokens, name))
    clients = {row.client for row in rows}
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
        other_costs=total.totals().other_costs,
        provider=next(iter(clients)) if len(clients) == 1 else None,
        models=models,
        model_breakdown=(
            [_row(name, name, by_model[name]) for name in models] if breakdown else None
        ),
    )


def _session_rows(
    store: Store, params: ReportParams, context: ReportContext, limits: _Range
) -> Built:
    accept = _filter(params, context, store)
    _, records = store.sessions(start_ms=limits.start_ms, end_ms=limits.end_ms, limit=None)
    labels = project_labels({record.project for record in records if record.project})
    total = Sum(params.mode)
    rows = []
    for record in reversed(records):
        usage = [row for row in record.rows if accept(row)]
        summed = sum_rows(usage, params.mode)
        if not summed.requests and not summed.total_tokens:
            continue
        for row in usage:
            total.add(row)
        rows.append(_session_row(record, usage, summed, labels, breakdown=params.breakdown))
    return rows, total


def _session_row(
    record: SessionRecord,
    usage: Sequence[UsageRow],
    summed: Sum,
    labels: Mapping[str, str],
    *,
    breakdown: bool,
) -> ReportRow:
    project = labels.get(record.project, record.project)
    label = record.session_id[:SESSION_ID_CHARS] + (f" · {project}" if project else "")
    row = _row(record.session_id, label, summed, usage, breakdown=breakdown)
    return replace(
        row,
        account=record.account or None,
        project=project or None,
        start=iso(record.first_ms),
        last_activity=iso(record.last_ms),
    )


def _block_rows(
    store: Store, params: ReportParams, context: ReportContext, limits: _Range
) -> Built:
    accept = _filter(params, context, store)
    start_ms = max(0, (limits.start_ms or 0) - 24 * HOUR_MS)
    end_ms = limits.end_ms + 24 * HOUR_MS if limits.end_ms is not None else context.now_ms + HOUR_MS
    streams: dict[str, list[BlockRow]] = {}
    for part in store.block_rows(start_ms=start_ms, end_ms=end_ms):
        if accept(part.usage):
            streams.setdefault(part.usage.account or part.usage.client, []).append(part)
    total = Sum(params.mode)
    found: list[tuple[int, ReportRow]] = []
    for account, parts in streams.items():
        for block in split_blocks(parts):
            if limits.start_ms is not None and block.end_ms <= limits.start_ms:
                continue
            if limits.end_ms is not None and block.start_ms >= limits.end_ms:
                continue
            for part in block.parts:
                total.add(part.usage)
            found.append((block.start_ms, _block_row(account, block, params, context)))
    found.sort(key=lambda item: (item[0], item[1].account or ""))
    return [row for _, row in found], total


def _block_row(
    account: str, block: Block[BlockRow], params: ReportParams, context: ReportContext
) -> ReportRow:
    usage = [part.usage for part in block.parts]
    summed = sum_rows(usage, params.mode)
    active = block.is_active(context.now_ms)
    hours = block.burn_hours(context.now_ms)
    burn = summed.cost_usd / hours if hours > 0 and summed.cost_nano else None
    remaining_s = (block.end_ms - context.now_ms) / 1000 if active else None
    label = to_datetime(block.start_ms, context.zone).strftime("%Y-%m-%d %H:%M")
    row = _row(iso(block.start_ms) or "", label, summed, usage, breakdown=params.breakdown)
    return replace(
        row,
        account=account,
        start=iso(block.start_ms),
        end=iso(block.end_ms),
        last_activity=iso(block.last_ms),
        active=active,
        time_remaining_seconds=remaining_s,
        burn_rate_usd_per_hour=burn,
        projected_cost_usd=(
            summed.cost_usd + burn * remaining_s / 3600
            if burn is not None and remaining_s is not None
            else None
        ),
    )
