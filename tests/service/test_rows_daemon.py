"""Rows of the feature table about the daemon as a process, and answers the settings remember."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from openusage_proto import locations
from openusaged import cli
from openusaged.config import settings_file
from openusaged.instance_lock import holder_pid
from tests.support.claude_line import line
from tests.support.daemon import REPOSITORY, running_daemon
from tests.support.waiting import wait_until


def test_i01_dmn_01_dmn_12_foreground(isolated_home: str) -> None:
    """In the foreground it says when it is ready, logs to the terminal and ends in order."""
    with running_daemon(args=("--log-level", "debug")) as daemon:
        assert "event=started" in daemon.output
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
    import sqlite3

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
