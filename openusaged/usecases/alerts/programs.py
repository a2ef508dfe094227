"""
Runs a program for an alert: an argument list, a small environment, a time limit; never a shell.

In a worker thread.  What still runs when the daemon stops is ended, with all it has started.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import Final

from openusaged.core.errors import OpenUsageError

TIMEOUT_S: Final = 10.0
MAX_REASON: Final = 200
_HANDED_ON: Final = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_MESSAGES", "TZ", "TMPDIR"),
    *("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"),
    *("TMUX_TMPDIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"),
)
"""Not the rest: a service's environment may hold API keys."""


class DeliveryError(OpenUsageError):
    """An alert did not get through; the reason is safe to show."""


class NotNow(DeliveryError):
    """It may get through later: nobody answered, or the answer was to come again."""


class Programs:
    """Starts programs and knows those that run; any thread."""

    def __init__(self, env: Mapping[str, str], timeout_s: float = TIMEOUT_S) -> None:
        self._env = {name: env[name] for name in _HANDED_ON if name in env}
        self._timeout_s = timeout_s
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._closed = False

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        extra: Mapping[str, str] | None = None,
        listen: bool = True,
    ) -> str:
        """
        Run to the end; what it printed, unless nobody listens.

        Raises:
            DeliveryError: it is not there, failed, or took too long.
        """
        name = os.path.basename(argv[0])
        try:
            process = self._start(argv, {**self._env, **(extra or {})}, listen=listen)
        except (FileNotFoundError, NotADirectoryError):
            raise DeliveryError(f"{name} is not installed or not on PATH") from None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise DeliveryError(f"{name} cannot be started: {reason}") from error
        try:
            out, err = process.communicate(stdin, self._timeout_s)
        except subprocess.TimeoutExpired:
            raise DeliveryError(f"{name} did not end within {self._timeout_s:g} s") from None
        finally:
            self._end(process)
        if process.returncode:
            raise ProgramFailed(name, process.returncode, _first_line(err or b""))
        return (out or b"").decode(errors="replace")

    def close(self) -> None:
        """End what runs, and start nothing more."""
        with self._lock:
            self._closed = True
            running = list(self._running)
        for process in running:
            _kill(process)

    def _start(
        self, argv: Sequence[str], env: Mapping[str, str], *, listen: bool
    ) -> subprocess.Popen[bytes]:
        out = subprocess.PIPE if listen else subprocess.DEVNULL
        with self._lock:
            if self._closed:
                raise DeliveryError("the daemon is stopping")
            process = subprocess.Popen(
                list(argv),
                env=dict(env),
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                cwd="/",
                start_new_session=True,
            )
            self._running.add(process)
        return process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Have it ended, with what it has started when it did not end by itself."""
        _kill(process)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        process.wait()
        with self._lock:
            self._running.discard(process)


class ProgramFailed(DeliveryError):
    """It ended with an error; `said` is the first line of what it said about it."""

    def __init__(self, name: str, code: int, said: str) -> None:
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        super().__init__(f"{name} {how}")
        self.said = said


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    # A session of its own, so its group has its id; it may be gone by now.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _first_line(data: bytes) -> str:
    text = data.decode(errors="replace").strip()
    return text.splitlines()[0][:MAX_REASON] if text else ""
