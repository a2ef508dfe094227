"""
Colours and glyphs of status bars: modes, palettes of themes, brands, tiers of glyphs.

Lines are composed in the form of tmux (`#[fg=#rrggbb]text`) and turned into what another bar
wants at the very end (`outputs`).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from openusage_proto import locations

TRUECOLOR: Final = "truecolor"
COLORS_256: Final = "256"
ANSI: Final = "ansi"
NO_COLORS: Final = "none"

FALLBACK: Final[Mapping[str, str]] = {"green": "#59d4a0", "yellow": "#f0c75e", "red": "#f06a7a"}
_MAX_THEME_BYTES: Final = 64 * 1024
_HEX: Final = re.compile(r"#[0-9a-fA-F]{6}|#[0-9a-fA-F]{3}")
_STYLE_PART: Final = re.compile(r"(fg|bg|us)=(\S+)")

_BRANDS: Final[Mapping[str, str]] = {
    "claude_code": "#d97757",
    "anthropic": "#d97757",
    "codex": "#10a37f",
    "openai": "#10a37f",
    "cursor": "#9ca3af",
    "xai": "#9ca3af",
    "copilot": "#8957e5",
    "gemini_cli": "#4285f4",
    "gemini_api": "#4285f4",
    "openrouter": "#6467f2",
    "ollama": "#c7c7c7",
    "groq": "#f55036",
    "mistral": "#fa520f",
    "deepseek": "#4d6bfe",
    "perplexity": "#20b8cd",
    "zai": "#5b8def",
    "moonshot": "#6b7cff",
    "kimi_cli": "#6b7cff",
    "alibaba_cloud": "#ff6a00",
    "qwen_cli": "#ff6a00",
}
DEFAULT_BRAND: Final = "#8b93a7"

_EMOJI: Final[Mapping[str, str]] = {
    "claude_code": "✳",
    "anthropic": "✳",
    "codex": "◎",
    "openai": "◎",
    "opencode": "▣",
    "cursor": "▸",
    "copilot": "◉",
    "gemini_cli": "✦",
    "gemini_api": "✦",
    "ollama": "◍",
    "openrouter": "⇄",
    "mistral": "▤",
    "groq": "⚡",
    "deepseek": "◆",
    "xai": "✕",
}
_DEFAULT_EMOJI: Final = "●"
# Code points of the Nerd Fonts that exist in version 2 and 3 alike.
_NERD: Final[Mapping[str, str]] = {
    "claude_code": "\uf069",
    "anthropic": "\uf069",
    "codex": "\uf121",
    "openai": "\uf121",
    "opencode": "\uf120",
    "cursor": "\uf246",
    "copilot": "\uf09b",
    "gemini_cli": "\uf1a0",
    "gemini_api": "\uf1a0",
    "ollama": "\uf233",
}
_DEFAULT_NERD: Final = "\uf0e7"

BARS: Final[Mapping[str, tuple[str, str]]] = {
    "unicode": ("▓", "░"),
    "ascii": ("#", "."),
    "nerd": ("█", "░"),
    "rounded": ("●", "○"),
}

_ANSI_NAMES: Final[Mapping[str, tuple[int, int, int]]] = {
    "black": (0, 0, 0),
    "red": (205, 49, 49),
    "green": (13, 188, 121),
    "yellow": (229, 229, 16),
    "blue": (36, 114, 200),
    "magenta": (188, 63, 188),
    "cyan": (17, 168, 205),
    "white": (229, 229, 229),
}
_CUBE: Final = (0, 95, 135, 175, 215, 255)


def brand_of(provider_id: str) -> str:
    """A service's own colour."""
    return _BRANDS.get(provider_id, DEFAULT_BRAND)


def icon_of(provider_id: str, tier: str) -> str:
    """A service's sign; every tier has one for every service."""
    if tier == "ascii":
        return f"[{provider_id.split('_', maxsplit=1)[0]}]"
    if tier == "nerdfont":
        return _NERD.get(provider_id, _DEFAULT_NERD)
    return _EMOJI.get(provider_id, _DEFAULT_EMOJI)


def colour(value: str, mode: str) -> str:
    """How tmux is told a colour in a mode; empty where there are none."""
    if mode == NO_COLORS:
        return ""
    if not _HEX.fullmatch(value) or mode == TRUECOLOR:
        return value
    rgb = _rgb(value)
    if mode == ANSI:
        return min(_ANSI_NAMES, key=lambda name: _distance(rgb, _ANSI_NAMES[name]))
    return f"colour{_nearest_256(rgb)}"


def _rgb(value: str) -> tuple[int, int, int]:
    digits = value[1:]
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def _distance(one: tuple[int, int, int], other: tuple[int, int, int]) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


@lru_cache(maxsize=256)
def _nearest_256(rgb: tuple[int, int, int]) -> int:
    """The nearest of the colours 16 to 255; those below are the terminal's own."""
    known = {
        16 + 36 * r + 6 * g + b: (_CUBE[r], _CUBE[g], _CUBE[b])
        for r in range(6)
        for g in range(6)
        for b in range(6)
    }
    known |= {232 + step: (8 + 10 * step,) * 3 for step in range(24)}
    return min(known, key=lambda number: (_distance(rgb, known[number]), number))


def directive(attributes: str, palette: Mapping[str, str], mode: str) -> str:
    """
    A `#[...]` of tmux with `$token` and hex colours told in a mode.

    An attribute with an unknown token is left out; without colours all of it is.
    """
    if mode == NO_COLORS:
        return ""
    parts = []
    for part in re.split(r"[,\s]+", attributes.strip()):
        match = _STYLE_PART.fullmatch(part)
        if match is None:
            if part and "$" not in part:
                parts.append(part)
            continue
        value = match.group(2)
        if value.startswith("$"):
            value = palette.get(value[1:], "")
        if value:
            parts.append(f"{match.group(1)}={colour(value, mode)}")
    return f"#[{','.join(parts)}]" if parts else ""


def palette_of(theme: str, env: Mapping[str, str]) -> Mapping[str, str]:
    """The colours of a theme by token: the user's file, else the shipped one, else a few."""
    for directory in _theme_directories(env):
        found = _read_palette(os.path.join(directory, f"{theme}.json"))
        if found:
            return {**FALLBACK, **found}
    return FALLBACK


def theme_names(env: Mapping[str, str]) -> list[str]:
    """The themes whose files are there, the user's and the shipped ones."""
    names = set()
    for directory in _theme_directories(env):
        with contextlib.suppress(OSError):
            names |= {name[:-5] for name in os.listdir(directory) if name.endswith(".json")}
    return sorted(names)


def _theme_directories(env: Mapping[str, str]) -> list[str]:
    listed = [part for part in env.get("OPENUSAGE_THEME_DIR", "").split(os.pathsep) if part]
    # The client's own files, as data: the same theme has the same colours everywhere.
    root = os.path.dirname(os.path.abspath(locations.__file__))
    shipped = os.path.join(os.path.dirname(root), "openusage_client", "tui", "themes")
    return [*listed, os.path.join(locations.config_dir(env), "themes"), shipped]


def _read_palette(path: str) -> dict[str, str]:
    if os.sep in os.path.basename(path) or not os.path.basename(path).strip("."):
        return {}
    try:
        with open(path, encoding="utf-8") as file:
            document = json.loads(file.read(_MAX_THEME_BYTES))
    except (OSError, ValueError):
        return {}
    if not isinstance(document, dict):
        return {}
    return {
        token: value
        for token, value in document.items()
        if isinstance(value, str) and (_HEX.fullmatch(value) or value == "default")
    }
