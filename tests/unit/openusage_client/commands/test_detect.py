"""`openusage detect`: a page that says what was found and why, and the plain JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict

import pytest

from openusage_client.commands.detect import NOTHING, credential_cell, detect_lines
from openusage_client.terminal import Style
from openusage_proto import methods
from openusage_proto.setup_messages import DetectResult
from tests.support import setup_samples, wire_samples
from tests.support.scripted_peer import ScriptedPeer

Run = Callable[..., tuple[int, str, str]]
PLAIN = Style(color=False, unicode=True)


def page(found: DetectResult, *, everything: bool = False, width: int | None = 100) -> str:
    lines = detect_lines(found, everything=everything, width=width, style=PLAIN)
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("everything", [False, True])
def test_page_golden(
    width: int, everything: bool, check_screen: Callable[[str, str, int], None]
) -> None:
    """The page fits every width and looks as reviewed."""
    name = "detect-all" if everything else "detect"
    check_screen(name, page(setup_samples.detection(), everything=everything, width=width), width)


def test_empty_machine() -> None:
    """Nothing found is a sentence, and what was not found is listed."""
    empty = DetectResult(detected_at="", missing=setup_samples.detection().missing)
    text = page(empty)
    assert text.startswith(NOTHING)
    assert text.count("(none)") == 2
    assert "  - anthropic" in text
    assert "looked at" not in text.lower()


def test_full_machine() -> None:
    """When every provider has an account, that is said in place of a list."""
    full = DetectResult(detected_at="", tools=setup_samples.detection().tools)
    assert "Every registered provider has at least one account." in page(full)


@pytest.mark.parametrize(
    ("variable", "credential", "shown"),
    [
        ("", "", "-"),
        ("", "sk-o...24ff", "sk-o...24ff"),
        ("K", "gsk_...9f3a", "$K=gsk_...9f3a"),
        ("K", "", "$K (unset)"),
    ],
)
def test_credential_cell(variable: str, credential: str, shown: str) -> None:
    """A variable that is named but unset is told apart from no credential."""
    assert credential_cell(variable, credential) == shown


def test_command(run: Run) -> None:
    """The command prints the page, with `--json` what the daemon said."""
    found = setup_samples.detection()
    with ScriptedPeer(wire_samples.answers(**{methods.DETECT: found})):
        code, out, _ = run("detect")
        assert code == 0
        assert "$GROQ_API_KEY=gsk_...9f3a" in out
        assert "Looked at" not in out
        assert "Looked at" in run("detect", "--all")[1]
        assert json.loads(run("detect", "--json")[1]) == asdict(found)
