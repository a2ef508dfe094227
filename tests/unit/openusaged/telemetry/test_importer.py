"""Scanner processes: fair shares, everything delivered, trouble reported and not fatal."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from openusaged.core.models import Account
from openusaged.providers import registry
from openusaged.providers.base import Machine, Unit
from openusaged.scan.protocol import Batch
from openusaged.telemetry.collectors import Work
from openusaged.telemetry.importer import Importer, deal
from tests.support.claude_line import line

CLAUDE = registry.load("claude_code")


class Sink:
    """Keeps what the importer hands over."""

    def __init__(self, on_post: Callable[[], None] = lambda: None) -> None:
        self.batches: list[Batch] = []
        self.failed: list[tuple[str, str, str]] = []
        self.stored = 0
        self._on_post = on_post

    def post(self, batch: Batch) -> Callable[[], None]:
        self.batches.append(batch)
        self._on_post()

        def stored() -> None:
            self.stored += 1

        return stored

    def outputs(self) -> list[int]:
        """Output tokens of all events, in order."""
        found: list[int] = []
        for batch in self.batches:
            if batch.staged:
                with contextlib.closing(sqlite3.connect(":memory:")) as connection:
                    connection.deserialize(batch.staged)
                    found += [row[0] for row in connection.execute("SELECT output FROM event")]
        return sorted(found)

    def unit_failed(self, account_id: str, path: str, reason: str) -> None:
        self.failed.append((account_id, path, reason))


def work_of(path: str, size: int, group: str = "") -> Work:
    unit = Unit(path=path, device=1, inode=hash(path) & 0xFFFF, size=size, mtime_ns=1, group=group)
    account = Account(id="claude-code", provider_id="claude_code", home="/h")
    return Work(account=account, provider=CLAUDE, unit=unit, cursor=None)


def test_shares_are_about_equal() -> None:
    """The bytes are split so that both scanners end at about the same time, in the given order."""
    work = [work_of(f"/{number}", size) for number, size in enumerate((10, 90, 20, 80, 50, 50))]
    shares = deal(work, 2)
    assert [sum(item.new_bytes for item in share) for share in shares] == [150, 150]
    for share in shares:
        assert share == sorted(share, key=work.index)


def test_groups_stay_together() -> None:
    """Units of one group are read by one scanner, parents first."""
    work = [work_of(f"/{number}", 10, "fork" if number % 2 else "") for number in range(8)]
    shares = deal(work, 2)
    grouped = [[item.unit.path for item in share if item.unit.group] for share in shares]
    assert sorted(grouped, key=len) == [[], ["/1", "/3", "/5", "/7"]]


def test_accounts_take_turns_by_age() -> None:
    """What happened at about the same time is read together; each account keeps its order."""

    def aged(account: str, path: str, mtime_ns: int) -> Work:
        item = work_of(path, 10)
        unit = replace(item.unit, mtime_ns=mtime_ns)
        return replace(item, account=Account(id=account, provider_id="claude_code"), unit=unit)

    work = [
        aged("a", "/a1", 1),
        aged("a", "/a-copied-to-a-new-disk", 50),
        aged("a", "/a3", 30),
        aged("b", "/b1", 2),
        aged("b", "/b2", 40),
        aged("b", "/b3", 60),
    ]
    (share,) = deal(work, 1)
    assert [item.unit.path for item in share] == [
        "/a1",
        "/b1",
        "/b2",
        "/a-copied-to-a-new-disk",
        "/a3",
        "/b3",
    ]


def test_no_empty_shares() -> None:
    """One unit needs one scanner, no unit needs none."""
    assert len(deal([work_of("/a", 1)], 2)) == 1
    assert deal([], 2) == []


@pytest.fixture
def home(tmp_path: Path) -> tuple[Machine, Path]:
    projects = tmp_path / ".claude" / "projects" / "p"
    projects.mkdir(parents=True)
    machine = Machine(
        env={**os.environ, "HOME": str(tmp_path)}, home=str(tmp_path), platform=sys.platform
    )
    return machine, projects


def plan(machine: Machine) -> list[Work]:
    (account,) = CLAUDE.discover(machine)
    assert CLAUDE.units is not None
    return [
        Work(account=account, provider=CLAUDE, unit=unit, cursor=None)
        for unit in CLAUDE.units(account, machine)
    ]


def test_everything_is_delivered_with_its_cursors(home: tuple[Machine, Path]) -> None:
    """Two real scanners deliver every event and a final cursor for every unit."""
    machine, projects = home
    for number in range(30):
        (projects / f"{number}.jsonl").write_text(line(number) + line(number + 100))
    sink = Sink()
    assert Importer(machine, sink).run(plan(machine), 2) == []
    assert sum(batch.events for batch in sink.batches) == 60
    assert len(set(sink.outputs())) == 60
    ends = {cursor.path: cursor.offset for batch in sink.batches for cursor in batch.cursors}
    assert ends == {str(path): path.stat().st_size for path in projects.iterdir()}
    assert sum(batch.done_units for batch in sink.batches) == 30
    assert sum(batch.read_bytes for batch in sink.batches) == sum(ends.values())
    assert sink.stored == len(sink.batches)


def test_unreadable_unit_does_not_stop_the_others(home: tuple[Machine, Path]) -> None:
    """A unit that cannot be read is reported; the rest is imported."""
    machine, projects = home
    (projects / "a.jsonl").write_text(line(1))
    (projects / "b.jsonl").write_text(line(2))
    work = plan(machine)
    (projects / "a.jsonl").unlink()
    (projects / "a.jsonl").mkdir()
    sink = Sink()
    assert Importer(machine, sink).run(work, 1) == []
    assert [(account, os.path.basename(path)) for account, path, _ in sink.failed] == [
        ("claude-code", "a.jsonl")
    ]
    assert sink.outputs() == [2]


def test_stopping_ends_the_scanners(home: tuple[Machine, Path]) -> None:
    """Stop during an import ends it without a complaint; a stopped importer starts nothing."""
    machine, projects = home
    for number in range(400):
        (projects / f"{number}.jsonl").write_text(line(number) * 20)
    importer: Importer
    sink = Sink(lambda: importer.stop())
    importer = Importer(machine, sink)
    assert importer.run(plan(machine), 1) == []
    assert importer.run(plan(machine), 1) == []


def test_failing_sink_is_reported(home: tuple[Machine, Path]) -> None:
    """When a batch cannot be stored the scanner is ended and the problem said."""
    machine, projects = home
    (projects / "a.jsonl").write_text(line(1))

    def fail() -> None:
        raise OSError("disk full")

    assert Importer(machine, Sink(fail)).run(plan(machine), 1)[0] == "OSError: disk full"
