"""`openusage daily` and its siblings: what is asked, what is printed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import replace

import pytest

from openusage_client import arguments
from tests.support import wire_samples
from tests.support.scripted_peer import ScriptedPeer

Run = Callable[..., tuple[int, str, str]]


def test_every_flag_reaches_the_daemon(run: Run, peer: ScriptedPeer) -> None:
    """Each flag is the parameter of the same meaning."""
    run(
        *shlex.split(
            "weekly --since 20260301 --until 2026-03-31 -z UTC --provider anthropic --project api"
            " --account claude_code --mode auto -b --week-start sunday --json"
        )
    )
    assert peer.params_of("report") == [
        {
            "kind": "weekly",
            "since": "2026-03-01",
            "until": "2026-03-31",
            "tz": "UTC",
            "provider": "anthropic",
            "project": "api",
            "account": "claude_code",
            "mode": "auto",
            "breakdown": True,
            "week_start": "sunday",
        }
    ]


def test_local_zone_is_sent(run: Run, peer: ScriptedPeer) -> None:
    """Without -z the days are those of the caller's zone, not of the daemon's."""
    run("daily", "--json")
    assert peer.params_of("report")[0].get("tz") == arguments.local_zone()


@pytest.mark.parametrize("kind", ["daily", "weekly", "monthly", "session", "blocks"])
def test_json_is_the_report_with_empty_fields_absent(
    run: Run, peer: ScriptedPeer, kind: str
) -> None:
    """The JSON has every documented key, and the optional ones only when they say something."""
    peer.answers["report"] = replace(wire_samples.daily(), kind=kind)
    code, out, err = run(kind, "--json")
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert out == json.dumps(report, indent=2, ensure_ascii=False) + "\n"
    assert list(report) == [
        "schema_version", "kind", "timezone", "currency", "cost_basis", "generated_at", "seq",
        "rows", "totals", "unpriced_models", "sources",
    ]  # fmt: skip
    assert report["rows"][1] == {
        "key": "2026-03-05",
        "label": "2026-03-05",
        "input_tokens": 7,
        "output_tokens": 14,
        "cache_read_tokens": 280,
        "cache_creation_tokens": 21,
        "total_tokens": 322,
        "cost_usd": 0.007,
        "requests": 5,
        "cost_basis": "estimate",
        "unpriced_requests": 0,
        "models": ["anthropic/claude-haiku-4-5", "a", "b", "c"],
    }
    assert len(report["rows"][0]["model_breakdown"]) == 2
    assert report["totals"]["total_tokens"] == sum(r["total_tokens"] for r in report["rows"])


def test_json_without_rows_keeps_the_list(run: Run, peer: ScriptedPeer) -> None:
    """`rows` is never absent or null."""
    peer.answers["report"] = wire_samples.report("daily", [])
    assert json.loads(run("daily", "--json")[1])["rows"] == []


def test_blocks_json_keeps_the_block_fields(run: Run, peer: ScriptedPeer) -> None:
    """A running block tells its end, rate and projection; a finished one is not `active: false`."""
    done, running = json.loads(run("blocks", "--json")[1])["rows"]
    assert "active" not in done
    assert "projected_cost_usd" not in done
    assert running["active"] is True
    assert running["time_remaining_seconds"] == 12600.0


def test_table_is_printed_with_the_demo_label(run: Run, peer: ScriptedPeer) -> None:
    """A demo daemon's numbers are never mistaken for real ones."""
    peer.answers["status"] = wire_samples.status(demo=True)
    code, out, _ = run("daily", "--provider", "anthropic")
    assert code == 0
    assert out.splitlines()[0] == "Daily usage · Asia/Kathmandu · DEMO DATA"
    assert "History starts" not in out


def test_columns_narrows_the_table(
    run: Run, peer: ScriptedPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """COLUMNS asks for a narrower page."""
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(len, run("daily")[1].splitlines())) <= 60
