"""Rows of the feature table about the daemon as a process, and answers the settings remember."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from openusage_proto import locations
from openusaged import cli
from openusaged.config import settings_file
from openusaged.instance_lock import holder_pid
from openusaged.storage.database import JOURNAL_SIZE_LIMIT_BYTES, WAL_AUTOCHECKPOINT_PAGES
from openusaged.storage.migrations.runner import PAGE_BYTES
from tests.support.claude_line import line
from tests.support.daemon import REPOSITORY, Wire, running_daemon
from tests.support.waiting import wait_until

pytestmark = pytest.mark.measured


def test_i01_dmn_01_dmn_12_foreground(isolated_home: str) -> None:
    """In the foreground it says when it is ready, logs to the terminal and ends in order."""
    with running_daemon(args=("--log-level", "debug")) as daemon:
        # which is logged a moment after the ready line
        wait_until(lambda: "event=started" in daemon.output)
        process = daemon.process
        assert process is not None
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert not os.path.exists(daemon.socket_path)
    assert holder_pid(locations.lock_path()) is None


def test_dmn_02_second_start_names_the_first(isolated_home: str) -> None:
    """The second one fails with the first one's process id, and harms nothing."""
    with running_daemon() as daemon:
        second = subprocess.run(
            [sys.executable, "-m", "openusaged", "run", "--foreground"],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert second.returncode == 1
        assert f"pid {daemon.pid}" in second.stderr
        assert daemon.call("status")["pid"] == daemon.pid


def test_dmn_05_dmn_06_new_lines_are_seen_at_once(isolated_home: str) -> None:
    """A line that is added to a log is counted by the file system's word, not by a timer's."""
    log = Path(isolated_home) / ".claude" / "projects" / "-w" / "s1.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text(line(1))
    with running_daemon() as daemon:
        assert wait_until(lambda: daemon.call("status")["events"]["stored"] == 1)
        with log.open("a") as file:
            file.write(line(2))
        assert wait_until(lambda: daemon.call("status")["events"]["stored"] == 2)


def test_dmn_06_a_subscriber_hears_of_new_lines(isolated_home: str) -> None:
    """DMN-06: a line that an agent adds is pushed as a change, and the next read has it."""
    log = Path(isolated_home) / ".claude" / "projects" / "-w" / "s1.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text(line(1))
    with running_daemon() as daemon, daemon.wire() as wire:
        wait_until(lambda: daemon.call("status")["events"]["stored"] == 1)
        before = wire.call("read_model", window="all", tz="UTC")
        seq = wire.call("subscribe")["seq"]
        with log.open("a") as file:
            file.write(line(2))
        pushed = wire.read_message()
        assert pushed["method"] == "read_model_changed"
        assert pushed["params"]["seq"] > seq >= before["seq"]
        after = wire.call("read_model", window="all", tz="UTC", if_seq=before["seq"])
        assert after["totals"]["output_tokens"] == before["totals"]["output_tokens"] + 2


def push(wire: Wire, start: int, count: int = 1000) -> None:
    """Store that many events, each with a long session of its own."""
    turns = [
        {
            "message_id": f"m{number}",
            "session_id": f"{number:0>240}",
            "model": "m",
            "input_tokens": 1,
            "occurred_at": 1_767_225_600_000 + number * 1000,
        }
        for number in range(start, start + count)
    ]
    requests = [
        {"jsonrpc": "2.0", "id": 1, "method": "ingest_turn",
         "params": {"source": "mine", "turn": turn}} for turn in turns
    ]  # fmt: skip
    wire.send(json.dumps(requests).encode() + b"\n")
    assert all("result" in answer for answer in wire.read_message())


def test_dmn_07_the_write_ahead_log_stays_small(isolated_home: str) -> None:
    """DMN-07: it is emptied while events come in, after somebody held it open, and at the end."""
    wal = Path(locations.database_path() + "-wal")
    database = Path(locations.database_path())
    bound = WAL_AUTOCHECKPOINT_PAGES * PAGE_BYTES * 3 // 2
    with running_daemon() as daemon, daemon.wire() as wire:
        pushed = 0
        while database.stat().st_size < bound:
            push(wire, pushed)
            pushed += 1000
            assert wal.stat().st_size <= bound
        reader = sqlite3.connect(database, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_master").fetchall()
        while wal.stat().st_size <= bound:
            push(wire, pushed)
            pushed += 1000
        reader.close()
        sizes: list[int] = []
        # begun again from its start, as soon as none of its own readers is in the way either: what
        # is written then takes no more room
        while len(set(sizes[-3:])) != 1 or len(sizes) < 3:
            push(wire, pushed)
            pushed += 1000
            sizes.append(wal.stat().st_size)
            assert len(sizes) < 30, sizes
        assert sizes[-1] <= JOURNAL_SIZE_LIMIT_BYTES
        daemon.kill()
        assert wal.stat().st_size
        daemon.start()
        assert daemon.call("status")["events"]["stored"] == pushed
    assert not wal.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_dmn_12_a_stop_finishes_what_was_begun(isolated_home: str, number: signal.Signals) -> None:
    """DMN-12: what was sent before the signal is answered and kept; socket and lock are gone."""
    count = 500
    with running_daemon() as daemon:
        process = daemon.process
        assert process is not None
        with daemon.wire() as wire:
            for ident in range(count):
                turn = {"message_id": f"m{ident}", "model": "m", "input_tokens": 1}
                request = {"jsonrpc": "2.0", "id": ident, "method": "ingest_turn",
                           "params": {"source": "mine", "turn": turn}}  # fmt: skip
                wire.send(json.dumps(request).encode() + b"\n")
            assert wire.read_message()["id"] == 0
            process.send_signal(number)
            answered = 1
            while answer := wire.read_line():
                answered += "result" in json.loads(answer)
        assert process.wait(10) == 0
        # a thread reads what it has said
        wait_until(lambda: "event=stopped" in daemon.output, 10.0, "its last word")
        assert not os.path.exists(daemon.socket_path)
        assert holder_pid(locations.lock_path()) is None
        daemon.restart()
        assert answered <= daemon.call("status")["events"]["stored"] <= count


def test_i04_dmn_10_status(isolated_home: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 3 with the next step while nothing answers; 0 and the versions when it does."""
    assert cli.main(["status"]) == 3
    assert "openusaged start" in capsys.readouterr().err
    with running_daemon():
        assert cli.main(["status", "--json"]) == 0
        status = json.loads(capsys.readouterr().out)
    assert {"version", "protocol", "socket", "database_bytes", "spool"} <= set(status)


def test_cfg_09_integration_answers(isolated_home: str) -> None:
    """What the user declined is kept beside what other versions wrote there."""
    path = Path(locations.settings_path())
    path.parent.mkdir(parents=True)
    path.write_text('{"integrations": {"codex": {"installed": true, "version": "7"}}}')
    with running_daemon() as daemon:
        daemon.call("settings_update", changes={"integrations": {"codex": {"declined": True}}})
    kept = settings_file.load(os.fspath(path), os.environ).settings.integrations["codex"]
    assert (kept.installed, kept.version, kept.declined) == (True, "7", True)


def test_a_newer_store_is_refused_with_a_sentence(isolated_home: str) -> None:
    """A database from the future is left as it is, and the way out is said."""
    path = Path(locations.database_path())
    path.parent.mkdir(parents=True, mode=0o700)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE later (x)")
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    before = path.read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "openusaged", "run"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "schema version 999" in done.stderr
    assert "update OpenUsage" in done.stderr
    assert path.read_bytes() == before
