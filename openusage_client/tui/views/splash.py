"""What is shown instead of tiles: connecting, first import, nothing found, terminal too small."""

from __future__ import annotations

from openusage_client.formatting import format_bytes, format_count
from openusage_client.tui.layout import Line, clip_line, line_width, pick
from openusage_client.tui.state import AppState
from openusage_client.tui.text import bar, clean, wrap
from openusage_client.tui.views.frame import content_height, importing_words

MIN_WIDTH = 40
MIN_HEIGHT = 8


def render_splash(state: AppState, width: int, height: int) -> list[Line]:
    """A few centred lines that say what is going on and what to do."""
    room = content_height(height)
    inner = max(1, min(width - 4, 72))
    lines = _lines(state, inner)
    top = max(0, (room - len(lines)) // 3)
    centred = [_centre(line, width) for line in lines]
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


def _centre(line: Line, width: int) -> Line:
    room = max(0, (width - line_width(line)) // 2)
    return clip_line([(" " * room, "text"), *line], width)


def _lines(state: AppState, width: int) -> list[Line]:
    if state.model is not None and state.model.importing:
        return _importing(state, width)
    if state.model is not None:
        return _nothing_found(width)
    word = {
        "connecting": "Connecting to the daemon …",
        "live": "Reading …",
        "failing": "The daemon answers with an error. Trying again …",
        "lost": "No figures from the daemon. Trying again …",
    }[state.link.phase]
    lines: list[Line] = [[(word, "title")]]
    if state.link.detail:
        lines.append([])
        lines += [[(part, "muted")] for part in wrap(clean(state.link.detail), width, 3)]
    if state.link.phase == "lost":
        lines += [[], [("openusaged run", "accent"), ("  starts it by hand", "muted")]]
    return lines


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


def _nothing_found(width: int) -> list[Line]:
    text = (
        "Claude Code, Codex and OpenCode are found by themselves as soon as one of them has "
        "been used. Press r to look again, or run `openusage demo` to see sample data."
    )
    return [
        [("No AI tool has been found on this machine yet", "title")],
        [],
        *[[(part, "muted")] for part in wrap(text, width)],
    ]
