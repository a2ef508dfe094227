"""`openusage export`: formats, redaction, who may read the file, where figures come from."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from openusage_client import autostart
from openusage_client.errors import DaemonNotRunning
from openusage_client.rpc import Connection
from openusage_proto.messages import Unmapped
from tests.support import wire_samples
from tests.support.scripted_peer import ScriptedPeer

Run = Callable[..., tuple[int, str, str]]


def test_m12_openmetrics(run: Run, peer: ScriptedPeer) -> None:
    """M12: the metrics file of the asked window, ended as the format demands."""
    code, out, err = run("export", "--format", "openmetrics", "--window", "7d")
    assert (code, err) == (0, "")
    assert out.endswith("# EOF\n")
    assert 'window="7d"' in out


def test_m16_redacted_export(run: Run, peer: ScriptedPeer) -> None:
    """M16: an export for a bug report numbers accounts and has no messages."""
    plain = run("export")[1]
    assert "claude-work" in plain
    out = run("export", "--redact")[1]
    document = json.loads(out)
    assert document["redacted"] is True
    assert "claude-work" not in out
    assert "run `claude`" not in out
    assert {item["account_id"] for item in document["snapshots"]} == {
        f"account-{number}" for number in range(1, 5)
    }
    assert "claude-work" not in run("export", "--redact", "--format", "csv")[1]


def test_readable_file(run: Run, peer: ScriptedPeer, tmp_path: Path) -> None:
    """Other users read the file only where that was asked for, and only a file can be meant."""
    target = tmp_path / "openusage.prom"
    run("export", "--format", "openmetrics", "--readable", "-o", str(target))
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    run("export", "-o", str(target))
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    code, _, err = run("export", "--readable")
    assert code == 2
    assert "-o" in err


def test_unmapped_usage_is_exported(run: Run, peer: ScriptedPeer) -> None:
    """Usage that no account owns is not lost on the way out."""
    item = Unmapped(
        source="proxy",
        account_id="gw",
        provider="anthropic",
        suggestion="",
        totals=wire_samples.totals(10),
    )
    peer.answers["read_model"] = replace(wire_samples.read_model(), unmapped=[item])
    document = json.loads(run("export")[1])
    assert document["unmapped"][0]["totals"]["total_tokens"] == 100


def test_h18_daemon_only_fails_when_it_is_down(run: Run) -> None:
    """H18: with `--source daemon` nothing is started, exit 3."""
    code, out, err = run("export", "--source", "daemon")
    assert (code, out) == (3, "")
    assert "openusaged start" in err
    assert run("export", "--no-autostart")[0] == 3


def test_h18_auto_says_that_it_started_one(
    run: Run, peer: ScriptedPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """H18: figures of a daemon that was only just started are announced as such on stderr."""

    def connect(*, autostart: bool = True) -> Connection:
        if not autostart:
            raise DaemonNotRunning("nothing listens")
        return Connection(None, 10.0)

    monkeypatch.setattr(autostart, "connect", connect)
    code, out, err = run("export")
    assert code == 0
    assert "no daemon was running; started one" in err
    assert json.loads(out)["source"] == "daemon"


def test_other_sources_are_refused(run: Run) -> None:
    """The client never asks vendors itself; `direct` is a usage error that names what there is."""
    code, _, err = run("export", "--source", "direct")
    assert code == 2
    assert "auto" in err
