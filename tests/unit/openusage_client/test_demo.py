"""The demo as a whole: a directory of its own, a daemon of its own, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from openusage_client import autostart, demo
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


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_signal_cleans_up(number: int, code: int, stand_in: Path, tmp_path: Path) -> None:
    """Ctrl-C, SIGTERM and a closed terminal stop the daemon and remove the directory."""
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
            (pid,) = stand_in_daemon.starts()
            process.send_signal(number)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, errors) == (code, b"")
    assert gone(pid)
    assert os.listdir(stand_in) == []


def test_daemon_that_ignores_the_end_is_killed() -> None:
    """A hung daemon does not keep the demo from ending."""
    code = "import signal, sys, time\nsignal.signal(15, signal.SIG_IGN)\nprint('up', flush=True)\n"
    process = subprocess.Popen(
        [sys.executable, "-c", code + "time.sleep(30)\n"], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    demo._stop(process, deadline_s=0.05)
    process.stdout.close()
    assert process.returncode == -signal.SIGKILL
