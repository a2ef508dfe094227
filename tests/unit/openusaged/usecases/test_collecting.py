"""What a look at the logs commits, and what a hook's word shares a commit with."""

from __future__ import annotations

import contextlib
import errno
import json
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gevent
import pytest

from openusaged.core.models import HOOK, TOOL_USAGE, TURN_COMPLETED, UsageEvent
from openusaged.pricing.book import PriceBook
from openusaged.pricing.catalogue import shipped
from openusaged.providers import registry
from openusaged.providers.base import Chunk, Machine
from openusaged.runtime.group_commit import GroupCommitter
from openusaged.runtime.pools import WORKERS, Pools
from openusaged.runtime.tasks import Tasks, Timer
from openusaged.storage.store import BatchResult, Store
from openusaged.telemetry.collectors import Collector
from openusaged.telemetry.pipeline import Pipeline
from openusaged.telemetry.repositories import Repositories
from openusaged.usecases.collecting import (
    HOOK_PATIENCE_S,
    HOOK_RETRIES_S,
    LOOK_INTERVAL_S,
    Collecting,
)
from openusaged.usecases.committing import EventWrite, Write, Writing
from openusaged.usecases.limit_news import LimitNews
from tests.support.claude_line import line
from tests.support.clocks import StillClock

ANSWERED = "2026-11-01T10:00:00.000Z"
ANSWERED_MS = 1_793_527_200_000
"""What `claude_line.line` says of its time."""


class HeldTasks(Tasks):
    """What is to run later runs when the test says that the time has come."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[tuple[float, Callable[[], object]]] = []

    def later(self, delay_s: float, fn: Callable[..., object], *args: object) -> Timer:
        begun = gevent.Greenlet(fn, *args)
        self.held.append((delay_s, begun.start))
        return Timer(begun)

    def run_due(self, delays_s: Collection[float]) -> None:
        """The time has come for what was put off by one of these delays."""
        due = [start for delay_s, start in self.held if delay_s in delays_s]
        self.held = [one for one in self.held if one[0] not in delays_s]
        for start in due:
            start()
        gevent.sleep(0)


class Home:
    """A Claude home, the store and everything between; nothing watches the files."""

    def __init__(self, root: Path) -> None:
        self.projects = root / ".claude" / "projects" / "p"
        self.projects.mkdir(parents=True)
        machine = Machine(env={"HOME": str(root)}, home=str(root))
        clock = self.clock = StillClock(ANSWERED_MS)
        self.pools = Pools()
        self.tasks = HeldTasks()
        self.store = self.pools.write(
            Store.open, str(root / "telemetry.db"), app_version="test", now_ms=clock.now_ms
        )
        pipeline = Pipeline(PriceBook(shipped()), Repositories())
        writing = Writing(self.store, pipeline)
        self.committer: GroupCommitter[Write, BatchResult] = GroupCommitter(
            self.pools, writing.commit, writing.commit_here
        )
        self.collector = Collector(
            machine=machine, pipeline=pipeline, cursors=(), now_ms=clock.now_ms
        )
        provider = registry.load("claude_code")
        self.accounts = [(one, provider) for one in provider.discover(machine)]
        self.collector.set_accounts(self.accounts)
        self.collecting = Collecting(
            pools=self.pools,
            tasks=self.tasks,
            committer=self.committer,
            collector=self.collector,
            machine=machine,
            clock=clock,
            news=LimitNews(),
        )

    def close(self) -> None:
        self.tasks.close()
        self.committer.close()
        assert self.committer.drain(10.0)
        self.pools.write(self.store.close)
        assert self.pools.close(10.0)

    def write(self, name: str, text: str) -> str:
        path = self.projects / name
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
        return str(path)

    @contextlib.contextmanager
    def workers_busy(self) -> Iterator[None]:
        """No file is read meanwhile."""
        gate = threading.Event()
        jobs = [self.pools.spawn_work(gate.wait, 30) for _ in range(WORKERS)]
        yield
        gate.set()
        assert all(job.get() for job in jobs)

    @property
    def stored(self) -> int:
        """Events ever stored."""
        return self.pools.read(self.store.counts).identities

    def until(self, predicate: Callable[[], bool]) -> None:
        assert self.tasks.wait_for(predicate, 10.0)

    def look_again(self) -> None:
        """Have the looks that follow a hook come, and end."""
        self.until(lambda: self.collecting.idle)
        self.tasks.run_due(HOOK_RETRIES_S)
        self.until(lambda: self.collecting.idle)

    def store_turn(self, path: str, *, ended_ms: int = ANSWERED_MS) -> BatchResult:
        """A Stop hook has named this log."""
        return self.collecting.store_turn(turn(ended_ms), [path], ended_ms)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path)
    with gevent.Timeout(60):
        yield made
    made.close()


def turn(ended_ms: int = ANSWERED_MS) -> EventWrite:
    """What a Stop hook says."""
    return EventWrite((event(TURN_COMPLETED, f"p{ended_ms}", ended_ms),))


def call(ident: str) -> EventWrite:
    """What a hook says of a tool call."""
    return EventWrite((event(TOOL_USAGE, ident, ANSWERED_MS),))


def event(kind: str, ident: str, ts_ms: int) -> UsageEvent:
    is_call = kind == TOOL_USAGE
    return UsageEvent(
        source="claude_code",
        channel=HOOK,
        event_type=kind,
        ts_ms=ts_ms,
        provider="anthropic",
        account_id="claude-code",
        client="claude_code",
        session_id="s1",
        turn_id="" if is_call else ident,
        tool_call_id=ident if is_call else "",
        tool_name="Bash" if is_call else "",
        requests=1 if is_call else None,
    )


def prompt(number: int) -> str:
    """A row without usage."""
    row = {"type": "user", "uuid": f"q{number}", "sessionId": "s1", "timestamp": ANSWERED}
    return json.dumps(row | {"message": {"role": "user", "content": "hi"}}) + "\n"


class TestTurns:
    def test_turn_and_its_rows_are_one_commit(self, home: Home) -> None:
        """When the hook has its answer, what its log had of the turn is stored with it."""
        path = home.write("a.jsonl", line(1) + line(2))
        assert home.store_turn(path).accepted == 1
        assert (home.stored, home.committer.groups) == (3, 1)

    def test_nothing_new_in_the_log(self, home: Home) -> None:
        """A hook does not wait any longer when the look has found nothing."""
        path = home.write("a.jsonl", line(1))
        missing = str(home.projects / "none.jsonl")
        for ended_ms, named in enumerate((path, path, missing), ANSWERED_MS):
            assert home.store_turn(named, ended_ms=ended_ms).accepted == 1
            home.until(lambda: home.collecting.idle)
        nowhere = turn(ANSWERED_MS + 9)
        assert home.collecting.store_turn(nowhere, [], ANSWERED_MS).accepted == 1
        assert (home.stored, home.committer.groups) == (5, 4)

    def test_slow_log_does_not_hold_the_hook(self, home: Home) -> None:
        """A log that cannot be read at once is not waited for; its rows follow."""
        path = home.write("a.jsonl", line(1))
        with home.workers_busy():
            answer = gevent.spawn(home.store_turn, path)
            gevent.sleep(0)
            assert not answer.ready()
            home.tasks.run_due([HOOK_PATIENCE_S])
            assert answer.get().accepted == 1
            assert home.stored == 1
        home.until(lambda: home.stored == 2)

    def test_running_look_is_not_waited_for(self, home: Home) -> None:
        """While logs are being read a hook's word is committed alone; its log is next."""
        path = home.write("a.jsonl", line(1))
        with home.workers_busy():
            home.collecting.scan()
            assert home.store_turn(path).accepted == 1
            assert home.stored == 1
        home.until(lambda: home.stored == 2)

    def test_late_answer_is_looked_for(self, home: Home) -> None:
        """An answer that is written behind the hook's back comes without any notification."""
        path = home.write("a.jsonl", "")
        home.store_turn(path)
        home.write("a.jsonl", line(1))
        home.look_again()
        assert home.stored == 2

    def test_spooled_turns_are_looked_for(self, home: Home) -> None:
        """So do the answers to turns that ended while the daemon was away."""
        path = home.write("a.jsonl", line(1))
        home.collecting.wake_repeatedly([path], ANSWERED_MS + 60_000)
        home.until(lambda: home.collecting.idle)
        assert home.stored == 1
        home.write("a.jsonl", line(2))
        home.look_again()
        assert home.stored == 2

    @pytest.mark.parametrize(
        ("later_ms", "stored"),
        [(400, 2), (5_000, 3)],
        ids=["answer of this turn", "answer of an earlier turn"],
    )
    def test_looks_end_with_the_answer(self, home: Home, later_ms: int, stored: int) -> None:
        """With a turn's answer in the store its log is left to the notifications."""
        path = home.write("a.jsonl", line(1))
        home.store_turn(path, ended_ms=ANSWERED_MS + later_ms)
        home.write("a.jsonl", line(2))
        home.look_again()
        assert home.stored == stored

    def test_tool_call_at_the_end_is_no_answer(self, home: Home) -> None:
        """A log that ends with a tool call goes on."""
        row = json.loads(line(1))
        row["message"]["content"] = [{"type": "tool_use", "id": "t1", "name": "Bash", "input": {}}]
        path = home.write("a.jsonl", json.dumps(row) + "\n")
        home.store_turn(path)
        home.write("a.jsonl", line(2))
        home.look_again()
        assert home.stored == 4

    def test_log_that_tells_the_end_of_a_turn(self, home: Home) -> None:
        """Where the agent writes down that the turn is over, nothing more is waited for."""
        path = home.write("a.jsonl", line(1))
        account, provider = home.accounts[0]

        def collect(*args: Any) -> Iterator[Chunk]:
            assert provider.collect is not None
            for chunk in provider.collect(*args):
                yield replace(chunk, events=[*chunk.events, *call("t1").events, *turn().events])

        home.collector.set_accounts([(account, replace(provider, collect=collect))])
        home.store_turn(path)
        home.write("a.jsonl", line(2))
        home.look_again()
        assert home.stored == 3

    def test_answer_of_a_log_that_has_gone(self, home: Home) -> None:
        """What a deleted log ended with says nothing about a new one of its name."""
        path = home.write("a.jsonl", line(1))
        home.store_turn(path)
        home.until(lambda: home.collecting.idle)
        Path(path).unlink()
        home.collecting.scan()
        home.until(lambda: home.collecting.idle)
        home.write("a.jsonl", prompt(1))
        home.store_turn(path, ended_ms=ANSWERED_MS + 1)
        home.write("a.jsonl", line(2))
        home.look_again()
        assert home.stored == 4


class TestCalls:
    def test_call_takes_a_due_look_along(self, home: Home) -> None:
        """A tool's hook shares its commit with the rows that are looked for about now anyway."""
        path = home.write("a.jsonl", line(1))
        assert home.collecting.store_call(call("t1"), [path]).accepted == 1
        assert (home.stored, home.committer.groups) == (2, 1)

    def test_calls_between_two_looks_are_alone(self, home: Home) -> None:
        """Right after a look a tool's hook does not wait for another; the rows come in time."""
        path = home.write("a.jsonl", line(1))
        home.collecting.store_call(call("t1"), [path])
        home.until(lambda: home.collecting.idle)
        home.write("a.jsonl", line(2))
        home.collecting.store_call(call("t2"), [path])
        assert (home.stored, home.committer.groups, home.collecting.depth) == (3, 2, 1)
        home.tasks.run_due([LOOK_INTERVAL_S])
        home.until(lambda: home.collecting.idle)
        assert (home.stored, home.committer.groups) == (4, 3)

    def test_look_makes_the_next_one_needless(self, home: Home) -> None:
        """What a hook's look has read is not looked at again when the interval is over."""
        path = home.write("a.jsonl", line(1))
        other = home.write("b.jsonl", line(2))
        home.collecting.wake([path])
        home.until(lambda: home.collecting.idle)
        home.collecting.wake([path, other])
        home.store_turn(path)
        assert home.collecting.depth == 1
        home.store_turn(other, ended_ms=ANSWERED_MS + 1)
        assert home.collecting.depth == 0

    def test_full_scan_makes_held_looks_needless(self, home: Home) -> None:
        """Whoever asks for everything does not wait until the interval is over besides."""
        home.collecting.wake([home.write("a.jsonl", line(1))])
        home.until(lambda: home.collecting.idle)
        home.collecting.wake([home.write("b.jsonl", line(2))])
        assert home.collecting.depth == 1
        home.collecting.scan()
        home.until(lambda: home.collecting.idle)
        assert home.stored == 2


class TestLooks:
    def test_rows_of_one_look_are_one_commit(self, home: Home) -> None:
        """What several agents have written meanwhile is committed together."""
        paths = [home.write(f"{name}.jsonl", line(name)) for name in range(1, 6)]
        home.collecting.wake(paths)
        home.until(lambda: home.collecting.idle)
        assert (home.stored, home.committer.groups) == (5, 1)
        assert home.collector.plan_all() == ([], [])

    def test_many_rows_are_several_commits(self, home: Home) -> None:
        """A commit stays short enough for those who wait behind it."""
        for name in range(3):
            home.write(f"{name}.jsonl", "".join(map(line, range(name * 600, name * 600 + 600))))
        home.collecting.scan()
        home.until(lambda: home.collecting.idle)
        assert (home.stored, home.committer.groups) == (1_800, 2)
        assert home.collecting.progress().events == 1_800

    def test_rows_without_usage_wait_for_company(self, home: Home) -> None:
        """A cursor that moved over nothing costs no commit; it is stored when asked to."""
        path = home.write("a.jsonl", prompt(1))
        home.collecting.scan()
        home.until(lambda: home.collecting.idle)
        assert home.collector.plan_all() == ([], [])
        assert (home.committer.groups, home.pools.read(home.store.cursors)) == (0, [])
        home.collecting.flush_cursors()
        assert [cursor.path for cursor in home.pools.read(home.store.cursors)] == [path]
        home.collecting.flush_cursors()
        assert home.committer.groups == 1

    def test_unit_that_cannot_be_read(self, home: Home) -> None:
        """It is said, and costs the others of the look nothing."""
        paths = [home.write(f"{name}.jsonl", line(name)) for name in (1, 2)]
        work, _ = home.collector.plan_all()
        Path(paths[0]).unlink()
        Path(paths[0]).mkdir()
        home.pools.work(home.collecting._rows.store, work)
        assert home.stored == 1
        assert list(home.collector.progress["claude-code"].errors) == [paths[0]]

    def test_unit_that_ends_badly(self, home: Home) -> None:
        """What was read of it before is stored, and what is wrong with it is still known."""
        path = home.write("a.jsonl", line(1))
        account, provider = home.accounts[0]

        def collect(*args: Any) -> Iterator[Chunk]:
            assert provider.collect is not None
            yield from provider.collect(*args)
            raise OSError(errno.EIO, "Input/output error", path)

        home.collector.set_accounts([(account, replace(provider, collect=collect))])
        home.collecting.scan()
        home.until(lambda: home.collecting.idle)
        assert home.stored == 1
        assert home.collector.progress["claude-code"].errors == {path: "Input/output error"}

    def test_unit_that_cannot_be_stored(self, home: Home) -> None:
        """It stops where it stands, so that nothing of it is skipped; the others are stored."""
        bad = json.loads(line(1))
        # Of more than one batch the first is refused: nothing in the store is as large.
        bad["costUSD"] = 1e12
        path = home.write("a.jsonl", json.dumps(bad) + "\n" + "".join(map(line, range(2, 2_100))))
        home.write("b.jsonl", line(1))
        home.collecting.scan()
        home.until(lambda: home.collecting.idle)
        assert home.stored == 1
        assert list(home.collector.progress["claude-code"].errors) == [path]
        assert [item.unit.path for item in home.collector.plan_all()[0]] == [path]

    def test_what_cannot_be_stored_is_tried_less_and_less_often(self, home: Home) -> None:
        """A full disk gets room again; a row that no store takes must not be read for ever."""
        bad = json.loads(line(1))
        bad["costUSD"] = 1e12
        path = home.write("a.jsonl", json.dumps(bad) + "\n")
        home.collecting.scan()
        waits = []
        for _ in range(8):
            home.until(lambda: home.collecting.idle and bool(home.tasks.held))
            ((delay_s, _begin),) = home.tasks.held
            waits.append(delay_s)
            # Neither what it grows by nor what other logs bring changes when it is read next.
            home.write("a.jsonl", prompt(len(waits)))
            home.write("c.jsonl", line(100 + len(waits)))
            home.collecting.scan()
            home.until(lambda: home.collecting.idle)
            assert len(home.tasks.held) == 1
            home.tasks.run_due([delay_s])
        assert waits == [10, 20, 40, 80, 160, 320, 600, 600]
        home.until(lambda: home.collecting.idle and bool(home.tasks.held))
        Path(path).unlink()
        home.write("a.jsonl", line(2))
        home.collecting.scan()
        home.until(lambda: home.stored == 9 and home.collecting.idle)
        home.tasks.run_due([600])
        home.until(lambda: home.collecting.idle)
        home.write("a.jsonl", json.dumps(bad) + "\n")
        home.collecting.scan()
        home.until(lambda: home.collecting.idle and bool(home.tasks.held))
        assert [delay_s for delay_s, _ in home.tasks.held] == [10]
