"""The real `openusage` command as a process, and its reports in the shape of the truth."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.daemon import Daemon
from tests.support.truth import Truth
from tests.support.waiting import wait_until

REPOSITORY = Path(__file__).resolve().parents[2]
ENTRY = REPOSITORY / "bin" / "openusage"

Counts = tuple[int, int, int, int]
"""input, cache read, cache write (both kinds), output."""
Daily = dict[tuple[str, str], Counts]
"""Per (local day, model)."""


def run_client(
    env: Mapping[str, str], *args: str, stdin: str = "", check: bool = True
) -> subprocess.CompletedProcess[str]:
    """`openusage ARGS` to its end; with `check`, failing is an assertion with its words."""
    done = subprocess.run(
        [sys.executable, str(ENTRY), *args],
        env=dict(env),
        cwd=REPOSITORY,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    if check:
        assert done.returncode == 0, f"{args}: exit {done.returncode}\n{done.stderr}"
    return done


def report(env: Mapping[str, str], kind: str, *args: str) -> Any:
    """`openusage KIND --json` decoded."""
    return json.loads(run_client(env, kind, "--json", "--no-autostart", *args).stdout)


def daily(env: Mapping[str, str], zone: str) -> Daily:
    """What `openusage daily --json -b -z ZONE` says, rows without tokens left out."""
    found: Daily = {}
    for row in report(env, "daily", "-b", "-z", zone)["rows"]:
        for child in row.get("model_breakdown", []):
            counts = counts_of(child)
            assert child["total_tokens"] == sum(counts)
            if any(counts):
                key = (row["key"], child["key"])
                assert key not in found, f"{key} twice"
                found[key] = counts
    return found


def counts_of(row: Mapping[str, int]) -> Counts:
    """The four sums of a report row or of totals."""
    return (
        row["input_tokens"],
        row["cache_read_tokens"],
        row["cache_creation_tokens"],
        row["output_tokens"],
    )


def expected_daily(truth: Truth, zone: str) -> Daily:
    """The truth in the same shape."""
    return {
        key: (bucket.input, bucket.cache_read, bucket.cache_write, bucket.output)
        for key, bucket in truth.daily(zone).items()
        if bucket.total
    }


def differences(found: Daily, expected: Daily) -> dict[tuple[str, str], tuple[Any, Any]]:
    """(found, expected) where they differ, so that a failure shows only what matters."""
    return {
        key: (found.get(key), expected.get(key))
        for key in sorted(found.keys() | expected.keys())
        if found.get(key) != expected.get(key)
    }


def settle(daemon: Daemon) -> None:
    """Wait until everything on disk has been read, committed and nothing waits anywhere."""
    wait_until(
        lambda: daemon.call("status")["importing"]["finished_at"], 90.0, "the first import's end"
    )
    daemon.call("refresh", wait=True)
    wait_until(lambda: not daemon.call("status")["spool"]["pending"], 30.0, "an empty spool")
    daemon.wait_idle()


def wait_for_total(daemon: Daemon, truth: Truth, deadline_s: float = 60.0) -> None:
    """Wait, without asking for a scan, until the daemon's total is the truth's (or time is up)."""
    wanted = truth.total().total

    def total() -> int:
        model = daemon.call("read_model", window="all", tz="UTC")
        return int(model["totals"]["total_tokens"])

    try:
        wait_until(lambda: total() == wanted, deadline_s, f"{wanted} tokens")
    except AssertionError:
        found = total()
        if found != wanted:
            raise AssertionError(f"{found} tokens, the truth is {wanted}") from None


def assert_daily(daemon: Daemon, truth: Truth, zones: tuple[str, ...]) -> None:
    """`openusage daily --json` equals the truth to the token in every zone."""
    for zone in zones:
        wrong = differences(daily(daemon.env, zone), expected_daily(truth, zone))
        assert not wrong, f"{zone}: {wrong}"
