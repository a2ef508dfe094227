"""
The five-hour windows that vendors have stated, which blocks follow where they are known.

Separate from the blocks that are derived from the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from openusage_proto.values import dataclass
from openusaged.core.blocks import BLOCK_MS
from openusaged.core.models import LimitMetric
from openusaged.storage.block_queries import Reset
from openusaged.storage.store import Store
from openusaged.usecases.report_scope import ReportContext

WINDOW: Final = "5h"
JITTER_MS: Final = 10 * 60_000
"""Ends of one window that a vendor states with seconds of difference are the same end."""


@dataclass(frozen=True, slots=True)
class Window:
    """A vendor's window."""

    start_ms: int
    end_ms: int
    used: float


def five_hour_metric(metrics: Iterable[LimitMetric]) -> LimitMetric | None:
    """The account's own five-hour limit, not one of a single model."""
    for metric in metrics:
        if metric.window == WINDOW and metric.unit == "%" and ":" not in metric.key:
            return metric
    return None


def stated_windows(store: Store, context: ReportContext, since_ms: int) -> dict[str, list[Window]]:
    """Windows that vendors have stated, by account and time; they do not overlap."""
    windows = {}
    known = {account.id for account in context.accounts}
    for (_, account_id), poll in store.snapshots().items():
        metric = five_hour_metric(poll.last_good.metrics) if poll.last_good is not None else None
        if metric is None or account_id not in known:
            continue
        found = windows_of(store.resets(account_id, metric.key, since_ms))
        if found:
            windows[account_id] = found
    return windows


def windows_of(resets: Sequence[Reset]) -> list[Window]:
    """The windows behind stated ends: near ones are one, a later one cuts an earlier one short."""
    windows: list[Window] = []
    for reset in resets:
        end_ms = round(reset.at_ms / 60_000) * 60_000
        if windows and end_ms - windows[-1].end_ms <= JITTER_MS:
            last = windows[-1]
            windows[-1] = replace(last, used=max(last.used, reset.used))
            continue
        start_ms = end_ms - BLOCK_MS
        if windows and start_ms < windows[-1].end_ms:
            windows[-1] = replace(windows[-1], end_ms=max(start_ms, windows[-1].start_ms))
        windows.append(Window(start_ms, end_ms, reset.used))
    return [window for window in windows if window.start_ms < window.end_ms]
