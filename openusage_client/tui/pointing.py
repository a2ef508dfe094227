"""
What a click among the lines between header and footer means, screen by screen.

As on the overview: what is clicked is chosen, and what was chosen already is opened.  Only in the
list of commands, which goes away then, one click is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from openusage_client.tui import keymap, palette_actions
from openusage_client.tui.effects import Size
from openusage_client.tui.late import late
from openusage_client.tui.state import AppState
from openusage_client.tui.views import frame

Clicked = tuple[AppState, str]
"""The state, and a command to carry out after it (empty for none)."""
_Click = Callable[[AppState, Size, int, int], Clicked]
_CLICKS: Final[Mapping[str, _Click]] = {
    keymap.PALETTE: palette_actions.clicked,
    keymap.DETAIL: late("detail.commands", "clicked"),
    keymap.DRILL: late("detail.commands", "clicked"),
    keymap.SESSIONS: late("sessions.commands", "clicked"),
    "settings": late("settings.pointing", "clicked"),
}
_wheel_settings: Final = late("settings.pointing", "wheeled")


def clicked(state: AppState, size: Size, x: int, y: int) -> Clicked:
    """A click at a cell of the terminal; nothing happens where there is nothing to choose."""
    line = y - frame.header_height(size.height)
    click = _CLICKS.get(state.entry.kind if state.entry else state.screen)
    if click is None or not 0 <= line < frame.content_height(size.height):
        return state, ""
    return click(state, size, x, line)


def wheel_command(state: AppState, size: Size, x: int, y: int, *, down: bool) -> str:
    """The command that a turn of the wheel is where it is not that of an arrow key."""
    if state.entry is not None or state.screen != "settings":
        return ""
    line = y - frame.header_height(size.height)
    command: str = _wheel_settings(state, size, x, line, down=down)
    return command
