"""Which view is drawn where the wanted one has no room, and its name for the header."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from openusage_client.tui.state import AppState

SIDE_BY_SIDE_FROM: Final = 60
"""Cells that two things beside each other need."""
_INSTEAD: Final[Mapping[str, str]] = {"split": "compact", "compare": "tabs"}


def shown_view(state: AppState, width: int) -> str:
    """The view that is drawn at this width."""
    if width < SIDE_BY_SIDE_FROM:
        return _INSTEAD.get(state.view, state.view)
    return state.view


def view_labels(state: AppState, width: int) -> tuple[str, ...]:
    """`split`; where the width decides, `compact (split needs 60 columns)` and a shorter form."""
    shown = shown_view(state, width)
    if shown == state.view:
        return (shown,)
    return f"{shown} ({state.view} needs {SIDE_BY_SIDE_FROM} columns)", f"{shown} (auto)"
