"""Re-priced sums equal a plain recomputation, however the job was cut and whatever came between."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openusaged.core.errors import StorageError
from openusaged.core.identity import identity_of, reuse_identity_of
from openusaged.core.merge import CountedEvent
from openusaged.core.models import PreparedEvent, UsageEvent
from openusaged.storage import repricing
from openusaged.storage.store import RepriceRange, Store, WriteBatch
from tests.support.memory import in_memory

START_MS = 1_790_000_000_000
STEP_MS = 300_000
QUARTER = 900_000
Prices = dict[str, tuple[int, str] | None]
"""Model -> (nano per token, source), or no price."""

small = st.one_of(st.none(), st.integers(0, 4))
price = st.one_of(
    st.none(), st.tuples(st.integers(0, 5), st.sampled_from(["custom", "litellm", "approximate"]))
)
price_lists = st.fixed_dictionaries({"m-1": price, "m-2": price, "": st.none()})


@st.composite
def happenings(draw: Any) -> UsageEvent:
    """One of some events: messages, an adjustment, tools, turns; some recorded, some failed."""
    number = draw(st.integers(0, 11))
    kind = draw(
        st.sampled_from(
            ["message_usage"] * 6 + ["reconcile_adjustment", "tool_usage", "turn_completed"]
        )
    )
    return UsageEvent(
        source=draw(st.sampled_from(["claude_code", "codex"])),
        channel="jsonl",
        event_type=kind,
        ts_ms=START_MS + number * STEP_MS,
        provider=draw(st.sampled_from(["anthropic", "openai"])),
        account_id=draw(st.sampled_from(["a", "b"])),
        client="cli",
        session_id=draw(st.sampled_from(["", "s1", "s2"])),
        message_id=f"m{number}" if "usage" in kind and kind != "tool_usage" else "",
        request_id=f"r{number}" if kind == "reconcile_adjustment" else "",
        tool_call_id=f"t{number}" if kind == "tool_usage" else "",
        turn_id=f"u{number}" if kind == "turn_completed" else "",
        agent=draw(st.sampled_from(["", "explorer"])),
        branch=draw(st.sampled_from(["", "main"])),
        model=draw(st.sampled_from(["m-1", "m-2", ""])),
        input=draw(small),
        output=draw(small),
        cache_read=draw(small),
        requests=draw(small),
        cost_nano=draw(small),
        currency=draw(st.sampled_from(["USD", "EUR"])),
        status=draw(st.sampled_from(["ok", "error"])),
    )


def estimate_by(prices: Prices) -> Callable[[Any], tuple[int | None, str]]:
    def estimate(event: Any) -> tuple[int | None, str]:
        tokens = (event.input or 0) + (event.output or 0) + (event.cache_read or 0)
        known = prices.get(event.model)
        if known is None or not tokens or event.event_type not in MESSAGES:
            return None, ""
        return tokens * known[0], known[1]

    return estimate


MESSAGES = ("message_usage", "reconcile_adjustment")
SUMS = (
    "requests", "errors", "input", "output", "cache_read", "calc_nano", "unpriced", "rec_nano",
    "rec_requests", "auto_nano", "auto_unpriced", "fallback_nano", "approx",
)  # fmt: skip


def contribution(event: UsageEvent, prices: Prices) -> dict[str, int]:
    """What one message adds, said once more and without the store's code."""
    calc, source = estimate_by(prices)(event)
    tokens = (event.input or 0) + (event.output or 0) + (event.cache_read or 0)
    requests = 1 if event.requests is None else event.requests
    usd = event.cost_nano if event.currency == "USD" else None
    missing = requests if tokens and calc is None else 0
    return {
        "requests": requests,
        "errors": requests if event.status == "error" and not tokens else 0,
        "input": event.input or 0,
        "output": event.output or 0,
        "cache_read": event.cache_read or 0,
        "calc_nano": calc or 0,
        "unpriced": missing,
        "rec_nano": event.cost_nano or 0,
        "rec_requests": 0 if event.cost_nano is None else requests,
        "auto_nano": usd if usd is not None else calc or 0,
        "auto_unpriced": 0 if usd is not None else missing,
        "fallback_nano": usd if usd is not None and calc is None else 0,
        "approx": requests if source == "approximate" else 0,
    }


def currency_of(event: UsageEvent) -> str:
    return "USD" if event.cost_nano is None else event.currency


class Plain:
    """Every event with the prices that were in force when it was last priced."""

    def __init__(self) -> None:
        self.hot: dict[int, tuple[UsageEvent, Prices]] = {}
        self.gone: dict[int, tuple[UsageEvent, Prices]] = {}

    def groups(self, key: Callable[[UsageEvent], Any]) -> dict[Any, dict[str, int]]:
        sums: dict[Any, Counter[str]] = defaultdict(Counter)
        for event, prices in (*self.hot.values(), *self.gone.values()):
            if event.event_type in MESSAGES and key(event) is not None:
                sums[key(event)].update(contribution(event, prices))
        return {name: found for name, total in sums.items() if (found := _nonzero(total))}


def _nonzero(sums: Any) -> dict[str, int]:
    return {name: value for name, value in dict(sums).items() if value}


def _of(row: Any) -> dict[str, int]:
    return _nonzero({name: getattr(row, name) for name in SUMS})


def check(store: Store, plain: Plain) -> None:
    dimensions = ("account", "provider", "model", "branch", "agent_kind")
    expected = plain.groups(
        lambda event: (
            event.account_id,
            event.provider,
            event.model,
            event.branch,
            "subagent" if event.agent else "main",
            currency_of(event),
        )
    )
    rows = store.usage_rows(group_by=dimensions)
    found = {
        tuple(getattr(row, name) for name in (*dimensions, "currency")): sums
        for row in rows
        if (sums := _of(row))
    }
    assert found == expected
    by_quarter = {
        (quarter, row.currency): sums
        for quarter in range(START_MS // QUARTER, START_MS // QUARTER + 5)
        for row in store.usage_rows(start_q=quarter, end_q=quarter + 1, group_by=())
        if (sums := _of(row))
    }
    assert by_quarter == plain.groups(lambda event: (event.ts_ms // QUARTER, currency_of(event)))
    _, sessions = store.sessions(limit=None)
    in_sessions = {
        (session.source, session.session_id, row.provider, row.model, row.currency): sums
        for session in sessions
        for row in session.rows
        if (sums := _of(row))
    }
    assert in_sessions == plain.groups(
        lambda event: (
            (event.source, event.session_id, event.provider, event.model, currency_of(event))
            if event.session_id
            else None
        )
    )


def prepared(event: UsageEvent, prices: Prices) -> PreparedEvent:
    calc, source = estimate_by(prices)(event)
    return PreparedEvent(
        event=event,
        identity=identity_of(event),
        reuse_identity=reuse_identity_of(event),
        project="/p",
        cost_nano=calc,
        price_source=source,
    )


def _open(directory: str) -> Store:
    path = os.path.join(directory, "t.db")
    return Store.open(path, app_version="test", now_ms=lambda: START_MS + 10**9)


steps = st.one_of(
    st.tuples(st.just("add"), st.lists(happenings(), max_size=8)),
    st.tuples(st.just("add"), st.lists(happenings(), max_size=8)),
    st.tuples(
        st.just("reprice"),
        st.tuples(
            price_lists,
            st.one_of(st.none(), st.integers(0, 12)),
            st.lists(happenings(), max_size=3),
        ),
    ),
    st.tuples(st.just("retain"), st.integers(0, 12)),
    st.tuples(st.just("reopen"), st.none()),
)


@pytest.mark.parametrize("step_events", [1, 3, 1000])
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(first=price_lists, history=st.lists(steps, min_size=2, max_size=8))
def test_repriced_sums_equal_recomputation(
    step_events: int, first: Prices, history: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    After each job every sum is that of the new prices for hot events and of the old for the rest.

    The job is cut into steps; between them the store is closed and opened again and new events
    come in at the new prices.
    """
    monkeypatch.setattr(Store.reprice, "__defaults__", (step_events,))
    with tempfile.TemporaryDirectory(prefix="ou-", dir=in_memory()) as directory:
        store, plain, prices = _open(directory), Plain(), first
        try:
            for name, value in history:
                if name == "add":
                    _add(store, plain, value, prices)
                elif name == "retain":
                    cutoff = START_MS + value * STEP_MS
                    store.run_retention(cutoff)
                    for identity in [i for i, (e, _) in plain.hot.items() if e.ts_ms < cutoff]:
                        plain.gone[identity] = plain.hot.pop(identity)
                elif name == "reopen":
                    store.close()
                    store = _open(directory)
                else:
                    prices, since, between = value
                    store = _reprice(store, directory, plain, prices, since, between)
                check(store, plain)
        finally:
            store.close()


def _add(store: Store, plain: Plain, events: list[UsageEvent], prices: Prices) -> None:
    fresh = {}
    for event in events:
        identity = identity_of(event)
        if identity not in plain.hot and identity not in plain.gone:
            fresh.setdefault(identity, event)
    store.apply([WriteBatch(events=[prepared(event, prices) for event in fresh.values()])])
    plain.hot.update({identity: (event, prices) for identity, event in fresh.items()})


def _reprice(
    store: Store,
    directory: str,
    plain: Plain,
    prices: Prices,
    since: int | None,
    between: list[UsageEvent],
) -> Store:
    since_ms = None if since is None else START_MS + since * STEP_MS
    expected = store.count_to_reprice(since_ms)
    span: RepriceRange | None = store.begin_reprice(since_ms)
    first_ms = 0 if since_ms is None else since_ms // QUARTER * QUARTER
    seen = 0
    while span is not None:
        assert store.pending_reprice() == span
        step = store.reprice(span, estimate_by(prices))
        seen += step.seen
        span = step.remaining
        if between:
            # new events anywhere and known ones again: behind, at and ahead of the job
            _add(store, plain, [between.pop()], prices)
            again = [event for event, _ in plain.hot.values() if event.ts_ms >= first_ms]
            store.apply([WriteBatch(events=[prepared(event, prices) for event in again[-2:]])])
            store.close()
            store = _open(directory)
    assert store.pending_reprice() is not None
    store.end_reprice()
    assert store.pending_reprice() is None
    assert seen >= expected
    for identity, (event, _) in list(plain.hot.items()):
        if event.ts_ms >= first_ms:
            plain.hot[identity] = (event, prices)
    return store


def fill(store: Store, count: int) -> None:
    store.apply(
        [
            WriteBatch(
                events=[
                    prepared(
                        UsageEvent(
                            source="claude_code",
                            channel="jsonl",
                            event_type="message_usage",
                            ts_ms=START_MS + number * 60_000,
                            session_id="s",
                            message_id=f"m{number}",
                            model="m-1",
                            input=10,
                        ),
                        {"m-1": None},
                    )
                    for number in range(count)
                ]
            )
        ]
    )


def test_step_that_fails_changes_nothing_and_is_done_again(tmp_path: Any) -> None:
    """An estimator that fails in the middle leaves sums, events and the mark as they were."""
    store = _open(str(tmp_path))
    fill(store, 10)
    span = store.begin_reprice(None)
    seq, calls = store.seq, 0

    def failing(event: CountedEvent) -> tuple[int | None, str]:
        nonlocal calls
        calls += 1
        if calls > 5:
            raise StorageError("the disk is full")
        return 1, "new-source"

    with pytest.raises(StorageError):
        store.reprice(span, failing)
    (row,) = store.usage_rows(group_by=())
    assert (row.calc_nano, row.unpriced, store.seq) == (0, 10, seq)
    assert store.pending_reprice() == span
    step = store.reprice(span, lambda event: (7, "new-source"))
    assert (step.seen, step.changed, step.before_nano, step.after_nano) == (10, 10, 0, 70)
    (row,) = store.usage_rows(group_by=())
    assert (row.calc_nano, row.unpriced, store.seq) == (70, 0, seq + 1)
    store.close()


def test_same_prices_write_nothing(tmp_path: Any) -> None:
    """A job that finds nothing to change moves neither sums nor the change sequence."""
    store = _open(str(tmp_path))
    fill(store, 10)
    seq = store.seq
    span = store.begin_reprice(None)
    step = store.reprice(span, lambda event: (None, ""))
    assert (step.seen, step.changed, step.remaining, store.seq) == (10, 0, None, seq)
    store.close()


def test_empty_store_and_future_start_have_nothing_to_do(tmp_path: Any) -> None:
    """Without events from the given time on there is no job."""
    store = _open(str(tmp_path))
    for since_ms in (None, START_MS + 10 * QUARTER):
        span = store.begin_reprice(since_ms)
        assert store.count_to_reprice(since_ms) == 0
        step = store.reprice(span, lambda event: (9, "custom"))
        assert (step.seen, step.changed, step.remaining) == (0, 0, None)
        store.end_reprice()
        if since_ms is None:
            fill(store, 1)
    assert store.pending_reprice() is None
    store.close()


def test_new_source_name_survives_a_restart(tmp_path: Any) -> None:
    """Where a new price is from is stored with the event."""
    store = _open(str(tmp_path))
    fill(store, 2)
    span = store.begin_reprice(None)
    store.reprice(span, lambda event: (3, "litellm"))
    store.close()
    connection = sqlite3.connect(tmp_path / "t.db")
    sources = connection.execute(
        "SELECT DISTINCT text, calc_nano FROM event JOIN name ON name.id = price_source"
    ).fetchall()
    connection.close()
    assert sources == [("litellm", 3)]
    assert repricing.STEP_EVENTS == 1000
