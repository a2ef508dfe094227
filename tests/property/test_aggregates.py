"""Every aggregate equals a plain recomputation, whatever happens to the store."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openusaged.core.identity import identity_of, reuse_identity_of
from openusaged.core.models import PreparedEvent, UsageEvent
from openusaged.storage.staging import Staging
from openusaged.storage.store import Staged, Store, WriteBatch
from tests.support.memory import in_memory
from tests.support.store_model import PRIORITY, START_MS, STATUS_RANK, Model, check

small = st.one_of(st.none(), st.integers(0, 4))


@st.composite
def sightings(draw) -> PreparedEvent:
    """One report of one of a few events, so that repetitions and conflicts are the rule."""
    kind = draw(
        st.sampled_from(
            ["message_usage"] * 5 + ["tool_usage"] * 2 + ["turn_completed", "raw_envelope"]
        )
    )
    number = draw(st.integers(0, 4))
    event = UsageEvent(
        source=draw(st.sampled_from(["claude_code", "codex"])),
        channel=draw(st.sampled_from(sorted(PRIORITY))),
        event_type=kind,
        ts_ms=START_MS + draw(st.integers(0, 12)) * 300_000 + draw(st.integers(0, 1)),
        provider=draw(st.sampled_from(["", "anthropic", "openai"])),
        account_id=draw(st.sampled_from(["", "a", "b"])),
        client=draw(st.sampled_from(["", "cli"])),
        session_id=draw(st.sampled_from(["", "s1", "s2"])),
        parent_session_id=draw(st.sampled_from(["", "p"])),
        message_id=f"m{number}" if kind in ("message_usage", "raw_envelope") else "",
        request_id=draw(st.sampled_from(["", "r1", "r2"])),
        tool_call_id=f"t{number}" if kind == "tool_usage" else "",
        turn_id=f"u{number}" if kind == "turn_completed" else "",
        agent=draw(st.sampled_from(["", "", "explorer"])),
        is_sidechain=draw(st.booleans()),
        branch=draw(st.sampled_from(["", "main"])),
        model=draw(st.sampled_from(["", "m-1", "m-2"])),
        input=draw(small),
        cache_read=draw(small),
        cache_write_5m=draw(small),
        cache_write_1h=draw(small),
        output=draw(small),
        reasoning=draw(small),
        requests=draw(small),
        cost_nano=draw(small),
        currency=draw(st.sampled_from(["USD", "EUR"])),
        tool_name=draw(st.sampled_from(["", "Bash"])),
        language=draw(st.sampled_from(["", "Python"])),
        lines_added=draw(small),
        lines_removed=draw(small),
        status=draw(st.sampled_from(sorted(STATUS_RANK))),
    )
    calc = draw(small)
    return PreparedEvent(
        event=event,
        identity=identity_of(event),
        reuse_identity=reuse_identity_of(event),
        project=draw(st.sampled_from(["", "/p", "/q"])),
        cost_nano=calc,
        price_source="" if calc is None else draw(st.sampled_from(["custom", "approximate"])),
    )


def _unambiguous(report: PreparedEvent) -> PreparedEvent:
    """
    The report under ids that name one response of one session only.

    Where a proxy has given an id to two, or a copy lies in another session, what a report belongs
    to depends on what arrived first, and a scanner does not know what the store holds.
    """
    event = report.event
    ident = event.message_id or event.tool_call_id or event.turn_id
    changes: dict[str, object] = {"session_id": event.session_id and f"of-{ident[-1:]}"}
    if event.message_id:
        changes |= {"is_sidechain": False, "message_id": f"u{ident}", "request_id": "r1"}
    elif event.tool_call_id:
        changes["tool_call_id"] = f"u{ident}"
    else:
        changes["turn_id"] = f"u{ident}"
    event = msgspec.structs.replace(event, **changes)
    return msgspec.structs.replace(
        report, event=event, identity=identity_of(event), reuse_identity=reuse_identity_of(event)
    )


reports = st.one_of(sightings(), sightings().map(_unambiguous))
steps = st.one_of(
    st.tuples(st.just("apply"), st.lists(st.lists(reports, max_size=5), min_size=1, max_size=4)),
    st.tuples(st.just("at once"), st.lists(st.lists(reports, max_size=5), min_size=1, max_size=4)),
    st.tuples(st.just("stage"), st.lists(sightings().map(_unambiguous), min_size=1, max_size=10)),
    st.tuples(st.just("retain"), st.integers(0, 12)),
    st.tuples(st.just("reopen"), st.none()),
    st.tuples(st.just("check"), st.none()),
)


def _open(directory: str) -> Store:
    return Store.open(
        os.path.join(directory, "t.db"), app_version="test", now_ms=lambda: START_MS + 10**9
    )


def _take_over(store: Store, model: Model, reports: list[PreparedEvent]) -> None:
    """The same reports as a scanner hands them over."""
    model.staged = True
    staging = Staging()
    staging.add(reports)
    staged = Staged(
        events=len(staging),
        deduplicated=staging.deduplicated,
        merged=staging.merged,
        data=staging.take(),
    )
    (result,) = store.apply([WriteBatch(staged=staged)])
    said = Counter(model.add(report) for report in reports)
    assert result.error is None, result.error
    assert result.accepted == said["accepted"]
    # Reports that were merged with each other first may have said something new only together.
    assert result.merged + result.deduplicated == said["merged"] + said["deduplicated"]


@pytest.mark.parametrize("recent", [3, 16384], ids=["settling", "recent"])
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
)
@given(history=st.lists(steps, min_size=1, max_size=8))
def test_aggregates_any_history_equal_recomputation(recent, history, monkeypatch) -> None:
    """Buckets, sessions and counts equal a plain recomputation after any history of the store."""
    for bound in ("MAX_RECENT", "MAX_RECENT_IMPORTED"):
        monkeypatch.setattr(f"openusaged.storage.identities.{bound}", recent)
    with (
        tempfile.TemporaryDirectory(prefix="ou-", dir=in_memory()) as directory,
        ThreadPoolExecutor(1) as hub,
    ):
        store = _open(directory)
        model = Model()
        try:
            for step, argument in history:
                if step in ("apply", "at once"):
                    batches = [WriteBatch(events=batch) for batch in argument]
                    if step == "apply":
                        results = store.apply(batches)
                    else:
                        # with a connection of another thread, as the hub does it
                        results = hub.submit(store.apply_at_once, batches).result()
                        assert results is not None
                    for result, batch in zip(results, argument, strict=True):
                        said = Counter(model.add(report) for report in batch)
                        assert result.error is None
                        assert result.accepted == said["accepted"]
                        assert result.merged == said["merged"]
                        assert result.deduplicated == said["deduplicated"]
                elif step == "stage":
                    _take_over(store, model, argument)
                elif step == "retain":
                    cutoff = START_MS + argument * 300_000
                    assert store.run_retention(cutoff) == model.retain(cutoff)
                elif step == "reopen":
                    store.close()
                    store = _open(directory)
                else:
                    check(store, model)
            check(store, model)
        finally:
            store.close()
