"""
The parts of an explanation: pure functions from rows and groups of events to what the wire says.

Separate from `explaining`, which decides what is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from openusage_proto.explain_messages import (
    ExplainBucket,
    ExplainChannel,
    ExplainEvent,
    ExplainParams,
    ExplainPart,
    ExplainSession,
    ExplainSource,
)
from openusaged.core.merge import UNIFORM_PRIORITIES, CountedEvent
from openusaged.core.models import NANO, QUARTER_MS, Account
from openusaged.core.projects import project_labels
from openusaged.core.windows import Span, iso
from openusaged.storage.store import EventGroup, Owner, Store, UsageRow
from openusaged.usecases.reading import View
from openusaged.usecases.totals import Sum, group_rows, sum_rows
from openusaged.usecases.usage_view import owner_of

MAX_NAMES: Final = 5
"""Files named per account."""
CHANNELS: Final = {4: "hook", 3: "sse", 2: "log", 1: "api"}
"""Channel by priority; logs and tools' own databases share one, as do APIs and other programs."""
_SLOT_MASK: Final = 7


def question(params: ExplainParams, session: str | None, window: str) -> dict[str, str]:
    """The filters as they were understood, without those that were not given."""
    names = (
        *("account", "provider", "billed_by", "client", "model", "project", "branch", "agent"),
        *("session", "since", "until"),
    )
    asked = {name: str(value) for name in names if (value := getattr(params, name))}
    if session is not None:
        asked["session"] = session
    if not (params.since or params.until):
        asked["window"] = window
    return asked


def buckets(total: Sum) -> list[ExplainBucket]:
    """The disjoint kinds of tokens of a sum."""
    return [
        ExplainBucket(name="input", tokens=total.input),
        ExplainBucket(name="cache_read", tokens=total.cache_read),
        ExplainBucket(name="cache_write_5m", tokens=total.write_5m),
        ExplainBucket(name="cache_write_1h", tokens=total.write_1h),
        ExplainBucket(name="output", tokens=total.output),
    ]


def parts(rows: Sequence[UsageRow], params: ExplainParams) -> list[ExplainPart]:
    """The addends of the total, most tokens first."""
    found: dict[tuple[str, str, str, str], Sum] = {}
    for row in rows:
        key = (row.account, row.client, row.provider, row.model)
        found.setdefault(key, Sum(params.mode)).add(row)
    ordered = sorted(found.items(), key=lambda item: (-item[1].total_tokens, item[0]))
    return [
        ExplainPart(
            account=account, client=client, provider=provider, model=model, totals=part.totals()
        )
        for (account, client, provider, model), part in ordered
        if part.requests or part.total_tokens or part.cost_nano
    ]


def by_price(
    groups: Iterable[EventGroup],
) -> list[tuple[tuple[str, str, str, str], list[EventGroup]]]:
    """Groups by (model, biller, price source, service tier), most tokens first."""
    found: dict[tuple[str, str, str, str], list[EventGroup]] = {}
    for group in groups:
        usage = group.usage
        key = (usage.model, usage.provider, group.price_source, group.service_tier)
        found.setdefault(key, []).append(group)
    return sorted(
        found.items(), key=lambda item: (-sum(part.usage.total_tokens for part in item[1]), item[0])
    )


def channels(groups: Iterable[EventGroup]) -> list[ExplainChannel]:
    """Events by the best channel that reported them, the best first."""
    found: dict[int, list[int]] = {}
    for group in groups:
        best, mixed = best_channel(group.priorities)
        counts = found.setdefault(best, [0, 0, 0])
        counts[0] += group.events
        counts[1] += group.usage.requests
        counts[2] += group.events if mixed else 0
    return [
        ExplainChannel(
            channel=CHANNELS.get(priority, "unknown"),
            events=counts[0],
            requests=counts[1],
            completed=counts[2],
        )
        for priority, counts in sorted(found.items(), reverse=True)
    ]


def best_channel(priorities: int) -> tuple[int, bool]:
    """The highest priority that said any field of an event, and whether it was not all of them."""
    if priorities < len(UNIFORM_PRIORITIES):
        return priorities, False
    best, left = 0, priorities
    while left:
        best = max(best, left & _SLOT_MASK)
        left >>= 3
    return best, priorities != UNIFORM_PRIORITIES[best]


def sources(
    owners: Iterable[Owner], view: View, store: Store, span: Span, session: str | None
) -> list[ExplainSource]:
    """The accounts that feed the number and the files of theirs that may hold it."""
    owner = owner_of(view.accounts, view.links)
    wanted = {owner(*owned) or owned[0] for owned in owners}
    accounts: dict[str, Account] = {account.id: account for account in view.accounts}
    start_ns = (span.start_q or 0) * QUARTER_MS * 1_000_000
    last_events = store.last_event_ms()
    files: dict[str, list[tuple[int, str]]] = {}
    for cursor in store.cursors():
        files.setdefault(cursor.account_id, []).append((cursor.mtime_ns, cursor.path))
    found = []
    for name in sorted(wanted):
        account = accounts.get(name)
        read = files.get(name, [])
        fresh = sorted((item for item in read if item[0] >= start_ns), reverse=True)
        if session:
            # Tools that keep a session in a file of its own name it after the session.
            fresh = [item for item in fresh if session in item[1]] or fresh
        found.append(
            ExplainSource(
                account=name,
                provider=account.provider_id if account else "",
                title=view.titles.get(name, name),
                home=account.home if account else "",
                files=len(read),
                files_in_range=len(fresh),
                names=[path for _, path in fresh[:MAX_NAMES]],
                last_event_at=iso(last_events.get(name)),
                error=view.errors.get(name, ""),
            )
        )
    return found


def sessions(groups: Iterable[EventGroup], params: ExplainParams) -> list[ExplainSession]:
    """What each session adds to the number, most tokens first."""
    found: dict[tuple[str, str], list[EventGroup]] = {}
    for group in groups:
        if group.session:
            found.setdefault((group.source, group.session), []).append(group)
    labels = project_labels({group.usage.project for group in groups if group.usage.project})
    made = []
    for (source, session), part in found.items():
        first = min(part, key=lambda group: group.first_ms)
        usage = [group.usage for group in part]
        models = group_rows(usage, lambda row: row.model)
        made.append(
            ExplainSession(
                session_id=session,
                source=source,
                account=first.usage.account,
                client=first.usage.client,
                project=labels.get(first.usage.project, ""),
                branch=first.usage.branch,
                first_at=iso(first.first_ms) or "",
                last_at=iso(max(group.last_ms for group in part)) or "",
                models=sorted(models, key=lambda name: (-models[name].total_tokens, name)),
                totals=sum_rows(usage, params.mode).totals(),
            )
        )
    return sorted(made, key=lambda row: (-row.totals.total_tokens, row.session_id))


def event(event: CountedEvent) -> ExplainEvent:
    """One event as the wire has it."""
    best, _ = best_channel(event.priorities)
    return ExplainEvent(
        at=iso(event.ts_ms) or "",
        kind=event.event_type,
        source=event.source,
        client=event.client,
        provider=event.provider,
        model=event.model,
        session_id=event.session_id,
        agent=event.agent or ("subagent" if event.is_sidechain else ""),
        channel=CHANNELS.get(best, "unknown"),
        status=event.status,
        service_tier=event.service_tier,
        input_tokens=event.input,
        cache_read_tokens=event.cache_read,
        cache_write_5m_tokens=event.cache_write_5m,
        cache_write_1h_tokens=event.cache_write_1h,
        output_tokens=event.output,
        reasoning_tokens=event.reasoning,
        requests=event.requests,
        calculated_usd=None if event.calc_nano is None else event.calc_nano / NANO,
        price_source=event.price_source,
        recorded=None if event.cost_nano is None else event.cost_nano / NANO,
        currency=event.currency if event.cost_nano is not None else "",
        tool=event.tool_name,
        project=event.project,
        branch=event.branch,
    )


def notes(params: ExplainParams, total: Sum, without_detail: int, view: View) -> list[str]:
    """What has to be known to read the number right."""
    notes = ["total_tokens = input + cache_read + cache_write + output; output includes reasoning"]
    if view.importing:
        notes.append("the first import is still running; the number will grow")
    if without_detail:
        notes.append(
            f"{without_detail} of {total.requests} requests are older than the"
            f" {view.retention_days} days of detail that are kept: they count in the total, but"
            " cannot be listed"
        )
    if total.unpriced:
        notes.append(f"{total.unpriced} requests have no price: their tokens count, no cost does")
    if total.other:
        notes.append("amounts in " + ", ".join(sorted(total.other)) + " are never added to USD")
    if params.session:
        notes.append("a session is the sum of its events, not of quarter hours")
    return notes
