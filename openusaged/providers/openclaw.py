"""
OpenClaw: tokens, cost and tools of the assistant's agents from their transcripts.

kind: agent
reads: ~/.openclaw/agents/**/*.jsonl, archives *.jsonl.deleted.* and *.jsonl.reset.*
env: OPENCLAW_STATE_DIR, OPENCLAW_DIR
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
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
    id="openclaw",
    title="OpenClaw",
    description="Tokens, cost and tools of OpenClaw's agents, by model and project",
    kind="agent",
    auth="local",
    setup="Nothing to do: the transcripts are found below ~/.openclaw/agents.",
    dashboard=WidgetSpec(sections=("models", "projects")),
    detail=WidgetSpec(sections=("models", "tools", "languages", "projects")),
    binaries=("openclaw",),
    home_variable="OPENCLAW_STATE_DIR",
)

_AGENTS: Final = "agents"
_NAMES: Final = (".openclaw", ".clawdbot", ".moltbot", ".moldbot")
"""What the program and its directory have been called, newest first."""
_LOG: Final = ".jsonl"
_ARCHIVES: Final = (".jsonl.deleted.", ".jsonl.reset.")
_MAIN_AGENT: Final = "main"


def discover(machine: Machine) -> Iterable[Account]:
    """
    One account for the directories of all names the program has had, or one per named directory.

    `$OPENCLAW_STATE_DIR` > `$OPENCLAW_DIR` (comma list) > `~/.openclaw` and its older names.
    """
    origin, homes = _homes(machine)
    present = [home for home in homes if os.path.isdir(home)]
    if origin == "default":
        present = present[:1]
    for account_id, home in name_homes(SPEC.id, present, set(_NAMES)):
        yield Account(
            id=account_id,
            provider_id=SPEC.id,
            title=SPEC.title,
            home=home,
            origin=origin,
        )


def roots(machine: Machine) -> list[str]:
    """The directories with the agents, whether or not anything is there yet."""
    return [os.path.join(home, _AGENTS) for home in _homes(machine)[1]]


def units(account: Account, machine: Machine) -> Iterator[Unit]:
    """
    Every transcript, oldest change first: copies of an entry were made after it.

    Archived ones (deleted or reset sessions) are among them: they were paid for.
    """
    seen: set[tuple[int, int]] = set()
    for root in _agent_dirs(account, machine):
        found = sorted(walk_units(root, _is_transcript), key=lambda one: (one.mtime_ns, one.path))
        for unit in found:
            if (unit.device, unit.inode) not in seen:
                seen.add((unit.device, unit.inode))
                yield replace(unit, group=os.path.dirname(unit.path))


def locate(account: Account, path: str, machine: Machine) -> Unit | None:
    """The transcript at a changed path; the index beside it is none."""
    for root in _agent_dirs(account, machine):
        if path.startswith(root + os.sep) and _is_transcript(os.path.basename(path)):
            return stat_unit(path, os.path.dirname(path))
    return None


def watch(account: Account, machine: Machine) -> Iterable[str]:
    """The directories below which transcripts appear and grow."""
    return _agent_dirs(account, machine)


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """Read what was appended to a transcript."""
    from openusaged.providers.shared.append_log import collect_appended
    from openusaged.providers.shared.pi_lines import STATE_VERSION, PiReader

    def open_reader(state: bytes) -> PiReader:
        return PiReader(
            state,
            source=SPEC.id,
            client=SPEC.id,
            # archives and copies bear the session's id before their own endings
            session_id=os.path.basename(unit.path).partition(".")[0],
            fixed_session=True,
            mtime_ms=unit.mtime_ns // 1_000_000,
            agent=_agent_of(unit.path),
            prefers_message_time=True,
        )

    yield from collect_appended(
        open_reader, account, unit, cursor, context, state_version=STATE_VERSION
    )


def _homes(machine: Machine) -> tuple[str, list[str]]:
    named = machine.env.get("OPENCLAW_STATE_DIR", "").strip()
    if named:
        return "env:OPENCLAW_STATE_DIR", [expand(named, machine)]
    data = listed("OPENCLAW_DIR", machine)
    if data:
        return "env:OPENCLAW_DIR", data
    return "default", [os.path.join(machine.home, name) for name in _NAMES]


def _agent_dirs(account: Account, machine: Machine) -> list[str]:
    """
    The `agents` directories of an account, each once.

    The one that the user has named, if it is there; else that of the home, and beside the usual
    home those of the older names: earlier versions leave their transcripts there.
    """
    named = account.paths.get("agents_dir", "")
    if named and os.path.isdir(expand(named, machine)):
        return [expand(named, machine)]
    homes = [os.path.join(machine.home, name) for name in _NAMES]
    if account.home:
        home = expand(account.home, machine)
        homes = [home, *homes] if home in homes else [home]
    found: dict[str, str] = {}
    for home in homes:
        directory = os.path.join(home, _AGENTS)
        if os.path.isdir(directory) or home == homes[0]:
            found.setdefault(os.path.realpath(directory), directory)
    return list(found.values())


def _agent_of(path: str) -> str:
    """Name of the agent `agents/<agent>/sessions/<session>.jsonl`; empty for the main one."""
    folders = path.split(os.sep)[:-1]
    if _AGENTS not in folders:
        return ""
    at = len(folders) - folders[::-1].index(_AGENTS)
    agent = folders[at] if at < len(folders) else ""
    return "" if agent == _MAIN_AGENT else agent


def _is_transcript(name: str) -> bool:
    lower = name.lower()
    return lower.endswith(_LOG) or any(mark in lower for mark in _ARCHIVES)


PROVIDER: Final = Provider(
    spec=SPEC,
    discover=discover,
    units=units,
    collect=collect,
    locate=locate,
    watch=watch,
    roots=roots,
)
