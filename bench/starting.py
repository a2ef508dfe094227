"""What a start of the daemon costs: from `exec` to the ready line, in a home without tools."""

from __future__ import annotations

import statistics
import time

from bench import corpus, process_figures
from bench.targets import Target

MB = 1_000_000
TARGETS = {"start_cpu": Target("<=", 350), "start_rss": Target("<=", 60)}


def run(quick: bool) -> list[tuple[str, float, str]]:
    """Medians of several starts of one home; the first makes the database and fills caches."""
    rounds = 5 if quick else 15
    wall, cpu, rss = [], [], []
    with corpus.fresh_home() as (_home, daemon):
        for number in range(rounds + 1):
            began = time.perf_counter()
            daemon.start()
            took = time.perf_counter() - began
            figures = process_figures.of(daemon.pid)
            daemon.stop()
            if number:
                wall.append(took * 1000)
                cpu.append(figures.cpu_s * 1000)
                rss.append(figures.rss_bytes / MB)
    return [
        ("start_wall", statistics.median(wall), "ms"),
        ("start_cpu", statistics.median(cpu), "ms"),
        ("start_rss", statistics.median(rss), "MB"),
    ]
