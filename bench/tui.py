"""
The dashboard: first paint, key to screen, event to screen, and what it costs while idle.

Measured from outside, on a pseudo terminal, against a server with 40 accounts.
"""

from __future__ import annotations

import dataclasses
import os
import select
import statistics
import tempfile
import time

from bench import process_figures
from bench.targets import Target
from tests.support import screen_samples as samples
from tests.support.scripted_peer import ModelPeer
from tests.support.terminal import Terminal, dashboard

ACCOUNTS = 40
IDLE_S = 15.0
_DEADLINE_S = 10.0
TARGETS = {
    "tui_first_paint_p50": Target("<=", 400),
    "tui_event_p50": Target("<=", 200),
    "tui_idle_cpu": Target("<=", 0.1),
    "tui_idle_drawn": Target("<=", 0),
}


def run(quick: bool) -> list[tuple[str, float, str]]:
    """Rows of (name, value, unit); `quick` takes fewer samples and a shorter idle time."""
    rounds = 3 if quick else 10
    idle_s = 3.0 if quick else IDLE_S
    with tempfile.TemporaryDirectory(prefix="ou-") as home:
        path = os.path.join(home, "s.sock")
        environ = {"HOME": home, "OPENUSAGE_TELEMETRY_SOCKET": path}
        model = samples.model(samples.accounts(ACCOUNTS))
        with ModelPeer(path, model) as server:
            paints = [_first_paint(environ) for _ in range(rounds)]
            with Terminal(dashboard(), 120, 40, **environ) as terminal:
                terminal.wait_for("Claude Code")
                keys = [_key(terminal) for _ in range(rounds)]
                events = [_event(terminal, server, number) for number in range(rounds)]
                cpu, written = _idle(terminal, idle_s)
                resident = process_figures.of(terminal.child.pid).rss_bytes / 1_000_000
    return [
        ("tui_first_paint_p50", statistics.median(paints) * 1000, "ms"),
        ("tui_key_p50", statistics.median(keys) * 1000, "ms"),
        ("tui_key_max", max(keys) * 1000, "ms"),
        ("tui_event_p50", statistics.median(events) * 1000, "ms"),
        ("tui_event_max", max(events) * 1000, "ms"),
        ("tui_idle_cpu", cpu / idle_s * 100, "%"),
        ("tui_idle_drawn", float(written), "B"),
        ("tui_rss", resident, "MB"),
    ]


def _first_paint(environ: dict[str, str]) -> float:
    """Seconds from process start until the tiles are on the screen."""
    start = time.perf_counter()
    with Terminal(dashboard(), 120, 40, **environ) as terminal:
        raw = b""
        # The raw bytes, because the emulator is slower than what is measured.
        while b"Claude Code" not in raw:
            select.select([terminal.child.child_fd], [], [], _DEADLINE_S)
            raw += os.read(terminal.child.child_fd, 65536)
        return time.perf_counter() - start


def _key(terminal: Terminal) -> float:
    """Seconds from a key to its screen: the help page opens, then closes."""
    start = time.perf_counter()
    terminal.send("?")
    _watch(terminal, "On the overview")
    took = time.perf_counter() - start
    terminal.send("?")
    _watch(terminal, "Claude Code")
    return took


def _event(terminal: Terminal, server: ModelPeer, number: int) -> float:
    """Seconds from the push of a changed model to the changed screen."""
    title = f"Event {number}"
    accounts = [samples.claude(title=title), *server.model.accounts[1:]]
    changed = dataclasses.replace(server.model, seq=server.model.seq + 1, accounts=accounts)
    start = time.perf_counter()
    server.publish(changed)
    _watch(terminal, title)
    return time.perf_counter() - start


def _watch(terminal: Terminal, words: str) -> None:
    """Wait for output instead of polling: the figure is not rounded up to a poll interval."""
    end = time.monotonic() + _DEADLINE_S
    while words not in terminal.text():
        select.select([terminal.child.child_fd], [], [], 0.5)
        if time.monotonic() > end:
            raise AssertionError(f"not on screen within {_DEADLINE_S} s: {words}")


def _idle(terminal: Terminal, seconds: float) -> tuple[float, int]:
    """CPU seconds used and bytes drawn while nothing happens; starts right after a minute tick."""
    wait = 60.0 - time.time() % 60.0
    if wait < seconds + 1.0:
        # The clock in the header is the one thing that moves, once a minute.
        time.sleep(wait + 0.5)
    while select.select([terminal.child.child_fd], [], [], 0.5)[0]:
        terminal.read()
    before = _cpu_s(terminal.child.pid)
    time.sleep(seconds)
    return _cpu_s(terminal.child.pid) - before, terminal.read()


def _cpu_s(pid: int) -> float:
    """CPU time of a process so far: schedstat has nanoseconds, stat only ticks of 10 ms."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total / 1e9
