"""
The dashboard: first paint, key to screen, event to screen, and what it costs while idle.

Measured from outside: a pseudo terminal, a real daemon with forty accounts, a real socket.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench import corpus, process_figures
from bench.targets import Target
from openusage_proto import locations
from openusaged.core.models import ACCOUNT_OK, LimitMetric, UsageSnapshot
from tests.support.daemon import Daemon
from tests.support.terminal import Terminal, dashboard

ACCOUNTS: Final = 40
EVENTS_EACH: Final = 500
IDLE_S: Final = 120.0
SETTLED_S: Final = 15.0
"""What may still move after the last event must have stopped by then."""
SIZE: Final = (120, 40)
_DEADLINE_S: Final = 10.0
_MINUTE_S: Final = 60.0
_TICK_S: Final = 1.0
_LIVE: Final = "● live"
_HELP: Final = "On the overview"
TARGETS: Final = {
    "tui_first_paint_p50": Target("<=", 400),
    "tui_key_p50": Target("<=", 50),
    "tui_key_max": Target("<=", 50),
    "tui_event_p50": Target("<=", 200),
    "tui_idle_cpu": Target("<=", 0.1),
    "tui_idle_drawn": Target("<=", 0),
}


def run(quick: bool) -> list[tuple[str, float, str]]:
    """Rows of (name, value, unit); `quick` takes fewer samples and a shorter idle time."""
    rounds = 3 if quick else 20
    idle_s = 5.0 if quick else IDLE_S
    with _daemon() as daemon:
        paints = [_first_paint(daemon.env) for _ in range(rounds)]
        with Terminal(dashboard(), *SIZE, **daemon.env) as terminal:
            _watch(terminal, _LIVE)
            keys = [took * 1000 for _ in range(rounds) for took in _key(terminal)]
            events = [_event(terminal, daemon, number) for number in range(rounds)]
            cpu, drawn = _idle(terminal, idle_s, 2.0 if quick else SETTLED_S)
            resident = process_figures.of(terminal.child.pid).rss_bytes / corpus.MB
    return [
        ("tui_accounts", float(ACCOUNTS), "accounts"),
        ("tui_first_paint_p50", statistics.median(paints) * 1000, "ms"),
        ("tui_first_paint_min", min(paints) * 1000, "ms"),
        ("tui_key_p50", statistics.median(keys), "ms"),
        ("tui_key_max", max(keys), "ms"),
        ("tui_event_p50", statistics.median(events) * 1000, "ms"),
        ("tui_event_max", max(events) * 1000, "ms"),
        ("tui_idle_cpu", cpu / idle_s * 100, "%"),
        ("tui_idle_drawn", float(drawn), "B"),
        ("tui_rss", resident, "MB"),
    ]


@contextlib.contextmanager
def _daemon() -> Iterator[Daemon]:
    """A running daemon with accounts of three tools, each with a month of events and two limits."""
    with corpus.fresh_home() as (home, daemon):
        accounts = [
            (f"{account}-{number:02}", *rest)
            for number, (account, *rest) in zip(
                range(ACCOUNTS), itertools.cycle(corpus.ACCOUNTS), strict=False
            )
        ]
        path = Path(locations.settings_path(daemon.env))
        document = json.loads(path.read_text(encoding="utf-8"))
        document["accounts"] = [
            {"id": name, "provider": tool, "home": str(home / name)}
            for name, tool, _, _ in accounts
        ]
        path.write_text(json.dumps(document), encoding="utf-8")
        database = Path(locations.database_path(daemon.env))
        database.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        events = itertools.chain.from_iterable(
            corpus.batches(EVENTS_EACH, days=30, seed=seed, accounts=[account])
            for seed, account in enumerate(accounts)
        )
        corpus.fill(database, events, [_limits(name, tool) for name, tool, _, _ in accounts])
        daemon.start()
        corpus.settle(daemon)
        yield daemon


def _limits(account: str, tool: str) -> UsageSnapshot:
    now_ms = round(time.time() * 1000)
    metrics = tuple(
        LimitMetric(key=key, unit="%", window=window, used=used, limit=100.0,
                    resets_at_ms=now_ms + hours * 3_600_000)
        for key, window, used, hours in (
            ("usage_five_hour", "5h", 41.0, 3),
            ("usage_seven_day", "7d", 67.0, 60),
        )
    )  # fmt: skip
    return UsageSnapshot(
        provider_id=tool, account_id=account, ts_ms=now_ms, status=ACCOUNT_OK, metrics=metrics
    )


def _first_paint(environ: dict[str, str]) -> float:
    """Seconds from process start until the tiles are on the screen."""
    start = time.perf_counter()
    with Terminal(dashboard(), *SIZE, **environ) as terminal:
        raw = b""
        # The raw bytes, because the emulator is slower than what is measured.
        while _LIVE.encode() not in raw:
            select.select([terminal.child.child_fd], [], [], _DEADLINE_S)
            raw += os.read(terminal.child.child_fd, 65536)
        return time.perf_counter() - start


def _key(terminal: Terminal) -> Iterator[float]:
    """Seconds from a key to its screen: another view, the help page, and back."""
    for key, words in (("v", "stacked"), ("V", "grid"), ("?", _HELP), ("?", _LIVE)):
        start = time.perf_counter()
        terminal.send(key)
        yield _watch(terminal, words) - start


def _event(terminal: Terminal, daemon: Daemon, number: int) -> float:
    """Seconds from the end of an agent's turn to the screen that shows it."""
    name = f"fresh-{number}"
    turn = {"message_id": name, "model": "m", "provider": "anthropic", "input_tokens": 12}
    start = time.perf_counter()
    daemon.call("ingest_turn", source=name, turn=turn)
    return _watch(terminal, f"! {number + 1} unmapped") - start


def _watch(terminal: Terminal, words: str) -> float:
    """When the bytes that brought the words to the screen arrived: the emulator is slower."""
    end = time.monotonic() + _DEADLINE_S
    arrived = time.perf_counter()
    while words not in terminal.text():
        select.select([terminal.child.child_fd], [], [], 0.5)
        arrived = time.perf_counter()
        if time.monotonic() > end:
            raise AssertionError(f"not on screen within {_DEADLINE_S} s: {words}")
    return arrived


def _idle(terminal: Terminal, seconds: float, settled_s: float) -> tuple[float, int]:
    """
    CPU seconds used and bytes drawn while nothing happens, from `settled_s` after the last event.

    Once a minute clock, ages and countdowns move: what is drawn then is not counted, its CPU is.
    """
    # Time that passes is what is measured here: there is nothing to wait for.
    time.sleep(settled_s)
    if seconds < _MINUTE_S:
        # No whole minute is watched, so none of its ticks may be either.
        left = _MINUTE_S - time.time() % _MINUTE_S
        time.sleep(left + _TICK_S if left < seconds + _TICK_S else 0.0)
    terminal.read()
    before = process_figures.of(terminal.child.pid).cpu_s
    drawn = 0
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        select.select([terminal.child.child_fd], [], [], left)
        written = terminal.read()
        drawn += written if time.time() % _MINUTE_S > _TICK_S else 0
    return process_figures.of(terminal.child.pid).cpu_s - before, drawn
