"""
The status line's client alone: a peer that answers at once, or nobody.

`reports` measures it with a daemon that holds a million events; the difference is the daemon's.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping

from bench.reports import ENTRY, STATUSLINE
from tests.support.scripted_peer import ScriptedPeer


def run(quick: bool) -> list[tuple[str, float, str]]:
    """Medians in ms, and the ratio to the bare interpreter of the same rounds."""
    rounds = 15 if quick else 60
    text = json.dumps(STATUSLINE)
    with tempfile.TemporaryDirectory(prefix="ou-") as directory:
        path = os.path.join(directory, "s.sock")
        env = {
            "HOME": directory,
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": os.path.dirname(os.path.dirname(ENTRY)),
            "OPENUSAGE_TELEMETRY_SOCKET": path,
        }
        bare = [sys.executable, "-c", "pass"]
        line = [sys.executable, ENTRY, "statusline"]
        times: dict[str, list[float]] = {"pass": [], "answered": [], "alone": []}
        for number in range(rounds + 1):
            took = {"pass": _timed(bare, env, ""), "alone": _timed(line, env, text)}
            with ScriptedPeer({"statusline": {"text": "Sonnet 4.5"}}, path):
                took["answered"] = _timed(line, env, text)
            if number:  # the first round fills caches
                for name, value in took.items():
                    times[name].append(value)
    middle = {name: statistics.median(values) for name, values in times.items()}
    return [
        ("statusline_client_p50", middle["answered"], "ms"),
        ("statusline_client_ratio", middle["answered"] / middle["pass"], "x"),
        ("statusline_without_daemon_p50", middle["alone"], "ms"),
    ]


def _timed(command: list[str], env: Mapping[str, str], text: str) -> float:
    began = time.perf_counter()
    subprocess.run(command, env=env, input=text, capture_output=True, text=True, check=True)
    return (time.perf_counter() - began) * 1000
