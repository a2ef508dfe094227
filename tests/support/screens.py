"""Screens as text: drawn as the dashboard draws them, and compared with reviewed files."""

from __future__ import annotations

import os
from pathlib import Path

from openusage_client.tui.layout import plain
from openusage_client.tui.state import AppState
from openusage_client.tui.views import screens

DIRECTORY = Path(__file__).parents[1] / "data" / "screens"
# Read now: each test's own environment holds no variable of ours.
REWRITE = os.environ.get("OPENUSAGE_GOLDEN") == "rewrite"
SIZES = [(60, 20), (80, 24), (120, 40), (200, 60)]
"""Columns and lines of the terminals that the reviewed screens are drawn for."""


def drawn(state: AppState, width: int, height: int) -> list[str]:
    """The lines of a screen."""
    return [plain(line) for line in screens.render(state, width, height)]


def page_of(lines: list[str]) -> str:
    """Lines as they stand in a file: without the blanks at their ends."""
    return "".join(line.rstrip() + "\n" for line in lines)


def check_golden(name: str, text: str) -> None:
    """`text` is `tests/data/screens/NAME.txt`; `make golden` rewrites that file instead."""
    path = DIRECTORY / f"{name}.txt"
    if REWRITE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
