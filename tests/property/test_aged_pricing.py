"""Sums whose events have gone are re-priced exactly or not at all."""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openusaged.core.identity import identity_of
from openusaged.core.models import UsageEvent
from openusaged.storage import aged_pricing
from openusaged.storage.store import Store, WriteBatch
from tests.property import test_repricing as repricing
from tests.property.test_repricing import MESSAGES, QUARTER, START_MS, STEP_MS, SUMS, Prices
from tests.support.memory import in_memory

flat_lists = st.fixed_dictionaries(
    {
        name: st.one_of(st.none(), st.tuples(st.integers(0, 5), st.just("custom")))
        for name in ("m-1", "m-2")
    }
)
BUCKET = ("account_id", "provider", "model", "branch", "agent", "currency")
SESSION = ("source", "session_id", "provider", "model", "currency")


def neighbours() -> st.SearchStrategy[UsageEvent]:
    """
    Events that often share their sums, so that recorded and unrecorded ones meet in one.

    Without tokens of no request: a contradiction whose sums cannot be told apart.
    """
    return st.builds(
        lambda event, model: msgspec.structs.replace(
            event,
            source="codex",
            account_id="a",
            provider="openai",
            branch="",
            agent="",
            model=model,
            session_id=event.session_id and "s1",
        ),
        repricing.happenings().filter(lambda event: event.requests != 0),
        st.sampled_from(["m-1", "m-1", "m-2"]),
    )


def key_of(event: UsageEvent, names: tuple[str, ...]) -> tuple[Any, ...]:
    values = []
    for name in names:
        if name == "currency":
            values.append(repricing.currency_of(event))
        elif name == "agent":
            values.append("subagent" if event.agent else "main")
        else:
            values.append(getattr(event, name))
    return tuple(values)


class Expected:
    """Which prices each event stands at, in the buckets and in its session's totals."""

    def __init__(self) -> None:
        self.events: dict[int, UsageEvent] = {}
        self.hot: set[int] = set()
        self.by_bucket: dict[int, Prices] = {}
        self.by_session: dict[int, Prices] = {}

    def add(self, fresh: dict[int, UsageEvent], prices: Prices) -> None:
        self.events.update(fresh)
        self.hot.update(fresh)
        for identity in fresh:
            self.by_bucket[identity] = self.by_session[identity] = prices

    def reprice(self, prices: Prices, since_ms: int) -> None:
        spans: dict[tuple[str, str], list[int]] = defaultdict(list)
        for event in self.events.values():
            if event.session_id:
                spans[event.source, event.session_id].append(event.ts_ms)
        first_hot = min((self.events[i].ts_ms // QUARTER for i in self.hot), default=1 << 40)
        for identity in self.hot:
            if self.events[identity].ts_ms >= since_ms:
                self.by_bucket[identity] = self.by_session[identity] = prices
        buckets: dict[Any, list[int]] = defaultdict(list)
        sessions: dict[Any, list[int]] = defaultdict(list)
        for identity, event in self.events.items():
            if event.event_type not in MESSAGES:
                continue
            quarter = event.ts_ms // QUARTER
            if quarter <= first_hot and event.ts_ms >= since_ms:
                buckets[(quarter, *key_of(event, BUCKET))].append(identity)
            span = spans.get((event.source, event.session_id))
            if span and since_ms <= min(span) < (first_hot + 1) * QUARTER:
                sessions[key_of(event, SESSION)].append(identity)
        for groups, standing in ((buckets, self.by_bucket), (sessions, self.by_session)):
            for group in groups.values():
                if self._is_plain(group, prices, standing):
                    standing.update(dict.fromkeys(group, prices))

    def _is_plain(self, group: list[int], prices: Prices, standing: dict[int, Prices]) -> bool:
        """All or none of the requests have a recorded cost, and the price is known."""
        events = [self.events[identity] for identity in group]
        requests = [1 if event.requests is None else event.requests for event in events]
        recorded = [
            count
            for count, event in zip(requests, events, strict=True)
            if event.cost_nano is not None
        ]
        all_or_none = not any(recorded) or sum(recorded) == sum(requests)
        if any(recorded) and repricing.currency_of(events[0]) == "USD":
            # what stands in for a missing estimate must be told from what has no tokens at all
            unpriced = [
                repricing.contribution(self.events[identity], standing[identity])["unpriced"]
                for identity in group
            ]
            all_or_none = all_or_none and sum(unpriced) in (0, sum(requests))
        return all_or_none and prices.get(events[0].model) is not None

    def sums(self, names: tuple[str, ...], standing: dict[int, Prices]) -> dict[Any, Any]:
        total: dict[Any, Counter[str]] = defaultdict(Counter)
        for identity, event in self.events.items():
            if event.event_type in MESSAGES and (names is BUCKET or event.session_id):
                key = key_of(event, names)
                total[key].update(repricing.contribution(event, standing[identity]))
        return {key: found for key, sums in total.items() if (found := _nonzero(sums))}


def _nonzero(sums: Any) -> dict[str, int]:
    return {name: value for name, value in dict(sums).items() if value}


def _of(row: Any) -> dict[str, int]:
    return _nonzero({name: getattr(row, name) for name in SUMS})


def check(store: Store, expected: Expected) -> None:
    rows = store.usage_rows(group_by=("account", "provider", "model", "branch", "agent_kind"))
    assert {
        (row.account, row.provider, row.model, row.branch, row.agent_kind, row.currency): sums
        for row in rows
        if (sums := _of(row))
    } == expected.sums(BUCKET, expected.by_bucket)
    _, sessions = store.sessions(limit=None)
    assert {
        (session.source, session.session_id, row.provider, row.model, row.currency): sums
        for session in sessions
        for row in session.rows
        if (sums := _of(row))
    } == expected.sums(SESSION, expected.by_session)


steps = st.one_of(
    st.tuples(st.just("add"), st.lists(neighbours(), max_size=10)),
    st.tuples(st.just("retain"), st.integers(0, 12)),
    st.tuples(st.just("reprice"), st.tuples(flat_lists, st.one_of(st.none(), st.integers(0, 4)))),
)


@pytest.mark.parametrize("quarters", [1, 384])
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    first=repricing.price_lists,
    events=st.lists(neighbours(), min_size=4, max_size=14),
    history=st.lists(steps, min_size=2, max_size=6),
)
def test_aged_sums_are_exact_or_left(
    quarters: int,
    first: Prices,
    events: list[UsageEvent],
    history: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a job each sum without events is all at the new price or as it was, never between."""
    monkeypatch.setattr(aged_pricing, "STEP_QUARTERS", quarters)
    monkeypatch.setattr(aged_pricing, "STEP_SESSIONS", quarters)
    with tempfile.TemporaryDirectory(prefix="ou-", dir=in_memory()) as directory:
        store, expected, prices = repricing._open(directory), Expected(), first
        try:
            _add(store, expected, events, prices)
            for name, value in history:
                if name == "add":
                    _add(store, expected, value, prices)
                elif name == "retain":
                    cutoff = START_MS + value * STEP_MS
                    store.run_retention(cutoff)
                    expected.hot = {i for i in expected.hot if expected.events[i].ts_ms >= cutoff}
                else:
                    prices, since = value
                    since_ms = 0 if since is None else (START_MS // QUARTER + since) * QUARTER
                    _job(store, prices, since_ms)
                    expected.reprice(prices, since_ms)
                check(store, expected)
        finally:
            store.close()


def _add(store: Store, expected: Expected, events: list[UsageEvent], prices: Prices) -> None:
    fresh: dict[int, UsageEvent] = {}
    for event in events:
        if identity_of(event) not in expected.events:
            fresh.setdefault(identity_of(event), event)
    batch = [repricing.prepared(event, prices) for event in fresh.values()]
    store.apply([WriteBatch(events=batch)])
    expected.add(fresh, prices)


def _job(store: Store, prices: Prices, since_ms: int) -> None:
    def flat(provider: str, model: str, begin: int, end: int) -> Any:
        known = prices.get(model)
        return None if known is None else (known[0],) * 5

    span = store.begin_reprice(since_ms)
    left: Any = span
    while left is not None:
        left = store.reprice(left, repricing.estimate_by(prices), 3).remaining
    place: int | None = span.first_quarter
    while place is not None:
        place = store.reprice_aged_buckets(place, flat).next
    place = 0
    while place is not None:
        place = store.reprice_aged_sessions(since_ms, place, flat).next
    store.end_reprice()
