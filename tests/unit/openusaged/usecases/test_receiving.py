"""Spooled events reach the store with few commits, and one that cannot holds nobody up."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import gevent
import pytest

from openusage_proto.messages import IngestParams, StatuslineParams
from openusaged.config.settings import Settings
from openusaged.core.models import Account, UsageSnapshot
from openusaged.pricing.book import PriceBook
from openusaged.pricing.catalogue import shipped
from openusaged.providers.base import Machine
from openusaged.runtime.group_commit import GroupCommitter
from openusaged.runtime.pools import Pools
from openusaged.runtime.tasks import Tasks
from openusaged.storage.store import BatchResult, Store
from openusaged.telemetry.collectors import Collector
from openusaged.telemetry.pipeline import Pipeline
from openusaged.telemetry.repositories import Repositories
from openusaged.telemetry.spool import Spool
from openusaged.usecases.collecting import Collecting
from openusaged.usecases.committing import Write, Writing
from openusaged.usecases.hook_news import HookNews
from openusaged.usecases.ingest import Accepted, Ingest
from openusaged.usecases.limit_news import LimitNews
from openusaged.usecases.lines.figures import FigureBook
from openusaged.usecases.lines.lines import Around, Lines
from openusaged.usecases.reading import Reading, View
from openusaged.usecases.receiving import MAX_HEARD, MAX_TOGETHER, MAX_TOGETHER_BYTES, Receiving
from tests.support.clocks import StillClock

NOW_MS = 1_793_527_200_000


class CountingIngest(Ingest):
    """Knows how many payloads it has looked at."""

    looked = 0

    def payload(self, params: IngestParams, payload: Mapping[str, Any]) -> Accepted:
        self.looked += 1
        return super().payload(params, payload)


class Home:
    """A spool, the store, and what takes the files from the one to the other."""

    def __init__(self, root: Path) -> None:
        self.directory = root / "spool"
        self.directory.mkdir()
        self.database = root / "telemetry.db"
        clock, news = StillClock(NOW_MS), LimitNews()
        machine = Machine(env={"HOME": str(root)}, home=str(root))
        self.pools = Pools()
        self.tasks = Tasks()
        self.store = self.pools.write(
            Store.open, str(self.database), app_version="test", now_ms=clock.now_ms
        )
        pipeline = Pipeline(PriceBook(shipped()), Repositories())
        writing = Writing(self.store, pipeline)
        self.committer: GroupCommitter[Write, BatchResult] = GroupCommitter(
            self.pools, writing.commit, writing.commit_here
        )
        self.spool = Spool(str(self.directory), clock.now_ms)
        self.accounts: list[Account] = []
        self.snapshots: list[UsageSnapshot] = []
        view = View()
        reading = Reading(store=self.store, pools=self.pools, clock=clock, view=lambda: view)
        figures = FigureBook(store=self.store, reading=reading, clock=clock, view=lambda: view)
        self.ingest = CountingIngest(
            machine=machine, now_ms=clock.now_ms, accounts=lambda: self.accounts[:]
        )
        self.receiving = Receiving(
            ingest=self.ingest,
            committer=self.committer,
            collecting=Collecting(
                pools=self.pools,
                tasks=self.tasks,
                committer=self.committer,
                collector=Collector(
                    machine=machine, pipeline=pipeline, cursors=(), now_ms=clock.now_ms
                ),
                machine=machine,
                clock=clock,
                news=news,
            ),
            lines=Lines(
                Around(
                    store=self.store,
                    reading=reading,
                    clock=clock,
                    figures=figures,
                    settings=Settings,
                )
            ),
            spool=self.spool,
            pools=self.pools,
            tasks=self.tasks,
            now_ms=clock.now_ms,
            news=news,
            hook_news=HookNews(str(root / "hooks.json")),
            on_snapshot=self.snapshots.append,
        )

    def close(self) -> None:
        self.tasks.close()
        self.committer.close()
        assert self.committer.drain(10.0)
        self.pools.write(self.store.close)
        assert self.pools.close(10.0)

    def put(self, number: int, **changes: Any) -> Path:
        """A waiting turn of a program; `changes` to its parameters."""
        turn = {"message_id": f"m{number}", "model": "m", "output_tokens": number}
        path = self.directory / f"{number:019d}-1-a.json"
        path.write_text(json.dumps({"source": "mine", "turn": turn} | changes), encoding="utf-8")
        os.utime(path, (NOW_MS / 1000, NOW_MS / 1000))
        return path

    def drain(self, left: Sequence[Path] = ()) -> None:
        """Take the spool's events until just these files are `left`."""
        self.receiving.drain_soon()
        assert self.tasks.wait_for(lambda: self.files() == sorted(left), 20.0), self.files()

    def files(self) -> list[Path]:
        """What waits."""
        return sorted(self.directory.glob("*.json"))

    def rejected(self) -> list[str]:
        """What was set aside."""
        return sorted(path.name for path in self.directory.glob("rejected/*.json"))

    @property
    def stored(self) -> int:
        """Events ever stored."""
        return self.pools.read(self.store.counts).identities


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path)
    with gevent.Timeout(60):
        yield made
    made.close()


def test_many_files_share_a_commit(home: Home) -> None:
    """A backlog costs a disk flush for each group of its files, not for each file."""
    count = 2 * MAX_TOGETHER + 1
    for number in range(count):
        home.put(number)
    home.drain()
    assert (home.stored, home.committer.groups) == (count, 3)


def test_large_files_do_not_gather(home: Home) -> None:
    """However large the waiting files are, only a few of them are in memory at once."""
    for number in range(4):
        home.put(number, account_id="x", payload=None, delivery_id="x" * MAX_TOGETHER_BYTES)
    home.drain()
    assert (home.stored, home.committer.groups) == (4, 4)


def test_order_within_a_commit(home: Home) -> None:
    """The older of two files about one message makes the row, also when they share the commit."""
    for number in (3, 2):
        home.put(number, turn={"message_id": "m", "model": "m", "session_id": f"s{number}"})
    home.drain()
    assert (home.stored, home.committer.groups) == (1, 1)
    with sqlite3.connect(home.database) as connection:
        assert connection.execute("SELECT session_id FROM session").fetchall() == [("s2",)]


def test_a_refused_file_does_not_hold_up_its_neighbours(home: Home) -> None:
    """What is no event goes aside with the reason; those before and after it are stored."""
    for number in (1, 3):
        home.put(number)
    bad = home.put(2, turn={"input_tokens": -1})
    home.drain()
    assert (home.stored, home.rejected()) == (2, [bad.name])


def test_an_event_that_cannot_be_stored(home: Home) -> None:
    """It stays for a later try; the others of its commit are stored and gone."""
    for number in (1, 3):
        home.put(number)
    bad = home.put(666)
    with sqlite3.connect(home.database) as connection:
        connection.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON event WHEN NEW.output = 666"
            " BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    home.drain(left=[bad])
    assert (home.stored, home.rejected()) == (2, [])
    with sqlite3.connect(home.database) as connection:
        connection.execute("DROP TRIGGER refuse")
    home.drain()
    assert home.stored == 3


def test_a_daemon_that_ends_keeps_the_files(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    """What could not be committed any more is there for the next start."""
    waiting = [home.put(number) for number in range(MAX_TOGETHER + 1)]
    home.committer.close()
    home.receiving.drain_soon()
    assert home.tasks.wait_for(lambda: "event=spool_paused" in caplog.text, 20.0)
    assert (home.stored, home.files()) == (0, waiting)
    assert caplog.text.count("event=spool_paused") == 1


def line_of(home: Home, session: str, used: float) -> bool:
    """Draw a session's status line; whether the limits in it were looked at."""
    limits = {"five_hour": {"used_percentage": used, "resets_at": NOW_MS // 1000 + 3600}}
    return draw(home, {"transcript_path": f"/{session}.jsonl", "rate_limits": limits})


def draw(home: Home, payload: dict[str, Any]) -> bool:
    """Draw the line of a host's input; whether that was looked at beside it."""
    before = home.ingest.looked
    home.receiving.statusline(StatuslineParams(payload=payload)).get()
    home.tasks._group.join()  # what was begun beside the line
    return home.ingest.looked > before


def test_limits_of_a_line_are_looked_at_once(home: Home) -> None:
    """Of lines that say the same again and again, only the first has its limits looked at."""
    home.accounts.append(Account(id="claude-code", provider_id="claude_code"))
    looked = [
        line_of(home, *said)
        for said in [("one", 20), ("one", 20), ("two", 25), ("one", 20), ("two", 25), ("one", 26)]
    ]
    assert looked == [True, False, True, False, False, True]
    assert [snapshot.metrics[0].used for snapshot in home.snapshots] == [20, 25, 26]
    assert not line_of(home, "one", 26)
    for number in range(MAX_HEARD):
        assert line_of(home, f"other-{number}", 1)
    assert line_of(home, "two", 25)


def test_limits_wait_for_their_account(home: Home) -> None:
    """What nobody was known for is looked at again, and stored once there is an account."""
    assert line_of(home, "one", 20)
    assert line_of(home, "one", 20)
    assert home.snapshots == []
    home.accounts.append(Account(id="claude-code", provider_id="claude_code"))
    assert line_of(home, "one", 20)
    assert home.snapshots[0].account_id == "claude-code"
    assert not line_of(home, "one", 20)
    home.accounts[:] = [Account(id="claude-code:home", provider_id="claude_code")]
    assert line_of(home, "one", 20)


def test_input_without_limits_is_not_looked_at(home: Home) -> None:
    """Limits that are not there, or that are nonsense, cost a line nothing but the line."""
    assert not draw(home, {})
    assert not draw(home, {"rate_limits": None})
    assert draw(home, {"transcript_path": ["x"], "rate_limits": 5})
    assert home.snapshots == []
