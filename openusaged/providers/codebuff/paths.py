"""Where Codebuff, formerly Manicode, keeps its chats: one directory per release channel."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Final

from openusaged.core.models import Account
from openusaged.providers.base import Machine, Unit
from openusaged.providers.shared import places
from openusaged.providers.shared.files import stat_unit, walk_units
from openusaged.providers.shared.homes import discover_homes, homes_of

ID: Final = "codebuff"
TITLE: Final = "Codebuff"
CHAT: Final = "chat-messages.json"
PROJECTS: Final = "projects"

_VARIABLE: Final = "CODEBUFF_DATA_DIR"
_CHANNELS: Final = ("manicode", "manicode-dev", "manicode-staging")
_FURTHER: Final = "data_dir_"


def roots(machine: Machine) -> list[str]:
    """
    The data directories, whether they exist or not.

    `$CODEBUFF_DATA_DIR` (comma list; an entry may be the `projects` folder itself) replaces the
    three channels', which are below `~/.config` on every system.
    """
    return places.listed(_VARIABLE, machine) or [
        os.path.join(machine.home, ".config", channel) for channel in _CHANNELS
    ]


def discover(machine: Machine) -> Iterator[Account]:
    """One account for all channels, or one for each directory of the variable."""
    return discover_homes(
        ID,
        TITLE,
        roots(machine),
        machine,
        variable=_VARIABLE,
        further=_FURTHER,
        own_names={PROJECTS, *_CHANNELS},
    )


def projects_directories(account: Account, machine: Machine) -> list[str]:
    """The `projects` folders of an account; the user's `data_dir` replaces those found."""
    named = account.paths.get("data_dir", "")
    if named:
        found = [places.expand(named, machine)]
    else:
        found = homes_of(account, _FURTHER) or roots(machine)
    return [
        home if os.path.basename(home) == PROJECTS else os.path.join(home, PROJECTS)
        for home in found
    ]


def units(account: Account, machine: Machine) -> Iterator[Unit]:
    """The messages of every chat."""
    for directory in projects_directories(account, machine):
        yield from walk_units(directory, lambda name: name == CHAT)


def locate(account: Account, path: str, machine: Machine) -> Unit | None:
    """A changed file of messages is its own unit; what lies beside it is none."""
    inside = any(
        path.startswith(directory + os.sep) for directory in projects_directories(account, machine)
    )
    return stat_unit(path) if inside and os.path.basename(path) == CHAT else None


def watch(account: Account, machine: Machine) -> Iterable[str]:
    """The folders with the projects' chats."""
    return projects_directories(account, machine)


def chat_of(path: str) -> tuple[str, str]:
    """(project folder, chat id) of a file `…/projects/<project>/…/<chat>/chat-messages.json`."""
    parts = path.split(os.sep)
    at = len(parts) - 1 - parts[::-1].index(PROJECTS) if PROJECTS in parts else 0
    project = parts[at + 1] if at and at + 1 < len(parts) - 2 else ""
    return project, parts[-2]
