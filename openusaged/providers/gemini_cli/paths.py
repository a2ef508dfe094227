"""Where the Gemini CLI keeps its chats and its login: homes, transcripts, projects."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Final

from openusaged.core.models import Account
from openusaged.providers.base import Machine, Unit
from openusaged.providers.shared.files import stat_unit, walk_units
from openusaged.providers.shared.homes import name_homes
from openusaged.providers.shared.places import expand, listed

PROVIDER_ID: Final = "gemini_cli"
ACCOUNT_ID: Final = "gemini-cli"
HOME_ENV: Final = "GEMINI_CLI_HOME"
DATA_ENV: Final = "GEMINI_DATA_DIR"
CHATS: Final = "chats"

_FOLDER: Final = ".gemini"
_TMP: Final = "tmp"
_SIGNS: Final = ("oauth_creds.json", "google_accounts.json", "settings.json")


def discover(machine: Machine) -> Iterable[Account]:
    """
    One account per home with a login, settings or chats.

    `$GEMINI_CLI_HOME` (it holds `.gemini`, or is one) > `$GEMINI_DATA_DIR` (comma list of `tmp`
    directories) > `~/.gemini`.
    """
    origin, homes = _homes(machine)
    present = {home: tmp for home, tmp in homes if os.path.isdir(tmp) or _is_signed(home)}
    for account_id, home in name_homes(ACCOUNT_ID, present, {_FOLDER, _TMP}):
        yield Account(
            id=account_id,
            provider_id=PROVIDER_ID,
            title="Gemini CLI",
            home=home,
            paths={"tmp": present[home]},
            origin=origin,
        )


def roots(machine: Machine) -> list[str]:
    """The directories with the chats, whether or not anything is there yet."""
    return [tmp for _, tmp in _homes(machine)[1]]


def units(account: Account, machine: Machine) -> Iterator[Unit]:
    """Every transcript below the account's `tmp`, documents before the logs they became."""
    root = chats_root(account, machine)
    for unit in walk_units(root, _may_be_transcript):
        if is_transcript(unit.path, root):
            yield unit


def locate(account: Account, path: str, machine: Machine) -> Unit | None:
    """The transcript at a changed path: most files below `tmp` are none."""
    root = chats_root(account, machine)
    inside = path.startswith(root + os.sep) and is_transcript(path, root)
    return stat_unit(path) if inside else None


def watch(account: Account, machine: Machine) -> Iterable[str]:
    """The directory below which chats appear and grow."""
    return (chats_root(account, machine),)


def chats_root(account: Account, machine: Machine) -> str:
    """The `tmp` directory of the account."""
    named = account.paths.get(_TMP, "")
    return expand(named, machine) if named else os.path.join(config_dir(account, machine), _TMP)


def config_dir(account: Account, machine: Machine) -> str:
    """The `.gemini` directory of the account, with login and settings."""
    named = account.paths.get("config_dir", "") or account.home
    return expand(named, machine) if named else os.path.join(machine.home, _FOLDER)


def is_transcript(path: str, root: str) -> bool:
    """
    Whether a file below `root` holds a chat.

    Anything in a `chats` directory, and `session-*` beside it as older versions wrote them.
    """
    *directories, name = path[len(root) :].split(os.sep)
    if "backup" in directories or not _may_be_transcript(name):
        return False
    return CHATS in directories or name.startswith("session-")


def _may_be_transcript(name: str) -> bool:
    return name.endswith((".json", ".jsonl"))


def _homes(machine: Machine) -> tuple[str, list[tuple[str, str]]]:
    """Origin, and home with `tmp` directory of each."""
    named = machine.env.get(HOME_ENV, "").strip()
    if named:
        parent = expand(named, machine)
        inner = os.path.join(parent, _FOLDER)
        # Gemini CLI looks for `.gemini` in it; users who configure a home mean that directory.
        home = inner if os.path.isdir(inner) else parent
        return f"env:{HOME_ENV}", [(home, os.path.join(home, _TMP))]
    data = listed(DATA_ENV, machine)
    if data:
        return f"env:{DATA_ENV}", [_data_home(path) for path in data]
    home = os.path.join(machine.home, _FOLDER)
    return "default", [(home, os.path.join(home, _TMP))]


def _data_home(path: str) -> tuple[str, str]:
    if os.path.basename(path) == _TMP:
        return os.path.dirname(path), path
    inner = os.path.join(path, _TMP)
    return (path, inner) if os.path.isdir(inner) else (path, path)


def _is_signed(home: str) -> bool:
    return any(os.path.exists(os.path.join(home, sign)) for sign in _SIGNS)
