"""`openusage privacy`: nothing is cut, whatever the width."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict

import pytest

from openusage_client.tui.text import cell_width
from openusage_proto import methods
from openusage_proto.privacy_messages import Privacy, ServicePrivacy
from tests.support.scripted_peer import ScriptedPeer

Run = Callable[..., tuple[int, str, str]]
PLACES = [f"/home/dev/.tool/place-{number}" for number in range(6)]
ANSWER = asdict(
    Privacy(
        services=[
            ServicePrivacy(
                id="tool",
                title="Tool",
                found=True,
                reads="logs",
                places=PLACES,
                environment=["TOOL_HOME"],
                hosts=[],
                headers=[],
                cookie=False,
            ),
            ServicePrivacy(
                id="other",
                title="Other",
                found=False,
                reads="GET /usage",
                places=[],
                environment=[],
                hosts=["api.other.example"],
                headers=["Authorization"],
                cookie=True,
            ),
        ],
        other_hosts=["prices.example"],
        stored_event_fields=[f"field_{number}" for number in range(20)],
        stored_snapshot_fields=["status"],
        never_stored=["prompts", "answers"],
    )
)


@pytest.mark.parametrize("width", [40, 60, 120])
def test_every_word_is_there_and_no_line_too_long(
    run: Run, peer: ScriptedPeer, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """Places, hosts and fields are wrapped to the terminal, never clipped."""
    monkeypatch.setenv("COLUMNS", str(width))
    peer.answers[methods.PRIVACY] = ANSWER
    code, out, _ = run("privacy")
    assert code == 0
    assert all(place in out for place in PLACES)
    assert all(f"field_{number}" in out for number in range(20))
    assert "asks       nobody" in out
    assert "pypi.org" in out
    assert "Other" not in out
    assert max(map(cell_width, out.splitlines())) <= width


def test_all_and_json(run: Run, peer: ScriptedPeer) -> None:
    """`--all` has the services that are not here; JSON is the daemon's answer; a pipe wraps nothing."""
    peer.answers[methods.PRIVACY] = ANSWER
    out = run("privacy", "--all")[1]
    assert "cookie     one, after you connect a browser" in out
    assert f"places     {', '.join(PLACES)}\n" in out
    assert json.loads(run("privacy", "--json")[1]) == ANSWER
