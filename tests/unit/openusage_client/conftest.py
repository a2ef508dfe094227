"""A scripted peer at the discovered socket and the command line as a function."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from openusage_client import cli
from openusage_client.tui.text import cell_width
from tests.support import wire_samples
from tests.support.screens import check_golden
from tests.support.scripted_peer import ScriptedPeer


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """No width, colour or zone of the machine that runs the tests."""
    for name in ("COLUMNS", "NO_COLOR", "TZ"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture
def peer() -> Iterator[ScriptedPeer]:
    """A healthy daemon's answers at the discovered socket."""
    with ScriptedPeer(wire_samples.answers()) as scripted:
        yield scripted


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command line in this process: exit code, stdout, stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def check_screen() -> Callable[[str, str, int], None]:
    """Compare a page with its golden file and refuse lines that are too wide."""

    def check(name: str, text: str, width: int) -> None:
        check_golden(f"cli/{name}-{width}", text)
        too_wide = [line for line in text.splitlines() if cell_width(line) > width]
        assert not too_wide

    return check
