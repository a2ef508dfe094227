"""
Finds blocks: activity by account, cut at the vendor's windows, and what of it belongs together.

The vendor's window is the truth, because other machines and the vendor's own site start it too; it
may begin at any minute, so the quarter hours at its edges are taken apart into single events while
these are kept.  Blocks of the log begin on the hour, and whole hours are all they need.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final

from openusage_proto.messages import ReportParams
from openusaged.core.blocks import split_blocks
from openusaged.core.models import QUARTER_MS
from openusaged.core.windows import HOUR_MS, quarter_of
from openusaged.storage.store import Store, UsageRow
from openusaged.usecases.block_windows import Window
from openusaged.usecases.report_groups import dimensions_of
from openusaged.usecases.report_scope import Accept
from openusaged.usecases.totals import sum_rows

QUARTERS_PER_HOUR: Final = 4
_by_time = attrgetter("bucket")


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


def activity_rows(
    store: Store, params: ReportParams, fine: Mapping[str, int], start_q: int, end_q: int
) -> list[UsageRow]:
    """
    Usage of [start_q, end_q) in the order of time, by hour.

    Of the accounts in `fine` by quarter, from the earliest quarter that is named there on.  A
    row's `bucket` is the quarter that its stretch begins with.
    """
    dimensions = tuple(name for name in dimensions_of(params) if name != "agent_kind")
    rows = store.stretch_rows(
        start_q=start_q, end_q=end_q, quarters=QUARTERS_PER_HOUR, dimensions=dimensions
    )
    if not fine:
        return rows
    rows = [row for row in rows if row.account not in fine]
    rows += store.stretch_rows(
        start_q=min(fine.values()),
        end_q=end_q,
        quarters=1,
        dimensions=dimensions,
        accounts=list(fine),
    )
    rows.sort(key=_by_time)
    return rows


def streams_of(
    store: Store, rows: Iterable[UsageRow], windows: Mapping[str, Sequence[Window]]
) -> dict[str, list[Part]]:
    """`activity_rows` by account; those with windows are cut at their edges."""
    streams: dict[str, list[Part]] = {account: [] for account in windows}
    for row in rows:
        start_ms = row.bucket * QUARTER_MS
        length_ms = QUARTER_MS if row.account in windows else HOUR_MS
        part = Part(start_ms, start_ms + length_ms - 1, row)
        streams.setdefault(row.account or row.client, []).append(part)
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


def blocks_of(
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


def sharpen(store: Store, found: Iterable[Found], oldest_ms: int) -> None:
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
