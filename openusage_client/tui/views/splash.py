"""What is shown instead of tiles: connecting, first import, nothing found, terminal too small."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from openusage_client.formatting import format_bytes, format_count
from openusage_client.preferences import DEFAULTS
from openusage_client.tui.layout import Line, clip_line, line_width, pick
from openusage_client.tui.state import AppState
from openusage_client.tui.text import bar, clean, pad, wrap
from openusage_client.tui.views.frame import content_height, importing_words

MIN_WIDTH = 40
MIN_HEIGHT = 8


def render_splash(state: AppState, width: int, height: int) -> list[Line]:
    """A few centred lines that say what is going on and what to do."""
    room = content_height(height)
    inner = max(1, min(width - 4, 72))
    lines = _lines(state, inner)
    top = max(0, (room - len(lines)) // 3)
    # The longest line is centred and the others begin where it does: a list stays a list.
    left = max(0, (width - max(map(line_width, lines), default=0)) // 2)
    centred = [clip_line([(" " * left, "text"), *line], width) for line in lines]
    out: list[Line] = [*([[]] * top), *centred][:room]
    return out + [[] for _ in range(room - len(out))]


def render_too_small(width: int, height: int) -> list[Line]:
    """One line that names the size that is needed."""
    words = (
        f"openusage needs {MIN_WIDTH} columns and {MIN_HEIGHT} lines",
        f"needs {MIN_WIDTH}x{MIN_HEIGHT} cells",
        f"{MIN_WIDTH}x{MIN_HEIGHT}",
    )
    return [pick([[(text, "warn")] for text in words], width)][:height]


def _lines(state: AppState, width: int) -> list[Line]:
    if state.model is not None and state.model.importing:
        return _importing(state, width)
    if state.model is not None:
        return _nothing_found(state, width)
    word = {
        "connecting": "Connecting to the daemon …",
        "live": "Reading …",
        "failing": "The daemon answers with an error. Trying again …",
        "lost": "No figures from the daemon. Trying again …",
    }[state.link.phase]
    lines: list[Line] = [[(word, "title")], [], *_checklist(state)]
    if state.link.detail:
        lines.append([])
        lines += [[(part, "muted")] for part in wrap(clean(state.link.detail), width, 3)]
    if state.link.phase == "lost":
        lines += [
            [],
            [("Enter", "key"), ("  starts the daemon", "muted")],
            [("openusaged run", "accent"), ("  starts it by hand and shows its words", "muted")],
            [("openusaged doctor", "accent"), ("  says what is wrong", "muted")],
        ]
    return lines


_DAEMON: Final[Mapping[str, tuple[str, str, str]]] = {
    "connecting": ("◌", "muted", "daemon: connecting"),
    "live": ("●", "ok", "daemon: there"),
    "failing": ("✗", "crit", "daemon: there, with an error"),
    "lost": ("✗", "crit", "daemon: not there"),
}


def _checklist(state: AppState) -> list[Line]:
    """What has been reached on the way to the first figures."""
    settings = state.preferences is not DEFAULTS or state.raw is not None
    known = len(state.providers)
    steps = [
        _DAEMON[state.link.phase],
        ("●", "ok", "settings: read") if settings else ("◌", "muted", "settings: not read yet"),
        ("●", "ok", f"tools and services: {known} known")
        if known
        else ("◌", "muted", "tools and services: not asked for yet"),
    ]
    return [[(f"{icon} ", role), (words, "label")] for icon, role, words in steps]


def _importing(state: AppState, width: int) -> list[Line]:
    progress = state.importing
    words = importing_words(progress)
    lines: list[Line] = [
        [("Reading the history of your AI tools", "title")],
        [("This happens once. Figures appear as they are read.", "muted")],
        [],
    ]
    if progress is None or not progress.total_bytes:
        return [*lines, [(f"{words} …", "value")]]
    share = progress.done_bytes / progress.total_bytes
    filled, track = bar(share, max(4, min(40, width - 8)))
    sizes = f"{format_bytes(progress.done_bytes)} of {format_bytes(progress.total_bytes)}"
    count = f"{format_count(progress.events)} events"
    return [
        *lines,
        [(filled, "bar.ok"), (track, "track")],
        [(words, "value"), (f" · {sizes} · {count}", "muted")],
    ]


_TO_DO: Final = (
    ("use a tool", "Claude Code, Codex, OpenCode, … are found by themselves once used"),
    ("export a key", "OPENAI_API_KEY and the like, where the daemon runs, then press r"),
    (",", "enter a key in the settings"),
    ("openusage detect", "says where was looked and what was missed"),
    ("openusage demo", "shows this dashboard with sample data"),
    ("r", "looks again"),
)


def _nothing_found(state: AppState, width: int) -> list[Line]:
    """An end, not a wait: what was looked for, and what to do about it."""
    count = len(state.providers)
    looked = f"Looked for {count} tools and services: " if count else "Looked everywhere: "
    cells = max(len(name) for name, _ in _TO_DO) + 2
    lines: list[Line] = [
        [("No AI tool has been found on this machine yet", "title")],
        [(f"{looked}none has left a record or a key.", "muted")],
        [],
    ]
    for name, words in _TO_DO:
        for at, part in enumerate(wrap(words, max(8, width - cells))):
            lines.append([(pad(name if at == 0 else "", cells), "key"), (part, "muted")])
    return [clip_line(line, width) for line in lines]
