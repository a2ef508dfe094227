"""
Reads the local server's access log from its end: requests, failures and latency of the last day.

Only what is younger than a day is read, so that a poll costs what was used lately and not what the
log has ever held.  The log has no model and no tokens; desktop chats are in it as well, which is
why these are figures beside the events and no events.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from openusage_proto.values import dataclass
from openusaged.providers.base import Machine
from openusaged.providers.shared.figures import Figures
from openusaged.providers.shared.rate_headers import duration_as_ms

BLOCK_BYTES: Final = 256 << 10
MAX_BYTES: Final = 16 << 20
SPANS_MS: Final = {"5h": 5 * 3_600_000, "1d": 86_400_000}

_CHAT: Final = frozenset({"/api/chat", "/v1/chat/completions", "/v1/responses", "/v1/messages"})
_GENERATE: Final = frozenset({"/api/generate", "/v1/completions"})
_EMBED: Final = frozenset({"/api/embed", "/api/embeddings", "/v1/embeddings"})
_INFERENCE: Final = _CHAT | _GENERATE | _EMBED
_LINE: Final = re.compile(
    rb"^\[GIN\] (\d{4}/\d\d/\d\d - \d\d:\d\d:\d\d)\s*\|\s*(\d{3})\s*\|\s*([^|]+?)\s*\|[^|]*\|"
    rb"\s*[A-Z]+\s+\"([^\"?]+)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Request:
    """One line of the log that is about inference."""

    ts_ms: int
    status: int
    latency_ms: int | None
    path: str


def note_requests(figures: Figures, directory: str, machine: Machine, now_ms: int) -> None:
    """Put the requests of five hours and of a day among the figures; nothing without a log."""
    files = _files(directory)
    if not files:
        return
    oldest_ms = now_ms - max(SPANS_MS.values())
    requests = list(_recent(files, oldest_ms, _zone(machine)))
    for span, length_ms in SPANS_MS.items():
        _note_span(figures, span, [one for one in requests if one.ts_ms >= now_ms - length_ms])


def _note_span(figures: Figures, span: str, requests: list[Request]) -> None:
    figures.add(f"requests_{span}", used=len(requests))
    counts = {
        "chat_requests": sum(one.path in _CHAT for one in requests),
        "generate_requests": sum(one.path in _GENERATE for one in requests),
        "http_4xx": sum(400 <= one.status < 500 for one in requests),
        "http_5xx": sum(one.status >= 500 for one in requests),
    }
    for name, count in counts.items():
        if count:
            figures.add(f"{name}_{span}", used=count)
    latencies = [one.latency_ms for one in requests if one.latency_ms is not None]
    if latencies:
        figures.add(f"avg_latency_ms_{span}", used=round(sum(latencies) / len(latencies), 3))


def _files(directory: str) -> list[str]:
    """`server*.log`, the one that was written last first."""
    found: list[tuple[int, str]] = []
    try:
        with os.scandir(directory) as entries:
            found = [
                (entry.stat().st_mtime_ns, entry.path)
                for entry in entries
                if entry.name.startswith("server") and entry.name.endswith(".log")
            ]
    except OSError:
        return []
    return [path for _, path in sorted(found, reverse=True)]


def _zone(machine: Machine) -> tzinfo | None:
    """The zone that the log's times are in: the machine's own."""
    try:
        return ZoneInfo(machine.env["TZ"]) if machine.env.get("TZ") else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _recent(files: list[str], oldest_ms: int, zone: tzinfo | None) -> Iterator[Request]:
    left = MAX_BYTES
    for path in files:
        for block in _blocks_from_end(path, left):
            left -= len(block)
            first_ms = None
            for match in _LINE.finditer(block):
                ts_ms = _moment_ms(match[1], zone)
                if ts_ms is None:
                    continue
                first_ms = ts_ms if first_ms is None else first_ms
                request_path = match[4].decode("utf-8", "replace")
                if ts_ms >= oldest_ms and request_path in _INFERENCE:
                    latency = duration_as_ms(match[3].decode("utf-8", "replace"))
                    yield Request(ts_ms, int(match[2]), latency, request_path)
            if left <= 0 or (first_ms is not None and first_ms < oldest_ms):
                return


def _blocks_from_end(path: str, max_bytes: int) -> Iterator[bytes]:
    """Whole lines of a file in blocks, the last block first."""
    try:
        with open(path, "rb") as file:
            position = file.seek(0, os.SEEK_END)
            bottom = max(0, position - max_bytes)
            rest = b""
            while position > bottom:
                start = max(bottom, position - BLOCK_BYTES)
                file.seek(start)
                data = file.read(position - start) + rest
                position = start
                # The first line of a block begins in the one before it.
                cut = data.find(b"\n") + 1 if start else 0
                rest = data[:cut] if cut else data
                if cut < len(data) and (cut or not start):
                    yield data[cut:]
    except OSError:
        return


def _moment_ms(text: bytes, zone: tzinfo | None) -> int | None:
    year, month, day, hour, minute, second = map(int, re.findall(rb"\d+", text))
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=zone)
        # Without a zone `timestamp` takes the time for one of this process' own zone.
        return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
