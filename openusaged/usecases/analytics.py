"""
The answer of `analytics`: every account over a period, beside the period of equal length before.

The sums of the period are those of the read model, name by name and account by account, so that
whoever hides an account or its costs can leave exactly that out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from typing import Final

from openusage_proto.analytics_messages import (
    Analytics,
    AnalyticsHour,
    AnalyticsParams,
    AnalyticsRow,
)
from openusage_proto.messages import Totals
from openusaged.core.errors import InvalidParams
from openusaged.core.models import NANO, QUARTER_MS
from openusaged.core.projects import project_labels
from openusaged.core.windows import (
    Span,
    day_of_number,
    day_start_ms,
    iso,
    local_date,
    quarter_of,
    segments,
)
from openusaged.storage.store import Store, UsageRow
from openusaged.usecases.reading import View
from openusaged.usecases.totals import Sum, sum_rows
from openusaged.usecases.usage_view import Owner, owner_of, resolve_span

MAX_DAYS: Final = 366
MAX_TOP: Final = 50
_GROUP_BY: Final = ("account", "client", "provider", "model", "project")

Group = tuple[str, str]
"""(account that owns it or "", name)."""


def build_analytics(
    store: Store, view: View, params: AnalyticsParams, zone: tzinfo, zone_name: str, now_ms: int
) -> Analytics:
    """
    The answer of `analytics`; runs in a reader thread.

    Raises:
        InvalidParams: a date that cannot be read, a bad count.
    """
    if not 0 <= params.top <= MAX_TOP:
        raise InvalidParams(f"top: must lie between 0 and {MAX_TOP}")
    seq = store.seq
    asked = resolve_span(params.window, params.since, params.until, now_ms, zone)
    first_q = store.first_quarter()
    now_q = quarter_of(now_ms) + 1
    before = _previous(params, asked, now_q, zone)
    drawn = _drawn(asked, first_q, now_ms, zone)
    days = _Days(drawn, zone, params.top)
    owner = owner_of(view.accounts, view.links)
    rows = store.usage_rows(start_q=asked.start_q, end_q=asked.end_q, group_by=_GROUP_BY)
    earlier = (
        store.usage_rows(start_q=before.start_q, end_q=before.end_q, group_by=_GROUP_BY)
        if before
        else None
    )
    daily = (
        store.usage_rows(
            segments=segments(drawn.start_q or 0, drawn.end_q, zone), group_by=_GROUP_BY
        )
        if days.dates
        else []
    )
    labels = project_labels({row.project for row in (*rows, *(earlier or ())) if row.project})
    build = _Builder(rows, earlier, daily, owner, days)
    return Analytics(
        seq=seq,
        timezone=zone_name,
        since=iso(None if asked.start_q is None else asked.start_q * QUARTER_MS),
        until=iso(min(asked.end_q * QUARTER_MS, now_ms)) or "",
        previous_since=iso(before.start_q * QUARTER_MS) if before and before.start_q else None,
        previous_until=iso(before.end_q * QUARTER_MS) if before else None,
        previous_complete=bool(
            before and first_q is not None and first_q <= _day_after(before, zone)
        ),
        history_since=(
            None if first_q is None else local_date(first_q * QUARTER_MS, zone).isoformat()
        ),
        dates=[day_of_number(number).isoformat() for number in days.dates],
        accounts=build.by(None, {}, costs=True),
        models=build.by(lambda row: row.model or "unknown", {}),
        clients=build.by(lambda row: row.client, {}),
        projects=build.by(lambda row: row.project, labels),
        mcp=_servers(store, owner, asked, before, days),
        hours=_hours(store, owner, drawn, zone),
    )


def _previous(params: AnalyticsParams, asked: Span, now_q: int, zone: tzinfo) -> Span | None:
    """The period before, as long as the part of this one that has passed."""
    if asked.start_q is None:
        return None
    end_q = min(asked.end_q, now_q)
    length = end_q - asked.start_q
    if length <= 0:
        return None
    if params.window == "1d" and params.since is None and params.until is None:
        # Yesterday up to this time: a morning is not compared with a whole day or with an evening.
        today = local_date(asked.start_q * QUARTER_MS, zone)
        start_q = quarter_of(day_start_ms(today - timedelta(days=1), zone))
        return Span(start_q=start_q, end_q=min(start_q + length, asked.start_q))
    start_q = asked.start_q - length
    # Before 1970 there is nothing, and before the year 1 not even a date.
    return Span(start_q=start_q, end_q=asked.start_q) if start_q >= 0 else None


def _day_after(before: Span, zone: tzinfo) -> int:
    """End of the first local day of a period: history that begins on it counts as complete."""
    day = local_date((before.start_q or 0) * QUARTER_MS, zone)
    return quarter_of(day_start_ms(day + timedelta(days=1), zone))


def _drawn(asked: Span, first_q: int | None, now_ms: int, zone: tzinfo) -> Span:
    """The days of the period, at most a year of them, up to the end of what may hold events."""
    year_q = quarter_of(day_start_ms(local_date(now_ms, zone) - timedelta(days=MAX_DAYS - 1), zone))
    end_q = min(asked.end_q, quarter_of(now_ms) + 1)
    if first_q is None:
        return Span(start_q=end_q, end_q=end_q)
    start_q = first_q if asked.start_q is None else asked.start_q
    return Span(start_q=min(max(start_q, year_q), end_q), end_q=end_q)


class _Days:
    """The local days of a period and the lists of figures over them."""

    def __init__(self, drawn: Span, zone: tzinfo, top: int) -> None:
        self.drawn = drawn
        self.zone = zone
        self.top = top
        self.dates: list[int] = []
        start_q = drawn.start_q or 0
        if start_q < drawn.end_q:
            first = local_date(start_q * QUARTER_MS, zone)
            last = local_date(drawn.end_q * QUARTER_MS - 1, zone)
            number = (first - day_of_number(0)).days
            self.dates = list(range(number, number + (last - first).days + 1))
        self._place = {number: index for index, number in enumerate(self.dates)}

    def spread(self, values: Iterable[tuple[int, int]]) -> list[int]:
        """(day number, value) added up per day."""
        sums = [0] * len(self.dates)
        for number, value in values:
            at = self._place.get(number)
            if at is not None:
                sums[at] += value
        return sums


@dataclass(slots=True)
class _Builder:
    """Rows of a period, of the one before and per day, grouped by any name."""

    rows: Sequence[UsageRow]
    earlier: Sequence[UsageRow] | None
    daily: Sequence[UsageRow]
    owner: Owner
    days: _Days

    def by(
        self,
        key: Callable[[UsageRow], str] | None,
        labels: Mapping[str, str],
        *,
        costs: bool = False,
    ) -> list[AnalyticsRow]:
        """A row per account and name; without a key the account is the name, and all have days."""
        now = self._grouped(self.rows, key)
        before = None if self.earlier is None else self._grouped(self.earlier, key)
        daily = self._grouped(self.daily, key)
        listed = self._top(now) if key else set(now)
        groups = sorted({*now, *(before or ())})
        return [
            self._row(
                group,
                labels.get(group[1], group[1]),
                now.get(group, ()),
                None if before is None else before.get(group, ()),
                daily.get(group, ()) if group in listed else None,
                costs=costs,
            )
            for group in groups
        ]

    def _row(
        self,
        group: Group,
        label: str,
        rows: Iterable[UsageRow],
        before: Iterable[UsageRow] | None,
        daily: Sequence[UsageRow] | None,
        *,
        costs: bool,
    ) -> AnalyticsRow:
        spread = self.days.spread
        by_day = daily or ()
        known = daily is not None
        recorded = spread((row.bucket, row.fallback_nano) for row in by_day) if costs else []
        spent = (
            spread((row.bucket, row.calc_nano + row.fallback_nano) for row in by_day)
            if costs
            else []
        )
        return AnalyticsRow(
            account=group[0],
            name=group[1],
            label=label,
            totals=sum_rows(rows).totals(),
            previous=None if before is None else sum_rows(before).totals(),
            tokens=spread((row.bucket, row.total_tokens) for row in by_day) if known else [],
            requests=spread((row.bucket, row.requests) for row in by_day) if costs else [],
            cost_usd=[nano / NANO for nano in spent],
            recorded_usd=[nano / NANO for nano in recorded],
        )

    def _grouped(
        self, rows: Iterable[UsageRow], key: Callable[[UsageRow], str] | None
    ) -> dict[Group, list[UsageRow]]:
        groups: dict[Group, list[UsageRow]] = {}
        for row in rows:
            account = self.owner(row.account, row.client, row.provider)
            name = account if key is None else key(row)
            if name or key is None:
                groups.setdefault((account, name), []).append(row)
        return groups

    def _top(self, groups: Mapping[Group, Sequence[UsageRow]]) -> set[Group]:
        """The groups of the names with the largest sums, by cost and by tokens."""
        sums: dict[str, Sum] = {}
        for (_, name), rows in groups.items():
            total = sums.setdefault(name, Sum())
            for row in rows:
                total.add(row)
        by_tokens = sorted(sums, key=lambda name: (-sums[name].total_tokens, name))
        by_cost = sorted(sums, key=lambda name: (-sums[name].cost_nano, name))
        names = {*by_tokens[: self.days.top], *by_cost[: self.days.top]}
        return {group for group in groups if group[1] in names}


def _servers(
    store: Store, owner: Owner, asked: Span, before: Span | None, days: _Days
) -> list[AnalyticsRow]:
    """Calls of MCP servers; what a call costs is part of the message that made it."""
    now = _calls(store, owner, asked)
    earlier = _calls(store, owner, before) if before else None
    daily: dict[Group, list[tuple[int, int]]] = {}
    if now and days.dates:
        parts = segments(days.drawn.start_q or 0, days.drawn.end_q, days.zone)
        for day, account, client, server, count in store.server_calls(parts):
            daily.setdefault((owner(account, client, ""), server), []).append((day, count))
    ranked = sorted({*now, *(earlier or ())}, key=lambda group: (-now.get(group, 0), group))
    return [
        AnalyticsRow(
            account=account,
            name=server,
            label=server,
            totals=Totals(requests=now.get((account, server), 0)),
            previous=None
            if earlier is None
            else Totals(requests=earlier.get((account, server), 0)),
            requests=days.spread(daily.get((account, server), ())) if place < days.top else [],
        )
        for place, (account, server) in enumerate(ranked)
    ]


def _calls(store: Store, owner: Owner, span: Span) -> dict[Group, int]:
    calls: dict[Group, int] = {}
    group_by = ("account", "client", "mcp_server")
    for row in store.tool_rows(start_q=span.start_q, end_q=span.end_q, group_by=group_by):
        if row.mcp_server:
            group = owner(row.account, row.client, ""), row.mcp_server
            calls[group] = calls.get(group, 0) + row.calls
    return calls


def _hours(store: Store, owner: Owner, drawn: Span, zone: tzinfo) -> list[AnalyticsHour]:
    """Quarter hours added up by the local hour and weekday they lie in."""
    sums: dict[tuple[str, int, int], list[int]] = {}
    parts = segments(drawn.start_q or 0, drawn.end_q, zone)
    for weekday, hour, account, client, provider, requests, tokens in store.owner_hours(parts):
        found = sums.setdefault((owner(account, client, provider), weekday, hour), [0, 0])
        found[0] += requests
        found[1] += tokens
    return [
        AnalyticsHour(account=account, weekday=weekday, hour=hour, requests=requests, tokens=tokens)
        for (account, weekday, hour), (requests, tokens) in sorted(sums.items())
        if requests or tokens
    ]
