"""
What the user's settings say about the dashboard, asked of the daemon before the first screen.

The daemon owns the settings file; when it does not answer within a moment, defaults are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, get_args

from openusage_client.errors import ClientError
from openusage_client.rpc import Connection
from openusage_client.tui.theme import DEFAULT_THEME, builtin_names
from openusage_proto.errors import RpcError
from openusage_proto.messages import Window
from openusage_proto.methods import SETTINGS_GET

ASK_S: Final = 0.3
DEFAULT_WINDOW: Final[Window] = "30d"
WINDOWS: Final[tuple[Window, ...]] = get_args(Window)


@dataclass(frozen=True, slots=True)
class Preferences:
    """Theme and first window."""

    theme: str = DEFAULT_THEME
    window: Window = DEFAULT_WINDOW


def ask(path: str | None = None) -> Preferences:
    """The preferences in the settings; defaults where there are none or nobody answers."""
    try:
        with Connection(path, ASK_S) as connection:
            answer = connection.call(SETTINGS_GET)
    except (ClientError, RpcError, OSError):
        return Preferences()
    return parse(answer.get("settings") if isinstance(answer, dict) else None)


def parse(settings: Any) -> Preferences:
    """Preferences of effective settings; a theme that does not exist gives the default one."""
    if not isinstance(settings, dict):
        return Preferences()
    theme = str(settings.get("theme", "")).strip().lower().replace(" ", "-")
    data = settings.get("data")
    window = data.get("time_window") if isinstance(data, dict) else None
    return Preferences(
        theme=theme if theme in builtin_names() else DEFAULT_THEME,
        window=next((name for name in WINDOWS if name == window), DEFAULT_WINDOW),
    )
