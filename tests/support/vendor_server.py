"""A vendor on 127.0.0.1 that knows some keys, counts who asked, and repeats what it was sent."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any


class Vendor(http.server.ThreadingHTTPServer):
    """Answers `body` to a known key, else a 401 that quotes every header and the address."""

    daemon_threads = True

    def __init__(self, keys: set[str], body: Any) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.keys = keys
        self.body = body
        self.status = 200
        self.asked: list[tuple[str, str]] = []
        """(path, key or cookie) of every request."""
        self.headers: dict[str, str] = {}
        """Sent with every answer."""
        self.gate = threading.Event()
        """While it is cleared, requests wait."""
        self.gate.set()
        self.inside = 0
        """Requests that wait for an answer now."""
        self.peak = 0
        """The most that ever did at once."""
        self.counting = threading.Lock()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Vendor

    def do_GET(self) -> None:
        """Judge the key."""
        with self.server.counting:
            self.server.inside += 1
            self.server.peak = max(self.server.peak, self.server.inside)
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        given = key or self.headers.get("Cookie", "") or self.headers.get("x-api-key", "")
        self.server.asked.append((self.path, given))
        self.server.gate.wait(30)
        with self.server.counting:
            self.server.inside -= 1
        if key in self.server.keys and self.server.status == 200:
            self._answer(200, self.server.body)
            return
        status = 401 if self.server.status == 200 else self.server.status
        quoted = dict(self.headers.items())
        self._answer(status, {"error": {"message": f"bad: {quoted} {self.path}"}})

    do_POST = do_GET  # noqa: N815 - the base class looks for this name

    def _answer(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **self.server.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_args: object) -> None:
        """Quiet."""


@contextlib.contextmanager
def vendor(*keys: str, body: Any = None) -> Iterator[Vendor]:
    """A running vendor."""
    server = Vendor(set(keys), body if body is not None else {})
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()
