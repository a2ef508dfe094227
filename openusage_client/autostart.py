"""
A connection to the daemon, started when nobody answers.

Two clients may find nobody at the same time and both start one: the daemon's own lock decides, the
loser exits and its client finds the winner's socket.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Final

from openusage_client.errors import ConnectionLost, DaemonNotRunning
from openusage_client.rpc import Connection
from openusage_proto import locations, methods

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

START_DEADLINE_S: Final = 10.0
_LOSER_GRACE_S: Final = 3.0
"""How long to look for the winner's socket after our own daemon has exited."""
_POLL_S: Final = 0.01
_LOG_TAIL_BYTES: Final = 4096

# A Popen that is collected while its process lives warns; the daemon outlives this process.
_started: list[subprocess.Popen[bytes]] = []


def connect(
    path: str | None = None,
    *,
    autostart: bool = True,
    timeout_s: float = 10.0,
    start_deadline_s: float = START_DEADLINE_S,
) -> Connection:
    """
    A connection to the running daemon, or to one that this call starts.

    Raises:
        DaemonNotRunning: nothing answers and starting is forbidden or failed; the message says
            what to do.
        ConnectionLost: the socket is there but cannot be used.
    """
    try:
        return Connection(path, timeout_s)
    except DaemonNotRunning as error:
        if not autostart:
            raise DaemonNotRunning(
                f"{error}; start it with `openusaged start` or leave out --no-autostart"
            ) from error
    return wait_for_daemon(
        start_daemon(), path, timeout_s=timeout_s, start_deadline_s=start_deadline_s
    )


def start_daemon() -> subprocess.Popen[bytes]:
    """Start `openusaged run` detached, with its output in the log file."""
    return start_detached(["openusaged", "run"])


def start_detached(module: Sequence[str], *, with_pipe: bool = False) -> subprocess.Popen[bytes]:
    """
    Start a Python module in a session of its own, with its output in the daemon's log file.

    Args:
        module: name and arguments.
        with_pipe: its stdin is a pipe (that ends when this process does) instead of nothing.
    """
    import subprocess

    log_path = locations.log_path()
    os.makedirs(os.path.dirname(log_path), mode=0o700, exist_ok=True)
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        process = subprocess.Popen(
            # -P: a directory called `openusaged` where the user happens to stand is not ours.
            [sys.executable, "-P", "-m", *module],
            stdin=subprocess.PIPE if with_pipe else subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # The daemon must not keep a removable disk or a deleted directory busy.
            cwd="/",
            start_new_session=True,
            close_fds=True,
        )
    finally:
        os.close(log)
    _started.append(process)
    return process


def wait_for_daemon(
    process: subprocess.Popen[bytes],
    path: str | None = None,
    *,
    timeout_s: float = 10.0,
    start_deadline_s: float = START_DEADLINE_S,
) -> Connection:
    """
    A connection as soon as the started daemon (or the one it lost the race to) listens.

    Raises:
        DaemonNotRunning: none came up in time, with the last line of the log.
    """
    deadline = time.monotonic() + start_deadline_s
    exited = False
    while True:
        try:
            return _answering(path, timeout_s)
        except (DaemonNotRunning, ConnectionLost) as error:
            if not exited and process.poll() is not None:
                exited = True
                deadline = min(deadline, time.monotonic() + _LOSER_GRACE_S)
            if time.monotonic() > deadline:
                raise DaemonNotRunning(_failure(exited=exited)) from error
        time.sleep(_POLL_S)


def _answering(path: str | None, timeout_s: float) -> Connection:
    """A connection that has been answered: the daemon listens before all of it is loaded."""
    connection = Connection(path, timeout_s)
    try:
        connection.call(methods.STATUS)
    except BaseException:
        connection.close()
        raise
    return connection


def _failure(*, exited: bool) -> str:
    log_path = locations.log_path()
    what = "the daemon exited at once" if exited else "the daemon did not come up in time"
    last = _last_line(log_path)
    return f"{what}{': ' + last if last else ''}; see {log_path} and `openusaged doctor`"


def _last_line(log_path: str) -> str:
    try:
        with open(log_path, "rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - _LOG_TAIL_BYTES))
            lines = log.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1].strip() if lines else ""
