"""Where Ollama keeps its records, and which half of the service an account is about."""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Iterable, Iterator
from typing import Final

from openusaged.core.models import Account
from openusaged.providers.base import Machine, Shallow, Unit
from openusaged.providers.shared.homes import name_homes
from openusaged.providers.shared.places import (
    application_support,
    config_home,
    data_home,
    expand,
    listed,
)
from openusaged.providers.shared.sqlite_ro import stat_database

LOCAL_ACCOUNT: Final = "ollama-local"
CLOUD_ACCOUNT: Final = "ollama-cloud"
CLOUD_HOST: Final = "ollama.com"
CLOUD_URL: Final = "https://ollama.com"
CLOUD_OPTION: Final = "cloud_base_url"
HOME_VARIABLE: Final = "OPENUSAGE_OLLAMA_HOME"
DEFAULT_PORT: Final = 11434

_DATABASE: Final = "db.sqlite"
_PORT_OF_SCHEME: Final = {"http": 80, "https": 443}
_EVERY_INTERFACE: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - recognised, not bound


def _homes(machine: Machine) -> list[str]:
    return listed(HOME_VARIABLE, machine) or [_default_home(machine)]


def _default_home(machine: Machine) -> str:
    return os.path.join(machine.home, ".ollama")


def _desktop_directories(machine: Machine) -> list[str]:
    """Where the desktop app of this platform would keep its database."""
    if machine.platform == "darwin":
        return [os.path.join(application_support(machine), "Ollama")]
    return [os.path.join(root, "Ollama") for root in (data_home(machine), config_home(machine))]


def roots(machine: Machine) -> list[str]:
    """Directories that an installed Ollama has, whether or not they are there."""
    return [*_homes(machine), *_desktop_directories(machine)]


def discover(machine: Machine) -> Iterator[Account]:
    """
    One account per home that holds anything; the first also when only the app or a host is set.

    The program itself need not be found: it may run in a container or on another machine.
    """
    default = _default_home(machine)
    for number, (account_id, home) in enumerate(
        name_homes(LOCAL_ACCOUNT, _homes(machine), (".ollama",))
    ):
        directories = [home]
        if os.path.realpath(home) == os.path.realpath(default):
            directories = [*_desktop_directories(machine), home]
        database = _first_file(os.path.join(folder, _DATABASE) for folder in directories)
        host = machine.env.get("OLLAMA_HOST", "").strip() if number == 0 else ""
        if not (database or host or _holds_anything(home)):
            continue
        named = {
            "database": database,
            "logs": os.path.join(home, "logs"),
            "server_config": os.path.join(home, "server.json"),
        }
        yield Account(
            id=account_id,
            provider_id="ollama",
            title="Ollama",
            home=home,
            paths={name: path for name, path in named.items() if path and os.path.exists(path)},
            base_url=host_url(host),
            origin="env:OLLAMA_HOST" if host else "default",
        )


def host_url(text: str) -> str:
    """
    The address that `OLLAMA_HOST` means, as the vendor reads it.

    A missing host is this machine, a missing port 11434 (or that of a scheme that is given); an
    address to listen on everywhere is asked on this machine.
    """
    text = text.strip().strip("\"'")
    scheme, _, rest = text.rpartition("://")
    address, _, path = rest.partition("/")
    if address.count(":") > 1 and not address.startswith("["):
        address = f"[{address}]"
    try:
        parts = urllib.parse.urlsplit(f"//{address}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if host in _EVERY_INTERFACE:
        host = "127.0.0.1"
    elif ":" in host:
        host = f"[{host}]"
    if port is None:
        port = _PORT_OF_SCHEME.get(scheme, DEFAULT_PORT)
    return f"{scheme or 'http'}://{host}:{port}" + (f"/{path.rstrip('/')}" if path else "")


def is_cloud(account: Account) -> bool:
    """Whether the account is one of ollama.com and not of a server of one's own."""
    if account.home:
        return False
    if account.base_url:
        return (urllib.parse.urlsplit(account.base_url).hostname or "").endswith(CLOUD_HOST)
    return bool(
        account.options.get(CLOUD_OPTION) or account.api_key_env or account.id == CLOUD_ACCOUNT
    )


def _database(account: Account, machine: Machine) -> str:
    path = account.paths.get("database") or account.paths.get("db_path", "")
    return expand(path, machine) if path else ""


def units(account: Account, machine: Machine) -> Iterator[Unit]:
    """The desktop app's database; nothing else holds single messages."""
    path = _database(account, machine)
    unit = stat_database(path) if path else None
    if unit is not None:
        yield unit


def locate(account: Account, path: str, machine: Machine) -> Unit | None:
    """The database, also when its write-ahead log has changed."""
    database = _database(account, machine)
    return stat_database(database) if database and path in (database, f"{database}-wal") else None


def watch(account: Account, machine: Machine) -> Iterable[str | Shallow]:
    """The database's own directory; a machine without the app has nothing to watch."""
    database = _database(account, machine)
    return [Shallow(os.path.dirname(database))] if database else []


def _first_file(paths: Iterable[str]) -> str:
    return next((path for path in paths if os.path.isfile(path)), "")


def _holds_anything(home: str) -> bool:
    try:
        return bool(os.listdir(home))
    except OSError:
        return False
