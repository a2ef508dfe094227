"""Where the Copilot CLI and VS Code keep their records, and GitHub's tools the login."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Final

from openusaged.core.models import Account
from openusaged.providers.base import Machine, Shallow, Unit
from openusaged.providers.shared import places
from openusaged.providers.shared.files import stat_unit, walk_units
from openusaged.providers.shared.sqlite_ro import stat_database

PROVIDER_ID: Final = "copilot"
ACCOUNT_ID: Final = "copilot"
HOME_VARIABLE: Final = "COPILOT_HOME"
OTEL_VARIABLE: Final = "COPILOT_OTEL_FILE_EXPORTER_PATH"

_RECORDS: Final = (
    "session-store.db",
    "session-state",
    "history-session-state",
    "otel",
    "config.json",
)
_EVENTS: Final = "events.jsonl"
_HISTORY: Final = "history-session-state"
_CHAT_DIRECTORIES: Final = ("chatSessions", "emptyWindowChatSessions")
_CHAT_EXTENSION: Final = "github.copilot-chat"


def roots(machine: Machine) -> list[str]:
    """The CLI's directory, that of the editors' login and the extension's, there or not."""
    return [_home(machine), _editor_directory(machine), *_extension_directories(machine)]


def discover(machine: Machine) -> Iterable[Account]:
    """
    One account where the CLI has been used, or an editor has Copilot or is signed in to it.

    A login of GitHub's own command line alone says nothing about Copilot.
    """
    home = _home(machine)
    has_records = any(os.path.exists(os.path.join(home, name)) for name in _RECORDS)
    has_login = any(os.path.isfile(path) for path in editor_logins(machine))
    if has_records or has_login or any(map(os.path.isdir, _extension_directories(machine))):
        yield Account(
            id=ACCOUNT_ID,
            provider_id=PROVIDER_ID,
            title="GitHub Copilot",
            home=home,
            origin=f"env:{HOME_VARIABLE}" if machine.env.get(HOME_VARIABLE) else "default",
        )


def session_store(account: Account, machine: Machine) -> str:
    """The database of sessions and model calls, there or not."""
    return _named(account, machine, "session_store_db", "session-store.db")


def logs(account: Account, machine: Machine) -> str:
    """The directory of the CLI's own logs, there or not."""
    return _named(account, machine, "logs_dir", "logs")


def otel_files(account: Account, machine: Machine) -> list[str]:
    """Exported telemetry: files below the CLI's directory and the one the environment names."""
    found = [unit.path for unit in _otel_units(account, machine)]
    named = machine.env.get(OTEL_VARIABLE, "")
    if named:
        path = places.expand(named, machine)
        if path not in found and os.path.isfile(path):
            found.append(path)
    return found


def editor_logins(machine: Machine) -> list[str]:
    """Logins of Copilot's editor extensions, the newer file first."""
    directory = _editor_directory(machine)
    return [os.path.join(directory, name) for name in ("apps.json", "hosts.json")]


def command_line_login(machine: Machine) -> str:
    """Hosts that GitHub's command line is signed in to."""
    directory = machine.env.get("GH_CONFIG_DIR", "") or os.path.join(
        places.config_home(machine), "gh"
    )
    return os.path.join(places.expand(directory, machine), "hosts.yml")


def units(account: Account, machine: Machine) -> Iterator[Unit]:
    """The database, every session's log, exported telemetry, and the editors' chats."""
    store = stat_database(session_store(account, machine))
    if store is not None:
        yield store
    for path in _session_logs(_sessions(account, machine)):
        unit = stat_unit(path)
        if unit is not None:
            yield unit
    others = (
        *otel_files(account, machine),
        *_files(_history(account, machine), (".json",)),
        *_chats(account, machine),
    )
    for path in others:
        unit = stat_unit(path)
        if unit is not None:
            yield unit


def is_store(account: Account, machine: Machine, path: str) -> bool:
    """Whether a unit is the database."""
    return path == session_store(account, machine)


def is_session_log(account: Account, machine: Machine, path: str) -> bool:
    """Whether a unit is the log of one session."""
    return path.startswith(_sessions(account, machine) + os.sep)


def is_history(account: Account, machine: Machine, path: str) -> bool:
    """Whether a unit is a session of the first versions."""
    return os.path.dirname(path) == _history(account, machine) and path.endswith(".json")


def is_chat(account: Account, machine: Machine, path: str) -> bool:
    """Whether a unit is a chat of an editor."""
    directory = os.path.dirname(path)
    return (
        os.path.basename(directory) in _CHAT_DIRECTORIES
        and path.endswith((".json", ".jsonl"))
        and any(path.startswith(user + os.sep) for user in _editor_users(account, machine))
    )


def locate(account: Account, path: str, machine: Machine) -> Unit | None:
    """The unit that a changed path belongs to; sessions have many other files."""
    database = path.removesuffix("-wal")
    if is_store(account, machine, database):
        return stat_database(database)
    sessions = _sessions(account, machine)
    if path.startswith(sessions + os.sep):
        parts = path[len(sessions) + 1 :].split(os.sep)
        is_log = parts[1:] == [_EVENTS] or (len(parts) == 1 and path.endswith(".jsonl"))
        return stat_unit(path) if is_log else None
    if is_history(account, machine, path) or is_chat(account, machine, path):
        return stat_unit(path)
    return stat_unit(path) if path in otel_files(account, machine) else None


def watch(account: Account, machine: Machine) -> Iterable[str | Shallow]:
    """The database's directory, the sessions' logs, the telemetry and the editors' chats."""
    yield Shallow(os.path.dirname(session_store(account, machine)))
    yield _sessions(account, machine)
    yield _otel(account, machine)
    named = machine.env.get(OTEL_VARIABLE, "")
    if named:
        yield Shallow(os.path.dirname(places.expand(named, machine)))
    if os.path.isdir(_history(account, machine)):  # which newer versions do not make
        yield Shallow(_history(account, machine))
    for user in _editor_users(account, machine):
        storage = os.path.join(user, "workspaceStorage")
        if os.path.isdir(storage):
            yield Shallow(storage)
    for directory in _chat_directories(account, machine):
        yield Shallow(directory)


def _session_logs(directory: str) -> Iterator[str]:
    """`<session>/events.jsonl`, and the flat `<session>.jsonl` of the first versions."""
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.name.endswith(".jsonl"):
            yield entry.path
        elif not os.path.isfile(entry.path):
            yield os.path.join(entry.path, _EVENTS)


def _chats(account: Account, machine: Machine) -> Iterator[str]:
    for directory in _chat_directories(account, machine):
        yield from _files(directory, (".json", ".jsonl"))


def _chat_directories(account: Account, machine: Machine) -> Iterator[str]:
    """Directories with chats: one of every window with a folder, one of all others."""
    of_window, of_empty_window = _CHAT_DIRECTORIES
    for user in _editor_users(account, machine):
        storage = os.path.join(user, "workspaceStorage")
        found = [os.path.join(storage, name, of_window) for name in _names(storage)]
        found.append(os.path.join(user, "globalStorage", of_empty_window))
        yield from filter(os.path.isdir, found)


def _editor_users(account: Account, machine: Machine) -> list[str]:
    """
    Editors' directories with what belongs to the user.

    All of this machine belong to the account of the CLI's usual home; another account has only
    the one that its paths name.
    """
    named = account.paths.get("editor_dir", "")
    if named:
        return [places.expand(named, machine)]
    if account.home not in ("", _home(machine)):
        return []
    return [os.path.dirname(storage) for storage in places.vscode_global_storages(machine)]


def _extension_directories(machine: Machine) -> list[str]:
    return [
        os.path.join(storage, _CHAT_EXTENSION) for storage in places.vscode_global_storages(machine)
    ]


def _files(directory: str, endings: tuple[str, ...]) -> Iterator[str]:
    for name in _names(directory):
        if name.endswith(endings):
            yield os.path.join(directory, name)


def _names(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def _otel_units(account: Account, machine: Machine) -> Iterator[Unit]:
    return walk_units(_otel(account, machine), lambda name: name.endswith(".jsonl"))


def _home(machine: Machine) -> str:
    return places.expand(machine.env.get(HOME_VARIABLE, "") or "~/.copilot", machine)


def _editor_directory(machine: Machine) -> str:
    return os.path.join(places.config_home(machine), "github-copilot")


def _sessions(account: Account, machine: Machine) -> str:
    return _named(account, machine, "sessions_dir", "session-state")


def _history(account: Account, machine: Machine) -> str:
    return _named(account, machine, "history_dir", _HISTORY)


def _otel(account: Account, machine: Machine) -> str:
    return _named(account, machine, "otel_dir", "otel")


def _named(account: Account, machine: Machine, name: str, default: str) -> str:
    named = account.paths.get(name, "")
    if named:
        return places.expand(named, machine)
    home = account.paths.get("config_dir", "") or account.home or _home(machine)
    return os.path.join(places.expand(home, machine), default)
