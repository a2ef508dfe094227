"""
`openusage daily --json` equals the generated truth to the token, whatever happens on the way.

The truth comes from the plan of activity (tests/support/truth.py), the numbers from the real client
asking the real daemon.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import corpus, hooks
from tests.support.client import assert_daily, counts_of, report, settle, wait_for_total
from tests.support.daemon import Daemon
from tests.support.truth import Truth
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

ZONES = ("UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Chatham")


def now_iso() -> str:
    """The present, where a live history ends: all its detail is inside the retention."""
    return dt.datetime.now(dt.UTC).isoformat()


def test_first_import_equals_the_truth(home: Path, daemon: Daemon) -> None:
    """A first import counts each response once: days, models, kinds, sessions, accounts."""
    truth = corpus.build(home, seed=101, size="small")
    daemon.start()
    settle(daemon)
    assert_daily(daemon, truth, ZONES)
    assert_models(daemon, truth)
    assert_sessions(daemon, truth)
    assert_accounts(daemon, truth)
    assert_tools(daemon, truth)


def test_every_report_has_the_same_total(home: Path, daemon: Daemon) -> None:
    """Daily, weekly, monthly, sessions and the read model agree with each other and the truth."""
    truth = corpus.build(home, seed=102)
    daemon.start()
    settle(daemon)
    total = truth.total()
    expected = (total.input, total.cache_read, total.cache_write, total.output)
    for kind in ("daily", "weekly", "monthly", "session"):
        assert counts_of(report(daemon.env, kind, "-z", "Pacific/Chatham")["totals"]) == expected
    model = daemon.call("read_model", window="all", tz="Asia/Kathmandu")
    assert counts_of(model["totals"]) == expected


def test_restart_changes_nothing(home: Path, daemon: Daemon) -> None:
    """A daemon that starts again on the same logs adds nothing and loses nothing."""
    truth = corpus.build(home, seed=103)
    daemon.start()
    settle(daemon)
    stored = daemon.call("status")["events"]["stored"]
    for kill in (False, True, False):
        daemon.restart(kill=kill)
        daemon.call("refresh", wait=True)
        assert daemon.call("status")["events"]["stored"] == stored
    assert_daily(daemon, truth, ZONES[:1])


def test_killed_during_import_and_again(home: Path, daemon: Daemon) -> None:
    """SIGKILL at seven moments of a first import leaves nothing out and counts nothing twice."""
    truth = corpus.build(home, seed=104, target_bytes=40_000_000)
    rng = random.Random(104)
    events = len(truth.calls) + len(truth.tools)
    caught = 0
    for step in range(1, 8):
        daemon.start(wait=step % 2 == 0)
        goal = rng.randint(0, events * step // 7)
        caught += kill_after(daemon, goal)
    assert caught, "no kill came before the import had ended; the corpus is too small"
    daemon.start()
    settle(daemon)
    assert_daily(daemon, truth, ZONES)
    assert_sessions(daemon, truth)


def kill_after(daemon: Daemon, events: int) -> bool:
    """Kill the daemon once it has stored so many events; whether it was still importing."""
    importing = True

    def reached() -> bool:
        nonlocal importing
        try:
            status = daemon.call("status")
        except OSError:
            return events == 0  # not listening yet: good enough for the earliest kill
        importing = not status["importing"]["finished_at"]
        return not importing or status["events"]["stored"] >= events

    wait_until(reached, 60.0, "the moment of the kill")
    daemon.kill()
    return importing


def test_history_outlives_the_logs(home: Path, daemon: Daemon) -> None:
    """Deleting the vendors' logs takes nothing away, neither at once nor after a restart."""
    truth = corpus.build(home, seed=105)
    daemon.start()
    settle(daemon)
    shutil.rmtree(home / corpus.CLAUDE / "projects")
    shutil.rmtree(home / corpus.CODEX / "sessions")
    shutil.rmtree(home / corpus.CODEX / "archived_sessions")
    shutil.rmtree(home / corpus.OPENCODE)
    daemon.call("refresh", wait=True)
    assert_daily(daemon, truth, ZONES[:2])
    daemon.restart(kill=True)
    daemon.call("refresh", wait=True)
    assert_daily(daemon, truth, ZONES)


@pytest.mark.parametrize("first", ["original", "copy"])
def test_copied_home_counts_nothing_twice(home: Path, daemon: Daemon, first: str) -> None:
    """The same logs in a second home of each tool (a backup, a synchronised machine) add nothing."""
    truth = corpus.build(home, seed=106)
    copy = home / "backup"
    copy.mkdir()
    for name in (corpus.CLAUDE, corpus.CODEX, corpus.OPENCODE):
        shutil.copytree(home / name, copy / name, symlinks=True)
    homes = [home, copy] if first == "original" else [copy, home]
    daemon.env.update(home_lists(homes[:1]))
    daemon.start()
    settle(daemon)
    assert_daily(daemon, truth, ZONES[:1])
    daemon.env.update(home_lists(homes))
    daemon.restart()
    settle(daemon)
    assert_daily(daemon, truth, ZONES)


def test_two_homes_add_up(home: Path, daemon: Daemon) -> None:
    """Different histories in two homes of each tool are all counted, each under its account."""
    other = home / "work"
    truth = corpus.build(home, seed=107).merged(corpus.build(other, seed=108))
    daemon.env.update(home_lists([home, other]))
    daemon.start()
    settle(daemon)
    assert_daily(daemon, truth, ZONES)


def home_lists(homes: list[Path]) -> dict[str, str]:
    """The variables by which each tool's homes are given as lists."""
    return {
        "CLAUDE_CONFIG_DIR": ",".join(str(path / corpus.CLAUDE) for path in homes),
        "CODEX_HOME": ",".join(str(path / corpus.CODEX) for path in homes),
        "OPENCODE_DATA_DIR": ",".join(str(path / corpus.OPENCODE) for path in homes),
    }


@pytest.mark.slow
def test_growing_logs_are_followed(home: Path, daemon: Daemon, tmp_path: Path) -> None:
    """Logs that appear and grow by half lines while the daemon runs end in exactly the truth."""
    truth = corpus.build(tmp_path, seed=109, days=9, end=now_iso())
    corpus.prepare_unused(home)
    daemon.start()
    for _ in corpus.replay(tmp_path, home, random.Random(109)):
        pass
    wait_for_total(daemon, truth)
    for item in truth.pending:
        target = home / Path(item.path).relative_to(tmp_path)
        with target.open("ab") as file:
            file.write(item.rest)
    wait_for_total(daemon, truth.completed())
    assert_daily(daemon, truth.completed(), ZONES)


def test_tools_first_used_while_running(home: Path, daemon: Daemon, tmp_path: Path) -> None:
    """A tool whose directories did not exist when the daemon started is found by itself."""
    truth = corpus.build(tmp_path, seed=112, days=9, end=now_iso())
    daemon.start()
    corpus.copy_home(tmp_path, home)
    wait_for_total(daemon, truth, 20.0)


@pytest.mark.slow
def test_kills_while_logs_grow(home: Path, daemon: Daemon, tmp_path: Path) -> None:
    """SIGKILL between appends, with logs growing while nothing runs, ends in exactly the truth."""
    truth = corpus.build(tmp_path, seed=110, days=9, end=now_iso())
    rng = random.Random(110)
    corpus.prepare_unused(home)
    daemon.start()
    for number, _ in enumerate(corpus.replay(tmp_path, home, random.Random(1))):
        if number % 150 == 75:
            daemon.kill()
        elif daemon.process is None and rng.random() < 0.1:
            daemon.start()
    if daemon.process is None:
        daemon.start()
    wait_for_total(daemon, truth)
    assert_daily(daemon, truth, ZONES)


@pytest.mark.slow
def test_hooks_logs_and_reimports_race(home: Path, daemon: Daemon, tmp_path: Path) -> None:
    """Hooks, the watcher and forced scans of the same turns at the same time count each one once."""
    truth = corpus.build(tmp_path, seed=111, days=9, end=now_iso())
    tools = [tool for tool in truth.tools if tool.source == "claude_code"]
    rng = random.Random(111)
    corpus.prepare_unused(home)
    daemon.start()
    running: list[subprocess.Popen[bytes]] = []
    for number, path in enumerate(corpus.replay(tmp_path, home, rng)):
        if path.endswith(".jsonl") and corpus.CLAUDE in path and number % 9 == 0:
            tool = rng.choice(tools)
            tell = hooks.post_tool_use_failure if tool.failed else hooks.post_tool_use
            payload = tell(tool.session, tool.id, tool=tool.name)
            running.append(hooks.start_hook(hooks.CLAUDE_HOOK, os.environ, payload))
            payload = hooks.stop(tool.session, f"prompt-{number}", transcript=path)
            running.append(hooks.start_hook(hooks.CLAUDE_HOOK, os.environ, payload))
        if number % 60 == 0:
            daemon.call("refresh", wait=False)
        while len(running) > 6:
            hooks.finish_hook(running.pop(0))
    for process in running:
        hooks.finish_hook(process)
    wait_for_total(daemon, truth)
    settle(daemon)
    assert_daily(daemon, truth, ZONES)
    assert_tools(daemon, truth)


# ------------------------------------------------------------------ other surfaces


def assert_models(daemon: Daemon, truth: Truth) -> None:
    """The read model's totals per model, with the hour-long cache writes apart."""
    model = daemon.call("read_model", window="all", tz="UTC")
    found: dict[str, list[int]] = {}
    for account in model["accounts"]:
        for row in account["usage"]["models"]:
            totals = row["totals"]
            sums = found.setdefault(row["name"], [0, 0, 0, 0, 0, 0])
            for index, value in enumerate((*counts_of(totals), totals["cache_creation_1h_tokens"])):
                sums[index] += value
            sums[5] += totals["reasoning_tokens"]
    expected: dict[str, list[int]] = {}
    for call in truth.calls:
        sums = expected.setdefault(call.model, [0, 0, 0, 0, 0, 0])
        write = call.cache_write_5m + call.cache_write_1h
        values = (call.input, call.cache_read, write, call.output, call.cache_write_1h)
        for index, value in enumerate((*values, call.reasoning)):
            sums[index] += value
    assert {name: sums for name, sums in found.items() if any(sums)} == expected
    assert model["unmapped"] == []


def assert_sessions(daemon: Daemon, truth: Truth) -> None:
    """Totals of every session that no fork shares, first page to last."""
    rows = []
    while True:
        page = daemon.call("sessions", limit=500, offset=len(rows))
        rows += page["sessions"]
        if len(rows) >= page["total"]:
            break
    found = {
        (row["source"], row["session_id"]): counts_of(row["totals"])
        for row in rows
        if row["session_id"] not in truth.shared and row["totals"]["total_tokens"]
    }
    expected = {
        key: (bucket.input, bucket.cache_read, bucket.cache_write, bucket.output)
        for key, bucket in truth.by_session().items()
        if key[1] not in truth.shared
    }
    assert found == expected


def assert_accounts(daemon: Daemon, truth: Truth) -> None:
    """Each tool's account holds that tool's tokens."""
    model = daemon.call("read_model", window="all", tz="UTC")
    found = {
        account["provider_id"]: account["usage"]["totals"]["total_tokens"]
        for account in model["accounts"]
    }
    assert found == {source: bucket.total for source, bucket in truth.by_source().items()}


def assert_tools(daemon: Daemon, truth: Truth) -> None:
    """Each tool call of Claude Code counts once, failures as errors."""
    model = daemon.call("read_model", window="all", tz="UTC")
    calls = errors = 0
    for account in model["accounts"]:
        if account["provider_id"] == "claude_code":
            calls += sum(row["calls"] for row in account["usage"]["tools"])
            errors += sum(row["errors"] for row in account["usage"]["tools"])
    wanted = {tool.id: tool for tool in truth.tools if tool.source == "claude_code"}
    assert calls == len(wanted)
    assert errors == sum(tool.failed for tool in wanted.values())
