"""`read_model` over one connection with a million stored events: unchanged, and after an event."""

from __future__ import annotations

import time
from typing import Any

from bench import corpus
from bench.process_figures import quantile
from tests.support.daemon import Wire

WINDOWS = ("1d", "3d", "7d", "30d", "all")


def run(quick: bool) -> list[tuple[str, float, str]]:
    """p50 and p99 in ms per window."""
    events = 100_000 if quick else 1_000_000
    calls = 60 if quick else 300
    rows: list[tuple[str, float, str]] = []
    with corpus.fresh_home() as (_, daemon):
        corpus.put_events(daemon, events)
        daemon.start()
        corpus.settle(daemon)
        with daemon.wire() as wire:
            stored = wire.call("status")["events"]["stored"]
            rows.append(("read_model_stored_events", float(stored), "events"))
            for window in WINDOWS:
                first = _timed(wire, window=window, tz="UTC")
                times = [_timed(wire, window=window, tz="UTC") for _ in range(calls)]
                rows.append((f"read_model_{window}_first", first, "ms"))
                rows.append((f"read_model_{window}_p50", quantile(times, 0.5), "ms"))
                rows.append((f"read_model_{window}_p99", quantile(times, 0.99), "ms"))
            for window in WINDOWS:
                times = []
                for number in range(calls):
                    new_event(wire, f"{window}-{number}")
                    times.append(_timed(wire, window=window, tz="UTC"))
                rows.append((f"read_model_{window}_after_event_p50", quantile(times, 0.5), "ms"))
                rows.append((f"read_model_{window}_after_event_p99", quantile(times, 0.99), "ms"))
            times = []
            for number in range(min(calls, 100)):
                new_event(wire, f"zone-{number}")
                times.append(_timed(wire, window="30d", tz="Asia/Kathmandu"))
            rows.append(("read_model_30d_kathmandu_p50", quantile(times, 0.5), "ms"))
            seq = wire.call("read_model", window="30d", tz="UTC")["seq"]
            times = [_timed(wire, window="30d", tz="UTC", if_seq=seq) for _ in range(calls)]
            rows.append(("read_model_if_seq_p50", quantile(times, 0.5), "ms"))
    return rows


def _timed(wire: Wire, **params: Any) -> float:
    began = time.perf_counter()
    wire.call("read_model", **params)
    return (time.perf_counter() - began) * 1000


def new_event(wire: Wire, ident: str) -> None:
    """Store one response that was never seen, now."""
    turn = {"message_id": f"bench-{ident}", "model": "claude-sonnet-4-5", "provider": "anthropic"}
    turn |= {"input_tokens": 12, "output_tokens": 5, "cwd": "/home/dev/project-1"}
    wire.call("ingest_turn", source="claude_code", turn=turn, account_id="claude-code")
