"""The blocks that lines of status bars show are those of the whole report, whatever happened."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from openusage_proto.messages import ReportParams
from openusaged.core.blocks import BLOCK_MS
from openusaged.core.windows import DAY_MS, HOUR_MS, local_date
from tests.property.test_kept_reads import VIEW, Clock, World, anew, happen
from tests.support.memory import in_memory

MINUTE_MS = 60_000
ACCOUNTS = ["claude-code", "codex-cli", ""]

# Hours ago and minutes: both sides of hours, of quarters, and of where blocks of five hours end.
at_edges = st.tuples(
    st.one_of(st.integers(-2, 6), st.integers(0, 16)),
    st.sampled_from([-1, 0, 1, *(MINUTE_MS * minutes for minutes in (3, 7, 8, 15, 30, 45, 59))]),
)
# Minutes from now to the end of a window: it is over, it runs, or it is yet to begin.
ends = st.one_of(
    st.integers(-7 * 60, 0), st.integers(1, 300), st.integers(1, 300), st.integers(301, 500)
)
events = st.lists(
    st.tuples(
        st.integers(0, 60), at_edges, st.sampled_from(ACCOUNTS), st.sampled_from(["m-1", "m-2"])
    ),
    min_size=1,
    max_size=5,
)
steps = st.one_of(
    st.tuples(st.just("used"), events),
    st.tuples(st.just("used"), events),
    st.tuples(st.just("used"), events),
    st.tuples(st.just("late"), st.integers(1, 60)),
    st.tuples(
        st.just("wait"),
        st.sampled_from([MINUTE_MS, 15 * MINUTE_MS, HOUR_MS, 3 * HOUR_MS, BLOCK_MS, DAY_MS]),
    ),
    st.tuples(st.just("window"), ends),
    st.tuples(st.just("window"), ends),
    st.tuples(st.just("retain"), st.sampled_from([0, 0, 1])),
    st.tuples(st.just("reprice"), st.integers(1, 9)),
    st.tuples(st.just("reopen"), st.none()),
)
questions = st.builds(
    ReportParams,
    kind=st.just("blocks"),
    tz=st.sampled_from(["UTC", "Asia/Kathmandu", "America/St_Johns"]),
    since=st.sampled_from([None, "2026-11-01", "2026-10-20", "2026-11-02"]),
    until=st.sampled_from([None, None, "2026-11-01", "2026-11-02"]),
    account=st.sampled_from([None, None, "claude-code"]),
    mode=st.sampled_from(["calculate", "auto"]),
    breakdown=st.booleans(),
)


def step(world: World, what: tuple[str, Any]) -> None:
    """Do one step, with times that count from the clock's hour."""
    kind, value = what
    if kind == "used":
        happen(world, ("events", [_event(world, *one) for one in value]))
    elif kind == "window":
        happen(world, ("poll", (33 * 60 + value, 40)))
    elif kind == "late":
        # A log that is found hours after it was written, by another process.
        happen(world, ("import", [_event(world, value, (3 + value % 9, 1), "claude-code", "m-1")]))
    else:
        happen(world, what)


def _event(
    world: World, number: int, at: tuple[int, int], account: str, model: str
) -> tuple[Any, ...]:
    hours, delta_ms = at
    age_ms = world.clock.now % HOUR_MS + hours * HOUR_MS - delta_ms
    project = "/a" if number % 3 else "/b"
    return (number, age_ms, account, f"s{number % 4}", model, project, "message_usage", number + 1)


def said(hours: int, minutes: int = 0, account: str = "claude-code") -> tuple[str, Any]:
    """One message, so many hours before the clock's hour and minutes after that."""
    at = (hours, minutes * MINUTE_MS)
    return ("used", [(20 * (hours + 2) + minutes, at, account, "m-1")])


IN_A_ROW = [said(hours) for hours in range(14, -1, -2)]
"""A block in which the one before has ended, again and again."""
OVER = [said(0), said(4), ("wait", BLOCK_MS)]
AHEAD = [said(4), said(-2)]
"""Of a clock that is two hours ahead: the next block, while this one runs."""
OF_NOBODY = [said(1, 0, ""), said(0)]
AROUND = [said(1, minutes) for minutes in (1, 2, 4, 11)]
"""Events on both sides of 04:03; it is 05:10."""
WITHIN = [*AROUND, ("window", 233)]
BEHIND = [*AROUND, ("window", -67)]
TWO_EDGES = [*AROUND, ("window", -67), ("window", 235), ("retain", 0), said(0)]
YET_TO_BEGIN = [said(6, 50), said(1, 7), said(1, 50), ("window", 301), said(0, 7)]
"""Quarters, of which blocks of the log are made, too: one that ends at 04:00, and the next."""
AHEAD_IN_ITS_HOUR = [said(6), said(0, 15), ("window", 306)]
LAST_QUARTER = [said(4), said(0, 50), ("window", 500)]
BEFORE_TODAY = ReportParams(kind="blocks", until="2026-11-01")


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    history=st.lists(steps, min_size=1, max_size=9),
    asked=st.lists(questions, min_size=1, max_size=3),
)
@example(history=IN_A_ROW, asked=[])
@example(history=OVER, asked=[])
@example(history=AHEAD, asked=[])
@example(history=OF_NOBODY, asked=[])
@example(history=WITHIN, asked=[])
@example(history=BEHIND, asked=[])
@example(history=TWO_EDGES, asked=[])
@example(history=YET_TO_BEGIN, asked=[])
@example(history=AHEAD_IN_ITS_HOUR, asked=[])
@example(history=LAST_QUARTER, asked=[])
@example(history=AROUND, asked=[BEFORE_TODAY])
def test_running_blocks_of_any_history_are_the_reports_active_rows(history, asked) -> None:
    """After every step a line's blocks and sums are those of a report made of nothing kept."""
    with tempfile.TemporaryDirectory(prefix="ou-", dir=in_memory()) as directory:
        world = World(Path(directory) / "t.db", Clock())
        try:
            for what in history:
                step(world, what)
                with anew(world) as cold:
                    _compare(world, cold, asked)
        finally:
            world.close()


def _compare(world: World, cold: World, asked: list[ReportParams]) -> None:
    zone, _ = world.reading.zone(None)
    yesterday = local_date(world.clock.now - DAY_MS, zone).isoformat()
    lines = ReportParams(kind="blocks", since=yesterday)
    for params in [lines, *asked]:
        whole = cold.reading.report(params)
        active = [row for row in whole.rows if row.active]
        assert world.reading.running_blocks(params) == active
    figures = world.figures.now()
    active = [row for row in cold.reading.report(lines).rows if row.active]
    blocks = {row.account: row for row in active if row.account}
    assert [one.block for one in figures.accounts] == [
        blocks.get(account.id) for account in VIEW.accounts
    ]
    days = cold.reading.report(ReportParams(kind="daily", since=_today(world)))
    assert sum(row.calc_nano + row.fallback_nano for row in figures.today) / 1e9 == (
        days.totals.cost_usd
    )
    assert sum(row.total_tokens for row in figures.today) == days.totals.total_tokens


def _today(world: World) -> str:
    zone, _ = world.reading.zone(None)
    return local_date(world.clock.now, zone).isoformat()
