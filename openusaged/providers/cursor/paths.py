"""Where Cursor keeps what we read: its state and tracking databases, and exported CSV files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Final

from openusaged.core.models import Account
from openusaged.providers.base import Machine, Shallow, Unit
from openusaged.providers.shared import places
from openusaged.providers.shared.files import stat_unit
from openusaged.providers.shared.sqlite_ro import stat_database

PROVIDER_ID: Final = "cursor"
ACCOUNT_ID: Final = "cursor-ide"
HOME_VARIABLE: Final = "OPENUSAGE_CURSOR_HOME"
"""Comma list of Cursor's user-data directories: what `cursor --user-data-dir` takes."""

_STATE: Final = os.path.join("User", "globalStorage", "state.vscdb")


def roots(machine: Machine) -> list[str]:
    """The user-data directories and the home of the tracking database, there or not."""
    return [*_homes(machine), _dot_cursor(machine)]


def discover(machine: Machine) -> Iterable[Account]:
    """One account per user-data directory with a state database; the first tracks the machine."""
    default = _default_home(machine)
    seen: set[str] = set()
    used: set[str] = set()
    for home in _homes(machine):
        real = os.path.realpath(home)
        if real in seen:
            continue
        seen.add(real)
        is_default = real == os.path.realpath(default)
        paths = {"state_db": os.path.join(home, _STATE)}
        if is_default:
            paths["tracking_db"] = _default_tracking_db(machine)
        # The tool's program need not be on the PATH: the records say that it is used.
        paths = {name: path for name, path in paths.items() if os.path.isfile(path)}
        if not paths and not (is_default and _has_command_line_login(machine)):
            continue
        account_id = _account_id(home, used) if not is_default else ACCOUNT_ID
        used.add(account_id)
        yield Account(
            id=account_id,
            provider_id=PROVIDER_ID,
            title="Cursor",
            home=home,
            paths=paths,
            origin="default" if not machine.env.get(HOME_VARIABLE) else f"env:{HOME_VARIABLE}",
        )


def state_db(account: Account, machine: Machine) -> str:
    """The account's state database, there or not."""
    named = account.paths.get("state_db", "")
    home = account.home or _default_home(machine)
    return places.expand(named, machine) if named else os.path.join(home, _STATE)


def tracking_db(account: Account, machine: Machine) -> str:
    """The database of AI-written code, or "": all user-data directories share one."""
    named = account.paths.get("tracking_db", "")
    if named:
        return places.expand(named, machine)
    is_default = account.home in ("", _default_home(machine))
    return _default_tracking_db(machine) if is_default else ""


def csv_exports(account: Account, machine: Machine) -> list[str]:
    """Usage exports the user has saved from Cursor's dashboard: a file, or a directory of them."""
    named = account.paths.get("csv_export", "")
    if not named:
        return []
    place = places.expand(named, machine)
    if not os.path.isdir(place):
        return [place]
    try:
        names = sorted(os.listdir(place))
    except OSError:
        return []
    return [os.path.join(place, name) for name in names if name.lower().endswith(".csv")]


def command_line_logins(machine: Machine) -> list[str]:
    """Files in which the `cursor-agent` command keeps its login where there is no key chain."""
    return [
        os.path.join(places.config_home(machine), "cursor", "auth.json"),
        os.path.join(_dot_cursor(machine), "auth.json"),
    ]


def workspace_storage(account: Account, machine: Machine) -> str:
    """The directory that tells which project a workspace is."""
    global_storage = os.path.dirname(state_db(account, machine))
    return os.path.join(os.path.dirname(global_storage), "workspaceStorage")


def units(account: Account, machine: Machine) -> Iterator[Unit]:
    """Both databases and the exports; stat only."""
    for path in (state_db(account, machine), tracking_db(account, machine)):
        unit = stat_database(path) if path else None
        if unit is not None:
            yield unit
    for path in csv_exports(account, machine):
        unit = stat_unit(path)
        if unit is not None:
            yield unit


def locate(account: Account, path: str, machine: Machine) -> Unit | None:
    """The unit that a changed path belongs to."""
    database = path.removesuffix("-wal")
    if database in (state_db(account, machine), tracking_db(account, machine)):
        return stat_database(database)
    if path in csv_exports(account, machine):
        return stat_unit(path)
    return None


def watch(account: Account, machine: Machine) -> Iterable[str | Shallow]:
    """The directories of the two databases and the exports, without what lies deeper."""
    yield Shallow(os.path.dirname(state_db(account, machine)))
    tracking = tracking_db(account, machine)
    if tracking:
        yield Shallow(os.path.dirname(tracking))
    named = account.paths.get("csv_export", "")
    if named:
        place = places.expand(named, machine)
        yield Shallow(place if os.path.isdir(place) else os.path.dirname(place))


def _homes(machine: Machine) -> list[str]:
    return places.listed(HOME_VARIABLE, machine) or [_default_home(machine)]


def _default_home(machine: Machine) -> str:
    return os.path.join(places.application_support(machine), "Cursor")


def _dot_cursor(machine: Machine) -> str:
    named = machine.env.get("CURSOR_CONFIG_DIR", "")
    return places.expand(named or "~/.cursor", machine)


def _default_tracking_db(machine: Machine) -> str:
    return os.path.join(_dot_cursor(machine), "ai-tracking", "ai-code-tracking.db")


def _has_command_line_login(machine: Machine) -> bool:
    return any(os.path.isfile(path) for path in command_line_logins(machine))


def _account_id(home: str, used: set[str]) -> str:
    base = account_id = f"{ACCOUNT_ID}:{os.path.basename(home) or 'other'}"
    number = 2
    while account_id in used:
        account_id = f"{base}-{number}"
        number += 1
    return account_id
