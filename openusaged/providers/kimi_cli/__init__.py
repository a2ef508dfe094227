"""
Kimi CLI: tokens and tools of the local agent from its wire logs.

kind: agent
reads: ~/.kimi/sessions/**/wire.jsonl, ~/.kimi/kimi.json, ~/.kimi/config.toml, ~/.kimi/config.json
env: KIMI_SHARE_DIR, KIMI_DATA_DIR
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Final

from openusaged.core.models import Account, SourceCursor
from openusaged.providers.base import (
    Chunk,
    CollectContext,
    Machine,
    Provider,
    ProviderSpec,
    Unit,
    WidgetSpec,
)
from openusaged.providers.shared.files import stat_unit, walk_units
from openusaged.providers.shared.homes import name_homes
from openusaged.providers.shared.places import expand, listed

SPEC: Final = ProviderSpec(
    id="kimi_cli",
    title="Kimi CLI",
    description="Tokens and tools of Moonshot's Kimi CLI, by model and project",
    kind="agent",
    auth="local",
    setup="Nothing to do: the sessions are found below ~/.kimi/sessions.",
    dashboard=WidgetSpec(sections=("models", "projects")),
    detail=WidgetSpec(sections=("models", "tools", "languages", "projects")),
    binaries=("kimi",),
    home_variable="KIMI_SHARE_DIR",
)

_FOLDER: Final = ".kimi"
_SESSIONS: Final = "sessions"
_WIRE: Final = "wire.jsonl"
_SIGNS: Final = (_SESSIONS, "config.json", "config.toml")


def discover(machine: Machine) -> Iterable[Account]:
    """
    One account per home with sessions or a configuration.

    `$KIMI_SHARE_DIR` > `$KIMI_DATA_DIR` (comma list) > `~/.kimi`.
    """
    origin, homes = _homes(machine)
    present = [
        home for home in homes if any(os.path.exists(os.path.join(home, sign)) for sign in _SIGNS)
    ]
    for account_id, home in name_homes(SPEC.id, present, {_FOLDER}):
        yield Account(
            id=account_id,
            provider_id=SPEC.id,
            title=SPEC.title,
            home=home,
            paths={"sessions_dir": os.path.join(home, _SESSIONS)},
            origin=origin,
        )


def roots(machine: Machine) -> list[str]:
    """The directories with the sessions, whether or not anything is there yet."""
    return [os.path.join(home, _SESSIONS) for home in _homes(machine)[1]]


def units(account: Account, machine: Machine) -> Iterator[Unit]:
    """The wire log of every session, and of every sub-agent below one."""
    yield from walk_units(sessions_dir(account, machine), _is_wire)


def locate(account: Account, path: str, machine: Machine) -> Unit | None:
    """The wire log at a changed path: the other files of a session hold texts."""
    inside = path.startswith(sessions_dir(account, machine) + os.sep)
    return stat_unit(path) if inside and _is_wire(os.path.basename(path)) else None


def watch(account: Account, machine: Machine) -> Iterable[str]:
    """The directory below which sessions appear and grow."""
    return (sessions_dir(account, machine),)


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """Read what was appended to a wire log."""
    from openusaged.providers.kimi_cli import sessions, wire

    root = sessions_dir(account, context.machine)
    facts = sessions.facts_of(unit.path, root, home_of(account, context.machine), account)
    yield from wire.collect(facts, account, unit, cursor, context)


def home_of(account: Account, machine: Machine) -> str:
    """The directory with the tool's settings."""
    return expand(account.home or _FOLDER, machine)


def sessions_dir(account: Account, machine: Machine) -> str:
    """The directory with the sessions."""
    named = account.paths.get("sessions_dir", "")
    if named:
        return expand(named, machine)
    return os.path.join(home_of(account, machine), _SESSIONS)


def _homes(machine: Machine) -> tuple[str, list[str]]:
    named = machine.env.get("KIMI_SHARE_DIR", "").strip()
    if named:
        return "env:KIMI_SHARE_DIR", [expand(named, machine)]
    data = listed("KIMI_DATA_DIR", machine)
    if data:
        return "env:KIMI_DATA_DIR", data
    return "default", [os.path.join(machine.home, _FOLDER)]


def _is_wire(name: str) -> bool:
    return name == _WIRE


PROVIDER: Final = Provider(
    spec=SPEC,
    discover=discover,
    units=units,
    collect=collect,
    locate=locate,
    watch=watch,
    roots=roots,
)
