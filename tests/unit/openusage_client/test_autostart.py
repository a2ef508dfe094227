"""Starting the daemon when nobody answers."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from openusage_client import autostart
from openusage_client.errors import DaemonNotRunning
from openusage_client.rpc import Connection
from openusage_proto import locations
from tests.support import stand_in_daemon, wire_samples
from tests.support.scripted_peer import ScriptedPeer
from tests.support.waiting import wait_until


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    """`python -m openusaged` is the stand-in; what it started is gone afterwards."""
    monkeypatch.setenv("STAND_IN_RECORD", str(tmp_path / "starts"))
    stand_in_daemon.install(monkeypatch, tmp_path)
    yield monkeypatch
    stand_in_daemon.stop_all()
    for process in autostart._started:
        process.wait(10)
    autostart._started.clear()


def test_running_daemon_is_used(stand_in: pytest.MonkeyPatch) -> None:
    """Who answers is not started again."""
    with ScriptedPeer(wire_samples.answers()), autostart.connect() as connection:
        assert connection.call("status")["pid"] == 4242
    assert stand_in_daemon.starts() == []


def test_missing_daemon_is_started_detached(stand_in: pytest.MonkeyPatch) -> None:
    """A daemon is started in a session of its own, away from here, with a private log."""
    with autostart.connect() as connection:
        pid = connection.call("status")["pid"]
    assert stand_in_daemon.starts() == [pid]
    assert os.getsid(pid) == pid
    log = os.stat(locations.log_path())
    assert stat.S_IMODE(log.st_mode) == 0o600
    assert stat.S_IMODE(os.stat(locations.state_dir()).st_mode) == 0o700
    if os.path.isdir("/proc"):
        assert os.readlink(f"/proc/{pid}/cwd") == "/"


def test_stale_socket_file_is_no_daemon(stand_in: pytest.MonkeyPatch) -> None:
    """A socket file that nobody listens on does not keep a daemon from being started."""
    path = locations.socket_path()
    os.makedirs(os.path.dirname(path))
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
    # The daemon itself removes a stale file; the stand-in needs it gone before it binds.
    with pytest.raises(DaemonNotRunning):
        autostart.connect(autostart=False)
    os.unlink(path)
    with autostart.connect() as connection:
        assert connection.call("status")["protocol"] == 1


def test_forbidden_start_says_how(stand_in: pytest.MonkeyPatch) -> None:
    """Without autostart the sentence names the command that starts one."""
    with pytest.raises(DaemonNotRunning, match="openusaged start"):
        autostart.connect(autostart=False)
    assert stand_in_daemon.starts() == []


def test_many_clients_at_once_make_one_daemon(stand_in: pytest.MonkeyPatch) -> None:
    """Clients that find nobody together end up with the same daemon."""
    code = (
        "from openusage_client import autostart\n"
        "with autostart.connect() as connection:\n"
        "    print(connection.call('status')['pid'])\n"
    )
    clients = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    answers = [client.communicate(timeout=30)[0].strip() for client in clients]
    (pid,) = stand_in_daemon.starts()
    assert answers == [str(pid)] * 4


def test_failed_start_tells_the_last_log_line(
    stand_in: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon that dies at once is reported with its reason and the log's path."""
    stand_in.setenv("STAND_IN_MODE", "fail")
    monkeypatch.setattr(autostart, "_LOSER_GRACE_S", 0.05)
    with pytest.raises(DaemonNotRunning) as caught:
        autostart.connect()
    text = str(caught.value)
    assert "exited at once: event=start_failed reason=no-luck" in text
    assert locations.log_path() in text
    assert "openusaged doctor" in text


def test_daemon_that_falls_while_it_starts_is_told_as_such(
    stand_in: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon that ends after it began to listen is reported like one that never did."""
    stand_in.setenv("STAND_IN_MODE", "fall")
    monkeypatch.setattr(autostart, "_LOSER_GRACE_S", 0.05)
    with pytest.raises(DaemonNotRunning, match="reason=broken-install; see"):
        autostart.connect()


def test_slow_start_ends_at_the_deadline(stand_in: pytest.MonkeyPatch) -> None:
    """A daemon that never listens is given up on."""
    stand_in.setenv("STAND_IN_MODE", "hang")
    with pytest.raises(DaemonNotRunning, match="did not come up in time; see"):
        autostart.connect(start_deadline_s=0.1)
    (process,) = autostart._started
    process.kill()


def test_no_log_is_no_further_trouble(isolated_home: str) -> None:
    """A log that cannot be read does not hide the failure."""
    assert autostart._last_line(os.path.join(isolated_home, "none")) == ""


def test_started_daemon_outlives_its_client(stand_in: pytest.MonkeyPatch) -> None:
    """The daemon stays when the client that started it is gone."""
    code = "from openusage_client import autostart\nautostart.connect().close()\n"
    subprocess.run([sys.executable, "-c", code], check=True)
    wait_until(stand_in_daemon.starts, what="the daemon has the lock")
    with Connection() as connection:
        assert connection.call("status")["pid"] == stand_in_daemon.starts()[0]
