"""`openusage providers`: the capability matrix with the state of this machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict

import pytest

from openusage_client.commands.providers import provider_lines
from openusage_client.terminal import Style
from openusage_proto import methods
from tests.support import setup_samples, wire_samples
from tests.support.scripted_peer import ScriptedPeer

Run = Callable[..., tuple[int, str, str]]
PLAIN = Style(color=False, unicode=True)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_matrix_golden(width: int, check_screen: Callable[[str, str, int], None]) -> None:
    """The matrix fits every width, what is on this machine comes first."""
    lines = provider_lines(setup_samples.providers().providers, width=width, style=PLAIN)
    check_screen("providers", "\n".join(lines) + "\n", width)


def test_command(run: Run) -> None:
    """The command prints the matrix, with `--json` what the daemon said."""
    answer = setup_samples.providers()
    with ScriptedPeer(wire_samples.answers(**{methods.PROVIDERS: answer})):
        code, out, _ = run("providers")
        assert code == 0
        assert out.splitlines()[1].startswith("claude_code")
        assert "sign in again (2)" in out
        assert "openusage-acme 1.0" in out
        assert json.loads(run("providers", "--json")[1]) == asdict(answer)
