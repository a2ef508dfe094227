"""
The store by itself: CPU per event, bytes on disk, bytes written, and reads over long histories.

`python -m bench.store [--quick]` prints `name value unit` lines.
"""

from __future__ import annotations

import os
import random
import sqlite3
import statistics
import sys
import tempfile
import time

from openusaged.core.identity import identity_of, reuse_identity_of
from openusaged.core.models import (
    JSONL,
    MESSAGE_USAGE,
    QUARTER_MS,
    TOOL_USAGE,
    PreparedEvent,
    UsageEvent,
)
from openusaged.storage.store import Segment, Store, WriteBatch

Figure = tuple[str, float, str]

NOW_MS = 1_795_000_000_000
DAY_MS = 86_400_000
TOOLS = ("Bash", "Read", "Edit", "Grep", "Write", "Glob", "mcp__db__query")
MODELS = ("claude-opus-4-6", "claude-sonnet-4-6", "gpt-5-codex")
IMPORT_BATCH = 2000


def activity(count: int, seed: int, start_ms: int, step_ms: int = 20_000) -> list[PreparedEvent]:
    """Sessions of some eighty events, 60 % of them tool calls, ids of thirty characters."""
    rng = random.Random(seed)
    events = []
    ts_ms = start_ms
    session = project = ""
    for number in range(count):
        ts_ms += rng.randrange(step_ms * 2)
        if number % 80 == 0:
            session = f"{rng.getrandbits(128):032x}"
            project = f"/home/dev/src/project-{rng.randrange(12)}"
        is_tool = rng.random() < 0.6
        ident = f"{rng.getrandbits(112):028x}"
        event = UsageEvent(
            source="claude_code",
            channel=JSONL,
            event_type=TOOL_USAGE if is_tool else MESSAGE_USAGE,
            ts_ms=ts_ms,
            provider="anthropic",
            account_id="claude-code",
            client="claude_code",
            session_id=session,
            message_id="" if is_tool else f"msg_{ident}",
            request_id="" if is_tool else f"req_{ident}",
            tool_call_id=f"tu_{ident}" if is_tool else "",
            branch="main",
            model="" if is_tool else rng.choice(MODELS),
            input=None if is_tool else rng.randrange(3000),
            cache_read=None if is_tool else rng.randrange(200_000),
            cache_write_5m=None if is_tool else rng.randrange(9000),
            output=None if is_tool else rng.randrange(2000),
            requests=1,
            tool_name=rng.choice(TOOLS) if is_tool else "",
            language="Python" if is_tool and rng.random() < 0.4 else "",
            lines_added=rng.randrange(40) if is_tool and rng.random() < 0.3 else None,
        )
        events.append(
            PreparedEvent(
                event=event,
                identity=identity_of(event),
                reuse_identity=reuse_identity_of(event),
                project=project,
                cost_nano=None if is_tool else rng.randrange(10**9),
                price_source="" if is_tool else "genai-prices",
            )
        )
    return events


def _open(directory: str) -> Store:
    return Store.open(
        os.path.join(directory, "telemetry.db"), app_version="bench", now_ms=lambda: NOW_MS
    )


def _batches(events: list[PreparedEvent], size: int) -> list[WriteBatch]:
    return [WriteBatch(events=events[at : at + size]) for at in range(0, len(events), size)]


def _written_bytes() -> int:
    try:
        with open("/proc/self/io", encoding="ascii") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))
    except OSError:
        return 0


def _import(quick: bool) -> list[Figure]:
    count = 10_000 if quick else 45_000
    events = activity(count, 1, NOW_MS - 30 * DAY_MS)
    figures = []
    with tempfile.TemporaryDirectory() as directory:
        store = _open(directory)
        for name in ("store_import", "store_reimport"):
            wall, cpu = time.perf_counter(), time.process_time()
            for batch in _batches(events, IMPORT_BATCH):
                store.apply([batch])
            figures += [
                (f"{name}_cpu_per_event", (time.process_time() - cpu) / count * 1e6, "us"),
                (f"{name}_wall", time.perf_counter() - wall, "s"),
            ]
        store.close()
    return figures


def _live(quick: bool) -> list[Figure]:
    """Commits of a few events on top of a database that already holds many."""
    count = 20_000 if quick else 200_000
    figures = []
    with tempfile.TemporaryDirectory() as directory:
        store = _open(directory)
        for batch in _batches(activity(count, 2, NOW_MS - 30 * DAY_MS, 12_000), IMPORT_BATCH):
            store.apply([batch])
        store.close()
        store = _open(directory)
        counts = store.counts()
        figures.append(("store_bytes_per_event", counts.database_bytes / counts.hot, "B"))
        for size in (1, 5, 50):
            events = activity(size * (200 if quick else 2000), size + 10, NOW_MS)
            batches = _batches(events, size)
            os.sync()
            written, cpu = _written_bytes(), time.process_time()
            for batch in batches:
                store.apply([batch])
            cpu = time.process_time() - cpu
            store.checkpoint()
            os.sync()
            figures += [
                (f"store_cpu_per_event_commits_of_{size}", cpu / len(events) * 1e6, "us"),
                (
                    f"store_written_per_event_commits_of_{size}",
                    (_written_bytes() - written) / len(events),
                    "B",
                ),
            ]
        events = activity(50 * (40 if quick else 400), 77, NOW_MS)
        singles = _batches(events, 1)
        cpu = time.process_time()
        for at in range(0, len(singles), 50):
            store.apply(singles[at : at + 50])
        cpu = time.process_time() - cpu
        figures.append(("store_cpu_per_event_groups_of_50", cpu / len(events) * 1e6, "us"))
        store.close()
    return figures


def _fill_quarters(path: str, days: int, rng: random.Random) -> int:
    """Quarter rows of years of history, written directly."""
    with sqlite3.connect(path) as connection:
        connection.executemany(
            "INSERT INTO name VALUES (?, ?)",
            [(number, f"name-{number}") for number in range(1, 60)] + [(60, "USD")],
        )
        last = NOW_MS // QUARTER_MS
        messages = []
        tools = []
        for quarter in range(last - days * 96, last):
            if quarter % 96 >= 48:
                continue
            for place in rng.sample(range(8), 2):
                sums = [rng.randrange(100_000) for _ in range(17)]
                messages.append(
                    (quarter, 1 + place % 3, 4, 5, 10 + place, 30 + place, 50, 0, 60, *sums)
                )
            tools.extend(
                (quarter, 1, 5, 31, tool, 0, 0, 0, 9, 1, 0, 5, 2)
                for tool in rng.sample(range(20, 27), 4)
            )
        marks = ",".join("?" * 26)
        connection.executemany(f"INSERT INTO message_bucket VALUES ({marks})", messages)
        connection.executemany(f"INSERT INTO tool_bucket VALUES ({','.join('?' * 13)})", tools)
    connection.close()
    return len(messages)


def _timed(call, times: int) -> tuple[float, float, float]:
    """First, median and 99th percentile in milliseconds."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        taken.append((time.perf_counter() - start) * 1000)
    rest = sorted(taken[1:])
    return taken[0], statistics.median(rest), rest[int(len(rest) * 0.99) - 1]


def _reads(quick: bool) -> list[Figure]:
    with tempfile.TemporaryDirectory() as directory:
        store = _open(directory)
        store.close()
        rows = _fill_quarters(
            os.path.join(directory, "telemetry.db"), 365 if quick else 1100, random.Random(3)
        )
        opened = time.perf_counter()
        store = _open(directory)
        opened = time.perf_counter() - opened
        now_q = NOW_MS // QUARTER_MS
        month = now_q - 30 * 96 + 37
        figures: list[Figure] = [
            ("store_quarter_rows", rows, "rows"),
            ("store_open", opened * 1000, "ms"),
        ]
        calls = {
            "usage_30d": lambda: store.usage_rows(start_q=month, end_q=now_q),
            "tools_30d": lambda: store.tool_rows(start_q=month, end_q=now_q),
            "usage_all": store.usage_rows,
            "days_all": lambda: store.usage_rows(
                segments=[Segment(0, now_q, 23)],
                group_by=("account", "provider", "client", "model"),
            ),
        }
        for name, call in calls.items():
            first, median, slow = _timed(call, 20 if quick else 100)
            figures += [
                (f"store_{name}_first", first, "ms"),
                (f"store_{name}_p50", median, "ms"),
                (f"store_{name}_p99", slow, "ms"),
            ]
        store.close()
    return figures


def run(quick: bool) -> list[Figure]:
    """All figures of the store."""
    return [*_import(quick), *_live(quick), *_reads(quick)]


def main() -> None:
    """Print the figures."""
    for name, value, unit in run("--quick" in sys.argv):
        print(f"{name} {value:.3f} {unit}")


if __name__ == "__main__":
    main()
