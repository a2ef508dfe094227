"""A daemon whose state directory is taken away does not live on where nobody finds it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from openusage_proto import locations
from openusaged.instance_lock import acquire_lock
from tests.support.daemon import REPOSITORY, running_daemon

IMPATIENT = """
import sys
from openusaged import app, cli, lifecycle
app.LOCK_CHECK_S = 0.05
check = lifecycle.Ownership.check
def told(self):
    check(self)
    print("looked", flush=True)
lifecycle.Ownership.check = told
sys.exit(cli.main(["run", "--foreground"]))
"""
"""The daemon as it is, with its slow timer made quick and audible."""


@pytest.fixture
def process(isolated_home: str) -> Iterator[subprocess.Popen[str]]:
    """A daemon that is ready; it is ended whatever happens."""
    process = subprocess.Popen(
        [sys.executable, "-c", IMPATIENT],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("openusaged ready ")
        yield process
    finally:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> str:
    """What a daemon said that ended by itself, as a failure: a supervisor starts a new one."""
    _, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert f"event=state_directory_gone lock={locations.lock_path()}" in said
    assert f"openusaged: {locations.lock_path()} has gone" in said
    return said


def test_a_removed_state_directory_ends_the_daemon(process: subprocess.Popen[str]) -> None:
    """It says why, ends in order, and makes nothing anew; the next one starts afresh."""
    shutil.rmtree(locations.state_dir())
    assert "event=stopped" in ended(process)
    assert not os.path.exists(locations.state_dir())
    with running_daemon() as following:
        assert following.call("status")["pid"] == following.pid


def test_a_removed_lock_file_ends_the_daemon(process: subprocess.Popen[str]) -> None:
    """A second daemon could start beside it; its socket goes with it, its data stays."""
    os.unlink(locations.lock_path())
    ended(process)
    assert not os.path.exists(locations.socket_path())
    assert os.path.exists(locations.database_path())


def test_a_lock_file_of_somebody_else_is_left_to_it(process: subprocess.Popen[str]) -> None:
    """The newer holder keeps file, lock and socket."""
    os.unlink(locations.lock_path())
    newer = acquire_lock(locations.lock_path())
    socket_path = Path(locations.socket_path())
    socket_path.unlink()
    socket_path.write_text("of the newer one")
    ended(process)
    assert newer.in_place()
    assert socket_path.read_text() == "of the newer one"
    newer.release()


def test_an_untouched_state_directory_keeps_it_running(process: subprocess.Popen[str]) -> None:
    """What others add to the directory, and a touched lock file, end nothing."""
    Path(locations.state_dir(), "other").write_text("x")
    os.utime(locations.lock_path())
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(3)] == ["looked\n"] * 3
    process.terminate()
    assert process.wait(20) == 0
