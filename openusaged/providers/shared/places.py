"""
Where programs keep their data on Linux, macOS and WSL, as one list of rules.

Every function takes the machine it is about, so that a test gives it a temporary one.
"""

from __future__ import annotations

import os
from typing import Final
from urllib.parse import unquote, urlsplit

from openusaged.providers.base import Machine

_EDITORS: Final = (
    "Code",
    "Code - Insiders",
    "VSCodium",
    "VSCodium - Insiders",
    "Cursor",
    "Windsurf",
)
_EDITOR_SERVERS: Final = (
    ".vscode-server",
    ".vscode-server-insiders",
    ".cursor-server",
    ".windsurf-server",
)
_NO_WINDOWS_USERS: Final = frozenset({"all users", "default", "default user", "public"})
WSL_USERS: Final = "/mnt/c/Users"


def expand(path: str, machine: Machine) -> str:
    """`~` and a trailing slash resolved; a relative path is below the home directory."""
    if path == "~" or path.startswith("~/"):
        path = machine.home + path[1:]
    return os.path.join(machine.home, path).rstrip("/") or "/"


def listed(variable: str, machine: Machine) -> list[str]:
    """Directories of a comma list in an environment variable, expanded; empty when it is unset."""
    parts = (part.strip() for part in machine.env.get(variable, "").split(","))
    return [expand(part, machine) for part in parts if part]


def data_home(machine: Machine) -> str:
    """`$XDG_DATA_HOME`, else `~/.local/share`."""
    return machine.env.get("XDG_DATA_HOME") or os.path.join(machine.home, ".local", "share")


def config_home(machine: Machine) -> str:
    """`$XDG_CONFIG_HOME`, else `~/.config`."""
    return machine.env.get("XDG_CONFIG_HOME") or os.path.join(machine.home, ".config")


def application_support(machine: Machine) -> str:
    """Where desktop programs keep their data: `~/Library/Application Support` on macOS."""
    if machine.platform == "darwin":
        return os.path.join(machine.home, "Library", "Application Support")
    return config_home(machine)


def local_path(uri: str) -> str:
    """The path that a `file:` address names; "" for what lies on another machine, or nowhere."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return ""
    return unquote(parts.path) if parts.scheme == "file" else ""


def vscode_global_storages(machine: Machine) -> list[str]:
    """`globalStorage` directories of VS Code and its siblings, whether they exist or not."""
    root = application_support(machine)
    places = [os.path.join(root, editor, "User", "globalStorage") for editor in _EDITORS]
    places += [
        os.path.join(machine.home, server, "data", "User", "globalStorage")
        for server in _EDITOR_SERVERS
    ]
    if machine.platform == "linux":
        places += _windows_storages()
    return places


def _windows_storages() -> list[str]:
    """Those of the Windows side of a WSL machine."""
    try:
        users = sorted(os.listdir(WSL_USERS))
    except OSError:
        return []
    return [
        os.path.join(WSL_USERS, user, "AppData", "Roaming", editor, "User", "globalStorage")
        for user in users
        if user.lower() not in _NO_WINDOWS_USERS
        for editor in _EDITORS
    ]
