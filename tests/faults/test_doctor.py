"""`openusaged doctor` against real daemons and broken homes."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from openusage_proto import locations
from openusaged.cli import main
from openusaged.instance_lock import acquire_lock
from tests.support.daemon import Daemon, running_daemon

pytestmark = pytest.mark.measured


@pytest.fixture
def daemon(isolated_home: str) -> Iterator[Daemon]:
    """A daemon in an empty home."""
    with running_daemon() as running:
        yield running


def make_state_dir() -> str:
    os.makedirs(locations.state_dir(), mode=0o700)
    return locations.state_dir()


class TestDoctor:
    def states(self, capsys: pytest.CaptureFixture[str], code: int) -> dict[str, dict[str, str]]:
        assert main(["doctor", "--json"]) == code
        checks = json.loads(capsys.readouterr().out)
        worst = {"ok": 0, "warning": 1, "failed": 2}
        by_name: dict[str, dict[str, str]] = {}
        for check in checks:
            known = by_name.get(check["name"])
            if known is None or worst[check["state"]] > worst[known["state"]]:
                by_name[check["name"]] = check
        return by_name

    def test_healthy(self, daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
        """Beside a running daemon everything is fine."""
        states = self.states(capsys, 0)
        bad = {name: check for name, check in states.items() if check["state"] != "ok"}
        assert not bad
        assert set(states) >= {
            "state",
            "config",
            "daemon",
            "socket",
            "version",
            "database",
            "spool",
            "settings",
            "clock",
        }
        assert main(["doctor"]) == 0
        assert "everything looks fine" in capsys.readouterr().out

    def test_empty_home(self, isolated_home: str, capsys: pytest.CaptureFixture[str]) -> None:
        """Nothing there yet is no failure; the daemon is only not running."""
        states = self.states(capsys, 0)
        assert [name for name, check in states.items() if check["state"] != "ok"] == ["daemon"]
        assert states["daemon"]["fix"] == "openusaged start"

    def test_many_troubles(
        self,
        isolated_home: str,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Every trouble is named and comes with a fix."""
        state = make_state_dir()
        os.chmod(state, 0o755)
        Path(locations.socket_path()).write_text("x")
        Path(locations.database_path()).write_bytes(b"this is no database" * 100)
        os.makedirs(os.path.join(locations.spool_dir(), "rejected"))
        Path(locations.spool_dir(), "rejected", "1.json").write_text("{}")
        for number in range(1001):
            Path(locations.spool_dir(), f"{number}.json").touch()
        os.makedirs(locations.config_dir())
        Path(locations.settings_path()).write_text('{"theme": 5')
        monkeypatch.setenv("TZ", "Mars/Olympus")
        monkeypatch.setattr("openusaged.doctor.MIN_INOTIFY_WATCHES", 10**12)
        monkeypatch.setattr("openusaged.doctor.EARLIEST_PLAUSIBLE_S", 10**12)
        states = self.states(capsys, 1)
        assert {name: check["state"] for name, check in states.items()} == {
            "state": "warning",
            "config": "ok",
            "disk": "ok",
            "daemon": "warning",
            "socket": "failed",
            "service": "ok",
            "database": "failed",
            "spool": "warning",
            "settings": "failed",
            "watches": "warning",
            "clock": "failed",
            "zone": "warning",
        }
        assert all(check["fix"] for check in states.values() if check["state"] != "ok")
        assert main(["doctor"]) == 1
        assert "need attention" in capsys.readouterr().out

    def test_directories_that_cannot_be_used(
        self,
        isolated_home: str,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A file in place of a directory, and a directory of somebody else."""
        os.makedirs(os.path.dirname(locations.state_dir()))
        Path(locations.state_dir()).touch()
        os.makedirs(locations.config_dir())
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
        with contextlib.suppress(NotADirectoryError):
            checks = list(__import__("openusaged.doctor", fromlist=["x"])._directories(os.environ))
        assert [check.state for check in checks] == ["failed", "failed"]

    def test_a_file_in_place_of_the_state_directory(
        self, isolated_home: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The whole examination is made, and says what to move away."""
        os.makedirs(os.path.dirname(locations.state_dir()))
        Path(locations.state_dir()).touch()
        states = self.states(capsys, 1)
        assert states["state"]["found"] == f"{locations.state_dir()} is no directory"
        assert states["disk"]["state"] == "ok"

    def test_directories_that_cannot_be_written_or_made(
        self,
        isolated_home: str,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """One's own directory wants another mode, not another owner; one that is missing a parent."""
        state = make_state_dir()
        os.chmod(state, 0o500)
        writable = os.access
        # root may write everywhere
        monkeypatch.setattr(
            os,
            "access",
            lambda path, mode: writable(path, mode) and path not in (state, isolated_home),
        )
        states = self.states(capsys, 1)
        assert states["state"]["found"] == f"{state} cannot be written (mode 0500)"
        assert states["state"]["fix"] == f"chmod 700 {state}"
        assert states["config"]["found"].endswith(
            f"cannot be made: {isolated_home} cannot be written"
        )

    def test_a_full_disk(
        self,
        isolated_home: str,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Too little room on the disk of the state directory is said before anything else fails."""
        monkeypatch.setattr("openusaged.doctor.MIN_FREE_BYTES", 1 << 62)
        found = self.states(capsys, 1)["disk"]
        assert found["state"] == "failed"
        assert found["found"].endswith(f" MiB free at {os.environ['HOME']}")

    def test_a_damaged_database_that_was_set_aside(
        self, isolated_home: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """What the daemon repaired without a word is said here until the copy is deleted."""
        make_state_dir()
        Path(locations.database_path()).write_bytes(b"this is no database" * 100)
        with running_daemon():
            found = self.states(capsys, 0)["database"]
        assert found["state"] == "warning"
        aside = found["found"].rpartition(": ")[2]
        assert Path(aside).read_bytes() == b"this is no database" * 100
        os.unlink(aside)
        assert self.states(capsys, 0)["database"]["state"] == "ok"

    def test_long_socket_path(
        self,
        isolated_home: str,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A path the kernel cannot take is found before anything is tried."""
        monkeypatch.setenv("OPENUSAGE_TELEMETRY_SOCKET", "/" + "x" * 120)
        assert "121 bytes" in self.states(capsys, 1)["socket"]["found"]

    def test_stale_and_silent_sockets(
        self, isolated_home: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A left-over socket is fine; one without answer while the lock is held is not."""
        make_state_dir()
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(locations.socket_path())
        os.chmod(locations.socket_path(), 0o666)
        states = self.states(capsys, 0)
        assert states["socket"]["state"] == "warning"
        assert "open to others" in states["socket"]["found"]
        lock = acquire_lock(locations.lock_path())
        assert self.states(capsys, 1)["socket"]["state"] == "failed"
        os.unlink(locations.socket_path())
        assert self.states(capsys, 1)["socket"]["state"] == "failed"
        lock.release()
