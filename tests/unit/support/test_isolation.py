"""Nothing that a test starts outlives it, even when the test fails or is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from openusage_proto import locations
from openusaged.instance_lock import acquire_lock
from tests.support.daemon import REPOSITORY
from tests.support.isolation import end_daemons, temporary_home
from tests.support.waiting import wait_until

HOLD = """
import sys, threading
from openusaged.instance_lock import acquire_lock
lock = acquire_lock(sys.argv[1])
print("held", flush=True)
threading.Event().wait(60)
"""

TEST = """
import os, subprocess, sys, threading
from openusage_proto import locations


def test_that_starts_a_daemon_and_does_not_end():
    os.makedirs(locations.state_dir())
    command = [sys.executable, "-c", os.environ["HOLD"], locations.lock_path()]
    holder = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE)
    holder.stdout.readline()
    print(holder.pid, flush=True)
    threading.Event().wait(60)
"""


def _hold(lock: Path) -> subprocess.Popen[bytes]:
    """A process with a session of its own that holds a lock, as a started daemon does."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)],
        cwd=REPOSITORY,
        start_new_session=True,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == b"held\n"
    return process


def test_what_holds_a_lock_in_the_home_is_ended_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that a client left running in a home ends when the home does, and only that one."""
    with temporary_home(monkeypatch) as outer:
        other = _hold(Path(outer, "other", "openusaged.lock"))
        with temporary_home(monkeypatch):
            mine = _hold(Path(locations.lock_path()))
        assert mine.wait(10) == -signal.SIGKILL
        assert other.poll() is None
    assert other.wait(10) == -signal.SIGKILL


def test_a_lock_that_the_test_itself_holds_ends_nothing(tmp_path: Path) -> None:
    """The process of the tests may hold a lock, and a lock that nobody holds names nobody."""
    lock = acquire_lock(str(tmp_path / "openusaged.lock"))
    try:
        assert end_daemons(str(tmp_path)) == []
    finally:
        lock.release()
    assert end_daemons(str(tmp_path)) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_interrupted_tests_leave_no_daemon(number: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C and `kill` end what the running test has started."""
    (tmp_path / "test_it.py").write_text(TEST)
    arguments = ["-s", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider", "-c", os.devnull]
    tests = subprocess.Popen(
        [sys.executable, "-m", "pytest", *arguments, str(tmp_path / "test_it.py")],
        env={**os.environ, "HOLD": HOLD, "PYTHONPATH": str(REPOSITORY)},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
    )
    assert tests.stdout is not None
    with tests.stdout:
        holder = int(next(line for line in tests.stdout if line.strip().isdigit()))
        tests.send_signal(number)
        tests.stdout.read()
    assert tests.wait(10) == pytest.ExitCode.INTERRUPTED
    wait_until(lambda: _has_ended(holder), what="the end of what the test had started")


def _has_ended(pid: int) -> bool:
    """Whether a process that is not our child is gone, or only waits for its parent to notice."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] == "Z"
