"""
Answers questions about usage: read model, reports, sessions.

Keeps the last few read models, so that a question that was just answered costs a dictionary look-up
until something changes or time crosses a boundary of its window.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import field, replace
from datetime import tzinfo
from typing import Any, Final

import msgspec

from openusage_proto.messages import (
    ReadModel,
    ReadModelParams,
    Report,
    ReportParams,
    ReportRow,
)
from openusage_proto.report_messages import ReconcileParams, Reconciliation
from openusage_proto.session_messages import Sessions, SessionsParams
from openusage_proto.values import dataclass
from openusaged.config.alerts import Budget
from openusaged.core.errors import InvalidParams
from openusaged.core.model_identity import ModelNames
from openusaged.core.models import Account
from openusaged.core.windows import day_start_ms, local_date, zone_of
from openusaged.runtime.clock import Clock
from openusaged.runtime.pools import Job, Pools
from openusaged.storage.store import Store
from openusaged.usecases.kept_entries import KeptEntries, Made
from openusaged.usecases.reconciling import reconcile
from openusaged.usecases.reports import ReportContext, build_report, running_blocks
from openusaged.usecases.session_pages import session_page
from openusaged.usecases.usage_view import ViewRequest, build_view, resolve_span

KEPT: Final = 16
KEPT_REPORTS: Final = 4
REPORT_KEPT_MS: Final = 10_000
"""Reports tell how long a block still runs: an answer is given again within this time only."""
MAX_KEPT_BYTES: Final = 2 << 20
KEPT_QUESTIONS: Final = 3
"""Status lines ask one of them."""
MAX_KEPT_ENTRIES: Final = 1_500
"""Entries of this many rows take three megabytes."""

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the answers depend on beside the store; replaced as a whole when it changes."""

    accounts: Sequence[Account] = ()
    titles: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    suggestions: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    pollable: frozenset[str] = frozenset()
    recording: frozenset[str] | None = None
    zone_name: str = "UTC"
    retention_days: int = 30
    names: ModelNames = ModelNames()
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    importing: bool = False
    demo: bool = False


@dataclass(frozen=True, slots=True)
class _Kept:
    seq: int
    boundaries: tuple[int | None, int]
    encoded: msgspec.Raw


class Reading:
    """The reading use cases; `read_model` on the hub, the others in a reader thread."""

    def __init__(
        self, *, store: Store, pools: Pools, clock: Clock, view: Callable[[], View]
    ) -> None:
        self._store = store
        self._pools = pools
        self._clock = clock
        self._view = view
        self._kept: OrderedDict[Any, _Kept] = OrderedDict()
        self._reports: OrderedDict[Any, tuple[tuple[int, int], msgspec.Raw]] = OrderedDict()
        self._entries: OrderedDict[Any, dict[Hashable, Made]] = OrderedDict()
        self._lock = threading.Lock()

    def zone(self, name: str | None) -> tuple[tzinfo, str]:
        """
        The asked or the machine's zone.

        Raises:
            InvalidParams: there is no such zone.
        """
        wanted = name or self._view().zone_name
        try:
            return zone_of(wanted), wanted
        except ValueError as error:
            if name is None:
                return zone_of("UTC"), "UTC"
            raise InvalidParams(f"tz: {error}") from None

    def read_model(self, params: ReadModelParams) -> ReadModel | msgspec.Raw | Job[msgspec.Raw]:
        """The answer, as it was last encoded where it is the same, or the job that is making it."""
        view = self._view()
        zone, zone_name = self.zone(params.tz)
        now_ms = self._clock.now_ms()
        span = resolve_span(params.window, params.since, params.until, now_ms, zone)
        only = frozenset(params.accounts) if params.accounts is not None else None
        key = (params.window, params.since, params.until, zone_name, only)
        boundaries = (span.start_q, day_start_ms(local_date(now_ms, zone), zone))
        with self._lock:
            kept = self._kept.get(key)
            seq = self._store.seq
            if kept is not None and kept.seq == seq and kept.boundaries != boundaries:
                # Time alone has changed the answer: a held `seq` must not look current.
                seq = self._store.bump()
        if kept is not None and kept.seq == seq and kept.boundaries == boundaries:
            if params.if_seq == seq:
                return ReadModel(seq=seq, unchanged=True)
            return kept.encoded
        request = ViewRequest(
            window="" if params.since or params.until else params.window,
            span=span,
            zone=zone,
            zone_name=zone_name,
            now_ms=now_ms,
            accounts=view.accounts,
            titles=view.titles,
            links=view.links,
            suggestions=view.suggestions,
            pollable=view.pollable,
            recording=view.recording,
            only=only,
        )
        return self._pools.spawn_read(self._build, request, view, key, boundaries)

    def _build(
        self, request: ViewRequest, view: View, key: Any, boundaries: tuple[int | None, int]
    ) -> msgspec.Raw:
        # Taken before reading: what commits meanwhile makes the answer newer than it says,
        # never older.
        seq = self._store.seq
        with self._store.one_state():
            model = build_view(self._store, request, seq)
        model = replace(model, importing=view.importing, demo=view.demo)
        encoded = msgspec.Raw(_encode(model))
        with self._lock:
            _remember(self._kept, key, _Kept(seq, boundaries, encoded), KEPT)
        return encoded

    def report(self, params: ReportParams) -> Report:
        """The report as of now."""
        return self._report(params, self.context(params.tz), self._store.seq)

    def encoded_report(self, params: ReportParams) -> msgspec.Raw:
        """The answer of `report`; a moment old when nothing was stored since."""
        context = self.context(params.tz)
        # Taken before reading, as for the read model.
        stamp = (self._store.seq, context.now_ms // REPORT_KEPT_MS)
        key = (params, context.zone_name, context.names)
        with self._lock:
            kept = self._reports.get(key)
        if kept is not None and kept[0] == stamp:
            return kept[1]
        encoded = msgspec.Raw(_encode(self._report(params, context, stamp[0])))
        if len(encoded) <= MAX_KEPT_BYTES:
            with self._lock:
                _remember(self._reports, key, (stamp, encoded), KEPT_REPORTS)
        return encoded

    def running_blocks(self, params: ReportParams) -> list[ReportRow]:
        """The active rows of a report of blocks as of now."""
        return running_blocks(self._store, params, self.context(params.tz))

    def _report(self, params: ReportParams, context: ReportContext, seq: int) -> Report:
        """The report, made of what the answer before had made where that is the same."""
        # Labels of projects are told apart anew when there is another one.
        key = (params, context.zone_name, context.names, tuple(self._store.projects()))
        with self._lock:
            entries = KeptEntries(self._entries.get(key))
        with self._store.one_state():
            report = build_report(self._store, params, replace(context, entries=entries), seq)
        if 0 < len(entries.current) <= MAX_KEPT_ENTRIES:
            with self._lock:
                _remember(self._entries, key, entries.current, KEPT_QUESTIONS)
        return report

    def reconcile(self, params: ReconcileParams) -> Reconciliation:
        """The answer of `reconcile`."""
        return reconcile(self._store, params, self.context(None), self._store.seq)

    def context(self, tz: str | None) -> ReportContext:
        """What a report in this zone (None: the machine's) depends on beside the store."""
        view = self._view()
        zone, zone_name = self.zone(tz)
        return ReportContext(
            zone=zone,
            zone_name=zone_name,
            now_ms=self._clock.now_ms(),
            accounts=view.accounts,
            errors=view.errors,
            importing=view.importing,
            retention_days=view.retention_days,
            recording=view.recording,
            names=view.names,
        )

    def sessions(self, params: SessionsParams) -> Sessions:
        """The answer of `sessions`."""
        return session_page(self._store, params, self.context(params.tz))


def _remember(kept: OrderedDict[Any, Any], key: Any, value: Any, limit: int) -> None:
    """Keep a value as the newest of so many."""
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > limit:
        kept.popitem(last=False)
