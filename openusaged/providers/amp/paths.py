"""Where Amp keeps its threads: the data directory, and the old extension's storage."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Final

from openusaged.core.models import Account
from openusaged.providers.base import Machine, Shallow, Unit
from openusaged.providers.shared import places
from openusaged.providers.shared.files import stat_unit, walk_units
from openusaged.providers.shared.homes import discover_homes, homes_of

ID: Final = "amp"
TITLE: Final = "Amp"

_VARIABLE: Final = "AMP_DATA_DIR"
_THREADS: Final = "threads"
_EXTENSION_THREADS: Final = "threads3"
_EXTENSION: Final = "sourcegraph.amp"
_LEDGER: Final = "ledger.jsonl"
_SUFFIX: Final = ".json"
_FURTHER: Final = "data_dir_"


def roots(machine: Machine) -> list[str]:
    """
    Every directory that would hold `threads`, whether it exists or not.

    `$AMP_DATA_DIR` (comma list), else `$XDG_DATA_HOME/amp`, `~/.local/share/amp` (also where Amp
    puts it on macOS), the system's own place, and the old extension's storage in every editor.
    """
    named = places.listed(_VARIABLE, machine)
    if named:
        return named
    found = [
        os.path.join(places.data_home(machine), "amp"),
        os.path.join(machine.home, ".local", "share", "amp"),
    ]
    if machine.platform == "darwin":
        found.append(os.path.join(places.application_support(machine), "amp"))
    found += [
        os.path.join(storage, _EXTENSION) for storage in places.vscode_global_storages(machine)
    ]
    return list(dict.fromkeys(found))


def discover(machine: Machine) -> Iterator[Account]:
    """One account for all usual places, or one for each directory of `$AMP_DATA_DIR`."""
    return discover_homes(
        ID,
        TITLE,
        roots(machine),
        machine,
        variable=_VARIABLE,
        further=_FURTHER,
        own_names={"amp", "share"},
    )


def homes(account: Account, machine: Machine) -> list[str]:
    """The account's data directories, those of the settings first."""
    named = account.paths.get("data_dir", "")
    if named:
        return [places.expand(named, machine)]
    return homes_of(account, _FURTHER) or roots(machine)[:2]


def units(account: Account, machine: Machine) -> Iterator[Unit]:
    """Every thread and the ledgers."""
    for directory in _threads_directories(account, machine):
        yield from walk_units(directory, lambda name: name.endswith(_SUFFIX))
    for path in _ledgers(account, machine):
        unit = stat_unit(path)
        if unit is not None:
            yield unit


def locate(account: Account, path: str, machine: Machine) -> Unit | None:
    """A changed thread or ledger is a unit of its own."""
    if path in _ledgers(account, machine):
        return stat_unit(path)
    if path.endswith(_SUFFIX) and any(
        path.startswith(directory + os.sep) for directory in _threads_directories(account, machine)
    ):
        return stat_unit(path)
    return None


def watch(account: Account, machine: Machine) -> Iterable[str | Shallow]:
    """The threads, and of the data directories only their own entries."""
    yield from _threads_directories(account, machine)
    for path in _ledgers(account, machine):
        yield Shallow(os.path.dirname(path))


def is_thread(path: str) -> bool:
    """Whether a unit is a thread and not a ledger."""
    return path.endswith(_SUFFIX)


def _threads_directories(account: Account, machine: Machine) -> list[str]:
    named = account.paths.get("threads_dir", "")
    if named:
        return [places.expand(named, machine)]
    return [
        os.path.join(home, _EXTENSION_THREADS if os.path.basename(home) == _EXTENSION else _THREADS)
        for home in homes(account, machine)
    ]


def _ledgers(account: Account, machine: Machine) -> list[str]:
    named = account.paths.get("ledger_path", "")
    if named:
        return [places.expand(named, machine)]
    return [
        os.path.join(home, _LEDGER)
        for home in homes(account, machine)
        if os.path.basename(home) != _EXTENSION
    ]
