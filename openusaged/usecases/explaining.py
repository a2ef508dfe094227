"""
Where a number comes from: the same sums as the dashboard and the reports, taken apart.

The total is read as every other surface reads it, out of the quarter hours; prices, channels,
sessions and single events come from the detail that is kept, and what has none is said to have
none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

from openusage_proto.explain_messages import (
    ExplainCost,
    ExplainDelivery,
    ExplainParams,
    ExplainPrice,
    Explanation,
)
from openusage_proto.price_messages import PricingParams
from openusaged.core.errors import InvalidParams
from openusaged.core.models import NANO, QUARTER_MS
from openusaged.core.projects import project_labels, projects_named
from openusaged.core.windows import Span, iso
from openusaged.pricing.book import PriceBook, Sources
from openusaged.runtime.clock import Clock
from openusaged.storage.store import EventGroup, Owner, Selection, Store, UsageRow, readable_sql
from openusaged.usecases import explained as taken
from openusaged.usecases.deliveries import SEVERAL, Delivered
from openusaged.usecases.price_answers import explain as explain_price
from openusaged.usecases.reading import Reading, View
from openusaged.usecases.report_scope import check_branch, check_provider, unknown_name
from openusaged.usecases.totals import Sum, sum_rows
from openusaged.usecases.usage_view import owner_of, resolve_span

MAX_LISTED: Final = 500
MAX_RECALCULATED: Final = 20_000
"""Events whose price is looked up again for one answer: a fraction of a second."""

NO_MODEL: Final = "unknown"
"""What the read model calls requests that name no model."""
AGENT_KINDS: Final = {"main": 0, "subagent": 1}


class Lists(Protocol):
    """Whoever holds the price lists of now."""

    @property
    def sources(self) -> Sources:
        """The lists."""


class Explaining:
    """Answers `explain`; reader threads."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        reading: Reading,
        view: Callable[[], View],
        prices: Lists,
        deliveries: Callable[[], Mapping[tuple[str, str], Delivered]],
        started_ms: int,
    ) -> None:
        self._store = store
        self._clock = clock
        self._reading = reading
        self._view = view
        self._prices = prices
        self._deliveries = deliveries
        self._started_ms = started_ms

    def explain(self, params: ExplainParams) -> Explanation:
        """
        The answer of `explain`.

        Raises:
            InvalidParams: a name nobody knows, a date that cannot be read, a bad count.
        """
        view, store = self._view(), self._store
        zone, zone_name = self._reading.zone(params.tz)
        whole = params.session is not None and not (params.since or params.until)
        window = "all" if whole else params.window
        span = resolve_span(window, params.since, params.until, self._clock.now_ms(), zone)
        seq = store.seq
        session = None if params.session is None else _session(params.session, store)
        wanted = _selection(params, session, view, store, span)
        groups = store.event_groups(wanted)
        hot = [group.usage for group in groups]
        rows = self._rows(wanted, hot)
        total = sum_rows(rows, params.mode)
        with_detail = sum(row.requests for row in hot)
        without_detail = max(0, total.requests - with_detail)
        first_hot = store.first_hot_quarter()
        sessions_total, by_session = store.session_groups(wanted, params.sessions)
        owners = {(row.account, row.client, row.provider) for row in rows}
        return Explanation(
            seq=seq,
            timezone=zone_name,
            since=iso(None if span.start_q is None else span.start_q * QUARTER_MS),
            until=iso(span.end_q * QUARTER_MS) or "",
            question=taken.question(params, session, window),
            totals=total.totals(),
            buckets=taken.buckets(total),
            cost=self._cost(rows, total, wanted, complete=not without_detail),
            parts=taken.parts(rows, params),
            prices=[self._price(key, part) for key, part in taken.by_price(groups)],
            channels=taken.channels(groups),
            deliveries=self._delivered({group.source for group in groups}),
            deliveries_since=iso(self._started_ms) or "",
            sources=taken.sources(owners, view, store, span, session),
            detail_since=iso(None if first_hot is None else first_hot * QUARTER_MS),
            requests_with_detail=with_detail,
            requests_without_detail=without_detail,
            sessions=taken.sessions(by_session, params),
            sessions_total=sessions_total,
            events=[
                taken.event(event) for event in store.newest_events(wanted, params.events)
            ] if params.events else [],
            events_total=sum(group.events for group in groups),
            query=readable_sql(wanted),
            notes=taken.notes(params, total, without_detail, view),
        )  # fmt: skip

    def _rows(self, wanted: Selection, hot: list[UsageRow]) -> Sequence[UsageRow]:
        """The rows that add up to the number, as all other surfaces read them."""
        if wanted.session is not None:
            # Quarter hours know no sessions; a session that has outlived its events has a record.
            return hot or _recorded_session(self._store, wanted.session, wanted)
        dimensions = ["account", "provider", "client", "model"]
        dimensions += ["project"] if wanted.projects is not None else []
        dimensions += ["branch"] if wanted.branch is not None else []
        dimensions += ["agent_kind"] if wanted.agent_kind is not None else []
        rows = self._store.usage_rows(
            start_q=wanted.start_q, end_q=wanted.end_q, group_by=tuple(dimensions)
        )
        return [row for row in rows if _accepts(wanted, row)]

    def _cost(
        self, rows: Iterable[UsageRow], total: Sum, wanted: Selection, *, complete: bool
    ) -> ExplainCost:
        rows = list(rows)
        in_usd = [row for row in rows if row.currency == "USD"]
        recalculated = None
        if complete:
            sources = self._prices.sources
            book = PriceBook(sources.catalogue, sources.custom, sources.fetched)
            recalculated = self._store.sum_events(
                wanted, lambda event: book.estimate(event)[0] or 0, limit=MAX_RECALCULATED
            )
        return ExplainCost(
            mode=total.mode,
            basis=total.basis,
            calculated_usd=sum(row.calc_nano for row in rows) / NANO,
            recorded_usd=sum(row.rec_nano for row in in_usd) / NANO,
            recorded_requests=sum(row.rec_requests for row in in_usd),
            filled_usd=sum(row.fallback_nano for row in rows) / NANO,
            unpriced_requests=total.unpriced,
            approximate_requests=sum(row.approx for row in rows),
            recalculated_usd=None if recalculated is None else recalculated / NANO,
        )

    def _price(self, key: tuple[str, str, str, str], part: list[EventGroup]) -> ExplainPrice:
        model, provider, source, tier = key
        total = sum_rows(group.usage for group in part)
        asked = PricingParams(model=model, provider=provider, tier=tier)
        last_ms = max(group.last_ms for group in part)
        price = explain_price(self._prices.sources, asked, model, last_ms) if model else None
        in_force = None
        if price is not None:
            in_force = next((period for period in price.periods if period.in_force), None)
        return ExplainPrice(
            model=model,
            provider=provider,
            source=source,
            service_tier=tier,
            requests=total.requests,
            buckets=taken.buckets(total),
            calculated_usd=sum(group.usage.calc_nano for group in part) / NANO,
            recorded_usd=sum(
                group.usage.rec_nano for group in part if group.usage.currency == "USD"
            ) / NANO,
            list_name=price.model if price else "",
            grade=price.grade if price else "",
            rates=price.rates if price else None,
            tiered=in_force is not None and len(in_force.rates) > 1,
        )  # fmt: skip

    def _delivered(self, sources: set[str]) -> list[ExplainDelivery]:
        return [
            ExplainDelivery(
                source=source,
                channel=channel,
                new=counts.new,
                completed=counts.completed,
                repeated=counts.repeated,
            )
            for (source, channel), counts in sorted(self._deliveries().items())
            if source in sources or source == SEVERAL
        ]


# ------------------------------------------------------------------ selecting


def _selection(
    params: ExplainParams, session: str | None, view: View, store: Store, span: Span
) -> Selection:
    _check(params)
    model = params.model
    if model is not None:
        known = {row.model for row in store.usage_rows(group_by=("model",))}
        if model not in known and model == NO_MODEL:
            model = ""
        elif model not in known:
            raise InvalidParams(f"model: none of this name was used{_close(model, known)}")
    projects = None
    if params.project is not None:
        projects = projects_named(store.projects(), params.project)
        if not projects:
            labels = project_labels(store.projects()).values()
            raise InvalidParams(f"project: none of this name{_close(params.project, labels)}")
    check_branch(params.branch, store)
    return Selection(
        start_q=span.start_q,
        end_q=span.end_q,
        owners=owners_of(params, view, store),
        model=model,
        projects=projects,
        branch=params.branch,
        agent_kind=None if params.agent is None else AGENT_KINDS[params.agent],
        session=session,
    )


def _session(text: str, store: Store) -> str:
    """The session with this id, or the only one that begins so (tables cut ids)."""
    found = store.session_ids(text, 2) if text else []
    if not found:
        raise InvalidParams(f"session: there is no {text!r}")
    if found[0] != text and len(found) > 1:
        raise InvalidParams(f"session: more than one begins with {text!r}: {', '.join(found)} ...")
    return found[0]


def _check(params: ExplainParams) -> None:
    for name, number in (("sessions", params.sessions), ("events", params.events)):
        if not 0 <= number <= MAX_LISTED:
            raise InvalidParams(f"{name}: must lie between 0 and {MAX_LISTED}")
    if params.agent is not None and params.agent not in AGENT_KINDS:
        raise InvalidParams(f"agent: {params.agent!r} is neither main nor subagent")


def owners_of(params: ExplainParams, view: View, store: Store) -> frozenset[Owner] | None:
    """
    The (account, client, provider) that the filters on accounts and tools mean; None for all.

    Raises:
        InvalidParams: there is no such account, service or tool.
    """
    if not (params.account or params.provider or params.billed_by or params.client):
        return None
    services = {account.id: account.provider_id for account in view.accounts}
    owner = owner_of(view.accounts, view.links)
    everybody = [
        (account, client, provider) for account, provider, client in store.accounts_with_events()
    ]
    check_provider(params.provider, view.accounts, store)
    clients = {client for _, client, _ in everybody}
    if params.client and params.client not in clients:
        raise unknown_name("client", params.client, clients)
    known = {*services, *(owned[0] for owned in everybody)}
    if params.account and params.account not in known:
        close = _close(params.account, known)
        raise InvalidParams(f"account: there is no {params.account!r}{close}")
    service = (params.provider or "").lower()

    def wanted(owned: Owner) -> bool:
        account, client, provider = owned
        return (
            (not params.account or params.account in (account, owner(*owned)))
            and (not service or service in (services.get(account, ""), client, provider))
            and (not params.billed_by or params.billed_by == provider)
            and (not params.client or params.client == client)
        )

    return frozenset(filter(wanted, everybody))


def _accepts(wanted: Selection, row: UsageRow) -> bool:
    owned = (row.account, row.client, row.provider)
    return (
        (wanted.owners is None or owned in wanted.owners)
        and (wanted.model is None or row.model == wanted.model)
        and (wanted.projects is None or row.project in wanted.projects)
        and (wanted.branch is None or row.branch == wanted.branch)
        and (wanted.agent_kind is None or AGENT_KINDS.get(row.agent_kind) == wanted.agent_kind)
    )


def _recorded_session(store: Store, session: str, wanted: Selection) -> list[UsageRow]:
    _, records = store.sessions(session=session)
    return [row for record in records for row in record.rows if wanted.model in (None, row.model)]


def _close(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches  # not before somebody mistypes

    found = get_close_matches(name, [text for text in known if text], n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(found)}?" if found else ""
