"""Where Droid keeps its sessions: `<id>.settings.json` has the totals, `<id>.jsonl` the rest."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Final

from openusaged.core.models import Account
from openusaged.providers.base import Machine, Unit
from openusaged.providers.shared import places
from openusaged.providers.shared.files import stat_unit, walk_units
from openusaged.providers.shared.homes import name_homes

ID: Final = "droid"
TITLE: Final = "Droid"
SETTINGS: Final = ".settings.json"
CONVERSATION: Final = ".jsonl"

_VARIABLE: Final = "DROID_SESSIONS_DIR"
_SESSIONS: Final = "sessions"


def roots(machine: Machine) -> list[str]:
    """
    The directories of sessions, whether they exist or not.

    `$DROID_SESSIONS_DIR` (comma list) > `$FACTORY_DIR/sessions` > `~/.factory/sessions`.
    """
    factory = machine.env.get("FACTORY_DIR", "").strip() or "~/.factory"
    return places.listed(_VARIABLE, machine) or [
        os.path.join(places.expand(factory, machine), _SESSIONS)
    ]


def discover(machine: Machine) -> Iterator[Account]:
    """One account for each directory of sessions."""
    origin = "default"
    for name in (_VARIABLE, "FACTORY_DIR"):
        if machine.env.get(name, "").strip():
            origin = f"env:{name}"
            break
    for account_id, home in name_homes(ID, roots(machine), {_SESSIONS, ".factory"}):
        if os.path.isdir(home):
            yield Account(id=account_id, provider_id=ID, title=TITLE, home=home, origin=origin)


def sessions_directories(account: Account, machine: Machine) -> list[str]:
    """The user's `sessions_dir` when it exists, else the account's home, else the usual place."""
    named = account.paths.get("sessions_dir", "")
    if named:
        directory = places.expand(named, machine)
        if os.path.isdir(directory):
            return [directory]
    return [account.home] if account.home else roots(machine)


def units(account: Account, machine: Machine) -> Iterator[Unit]:
    """The totals and the conversation of every session, also of those in sub-directories."""
    for directory in sessions_directories(account, machine):
        yield from walk_units(directory, _is_record)


def locate(account: Account, path: str, machine: Machine) -> Unit | None:
    """A changed record is a unit of its own."""
    inside = any(
        path.startswith(directory + os.sep) for directory in sessions_directories(account, machine)
    )
    return stat_unit(path) if inside and _is_record(path) else None


def watch(account: Account, machine: Machine) -> Iterable[str]:
    """The directories of sessions."""
    return sessions_directories(account, machine)


def is_settings(path: str) -> bool:
    """Whether a record holds totals and is no conversation."""
    return path.endswith(SETTINGS)


def session_of(path: str) -> str:
    """Id of the session that a record belongs to."""
    return os.path.basename(path).removesuffix(SETTINGS).removesuffix(CONVERSATION)


def _is_record(name: str) -> bool:
    return name.endswith((SETTINGS, CONVERSATION))
