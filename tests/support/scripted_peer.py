"""
A peer that speaks the wire with scripted answers: a real Unix socket, no daemon behind it.

For tests of clients: what they send is kept, what they get is said beforehand.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from typing import Any, Self

from openusage_proto import locations

Answer = Any
"""A result (dict or dataclass), `Refusal`, raw bytes to send instead, or a function of the params."""


class Refusal:
    """An error answer."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        self.error = {"code": code, "message": message}
        if data is not None:
            self.error["data"] = data


class Hangup:
    """Closes the connection instead of answering."""


class Silence:
    """Never answers."""


class ScriptedPeer:
    """
    Listens at `path` (the discovered socket by default) until `close`.

    `answers` maps a method to its answer; a list is used up one by one, its last item stays.
    """

    def __init__(self, answers: Mapping[str, Answer], path: str | None = None) -> None:
        self.path = path or locations.socket_path()
        self.answers = dict(answers)
        self.requests: list[dict[str, Any]] = []
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self.path)
        self._listener.listen(16)
        self._start(self._accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def params_of(self, method: str) -> list[dict[str, Any]]:
        """Parameters of every call of a method, in order."""
        return [item.get("params", {}) for item in self.requests if item["method"] == method]

    def push(self, method: str, params: Mapping[str, Any]) -> None:
        """Send a notification to everybody."""
        message = {"jsonrpc": "2.0", "method": method, "params": dict(params)}
        self.send(json.dumps(message).encode() + b"\n")

    def send(self, data: bytes) -> None:
        """Send raw bytes to everybody."""
        for connection in self._connections:
            connection.sendall(data)

    @property
    def connected(self) -> int:
        """How many connections have been accepted."""
        return len(self._connections)

    def close(self) -> None:
        """Stop listening and hang up."""
        with contextlib.suppress(OSError):
            # Wakes the accept call, which close alone does not.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)

    def _start(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as reader, contextlib.suppress(OSError):
            for line in reader:
                request = json.loads(line)
                self.requests.append(request)
                reply = self._reply(request)
                if reply is None:
                    return
                connection.sendall(reply)

    def _reply(self, request: dict[str, Any]) -> bytes | None:
        method = request["method"]
        answer = self.answers.get(method, Refusal(-32601, "method_not_found", method))
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if callable(answer) and not isinstance(answer, type):
            answer = answer(request.get("params", {}))
        if isinstance(answer, Hangup):
            return None
        if isinstance(answer, Silence):
            return b""
        if isinstance(answer, bytes):
            return answer
        message: dict[str, Any] = {"jsonrpc": "2.0", "id": request["id"]}
        if isinstance(answer, Refusal):
            message["error"] = answer.error
        else:
            message["result"] = asdict(answer) if is_dataclass(answer) else answer
        return json.dumps(message).encode() + b"\n"
