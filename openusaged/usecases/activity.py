"""
Figures over time, for charts and forecasts: days by model, tool and project; active hours; limits.

The same sums and the same ownership as the read model, only not added up over the window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta, tzinfo
from typing import Final

from openusage_proto.activity_messages import (
    Activity,
    ActivityDays,
    ActivityHour,
    ActivityParams,
    MetricSeries,
    Series,
    SeriesParams,
    SeriesPoint,
)
from openusage_proto.analytics_messages import Analytics, AnalyticsParams
from openusage_proto.explain_messages import ExplainParams
from openusaged.core.errors import InvalidParams
from openusaged.core.models import NANO, QUARTER_MS, LimitMetric
from openusaged.core.projects import project_labels, projects_named
from openusaged.core.windows import (
    HOUR_MS,
    Span,
    day_of_number,
    day_start_ms,
    iso,
    local_date,
    offset_quarters,
    quarter_of,
    segments,
)
from openusaged.runtime.clock import Clock
from openusaged.storage.store import Selection, Store, UsageRow
from openusaged.usecases.analytics import build_analytics
from openusaged.usecases.explaining import owners_of
from openusaged.usecases.reading import Reading, View
from openusaged.usecases.usage_view import owner_of, parse_day, resolve_span

MAX_DAYS: Final = 366
MAX_TOP: Final = 50
PROFILE_DAYS: Final = 56
"""Eight weeks: enough to see what a week looks like, little enough to follow a change of habits."""
SERIES_DAYS: Final = 30
MAX_POINTS: Final = 2000
_QUARTERS_PER_HOUR: Final = HOUR_MS // QUARTER_MS


class Activities:
    """Answers `activity`, `series` and `analytics`; reader threads."""

    def __init__(
        self, *, store: Store, clock: Clock, reading: Reading, view: Callable[[], View]
    ) -> None:
        self._store = store
        self._clock = clock
        self._reading = reading
        self._view = view

    def activity(self, params: ActivityParams) -> Activity:
        """
        The answer of `activity`.

        Raises:
            InvalidParams: a name nobody knows, a date that cannot be read.
        """
        if not 0 <= params.top <= MAX_TOP:
            raise InvalidParams(f"top: must lie between 0 and {MAX_TOP}")
        store, view = self._store, self._view()
        zone, zone_name = self._reading.zone(params.tz)
        now_ms = self._clock.now_ms()
        seq = store.seq
        asked = resolve_span(params.window, params.since, params.until, now_ms, zone)
        first_q = store.first_quarter()
        span = _drawn(asked, first_q, now_ms, zone)
        profile_q = quarter_of(
            day_start_ms(local_date(now_ms, zone) - timedelta(days=PROFILE_DAYS), zone)
        )
        wanted = Selection(
            start_q=profile_q,
            end_q=quarter_of(now_ms) + 1,
            owners=owners_of(ExplainParams(account=params.account), view, store),
            model="" if params.model == "unknown" else params.model,
            projects=projects_named(store.projects(), params.project) if params.project else None,
        )
        rows = [
            row
            for row in store.usage_rows(
                segments=segments(span.start_q or 0, span.end_q, zone),
                group_by=("account", "client", "provider", "model", "project"),
            )
            if _is_wanted(row, wanted)
        ]
        dates = _dates(span, zone)
        labels = project_labels({row.project for row in rows if row.project})
        pick = _Lines(dates, params.top, rows)
        return Activity(
            seq=seq,
            timezone=zone_name,
            dates=[day_of_number(number).isoformat() for number in dates],
            days=pick.line("total", "total", rows),
            history_since=(
                None if first_q is None else local_date(first_q * QUARTER_MS, zone).isoformat()
            ),
            hours_since=iso(profile_q * QUARTER_MS) or "",
            hours=local_hours(store.active_quarters(wanted), zone),
            models=pick.by(lambda row: row.model or "unknown"),
            clients=pick.by(lambda row: row.client),
            projects=pick.by(lambda row: row.project, labels),
            mcp=self._servers(params, view, dates, span, zone),
            other_currencies=sorted(
                {row.currency for row in rows if row.currency != "USD" and row.rec_nano}
            ),
        )

    def analytics(self, params: AnalyticsParams) -> Analytics:
        """
        The answer of `analytics`.

        Raises:
            InvalidParams: a date that cannot be read, a bad count.
        """
        zone, zone_name = self._reading.zone(params.tz)
        return build_analytics(
            self._store, self._view(), params, zone, zone_name, self._clock.now_ms()
        )

    def _servers(
        self,
        params: ActivityParams,
        view: View,
        dates: Sequence[int],
        span: Span,
        zone: tzinfo,
    ) -> list[ActivityDays]:
        """Calls of MCP servers per day; tool calls know neither model nor the biller."""
        if params.model is not None or params.project is not None:
            return []
        owner = owner_of(view.accounts, view.links)
        place = {number: index for index, number in enumerate(dates)}
        calls: dict[str, list[int]] = {}
        for day, account, client, server, count in self._store.server_calls(
            segments(span.start_q or 0, span.end_q, zone)
        ):
            ours = params.account in (None, account, owner(account, client, ""))
            if ours and day in place:
                calls.setdefault(server, [0] * len(dates))[place[day]] += count
        ranked = sorted(calls.items(), key=lambda item: (-sum(item[1]), item[0]))
        nothing = [0] * len(dates)
        return [
            ActivityDays(
                name=name,
                label=name,
                tokens=nothing,
                requests=counts,
                cost_usd=[0.0] * len(dates),
            )
            for name, counts in ranked[: params.top]
        ]

    def series(self, params: SeriesParams) -> Series:
        """
        The answer of `series`.

        Raises:
            InvalidParams: there is no such account, a date that cannot be read.
        """
        zone, _ = self._reading.zone(params.tz)
        now_ms = self._clock.now_ms()
        account = next((one for one in self._view().accounts if one.id == params.account), None)
        if account is None:
            raise InvalidParams(f"account: there is no {params.account!r}")
        since_ms = (
            parse_day(params.since, "since", zone)
            if params.since
            else now_ms - SERIES_DAYS * 24 * HOUR_MS
        )
        poll = self._store.snapshots().get((account.provider_id, account.id))
        good = poll.last_good if poll is not None else None
        metrics: Iterable[LimitMetric] = good.metrics if good is not None else ()
        wanted = None if params.metrics is None else set(params.metrics)
        return Series(
            seq=self._store.seq,
            account=account.id,
            series=[
                self._points(account.id, metric, since_ms)
                for metric in metrics
                if wanted is None or metric.key in wanted
            ],
        )

    def _points(self, account_id: str, metric: LimitMetric, since_ms: int) -> MetricSeries:
        points = self._store.series(account_id, metric.key, since_ms)
        return MetricSeries(
            metric=metric.key,
            unit=metric.unit,
            money_kind=metric.money_kind,
            points=[
                SeriesPoint(at=iso(ts_ms) or "", used=used, limit=limit, remaining=remaining)
                for ts_ms, used, limit, remaining in points[-MAX_POINTS:]
            ],
        )


def _is_wanted(row: UsageRow, wanted: Selection) -> bool:
    owners, projects = wanted.owners, wanted.projects
    return (
        (owners is None or (row.account, row.client, row.provider) in owners)
        and (wanted.model is None or (row.model or "unknown") == (wanted.model or "unknown"))
        and (projects is None or row.project in projects)
    )


def _drawn(asked: Span, first_q: int | None, now_ms: int, zone: tzinfo) -> Span:
    """The range from the first thing known on, at most a year of it, up to now."""
    year = quarter_of(day_start_ms(local_date(now_ms, zone) - timedelta(days=MAX_DAYS - 1), zone))
    end_q = min(asked.end_q, quarter_of(now_ms) + 1)
    if first_q is None:
        return Span(start_q=end_q, end_q=end_q)
    start_q = first_q if asked.start_q is None else asked.start_q
    return Span(start_q=min(max(start_q, year), end_q), end_q=end_q)


def _dates(span: Span, zone: tzinfo) -> list[int]:
    """Numbers of the local days of a range; none for an empty one."""
    start_q = span.start_q or 0
    if start_q >= span.end_q:
        return []
    from_day = local_date(start_q * QUARTER_MS, zone)
    last_day = local_date(span.end_q * QUARTER_MS - 1, zone)
    first = (from_day - day_of_number(0)).days
    return list(range(first, first + (last_day - from_day).days + 1))


class _Lines:
    """Rows of days as lines of figures, in the order of the dates."""

    def __init__(self, dates: Sequence[int], top: int, rows: Sequence[UsageRow]) -> None:
        self._place = {number: index for index, number in enumerate(dates)}
        self._top = top
        self._rows = rows

    def line(self, name: str, label: str, rows: Iterable[UsageRow]) -> ActivityDays:
        """One line of these rows."""
        size = len(self._place)
        tokens, requests, nano = [0] * size, [0] * size, [0] * size
        unpriced = 0
        for row in rows:
            at = self._place.get(row.bucket)
            if at is None:
                continue
            tokens[at] += row.total_tokens
            requests[at] += row.requests
            nano[at] += row.calc_nano + row.fallback_nano
            unpriced += row.auto_unpriced
        return ActivityDays(
            name=name,
            label=label,
            tokens=tokens,
            requests=requests,
            cost_usd=[amount / NANO for amount in nano],
            unpriced=unpriced,
        )

    def by(
        self, key: Callable[[UsageRow], str], labels: Mapping[str, str] | None = None
    ) -> list[ActivityDays]:
        """A line for each of the names with most tokens."""
        groups: dict[str, list[UsageRow]] = {}
        for row in self._rows:
            name = key(row)
            if name:
                groups.setdefault(name, []).append(row)
        ranked = sorted(
            groups.items(),
            key=lambda item: (-sum(row.total_tokens for row in item[1]), item[0]),
        )
        return [
            self.line(name, (labels or {}).get(name, name), rows)
            for name, rows in ranked[: self._top]
        ]


def local_hours(quarters: Iterable[tuple[int, int, int, int]], zone: tzinfo) -> list[ActivityHour]:
    """Quarter hours added up to local hours, which begin at any quarter in some zones."""
    found: dict[int, list[int]] = {}
    for quarter, requests, tokens, nano in quarters:
        local = quarter + offset_quarters(quarter * QUARTER_MS, zone)
        start = quarter - local % _QUARTERS_PER_HOUR
        sums = found.setdefault(start, [0, 0, 0])
        for index, value in enumerate((requests, tokens, nano)):
            sums[index] += value
    return [
        ActivityHour(
            at=iso(start * QUARTER_MS) or "",
            requests=requests,
            tokens=tokens,
            cost_usd=nano / NANO,
        )
        for start, (requests, tokens, nano) in sorted(found.items())
        if requests or tokens or nano
    ]
