"""
Opens a site in the user's browser, where there is a desktop to show it on.

A browser that runs in the terminal would write over the dashboard, so none is started.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping

_DESKTOPS = ("DISPLAY", "WAYLAND_DISPLAY")


def show(address: str, env: Mapping[str, str]) -> str:
    """Open it; returns what to tell the user."""
    program = shutil.which("open" if sys.platform == "darwin" else "xdg-open", path=env.get("PATH"))
    desktop = sys.platform == "darwin" or any(env.get(name) for name in _DESKTOPS)
    by_hand = f"open {address} in your browser and sign in"
    if program is None or not desktop:
        return by_hand
    try:
        process = subprocess.Popen(
            [program, address],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return by_hand
    # Somebody has to take note of its end.
    threading.Thread(target=process.wait, daemon=True).start()
    return f"{address} is shown in your browser"
