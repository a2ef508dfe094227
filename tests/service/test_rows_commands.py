"""Rows DMN-13 and DMN-14 of the feature table: what a user asks of a running daemon by hand."""

from __future__ import annotations

import csv
import io
import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from openusage_proto import locations
from tests.support.claude_line import line
from tests.support.client import run_client
from tests.support.daemon import Daemon, running_daemon
from tests.support.vendor_server import vendor
from tests.support.waiting import wait_until

TIMING = re.compile(r"event=(\w+) (.*)ms=(\d+\.\d\d)")


def timings(daemon: Daemon) -> dict[str, set[str]]:
    """What has been timed so far: kind -> which."""
    found: dict[str, set[str]] = {}
    for kind, words, _ in TIMING.findall(daemon.output):
        found.setdefault(kind, set()).add(words.strip())
    return found


def test_dmn_13_debug_tells_how_long_everything_took(isolated_home: str) -> None:
    """DMN-13: with OPENUSAGE_DEBUG=1 each request, poll and job says its time on stderr."""
    with vendor("sk-planted-0001", body={"data": []}) as server:
        path = Path(locations.settings_path())
        path.parent.mkdir(parents=True)
        account = {"id": "grok", "provider": "xai", "base_url": server.url}
        path.write_text(json.dumps({"accounts": [account]}))
        environment = {"OPENUSAGE_DEBUG": "1", "XAI_API_KEY": "sk-planted-0001"}
        with running_daemon(environment) as daemon:
            wait_until(lambda: "poll" in timings(daemon), 20.0, "a poll's time")
            daemon.call("report", kind="daily")
            turn = {"message_id": "m1", "model": "m", "input_tokens": 1}
            daemon.call("ingest_turn", source="mine", turn=turn)
            found = timings(daemon)
            assert found["poll"] == {"account=grok"}
            assert {"method=report", "method=ingest_turn"} <= found["request"]
            assert {job.split()[0] for job in found["job"]} == {
                "pool=writer",
                "pool=readers",
                "pool=workers",
            }
            assert all(re.fullmatch(r"pool=\w+ call=\S+", job) for job in found["job"])
            assert "sk-planted" not in daemon.output


@pytest.mark.parametrize("value", ["", "0"])
def test_dmn_13_nothing_is_timed_unless_asked_for(isolated_home: str, value: str) -> None:
    """DMN-13: without the variable, or with 0, there is no such line; --log-level alone asks, too."""
    with running_daemon({"OPENUSAGE_DEBUG": value}) as daemon:
        daemon.call("report", kind="daily")
        daemon.stop()
        assert timings(daemon) == {}
    with running_daemon({"OPENUSAGE_DEBUG": value}, args=("--log-level", "debug")) as daemon:
        daemon.call("report", kind="daily")
        wait_until(lambda: "request" in timings(daemon), 10.0, "a request's time")


@pytest.fixture
def used(isolated_home: str) -> Path:
    """A home in which Claude Code has answered twice."""
    log = Path(isolated_home) / ".claude" / "projects" / "-w" / "s1.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text(line(1) + line(2))
    return Path(isolated_home)


def tokens(document: Any) -> dict[str, int]:
    return {
        one["account_id"]: one["usage"]["totals"]["total_tokens"] for one in document["snapshots"]
    }


def test_dmn_14_export_of_a_running_daemon(used: Path) -> None:
    """DMN-14: JSON and CSV for the user only, with the documented version and the same accounts."""
    with running_daemon() as daemon:
        wait_until(lambda: daemon.call("status")["events"]["stored"] == 2)
        files = {kind: used / f"out.{kind}" for kind in ("json", "csv")}
        for kind, file in files.items():
            run_client(daemon.env, "export", "-o", str(file), "--format", kind, "--window", "all")
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
        document = json.loads(files["json"].read_text())
        assert (document["schema_version"], document["source"]) == ("1", "daemon")
        assert tokens(document) == {"claude-code": 23}
        rows = list(csv.DictReader(io.StringIO(files["csv"].read_text())))
        assert {row["account_id"] for row in rows} == {"claude-code"}
        assert {row["schema_version"] for row in rows} == {"1"}


def test_dmn_14_export_brings_a_daemon_up(used: Path) -> None:
    """DMN-14: with nothing running the export starts the daemon and waits for what it imports."""
    done = run_client(dict(Daemon().env), "export", "--window", "all")
    assert tokens(json.loads(done.stdout)) == {"claude-code": 23}
    assert run_client(dict(Daemon().env), "status", "--no-autostart").returncode == 0
