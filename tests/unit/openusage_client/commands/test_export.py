"""`openusage export`: the documented JSON and CSV, private and whole."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from openusage_client.commands import export
from tests.support import wire_samples
from tests.support.scripted_peer import ScriptedPeer

Run = Callable[..., tuple[int, str, str]]


def test_json_document(run: Run, peer: ScriptedPeer) -> None:
    """The envelope, the order of snapshots and the documented fields of one."""
    code, out, err = run("export", "--window", "7d", "-z", "UTC")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document["schema_version"] == "1"
    assert document["source"] == "daemon"
    assert document["window"] == {"name": "7d", "timezone": wire_samples.ZONE}
    assert peer.params_of("read_model") == [{"window": "7d", "tz": "UTC"}]
    order = [(item["provider_id"], item["account_id"]) for item in document["snapshots"]]
    assert order == sorted(order)
    claude = next(item for item in document["snapshots"] if item["account_id"] == "claude_code")
    assert claude["metrics"]["usage_five_hour"] == {
        "limit": 100.0, "used": 42.7, "unit": "%", "window": "5h",
    }  # fmt: skip
    assert claude["resets"]["usage_five_hour"] == "2026-03-07T11:40:00Z"
    assert claude["attributes"] == {"plan_type": "max"}
    assert claude["model_usage"][0]["total_tokens"] == 75_000
    assert claude["model_usage"][0]["cached_tokens"] == 52_500
    assert claude["daily_series"]["tokens_total"] == [{"date": "2026-03-06", "value": 75_000}]
    assert claude["usage"]["totals"]["requests"] == 76


def test_account_without_usage_or_metrics_is_never_missing(run: Run, peer: ScriptedPeer) -> None:
    """An account in trouble is a row with its message, without invented fields."""
    document = json.loads(run("export")[1])
    work = next(item for item in document["snapshots"] if item["account_id"] == "claude-work")
    assert work == {
        "provider_id": "claude_code",
        "account_id": "claude-work",
        "timestamp": wire_samples.NOW,
        "status": "AUTH_REQUIRED",
        "metrics": {},
        "message": "run `claude` and sign in",
    }


def test_unpriced_cost_is_null_not_zero(run: Run, peer: ScriptedPeer) -> None:
    """A model without a price did not cost nothing."""
    document = json.loads(run("export")[1])
    free = next(item for item in document["snapshots"] if item["account_id"] == "opencode")
    assert free["model_usage"][0]["cost_usd"] is None
    assert free["daily_series"]["cost_usd"][0]["value"] is None


def test_csv_has_the_documented_columns(run: Run, peer: ScriptedPeer) -> None:
    """One line per metric in key order; an account without metrics has one blank line."""
    rows = list(csv.DictReader(io.StringIO(run("export", "--format", "csv")[1])))
    assert list(rows[0]) == list(export.CSV_COLUMNS)
    assert [(row["account_id"], row["metric"]) for row in rows] == [
        ("claude-work", ""),
        ("claude_code", "usage_five_hour"),
        ("claude_code", "usage_seven_day"),
        ("codex", "credit_balance"),
        ("codex", "rate_limit_primary"),
        ("codex", "rate_limit_secondary"),
        ("opencode", ""),
    ]
    assert [rows[1][name] for name in ("used", "limit", "remaining", "unit")] == [
        "42.7", "100", "", "%",
    ]  # fmt: skip


def test_file_is_private_whole_and_replaces(run: Run, peer: ScriptedPeer, tmp_path: Path) -> None:
    """A file is readable by its owner only, replaces the old one and leaves nothing else behind."""
    target = tmp_path / "new" / "usage.json"
    target.parent.mkdir()
    target.write_text("old")
    target.chmod(0o644)
    assert run("export", "-o", str(target)) == (0, "", "")
    assert json.loads(target.read_text())["schema_version"] == "1"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert os.listdir(target.parent) == ["usage.json"]


def test_link_survives(tmp_path: Path) -> None:
    """A link is written through, not replaced by a file."""
    real, link = tmp_path / "real", tmp_path / "link"
    real.touch()
    link.symlink_to(real)
    export.write_private(str(link), "text")
    assert link.is_symlink()
    assert real.read_text() == "text"


def test_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """When writing fails the old file stands and no scrap remains."""
    target = tmp_path / "usage.json"
    target.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        export.write_private(str(target), "\ud800")
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["usage.json"]


def test_nothing_personal_leaves_the_machine() -> None:
    """E-mail addresses and credentials are dropped even if a provider let them through."""
    model = wire_samples.read_model()
    secret = {
        "plan": "max", "email": "x", "account_email": "y", "note": "jane@example.org",
        "access_token": "z", "key": "sk-abcdefghij", "jwt": "eyJhbGciOiJIUzI1NiIsInR5",
    }  # fmt: skip
    account = replace(
        model.accounts[1],
        attributes=secret,
        message="signed in as jane@example.org",
        stale_reason="token sk-abcdefghij was refused",
    )
    document = export.export_document(replace(model, accounts=[account], demo=True), "1")
    text = json.dumps(document)
    assert document["demo"] is True
    assert document["snapshots"][0]["attributes"] == {"plan": "max"}
    assert "jane" not in text
    assert "sk-abc" not in text
    assert document["snapshots"][0]["message"] == "signed in as [redacted]"


def test_document_without_trouble_has_no_empty_fields() -> None:
    """Nothing is unpriced, nothing is demo: neither field is there."""
    model = replace(wire_samples.read_model(), unpriced_models=[])
    usage = model.accounts[0].usage
    assert usage is not None
    account = replace(model.accounts[0], usage=replace(usage, days=[]))
    document = export.export_document(replace(model, accounts=[account]), "1")
    assert "demo" not in document
    assert "unpriced_models" not in document
    assert "daily_series" not in document["snapshots"][0]
