"""
Qwen Code: tokens and tools of the local agent from its chats.

kind: agent
reads: ~/.qwen/projects/*/chats/*.jsonl, ~/.qwen/projects/*/subagents/*/*.jsonl
env: QWEN_HOME, QWEN_RUNTIME_DIR, QWEN_DATA_DIR
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
    id="qwen_cli",
    title="Qwen Code",
    description="Tokens and tools of the Qwen Code agent, by model and project",
    kind="agent",
    auth="local",
    setup="Nothing to do: the chats are found below ~/.qwen/projects.",
    dashboard=WidgetSpec(sections=("models", "projects")),
    detail=WidgetSpec(sections=("models", "tools", "mcp", "languages", "projects")),
    binaries=("qwen",),
    home_variable="QWEN_HOME",
)

_FOLDER: Final = ".qwen"
_PROJECTS: Final = "projects"
_LOGIN: Final = "oauth_creds.json"
_KINDS: Final = frozenset({"chats", "subagents"})
_SUFFIX: Final = ".jsonl"


def discover(machine: Machine) -> Iterable[Account]:
    """
    One account per home with chats or a login.

    `$QWEN_HOME` > `$QWEN_DATA_DIR` (comma list) > `~/.qwen`; `$QWEN_RUNTIME_DIR`, where newer
    versions may keep the chats apart from the login, is one more.
    """
    origin, homes = _homes(machine)
    present = [home for home in homes if _is_used(home)]
    for account_id, home in name_homes(SPEC.id, present, {_FOLDER}):
        yield Account(
            id=account_id,
            provider_id=SPEC.id,
            title=SPEC.title,
            home=home,
            paths={"projects_dir": os.path.join(home, _PROJECTS)},
            origin=origin,
        )


def roots(machine: Machine) -> list[str]:
    """The directories with the projects, whether or not anything is there yet."""
    return [os.path.join(home, _PROJECTS) for home in _homes(machine)[1]]


def units(account: Account, machine: Machine) -> Iterator[Unit]:
    """Every chat and every transcript of a sub-agent."""
    root = _projects_dir(account, machine)
    for unit in walk_units(root, _is_log):
        if _holds_usage(unit.path, root):
            yield unit


def locate(account: Account, path: str, machine: Machine) -> Unit | None:
    """The log at a changed path, if it is one."""
    root = _projects_dir(account, machine)
    inside = path.startswith(root + os.sep) and _is_log(path) and _holds_usage(path, root)
    return stat_unit(path) if inside else None


def watch(account: Account, machine: Machine) -> Iterable[str]:
    """The directory below which chats appear and grow."""
    return (_projects_dir(account, machine),)


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """Read what was appended to a chat."""
    from openusaged.providers.qwen_cli import chats

    yield from chats.collect(account, unit, cursor, context)


def _homes(machine: Machine) -> tuple[str, list[str]]:
    named = machine.env.get("QWEN_HOME", "").strip()
    data = listed("QWEN_DATA_DIR", machine)
    if named:
        origin, homes = "env:QWEN_HOME", [expand(named, machine)]
    elif data:
        origin, homes = "env:QWEN_DATA_DIR", data
    else:
        origin, homes = "default", [os.path.join(machine.home, _FOLDER)]
    runtime = machine.env.get("QWEN_RUNTIME_DIR", "").strip()
    if runtime:
        homes = [*homes, expand(runtime, machine)]
    return origin, homes


def _is_used(home: str) -> bool:
    # Signed in and not used yet: the account exists, its chats will come.
    return os.path.isdir(os.path.join(home, _PROJECTS)) or os.path.isfile(
        os.path.join(home, _LOGIN)
    )


def _projects_dir(account: Account, machine: Machine) -> str:
    named = account.paths.get("projects_dir", "")
    if named:
        return expand(named, machine)
    home = account.home or os.path.join(machine.home, _FOLDER)
    return os.path.join(expand(home, machine), _PROJECTS)


def _is_log(name: str) -> bool:
    return name.lower().endswith(_SUFFIX)


def _holds_usage(path: str, root: str) -> bool:
    return not _KINDS.isdisjoint(path[len(root) :].split(os.sep)[:-1])


PROVIDER: Final = Provider(
    spec=SPEC,
    discover=discover,
    units=units,
    collect=collect,
    locate=locate,
    watch=watch,
    roots=roots,
)
