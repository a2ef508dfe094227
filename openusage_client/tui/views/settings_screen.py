"""The settings screen: tabs, the rows of the open one, what they mean, a preview beside them."""

from __future__ import annotations

from typing import Final

from openusage_client.tui.layout import Line, clip_line, fit_line, pick
from openusage_client.tui.settings import model
from openusage_client.tui.settings.rows import cursor
from openusage_client.tui.state import AppState
from openusage_client.tui.text import cell_width, clean, wrap
from openusage_client.tui.views.settings_preview import preview
from openusage_client.tui.views.settings_rows import listed

_SCREEN: Final = "settings"
_BESIDE_FROM: Final = 100
"""Cells from which a preview has room beside the rows."""
_ROWS_BESIDE: Final = 44
_MIN_PREVIEW: Final = 6
_MAX_ABOUT: Final = 3
_ON: Final = {
    "muted": "row.on.muted",
    "accent": "row.on.accent",
    "ok": "row.on.ok",
    "warn": "row.on.warn",
    "crit": "row.on.crit",
}


def render_settings(state: AppState, width: int, room: int) -> tuple[list[Line], str]:
    """Exactly `room` lines between header and footer, and where the rows are scrolled to."""
    head = [_tabs(state, width), _news(state, width)][: max(1, min(2, room - 3))]
    about = _about(state, width)[: max(0, room - len(head) - 3)]
    body = max(0, room - len(head) - len(about))
    beside = width >= _BESIDE_FROM
    shown = preview(state, width - _ROWS_BESIDE - 5 if beside else width - 4)
    if shown and beside:
        rows, position = _rows(state, _ROWS_BESIDE, body)
        pane = _window(shown, state.settings.preview_scroll, body)
        lines = [
            [*fit_line(left, _ROWS_BESIDE), (" │ ", "border"), *right]
            for left, right in zip(rows, pane, strict=True)
        ]
    elif shown and body >= 2 * _MIN_PREVIEW:
        below = max(_MIN_PREVIEW, body // 2)
        rows, position = _rows(state, width, body - below)
        pane = _window(shown, state.settings.preview_scroll, below - 1)
        lines = [*rows, [("─" * width, "border")], *[[("  ", "text"), *line] for line in pane]]
    else:
        lines, position = _rows(state, width, body)
    return [clip_line(line, width) for line in [*head, *lines, *about]], position


def _tabs(state: AppState, width: int) -> Line:
    """All tabs with their numbers; on narrow terminals the others by short titles, then numbers."""

    def bar(form: int, *, others: bool) -> Line:
        line: Line = []
        for number, (tab, titles) in enumerate(model.TABS.items(), 1):
            chosen = tab == state.settings.tab
            words = f"{number} {titles[form]}" if chosen or others else f"{number}"
            line.append((f"[{words}]" if chosen else f" {words} ", "tab.on" if chosen else "tab"))
        return line

    return pick([bar(0, others=True), bar(1, others=True), bar(0, others=False)], width)


def _news(state: AppState, width: int) -> Line:
    """What is being waited for."""
    busy = state.settings.busy
    return clip_line([(f" ◐ {clean(busy)} …", "warn")], width) if busy else []


def _about(state: AppState, width: int) -> list[Line]:
    if tells_notice(state, width):
        lines, role = [clean(state.notice)], "accent"
    else:
        lines, role = listed(state, width).about, "muted"
    words = [part for line in lines for part in wrap(line, max(8, width - 2))]
    return [[(" ", "text"), (part, role)] for part in words[:_MAX_ABOUT]]


def tells_notice(state: AppState, width: int) -> bool:
    """Whether the answer to the last key is told here, because the footer has too little room."""
    return state.screen == _SCREEN and cell_width(clean(state.notice)) > width * 2 // 3


def _rows(state: AppState, width: int, room: int) -> tuple[list[Line], str]:
    """The rows around the cursor, exactly `room` of them."""
    content = listed(state, width)
    at = cursor(state)
    if not content.lines:
        words = [[(" ", "text"), (part, "muted")] for part in wrap(content.empty, width - 2)]
        return _window(words, 0, room), ""
    lines = [_row(line, row, at, width) for row, line in content.lines]
    place = next((n for n, (row, _) in enumerate(content.lines) if row == at), 0)
    # A heading above the first row stays in sight; what follows the last row, too.
    top = 0 if place < room - 1 else place - room // 2
    last = max(0, len(lines) - room)
    offset = min(top, last)
    if len(lines) <= room:
        return _window(lines, 0, room), ""
    up, down = "▲" if offset else " ", "▼" if offset < last else " "
    return _window(lines, offset, room), f"{offset + 1}–{offset + room} of {len(lines)} {up}{down}"  # noqa: RUF001


def _row(line: Line, row: int, at: int, width: int) -> Line:
    if row < 0:
        return [(" ", "text"), *line]
    if row != at:
        return [("  ", "text"), *line]
    marked = [("▸ ", "row.on.accent"), *((text, _ON.get(role, "row.on")) for text, role in line)]
    return fit_line(clip_line(marked, width), width, "row.on")


def _window(lines: list[Line], offset: int, room: int) -> list[Line]:
    offset = max(0, min(offset, len(lines) - room))
    visible = lines[offset : offset + room]
    return visible + [[] for _ in range(room - len(visible))]
