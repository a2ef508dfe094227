"""The machine's time zone by its IANA name, which is what every answer states."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

LOCALTIME: Final = "/etc/localtime"
TIMEZONE_FILE: Final = "/etc/timezone"
_MARKER: Final = "/zoneinfo/"


def local_zone_name(env: Mapping[str, str], localtime: str = LOCALTIME) -> str:
    """`$TZ` if it names a zone, else the target of `/etc/localtime`, `/etc/timezone`, or UTC."""
    name = env.get("TZ", "").lstrip(":")
    if name:
        _, marked, tail = name.partition(_MARKER)
        if marked:
            return tail
        if not name.startswith("/"):
            return name
    try:
        target = os.path.realpath(localtime)
    except OSError:
        target = ""
    _, marked, tail = target.partition(_MARKER)
    if marked and tail:
        return tail.removeprefix("posix/").removeprefix("right/")
    try:
        with open(TIMEZONE_FILE, encoding="ascii") as file:
            return file.read(128).strip() or "UTC"
    except (OSError, ValueError):
        return "UTC"
