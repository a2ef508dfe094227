"""
The answer of `report`: rows of one kind, their totals, and how complete they are.

Days, weeks and months are local ones of any zone.  Cost modes and bases as in `totals`; what is
counted comes from the same sums as the dashboard.
"""

from __future__ import annotations

from typing import Final

from openusage_proto.messages import Report, ReportParams, ReportRow, ReportSource
from openusaged.core.models import ACCOUNT_AUTH_REQUIRED, ACCOUNT_ERROR, QUARTER_MS, Account
from openusaged.core.projects import project_labels
from openusaged.core.windows import iso, local_date
from openusaged.storage.store import Store, StoredSnapshot
from openusaged.usecases.report_blocks import block_entries, running_entries
from openusaged.usecases.report_groups import group_entries, period_entries, session_entries
from openusaged.usecases.report_rows import build_rows, plain_row
from openusaged.usecases.report_scope import Range, ReportContext, accept_of, check_names

__all__ = ["ReportContext", "build_report"]

SCHEMA_VERSION: Final = 1
_BUILDERS: Final = {
    "session": session_entries,
    "blocks": block_entries,
    "models": group_entries,
    "projects": group_entries,
    "branches": group_entries,
}
_FAILED: Final = frozenset({ACCOUNT_ERROR, ACCOUNT_AUTH_REQUIRED})


def build_report(store: Store, params: ReportParams, context: ReportContext, seq: int) -> Report:
    """The answer of `report`; runs in a reader thread."""
    limits = Range.of(params, context.zone)
    check_names(params, context, store)
    accept = accept_of(params, context, store)
    build = _BUILDERS.get(params.kind, period_entries)
    built = build(store, params, context, limits, accept)
    entries = list(built.entries)
    rows, total = build_rows(entries, params, built.labels)
    unpriced = {row.model for entry in entries for row in entry.usage if row.auto_unpriced}
    guessed = {row.model for entry in entries for row in entry.usage if row.approx}
    notes = list(built.notes)
    if context.importing:
        notes.insert(0, "the first import is still running; totals will grow")
    first_q = store.first_quarter()
    return Report(
        schema_version=SCHEMA_VERSION,
        kind=params.kind,
        timezone=context.zone_name,
        currency="USD",
        cost_basis=total.basis,
        generated_at=iso(context.now_ms) or "",
        seq=seq,
        rows=rows,
        totals=plain_row("total", "TOTAL", total),
        unpriced_models=sorted(unpriced),
        approximate_models=sorted(guessed) if params.mode != "display" else [],
        sources=_sources(store, context),
        since=params.since,
        until=params.until,
        history_starts=(
            None if first_q is None else local_date(first_q * QUARTER_MS, context.zone).isoformat()
        ),
        note="; ".join(notes),
    )


def running_blocks(store: Store, params: ReportParams, context: ReportContext) -> list[ReportRow]:
    """The rows of the report `blocks` that are active, without making the rest of it."""
    limits = Range.of(params, context.zone)
    accept = accept_of(params, context, store)
    entries = running_entries(store, params, context, limits, accept)
    labels = project_labels(store.projects()) if params.breakdown else {}
    return build_rows(entries, params, labels)[0]


def _sources(store: Store, context: ReportContext) -> list[ReportSource]:
    last_events = store.last_event_ms()
    polls = {account_id: poll for (_, account_id), poll in store.snapshots().items()}
    return [
        _source(account, context, last_events.get(account.id), polls.get(account.id))
        for account in context.accounts
    ]


def _is_recording(account_id: str, context: ReportContext) -> bool:
    return context.recording is None or account_id in context.recording


def _source(
    account: Account, context: ReportContext, last_ms: int | None, poll: StoredSnapshot | None
) -> ReportSource:
    status, note = "ok", ""
    if context.errors.get(account.id):
        status, note = "error", context.errors[account.id]
    elif poll is not None and not _is_recording(account.id, context):
        # Everything known of such an account came from its vendor.
        if poll.latest_status in _FAILED and (last_ms is not None or poll.last_good is None):
            status, note = "error", poll.latest_message
        elif last_ms is None and poll.last_good is not None and poll.last_good.reported:
            status = "vendor_only"
            note = "only its vendor's own figures are known; see `openusage reconcile`"
    return ReportSource(
        account=account.id,
        provider=account.provider_id,
        status=status,
        last_event_at=iso(last_ms),
        note=note,
    )
