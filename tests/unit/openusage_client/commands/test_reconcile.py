"""`openusage reconcile`: what is asked, what is printed."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.support.scripted_peer import ScriptedPeer

Run = Callable[..., tuple[int, str, str]]


def test_json_leaves_unknown_out(run: Run, peer: ScriptedPeer) -> None:
    """Unknown figures are absent, zero differences are there."""
    code, out, err = run("reconcile", "--json", "--account", "openrouter", "--mode", "auto")
    assert (code, err) == (0, "")
    assert peer.params_of("reconcile") == [{"account": "openrouter", "mode": "auto"}]
    document = json.loads(out)
    first = document["rows"][0]
    assert first["token_difference"] == 0
    assert "model" not in first
    assert "local" not in document["rows"][-1]
    assert document["rows"][-1]["vendor"] == {"requests": 40}


def test_table(run: Run, peer: ScriptedPeer) -> None:
    """Verdicts are words, notes name the account they are about."""
    code, out, _ = run("reconcile")
    assert code == 0
    assert "vendor has more" in out
    assert "zai: when this period began is not known." in out


def test_malformed_answer_is_a_protocol_error(run: Run, peer: ScriptedPeer) -> None:
    """An answer of another shape is said, not shown."""
    peer.answers["reconcile"] = {"rows": None}
    assert run("reconcile")[0] == 5
