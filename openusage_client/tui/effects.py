"""What a command gives back: the next state, and values that ask the application for something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from openusage_client.tui.changes import SaveSettings
from openusage_client.tui.state import AppState

EffectKind = Literal["quit", "window", "refresh", "redraw"] | SaveSettings


@dataclass(frozen=True, slots=True)
class Size:
    """Cells of the terminal."""

    width: int
    height: int


Outcome = tuple[AppState, tuple[EffectKind, ...]]
Command = Callable[[AppState, Size], Outcome]
