"""The demo as a whole: a directory of its own, a daemon of its own, nothing left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from openusage_client import autostart, demo, demo_daemon
from tests.support import stand_in_daemon
from tests.support.waiting import wait_until

Run = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Temporary files below the test's directory; the stand-in is the daemon."""
    temporary = Path(tempfile.mkdtemp(prefix="d", dir=os.path.dirname(os.environ["HOME"])))
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("STAND_IN_RECORD", str(tmp_path / "starts"))
    stand_in_daemon.install(monkeypatch, tmp_path)
    yield temporary
    stand_in_daemon.stop_all()
    autostart._started.clear()
    tempfile.tempdir = None


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_demo_prints_labelled_data_and_leaves_nothing(run: Run, stand_in: Path) -> None:
    """Without a terminal the overview is printed, the daemon stopped, the directory removed."""
    home = os.environ["HOME"]
    code, out, err = run("demo")
    assert (code, err) == (0, "")
    assert out.startswith("OpenUsage")
    (pid,) = stand_in_daemon.starts()
    assert gone(pid)
    assert os.listdir(stand_in) == []
    assert os.environ["HOME"] == home
    assert os.listdir(home) == []


def test_keep_leaves_the_directory(run: Run, tmp_path: Path) -> None:
    """`--keep` uses a new directory and says where it is; a used one is refused."""
    kept = tmp_path / "kept"
    code, _, err = run("demo", "--keep", str(kept))
    assert code == 0
    assert str(kept) in err
    assert (kept / ".claude" / "projects").is_dir()
    assert (kept / ".config" / "openusage" / "settings.json").is_file()
    code, _, err = run("demo", "--keep", str(kept))
    assert code == 2
    assert "not empty" in err


def test_environment_leads_nowhere_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The demo's daemon sees no home, key or socket of the real user."""
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", "/real")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    monkeypatch.setenv("OPENUSAGE_TELEMETRY_SOCKET", "/real.sock")
    env = demo.demo_environment(str(tmp_path))
    assert "CLAUDE_CONFIG_DIR" not in env
    assert "ANTHROPIC_API_KEY" not in env
    assert env["OPENUSAGE_DEMO"] == "1"
    inside = ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")
    for name in (*inside, "OPENUSAGE_TELEMETRY_SOCKET"):
        assert env[name].startswith(str(tmp_path))


def test_failed_start_removes_the_directory(
    run: Run, stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon that does not start is reported, and nothing stays behind."""
    monkeypatch.setenv("STAND_IN_MODE", "fail")
    monkeypatch.setattr(autostart, "_LOSER_GRACE_S", 0.05)
    code, _, err = run("demo")
    assert code == 3
    assert "no-luck" in err
    assert os.listdir(stand_in) == []


@contextlib.contextmanager
def _waiting_demo(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A demo whose view waits for ever."""
    gate = tmp_path / "gate"
    script = (
        "import pathlib, sys, threading\n"
        "from openusage_client import cli\n"
        "from openusage_client.commands import overview\n"
        "def wait(_options):\n"
        f"    pathlib.Path({str(gate)!r}).touch()\n"
        "    threading.Event().wait(30)\n"
        "overview.run = wait\n"
        "sys.exit(cli.main(['demo']))\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE) as process:
        try:
            wait_until(gate.exists, deadline_s=60, what="the demo shows its view")
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_signal_cleans_up(number: int, code: int, stand_in: Path, tmp_path: Path) -> None:
    """Ctrl-C, SIGTERM and a closed terminal stop the daemon and remove the directory."""
    with _waiting_demo(tmp_path) as process:
        (pid,) = stand_in_daemon.starts()
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (code, b"")
    assert gone(pid)
    assert os.listdir(stand_in) == []


def test_killed_client_takes_its_daemon_along(stand_in: Path, tmp_path: Path) -> None:
    """SIGKILL leaves the client no chance: its daemon ends and its directory goes all the same."""
    with _waiting_demo(tmp_path) as process:
        (pid,) = stand_in_daemon.starts()
        process.kill()
        process.wait()
    wait_until(lambda: gone(pid), deadline_s=20, what="the daemon has ended")
    wait_until(lambda: os.listdir(stand_in) == [], deadline_s=20, what="the directory is gone")


@pytest.mark.parametrize("given", ["--keep", "TMPDIR"])
def test_too_long_a_path_is_said_before_anything_starts(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    """A directory no socket fits into is refused with its length and the longest that does."""
    long = tmp_path / ("x" * 110)
    if given == "TMPDIR":
        long.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(long))
    code, out, err = run("demo", *([given, str(long)] if given == "--keep" else []))
    assert (code, out) == (2, "")
    assert f"openusage: {given}" in err
    assert "allows 93" in err
    assert stand_in_daemon.starts() == []
    assert not long.exists() or os.listdir(long) == []


HANGS = "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('up', flush=True)\n"


@pytest.mark.parametrize("stop", [demo._stop, demo_daemon.stop])
def test_process_that_ignores_the_end_is_killed(stop: Callable[..., None]) -> None:
    """A daemon or keeper that hangs does not keep the demo from ending."""
    process = subprocess.Popen(
        [sys.executable, "-c", HANGS + "time.sleep(30)\n"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()
    stop(process, deadline_s=0.05)
    process.stdin.close()
    process.stdout.close()
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("named", [True, False])
def test_keeper_leaves_the_log_of_a_daemon_that_failed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: bool
) -> None:
    """Only the end of the client removes anything; the daemon's exit code is handed on."""
    monkeypatch.setenv("STAND_IN_MODE", "fail")
    kept = tmp_path / "kept"
    kept.mkdir()
    read_end, write_end = os.pipe()
    with open(read_end) as stdin, monkeypatch.context() as context:
        context.setattr(sys, "stdin", stdin)
        assert demo_daemon.main([str(kept)] if named else []) == 1
    os.close(write_end)
    assert kept.is_dir()


def test_keeper_ends_the_daemon_with_its_client(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """At the end of stdin the daemon is stopped and the named directory removed."""
    (tmp_path / "gone").mkdir()
    read_end, write_end = os.pipe()
    os.close(write_end)
    with open(read_end) as stdin, monkeypatch.context() as context:
        context.setattr(sys, "stdin", stdin)
        assert demo_daemon.main([str(tmp_path / "gone")]) != 0
    assert not (tmp_path / "gone").exists()
