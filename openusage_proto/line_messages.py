"""
Parameters and results of `line`, and the names that status lines of all kinds know.

Separate from `messages` because a status bar asks every few seconds and loads nothing else.
"""

from __future__ import annotations

from typing import Final, Literal

from openusage_proto.values import dataclass

STATUSLINE_SEGMENTS: Final = (
    "model",
    "session",
    "today",
    "block",
    "burn",
    "window5h",
    "reset",
    "pace",
    "weekly",
    "context",
    "project",
    "branch",
    "lines",
)
"""What the line of Claude Code can say, in the order in which it says it."""
STATUSLINE_DEFAULT: Final = (
    "model",
    "session",
    "today",
    "block",
    "burn",
    "window5h",
    "weekly",
    "context",
)

LineTarget = Literal["tmux", "ansi", "plain", "json", "waybar", "polybar", "sketchybar"]
ColorMode = Literal["", "truecolor", "256", "ansi", "none"]
GlyphTier = Literal["", "ascii", "unicode", "nerdfont"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineParams:
    """
    Which line to draw, about which tool, for which bar.

    At most one of `preset`, `format` (a template) and `segment`; empty texts leave the choice to
    the settings.  `pane_command` and `pane_path` make the line be about the tool and the project of
    one pane.
    """

    target: LineTarget = "tmux"
    preset: str = ""
    format: str = ""
    segment: str = ""
    provider: str = ""
    account: str = ""
    strategy: str = ""
    color_mode: ColorMode = ""
    glyphs: GlyphTier = ""
    theme: str = ""
    pane_command: str = ""
    pane_path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineResult:
    """One line, ready to print."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCatalogParams:
    """No parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinePreset:
    """A template that comes with the program."""

    name: str
    description: str
    format: str
    glyphs: str
    sample: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineName:
    """A variable or segment: what it is, and what it says now about the tool in use."""

    name: str
    kind: str
    description: str
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCatalog:
    """Everything a template may use."""

    presets: list[LinePreset]
    variables: list[LineName]
    segments: list[LineName]
    modifiers: list[LineName]
    statusline_segments: list[LineName]
