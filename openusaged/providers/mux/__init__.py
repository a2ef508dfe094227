"""
Mux: tokens and tools of Coder's agent multiplexer, by workspace and model.

kind: agent
reads: ~/.mux/sessions/*/{chat,headless-usage}.jsonl, session-usage.json where there are neither
env: MUX_ROOT
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
from openusaged.providers.shared.places import expand

SPEC: Final = ProviderSpec(
    id="mux",
    title="Mux",
    description="Tokens and tools of Coder's Mux, by workspace, model and project",
    kind="agent",
    auth="local",
    setup="Nothing to do: the workspaces are found below ~/.mux/sessions.",
    dashboard=WidgetSpec(sections=("models", "projects")),
    detail=WidgetSpec(sections=("models", "tools", "languages", "projects")),
    binaries=("mux",),
    home_variable="MUX_ROOT",
)

_SESSIONS: Final = "sessions"
_FOLDERS: Final = (".mux", ".cmux", ".mux-dev")
"""The usual home, its former name (often a link to it) and that of development builds."""
_SIGNS: Final = (_SESSIONS, "config.json")
_LOGS: Final = ("chat.jsonl", "headless-usage.jsonl")
_TOTALS: Final = "session-usage.json"


def discover(machine: Machine) -> Iterable[Account]:
    """One account per home with workspaces or a configuration: `$MUX_ROOT`, else the usual ones."""
    homes = _homes(machine)
    present = [
        home for home in homes if any(os.path.exists(os.path.join(home, sign)) for sign in _SIGNS)
    ]
    for account_id, home in name_homes(SPEC.id, present, {".mux"}):
        yield Account(
            id=account_id,
            provider_id=SPEC.id,
            title=SPEC.title,
            home=home,
            paths={"sessions_dir": os.path.join(home, _SESSIONS)},
            origin="env:MUX_ROOT" if machine.env.get("MUX_ROOT") else "default",
        )


def roots(machine: Machine) -> list[str]:
    """The directories with the workspaces, whether or not anything is there yet."""
    return [os.path.join(home, _SESSIONS) for home in _homes(machine)]


def units(account: Account, machine: Machine) -> Iterator[Unit]:
    """
    The logs of every workspace and archived sub-agent, oldest change first, then their totals.

    A fork copies its parent's chat without a mark, and whichever is read first keeps the session.
    """
    found = walk_units(sessions_dir(account, machine), _is_record)
    yield from sorted(
        found, key=lambda unit: (unit.path.endswith(_TOTALS), unit.mtime_ns, unit.path)
    )


def locate(account: Account, path: str, machine: Machine) -> Unit | None:
    """The record at a changed path: the other files of a workspace hold texts."""
    inside = path.startswith(sessions_dir(account, machine) + os.sep)
    return stat_unit(path) if inside and _is_record(os.path.basename(path)) else None


def watch(account: Account, machine: Machine) -> Iterable[str]:
    """The directory below which workspaces appear and grow."""
    return (sessions_dir(account, machine),)


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """Read what is new in a log, or the totals of a workspace that has none."""
    from openusaged.providers.mux import chats, totals
    from openusaged.providers.mux.workspaces import workspace_at

    root = sessions_dir(account, context.machine)
    workspace = workspace_at(os.path.dirname(unit.path), root)
    reader = totals if os.path.basename(unit.path) == _TOTALS else chats
    yield from reader.collect(workspace, account, unit, cursor, context)


def sessions_dir(account: Account, machine: Machine) -> str:
    """The directory with the workspaces."""
    named = account.paths.get("sessions_dir", "")
    if named:
        return expand(named, machine)
    return os.path.join(expand(account.home or _FOLDERS[0], machine), _SESSIONS)


def _homes(machine: Machine) -> list[str]:
    named = machine.env.get("MUX_ROOT", "").strip()
    if named:
        return [expand(named, machine)]
    return [os.path.join(machine.home, folder) for folder in _FOLDERS]


def _is_record(name: str) -> bool:
    return name in _LOGS or name == _TOTALS


PROVIDER: Final = Provider(
    spec=SPEC,
    discover=discover,
    units=units,
    collect=collect,
    locate=locate,
    watch=watch,
    roots=roots,
)
