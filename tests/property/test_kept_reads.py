"""Answers out of memory equal those of a store that has nothing in memory, whatever happens."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from openusage_proto.analytics_messages import AnalyticsParams
from openusage_proto.messages import ReportParams
from openusage_proto.session_messages import SessionsParams
from openusaged.core.models import ACCOUNT_OK, Account, LimitMetric, UsageSnapshot
from openusaged.core.windows import DAY_MS, HOUR_MS, quarter_of, zone_of
from openusaged.runtime.pools import Pools
from openusaged.storage.staging import Staging
from openusaged.storage.store import Segment, Selection, Staged, Store, WriteBatch
from openusaged.usecases.analytics import build_analytics
from openusaged.usecases.lines.figures import KEPT_MS, FigureBook
from openusaged.usecases.reading import REPORT_KEPT_MS, Reading, View
from openusaged.usecases.usage_view import ViewRequest, build_view, resolve_span
from tests.support.memory import in_memory
from tests.support.stored import ms
from tests.support.stored_events import prepared

NOW_MS = ms("2026-11-02T05:10:00+00:00")
"""Clocks in America change in the night before."""
VIEW = View(
    accounts=[
        Account(id="claude-code", provider_id="claude_code"),
        Account(id="codex-cli", provider_id="codex"),
    ],
    titles={"claude-code": "Claude Code"},
)
ZONES = ("UTC", "Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati")
KINDS = ("daily", "weekly", "monthly", "session", "blocks", "models", "projects", "branches")


class Clock:
    """A clock that moves when a step says so."""

    def __init__(self) -> None:
        self.now = NOW_MS

    def now_ms(self) -> int:
        return self.now


class World:
    """A store that goes on for a whole history, and everything that remembers its answers."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self.clock = clock
        self.pools = Pools(readers=1, workers=1)
        self.open()

    def open(self) -> None:
        self.store = Store.open(str(self.path), app_version="test", now_ms=self.clock.now_ms)
        asked: dict[str, Any] = {"store": self.store, "clock": self.clock, "view": lambda: VIEW}
        self.reading = Reading(pools=self.pools, **asked)
        self.figures = FigureBook(reading=self.reading, **asked)

    def close(self) -> None:
        self.store.close()
        assert self.pools.close(5.0)


@contextmanager
def anew(world: World) -> Iterator[World]:
    """The same file and time with nothing in memory."""
    with tempfile.TemporaryDirectory(prefix="ou-", dir=in_memory()) as directory:
        path = Path(directory) / "t.db"
        with (
            closing(sqlite3.connect(world.path)) as source,
            closing(sqlite3.connect(path)) as target,
        ):
            source.backup(target)
        cold = World(path, world.clock)
        try:
            yield cold
        finally:
            cold.close()


reports = st.builds(
    ReportParams,
    kind=st.sampled_from(KINDS),
    tz=st.sampled_from(ZONES),
    since=st.sampled_from([None, None, "2026-10-20", "2026-11-01T03:07:00Z"]),
    until=st.sampled_from([None, None, "2026-11-01"]),
    provider=st.sampled_from([None, None, None, "anthropic"]),
    breakdown=st.booleans(),
    breakdown_by=st.sampled_from(["model", "project", "agent"]),
    top=st.sampled_from([None, 2]),
    sort=st.sampled_from([None, None, "tokens"]),
    mode=st.sampled_from(["calculate", "auto"]),
)
views = st.tuples(st.sampled_from(["1d", "3d", "7d", "30d", "all"]), st.sampled_from(ZONES))
ranges = st.tuples(
    st.integers(-34 * 96, 96),
    st.integers(0, 34 * 96),
    st.sets(st.sampled_from(["account", "provider", "client", "model", "project", "branch"])).map(
        lambda names: tuple(sorted(names))
    ),
    st.sampled_from([None, ["claude-code"], []]),
    st.sampled_from([None, ["/a", "/b"]]),
    st.sampled_from([-48, 0, 23]),
)
questions = st.one_of(
    st.tuples(st.just("report"), reports),
    st.tuples(st.just("report"), reports),
    st.tuples(st.just("view"), views),
    st.tuples(st.just("rows"), ranges),
    st.tuples(st.just("analytics"), views),
    st.tuples(st.just("sessions"), st.sampled_from(["activity", "tokens"])),
    st.tuples(st.just("lines"), st.none()),
)


def answer(world: World, question: tuple[str, Any]) -> Any:
    """What a world says to a question, without the number and the moment of the answer."""
    kind, value = question
    if kind == "report":
        return _plain(msgspec.json.decode(world.reading.encoded_report(value)))
    if kind == "view":
        window, zone = value
        return _plain(msgspec.to_builtins(build_view(world.store, _request(world, *value), 0)))
    if kind == "rows":
        return _rows(world.store, *value)
    if kind == "analytics":
        window, zone = value
        params = AnalyticsParams(window=window)
        found = build_analytics(
            world.store, VIEW, params, zone_of(zone), zone, world.clock.now_ms()
        )
        return _plain(msgspec.to_builtins(found))
    if kind == "sessions":
        return _plain(msgspec.to_builtins(world.reading.sessions(SessionsParams(sort=value))))
    figures = world.figures.now()
    return [(one.account.id, one.model, one.block) for one in figures.accounts]


def _plain(value: Any) -> Any:
    """
    Without the number of the answer, and without latest events.

    After a start these are known to the quarter hour where an event had no session.
    """
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {
            name: _plain(item)
            for name, item in value.items()
            if name not in ("seq", "last_event_at")
        }
    return value


def _request(world: World, window: str, zone: str) -> ViewRequest:
    tz, now_ms = zone_of(zone), world.clock.now_ms()
    return ViewRequest(
        window=window,
        span=resolve_span(window, None, None, now_ms, tz),
        zone=tz,
        zone_name=zone,
        now_ms=now_ms,
        accounts=VIEW.accounts,
        titles=VIEW.titles,
        links={},
        suggestions={},
    )


def _rows(
    store: Store,
    start: int,
    length: int,
    group_by: tuple[str, ...],
    accounts: list[str] | None,
    projects: list[str] | None,
    offset_q: int,
) -> Any:
    start_q = quarter_of(NOW_MS) + start
    end_q = start_q + length
    filters: dict[str, Any] = {"group_by": group_by, "accounts": accounts, "projects": projects}
    tools = tuple(name for name in ("account", "client", "project", "tool") if name != group_by)
    selection = Selection(start_q=start_q, end_q=end_q, projects=projects)
    return (
        sorted(store.usage_rows(start_q=start_q, end_q=end_q, **filters), key=repr),
        sorted(store.usage_rows(segments=[Segment(start_q, end_q, offset_q)], **filters), key=repr),
        sorted(store.tool_rows(start_q=start_q, end_q=end_q, group_by=tools), key=repr),
        sorted(store.tool_rows(start_q=start_q, end_q=end_q, group_by=tools[:1]), key=repr),
        store.session_counts(start_q * 900_000 + 7, end_q * 900_000),
        store.quarters_used(start_q, end_q),
        sorted(store.event_groups(selection), key=repr),
        store.session_groups(selection, 2),
    )


# ------------------------------------------------------------------ what happens

ages = st.one_of(
    st.integers(-HOUR_MS, 6 * HOUR_MS),
    st.integers(0, 4 * DAY_MS),
    st.integers(0, 33 * DAY_MS),
    # Both sides of local midnight in all zones.
    st.tuples(
        st.integers(0, 32), st.sampled_from([0, 1, 21, 22, 41, 56]), st.sampled_from([0, 1])
    ).map(lambda at: at[0] * DAY_MS + at[1] * 900_000 + at[2]),
)
reported = st.tuples(
    st.integers(0, 30),
    ages,
    st.sampled_from(["claude-code", "codex-cli", ""]),
    st.sampled_from(["", "s1", "s2", "s3", "s4"]),
    st.sampled_from(["m-1", "m-2"]),
    st.sampled_from(["/a", "/b", "/x/b", ""]),
    st.sampled_from(["message_usage", "message_usage", "tool_usage"]),
    st.integers(0, 5),
)
events = st.lists(reported, min_size=1, max_size=6)
steps = st.one_of(
    st.tuples(st.just("events"), events),
    st.tuples(st.just("events"), events),
    st.tuples(st.just("import"), events),
    st.tuples(st.just("wait"), st.sampled_from([60_000, 900_000, 5 * HOUR_MS, DAY_MS, 4 * DAY_MS])),
    st.tuples(st.just("retain"), st.integers(0, 20)),
    st.tuples(st.just("poll"), st.tuples(st.integers(0, 40 * 60), st.integers(0, 99))),
    st.tuples(st.just("reprice"), st.integers(0, 9)),
    st.tuples(st.just("reopen"), st.none()),
)


def _prepared(world: World, report: tuple[Any, ...]) -> Any:
    number, age_ms, account, session, model, project, kind, tokens = report
    is_tool = kind == "tool_usage"
    return prepared(
        number,
        ts_ms=world.clock.now_ms() - age_ms,
        event_type=kind,
        account_id=account,
        session_id=session,
        model="" if is_tool else model,
        # Where nothing but a tool was ever at work is not known after a start.
        project=project if not is_tool else "/a" if session else "",
        branch="main" if number % 2 else "",
        message_id="" if is_tool else f"m{number}",
        request_id="",
        tool_call_id=f"t{number}" if is_tool else "",
        tool_name="Bash" if is_tool else "",
        mcp_server="db" if is_tool and number % 2 else "",
        input=tokens,
        output=None if is_tool else tokens,
        agent="explorer" if number % 3 == 0 else "",
        calc_nano=None if is_tool or number % 7 == 0 else tokens * 1000,
    )


def happen(world: World, step: tuple[str, Any]) -> None:
    """Do one step to the world's store."""
    kind, value = step
    store = world.store
    if kind == "events":
        store.apply([WriteBatch(events=[_prepared(world, one) for one in value])])
    elif kind == "import":
        staging = Staging()
        staging.add([_prepared(world, one) for one in value])
        staged = Staged(events=len(staging), data=staging.take())
        store.apply([WriteBatch(staged=staged)])
    elif kind == "wait":
        world.clock.now += value
    elif kind == "retain":
        store.run_retention(world.clock.now - value * DAY_MS, limit=3)
        # No sum changes: an answer of the same moment may still know a block to the second.
        world.clock.now += max(REPORT_KEPT_MS, KEPT_MS)
    elif kind == "poll":
        store.apply([WriteBatch(snapshots=[_poll(world, *value)])])
    elif kind == "reprice":
        _reprice(store, value)
    else:
        store.close()
        world.open()


def _poll(world: World, ends_in_minutes: int, used: int) -> UsageSnapshot:
    limit = LimitMetric(
        key="usage_five_hour",
        unit="%",
        window="5h",
        used=float(used),
        limit=100.0,
        resets_at_ms=world.clock.now - 33 * HOUR_MS + ends_in_minutes * 60_000,
    )
    return UsageSnapshot(
        provider_id="claude_code",
        account_id="claude-code",
        ts_ms=world.clock.now,
        status=ACCOUNT_OK,
        metrics=(limit,),
    )


def _reprice(store: Store, nano: int) -> None:
    left = store.begin_reprice(None)
    while left is not None:
        left = store.reprice(left, lambda _event: (nano, "custom"), 4).remaining
    place: int | None = 0
    while place is not None:
        place = store.reprice_aged_buckets(place, lambda *_: (nano,) * 5).next
    place = 0
    while place is not None:
        place = store.reprice_aged_sessions(0, place, lambda *_: (nano,) * 5).next
    store.end_reprice()


def said(number: int, age_ms: int, session: str = "s1", tokens: int = 3) -> tuple[Any, ...]:
    """A message of claude-code."""
    return (number, age_ms, "claude-code", session, "m-1", "/a", "message_usage", tokens)


BLOCKS = ("report", ReportParams(kind="blocks", since="2026-10-01"))
NEWEST = ("report", ReportParams(kind="session", top=1))
FOUR_SESSIONS = (
    "events",
    [
        said(9, 7 * DAY_MS, "s4"),
        said(1, 6 * DAY_MS, "s1"),
        # It was last active on a day without messages.
        (2, 4 * DAY_MS, "claude-code", "s1", "", "/a", "tool_usage", 1),
        said(3, 3 * DAY_MS, "s2"),
        said(4, 2 * DAY_MS, "s3"),
    ],
)
A_WINDOW_WITH_AN_ODD_END = [
    ("events", [said(1, 5 * HOUR_MS), said(2, 5 * HOUR_MS + 60_000), said(3, 9 * HOUR_MS)]),
    ("poll", (28 * 60 - 1, 40)),
    ("wait", 4 * DAY_MS),
    ("retain", 0),
]


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    history=st.lists(steps, min_size=2, max_size=10),
    asked=st.lists(questions, min_size=3, max_size=8),
)
@example(history=A_WINDOW_WITH_AN_ODD_END, asked=[BLOCKS])
@example(history=[FOUR_SESSIONS, ("reprice", 9)], asked=[NEWEST])
@example(history=[FOUR_SESSIONS, ("retain", 0), ("reprice", 9)], asked=[NEWEST])
@example(history=[FOUR_SESSIONS, ("events", [said(5, 40 * HOUR_MS, "s1")])], asked=[NEWEST])
@example(history=[FOUR_SESSIONS, ("import", [said(5, 5 * DAY_MS, "s1")])], asked=[NEWEST])
def test_kept_reads_any_history_equal_reading_everything_anew(history, asked) -> None:
    """After every event, import, deletion, price or hour that passed, nothing old is told."""
    with tempfile.TemporaryDirectory(prefix="ou-", dir=in_memory()) as directory:
        world = World(Path(directory) / "t.db", Clock())
        try:
            for step in history:
                happen(world, step)
                with anew(world) as cold:
                    for question in asked:
                        assert answer(world, question) == answer(cold, question)
        finally:
            world.close()
