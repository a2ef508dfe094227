"""The status page says everything a user asks, in words."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from openusage_proto.alert_messages import AlertStatus
from openusage_proto.messages import (
    EventCounts,
    ImportProgress,
    RecentError,
    SourceStatus,
    SpoolStatus,
    Status,
)
from openusaged.status_page import render


def status(**changes: Any) -> dict[str, Any]:
    base = Status(
        version="1.2.3",
        protocol=1,
        pid=42,
        started_at="2026-03-01T00:00:00Z",
        uptime_s=90_061,
        cpu_s=1.25,
        rss_bytes=50 << 20,
        seq=7,
        socket="/s/telemetry.sock",
        database="/s/telemetry.db",
        database_bytes=3 << 30,
        wal_bytes=100,
        demo=False,
        connections=2,
        subscribers=1,
        queues={"writer": 3, "readers": 0},
        events=EventCounts(stored=1_234_567, accepted=5, deduplicated=4, merged=3, rejected=2),
        spool=SpoolStatus(pending=1, rejected=2, dropped=3),
        importing=ImportProgress(active=False),
    )
    return dataclasses.asdict(dataclasses.replace(base, **changes))


def test_alerts_have_a_line_when_they_are_on() -> None:
    """What is active, told, waiting and failed, with the last reason."""
    alerts = AlertStatus(
        enabled=True, active=1, fired=3, waiting=2, failed=1, last_error="HTTP 404"
    )
    assert (
        "alerts    1 active; since start 3 fired, 2 waiting, 1 failed (HTTP 404)"
        in render(status(alerts=alerts)).splitlines()
    )


def test_a_healthy_daemon() -> None:
    """Identity, load, places, counts and queues are there with units."""
    page = render(status())
    assert page.splitlines() == [
        "openusaged 1.2.3, protocol 1, pid 42",
        "up 1 d 1 h, CPU 1.2 s, memory 50.0 MiB",
        "socket    /s/telemetry.sock",
        "database  /s/telemetry.db (3.0 GiB + 100 B write-ahead log)",
        "events    1,234,567 stored; since start 5 new, 4 repeated, 3 completed, 2 rejected",
        "spool     1 waiting, 2 rejected, 3 dropped",
        "queues    writer 3",
        "clients   2 connected, 1 subscribed",
        "sources   none: no AI tool was found on this machine",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(5, "up 5 s"), (65, "up 1 min 5 s"), (3700, "up 1 h 1 min"), (200_000, "up 2 d 7 h")],
)
def test_uptime(seconds: float, words: str) -> None:
    """Two units are enough."""
    assert words in render(status(uptime_s=seconds))


def test_import_progress() -> None:
    """A running import has a percentage, a finished one its duration."""
    running = ImportProgress(active=True, total_bytes=200, done_bytes=50, events=9)
    assert "import    running: 25 % of 200 B, 9 events" in render(status(importing=running))
    assert "running: starting" in render(status(importing=ImportProgress(active=True)))
    done = ImportProgress(active=False, events=9, seconds=1.5, finished_at="2026-03-01T00:00:02Z")
    assert "9 events in 1.5 s, finished 2026-03-01T00:00:02Z" in render(status(importing=done))


def test_sources_and_troubles() -> None:
    """Each source has its home and times; warnings and errors come last."""
    source = SourceStatus(
        account_id="claude-code",
        provider_id="claude_code",
        title="Claude Code",
        home="/h/.claude",
        units=3,
        bytes=2048,
        last_scan_at="S",
        last_poll_at="P",
        poll_status="OK",
        error="no permission",
    )
    quiet = SourceStatus(account_id="codex", provider_id="codex", title="Codex", home="/h/.codex")
    page = render(
        status(
            demo=True,
            sources=[source, quiet],
            warnings=["data.retention_days: wrong"],
            errors=[
                RecentError(at="T", where="w", message="m", count=3),
                RecentError(at="T", where="w", message="n"),
            ],
        )
    )
    assert "DEMO DATA" in page
    assert "3 files, 2.0 KiB; scanned S; polled P OK; error: no permission" in page
    assert "/h/.codex" in page
    assert page.splitlines()[-3:] == [
        "warning: data.retention_days: wrong",
        "error at T in w (3 times): m",
        "error at T in w: n",
    ]
