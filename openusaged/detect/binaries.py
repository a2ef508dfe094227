"""
Finds programs: on PATH, and where installers put them that a service's short PATH does not name.

A daemon started by systemd or launchd sees none of the directories a user's shell adds.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Sequence
from typing import Final

from openusaged.providers.base import Machine

OVERRIDE: Final = "OPENUSAGE_DETECT_BIN_DIRS"
"""When set, even empty: these directories beside PATH, and none of the usual ones."""

_HOME_DIRS: Final = (
    (".local", "bin"),
    ("bin",),
    (".bun", "bin"),
    (".npm-global", "bin"),
    (".volta", "bin"),
    (".cargo", "bin"),
    (".local", "share", "pnpm"),
    ("Library", "pnpm"),
    (".opencode", "bin"),
)
_SYSTEM_DIRS: Final = ("/opt/homebrew/bin", "/usr/local/bin", "/usr/bin", "/bin")
_VERSION: Final = re.compile(r"\d+")


def search_path(machine: Machine) -> list[str]:
    """Directories to look into, in order, each once."""
    path = _split(machine.env.get("PATH", ""))
    override = machine.env.get(OVERRIDE)
    if override is not None:
        return list(dict.fromkeys([*path, *_split(override)]))
    usual = [os.path.join(machine.home, *parts) for parts in _HOME_DIRS] if machine.home else []
    return list(dict.fromkeys([*path, *usual, *_newest_node(machine.home), *_SYSTEM_DIRS]))


def which(names: Iterable[str], directories: Sequence[str]) -> str:
    """Path of the first program that is there, or ""."""
    for name in names:
        for directory in directories:
            path = os.path.join(directory, name)
            if _is_program(path):
                return path
    return ""


def _split(value: str) -> list[str]:
    parts = (part.strip() for part in value.split(os.pathsep))
    return [part for part in parts if os.path.isabs(part)]


def _is_program(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and bool(mode & 0o111)


def _newest_node(home: str) -> list[str]:
    """Of the Node versions that nvm keeps side by side, the newest."""
    if not home:
        return []
    root = os.path.join(home, ".nvm", "versions", "node")
    try:
        versions = os.listdir(root)
    except OSError:
        return []
    newest = max(versions, key=lambda name: [int(n) for n in _VERSION.findall(name)], default="")
    return [os.path.join(root, newest, "bin")] if newest else []
