"""Where OpenCode keeps its records: accounts, their databases and their legacy message files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Final

from openusage_proto import locations
from openusaged.core.models import Account
from openusaged.providers.base import Machine, Shallow, Unit
from openusaged.providers.shared.sqlite_ro import stat_database

ACCOUNT_ID: Final = "opencode"
LATEST_MESSAGES: Final = 4
"""Only a session's newest messages are rewritten in place, which its directory does not show."""
_MESSAGES: Final = os.path.join("storage", "message")


def roots(machine: Machine) -> list[str]:
    """The data directories, whether or not anything is there yet."""
    env = {**machine.env, "HOME": machine.home}
    listed = [part.strip() for part in env.get("OPENCODE_DATA_DIR", "").split(",")]
    homes = [_expand(part, machine.home) for part in listed if part]
    return homes or [os.path.join(locations.data_home(env), "opencode")]


def discover(machine: Machine) -> Iterable[Account]:
    """
    One account per data directory that holds records.

    `$OPENCODE_DATA_DIR` (comma list) > `$XDG_DATA_HOME/opencode` > `~/.local/share/opencode`.
    `$OPENCODE_DB` names the database OpenCode writes now; it belongs to the first account, whose
    earlier databases are still read: they are the same user's history.
    """
    env = {**machine.env, "HOME": machine.home}
    default = os.path.join(locations.data_home(env), "opencode")
    homes = roots(machine)
    seen: set[str] = set()
    used: set[str] = set()
    for index, home in enumerate(homes):
        real = os.path.realpath(home)
        if real in seen:
            continue
        seen.add(real)
        database = _named_database(env, home) if index == 0 else ""
        if not database and not _has_records(home):
            continue
        account_id = _account_id(home, default, used)
        used.add(account_id)
        yield Account(
            id=account_id,
            provider_id="opencode",
            title="OpenCode",
            home=home,
            paths={"database": database} if database else {},
            origin="default" if homes == [default] else "env:OPENCODE_DATA_DIR",
        )


def units(account: Account, machine: Machine) -> Iterator[Unit]:  # noqa: ARG001 - the contract
    """Every database, then every session directory of the legacy store; stat only."""
    for path in _databases(account):
        unit = stat_database(path)
        if unit is not None:
            yield unit
    root = os.path.join(account.home, _MESSAGES)
    try:
        names = sorted(entry.name for entry in os.scandir(root) if entry.is_dir())
    except OSError:
        return
    for name in names:
        unit = stat_session(os.path.join(root, name))
        if unit is not None:
            yield unit


def locate(account: Account, path: str, machine: Machine) -> Unit | None:  # noqa: ARG001
    """The database or session directory that a changed path belongs to."""
    database = path.removesuffix("-wal")
    if database in _databases(account):
        return stat_database(database)
    root = os.path.join(account.home, _MESSAGES) + os.sep
    if path.startswith(root):
        session = path[len(root) :].partition(os.sep)[0]
        return stat_session(root + session)
    return None


def watch(
    account: Account,
    machine: Machine,  # noqa: ARG001 - the contract
) -> Iterable[str | Shallow]:
    """
    The databases' directory and the legacy messages; not `snapshot/`, whole git repositories.

    OPENCODE_DB elsewhere is watched as the file and its log.
    """
    yield Shallow(account.home)
    yield os.path.join(account.home, "storage", "message")
    database = account.paths.get("database", "")
    if database and not database.startswith(account.home + os.sep):
        yield database
        yield database + "-wal"


def stat_session(directory: str) -> Unit | None:
    """
    The unit of a legacy session directory, or None when it is none.

    Its size is the number of messages and the bytes of the newest, which are the only ones that
    change: a store of thousands of small files costs one listing and a handful of stats a session.
    """
    try:
        info = os.stat(directory)
        names = [name for name in os.listdir(directory) if name.endswith(".json")]
    except OSError:
        return None
    size, mtime_ns = len(names), info.st_mtime_ns
    for name in sorted(names)[-LATEST_MESSAGES:]:
        try:
            file = os.stat(os.path.join(directory, name))
        except OSError:
            continue
        size += file.st_size
        mtime_ns = max(mtime_ns, file.st_mtime_ns)
    return Unit(
        path=directory,
        device=info.st_dev,
        inode=info.st_ino,
        size=size,
        mtime_ns=mtime_ns,
    )


def is_database(path: str) -> bool:
    """Whether a unit's path is a database and not a session directory."""
    return os.path.basename(os.path.dirname(path)) != "message" or path.endswith(".db")


def _databases(account: Account) -> list[str]:
    """`opencode.db` and those of other release channels, in one directory, newest name last."""
    try:
        names = sorted(os.listdir(account.home))
    except OSError:
        names = []
    found = [
        os.path.join(account.home, name)
        for name in names
        if name.startswith("opencode") and name.endswith(".db")
    ]
    named = account.paths.get("database", "")
    return found if not named or named in found else [named, *found]


def _has_records(home: str) -> bool:
    if os.path.isdir(os.path.join(home, _MESSAGES)):
        return True
    try:
        names = os.listdir(home)
    except OSError:
        return False
    # Signed in and not used yet: the account exists, its records will come.
    return any(n == "auth.json" or (n.startswith("opencode") and n.endswith(".db")) for n in names)


def _named_database(env: dict[str, str], home: str) -> str:
    named = env.get("OPENCODE_DB", "")
    if not named or named == ":memory:":
        return ""
    # a relative name is below the data directory, as OpenCode resolves it
    return os.path.join(home, _expand(named, env["HOME"]))


def _expand(path: str, home: str) -> str:
    return home + path[1:] if path == "~" or path.startswith("~/") else path.rstrip("/") or "/"


def _account_id(home: str, default: str, used: set[str]) -> str:
    if os.path.realpath(home) == os.path.realpath(default):
        return ACCOUNT_ID
    parts = [part for part in home.split(os.sep) if part]
    # `…/office/opencode` says more by its parent than by its own name
    name = next((part for part in reversed(parts) if part not in {"opencode", "share"}), "other")
    base = account_id = f"{ACCOUNT_ID}:{name}"
    number = 2
    while account_id in used:
        account_id = f"{base}-{number}"
        number += 1
    return account_id
