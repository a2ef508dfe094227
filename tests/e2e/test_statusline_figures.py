"""What the status line says beside what the reports and the host say: rows J01, J03, M02."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.support.client import ENTRY, REPOSITORY, report, run_client
from tests.support.daemon import Daemon
from tests.support.noon import zone_where_it_is_noon
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e

SONNET = "claude-sonnet-4-5"


def line(payload: Any, *flags: str) -> str:
    """The line for a host's JSON, without colours."""
    return run_client(
        os.environ, "statusline", "--no-color", *flags, stdin=json.dumps(payload)
    ).stdout


def told(payload: Any, words: str, *flags: str) -> str:
    """The line once it holds these words: a busy machine may not let it ask in time."""
    return wait_until(lambda: words in (text := line(payload, *flags)) and text, 20.0, words)


INPUTS = {
    "nothing": b"",
    "no JSON": b"{",
    "a list": b"[1, 2]",
    "binary": bytes(range(256)),
    "deep": b"[" * 100_000,
    "wrong types": b'{"model": 5, "cost": [], "rate_limits": "x", "session_id": {}}',
    "control characters": json.dumps({"model": {"display_name": "a\x1b[2J\nb"}}).encode(),
    "too long": b'{"x": "' + b"y" * (2 << 20) + b'"}',
    "NaN": b'{"context_window": {"used_percentage": NaN}}',
}


@pytest.mark.parametrize("running", [True, False], ids=["daemon", "alone"])
def test_j01_one_line_and_exit_0_for_any_input(home: Path, daemon: Daemon, running: bool) -> None:
    """J01: whatever stands on stdin, one line is printed, nothing on stderr, and exit 0."""
    if running:
        daemon.start()
    for name, data in INPUTS.items():
        done = subprocess.run(
            [sys.executable, str(ENTRY), "statusline"],
            input=data,
            capture_output=True,
            check=False,
            cwd=REPOSITORY,
        )
        assert (done.returncode, done.stderr) == (0, b""), name
        assert done.stdout.count(b"\n") == 1, name
        assert done.stdout.strip(), name
        assert b"\x1b[2J" not in done.stdout, name
    told({"model": {"display_name": "Opus X"}}, "Opus X")


def turn(number: int, minutes_ago: float, session: str, **more: Any) -> dict[str, Any]:
    """One message that costs (1 + number) cents and a bit, and has a recorded cost."""
    return {
        "occurred_at": (datetime.now(UTC) - timedelta(minutes=minutes_ago)).isoformat(),
        "provider": "anthropic",
        "model": SONNET,
        "session_id": session,
        "message_id": f"msg_{number}",
        "input_tokens": 100_000 * (number + 1),
        "output_tokens": 2000,
        "cost": 0.25 * (number + 1),
        **more,
    }


def amounts(text: str) -> dict[str, float]:
    """`{"session": 0.41, ...}` of a line."""
    return {
        name: float(number.replace(",", ""))
        for number, name in re.findall(r"\$([\d.,]+) (session|today|block)", text)
    }


@pytest.mark.parametrize("mode", ["calculate", "display", "auto"])
def test_j03_costs_are_those_of_the_reports(
    home: Path, daemon: Daemon, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """J03: session, today and block are the reports' figures of the same period and basis."""
    (home / ".claude" / "projects").mkdir(parents=True)
    zone = zone_where_it_is_noon()
    monkeypatch.setenv("TZ", zone)
    daemon.env = dict(os.environ)
    daemon.start()
    for one in (
        turn(0, 5, "mine"),
        turn(1, 4, "mine", cost=None),
        turn(2, 3, "other"),
        turn(3, 24 * 60 + 1, "mine"),
    ):
        daemon.call("ingest_turn", source="claude_code", account_id="claude-code", turn=one)
    segments = ("--segments", "session,today,block")
    shown = amounts(told({"session_id": "mine"}, " block (", *segments, "--mode", mode))

    def costs(kind: str) -> dict[str, float]:
        rows = report(os.environ, kind, "--mode", mode, "-z", zone)["rows"]
        return {row["key"]: row["cost_usd"] for row in rows if row.get("active", kind != "blocks")}

    today = datetime.now(ZoneInfo(zone)).date().isoformat()
    (block,) = costs("blocks").values()
    # Cents are what a line has room for.
    assert shown == {
        "today": pytest.approx(costs("daily")[today], abs=0.0051),
        "session": pytest.approx(costs("session")["mine"], abs=0.0051),
        "block": pytest.approx(block, abs=0.0051),
    }
    assert shown["session"] != shown["today"]


def tmux(template: str) -> str:
    """The line of tmux, however long it takes."""
    flags = ("--raw", "--no-cache", "--no-color", "--max-runtime", "20s")
    return run_client(os.environ, "tmux", *flags, "--format", template).stdout


def test_m02_weekly_and_model_windows_and_reset_clocks(home: Path, daemon: Daemon) -> None:
    """M02: the weekly limits, those of single models too, and when each starts anew."""
    (home / ".claude" / "projects").mkdir(parents=True)
    daemon.start()
    now = time.time()
    host = {
        "session_id": "one",
        "transcript_path": str(home / ".claude" / "projects" / "x.jsonl"),
        "rate_limits": {
            "five_hour": {"used_percentage": 15, "resets_at": now + 2 * 3600 + 55},
            "seven_day": {"used_percentage": 41, "resets_at": now + 3 * 86400},
            "seven_day_opus": {"used_percentage": 77, "resets_at": now + 3 * 86400},
        },
    }
    shown = told(host, "opus week 77% used", "--segments", "window5h,reset,weekly")
    for words in ("5h 15% used", "resets 2h00m", "week 41% used"):
        assert words in shown

    def bar() -> str:
        template = "{block_pct} {reset_in} {weekly} {weekly_reset_in} {usage_seven_day_opus}"
        return tmux(template)

    text = wait_until(lambda: "41%" in (found := bar()) and found, 20.0, "the weekly limit")
    assert re.fullmatch(r"15% (2h00m|1h59m) 41% \S+ 77%\n", text)
    assert re.fullmatch(r"\d\d:\d\d\|\w{3} \d\d:\d\d\n", tmux("{reset_at}|{weekly_reset_at}"))
