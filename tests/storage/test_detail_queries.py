"""Reads of single events: the same sums as the quarter hours, whatever the events look like."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openusaged.core.models import QUARTER_MS
from openusaged.storage.rollups import MESSAGE_SUMS
from openusaged.storage.store import Segment, Selection, Store, WriteBatch
from tests.support.memory import in_memory
from tests.support.stored_events import START_MS, prepared

COUNT = st.one_of(st.none(), st.integers(0, 10**9))
EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "input": COUNT, "cache_read": COUNT, "cache_write_5m": COUNT, "cache_write_1h": COUNT,
            "output": COUNT, "reasoning": COUNT, "requests": st.one_of(st.none(), st.integers(0, 9)),
            "cost_nano": st.one_of(st.none(), st.integers(0, 10**12)),
            "calc_nano": st.one_of(st.none(), st.integers(0, 10**12)),
            "currency": st.sampled_from(["USD", "EUR"]),
            "price_source": st.sampled_from(["custom", "approximate"]),
            "status": st.sampled_from(["ok", "error", "aborted"]),
            "agent": st.sampled_from(["", "explorer"]),
            "is_sidechain": st.booleans(),
            "session_id": st.sampled_from(["", "a", "b"]),
            "model": st.sampled_from(["", "m-1", "m-2"]),
            "project": st.sampled_from(["/p", "/q"]),
            "channel": st.sampled_from(["hook", "jsonl", "api"]),
        }
    ),
    max_size=12,
)  # fmt: skip


def added(rows: list[Any]) -> dict[str, int]:
    """Every sum of all rows but turns, which are no messages."""
    return {
        name: sum(getattr(row, name) for row in rows) for name in MESSAGE_SUMS if name != "turns"
    }


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(EVENTS)
def test_groups_of_events_add_up_to_the_quarter_hours(values: list[dict[str, Any]]) -> None:
    """Summed in SQL out of the events, each figure is that of the aggregates, filter by filter."""
    with tempfile.TemporaryDirectory(dir=in_memory()) as folder:
        store = Store.open(
            str(Path(folder) / "t.db"), app_version="test", now_ms=lambda: START_MS + 10**7
        )
        store.apply(
            [WriteBatch(events=[prepared(number, **one) for number, one in enumerate(values)])]
        )
        end_q = START_MS // QUARTER_MS + 8
        everything = Selection(start_q=None, end_q=end_q)
        assert added([group.usage for group in store.event_groups(everything)]) == added(
            store.usage_rows(end_q=end_q)
        )
        for kind, name in enumerate(("main", "subagent")):
            wanted = Selection(start_q=None, end_q=end_q, agent_kind=kind)
            rows = store.usage_rows(end_q=end_q, group_by=("agent_kind",))
            assert added([group.usage for group in store.event_groups(wanted)]) == added(
                [row for row in rows if row.agent_kind == name]
            )
        narrow = Selection(
            start_q=START_MS // QUARTER_MS, end_q=end_q, model="m-1", projects=["/q"],
            owners=[("claude-code", "claude_code", "anthropic")],
        )  # fmt: skip
        rows = store.usage_rows(group_by=("model", "project"))
        expected = added([row for row in rows if row.model == "m-1" and row.project == "/q"])
        assert added([group.usage for group in store.event_groups(narrow)]) == expected
        hours = store.active_quarters(narrow)
        assert sum(row[1] for row in hours) == expected["requests"]
        assert sum(row[3] for row in hours) == expected["calc_nano"] + expected["fallback_nano"]
        store.close()


def test_nobody_and_nothing(tmp_path: Path) -> None:
    """An empty list of owners selects nothing, an unknown session neither; no file has no events."""
    store = Store.open(str(tmp_path / "t.db"), app_version="test", now_ms=lambda: START_MS)
    assert store.first_hot_quarter() is None
    store.apply([WriteBatch(events=[prepared()])])
    end_q = START_MS // QUARTER_MS + 1
    assert store.first_hot_quarter() == START_MS // QUARTER_MS
    assert store.event_groups(Selection(start_q=None, end_q=end_q, owners=[])) == []
    assert store.event_groups(Selection(start_q=None, end_q=end_q, session="nobody's")) == []
    assert store.active_quarters(Selection(start_q=None, end_q=end_q, owners=[])) == []
    whole = Selection(start_q=None, end_q=end_q)
    assert [event.session_id for event in store.newest_events(whole, 5)] == ["session-1"]
    assert store.sum_events(whole, lambda event: event.input or 0, limit=1) == 10
    assert store.sum_events(whole, lambda event: event.input or 0, limit=0) is None
    store.close()


def test_reads_of_a_stretch_look_up_its_rows_by_an_index(store: Store) -> None:
    """Whatever dashboards, reports and explanations ask, no large table is read from end to end."""
    put = [prepared(number, session_id=f"s{number % 3}") for number in range(40)]
    assert store.apply([WriteBatch(events=put)])[0].error is None
    quarter = START_MS // QUARTER_MS
    span = {"start_q": quarter, "end_q": quarter + 200}
    asked: list[str] = []
    with store._database.read_snapshot() as connection:
        connection.set_trace_callback(asked.append)
    store.usage_rows(**span)
    store.usage_rows(segments=[Segment(quarter, quarter + 200, 23)], group_by=("model",))
    store.tool_rows(**span)
    store.session_counts(START_MS + 5, START_MS + 10**9)
    store.newest_sessions(start_ms=None, end_ms=None, limit=1)
    store.stretch_rows(**span, quarters=4, dimensions=("account",))
    store.quarters_used(quarter, quarter + 200)
    store.block_rows(start_ms=START_MS, end_ms=START_MS + 1000)
    store.activity_in([quarter])
    store.owner_hours([Segment(quarter, quarter + 200, 0)])
    store.event_groups(Selection(**span))
    store.session_groups(Selection(**span), 2)
    store.newest_events(Selection(**span), 5)
    connection.set_trace_callback(None)
    large = re.compile(r"SCAN (event|message_bucket|tool_bucket|session_model)\b(?! USING)")
    selects = {sql for sql in asked if sql.startswith("SELECT")}
    assert len(selects) >= 20
    for sql in sorted(selects):
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
        assert not any(large.match(step) for step in plan), (sql, plan)
