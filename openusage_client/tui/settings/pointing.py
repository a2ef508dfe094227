"""What the mouse does on the settings screen: tabs and rows are chosen, the preview is scrolled."""

from __future__ import annotations

from openusage_client.tui.effects import Size
from openusage_client.tui.settings import commands, rows
from openusage_client.tui.state import AppState
from openusage_client.tui.views import frame, settings_screen


def clicked(state: AppState, size: Size, x: int, line: int) -> tuple[AppState, str]:
    """A tab is opened; a row gets the cursor, and one that has it is acted on."""
    tab = settings_screen.tab_at(state, size.width, x) if line == 0 else ""
    if tab:
        return state, f"settings.tab.{tab}"
    row = settings_screen.row_at(state, size.width, frame.content_height(size.height), x, line)
    if row < 0:
        return state, ""
    if row == rows.cursor(state):
        return state, "settings.act"
    return commands.pointed(state, row, size), ""


def wheeled(state: AppState, size: Size, x: int, line: int, *, down: bool) -> str:
    """Over the preview the wheel scrolls that."""
    room = frame.content_height(size.height)
    if not settings_screen.is_preview(state, size.width, room, x, line):
        return ""
    return f"settings.preview.{'down' if down else 'up'}"
