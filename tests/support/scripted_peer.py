"""
A peer that speaks the wire with scripted answers: a real Unix socket, no daemon behind it.

For tests of clients: what they send is kept, what they get is said beforehand and may be changed at
any time.  `ModelPeer` has what the dashboard asks for.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass, replace
from typing import Any, Self

from openusage_proto import locations, methods
from openusage_proto.messages import Providers, ReadModel, RefreshResult, SubscribeResult

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
    Listens at `path` (the discovered socket by default) until `close`; use as a context manager.

    `answers` maps a method to its answer; a list is used up one by one, its last item stays.  As
    after a killed daemon, the socket's file stays behind.
    """

    def __init__(self, answers: Mapping[str, Answer], path: str | None = None) -> None:
        self.path = path or locations.socket_path()
        self.answers = dict(answers)
        self.requests: list[dict[str, Any]] = []
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        # An answer and a push never mix within a line.
        self._sending = threading.Lock()
        os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self.path)
        self._listener.listen(16)
        self._start(self._accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def params_of(self, method: str) -> list[dict[str, Any]]:
        """Parameters of every call of a method so far, in order."""
        return [item.get("params", {}) for item in list(self.requests) if item["method"] == method]

    def push(self, method: str, **params: Any) -> None:
        """Send a notification to everybody."""
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        self.send(json.dumps(message).encode() + b"\n")

    def send(self, data: bytes) -> None:
        """Send raw bytes to everybody who is still there."""
        with self._sending:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.sendall(data)

    @property
    def connected(self) -> int:
        """How many connections have been accepted."""
        return len(self._connections)

    def close(self) -> None:
        """Stop listening and hang up; harmless when already done."""
        with contextlib.suppress(OSError):
            # Wakes the accept call, which close alone does not.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

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
                with self._sending:
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


class ModelPeer(ScriptedPeer):
    """A peer that serves one read model in whatever window is asked for, and pushes its changes."""

    def __init__(self, path: str, model: ReadModel, **answers: Answer) -> None:
        self.model = model
        given: dict[str, Answer] = {
            methods.SUBSCRIBE: SubscribeResult(seq=model.seq, subscribed=True),
            methods.PROVIDERS: Providers(providers=[]),
            methods.REFRESH: RefreshResult(accounts=["a"], polls_deferred=[], seq=model.seq),
            methods.READ_MODEL: self._read_model,
        }
        super().__init__(given | answers, path)

    def publish(self, model: ReadModel) -> None:
        """Serve this model from now on and push its sequence to everyone."""
        self.model = model
        self.push(methods.READ_MODEL_CHANGED, seq=model.seq)

    def _read_model(self, params: dict[str, Any]) -> Any:
        model = self.model
        if params.get("if_seq") == model.seq:
            return {"seq": model.seq, "unchanged": True}
        return replace(model, window=params.get("window", "30d"))
