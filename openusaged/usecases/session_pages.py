"""
The answer of `sessions`: a page of sessions, or one of them with its turns.

The sums are those of `report` of kind `session`; turns are read from the events that are kept.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import tzinfo
from typing import Final

from openusage_proto.messages import NamedCount
from openusage_proto.session_messages import SessionRow, Sessions, SessionsParams, SessionTurn
from openusaged.core.errors import InvalidParams
from openusaged.core.merge import CountedEvent
from openusaged.core.models import NANO, QUARTER_MS, STATUS_ERROR, TOOL_USAGE
from openusaged.core.projects import project_labels
from openusaged.core.windows import iso
from openusaged.providers.registry import provider_ids
from openusaged.storage.session_queries import SessionWord
from openusaged.storage.store import SessionRecord, Store
from openusaged.usecases.report_scope import (
    ReportContext,
    check_account,
    check_model,
    check_project,
    is_model,
    projects_meant,
    unknown_name,
)
from openusaged.usecases.totals import group_rows, sum_rows
from openusaged.usecases.usage_view import parse_day, resolve_span

MAX_SESSIONS: Final = 1000
MAX_TURNS: Final = 1000
MAX_WORDS: Final = 8
MAX_EVENTS: Final = 20_000
"""Model and tool calls of one session that are looked at: a fraction of a second."""


def session_page(store: Store, params: SessionsParams, context: ReportContext) -> Sessions:
    """
    The answer of `sessions`; runs in a reader thread.

    Raises:
        InvalidParams: a name nobody knows, a date that cannot be read, a count out of range.
    """
    _check(params)
    _check_names(params, context, store)
    seq = store.seq
    labels = project_labels(store.projects())
    start_ms, end_ms = _range(params, context.zone, context.now_ms)
    total, records = store.sessions(
        start_ms=start_ms,
        end_ms=end_ms,
        account=params.account,
        client=params.client,
        projects=projects_meant(store, params.project) if params.project else None,
        models=_models(store, params.model) if params.model else None,
        session=params.session,
        source=params.source,
        words=_words(store, params.text, labels),
        sort=params.sort,
        descending=params.order == "desc",
        limit=params.limit,
        offset=params.offset,
    )
    turns: list[SessionTurn] = []
    tools: list[NamedCount] = []
    if params.turns and records:
        if total > 1:
            sources = " and ".join(sorted(record.source for record in records))
            raise InvalidParams(f"turns: {sources} have a session of this id: name its `source`")
        events = store.session_events(records[0], MAX_EVENTS)
        turns = turns_of(events)
        tools = counted(event for event in events if event.event_type == TOOL_USAGE)
    return Sessions(
        seq=seq,
        timezone=context.zone_name,
        total=total,
        sessions=[_row(record, labels) for record in records],
        turns=turns[-params.turns :] if params.turns else [],
        turns_kept=len(turns),
        tools=tools,
    )


def _check(params: SessionsParams) -> None:
    if not 1 <= params.limit <= MAX_SESSIONS:
        raise InvalidParams(f"limit: must lie between 1 and {MAX_SESSIONS}")
    if params.offset < 0:
        raise InvalidParams("offset: must not be negative")
    if not 0 <= params.turns <= MAX_TURNS:
        raise InvalidParams(f"turns: must lie between 0 and {MAX_TURNS}")
    if params.turns and params.session is None:
        raise InvalidParams("turns: name the session whose turns you want in `session`")


def _check_names(params: SessionsParams, context: ReportContext, store: Store) -> None:
    check_account(params.account, context, store)
    check_project(params.project, store)
    check_model(params.model, store)
    clients = {client for _, _, client in store.accounts_with_events()} | set(provider_ids())
    if params.client and params.client not in clients:
        raise unknown_name("client", params.client, clients)


def _range(params: SessionsParams, zone: tzinfo, now_ms: int) -> tuple[int | None, int | None]:
    if params.since or params.until:
        return (
            parse_day(params.since, "since", zone) if params.since else None,
            parse_day(params.until, "until", zone, end=True) if params.until else None,
        )
    if params.window is None:
        return None, None
    span = resolve_span(params.window, None, None, now_ms, zone)
    return None if span.start_q is None else span.start_q * QUARTER_MS, None


def _models(store: Store, wanted: str) -> list[str]:
    return [name for name in store.known_names() if is_model(name, wanted)]


def folded(text: str) -> str:
    """Text as it is compared: without regard to case and to how accents are composed."""
    return unicodedata.normalize("NFKC", text).casefold()


def _words(store: Store, text: str, labels: dict[str, str]) -> list[SessionWord]:
    words = dict.fromkeys(folded(text).split())
    if not words:
        return []
    names = [(name, folded(name)) for name in store.known_names()]
    projects = [(root, folded(label)) for root, label in labels.items()]
    return [
        SessionWord(
            word,
            [name for name, key in names if word in key],
            [root for root, key in projects if word in key],
        )
        for word in list(words)[:MAX_WORDS]
    ]


def _row(record: SessionRecord, labels: dict[str, str]) -> SessionRow:
    models = group_rows(record.rows, lambda row: row.model)
    return SessionRow(
        session_id=record.session_id,
        source=record.source,
        account_id=record.account,
        client=record.client,
        project=labels.get(record.project, record.project),
        branch=record.branch,
        first_activity=iso(record.first_ms) or "",
        last_activity=iso(record.last_ms) or "",
        models=sorted(models, key=lambda name: (-models[name].total_tokens, name)),
        totals=sum_rows(record.rows).totals(),
        parent_session_id=record.parent_session_id,
        tool_calls=record.tool_calls,
    )


# ----------------------------------------------------------------------- turns


def turns_of(events: Sequence[CountedEvent]) -> list[SessionTurn]:
    """
    Model calls in the order of time, each with the tools called until the next one.

    A sub-agent works beside the others: its tools are those of its own last model call.  Tools
    that were called before any model call we know of belong to the first one.
    """
    calls: list[tuple[CountedEvent, list[CountedEvent]]] = []
    latest: dict[str, int] = {}
    early: list[CountedEvent] = []
    for event in events:
        if event.event_type != TOOL_USAGE:
            latest[event.agent] = len(calls)
            calls.append((event, early if not calls else []))
        elif calls:
            calls[latest.get(event.agent, len(calls) - 1)][1].append(event)
        else:
            early.append(event)
    return [_turn(event, tools) for event, tools in calls]


def counted(events: Iterable[CountedEvent]) -> list[NamedCount]:
    """Tool calls by name, most first; an MCP function is named with its server."""
    calls: dict[str, list[int]] = {}
    for event in events:
        name = event.tool_name
        if event.mcp_server:
            name = f"{event.mcp_server}/{event.mcp_function or event.tool_name}"
        sums = calls.setdefault(name or "unknown", [0, 0, 0, 0])
        more = (1, event.status == STATUS_ERROR, event.lines_added or 0, event.lines_removed or 0)
        for index, value in enumerate(more):
            sums[index] += value
    return [
        NamedCount(name=name, calls=sums[0], errors=sums[1], lines_added=sums[2],
                   lines_removed=sums[3])
        for name, sums in sorted(calls.items(), key=lambda item: (-item[1][0], item[0]))
    ]  # fmt: skip


def _turn(event: CountedEvent, tools: Sequence[CountedEvent]) -> SessionTurn:
    writes = [part for part in (event.cache_write_5m, event.cache_write_1h) if part is not None]
    return SessionTurn(
        at=iso(event.ts_ms) or "",
        model=event.model,
        provider=event.provider,
        agent=event.agent or ("subagent" if event.is_sidechain else ""),
        status=event.status,
        branch=event.branch,
        input_tokens=event.input,
        cache_read_tokens=event.cache_read,
        cache_creation_tokens=sum(writes) if writes else None,
        output_tokens=event.output,
        reasoning_tokens=event.reasoning,
        requests=1 if event.requests is None else event.requests,
        estimate_usd=None if event.calc_nano is None else event.calc_nano / NANO,
        recorded=None if event.cost_nano is None else event.cost_nano / NANO,
        currency=(event.currency or "USD") if event.cost_nano is not None else "",
        tools=counted(tools),
    )
