"""
Which browsers have a profile on this machine; only their directories are looked at.

Separate from `cookies`, which reads one: listing must never make a browser ask its user.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from openusaged.detect import firefox
from openusaged.detect.cookies import BROWSERS, FIREFOX
from openusaged.providers.base import Machine

_LINUX: Final[Mapping[str, tuple[str, ...]]] = {
    "chrome": (".config/google-chrome", ".var/app/com.google.Chrome/config/google-chrome"),
    "chromium": (".config/chromium", "snap/chromium/common/chromium"),
    "edge": (".config/microsoft-edge",),
    "brave": (
        ".config/BraveSoftware/Brave-Browser",
        "snap/brave/current/.config/BraveSoftware/Brave-Browser",
    ),
    "vivaldi": (".config/vivaldi",),
    "opera": (".config/opera",),
}
_MACOS: Final[Mapping[str, tuple[str, ...]]] = {
    "safari": (
        "Library/Containers/com.apple.Safari/Data/Library/Cookies",
        "Library/Cookies/Cookies.binarycookies",
    ),
    "chrome": ("Library/Application Support/Google/Chrome",),
    "chromium": ("Library/Application Support/Chromium",),
    "edge": ("Library/Application Support/Microsoft Edge",),
    "brave": ("Library/Application Support/BraveSoftware/Brave-Browser",),
    "vivaldi": ("Library/Application Support/Vivaldi",),
    "opera": ("Library/Application Support/com.operasoftware.Opera",),
}


def installed(machine: Machine) -> list[str]:
    """Names of the browsers with a profile, in the order they are listed everywhere."""
    places = _MACOS if machine.platform == "darwin" else _LINUX
    return [
        name
        for name in BROWSERS
        if (
            firefox.profiles(machine)
            if name == FIREFOX
            else any(
                os.path.exists(os.path.join(machine.home, path)) for path in places.get(name, ())
            )
        )
    ]
