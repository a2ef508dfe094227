"""A real HTTP server on 127.0.0.1 that answers what a test tells it to."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

Handler = http.server.BaseHTTPRequestHandler
Answer = Callable[[Handler], None]


class VendorServer:
    """`answers` maps a path to what is done; `requests` are (path, headers in lower case)."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.release = threading.Event()
        outer = self

        class _Handler(Handler):
            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.requests.append((self.path, headers))
                # a client that has given up is no error of the test
                with contextlib.suppress(OSError):
                    outer.answers[self.path.partition("?")[0]](self)

            def log_message(self, *_args: Any) -> None:
                pass

        class _Server(http.server.ThreadingHTTPServer):
            daemon_threads = False

            def handle_error(self, *_args: Any) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str, status: int = 200, body: Any = b"", **headers: str) -> None:
        """Answer `path` with a status, a body (JSON unless bytes) and headers (`_` for `-`)."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()

        def send(handler: Handler) -> None:
            handler.send_response(status)
            for name, value in headers.items():
                handler.send_header(name.replace("_", "-"), value)
            handler.send_header("Content-Length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data)

        self.answers[path] = send

    def hang(self, path: str) -> None:
        """Take the request and say nothing until the test is over."""
        self.answers[path] = lambda _handler: self.release.wait(30)

    def drip(self, path: str) -> None:
        """Send a body one byte at a time until the client has had enough."""

        def send(handler: Handler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", "1000000")
            handler.end_headers()
            while not self.release.wait(0.02):
                handler.wfile.write(b" ")

        self.answers[path] = send

    def flood(self, path: str) -> None:
        """Send a body without end."""

        def send(handler: Handler) -> None:
            handler.send_response(200)
            handler.end_headers()
            while not self.release.is_set():
                handler.wfile.write(b" " * 65536)

        self.answers[path] = send

    def break_off(self, path: str) -> None:
        """Promise more than is sent."""

        def send(handler: Handler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", "100")
            handler.end_headers()
            handler.wfile.write(b'{"a":1}')

        self.answers[path] = send


@contextlib.contextmanager
def vendor_server() -> Iterator[VendorServer]:
    """A server for the time of the block."""
    server = VendorServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()
