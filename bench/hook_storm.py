"""
A thousand hook processes, fifty at a time, while the daemon is killed and started.

The times are wall times of whole processes with fifty of them on a few cores: most of it is waiting
for a core.  `hook.*` has the same process alone.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench import corpus
from bench.process_figures import quantile
from bench.targets import Target
from tests.support import hooks

AT_ONCE = 50
TARGETS = {
    "hook_storm_max": Target("<=", 400),
    "hook_storm_lost": Target("<=", 0),
    "hook_storm_failed": Target("<=", 0),
}


def run(quick: bool) -> list[tuple[str, float, str]]:
    """Wall times in ms, and how many hooks failed, spoke or lost their event: none."""
    count = 200 if quick else 1_000
    with corpus.fresh_home() as (home, daemon):
        daemon.start()
        corpus.settle(daemon)
        transcript = home / ".claude" / "projects" / "-w" / "s.jsonl"
        transcript.parent.mkdir()
        transcript.touch()
        times: list[float] = []
        failed = 0
        with ThreadPoolExecutor(AT_ONCE) as pool:
            restarts = {count * fifth // 5 for fifth in range(1, 5)}
            for number, (took, good) in enumerate(
                pool.map(lambda item: _one(item, daemon.env, transcript), range(count))
            ):
                times.append(took)
                failed += not good
                if number in restarts:
                    daemon.restart(kill=True)
        corpus.settle(daemon)
        stored = daemon.call("status")["events"]["stored"]
    bare = _bare(min(count, 200), daemon.env)
    return [
        ("hook_storm_p50", quantile(times, 0.5), "ms"),
        ("hook_storm_p99", quantile(times, 0.99), "ms"),
        ("hook_storm_max", max(times), "ms"),
        ("python_pass_storm_p50", quantile(bare, 0.5), "ms"),
        ("python_pass_storm_max", max(bare), "ms"),
        ("hook_storm_failed", float(failed), "hooks"),
        ("hook_storm_lost", float(count - stored), "events"),
    ]


_gate = threading.Lock()


def _one(number: int, env: dict[str, str], transcript: Path) -> tuple[float, bool]:
    payload = hooks.post_tool_use("s", f"toolu_{number:06d}", transcript=str(transcript))
    with _gate:  # forking from many threads at once is timed badly
        process = hooks.start_hook(hooks.CLAUDE_HOOK, env, payload)
        began = time.perf_counter()
    out, err = process.communicate()
    return (time.perf_counter() - began) * 1000, (process.returncode, out, err) == (0, b"", b"")


def _bare(count: int, env: dict[str, str]) -> list[float]:
    """The bare interpreter in the same crowd."""

    def once(_number: int) -> float:
        with _gate:
            process = subprocess.Popen([sys.executable, "-I", "-S", "-c", "pass"], env=env)
            began = time.perf_counter()
        process.wait()
        return (time.perf_counter() - began) * 1000

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(once, range(count)))
