"""
Five-hour blocks per account: the vendor's own window where it said so, else derived from the log.

All of a range for the report, and those that run now for lines of status bars.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from openusage_proto.messages import ReportParams
from openusaged.core.blocks import BLOCK_MS
from openusaged.core.models import QUARTER_MS
from openusaged.core.projects import project_labels
from openusaged.core.windows import DAY_MS, HOUR_MS, iso, quarter_of, to_datetime
from openusaged.storage.store import Store, UsageRow
from openusaged.usecases.block_finding import (
    QUARTERS_PER_HOUR,
    Found,
    activity_rows,
    blocks_of,
    sharpen,
    streams_of,
)
from openusaged.usecases.block_windows import Window, stated_windows
from openusaged.usecases.report_groups import Built
from openusaged.usecases.report_rows import Entry
from openusaged.usecases.report_scope import Accept, Range, ReportContext
from openusaged.usecases.totals import Sum, sum_rows

BLOCK_QUARTERS: Final = BLOCK_MS // QUARTER_MS
DEFAULT_DAYS: Final = 30
EXACT_DAYS: Final = 3
"""Blocks older than this know their first and last activity to the quarter hour."""
VENDOR: Final = "vendor"
LOG: Final = "log"


def block_entries(
    store: Store, params: ReportParams, context: ReportContext, limits: Range, accept: Accept
) -> Built:
    """One entry per block that touches the range, of every account on its own."""
    labels = project_labels(store.projects())
    first_q = store.first_quarter()
    if first_q is None:
        return Built([], labels)
    limits, notes = _bounded(limits, context, first_q)
    start_q, end_q = _quarters(limits, context, first_q)
    windows = stated_windows(store, context, start_q * QUARTER_MS)
    rows = activity_rows(store, params, dict.fromkeys(windows, start_q), start_q, end_q)
    found = [
        block
        for account, parts in streams_of(store, rows, windows).items()
        for block in blocks_of(account, parts, windows.get(account, ()), accept, context.now_ms)
        if (limits.start_ms is None or block.end_ms > limits.start_ms)
        and (limits.end_ms is None or block.start_ms < limits.end_ms)
    ]
    entries = _entries(store, found, params, context)
    if any(block.window is None for block in found):
        notes.append("blocks without a vendor's percentage are derived from local records")
    return Built(entries, labels, notes)


def _quarters(limits: Range, context: ReportContext, first_q: int) -> tuple[int, int]:
    """The whole hours that blocks of a range can have: one within it may have begun before."""
    start_ms = None if limits.start_ms is None else limits.start_ms - DAY_MS
    end_ms = None if limits.end_ms is None else limits.end_ms + DAY_MS
    start_q, end_q = Range(start_ms, end_ms).quarters(first_q, context.now_ms)
    return start_q // QUARTERS_PER_HOUR * QUARTERS_PER_HOUR, end_q


def _bounded(limits: Range, context: ReportContext, first_q: int) -> tuple[Range, list[str]]:
    """The latest blocks when no beginning is asked for: they are what a block is looked up for."""
    if limits.start_ms is not None:
        return limits, []
    end_ms = context.now_ms if limits.end_ms is None else limits.end_ms
    start_ms = end_ms - DEFAULT_DAYS * DAY_MS
    if start_ms <= first_q * QUARTER_MS:
        return limits, []
    note = f"blocks of the last {DEFAULT_DAYS} days; earlier ones with --since"
    return Range(start_ms, limits.end_ms), [note]


# ------------------------------------------------------------------ what runs


def running_entries(
    store: Store, params: ReportParams, context: ReportContext, limits: Range, accept: Accept
) -> list[Entry]:
    """
    Those of `block_entries` that run now; runs after every event of a tool with a status line.

    Of blocks that are over, nothing but where they end is looked at.
    """
    first_q = store.first_quarter()
    if first_q is None:
        return []
    now_ms = context.now_ms
    limits, _ = _bounded(limits, context, first_q)
    start_q, end_q = _quarters(limits, context, first_q)
    windows = stated_windows(store, context, start_q * QUARTER_MS)
    edges = {}
    for account, bounds in windows.items():
        edge_ms = _latest_edge_ms(bounds, now_ms)
        if edge_ms is not None:
            edges[account] = max(start_q, quarter_of(edge_ms))
    fine = dict.fromkeys(windows, start_q) | edges
    rows = activity_rows(store, params, fine, start_q, end_q)
    rows = _since_latest_begin(rows, edges, quarter_of(now_ms))
    found = [
        block
        for account, parts in streams_of(store, rows, windows).items()
        for block in blocks_of(account, parts, windows.get(account, ()), accept, now_ms)
        if block.start_ms <= now_ms < block.end_ms
        and (limits.end_ms is None or block.start_ms < limits.end_ms)
    ]
    sharpen(store, found, now_ms)
    entries = [_entry(block, params, context) for block in found]
    return [entry for entry in entries if entry.extra["active"]]


def _since_latest_begin(
    rows: Iterable[UsageRow], edges: Mapping[str, int], now_q: int
) -> list[UsageRow]:
    """
    Of `activity_rows`, those of each account from where its latest block by now begins.

    That is the quarter in `edges`, or the hour of the first event that no earlier block of the log
    holds; only for that, all of the range has to be gone through.
    """
    found: list[UsageRow] = []
    blocks: dict[str, tuple[int, list[UsageRow]]] = {}
    for row in rows:
        at = row.bucket
        account = row.account or row.client
        edge_q = edges.get(account)
        if edge_q is not None:
            if at >= edge_q:
                found.append(row)
            continue
        block = blocks.get(account)
        if block is None or at >= block[0]:
            start_q = at - at % QUARTERS_PER_HOUR
            if start_q > now_q:
                # Of a clock that is ahead.
                continue
            block = blocks[account] = (start_q + BLOCK_QUARTERS, [])
        block[1].append(row)
    for _, held in blocks.values():
        found += held
    return found


def _latest_edge_ms(windows: Sequence[Window], now_ms: int) -> int | None:
    """When the latest window began, or ended if it is over."""
    at = bisect_right([window.start_ms for window in windows], now_ms) - 1
    if at < 0:
        return None
    window = windows[at]
    return window.start_ms if now_ms < window.end_ms else window.end_ms


# ------------------------------------------------------------------ rows


def _entries(
    store: Store, found: Sequence[Found], params: ReportParams, context: ReportContext
) -> list[Entry]:
    """An entry per block; blocks that are over change only when they are written to, or age."""
    kept = context.entries
    oldest_ms = context.now_ms - EXACT_DAYS * DAY_MS
    made_of = [(block.end_ms > oldest_ms, block.made_of) for block in found]
    known = [
        kept.find(block.key, source) if block.end_ms <= context.now_ms else None
        for block, source in zip(found, made_of, strict=True)
    ]
    fresh = [block for block, entry in zip(found, known, strict=True) if entry is None]
    sharpen(store, fresh, oldest_ms)
    entries = []
    for block, source, earlier in zip(found, made_of, known, strict=True):
        entry = earlier or _entry(block, params, context)
        if earlier is None and block.end_ms <= context.now_ms:
            kept.keep(block.key, source, entry)
        entries.append(entry)
    return entries


def _entry(block: Found, params: ReportParams, context: ReportContext) -> Entry:
    usage = [part.usage for part in block.parts]
    summed = sum_rows(usage, params.mode)
    first_ms = min((part.first_ms for part in block.parts), default=block.start_ms)
    last_ms = max((part.last_ms for part in block.parts), default=block.start_ms)
    start = iso(block.start_ms) or ""
    extra: dict[str, Any] = {
        "account": block.account,
        "start": start,
        "end": iso(block.end_ms),
        "last_activity": iso(min(last_ms, context.now_ms)) if block.parts else None,
        "window_source": LOG if block.window is None else VENDOR,
        "used_percent": None if block.window is None else block.window.used,
    }
    extra |= _pace(block, summed, first_ms, last_ms, context.now_ms)
    label = to_datetime(block.start_ms, context.zone).strftime("%Y-%m-%d %H:%M")
    # Other machines and the vendor's own site use a running window, too.
    is_news = block.window is not None
    return Entry(start, label, usage, summed, extra, last_ms, is_news)


def _pace(block: Found, summed: Sum, first_ms: int, last_ms: int, now_ms: int) -> dict[str, Any]:
    """Whether the block runs, how fast, and what it will come to."""
    active = block.start_ms <= now_ms < block.end_ms and (
        block.window is not None or now_ms - last_ms < BLOCK_MS
    )
    # From the first to the last event, or to now for a single one: measured from the hour's
    # beginning, the rate would be too low early in a block.
    if last_ms <= first_ms:
        last_ms = min(now_ms, block.end_ms)
    span_ms = last_ms - first_ms
    burn = summed.cost_usd / (span_ms / HOUR_MS) if span_ms > 0 and summed.cost_nano else None
    left_s = (block.end_ms - now_ms) / 1000 if active else None
    projected = None
    if burn is not None and left_s is not None:
        projected = summed.cost_usd + burn * left_s / 3600
    return {
        "active": active,
        "time_remaining_seconds": left_s,
        "burn_rate_usd_per_hour": burn,
        "projected_cost_usd": projected,
    }
