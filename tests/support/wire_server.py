"""
A small server that speaks the daemon's wire with prepared answers, for the dashboard's tests.

Real Unix socket, real lines; what it answers is the test's to change at any time.
"""

from __future__ import annotations

import dataclasses
import json
import os
import selectors
import socket
import threading
from typing import Any, Self

from openusage_proto import methods
from openusage_proto.messages import Providers, ReadModel


class WireServer:
    """
    Serves until closed; use as a context manager.

    `answers` maps a method to its result, to an exception-like dict under `"error"`, or to a
    function of the parameters.  `calls` has every (method, params) in order.
    """

    def __init__(self, path: str, model: ReadModel, **answers: Any) -> None:
        self.path = path
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, Any] = {
            methods.SUBSCRIBE: {"seq": model.seq, "subscribed": True},
            methods.PROVIDERS: dataclasses.asdict(Providers(providers=[])),
            methods.REFRESH: {"accounts": ["a"], "polls_deferred": [], "seq": model.seq},
            methods.READ_MODEL: self._read_model,
            **answers,
        }
        self.model = model
        self._peers: list[socket.socket] = []
        self._lock = threading.Lock()
        self._open = True
        if os.path.exists(path):
            os.unlink(path)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(16)
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up on everyone and stop listening, as a killed daemon does: the file stays."""
        if self._open:
            self._open = False
            os.write(self._wake_write, b"x")
            self._thread.join()
            for sock in [*self._peers, self._listener]:
                sock.close()
            os.close(self._wake_read)
            os.close(self._wake_write)

    def publish(self, model: ReadModel) -> None:
        """Serve this model from now on and push its sequence to everyone."""
        with self._lock:
            self.model = model
        self.push(methods.READ_MODEL_CHANGED, seq=model.seq)

    def push(self, method: str, **params: Any) -> None:
        """Send a notification to every connection."""
        line = json.dumps({"jsonrpc": "2.0", "method": method, "params": params}) + "\n"
        with self._lock:
            for peer in self._peers:
                peer.sendall(line.encode())

    def asked(self, method: str) -> list[dict[str, Any]]:
        """Parameters of every call of a method so far."""
        return [params for name, params in list(self.calls) if name == method]

    def _read_model(self, params: dict[str, Any]) -> Any:
        if params.get("if_seq") == self.model.seq:
            return {"seq": self.model.seq, "unchanged": True}
        window = params.get("window", "30d")
        return dataclasses.asdict(dataclasses.replace(self.model, window=window))

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._wake_read, selectors.EVENT_READ)
            buffers: dict[socket.socket, bytes] = {}
            while self._open:
                for key, _ in selector.select():
                    if key.fileobj is self._listener:
                        peer, _ = self._listener.accept()
                        selector.register(peer, selectors.EVENT_READ)
                        buffers[peer] = b""
                        with self._lock:
                            self._peers.append(peer)
                    elif isinstance(key.fileobj, socket.socket):
                        self._take(key.fileobj, buffers, selector)

    def _take(self, peer: socket.socket, buffers: Any, selector: Any) -> None:
        try:
            data = peer.recv(65536)
        except OSError:
            data = b""
        if not data:
            selector.unregister(peer)
            with self._lock:
                self._peers.remove(peer)
            peer.close()
            return
        *lines, buffers[peer] = (buffers[peer] + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            reply = self._reply(message)
            with self._lock:
                try:
                    peer.sendall(json.dumps(reply).encode() + b"\n")
                except OSError:
                    return

    def _reply(self, message: dict[str, Any]) -> dict[str, Any]:
        method, params = message["method"], message.get("params") or {}
        self.calls.append((method, params))
        base = {"jsonrpc": "2.0", "id": message["id"]}
        with self._lock:
            answer = self.answers.get(method)
            if callable(answer):
                answer = answer(params)
        if answer is None:
            return base | {"error": {"code": -32601, "message": "method_not_found"}}
        if isinstance(answer, dict) and "error" in answer:
            return base | {"error": answer["error"]}
        return base | {"result": answer}
