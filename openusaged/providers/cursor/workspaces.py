"""
Which folder a conversation belongs to, for those that do not say so themselves.

Each window's workspace has a directory with a small database of its own that lists its
conversations, and a file that names the folder.  They are opened only when somebody asks.
"""

from __future__ import annotations

import os
from typing import Any, Final

import msgspec

from openusaged.core.errors import ProviderError
from openusaged.providers.shared.json_values import as_list, as_object, as_text
from openusaged.providers.shared.places import local_path
from openusaged.providers.shared.sqlite_ro import open_read_only

MAX_WORKSPACES: Final = 200
"""The newest; beyond them the folders are gone anyway."""
MAX_JSON_BYTES: Final = 16 << 20

_LIST: Final = "SELECT CAST(value AS BLOB) FROM ItemTable WHERE key = 'composer.composerData'"


class WorkspaceFolders:
    """Folders by conversation below one `workspaceStorage`, read once and when first needed."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._folders: dict[str, str] | None = None

    def folder_of(self, composer_id: str) -> str:
        """The folder's path, "" when no workspace lists the conversation."""
        if self._folders is None:
            self._folders = self._read()
        return self._folders.get(composer_id, "")

    def _read(self) -> dict[str, str]:
        folders: dict[str, str] = {}
        for workspace in _newest(self._directory):
            folder = _folder(os.path.join(workspace, "workspace.json"))
            database = os.path.join(workspace, "state.vscdb")
            if folder and os.path.isfile(database):
                for composer_id in _conversations(database):
                    folders.setdefault(composer_id, folder)
        return folders


def _newest(directory: str) -> list[str]:
    found: list[tuple[int, str]] = []
    try:
        with os.scandir(directory) as entries:
            found += [(one.stat().st_mtime_ns, one.path) for one in entries if one.is_dir()]
    except OSError:
        pass  # no workspaces, or one that vanished while we looked
    return [path for _, path in sorted(found, reverse=True)[:MAX_WORKSPACES]]


def _folder(path: str) -> str:
    try:
        with open(path, "rb") as file:
            workspace = as_object(msgspec.json.decode(file.read(MAX_JSON_BYTES)))
    except (OSError, ValueError, msgspec.DecodeError):
        return ""
    # A folder on another machine (`vscode-remote:`) is none of this one's projects.
    return local_path(as_text(workspace.get("folder")))


def _conversations(database: str) -> list[str]:
    try:
        with open_read_only(database) as opened:
            rows: list[Any] = opened.rows(_LIST)
        listed = as_object(msgspec.json.decode(rows[0][0])) if rows else {}
    except (ProviderError, msgspec.DecodeError, TypeError):
        return []
    entries = as_list(listed.get("allComposers"))
    return [ident for one in entries if (ident := as_text(as_object(one).get("composerId")))]
