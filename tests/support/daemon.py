"""A real daemon in the test's own home: started, asked, stopped and killed as a user would."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from openusage_proto import locations
from openusage_proto.errors import RpcError
from tests.support.waiting import wait_until

REPOSITORY = Path(__file__).resolve().parents[2]
START_DEADLINE_S = 20.0
STOP_DEADLINE_S = 10.0


class Wire:
    """One plain connection to the socket: bytes, lines and calls."""

    def __init__(self, path: str, timeout_s: float = 20.0) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(timeout_s)
        try:
            self.sock.connect(path)
        except OSError:
            self.sock.close()
            raise
        self._reader = self.sock.makefile("rb")
        self._ids = itertools.count(1)
        self.notifications: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._reader.close()
        self.sock.close()

    def send(self, data: bytes) -> None:
        """Send raw bytes."""
        self.sock.sendall(data)

    def read_line(self) -> bytes:
        """The next line with its newline; empty when the daemon hung up."""
        return self._reader.readline()

    def read_message(self) -> Any:
        """The next message of the daemon, decoded."""
        line = self.read_line()
        if not line:
            raise ConnectionError("the daemon hung up")
        return json.loads(line)

    def request(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """Call a method and return its whole answer object."""
        ident = next(self._ids)
        message = {"jsonrpc": "2.0", "id": ident, "method": method}
        if params:
            message["params"] = dict(params)
        self.send(json.dumps(message).encode() + b"\n")
        while True:
            answer = self.read_message()
            if isinstance(answer, dict) and "method" in answer:
                self.notifications.append(answer)
                continue
            assert answer["id"] == ident, answer
            return answer

    def call(self, method: str, **params: Any) -> Any:
        """
        Call a method and return its result.

        Raises:
            RpcError: the daemon answered with an error.
        """
        answer = self.request(method, params)
        if "error" in answer:
            error = answer["error"]
            raise RpcError(error["code"], error["message"], error.get("data"))
        return answer["result"]


def forbid_polling() -> None:
    """Settings in the home of the test with which no vendor is asked anything."""
    path = Path(locations.settings_path())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"telemetry": {"poll": False}}), encoding="utf-8")


class Daemon:
    """
    `python -m openusaged run` with the environment of the test (which lives in a temporary home).

    `extra_env` is added on top, `args` are put behind `run`.
    """

    def __init__(
        self, extra_env: Mapping[str, str] | None = None, args: tuple[str, ...] = ()
    ) -> None:
        self.env = {**os.environ, **(extra_env or {})}
        self.args = args
        self.process: subprocess.Popen[bytes] | None = None
        self.ready_line = ""
        self._output: list[bytes] = []

    @property
    def socket_path(self) -> str:
        """Where it listens, by the rule of the spec."""
        return locations.socket_path(self.env)

    @property
    def state_dir(self) -> str:
        """Database, spool, log, lock."""
        return locations.state_dir(self.env)

    @property
    def pid(self) -> int:
        """Process id of the running daemon."""
        assert self.process is not None, "not started"
        return self.process.pid

    @property
    def output(self) -> str:
        """Standard output and error so far."""
        return b"".join(self._output).decode(errors="replace")

    def start(self, *, wait: bool = True) -> Daemon:
        """Start it and wait for the ready line."""
        assert self.process is None, "already started"
        self._output = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "openusaged", "run", "--foreground", *self.args],
            env=self.env,
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        ready = threading.Event()
        ended = threading.Event()
        reader = threading.Thread(
            target=self._read_output, args=(self.process.stdout, ready, ended), daemon=True
        )
        reader.start()
        if wait:
            wait_until(lambda: ready.is_set() or ended.is_set(), START_DEADLINE_S, "the ready line")
            assert ready.is_set(), f"the daemon did not start:\n{self.output}"
        return self

    def wire(self, timeout_s: float = 20.0) -> Wire:
        """A new connection; use it as a context manager."""
        return Wire(self.socket_path, timeout_s)

    def call(self, method: str, **params: Any) -> Any:
        """One call over a connection of its own."""
        with self.wire() as wire:
            return wire.call(method, **params)

    def wait_idle(self, deadline_s: float = 30.0) -> None:
        """Wait until no first import runs and no queue holds anything."""

        def idle() -> bool:
            status = self.call("status")
            return not status["importing"]["active"] and not any(status["queues"].values())

        wait_until(idle, deadline_s, "the daemon to become idle")

    def stop(self) -> int:
        """SIGTERM and wait; the exit code.  Does nothing when it is not running."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """SIGKILL and wait."""
        return self._end(signal.SIGKILL)

    def restart(self, *, kill: bool = False) -> Daemon:
        """Stop or kill it, then start it again in the same home."""
        self._end(signal.SIGKILL if kill else signal.SIGTERM)
        return self.start()

    def _end(self, number: signal.Signals) -> int:
        process, self.process = self.process, None
        if process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        try:
            code = process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the daemon ignored {number.name}:\n{self.output}") from None
        finally:
            assert process.stdout is not None
            process.stdout.close()
        return code

    def _read_output(self, stream: Any, ready: threading.Event, ended: threading.Event) -> None:
        with contextlib.suppress(ValueError, OSError):
            for line in iter(stream.readline, b""):
                self._output.append(line)
                if line.startswith(b"openusaged ready "):
                    self.ready_line = line.decode().strip()
                    ready.set()
        ended.set()


@contextlib.contextmanager
def running_daemon(
    extra_env: Mapping[str, str] | None = None, args: tuple[str, ...] = ()
) -> Iterator[Daemon]:
    """A started daemon that is stopped at the end."""
    daemon = Daemon(extra_env, args)
    try:
        yield daemon.start()
    finally:
        daemon.stop()
