"""
Questions over one connection, each right after a new event, with a million stored events.

Wall time is what a client waits; the daemon's CPU time is the same on a busy machine.
"""

from __future__ import annotations

import time
from typing import Any

from bench import corpus
from bench.process_figures import of, quantile
from bench.read_model import new_event
from bench.targets import Target

QUESTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "status": ("status", {}),
    "explain_today": ("explain", {"window": "1d", "tz": "UTC"}),
    "explain_30d": ("explain", {"window": "30d", "tz": "UTC"}),
    "sessions": ("sessions", {"limit": 100}),
    "sessions_by_cost": ("sessions", {"limit": 100, "sort": "cost"}),
    "sessions_by_text": ("sessions", {"limit": 100, "text": "project-1 sonnet"}),
    "analytics_30d": ("analytics", {"window": "30d", "tz": "UTC"}),
    "analytics_all": ("analytics", {"window": "all", "tz": "UTC"}),
    "report_session": ("report", {"kind": "session", "tz": "UTC"}),
    "report_blocks": ("report", {"kind": "blocks", "tz": "UTC"}),
    "statusline": ("statusline", {"payload": {"model": {"display_name": "Sonnet 4.5"}}}),
}
TARGETS = {
    f"answer_{name}_p50": Target("<=", 50) for name in QUESTIONS if not name.startswith("report")
}


def run(quick: bool) -> list[tuple[str, float, str]]:
    """First, p50 and the daemon's CPU time in ms per question."""
    rows: list[tuple[str, float, str]] = []
    calls = 10 if quick else 50
    with corpus.fresh_home() as (_, daemon):
        corpus.put_events(daemon, 100_000 if quick else 1_000_000)
        daemon.start()
        corpus.settle(daemon)
        assert daemon.process is not None
        pid = daemon.process.pid
        with daemon.wire() as wire:
            for name, (method, params) in QUESTIONS.items():
                wall, cpu = [], []
                for number in range(calls + 1):
                    new_event(wire, f"{name}-{number}")
                    used, began = of(pid).cpu_s, time.perf_counter()
                    wire.call(method, **params)
                    wall.append((time.perf_counter() - began) * 1000)
                    cpu.append((of(pid).cpu_s - used) * 1000)
                rows += [
                    (f"answer_{name}_first", wall[0], "ms"),
                    (f"answer_{name}_p50", quantile(wall[1:], 0.5), "ms"),
                    (f"answer_{name}_cpu_p50", quantile(cpu[1:], 0.5), "ms"),
                ]
        rows.append(("answers_rss", of(pid).rss_bytes / 1e6, "MB"))
    return rows
