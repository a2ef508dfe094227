"""
Five-hour blocks per account: the vendor's own window where it said so, else derived from the log.

The vendor's window is the truth, because other machines and the vendor's own site start it too; it
may begin at any minute, so the quarter hours at its edges are taken apart into single events while
these are kept.  Blocks of the log begin on the hour, and whole hours are all they need.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from openusage_proto.messages import ReportParams
from openusaged.core.blocks import BLOCK_MS, split_blocks
from openusaged.core.models import QUARTER_MS
from openusaged.core.projects import project_labels
from openusaged.core.windows import DAY_MS, HOUR_MS, iso, quarter_of, to_datetime
from openusaged.storage.store import Store, UsageRow
from openusaged.usecases.block_windows import Window, stated_windows
from openusaged.usecases.report_groups import Built, dimensions_of
from openusaged.usecases.report_rows import Entry
from openusaged.usecases.report_scope import Accept, Range, ReportContext
from openusaged.usecases.totals import Sum, sum_rows

QUARTERS_PER_HOUR: Final = 4
DEFAULT_DAYS: Final = 30
EXACT_DAYS: Final = 3
"""Blocks older than this know their first and last activity to the quarter hour."""
VENDOR: Final = "vendor"
LOG: Final = "log"


@dataclass(slots=True)
class Part:
    """Usage within a stretch that no block's end crosses; what blocks are made of."""

    first_ms: int
    last_ms: int
    usage: UsageRow


@dataclass(slots=True)
class Found:
    """A block before it is a row."""

    account: str
    start_ms: int
    end_ms: int
    parts: list[Part] = field(default_factory=list)
    window: Window | None = None

    @property
    def key(self) -> Hashable:
        """What tells it from every other block."""
        return self.account, self.start_ms, self.end_ms

    @property
    def made_of(self) -> Any:
        """
        What its entry depends on.

        Hours are named by their rows, which are the same objects while nobody wrote to their day;
        an entry holds them, so that none can take another's place.
        """
        return self.window, [id(part.usage) for part in self.parts]

    @property
    def first_q(self) -> int:
        """Quarter of its first activity."""
        return min((quarter_of(part.first_ms) for part in self.parts), default=0)

    @property
    def last_q(self) -> int:
        """Quarter of its last activity."""
        return max((quarter_of(part.last_ms) for part in self.parts), default=0)


def block_entries(
    store: Store, params: ReportParams, context: ReportContext, limits: Range, accept: Accept
) -> Built:
    """One entry per block that touches the range, of every account on its own."""
    labels = project_labels(store.projects())
    first_q = store.first_quarter()
    if first_q is None:
        return Built([], labels)
    limits, notes = _bounded(limits, context, first_q)
    # A block that ends within the range may have begun before it.
    start_ms = None if limits.start_ms is None else limits.start_ms - DAY_MS
    end_ms = None if limits.end_ms is None else limits.end_ms + DAY_MS
    start_q, end_q = Range(start_ms, end_ms).quarters(first_q, context.now_ms)
    start_q = start_q // QUARTERS_PER_HOUR * QUARTERS_PER_HOUR
    windows = stated_windows(store, context, start_q * QUARTER_MS)
    found = [
        block
        for account, parts in _streams(store, params, windows, start_q, end_q).items()
        for block in _blocks_of(account, parts, windows.get(account, ()), accept, context.now_ms)
        if (limits.start_ms is None or block.end_ms > limits.start_ms)
        and (limits.end_ms is None or block.start_ms < limits.end_ms)
    ]
    entries = _entries(store, found, params, context)
    if any(block.window is None for block in found):
        notes.append("blocks without a vendor's percentage are derived from local records")
    return Built(entries, labels, notes)


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


# ------------------------------------------------------------------ activity


def _streams(
    store: Store,
    params: ReportParams,
    windows: Mapping[str, Sequence[Window]],
    start_q: int,
    end_q: int,
) -> dict[str, list[Part]]:
    """Activity by account and time; accounts without windows in whole hours."""
    dimensions = tuple(name for name in dimensions_of(params) if name != "agent_kind")
    streams: dict[str, list[Part]] = {account: [] for account in windows}
    rows = store.stretch_rows(
        start_q=start_q, end_q=end_q, quarters=QUARTERS_PER_HOUR, dimensions=dimensions
    )
    for row in rows:
        if row.account not in windows:
            start_ms = row.bucket * QUARTER_MS
            part = Part(start_ms, start_ms + HOUR_MS - 1, row)
            streams.setdefault(row.account or row.client, []).append(part)
    if windows:
        for row in store.stretch_rows(
            start_q=start_q,
            end_q=end_q,
            quarters=1,
            dimensions=dimensions,
            accounts=list(windows),
        ):
            start_ms = row.bucket * QUARTER_MS
            streams[row.account].append(Part(start_ms, start_ms + QUARTER_MS - 1, row))
        for account, bounds in windows.items():
            streams[account] = _cut(store, account, streams[account], bounds)
    return streams


def _cut(store: Store, account: str, parts: list[Part], windows: Sequence[Window]) -> list[Part]:
    """The parts, with quarters that hold an edge of a window taken apart where that is exact."""
    edges = {
        edge for window in windows for edge in (window.start_ms, window.end_ms) if edge % QUARTER_MS
    }
    for edge in edges:
        quarter_ms = edge // QUARTER_MS * QUARTER_MS
        whole = [part for part in parts if part.first_ms == quarter_ms]
        if not whole:
            continue
        pieces = [
            Part(row.first_ms, row.last_ms, row.usage)
            for start_ms, end_ms in ((quarter_ms, edge), (edge, quarter_ms + QUARTER_MS))
            for row in store.block_rows(start_ms=start_ms, end_ms=end_ms, accounts=[account])
        ]
        if _sums(pieces) == _sums(whole):
            parts = [part for part in parts if part.first_ms != quarter_ms] + pieces
    parts.sort(key=lambda part: part.first_ms)
    return parts


def _sums(parts: Sequence[Part]) -> tuple[int, int, int]:
    total = sum_rows(part.usage for part in parts)
    return total.total_tokens, total.requests, total.cost_nano


def _blocks_of(
    account: str, parts: list[Part], windows: Sequence[Window], accept: Accept, now_ms: int
) -> Iterator[Found]:
    """The account's blocks: its vendor's windows, and blocks of the log between them."""
    starts = [window.start_ms for window in windows]
    inside: dict[int, list[Part]] = {}
    between: dict[int, list[Part]] = {}
    for part in parts:
        at = bisect_right(starts, part.first_ms) - 1
        target = inside if at >= 0 and part.first_ms < windows[at].end_ms else between
        target.setdefault(at, []).append(part)
    for at, window in enumerate(windows):
        kept = [part for part in inside.get(at, ()) if accept(part.usage)]
        if kept or window.start_ms <= now_ms < window.end_ms:
            yield Found(account, window.start_ms, window.end_ms, kept, window)
    for at, rest in between.items():
        limit_ms = starts[at + 1] if at + 1 < len(starts) else None
        for block in split_blocks(rest):
            kept = [part for part in block.parts if accept(part.usage)]
            end_ms = block.end_ms if limit_ms is None else min(block.end_ms, limit_ms)
            if kept:
                # The hour it begins in may be one that the vendor's window ended in.
                start_ms = max(block.start_ms, windows[at].end_ms) if at >= 0 else block.start_ms
                yield Found(account, start_ms, end_ms, kept)


def _sharpen(store: Store, found: Sequence[Found], oldest_ms: int) -> None:
    """Narrow the first and last stretch of each block to its quarters, of late ones to events."""
    blocks = [block for block in found if block.parts]
    if not blocks:
        return
    used = store.quarters_used(
        min(block.first_q for block in blocks), max(block.last_q for block in blocks) + 1
    )
    for block in blocks:
        for part in _outermost(block):
            quarters = [
                quarter
                for quarter in range(quarter_of(part.first_ms), quarter_of(part.last_ms) + 1)
                if (part.usage.account, quarter) in used
            ]
            if quarters:
                part.first_ms = max(part.first_ms, quarters[0] * QUARTER_MS)
                part.last_ms = min(part.last_ms, (quarters[-1] + 1) * QUARTER_MS - 1)
    recent = [block for block in blocks if block.end_ms > oldest_ms]
    edges = {edge for block in recent for edge in (block.first_q, block.last_q)}
    exact = store.activity_in(edges) if edges else {}
    for block in recent:
        for part in _outermost(block):
            account = part.usage.account
            first = exact.get((account, quarter_of(part.first_ms)))
            last = exact.get((account, quarter_of(part.last_ms)))
            if first is not None:
                part.first_ms = max(part.first_ms, first[0])
            if last is not None:
                part.last_ms = min(part.last_ms, last[1])


def _outermost(block: Found) -> list[Part]:
    """The parts of its first and last stretch: what lies between decides neither end."""
    first_ms = min(part.first_ms for part in block.parts)
    last_ms = max(part.last_ms for part in block.parts)
    return [part for part in block.parts if part.first_ms == first_ms or part.last_ms == last_ms]


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
    _sharpen(store, fresh, oldest_ms)
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
