"""
Where Roo Code and the extensions that come from it keep their task folders.

One task is one folder `<storage>/tasks/<task id>/`; the unit is its `ui_messages.json`.  An
extension has one storage folder in every editor it is installed in, and all of them are one
account: the same task may be seen through several.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from openusage_proto.values import dataclass
from openusaged.core.models import Account
from openusaged.providers.base import Machine, Unit
from openusaged.providers.shared import places
from openusaged.providers.shared.files import stat_unit
from openusaged.providers.shared.homes import discover_homes, further_paths, homes_of

MESSAGES = "ui_messages.json"
TASKS = "tasks"
_FOLDER_KEY = "extension_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """One extension of the family."""

    provider_id: str
    title: str
    folder: str
    """Name of its folder below an editor's `globalStorage`."""
    home_variable: str
    """Variable with a comma list of folders that hold `tasks/`, instead of the editors'."""
    elsewhere: tuple[str, ...] = ()
    """Further storage folders, below the home directory."""


def storage_folders(extension: Extension, machine: Machine) -> list[str]:
    """Every folder that would hold `tasks/`, whether it exists or not."""
    named = places.listed(extension.home_variable, machine)
    if named:
        return named
    folders = [
        os.path.join(storage, extension.folder)
        for storage in places.vscode_global_storages(machine)
    ]
    return folders + [os.path.join(machine.home, path) for path in extension.elsewhere]


def discover(extension: Extension, machine: Machine) -> Iterator[Account]:
    """
    One account for the folders of all editors, or one for each folder of the variable.

    The folder is enough: right after the installation there are no tasks yet.
    """
    return discover_homes(
        extension.provider_id,
        extension.title,
        storage_folders(extension, machine),
        machine,
        variable=extension.home_variable,
        further=_FOLDER_KEY,
        own_names={TASKS},
    )


def folder_paths(folders: list[str]) -> dict[str, str]:
    """Further storage folders as named paths of an account."""
    return further_paths(folders, _FOLDER_KEY)


def tasks_directories(extension: Extension, account: Account, machine: Machine) -> list[str]:
    """
    The `tasks` directories of an account.

    The user's `tasks_dir` alone, when it is there; else those of the account's folders; else
    those of all editors.
    """
    named = account.paths.get("tasks_dir", "")
    if named:
        directory = places.expand(named, machine)
        if os.path.isdir(directory):
            return [directory]
    folders = homes_of(account, _FOLDER_KEY)
    if not folders:
        folders = [
            folder for folder in storage_folders(extension, machine) if os.path.isdir(folder)
        ]
    return [
        folder if os.path.basename(folder) == TASKS else os.path.join(folder, TASKS)
        for folder in folders
    ]


def units(directories: list[str]) -> Iterator[Unit]:
    """The message list of every task below these directories."""
    for directory in directories:
        try:
            names = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
        except OSError:
            continue
        for name in names:
            unit = stat_unit(os.path.join(directory, name, MESSAGES))
            if unit is not None:
                yield unit


def locate(directories: list[str], path: str) -> Unit | None:
    """The message list of the task folder that a changed file lies in."""
    for directory in directories:
        inside = path.removeprefix(directory + os.sep)
        if inside != path and inside.count(os.sep) == 1:
            return stat_unit(os.path.join(directory, inside.partition(os.sep)[0], MESSAGES))
    return None
