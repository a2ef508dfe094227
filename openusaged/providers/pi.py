"""
Pi: tokens, cost and tools of the pi coding agent and of its fork oh-my-pi.

kind: agent
reads: ~/.pi/agent/sessions/**/*.jsonl, ~/.omp/agent/sessions/**/*.jsonl
env: PI_CODING_AGENT_DIR, PI_CODING_AGENT_SESSION_DIR, PI_AGENT_DIR
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
    id="pi",
    title="Pi",
    description="Tokens, cost and tools of the pi coding agent, by model and project",
    kind="agent",
    auth="local",
    setup="Nothing to do: the sessions are found below ~/.pi/agent and ~/.omp/agent.",
    dashboard=WidgetSpec(sections=("models", "projects")),
    detail=WidgetSpec(sections=("models", "tools", "languages", "projects")),
    binaries=("pi", "omp"),
    home_variable="PI_CODING_AGENT_DIR",
)

_SESSIONS: Final = "sessions"
_PI: Final = "sessions_dir"
_OMP: Final = "omp_sessions_dir"
_SIGNS: Final = (_SESSIONS, "auth.json", "settings.json")
_SUFFIX: Final = ".jsonl"


def discover(machine: Machine) -> Iterable[Account]:
    """
    One account for pi and oh-my-pi; one more for each further directory of sessions.

    `$PI_CODING_AGENT_DIR` > `$PI_CODING_AGENT_SESSION_DIR` > `$PI_AGENT_DIR` (comma list; the
    latter two name directories of sessions) > `~/.pi/agent`.
    """
    origin, homes = _homes(machine)
    omp = _omp_sessions(machine)
    present = {home: sessions for home, sessions in homes if _is_used(home, sessions)}
    found = list(name_homes(SPEC.id, present, {"agent", ".pi", _SESSIONS}))
    if not found and os.path.isdir(omp):
        yield Account(
            id=SPEC.id,
            provider_id=SPEC.id,
            title=SPEC.title,
            home=os.path.dirname(omp),
            paths={_OMP: omp},
            origin="default",
        )
    for number, (account_id, home) in enumerate(found):
        paths = {_PI: present[home]}
        if number == 0 and os.path.isdir(omp):
            paths[_OMP] = omp
        yield Account(
            id=account_id,
            provider_id=SPEC.id,
            title=SPEC.title,
            home=home,
            paths=paths,
            origin=origin,
        )


def roots(machine: Machine) -> list[str]:
    """The directories with the sessions, whether or not anything is there yet."""
    return [*(sessions for _, sessions in _homes(machine)[1]), _omp_sessions(machine)]


def units(account: Account, machine: Machine) -> Iterator[Unit]:
    """
    Every session log, oldest first: a fork copies its parent's entries, whose session they are.

    Names begin with the time of creation, and forks stay in the directory of their project.
    """
    for root in _session_dirs(account, machine):
        for unit in sorted(walk_units(root, _is_log), key=lambda unit: unit.path):
            yield replace(unit, group=os.path.dirname(unit.path))


def locate(account: Account, path: str, machine: Machine) -> Unit | None:
    """The session log at a changed path."""
    for root in _session_dirs(account, machine):
        if path.startswith(root + os.sep) and _is_log(path):
            return stat_unit(path, os.path.dirname(path))
    return None


def watch(account: Account, machine: Machine) -> Iterable[str]:
    """The directories below which sessions appear and grow."""
    return _session_dirs(account, machine)


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """Read what was appended to a session log."""
    from openusaged.providers.shared.append_log import collect_appended
    from openusaged.providers.shared.pi_lines import STATE_VERSION, PiReader

    stem = os.path.basename(unit.path)[: -len(_SUFFIX)]
    omp = account.paths.get(_OMP, "")
    is_omp = bool(omp) and unit.path.startswith(expand(omp, context.machine) + os.sep)

    def open_reader(state: bytes) -> PiReader:
        return PiReader(
            state,
            source=SPEC.id,
            client="omp" if is_omp else SPEC.id,
            # `<time>_<id>` where no header says it
            session_id=stem.partition("_")[2] or stem,
            mtime_ms=unit.mtime_ns // 1_000_000,
        )

    yield from collect_appended(
        open_reader, account, unit, cursor, context, state_version=STATE_VERSION
    )


def _homes(machine: Machine) -> tuple[str, list[tuple[str, str]]]:
    """Origin, and home with its directory of sessions."""
    named = machine.env.get("PI_CODING_AGENT_DIR", "").strip()
    if named:
        home = expand(named, machine)
        return "env:PI_CODING_AGENT_DIR", [(home, os.path.join(home, _SESSIONS))]
    sessions = machine.env.get("PI_CODING_AGENT_SESSION_DIR", "").strip()
    if sessions:
        path = expand(sessions, machine)
        return "env:PI_CODING_AGENT_SESSION_DIR", [(path, path)]
    data = listed("PI_AGENT_DIR", machine)
    if data:
        return "env:PI_AGENT_DIR", [(path, path) for path in data]
    home = os.path.join(machine.home, ".pi", "agent")
    return "default", [(home, os.path.join(home, _SESSIONS))]


def _omp_sessions(machine: Machine) -> str:
    return os.path.join(machine.home, ".omp", "agent", _SESSIONS)


def _is_used(home: str, sessions: str) -> bool:
    # Signed in and not used yet: the account exists, its sessions will come.
    return os.path.isdir(sessions) or any(
        os.path.exists(os.path.join(home, sign)) for sign in _SIGNS
    )


def _session_dirs(account: Account, machine: Machine) -> list[str]:
    """Of an account that names none: those of its home."""
    named = [expand(account.paths[key], machine) for key in (_PI, _OMP) if account.paths.get(key)]
    if named:
        return named
    home = expand(account.home, machine) if account.home else _homes(machine)[1][0][0]
    return [os.path.join(home, _SESSIONS)]


def _is_log(name: str) -> bool:
    return name.endswith(_SUFFIX)


PROVIDER: Final = Provider(
    spec=SPEC,
    discover=discover,
    units=units,
    collect=collect,
    locate=locate,
    watch=watch,
    roots=roots,
)
