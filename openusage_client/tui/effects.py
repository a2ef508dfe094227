"""What a command gives back: the next state, and values that ask the application for something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from openusage_client.tui.asking import Ask
from openusage_client.tui.changes import SaveSettings
from openusage_client.tui.state import AppState
from openusage_proto.values import dataclass


@dataclass(frozen=True, slots=True)
class CycleTheme:
    """Effect: draw in the theme `step` places further on, and keep it."""

    step: int


@dataclass(frozen=True, slots=True)
class KeepTheme:
    """Effect: draw in the theme of that name from now on."""

    name: str


@dataclass(frozen=True, slots=True)
class OpenSite:
    """Effect: show an address in the user's browser, or say it where there is none."""

    address: str


EffectKind = (
    Literal["quit", "window", "refresh", "redraw", "themes", "replace-daemon"]
    | SaveSettings
    | Ask
    | CycleTheme
    | KeepTheme
    | OpenSite
)
"""`themes`: look anew which themes there are."""


@dataclass(frozen=True, slots=True)
class Size:
    """Cells of the terminal."""

    width: int
    height: int


Outcome = tuple[AppState, tuple[EffectKind, ...]]
Command = Callable[[AppState, Size], Outcome]
