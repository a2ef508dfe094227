"""A stand-in for the daemon's socket: a real Unix socket that answers as a test tells it to."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Callable
from typing import Self

STORED = {"accepted": 1, "deduplicated": 0, "merged": 0, "seq": 1}
Behaviour = Callable[[socket.socket, bytes], None]


def answer_stored(connection: socket.socket, line: bytes) -> None:
    """The daemon's answer after its commit."""
    request_id = json.loads(line)["id"]
    reply = {"jsonrpc": "2.0", "id": request_id, "result": STORED}
    connection.sendall(json.dumps(reply).encode() + b"\n")


def answer_error(slug: str) -> Behaviour:
    """An error answer with that slug."""

    def behave(connection: socket.socket, line: bytes) -> None:
        error = {"code": 1003, "message": slug, "data": {"detail": "x"}}
        reply = {"jsonrpc": "2.0", "id": json.loads(line)["id"], "error": error}
        connection.sendall(json.dumps(reply).encode() + b"\n")

    return behave


def close_at_once(connection: socket.socket, line: bytes) -> None:
    """The daemon died after it had read the request."""


class HookSocket:
    """Accepts connections in a thread, records every line and lets `behave` answer it."""

    def __init__(self, path: str, behave: Behaviour = answer_stored, *, backlog: int = 512) -> None:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        self.path = path
        self.behave = behave
        self.lines: list[bytes] = []
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        self._listener.listen(backlog)
        self._acceptor = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            # Wakes the accept call, which close alone does not.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(5)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()
        os.unlink(self.path)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(5)
            buffer = b""
            try:
                while chunk := connection.recv(65536):
                    buffer += chunk
                    while b"\n" in buffer:
                        line, _, buffer = buffer.partition(b"\n")
                        self.lines.append(line)
                        if self.behave is close_at_once:
                            return
                        self.behave(connection, line)
            except OSError:
                return

    def hang(self, connection: socket.socket, line: bytes) -> None:
        """A behaviour: read the request and never answer."""
        self._stopping.wait(5)

    @property
    def params(self) -> list[dict]:
        """Parameters of the requests in their order of arrival."""
        return [json.loads(line)["params"] for line in self.lines]
