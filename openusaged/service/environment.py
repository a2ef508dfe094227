"""
The service's environment file: the variables a login shell has and a service does not.

It holds keys, so it is 0600 and holds nothing but variables that an account of this machine reads
or that say where things lie.  What an earlier installation kept stays kept when the shell of a
later one lacks it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Final

from openusage_proto import locations
from openusage_proto.integration_messages import CALLER_VARIABLES
from openusage_proto.values import dataclass
from openusaged.config import atomic_file, settings_file
from openusaged.providers import registry
from openusaged.providers.base import Machine, Provider

FILE_NAME: Final = "service.env"

ALWAYS: Final = (
    *CALLER_VARIABLES,
    "OPENUSAGE_CONFIG_DIR",
    "OPENUSAGE_TELEMETRY_SOCKET",
    "OPENUSAGE_DETECT_BIN_DIRS",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)
"""Where things lie and how the network is reached: without them the service is another daemon."""

_HEADER: Final = (
    "# Environment of the OpenUsage service, written by `openusaged install`.\n"
    "# May hold keys: keep it to yourself.  After a key has changed: `openusaged install` again.\n"
)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VARIABLE_OF_A_DOCSTRING: Final = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
_ESCAPED: Final = re.compile(r'(["\\$`])')
_UNESCAPED: Final = re.compile(r'\\(["\\$`])')


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What the file shall hold, and what cannot or may not stay in it."""

    values: Mapping[str, str]
    dropped: tuple[str, ...] = ()
    """Names of the old file that no account reads any more."""
    unusable: tuple[str, ...] = ()
    """Names whose values such a file cannot hold."""


def path_of(env: Mapping[str, str]) -> str:
    """Where the file lies."""
    return os.path.join(locations.config_dir(env), FILE_NAME)


def wanted_names(machine: Machine) -> frozenset[str]:
    """Every variable that an account of this machine reads, set or not."""
    settings = settings_file.load(locations.settings_path(machine.env), machine.env).settings
    names = set(ALWAYS)
    names.update(account.api_key_env for account in settings.accounts if account.api_key_env)
    configured = {account.provider_id for account in settings.accounts}
    for provider_id, provider in registry.load_all().items():
        if provider_id in configured or _is_here(provider, machine):
            names |= _variables(provider)
    return frozenset(names)


def _is_here(provider: Provider, machine: Machine) -> bool:
    """Whether this machine has an account of the service: by a key, or by the tool's files."""
    if any(machine.env.get(key.name) for key in provider.spec.keys):
        return True
    if provider.discover is None:
        return False
    try:
        return bool(list(provider.discover(machine)))
    except Exception:  # noqa: BLE001  # a plug-in's fault must not keep the service from being installed
        return False


def _variables(provider: Provider) -> set[str]:
    """What a provider reads: its keys, and the `env:` line that every module carries."""
    names = {key.name for key in provider.spec.keys}
    if provider.spec.home_variable:
        names.add(provider.spec.home_variable)
    text = _docstring(provider.id)
    at = text.find("\nenv:")
    if at >= 0:
        names.update(_VARIABLE_OF_A_DOCSTRING.findall(text[at:]))
    return names


def _docstring(provider_id: str) -> str:
    module = sys.modules.get(f"openusaged.providers.{provider_id}")
    return (module.__doc__ or "") if module is not None else ""


def snapshot(
    env: Mapping[str, str], names: Iterable[str], kept: Mapping[str, str] | None = None
) -> Snapshot:
    """The named variables that are set, completed by what the old file holds of them."""
    kept = kept or {}
    wanted = set(names)
    values: dict[str, str] = {}
    unusable = []
    for name in sorted(wanted):
        value = env.get(name) or kept.get(name, "")
        if not value:
            continue
        if any(character in value for character in "\n\r\0"):
            unusable.append(name)
        else:
            values[name] = value
    return Snapshot(
        values=values,
        dropped=tuple(sorted(set(kept) - wanted)),
        unusable=tuple(unusable),
    )


def render(values: Mapping[str, str]) -> str:
    """The file's text, understood alike by systemd and by `parse`."""
    lines = [f'{name}="{_ESCAPED.sub(_BACKSLASH, value)}"\n' for name, value in values.items()]
    return _HEADER + "".join(lines)


_BACKSLASH: Final = r"\\\1"


def parse(text: str) -> dict[str, str]:
    """The variables of such a file; lines that mean nothing are passed over, as systemd does."""
    values: dict[str, str] = {}
    for line in text.split("\n"):
        name, equals, value = line.strip().partition("=")
        name = name.removeprefix("export ").strip()
        if not equals or not _NAME.fullmatch(name):
            continue
        value = value.strip()
        if len(value) >= 2 and value[0] == value[-1] == '"':
            value = _UNESCAPED.sub(r"\1", value[1:-1])
        elif len(value) >= 2 and value[0] == value[-1] == "'":
            value = value[1:-1]
        values[name] = value
    return values


def read(path: str) -> dict[str, str]:
    """The file's variables; empty when there is none."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return parse(file.read())
    except FileNotFoundError:
        return {}


def write(path: str, values: Mapping[str, str]) -> None:
    """Replace the file, 0600 from the first moment; a link to it stays a link."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    target = atomic_file.behind_links(path)
    atomic_file.replace(target, render(values).encode("utf-8", "surrogateescape"), 0o600)


def differing(env: Mapping[str, str], names: Iterable[str], held: Mapping[str, str]) -> list[str]:
    """Names whose values in this shell are not those that the service was given."""
    return sorted(name for name in names if env.get(name) and env[name] != held.get(name))
