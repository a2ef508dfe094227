"""Where the three generations of Kiro keep their sessions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Final

from openusaged.core.models import Account
from openusaged.providers.base import Machine, Shallow, Unit
from openusaged.providers.shared.files import stat_unit
from openusaged.providers.shared.places import application_support, data_home, expand
from openusaged.providers.shared.sqlite_ro import stat_database

PROVIDER_ID: Final = "kiro_cli"
ACCOUNT_ID: Final = "kiro-cli"
TITLE: Final = "Kiro CLI"
HOME_VARIABLE: Final = "KIRO_HOME"
SESSIONS_DIR: Final = "sessions_dir"
"""Named path of the classic sessions."""
DB_PATH: Final = "db_path"
OLD_DB_PATH: Final = "amazon_q_db_path"
"""Named path of the database from when Kiro was Amazon Q."""

_CLASSIC: Final = "cli"
_MESSAGES: Final = "messages.jsonl"
_SESSION_PREFIX: Final = "sess"
_DATABASE: Final = "data.sqlite3"


def discover(machine: Machine) -> Iterator[Account]:
    """One account when there are sessions or a database."""
    home = _home(machine)
    classic = machine.env.get("KIRO_SESSIONS_DIR", "").strip()
    paths = {SESSIONS_DIR: expand(classic, machine)} if classic else {}
    databases = _default_databases(machine)
    paths |= {name: path for name, path in databases.items() if os.path.isfile(path)}
    sessions = paths.get(SESSIONS_DIR) or os.path.join(home, "sessions")
    if not os.path.isdir(sessions) and not paths.keys() & {DB_PATH, OLD_DB_PATH}:
        return
    yield Account(
        id=ACCOUNT_ID,
        provider_id=PROVIDER_ID,
        title=TITLE,
        home=home,
        paths=paths,
        origin=f"env:{HOME_VARIABLE}" if machine.env.get(HOME_VARIABLE) else "default",
    )


def units(account: Account, machine: Machine) -> Iterator[Unit]:
    """Message logs, then headers and transcripts of the classic sessions, then the databases."""
    root = _sessions(account)
    for bucket in _names(root):
        if bucket == _CLASSIC:
            continue
        for session in _names(os.path.join(root, bucket)):
            if session.startswith(_SESSION_PREFIX):
                unit = stat_unit(os.path.join(root, bucket, session, _MESSAGES))
                if unit is not None:
                    yield unit
    classic = classic_sessions(account)
    for name in _names(classic):
        unit = stat_unit(os.path.join(classic, name)) if _is_classic(name) else None
        if unit is not None:
            yield unit
    for path in _databases(account, machine):
        unit = stat_database(path)
        if unit is not None:
            yield unit


def locate(account: Account, path: str, machine: Machine) -> Unit | None:
    """The log, header, transcript or database that a changed path is or belongs to."""
    database = path.removesuffix("-wal")
    if database in _databases(account, machine):
        return stat_database(database)
    parent, name = os.path.split(path)
    if parent == classic_sessions(account):
        return stat_unit(path) if _is_classic(name) else None
    bucket, session = os.path.split(parent)
    if is_message_log(path) and os.path.dirname(bucket) == _sessions(account):
        return stat_unit(path) if session.startswith(_SESSION_PREFIX) else None
    return None


def watch(account: Account, machine: Machine) -> Iterable[str | Shallow]:
    """The sessions with all that is below, and the databases' directories without."""
    root = _sessions(account)
    yield root
    classic = classic_sessions(account)
    if os.path.dirname(classic) != root:
        yield Shallow(classic)
    for path in _databases(account, machine):
        yield Shallow(os.path.dirname(path))


def roots(machine: Machine) -> list[str]:
    """Kiro's home and the databases' directories."""
    places = [_home(machine), *map(os.path.dirname, _default_databases(machine).values())]
    return list(dict.fromkeys(places))


def is_message_log(path: str) -> bool:
    """Whether a path is a session's log of the newest generation."""
    return os.path.basename(path) == _MESSAGES


def classic_sessions(account: Account) -> str:
    """The directory of the classic sessions."""
    return account.paths.get(SESSIONS_DIR) or os.path.join(_sessions(account), _CLASSIC)


def _is_classic(name: str) -> bool:
    return name.endswith((".json", ".jsonl"))


def _home(machine: Machine) -> str:
    return expand(machine.env.get(HOME_VARIABLE, "").strip() or "~/.kiro", machine)


def _sessions(account: Account) -> str:
    return os.path.join(account.home, "sessions")


def _databases(account: Account, machine: Machine) -> list[str]:
    """Paths of the account's own replace the defaults."""
    named = [account.paths[name] for name in (DB_PATH, OLD_DB_PATH) if account.paths.get(name)]
    return named or list(_default_databases(machine).values())


def _default_databases(machine: Machine) -> dict[str, str]:
    moved = machine.env.get("KIRO_DATA_DIR", "").strip()
    if moved:
        return {DB_PATH: os.path.join(expand(moved, machine), _DATABASE)}
    is_mac = machine.platform == "darwin"
    parent = application_support(machine) if is_mac else data_home(machine)
    return {
        DB_PATH: os.path.join(parent, "kiro-cli", _DATABASE),
        OLD_DB_PATH: os.path.join(parent, "amazon-q", _DATABASE),
    }


def _names(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []
