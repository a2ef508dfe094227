"""The settings screen: tabs, the rows of the open one, what they mean, a preview beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from openusage_client.tui.layout import Line, clip_line, fit_line, pick, scroll_to, span_at
from openusage_client.tui.settings import model
from openusage_client.tui.settings.rows import cursor
from openusage_client.tui.state import AppState, scrolled
from openusage_client.tui.text import cell_width, clean, wrap
from openusage_client.tui.views.settings_preview import preview
from openusage_client.tui.views.settings_rows import listed
from openusage_proto.values import dataclass

_SCREEN: Final = "settings"
_BESIDE_FROM: Final = 100
"""Cells from which a preview has room beside the rows."""
_ROWS_BESIDE: Final = 44
_EDGE: Final = 3
"""Cells of the line between rows and preview."""
_MIN_PREVIEW: Final = 6
_MAX_ABOUT: Final = 3
_ON: Final = {
    "muted": "row.on.muted",
    "accent": "row.on.accent",
    "ok": "row.on.ok",
    "warn": "row.on.warn",
    "crit": "row.on.crit",
}


@dataclass(frozen=True, slots=True)
class _Parts:
    """
    How the lines between header and footer are shared out: head, rows, preview, explanation.

    `rows` and `below` are lines, `row_cells` the cells of a row; a preview is beside the rows when
    those are narrower than the screen.
    """

    head: list[Line]
    rows: int
    row_cells: int
    preview: list[Line]
    below: int
    about: list[Line]


def _parts(state: AppState, width: int, room: int) -> _Parts:
    head = [_tabs(state, width), _news(state, width)][: max(1, min(2, room - 3))]
    about = _about(state, width)[: max(0, room - len(head) - 3)]
    body = max(0, room - len(head) - len(about))
    beside = width >= _BESIDE_FROM
    shown = preview(state, width - _ROWS_BESIDE - _EDGE - 2 if beside else width - 4)
    if shown and beside:
        return _Parts(head, body, _ROWS_BESIDE, shown, 0, about)
    below = max(_MIN_PREVIEW, body // 2) if shown and body >= 2 * _MIN_PREVIEW else 0
    return _Parts(head, body - below, width, shown if below else [], below, about)


def render_settings(state: AppState, width: int, room: int) -> tuple[list[Line], str]:
    """Exactly `room` lines between header and footer, and where the rows are scrolled to."""
    parts = _parts(state, width, room)
    lines, position = _rows(state, parts.row_cells, parts.rows)
    scroll = state.settings.preview_scroll
    if parts.below:
        pane = _window(parts.preview, scroll, parts.below - 1)
        lines = [*lines, [("─" * width, "border")], *[[("  ", "text"), *line] for line in pane]]
    elif parts.preview:
        lines = [
            [*fit_line(left, parts.row_cells), (" │ ", "border"), *right]
            for left, right in zip(lines, _window(parts.preview, scroll, parts.rows), strict=True)
        ]
    return [clip_line(line, width) for line in [*parts.head, *lines, *parts.about]], position


def tab_at(state: AppState, width: int, x: int) -> str:
    """The tab whose title is at a cell of the first line; empty for none."""
    span = span_at(_tabs(state, width), x)
    number = span[0].strip(" []").partition(" ")[0] if span else ""
    return list(model.TABS)[int(number) - 1] if number.isdigit() else ""


def row_at(state: AppState, width: int, room: int, x: int, line: int) -> int:
    """The row that is drawn at a cell; -1 for none."""
    parts = _parts(state, width, room)
    line -= len(parts.head)
    if not 0 <= line < parts.rows or x >= parts.row_cells:
        return -1
    rows = listed(state, parts.row_cells).lines
    line += _offset(state, rows, parts.rows)
    return rows[line][0] if line < len(rows) else -1


def is_preview(state: AppState, width: int, room: int, x: int, line: int) -> bool:
    """Whether a preview is drawn at a cell."""
    parts = _parts(state, width, room)
    line -= len(parts.head)
    if not parts.preview or not 0 <= line < parts.rows + parts.below:
        return False
    return line >= parts.rows if parts.below else x >= parts.row_cells + _EDGE


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
    if len(lines) <= room:
        return _window(lines, 0, room), ""
    offset = _offset(state, content.lines, room)
    up, down = "▲" if offset else " ", "▼" if offset < len(lines) - room else " "
    return _window(lines, offset, room), f"{offset + 1}–{offset + room} of {len(lines)} {up}{down}"  # noqa: RUF001


def _offset(state: AppState, lines: Sequence[tuple[int, Line]], room: int) -> int:
    """The first line that is shown: where it was, but with the cursor's row in view."""
    at = cursor(state)
    places = [place for place, (row, _) in enumerate(lines) if row >= 0]
    if not places:
        return 0
    place = places[at]
    # What is above the first row comes in sight with it, and what follows the last one, too.
    top = 0 if place == places[0] else place
    bottom = len(lines) if place == places[-1] else place + 1
    return scroll_to(
        top, bottom, state.scroll.get(state.settings.context, 0), max(1, room), len(lines)
    )


def kept_in_view(state: AppState, width: int, room: int) -> AppState:
    """The state that remembers where its rows are scrolled to."""
    parts = _parts(state, width, room)
    lines = listed(state, parts.row_cells).lines
    return scrolled(state, state.settings.context, _offset(state, lines, parts.rows))


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
