"""The command line against the real daemon: start, reports, export, status line, demo."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openusage_client import demo_homes
from openusage_client.demo_homes import PROJECTS
from openusage_client.errors import EXIT_USAGE, exit_code_of
from openusage_client.rpc import Connection, DaemonNotRunning, RpcError
from openusage_proto import locations
from tests.support.client import run_client
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.measured, pytest.mark.timeout(180)]

SCRIPT = Path(__file__).resolve().parents[2] / "bin" / "openusage"


def openusage(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the client as a user does."""
    return run_client(os.environ, *arguments, stdin=stdin, check=False)


@pytest.fixture
def machine(home: Path) -> Iterator[Path]:
    """A home with forty days of invented activity; a daemon that a test started is stopped."""
    demo_homes.write_homes(str(home), int(time.time() * 1000))
    yield home
    try:
        with Connection() as connection:
            pid = connection.call("status")["pid"]
    except DaemonNotRunning:
        return
    os.kill(pid, signal.SIGTERM)

    def ended() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False

    wait_until(ended, deadline_s=15, what="the daemon ends")


def written(home: Path) -> dict[str, int]:
    """Token sums of the three homes by a plain reading of what the generator wrote."""
    sums = {"input": 0, "output": 0, "read": 0, "write": 0}
    for path in home.glob(".claude/projects/*/*.jsonl"):
        for line in path.read_text().splitlines():
            usage = json.loads(line)["message"].get("usage")
            if usage:
                sums["input"] += usage["input_tokens"]
                sums["output"] += usage["output_tokens"]
                sums["read"] += usage["cache_read_input_tokens"]
                sums["write"] += usage["cache_creation_input_tokens"]
    for path in home.glob(".codex/sessions/*/*/*/*.jsonl"):
        total = json.loads(path.read_text().splitlines()[-1])["payload"]["info"][
            "total_token_usage"
        ]
        sums["input"] += total["input_tokens"] - total["cached_input_tokens"]
        sums["read"] += total["cached_input_tokens"]
        sums["output"] += total["output_tokens"]
    for path in home.glob(".local/share/opencode/storage/message/*/*.json"):
        tokens = json.loads(path.read_text())["tokens"]
        sums["input"] += tokens["input"]
        sums["read"] += tokens["cache"]["read"]
        sums["output"] += tokens["output"]
    return sums


def test_first_command_starts_the_daemon_and_counts_everything(machine: Path) -> None:
    """One command on a fresh machine starts the daemon, waits for the import, prints all of it."""
    done = openusage("daily", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    totals = json.loads(done.stdout)["totals"]
    truth = written(machine)
    assert truth == {
        "input": totals["input_tokens"],
        "output": totals["output_tokens"],
        "read": totals["cache_read_tokens"],
        "write": totals["cache_creation_tokens"],
    }
    assert totals["total_tokens"] == sum(truth.values())
    assert openusage("status").returncode == 0
    monthly = json.loads(openusage("monthly", "--json", "--no-autostart").stdout)
    assert monthly["totals"]["total_tokens"] == totals["total_tokens"]


def test_every_view_agrees_and_fits(machine: Path) -> None:
    """Tables of every report run on real answers; the export holds the same total."""
    total = json.loads(openusage("daily", "--json").stdout)["totals"]["total_tokens"]
    for command in ("daily", "weekly", "monthly", "session", "blocks", "overview", "status"):
        done = openusage(command)
        assert (done.returncode, done.stderr) == (0, ""), command
        assert done.stdout.strip()
    target = machine / "export.json"
    assert openusage("export", "--window", "all", "-o", str(target)).returncode == 0
    document = json.loads(target.read_text())
    exported = [item["usage"]["totals"]["total_tokens"] for item in document["snapshots"]]
    assert sum(exported) == total
    overview = json.loads(openusage("overview", "--json").stdout)
    assert {item["account_id"] for item in overview["accounts"]} == {
        item["account_id"] for item in document["snapshots"]
    }


def test_filters_divide_the_total(machine: Path) -> None:
    """Projects and models are parts of the whole, each counted once."""
    report = json.loads(openusage("daily", "--json", "-b").stdout)
    for row in report["rows"]:
        assert sum(child["total_tokens"] for child in row["model_breakdown"]) == row["total_tokens"]
    parts = [
        json.loads(openusage("daily", "--json", "--project", name).stdout)["totals"]["total_tokens"]
        for name in PROJECTS
    ]
    assert all(parts)
    assert sum(parts) == report["totals"]["total_tokens"]
    day = report["rows"][3]["key"]
    one = json.loads(openusage("daily", "--json", "--since", day, "--until", day).stdout)
    assert one["rows"][0]["total_tokens"] == report["rows"][3]["total_tokens"]


def test_refused_parameter_is_a_usage_error(machine: Path) -> None:
    """What only the daemon can refuse names its field and is the exit code of wrong usage."""
    openusage("daily", "--json")
    with Connection() as connection, pytest.raises(RpcError, match="tz") as caught:
        connection.call("report", kind="daily", tz="Nowhere/Land")
    assert exit_code_of(caught.value) == EXIT_USAGE


def test_statusline_uses_the_daemon_and_never_starts_it(machine: Path) -> None:
    """Without a daemon the line is built from stdin; with one it adds the stored cost of today."""
    host: dict[str, Any] = {
        "session_id": "x",
        "model": {"display_name": "Opus X"},
        "rate_limits": {"five_hour": {"used_percentage": 15.0, "resets_at": time.time() + 3600}},
    }
    alone = openusage("statusline", stdin=json.dumps(host))
    assert alone.returncode == 0
    assert alone.stdout.startswith("Opus X")
    assert not os.path.exists(locations.socket_path())
    openusage("daily", "--json")

    def helped() -> str:
        done = openusage("statusline", stdin=json.dumps(host))
        assert done.returncode == 0
        assert "Opus X" in done.stdout
        return done.stdout

    # A busy machine may not let the line ask in its time: then it is the one without a daemon.
    wait_until(lambda: "today" in helped(), 20.0, "the line of the daemon")


def test_progress_is_drawn_on_a_terminal_only(machine: Path) -> None:
    """stderr as a terminal sees the import on one line that is erased; stdout stays pure JSON."""
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [sys.executable, str(SCRIPT), "daily", "--json"], stdout=subprocess.PIPE, stderr=follower
    ) as process:
        os.close(follower)
        assert process.stdout is not None
        json.loads(process.stdout.read())
        assert process.wait(60) == 0
    shown = b""
    while select.select([leader], [], [], 0)[0]:
        try:
            chunk = os.read(leader, 65536)
        except OSError:
            break
        if not chunk:
            break
        shown += chunk
    os.close(leader)
    last = shown.decode().split("\r")[-1]
    assert last == ""


def test_demo_shows_labelled_data_of_a_real_daemon() -> None:
    """`openusage demo` starts its own daemon, shows labelled numbers, leaves no trace."""
    done = openusage("demo")
    assert (done.returncode, done.stderr) == (0, "")
    first, *rest = done.stdout.splitlines()
    assert first.endswith("DEMO DATA")
    text = "\n".join(rest)
    for name in ("Claude Code", "Codex", "OpenCode"):
        assert name in text
    assert "used" in text
    assert os.listdir(os.environ["HOME"]) == []


def test_demo_keeps_what_it_was_told_to(tmp_path: Path) -> None:
    """A kept demo can be looked into."""
    kept = tmp_path / "k"
    done = openusage("demo", "--keep", str(kept))
    assert done.returncode == 0
    assert (kept / ".local" / "state" / "openusage" / "telemetry.db").is_file()
    assert not (kept / "demo.sock").exists()
    shutil.rmtree(kept)
