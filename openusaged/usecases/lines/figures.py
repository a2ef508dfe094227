"""
What a line of a status bar can say about each account, worked out once for all lines.

A status bar asks every few seconds, several sessions at once; the answer is kept until something
changes or half a minute has passed, and whoever asks meanwhile waits for the one who works it out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from openusage_proto.messages import CostMode, ReportParams, ReportRow
from openusage_proto.values import dataclass
from openusaged.core.models import Account, LimitMetric
from openusaged.core.windows import (
    HOUR_MS,
    day_start_ms,
    iso,
    local_date,
    quarter_of,
)
from openusaged.runtime.clock import Clock
from openusaged.storage.store import Store, StoredSnapshot, UsageRow
from openusaged.usecases.block_windows import five_hour_metric
from openusaged.usecases.reading import Reading, View
from openusaged.usecases.totals import Sum

if TYPE_CHECKING:
    from openusage_proto.forecasts import Habits

KEPT_MS: Final = 30_000
HABITS_KEPT_MS: Final = 600_000
"""A usual week does not change with every request."""
STALE_MS: Final = 30 * 60_000
"""A vendor's figure that is older than this is marked."""
A_DAY_AHEAD_Q: Final = 97
WEEKLY: Final = "7d"
PLAN_WINDOWS: Final = ("month", "30d", "cycle", "billing-cycle", "current-period", "current")
WINDOW_MS: Final = {"5h": 5 * 3_600_000, "7d": 7 * 86_400_000, "1d": 86_400_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A limit as a share: per cent used, when it starts anew, and whether that is old news."""

    used: float
    resets_ms: int | None = None
    stale: bool = False
    length_ms: int | None = None

    def pace(self, now_ms: int) -> float | None:
        """Per cent used beyond (or, negative, short of) the share of time that has passed."""
        passed = self._passed_ms(now_ms)
        if passed is None or self.length_ms is None:
            return None
        return self.used - 100.0 * passed / self.length_ms

    def full(self, now: datetime, usual: Habits | None) -> datetime | None:
        """
        When it is used up if it goes on like this; None when the window ends before that.

        By the weekdays and hours of a usual week, so that a free weekend counts as such.
        """
        from openusage_proto.forecasts import limit_forecast  # only where a line asks for it
        from openusage_proto.messages import Metric

        if self.length_ms is None:
            return None
        metric = Metric(
            key="",
            unit="%",
            window=f"{self.length_ms // HOUR_MS}h",
            used=self.used,
            limit=100.0,
            resets_at=iso(self.resets_ms),
        )
        found = limit_forecast(metric, usual, now)
        return found.full if found is not None else None

    def _passed_ms(self, now_ms: int) -> int | None:
        if self.resets_ms is None or self.length_ms is None:
            return None
        passed = self.length_ms - (self.resets_ms - now_ms)
        return passed if 0 <= passed <= self.length_ms else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFigures:
    """One account."""

    account: Account
    title: str = ""
    last_ms: int | None = None
    """Its latest event."""
    today: Sum | None = None
    """None when nothing is known of its tokens."""
    model: str = ""
    project: str = ""
    projects: Mapping[str, Sum] = field(default_factory=dict)
    """Today by repository or directory."""
    block: ReportRow | None = None
    """The 5-hour block that runs."""
    five_hour: Window | None = None
    weekly: Window | None = None
    plan: Window | None = None
    metrics: Mapping[str, LimitMetric] = field(default_factory=dict)
    stale: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Every account at one moment."""

    now_ms: int
    accounts: Sequence[AccountFigures]
    today: Sequence[UsageRow] = ()
    """All that was used since local midnight, whoever it belongs to."""
    usual: Callable[[AccountFigures], Habits | None] = lambda _one: None
    """An account's usual week."""

    def of(self, account_id: str) -> AccountFigures | None:
        """The figures of one account."""
        return next((one for one in self.accounts if one.account.id == account_id), None)


class FigureBook:
    """Works figures out and keeps them; any thread."""

    def __init__(
        self,
        *,
        store: Store,
        reading: Reading,
        clock: Clock,
        view: Callable[[], View],
    ) -> None:
        self._store = store
        self._reading = reading
        self._clock = clock
        self._view = view
        self._lock = threading.Lock()
        self._kept: tuple[tuple[int, int], View, Figures] | None = None
        self._kept_habits: dict[str, tuple[int, Habits | None]] = {}
        self._kept_blocks: tuple[tuple[int, int], CostMode, dict[str, ReportRow]] | None = None

    def now(self) -> Figures:
        """The figures of now; readers of the same moment share one working out."""
        with self._lock:
            now_ms = self._clock.now_ms()
            view = self._view()
            key = (self._store.seq, now_ms // KEPT_MS)
            if self._kept is None or self._kept[0] != key or self._kept[1] is not view:
                with self._store.one_state():
                    self._kept = (key, view, self._work_out(view, now_ms))
            return self._kept[2]

    def block(self, account_id: str, mode: CostMode) -> ReportRow | None:
        """The running block of an account with its cost in another mode than `now` has it."""
        with self._lock:
            key = (self._store.seq, self._clock.now_ms() // KEPT_MS)
            if self._kept_blocks is None or self._kept_blocks[:2] != (key, mode):
                self._kept_blocks = (key, mode, self._running_blocks(mode))
            return self._kept_blocks[2].get(account_id)

    def _work_out(self, view: View, now_ms: int) -> Figures:
        zone, _ = self._reading.zone(None)
        today = quarter_of(day_start_ms(local_date(now_ms, zone), zone))
        used = self._store.usage_rows(start_q=today, end_q=quarter_of(now_ms) + A_DAY_AHEAD_Q)
        rows: dict[str, list[UsageRow]] = {}
        for row in used:
            rows.setdefault(row.account, []).append(row)
        blocks = self._blocks(view, rows)
        last = self._store.last_event_ms()
        polls = {account_id: poll for (_, account_id), poll in self._store.snapshots().items()}
        return Figures(
            now_ms=now_ms,
            today=used,
            usual=self._usual,
            accounts=[
                _figures(
                    account,
                    view,
                    rows.get(account.id, ()),
                    blocks.get(account.id),
                    polls.get(account.id),
                    last.get(account.id),
                    now_ms,
                )
                for account in view.accounts
            ],
        )

    def _usual(self, one: AccountFigures) -> Habits | None:
        from openusaged.usecases.habits import habits_of  # only where a line asks for it

        context = self._reading.context(None)
        moment = context.now_ms // HABITS_KEPT_MS
        kept = self._kept_habits.get(one.account.id)
        if kept is None or kept[0] != moment:
            found = habits_of(self._store, self._view(), context, account=one.account.id)
            kept = self._kept_habits[one.account.id] = (moment, found)
        return kept[1]

    def _blocks(self, view: View, rows: Mapping[str, object]) -> dict[str, ReportRow]:
        """The running block of each account that has been used within a day."""
        return self._running_blocks("calculate") if rows or view.accounts else {}

    def _running_blocks(self, mode: CostMode) -> dict[str, ReportRow]:
        zone, _ = self._reading.zone(None)
        yesterday = local_date(self._clock.now_ms() - 24 * 3_600_000, zone).isoformat()
        rows = self._reading.running_blocks(ReportParams(kind="blocks", since=yesterday, mode=mode))
        return {row.account: row for row in rows if row.account}


def _figures(
    account: Account,
    view: View,
    rows: Sequence[UsageRow],
    block: ReportRow | None,
    poll: StoredSnapshot | None,
    last_ms: int | None,
    now_ms: int,
) -> AccountFigures:
    recording = view.recording is None or account.id in view.recording or bool(rows)
    good = poll.last_good if poll is not None else None
    metrics = {metric.key: metric for metric in good.metrics} if good is not None else {}
    stale = good is not None and now_ms - good.ts_ms > STALE_MS
    biggest = max(rows, key=lambda row: (row.requests, row.model), default=None)
    projects: dict[str, Sum] = {}
    for row in rows:
        projects.setdefault(row.project, Sum()).add(row)
    today = Sum()
    for spent in projects.values():
        today.absorb(spent)
    projects.pop("", None)
    return AccountFigures(
        account=account,
        title=view.titles.get(account.id, account.title or account.id),
        last_ms=last_ms,
        today=today if recording else None,
        model=biggest.model if biggest is not None else "",
        project=biggest.project if biggest is not None else "",
        projects=projects,
        block=block,
        five_hour=_window(five_hour_metric(metrics.values()), now_ms, stale=stale),
        weekly=_window(_with_window(metrics.values(), (WEEKLY,)), now_ms, stale=stale),
        plan=_window(_with_window(metrics.values(), PLAN_WINDOWS), now_ms, stale=stale),
        metrics=metrics,
        stale=stale,
    )


def _with_window(metrics: Any, windows: Sequence[str]) -> LimitMetric | None:
    """The account's own share in one of these windows, not one of a single model."""
    for window in windows:
        for metric in metrics:
            if metric.window == window and metric.unit == "%" and ":" not in metric.key:
                return metric  # type: ignore[no-any-return]
    return None


def _window(metric: LimitMetric | None, now_ms: int, *, stale: bool) -> Window | None:
    if metric is None or metric.used is None:
        return None
    length = WINDOW_MS.get(metric.window)
    over = metric.resets_at_ms is not None and metric.resets_at_ms <= now_ms
    return Window(
        used=0.0 if over else metric.used,
        resets_ms=None if over else metric.resets_at_ms,
        stale=stale,
        length_ms=length,
    )


def epoch_ms(text: str | None) -> int | None:
    """Epoch milliseconds of an ISO text of the wire."""
    return None if text is None else int(datetime.fromisoformat(text).timestamp() * 1000)
