"""Rows H19 to H21 of the feature table: prices as a user looks them up, sets and fetches them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openusage_proto import locations
from tests.support.client import report, run_client
from tests.support.daemon import Daemon
from tests.support.waiting import wait_until
from tests.unit.openusaged.providers.shared.vendor_server import VendorServer

pytestmark = pytest.mark.e2e

SONNET = "claude-sonnet-4-5"
CATALOGUE = "/prices.json"
NEW_MODEL = {
    "acme-9": {
        "litellm_provider": "acme",
        "input_cost_per_token": 4e-6,
        "output_cost_per_token": 8e-6,
    }
}


def pricing(*arguments: str, check: bool = True) -> Any:
    """`openusage pricing` as a process."""
    return run_client(os.environ, "pricing", "--no-autostart", *arguments, check=check)


def price(model: str, *arguments: str) -> Any:
    """The price in `--json`, null when there is none."""
    done = pricing(model, "--json", *arguments, check=False)
    return json.loads(done.stdout)["price"]


def ingest(daemon: Daemon, model: str, number: int = 1, **more: Any) -> None:
    """One message of a thousand tokens in and a hundred out."""
    daemon.call(
        "ingest_turn",
        source="claude_code",
        account_id="claude-code",
        turn={
            "provider": "anthropic",
            "model": model,
            "message_id": f"msg_{number}",
            "session_id": "one",
            "occurred_at": "2026-03-01T12:00:00Z",
            "input_tokens": 1000,
            "output_tokens": 100,
            **more,
        },
    )


def test_h19_price_lookup_says_rates_source_date_and_tier(home: Path, daemon: Daemon) -> None:
    """H19: rates with their list, release and day; the prompt's size and the tier decide."""
    daemon.start()
    page = pricing(SONNET, "--context", "250k", "--at", "2026-03-01").stdout
    for words in ("exact, genai-prices", "as of     2026-03-01", "above 200k *", "$6.00", "batch"):
        assert words in page
    small, large = price(SONNET), price(SONNET, "--context", "250000")
    assert (small["rates"]["input"], small["rates"]["output"]) == (3.0, 15.0)
    assert (large["rates"]["input"], large["rates"]["output"]) == (6.0, 22.5)
    assert (small["source"], small["grade"]) == ("genai-prices", "exact")
    assert price(SONNET, "--tier", "batch")["rates"]["input"] == 1.5
    assert [price("o3", "--at", day)["rates"]["input"] for day in ("2025-05-01", "2026-03-01")] == [
        10.0,
        2.0,
    ]


def test_h19_no_price_is_exit_1_and_never_a_neighbours(home: Path, daemon: Daemon) -> None:
    """H19: an unknown model has no price; similar names are offered, none is taken silently."""
    daemon.start()
    done = pricing("claude-sonnet-4-9", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no price for model 'claude-sonnet-4-9'; similar: claude-sonnet-4" in done.stderr
    assert price("claude-sonnet-4-9") is None
    ingest(daemon, "claude-sonnet-4-9")
    found = report(os.environ, "daily")
    assert found["unpriced_models"] == ["claude-sonnet-4-9"]
    assert found["totals"]["cost_basis"] == "unpriced"


def test_h20_own_price_wins_everywhere(home: Path, daemon: Daemon) -> None:
    """H20: the user's rate is in the look-up, each report, the dashboard, exports, the line."""
    (home / ".claude" / "projects").mkdir(parents=True)
    path = Path(locations.config_dir()) / "custom-pricing.json"
    rates = {"input_cost_per_million_tokens": 100, "output_cost_per_million_tokens": 1000}
    path.write_text(json.dumps({"models": {SONNET: rates}}), encoding="utf-8")
    daemon.start()
    assert price(SONNET)["source"] == "custom"
    ingest(daemon, SONNET, occurred_at=None)
    wanted = pytest.approx(0.1 + 0.1)
    for kind in ("daily", "weekly", "monthly", "session", "blocks", "models", "projects"):
        assert report(os.environ, kind)["totals"]["cost_usd"] == wanted, kind
    assert daemon.call("read_model", window="1d")["totals"]["cost_usd"] == wanted
    assert daemon.call("explain", window="all")["cost"]["calculated_usd"] == wanted
    exported = json.loads(run_client(os.environ, "export", "--window", "all").stdout)
    (account,) = [item for item in exported["snapshots"] if item["account_id"] == "claude-code"]
    assert account["usage"]["totals"]["cost_usd"] == wanted

    def line() -> str:
        """Again where a busy machine did not let it ask in time."""
        return run_client(
            os.environ, "statusline", "--no-color", stdin='{"session_id": "one"}'
        ).stdout

    wait_until(lambda: "≈$0.20 session / ≈$0.20 today" in line(), 20.0, "both costs in the line")
    flags = ("--raw", "--no-color", "--max-runtime", "20s")
    assert run_client(os.environ, "tmux", *flags, "--format", "{today_cost}").stdout == "≈$0.20\n"


@pytest.fixture
def catalogue(home: Path) -> Iterator[VendorServer]:
    """A public price list on this machine, named in the settings."""
    server = VendorServer()
    server.start()
    settings = {
        "telemetry": {"poll": False},
        "pricing": {"catalogue_url": server.url + CATALOGUE},
    }
    Path(locations.settings_path()).write_text(json.dumps(settings), encoding="utf-8")
    server.answer(CATALOGUE, 200, NEW_MODEL)
    try:
        yield server
    finally:
        server.stop()


def test_h21_the_last_copy_works_offline(catalogue: VendorServer, daemon: Daemon) -> None:
    """H21: what was fetched once prices models after restarts, with the list unreachable."""
    daemon.start()
    assert price("acme-9") is None
    assert "1 models of LiteLLM" in pricing("--refresh").stdout
    catalogue.stop()
    daemon.restart()
    assert price("acme-9")["rates"]["input"] == 4.0
    failed = pricing("--refresh", check=False)
    assert failed.returncode == 1
    assert price("acme-9")["source"] == "litellm"
    ingest(daemon, "acme-9")
    assert report(os.environ, "daily")["totals"]["cost_usd"] == pytest.approx(0.0048)
