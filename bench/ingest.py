"""
Durable `ingest_turn` per second: from one caller that waits each time, and from fifty at once.

The client is a bare epoll loop over requests encoded before, so that it costs the daemon's
two cores as little as possible.
"""

from __future__ import annotations

import json
import select
import socket
import time

from bench import corpus
from bench.process_figures import quantile
from tests.support.daemon import Daemon

CONNECTIONS = 50
FIRST = 1_000


def run(quick: bool) -> list[tuple[str, float, str]]:
    """Answers per second; every answer came after its commit, and every event is then there."""
    serial = 1_000 if quick else 6_000
    parallel = 10_000 if quick else 60_000
    batch = 100
    with corpus.fresh_home() as (_, daemon):
        daemon.start()
        corpus.settle(daemon)
        # A new write-ahead log grows with every commit, which makes each flush slower.
        _, first_s = _serial(daemon, _requests("f", FIRST))
        times, serial_s = _serial(daemon, _requests("s", serial))
        parallel_s = _parallel(daemon, _requests("p", parallel))
        batches = _requests("b", parallel // 2)
        grouped = [
            b"[" + b",".join(item[:-1] for item in batches[at : at + batch]) + b"]\n"
            for at in range(0, len(batches), batch)
        ]
        _, batch_s = _serial(daemon, grouped)
        stored = daemon.call("status")["events"]["stored"]
        sent = FIRST + serial + parallel + len(batches)
        if stored != sent:
            raise AssertionError(f"{stored} of {sent} events stored")
    return [
        ("ingest_serial_first", FIRST / first_s, "/s"),
        ("ingest_serial", serial / serial_s, "/s"),
        ("ingest_serial_p50", quantile(times, 0.5), "ms"),
        ("ingest_serial_p99", quantile(times, 0.99), "ms"),
        ("ingest_50_connections", parallel / parallel_s, "/s"),
        ("ingest_batches_of_100", len(batches) / batch_s, "/s"),
    ]


def _requests(prefix: str, count: int) -> list[bytes]:
    now = round(time.time() * 1000)
    made = []
    for number in range(count):
        turn = {
            "event_type": "message_usage",
            "occurred_at": now - 50 * number,
            "provider": "anthropic",
            "model": "claude-sonnet-4-5",
            "session_id": f"{prefix}-session-{number // 40}",
            "message_id": f"msg_{prefix}{number:022d}",
            "request_id": f"req_{prefix}{number:022d}",
            "cwd": f"/home/dev/project-{number % 20}",
            "input_tokens": 1 + number % 3000,
            "cache_read_tokens": number % 100_000,
            "cache_write_5m_tokens": number % 4_000,
            "output_tokens": 1 + number % 800,
        }
        params = {"source": "claude_code", "account_id": "claude-code", "turn": turn}
        request = {"jsonrpc": "2.0", "id": number, "method": "ingest_turn", "params": params}
        made.append(json.dumps(request, separators=(",", ":")).encode() + b"\n")
    return made


def _connect(daemon: Daemon) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(daemon.socket_path)
    return connection


def _check(answer: bytes) -> None:
    if b'"accepted":1' not in answer or b'"error"' in answer:
        raise AssertionError(f"not accepted: {answer[:300]!r}")


def _serial(daemon: Daemon, requests: list[bytes]) -> tuple[list[float], float]:
    times = []
    connection = _connect(daemon)
    with connection, connection.makefile("rb") as reader:
        began = time.perf_counter()
        for request in requests:
            sent = time.perf_counter()
            connection.sendall(request)
            _check(reader.readline())
            times.append((time.perf_counter() - sent) * 1000)
        return times, time.perf_counter() - began


def _parallel(daemon: Daemon, requests: list[bytes]) -> float:
    """Each connection sends its next request when the answer to its last one is there."""
    connections = {}
    poller = select.epoll()
    try:
        for _ in range(CONNECTIONS):
            connection = _connect(daemon)
            connections[connection.fileno()] = connection
            poller.register(connection.fileno(), select.EPOLLIN)
        waiting = iter(requests)
        buffers = dict.fromkeys(connections, b"")
        began = time.perf_counter()
        for connection in connections.values():
            connection.sendall(next(waiting))
        open_requests = len(connections)
        while open_requests:
            for number, _ in poller.poll(30):
                connection = connections[number]
                buffers[number] += connection.recv(65536)
                if not buffers[number].endswith(b"\n"):
                    continue
                _check(buffers[number])
                buffers[number] = b""
                request = next(waiting, None)
                if request is None:
                    open_requests -= 1
                else:
                    connection.sendall(request)
        return time.perf_counter() - began
    finally:
        poller.close()
        for connection in connections.values():
            connection.close()
