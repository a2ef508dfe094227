"""The collector knows what is new: unchanged units are not opened, nothing new is missed."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from openusaged.core.models import Account, SourceCursor
from openusaged.pricing.book import PriceBook
from openusaged.pricing.catalogue import shipped
from openusaged.providers import registry
from openusaged.providers.base import Machine, Provider
from openusaged.telemetry.collectors import Collector, Work
from openusaged.telemetry.pipeline import Pipeline
from openusaged.telemetry.repositories import Repositories
from tests.support.claude_line import line


class Home:
    """A Claude home, its collector and a clock."""

    def __init__(self, root: Path) -> None:
        self.projects = root / ".claude" / "projects" / "p"
        self.projects.mkdir(parents=True)
        self.machine = Machine(env={"HOME": str(root)}, home=str(root))
        self.now = 1_000
        provider = registry.load("claude_code")
        self.accounts: list[tuple[Account, Provider]] = [
            (account, provider) for account in provider.discover(self.machine)
        ]
        self.collector = self.make([])

    def make(self, cursors: list[SourceCursor]) -> Collector:
        collector = Collector(
            machine=self.machine,
            pipeline=Pipeline(PriceBook(shipped()), Repositories()),
            cursors=cursors,
            now_ms=lambda: self.now,
        )
        collector.set_accounts(self.accounts)
        return collector

    def write(self, name: str, text: str) -> str:
        path = self.projects / name
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
        return str(path)

    def read(self, work: list[Work]) -> list[str]:
        """Read and commit; the message ids that came."""
        ids = []
        for item in work:
            for batch in self.collector.read(item):
                ids += [prepared.event.message_id for prepared in batch.events]
                for cursor in batch.cursors:
                    self.collector.committed(cursor)
        return ids


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_full_scan_finds_what_is_new_once(home: Home) -> None:
    """Everything is read the first time, nothing the second, only the growth the third."""
    home.write("a.jsonl", line(1) + line(2))
    home.write("b.jsonl", line(3))
    work, gone = home.collector.plan_all()
    assert gone == []
    assert sum(item.new_bytes for item in work) == sum(
        os.path.getsize(item.unit.path) for item in work
    )
    assert sorted(home.read(work)) == ["msg_1", "msg_2", "msg_3"]
    assert home.collector.plan_all() == ([], [])
    grown = home.write("a.jsonl", line(4))
    work, _ = home.collector.plan_all()
    assert [item.unit.path for item in work] == [grown]
    assert home.read(work) == ["msg_4"]


def test_named_path_is_enough(home: Home) -> None:
    """A notification's path leads to its unit without listing the others."""
    path = home.write("a.jsonl", line(1))
    assert home.read(home.collector.plan_paths([path, path, "/elsewhere/x.jsonl"])) == ["msg_1"]
    assert home.collector.plan_paths([path]) == []
    assert home.collector.plan_paths([str(home.projects / "gone.jsonl")]) == []
    assert home.collector.plan_paths([str(home.projects / "note.txt")]) == []


def test_new_directory_is_looked_into(home: Home) -> None:
    """Files written before their directory could be watched are found through it."""
    nested = home.projects / "s1" / "subagents"
    nested.mkdir(parents=True)
    (nested / "agent-x.jsonl").write_text(line(7))
    work = home.collector.plan_paths([str(home.projects / "s1")])
    assert home.read(work) == ["msg_7"]


def test_new_directories_and_files_are_planned_together(home: Home) -> None:
    """Several directories and files of one notification lead to each of their units once."""
    named = home.write("a.jsonl", line(1))
    for name in ("s1", "s2"):
        (home.projects / name).mkdir()
        (home.projects / name / "b.jsonl").write_text(line(2 if name == "s1" else 3))
    work = home.collector.plan_paths(
        [named, *(str(home.projects / name) for name in ("s1", "s2", "s1"))]
    )
    assert sorted(home.read(work)) == ["msg_1", "msg_2", "msg_3"]


def test_cursors_survive_a_restart(home: Home) -> None:
    """A new collector with the stored cursors goes on where the old one was."""
    home.write("a.jsonl", line(1))
    work, _ = home.collector.plan_all()
    cursors = [
        cursor for item in work for batch in home.collector.read(item) for cursor in batch.cursors
    ]
    home.collector = home.make(cursors)
    assert home.collector.plan_all() == ([], [])
    home.write("a.jsonl", line(2))
    assert home.read(home.collector.plan_all()[0]) == ["msg_2"]


def test_vanished_unit_is_forgotten_and_may_return(home: Home) -> None:
    """A deleted file's cursor is dropped; a file of that name is then read from its start."""
    path = home.write("a.jsonl", line(1))
    home.read(home.collector.plan_all()[0])
    os.unlink(path)
    work, gone = home.collector.plan_all()
    assert work == []
    assert gone == [("claude-code", path)]
    home.collector.forgotten(gone)
    assert home.collector.plan_all() == ([], [])
    home.write("a.jsonl", line(9))
    assert home.read(home.collector.plan_all()[0]) == ["msg_9"]


def test_progress_tells_units_bytes_and_times(home: Home) -> None:
    """What `status` says of an account is counted while scanning."""
    home.write("a.jsonl", line(1))
    home.now = 5_000
    home.read(home.collector.plan_all()[0])
    progress = home.collector.progress["claude-code"]
    assert (progress.units, progress.last_scan_ms, progress.last_change_ms) == (1, 5_000, 5_000)
    assert progress.size == len(line(1))
    home.collector.failed("claude-code", "/x", "permission denied")
    home.collector.failed("claude-code", "/x", "permission denied")
    assert progress.errors == {"/x": "permission denied"}


def test_unlistable_home_is_an_error_of_its_account(home: Home) -> None:
    """A provider that cannot list its home does not stop the others; the reason is kept."""
    account, provider = home.accounts[0]

    def broken(_account, _machine):
        raise PermissionError(13, "Permission denied", "/x")

    bad = Account(id="bad", provider_id="claude_code", home="/bad")
    home.collector.set_accounts([(bad, replace(provider, units=broken)), (account, provider)])
    home.write("a.jsonl", line(1))
    work, _ = home.collector.plan_all()
    assert [item.account.id for item in work] == ["claude-code"]
    assert "Permission denied" in home.collector.progress["bad"].errors["/bad"]


def test_scan_of_some_accounts_only(home: Home) -> None:
    """A refresh of other accounts leaves this one alone."""
    home.write("a.jsonl", line(1))
    assert home.collector.plan_all(["other"]) == ([], [])


def test_owner_is_the_most_specific_home(home: Home) -> None:
    """A path inside nested homes belongs to the inner one; a stranger's path to nobody."""
    account, provider = home.accounts[0]
    inner = Account(id="inner", provider_id="claude_code", home=f"{account.home}/projects/p")
    home.collector.set_accounts([(account, provider), (inner, provider)])
    assert home.collector.owner_of(f"{account.home}/projects/p/a.jsonl") == inner
    assert home.collector.owner_of(f"{account.home}/x") == account
    assert home.collector.owner_of(account.home + "-wal") == account
    assert home.collector.owner_of("/etc/passwd") is None
    assert [item.id for item in home.collector.accounts] == ["claude-code", "inner"]
