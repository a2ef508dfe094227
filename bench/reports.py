"""Wall time of the commands people run all day, against the bare interpreter in the same run."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from bench import corpus
from bench.process_figures import quantile
from bench.read_model import new_event

ENTRY = str(Path(__file__).resolve().parents[1] / "bin" / "openusage")
LINES = ("statusline", "tmux", "bar")
"""What shells and bars run every few seconds."""
STATUSLINE = {
    "session_id": "5f0c1d9e-0000-4000-8000-000000000000",
    "cwd": "/home/dev/project-1",
    "model": {"id": "claude-sonnet-4-5", "display_name": "Sonnet 4.5"},
    "cost": {"total_cost_usd": 0.0123},
    "rate_limits": {
        "five_hour": {"used_percentage": 25, "resets_at": 4_000_000_000},
        "seven_day": {"used_percentage": 50, "resets_at": 4_000_000_000},
    },
}


def run(quick: bool) -> list[tuple[str, float, str]]:
    """Medians in ms, each right after an event, with a million stored events."""
    events = 100_000 if quick else 1_000_000
    rounds = 7 if quick else 25
    commands = {
        "daily_json": ["daily", "--json", "--no-autostart"],
        "daily_json_kathmandu": ["daily", "--json", "--no-autostart", "-z", "Asia/Kathmandu"],
        "weekly_json": ["weekly", "--json", "--no-autostart"],
        "monthly_json": ["monthly", "--json", "--no-autostart"],
        "models_json": ["models", "--json", "--no-autostart"],
        "projects_json": ["projects", "--json", "--no-autostart"],
        "branches_json": ["branches", "--json", "--no-autostart"],
        "session_json": ["session", "--json", "--no-autostart"],
        "blocks_json": ["blocks", "--json", "--no-autostart"],
        "daily_table": ["daily", "--no-autostart"],
        "statusline": ["statusline"],
        "tmux": ["tmux", "--preset", "compact"],
        "bar": ["bar", "--format", "waybar"],
    }
    times: dict[str, list[float]] = {name: [] for name in ("pass", *commands)}
    with corpus.fresh_home() as (_, daemon):
        corpus.put_events(daemon, events)
        daemon.start()
        corpus.settle(daemon)
        for number in range(rounds + 1):
            took = _timed([sys.executable, "-c", "pass"], daemon.env, "")
            if number:
                times["pass"].append(took)
            for name, arguments in commands.items():
                # What somebody at work sees: something was used since the last report.
                with daemon.wire() as wire:
                    new_event(wire, f"{name}-{number}")
                text = json.dumps(STATUSLINE) if name == "statusline" else ""
                took = _timed([sys.executable, ENTRY, *arguments], daemon.env, text)
                if number:  # the first round fills caches
                    times[name].append(took)
    rows = [("python_pass_p50", statistics.median(times["pass"]), "ms")]
    for name in commands:
        rows.append((f"{name}_p50", statistics.median(times[name]), "ms"))
        rows.append((f"{name}_p90", quantile(times[name], 0.9), "ms"))
    bare = statistics.median(times["pass"])
    ratios = [(f"{name}_ratio", statistics.median(times[name]) / bare, "x") for name in LINES]
    return [*rows, *ratios]


def _timed(command: list[str], env: Mapping[str, str], text: str) -> float:
    began = time.perf_counter()
    done = subprocess.run(command, env=env, input=text, capture_output=True, text=True, check=False)
    took = (time.perf_counter() - began) * 1000
    if done.returncode:
        raise AssertionError(f"{command}: exit {done.returncode}: {done.stderr}")
    return took
