"""
The screens by name, and how each turns a state and a size into lines.

A new screen is one entry in `_SCREENS`, its keys in the keymap and its renderer in a module.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from openusage_client.tui.keymap import PALETTE
from openusage_client.tui.late import late
from openusage_client.tui.layout import Line, fit_line
from openusage_client.tui.state import AppState
from openusage_client.tui.views import frame, overview
from openusage_client.tui.views.command_list import render_commands
from openusage_client.tui.views.splash import (
    MIN_HEIGHT,
    MIN_WIDTH,
    render_splash,
    render_too_small,
)

_Page = Callable[[AppState, int], list[Line]]
_PAGES: Final[dict[str, _Page]] = {
    "detail": late("views.detail", "render_detail"),
    "drill": late("views.drill", "render_drill"),
    "explain": late("views.explained", "render_explained"),
    "analytics": late("views.analytics", "render_analytics"),
    "sessions": late("views.sessions_list", "render_sessions"),
    "session": late("views.session_page", "render_session"),
    "help": late("views.help", "render_help"),
}
_render_settings = late("views.settings_screen", "render_settings")
_tells_notice = late("views.settings_screen", "tells_notice")
_STAYING: Final = {"detail": 1, "analytics": 1, "sessions": 2, "session": 1}
"""Lines at the top of a page that do not scroll."""
_SETTINGS: Final = "settings"
SCREENS: Final = ("main", *_PAGES, _SETTINGS)

content_height = frame.content_height


def render(state: AppState, width: int, height: int) -> list[Line]:
    """The visible screen: exactly `height` lines, none wider than `width` cells."""
    if width < 1 or height < 1:
        return []
    if width < MIN_WIDTH or height < MIN_HEIGHT:
        lines = render_too_small(width, height)
        return lines + [[] for _ in range(height - len(lines))]
    content, position = _content(state, width, height)
    if state.screen == _SETTINGS and _tells_notice(state, width):
        state = replace(state, notice="")
    lines = [
        *frame.render_header(state, width, height),
        *content,
        frame.render_footer(state, width, position),
    ]
    return [fit_line(line, width) for line in lines[:height]]


def last_scroll(state: AppState, width: int, height: int) -> int:
    """The largest useful scroll offset of a page."""
    page = _PAGES.get(state.screen)
    return max(0, len(page(state, width)) - content_height(height)) if page else 0


def _content(state: AppState, width: int, height: int) -> tuple[list[Line], str]:
    if state.entry is not None and state.entry.kind == PALETTE:
        lines = render_commands(state, width, content_height(height))
        return lines + [[] for _ in range(content_height(height) - len(lines))], ""
    if state.screen == _SETTINGS:
        settings: tuple[list[Line], str] = _render_settings(state, width, content_height(height))
        return settings
    page = _PAGES.get(state.screen)
    if page is None:
        if state.model is not None and state.model.accounts:
            return overview.render(state, width, height)
        return render_splash(state, width, height), ""
    lines = page(state, width)
    staying = _STAYING.get(state.screen, 0)
    head, lines = lines[:staying], lines[staying:]
    room = max(1, content_height(height) - len(head))
    last = max(0, len(lines) - room)
    offset = min(state.scroll.get(state.screen, 0), last)
    visible = lines[offset : offset + room]
    visible = [*head, *visible, *([] for _ in range(room - len(visible)))]
    if not last:
        return visible, ""
    up = "▲" if offset else " "
    down = "▼" if offset < last else " "
    return visible, f"{offset + 1}–{offset + room} of {len(lines)} {up}{down}"  # noqa: RUF001
