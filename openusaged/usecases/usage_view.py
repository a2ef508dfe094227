"""
The read model: per account the last good poll, overlaid with what its events add up to.

One consistent read of the store per answer; what a group contains is decided here, how it looks is
the client's matter.  An event belongs to exactly one account; what no account owns is listed as
unmapped, never shown under somebody else's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from openusage_proto.messages import (
    AccountSnapshot,
    DayTotals,
    Metric,
    NamedCount,
    NamedTotals,
    ReadModel,
    Totals,
    Unmapped,
    Usage,
)
from openusage_proto.values import dataclass
from openusaged.core.errors import InvalidParams
from openusaged.core.models import ACCOUNT_OK, ACCOUNT_UNKNOWN, QUARTER_MS, Account, UsageSnapshot
from openusaged.core.projects import project_labels
from openusaged.core.windows import (
    Span,
    day_of_number,
    day_start_ms,
    iso,
    local_date,
    quarter_of,
    segments,
    window_span,
)
from openusaged.storage.store import Store, StoredSnapshot, ToolRow, UsageRow
from openusaged.usecases.totals import Sum, group_rows, named, sum_rows

MAX_DAYS: Final = 92
"""Local days listed per account; longer windows list the latest ones."""
_TOOLS_BY: Final = ("account", "client", "tool", "mcp_server", "mcp_function", "language")
MAX_ROWS: Final = 200
"""Rows of one breakdown: nobody reads further, and the answer stays small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRequest:
    """What to show: resolved quarters, zone and accounts."""

    window: str
    span: Span
    zone: tzinfo
    zone_name: str
    now_ms: int
    accounts: Sequence[Account]
    titles: Mapping[str, str]
    """Title by account id."""
    links: Mapping[str, str]
    """Source or provider id -> provider id whose single account owns its events."""
    suggestions: Mapping[str, str]
    pollable: frozenset[str] = frozenset()
    """Accounts whose vendor can be asked; the others are known from local records alone."""
    recording: frozenset[str] | None = None
    """Accounts with local records; of the others nothing is known unless events named them.  None
    when all have."""
    only: frozenset[str] | None = None


def resolve_span(
    window: str, since: str | None, until: str | None, now_ms: int, zone: tzinfo
) -> Span:
    """
    The quarters of a named window, or of `since`/`until`.

    Dates are inclusive local days, instants are rounded to their quarter hour.

    Raises:
        InvalidParams: a date that cannot be read.
    """
    named_span = window_span(window, now_ms, zone)
    if since is None and until is None:
        return named_span
    start = quarter_of(parse_day(since, "since", zone)) if since is not None else None
    end = named_span.end_q
    if until is not None:
        end = -(-parse_day(until, "until", zone, end=True) // QUARTER_MS)
    return Span(start_q=start, end_q=end)


def parse_day(text: str, field: str, zone: tzinfo, *, end: bool = False) -> int:
    """
    Epoch milliseconds of an ISO date (start, or end, of the local day) or instant.

    Raises:
        InvalidParams: no ISO date or instant.
    """
    try:
        if len(text) == len("2026-01-31"):
            day = date.fromisoformat(text)
            return day_start_ms(day + timedelta(days=1) if end else day, zone)
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=zone)
        return int(instant.astimezone(UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise InvalidParams(f"{field}: expected a date like 2026-01-31, got {text!r}") from None


def build_view(store: Store, request: ViewRequest, seq: int) -> ReadModel:
    """The answer of `read_model`; runs in a reader thread."""
    span = request.span
    rows = store.usage_rows(start_q=span.start_q, end_q=span.end_q)
    today = day_start_ms(local_date(request.now_ms, request.zone), request.zone)
    today_q = quarter_of(today)
    today_rows = store.usage_rows(start_q=today_q, end_q=quarter_of(request.now_ms) + 97)
    tools = store.tool_rows(start_q=span.start_q, end_q=span.end_q, group_by=_TOOLS_BY)
    day_rows = _day_rows(store, request)
    start_ms = 0 if span.start_q is None else span.start_q * QUARTER_MS
    sessions = store.session_counts(start_ms, span.end_q * QUARTER_MS)
    last_events = store.last_event_ms()
    polls = {account_id: poll for (_, account_id), poll in store.snapshots().items()}

    owner = owner_of(request.accounts, request.links)
    labels = project_labels({row.project for row in rows if row.project})
    usage_by: dict[str, list[UsageRow]] = _by(rows, owner)
    totals = {account: sum_rows(mine) for account, mine in usage_by.items()}
    today_by = _by(today_rows, owner)
    days_by = _by(day_rows, owner)
    tools_by: dict[str, list[ToolRow]] = {}
    for tool in tools:
        tools_by.setdefault(owner(tool.account, tool.client, ""), []).append(tool)

    def usage(account: Account) -> Usage | None:
        ident = account.id
        seen = ident in last_events or ident in usage_by or ident in tools_by
        if not seen and _is_unknown(account, request):
            return None
        return _usage(
            usage_by.get(ident, []),
            totals.get(ident) or Sum(),
            today_by.get(ident, []),
            days_by.get(ident, []),
            tools_by.get(ident, []),
            labels,
            sessions.get(ident, 0),
            iso(last_events.get(ident)),
        )

    snapshots = [
        _account(account, request, polls.get(account.id), usage(account))
        for account in request.accounts
        if request.only is None or account.id in request.only
    ]
    shown = {snapshot.account_id for snapshot in snapshots}
    return ReadModel(
        seq=seq,
        generated_at=iso(request.now_ms) or "",
        timezone=request.zone_name,
        window=request.window,
        since=iso(start_ms) if span.start_q is not None else None,
        until=iso(request.now_ms),
        accounts=snapshots,
        totals=_grand_total(totals, shown, request.only),
        unmapped=[] if request.only is not None else _unmapped(usage_by.get("", []), request),
        unpriced_models=sorted({row.model for row in rows if row.auto_unpriced}),
    )


def _day_rows(store: Store, request: ViewRequest) -> list[UsageRow]:
    """Rows whose bucket is a local day number, for the latest days of the window."""
    last = local_date(request.now_ms, request.zone)
    first = last - timedelta(days=MAX_DAYS - 1)
    start_q = quarter_of(day_start_ms(first, request.zone))
    if request.span.start_q is not None:
        start_q = max(start_q, request.span.start_q)
    end_q = min(request.span.end_q, quarter_of(request.now_ms) + 97)
    if start_q >= end_q:
        return []
    return store.usage_rows(
        segments=segments(start_q, end_q, request.zone),
        group_by=("account", "provider", "client"),
    )


Owner = Callable[[str, str, str], str]


def owner_of(accounts: Sequence[Account], links: Mapping[str, str]) -> Owner:
    """(account of the event, client, provider) -> account that shows it, "" for none."""
    known = {account.id for account in accounts}
    of_provider: dict[str, list[str]] = {}
    for account in accounts:
        of_provider.setdefault(account.provider_id, []).append(account.id)

    def owner(account: str, client: str, provider: str) -> str:
        if account in known:
            return account
        for name in (client, provider):
            target = links.get(name, "")
            candidates = of_provider.get(target, [])
            if len(candidates) == 1:
                return candidates[0]
        return ""

    return owner


def _by(rows: Iterable[UsageRow], owner: Owner) -> dict[str, list[UsageRow]]:
    groups: dict[str, list[UsageRow]] = {}
    for row in rows:
        groups.setdefault(owner(row.account, row.client, row.provider), []).append(row)
    return groups


def _grand_total(totals: Mapping[str, Sum], shown: set[str], only: frozenset[str] | None) -> Totals:
    grand = Sum()
    for account_id, total in totals.items():
        if only is None or account_id in shown:
            grand.absorb(total)
    return grand.totals()


def _is_unknown(account: Account, request: ViewRequest) -> bool:
    """Whether an account leaves no records here, as an API key does: its tokens are unknown."""
    return request.recording is not None and account.id not in request.recording


def _usage(
    rows: Sequence[UsageRow],
    total: Sum,
    today: Sequence[UsageRow],
    days: Sequence[UsageRow],
    tools: Sequence[ToolRow],
    labels: dict[str, str],
    sessions: int,
    last_event_at: str | None,
) -> Usage:
    by_day: dict[int, Sum] = {}
    for row in days:
        by_day.setdefault(row.bucket, Sum()).add(row)
    return Usage(
        totals=total.totals(),
        today=sum_rows(today).totals(),
        sessions=sessions,
        turns=total.turns,
        last_event_at=last_event_at,
        models=named(group_rows(rows, lambda row: row.model or "unknown", total))[:MAX_ROWS],
        clients=named(group_rows(rows, lambda row: row.client, total))[:MAX_ROWS],
        projects=named(group_rows(rows, lambda row: row.project, total), labels)[:MAX_ROWS],
        projects_today=named(group_rows(today, lambda row: row.project), labels)[:MAX_ROWS],
        agents=named(group_rows(rows, lambda row: row.agent_kind, total))[:MAX_ROWS],
        providers=named(group_rows(rows, lambda row: row.provider, total))[:MAX_ROWS],
        tools=_counts(tools, lambda row: row.tool),
        mcp=_counts(
            tools,
            lambda row: (
                f"{row.mcp_server}/{row.mcp_function}" if row.mcp_function else row.mcp_server
            ),
        ),
        languages=_counts(tools, lambda row: row.language),
        days=[
            DayTotals(date=day_of_number(number).isoformat(), totals=by_day[number].totals())
            for number in sorted(by_day)
        ],
    )


def _counts(rows: Iterable[ToolRow], key: Callable[[ToolRow], str]) -> list[NamedCount]:
    sums: dict[str, list[int]] = {}
    for row in rows:
        name = key(row)
        if not name:
            continue
        values = (row.calls, row.errors, row.aborted, row.lines_added, row.lines_removed)
        current = sums.setdefault(name, [0] * len(values))
        for index, value in enumerate(values):
            current[index] += value
    ordered = sorted(sums.items(), key=lambda item: (-item[1][0], item[0]))
    return [
        NamedCount(
            name=name,
            calls=values[0],
            errors=values[1],
            aborted=values[2],
            lines_added=values[3],
            lines_removed=values[4],
        )
        for name, values in ordered[:MAX_ROWS]
    ]


def _account(
    account: Account, request: ViewRequest, poll: StoredSnapshot | None, usage: Usage | None
) -> AccountSnapshot:
    good = poll.last_good if poll is not None else None
    failing = poll is not None and good is not None and poll.latest_ms > good.ts_ms
    unasked = ACCOUNT_UNKNOWN if account.id in request.pollable else ACCOUNT_OK
    return AccountSnapshot(
        account_id=account.id,
        provider_id=account.provider_id,
        title=request.titles.get(account.id, account.title or account.id),
        status=poll.latest_status if poll is not None else unasked,
        message=poll.latest_message if poll is not None else "",
        fetched_at=iso(good.ts_ms) if good is not None else None,
        stale_since=iso(good.ts_ms) if failing and good is not None else None,
        stale_reason=poll.latest_message if failing and poll is not None else "",
        metrics=current_metrics(good, request.now_ms) if good is not None else [],
        attributes=dict(good.attributes) if good is not None else {},
        upstream=_upstream(good) if good is not None else [],
        usage=usage,
    )


def _upstream(snapshot: UsageSnapshot) -> list[NamedTotals]:
    """What the vendor reports by the host behind it; never added to what our events say."""
    rows = [
        NamedTotals(
            name=row.group,
            label=row.group,
            totals=Totals(
                requests=row.requests or 0,
                input_tokens=row.input or 0,
                output_tokens=row.output or 0,
                cache_read_tokens=row.cache_read or 0,
                cache_creation_tokens=row.cache_write or 0,
                reasoning_tokens=row.reasoning or 0,
                total_tokens=row.total or 0,
                cost_usd=row.cost or 0.0 if row.currency == "USD" else 0.0,
                cost_basis="unpriced" if row.cost is None else "recorded",
                other_costs={row.currency: row.cost}
                if row.cost is not None and row.currency != "USD"
                else {},
            ),
        )
        for row in snapshot.reported
        if row.group and row.window == "30d" and not row.date and not row.model
    ]
    return rows[:MAX_ROWS]


def current_metrics(snapshot: UsageSnapshot, now_ms: int) -> list[Metric]:
    """Metrics as of now: a percentage window that has been reset since is at zero again."""
    metrics = []
    for metric in snapshot.metrics:
        used, remaining = metric.used, metric.remaining
        over = metric.resets_at_ms is not None and metric.resets_at_ms <= now_ms
        if over and metric.unit == "%" and metric.limit is not None:
            used, remaining = 0.0, metric.limit
        metrics.append(
            Metric(
                key=metric.key,
                unit=metric.unit,
                label=metric.label,
                window=metric.window,
                used=used,
                limit=metric.limit,
                remaining=remaining,
                resets_at=None if over else iso(metric.resets_at_ms),
                money_kind=metric.money_kind,
            )
        )
    return metrics


def _unmapped(rows: Iterable[UsageRow], request: ViewRequest) -> list[Unmapped]:
    groups: dict[tuple[str, str, str], Sum] = {}
    for row in rows:
        groups.setdefault((row.client, row.account, row.provider), Sum()).add(row)
    return [
        Unmapped(
            source=client,
            account_id=account,
            provider=provider,
            suggestion=request.suggestions.get(client) or request.suggestions.get(provider, ""),
            totals=group.totals(),
        )
        for (client, account, provider), group in sorted(
            groups.items(), key=lambda item: -item[1].total_tokens
        )
    ]
