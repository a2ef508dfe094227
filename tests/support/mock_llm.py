"""
A scripted model server on the loopback interface that knows exactly which tokens it served.

It speaks enough of three dialects for the real agents to run whole sessions against it:

    POST /v1/messages           Anthropic Messages (JSON and SSE)
    POST /v1/responses          OpenAI Responses (JSON and SSE)
    POST /v1/chat/completions   OpenAI Chat Completions (JSON and SSE)

A script is a list of turns.  A turn:

    {"text": "hello", "think": "...",     assistant text, reasoning text
     "shell": "echo hi",                  call the agent's own shell tool
     "tools": [{"name": "x", "input": {}}],   an input may be a function of the request
     "usage": {"input": 10, "cache_read": 0, "cache_write": 0, "output": 5, "reasoning": 0},
     "status": 529, "error": {"type": "...", "message": "..."},
     "match": "regex"}                    only for requests whose last user text matches

`input` is fresh input, caches excluded; `output` includes `reasoning`.  A request that offers tools
takes the next turn (the last one repeats); one without tools (titles) gets a fixed small answer.
Standard library only.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self

from tests.support import mock_dialects as dialects

Json = dict[str, Any]
KINDS = ("input", "cache_read", "cache_write", "output", "reasoning")
DEFAULT_USAGE = {"input": 11, "cache_read": 0, "cache_write": 0, "output": 3, "reasoning": 0}
AUX_TURN: Json = {"text": "Mock title", "usage": {"input": 7, "output": 2}}


@dataclass(frozen=True, slots=True)
class Served:
    """One answer as it was served; `main` is False for requests without tools (titles)."""

    dialect: str
    model: str
    usage: dict[str, int]
    main: bool
    delivered: bool
    ended: float


@dataclass(slots=True)
class Script:
    """The turns still to be served."""

    turns: list[Json] = field(default_factory=list)
    used: set[int] = field(default_factory=set)

    def take(self, *, has_tools: bool, text: str) -> tuple[bool, Json]:
        """(whether it is a scripted turn, the turn)."""
        if not has_tools:
            return False, AUX_TURN
        fallback: Json | None = None
        for index, turn in enumerate(self.turns):
            if "match" in turn and not re.search(turn["match"], text):
                continue
            fallback = turn
            if index not in self.used:
                self.used.add(index)
                return True, turn
        return (True, fallback) if fallback else (False, AUX_TURN)


class MockLLM:
    """The server; use as a context manager."""

    def __init__(self, script: Sequence[Json] = (), port: int = 0) -> None:
        self.lock = threading.Lock()
        self.script = Script(list(script))
        self.served: list[Served] = []
        self._sequence = 0
        # Agents keep the ids in their logs and readers deduplicate on them: never two alike.
        self.id_prefix = f"mock{os.urandom(4).hex()}"
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.mock = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def load(self, turns: Sequence[Json]) -> None:
        """Replace the script."""
        with self.lock:
            self.script = Script(list(turns))

    def totals(self, since: int = 0) -> dict[str, int]:
        """Sums over the delivered main answers from the `since`-th on, and their number."""
        out = dict.fromkeys((*KINDS, "requests"), 0)
        with self.lock:
            for row in self.served[since:]:
                if row.main and row.delivered:
                    out["requests"] += 1
                    for kind in KINDS:
                        out[kind] += row.usage[kind]
        return out

    def by_model(self) -> dict[str, dict[str, int]]:
        """The same sums, per model."""
        out: dict[str, dict[str, int]] = {}
        with self.lock:
            for row in self.served:
                if row.main and row.delivered:
                    sums = out.setdefault(row.model, dict.fromkeys(KINDS, 0))
                    for kind in KINDS:
                        sums[kind] += row.usage[kind]
        return out

    def next_sequence(self) -> int:
        """A number for ids."""
        with self.lock:
            self._sequence += 1
            return self._sequence


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    mock: MockLLM


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "mock-llm/2"
    server: _Server

    ROUTES: ClassVar[dict[str, dialects.Dialect]] = {
        "/messages": dialects.anthropic,
        "/responses": dialects.responses,
        "/chat/completions": dialects.chat,
    }

    def log_message(self, *_args: object) -> None:
        """Say nothing: the tests read `served`."""

    def do_HEAD(self) -> None:
        """Agents probe whether the server lives."""
        self._send_json({})

    def do_GET(self) -> None:
        """Model lists."""
        path = self.path.split("?")[0]
        if path.endswith("/models"):
            model = {"id": "mock-model", "object": "model", "type": "model", "owned_by": "mock"}
            self._send_json({"object": "list", "data": [model], "models": [], "has_more": False})
        else:
            self._send_json({"ok": True}, 200 if path == "/" else 404)

    def do_POST(self) -> None:
        """Answer a model request by the script."""
        raw = self._read_body()
        path = self.path.split("?")[0]
        try:
            body = json.loads(raw or b"{}")
        except ValueError:
            body = {}
        if path.endswith("/count_tokens"):
            self._send_json({"input_tokens": max(1, len(raw) // 4)})
            return
        for suffix, dialect in self.ROUTES.items():
            if path.endswith(suffix):
                self._answer(dialect, body)
                return
        self._send_json({"error": {"type": "not_found_error", "message": path}}, 404)

    def _answer(self, dialect: dialects.Dialect, body: Json) -> None:
        mock = self.server.mock
        names = dialects.tool_names(body)
        text = dialects.last_user_text(body)
        with mock.lock:
            main, turn = mock.script.take(has_tools=bool(names), text=text)
        usage = dict(DEFAULT_USAGE)
        if "usage" in turn:
            usage = {kind: turn["usage"].get(kind, 0) for kind in KINDS}
        status = turn.get("status", 200)
        if status >= 300:
            error = turn.get("error") or {"type": "overloaded_error", "message": "scripted"}
            self._send_json({"type": "error", "error": error}, status, turn.get("headers"))
            return
        reply = dialects.Reply(
            sequence=mock.next_sequence(),
            prefix=mock.id_prefix,
            body=body,
            turn=turn,
            usage=usage,
            calls=dialects.calls_of(turn, names, body),
        )
        delivered = True
        try:
            self._deliver(dialect(reply), stream=bool(body.get("stream")), reply=reply)
        except (BrokenPipeError, ConnectionResetError):
            delivered = False
        row = Served(dialect.__name__, str(body.get("model")), usage, main, delivered, time.time())
        with mock.lock:
            mock.served.append(row)

    def _deliver(self, answer: dialects.Answer, *, stream: bool, reply: dialects.Reply) -> None:
        headers = {"request-id": reply.ident("req"), "x-request-id": reply.ident("req")}
        if not stream:
            self._send_json(answer.whole, 200, headers)
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("connection", "close")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        for event, data in answer.events:
            text = data if isinstance(data, str) else json.dumps(data)
            head = f"event: {event}\n" if event else ""
            self.wfile.write(f"{head}data: {text}\n\n".encode())
            self.wfile.flush()

    def _read_body(self) -> bytes:
        if "chunked" in (self.headers.get("transfer-encoding") or "").lower():
            raw = b""
            while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
                raw += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
        else:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        if (self.headers.get("content-encoding") or "").lower() == "gzip":
            raw = gzip.decompress(raw)
        return raw

    def _send_json(
        self, value: Json, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
