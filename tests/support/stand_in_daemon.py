"""
A process that stands where the daemon stands: lock, log line, socket, scripted answers.

For tests of the client's start of a daemon, which must not depend on the daemon itself.  `install`
makes `python -m openusaged` mean this module for processes started afterwards.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sys
import threading
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
MAIN = "from tests.support.stand_in_daemon import main\n\nmain()\n"


def install(monkeypatch: pytest.MonkeyPatch, directory: Path, mode: str = "serve") -> None:
    """Let `python -m openusaged` run `main` in one of its modes."""
    package = directory / "stand-in" / "openusaged"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(MAIN)
    monkeypatch.setenv("PYTHONPATH", f"{package.parent}{os.pathsep}{REPOSITORY}")
    monkeypatch.setenv("STAND_IN_MODE", mode)


def starts() -> list[int]:
    """Process ids of those that got the lock, in order."""
    try:
        return [int(line) for line in _record().read_text().split()]
    except FileNotFoundError:
        return []


def stop_all() -> None:
    """End what a test has left running."""
    for pid in starts():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _record() -> Path:
    return Path(os.environ["STAND_IN_RECORD"])


def main() -> None:
    """Serve until SIGTERM, or fail as the mode says."""
    from openusage_proto import locations, methods
    from tests.support import wire_samples
    from tests.support.scripted_peer import ScriptedPeer

    mode = os.environ["STAND_IN_MODE"]
    if mode == "fail":
        sys.exit("event=start_failed reason=no-luck")
    if mode == "hang":
        threading.Event().wait(30)
    with open(locations.lock_path(), "a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("event=already_running")
        with _record().open("a") as record:
            record.write(f"{os.getpid()}\n")
        stop = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_args: stop.set())
        if mode == "fall":
            # It listens, as the daemon does before all of it is loaded, and ends.
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(locations.socket_path())
                listener.listen()
                listener.accept()
            os.unlink(locations.socket_path())
            sys.exit("event=start_failed reason=broken-install")
        demo = os.environ.get("OPENUSAGE_DEMO") == "1"
        answers = wire_samples.answers()
        answers[methods.STATUS] = wire_samples.status(demo=demo, pid=os.getpid())
        with ScriptedPeer(answers):
            stop.wait(60)
