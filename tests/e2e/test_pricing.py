"""Prices through a real daemon and the real command: found, missing, added, applied to history."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from openusage_proto import locations
from tests.support.daemon import REPOSITORY, Daemon
from tests.support.waiting import wait_until
from tests.unit.openusaged.providers.shared.vendor_server import VendorServer

pytestmark = pytest.mark.e2e

EVENTS = 6000


def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "openusage_client", "pricing", "--no-autostart", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        timeout=60,
        check=False,
    )


def turn(number: int, model: str = "acme-1", **more: Any) -> dict[str, Any]:
    return {
        "provider": "acme",
        "model": model,
        "message_id": f"m{number}",
        "session_id": f"s{number % 7}",
        "occurred_at": "2026-11-20T12:00:00Z",
        "input_tokens": 1000,
        "output_tokens": 100,
        **more,
    }


def ingest(daemon: Daemon, count: int) -> None:
    with daemon.wire() as wire:
        for start in range(0, count, 500):
            batch = [
                {
                    "jsonrpc": "2.0",
                    "id": number,
                    "method": "ingest_turn",
                    "params": {"source": "my_tool", "turn": turn(number)},
                }
                for number in range(start, min(start + 500, count))
            ]
            wire.send(json.dumps(batch).encode() + b"\n")
            assert len(wire.read_message()) == len(batch)


def own_prices(home: Path, usd_per_million: float) -> Path:
    path = Path(locations.config_dir()) / "custom-pricing.json"
    rates = {
        "input_cost_per_million_tokens": usd_per_million,
        "output_cost_per_million_tokens": usd_per_million,
    }
    path.write_text(json.dumps({"models": {"acme-1": rates}}), encoding="utf-8")
    return path


def totals(daemon: Daemon) -> dict[str, Any]:
    model: dict[str, Any] = daemon.call("read_model", window="all", tz="UTC")
    return {**model["totals"], "models": model["unpriced_models"]}


def test_model_without_price_gets_one_and_history_follows(home: Path, daemon: Daemon) -> None:
    """From "unpriced" over the user's own file to a re-priced report, without a restart."""
    daemon.start()
    ingest(daemon, 3)
    assert totals(daemon)["models"] == ["acme-1"]

    listed = run("--unpriced")
    assert listed.returncode == 0, listed.stderr
    assert "acme-1" in listed.stdout
    assert "custom-pricing.json" in listed.stdout
    unknown = run("acme-1")
    assert unknown.returncode == 1
    assert "no price for model 'acme-1'" in unknown.stderr

    # a slip first: it is named with its line, in the command and in `status`
    path = own_prices(home, 2)
    path.write_text('{"models": {\n  "acme-1": {"input_cost_per_token": 1}}}', encoding="utf-8")
    wait_until(
        lambda: any(f"{path}:2:3" in text for text in daemon.call("status")["warnings"]),
        what="the warning about the file",
    )
    assert f"{path}:2:3" in run("--unpriced").stderr

    own_prices(home, 2)
    wait_until(
        lambda: daemon.call("pricing", model="acme-1")["price"] is not None,
        what="the user's own price",
    )
    daemon.call("ingest_turn", source="my_tool", turn=turn(3))
    before = totals(daemon)
    assert (before["cost_usd"], before["unpriced_requests"]) == (0.0022, 3)

    refused = run("--reprice")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    done = run("--reprice", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["changed_events"] == 3
    after = totals(daemon)
    assert (after["cost_usd"], after["unpriced_requests"], after["models"]) == (0.0088, 0, [])
    again = run("--reprice", "--yes")
    assert "0 changed" in again.stdout


def test_killed_job_is_finished_by_the_next_start(home: Path, daemon: Daemon) -> None:
    """kill -9 in the middle of a job loses nothing: the next daemon ends it, sums stay exact."""
    daemon.start()
    ingest(daemon, EVENTS)
    own_prices(home, 3)
    wait_until(
        lambda: daemon.call("pricing", model="acme-1")["price"] is not None,
        what="the user's own price",
    )
    daemon.call("reprice")
    wait_until(lambda: daemon.call("status")["repricing"]["done_events"] > 0, what="a first step")
    daemon.restart(kill=True)
    partial = totals(daemon)
    assert partial["requests"] == EVENTS
    wait_until(lambda: totals(daemon)["unpriced_requests"] == 0, 30.0, "the job's end")
    final = totals(daemon)
    # 1,100 tokens at 3 USD per million
    assert final["cost_usd"] == pytest.approx(EVENTS * 0.0033, abs=1e-9)
    sessions = daemon.call("sessions", limit=100)["sessions"]
    in_sessions = sum(session["totals"]["cost_usd"] for session in sessions)
    assert in_sessions == pytest.approx(final["cost_usd"], abs=1e-9)


def test_catalogue_is_fetched_on_request_and_used_by_the_next_start(
    home: Path, daemon: Daemon
) -> None:
    """A model only the catalogue knows is priced after `--refresh`, and after a restart."""
    server = VendorServer()
    server.start()
    try:
        entry = {
            "litellm_provider": "acme",
            "input_cost_per_token": 4e-6,
            "output_cost_per_token": 8e-6,
        }
        server.answer("/c.json", 200, {"acme-1": entry}, etag='"7"')
        settings = {
            "telemetry": {"poll": False},
            "pricing": {"catalogue_url": server.url + "/c.json"},
        }
        Path(locations.settings_path()).write_text(json.dumps(settings), encoding="utf-8")
        daemon.start()
        assert daemon.call("pricing", model="acme-1")["price"] is None
        fetched = run("--refresh")
        assert fetched.returncode == 0, fetched.stderr
        assert "1 models of LiteLLM" in fetched.stdout
        shown = run("acme-1", "--json")
        assert json.loads(shown.stdout)["price"]["source"] == "litellm"
        server.answer("/c.json", 500)
        failed = run("--refresh")
        assert failed.returncode == 1
        daemon.restart()
        ingest(daemon, 1)
        # 1,000 at 4 and 100 at 8 USD per million
        assert totals(daemon)["cost_usd"] == pytest.approx(0.0048)
        assert os.stat(
            Path(locations.cache_dir()) / "pricing" / "litellm.prices"
        ).st_mode % 512 == (0o600)
    finally:
        server.stop()
