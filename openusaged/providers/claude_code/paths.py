"""
Where Claude Code keeps its records: homes, transcripts, names of sub-agents.

A home is a configuration directory; its transcripts lie below `projects/`.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from openusaged.core.models import Account
from openusaged.providers.base import Machine, Unit
from openusaged.providers.shared.files import walk_units

PROVIDER_ID: Final = "claude_code"
DEFAULT_ACCOUNT_ID: Final = "claude-code"
CONFIG_DIR_ENV: Final = "CLAUDE_CONFIG_DIR"
DEFAULT_AGENT: Final = "agent"
"""Name of a sub-agent that nothing on disk names."""

_SIGNS: Final = ("projects", ".credentials.json", "settings.json")
_COWORK: Final = ("Library", "Application Support", "Claude", "local-agent-mode-sessions")
_SANDBOX_PROJECTS: Final = f"{os.sep}.claude{os.sep}projects{os.sep}"
_MAX_META_BYTES: Final = 64 << 10


def discover(machine: Machine) -> list[Account]:
    """
    One account per home of this machine, in the order of their paths.

    `CLAUDE_CONFIG_DIR` (a comma-separated list of homes or of their `projects/`) replaces the
    default homes, as it does for Claude Code.  `~/.claude` is always `claude-code`; others are
    named after their directory, so that an id outlives the coming and going of other homes.
    """
    setting = machine.env.get(CONFIG_DIR_ENV, "")
    if setting.strip():
        homes = _homes_of_setting(setting, machine)
        origin = f"env:{CONFIG_DIR_ENV}"
    else:
        homes = _default_homes(machine)
        origin = "default"
    default_home = os.path.realpath(os.path.join(machine.home, ".claude"))
    accounts: list[Account] = []
    taken: set[str] = set()
    seen: set[str] = set()
    for home, projects in sorted(homes):
        real = os.path.realpath(home)
        if real in seen:
            continue
        seen.add(real)
        name = "" if real == default_home else _readable_name(home)
        accounts.append(
            Account(
                id=_free_id(name, taken),
                provider_id=PROVIDER_ID,
                title=f"Claude Code ({name})" if name else "Claude Code",
                home=home,
                paths={"projects": projects},
                origin=origin,
            )
        )
    return accounts


def units(account: Account, machine: Machine) -> Iterator[Unit]:
    """
    Every transcript of the home, oldest change first.

    A fork copies its parent's rows into a new file without a mark, and whichever is read first
    keeps the session: the parent has usually not been written since.  Forks stay in the directory
    of their project, hence one group for each of them.
    """
    root = projects_dir(account)
    in_sandboxes = root == cowork_dir(machine)
    found = [
        unit
        for unit in walk_units(root, _is_transcript)
        if not in_sandboxes or _SANDBOX_PROJECTS in unit.path
    ]
    found.sort(key=lambda unit: (unit.mtime_ns, unit.path))
    for unit in found:
        yield dataclasses.replace(unit, group=_group(root, unit.path))


def watch(account: Account, machine: Machine) -> Iterable[str]:
    """The directories in which transcripts appear and grow."""
    del machine
    return (projects_dir(account),)


def roots(machine: Machine) -> list[str]:
    """Where transcripts would lie, whether or not anything is there yet."""
    setting = machine.env.get(CONFIG_DIR_ENV, "")
    if setting.strip():
        return [entry for entry in _entries(setting, machine) if os.path.isabs(entry)]
    config_home = machine.env.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(config_home):
        config_home = os.path.join(machine.home, ".config")
    return [
        os.path.join(machine.home, ".claude", "projects"),
        os.path.join(config_home, "claude", "projects"),
    ]


def projects_dir(account: Account) -> str:
    """The directory below which the account's transcripts lie."""
    return account.paths.get("projects") or os.path.join(account.home, "projects")


def cowork_dir(machine: Machine) -> str:
    """Where the desktop application keeps the homes of its sandboxes (macOS)."""
    return os.path.join(machine.home, *_COWORK)


def agent_of_file(path: str) -> str:
    """
    Name of the sub-agent that wrote the transcript at `path`, empty for a main transcript.

    `agentType` of the sidecar `agent-<id>.meta.json`; else the name that internal agents carry in
    their id (`agent-acompact-1f2e.jsonl`); else `agent`.
    """
    directory, name = os.path.split(path)
    stem = name.removesuffix(".jsonl")
    if not stem.startswith("agent-") and f"{os.sep}subagents{os.sep}" not in path:
        return ""
    named = _agent_type(os.path.join(directory, f"{stem}.meta.json"))
    if named:
        return named
    label, dash, _ = stem.removeprefix("agent-").rpartition("-")
    # Ids start with "a", those of internal agents go on with their name.
    return label.removeprefix("a") if dash and label.removeprefix("a") else DEFAULT_AGENT


def home_of_transcript(path: str, machine: Machine) -> Account | None:
    """
    The account below whose `projects/` the transcript at `path` really lies, None for others.

    Links are resolved first, and a file of another user is not taken: the path comes from a hook
    payload, which any process of this user can send.
    """
    if not os.path.isabs(path) or not path.endswith(".jsonl"):
        return None
    real = os.path.realpath(path)
    try:
        if os.stat(real).st_uid != os.geteuid():
            return None
    except OSError:
        # A transcript is created after the first hooks of its session have run.
        pass
    for account in discover(machine):
        root = os.path.realpath(projects_dir(account))
        if real.startswith(root + os.sep):
            return account
    return None


class _Meta(msgspec.Struct, rename={"agent_type": "agentType"}):
    agent_type: str | None = ""


def _agent_type(path: str) -> str:
    try:
        with open(path, "rb") as file:
            meta = msgspec.json.decode(file.read(_MAX_META_BYTES), type=_Meta)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return meta.agent_type or ""


def _is_transcript(name: str) -> bool:
    return name.endswith(".jsonl")


def _group(root: str, path: str) -> str:
    project, _, _ = path[len(root) :].lstrip(os.sep).partition(os.sep)
    return os.path.join(root, project)


def _homes_of_setting(setting: str, machine: Machine) -> list[tuple[str, str]]:
    homes: list[tuple[str, str]] = []
    for entry in _entries(setting, machine):
        if not os.path.isabs(entry):
            continue
        nested = os.path.join(entry, "projects")
        if os.path.basename(entry) == "projects" and not os.path.isdir(nested):
            if os.path.isdir(entry):
                homes.append((os.path.dirname(entry), entry))
        elif any(os.path.exists(os.path.join(entry, sign)) for sign in _SIGNS):
            homes.append((entry, nested))
    return homes


def _entries(setting: str, machine: Machine) -> Iterator[str]:
    for part in setting.split(","):
        entry = part.strip()
        if entry == "~" or entry.startswith("~/"):
            entry = machine.home + entry[1:]
        yield entry.rstrip("/") or entry


def _default_homes(machine: Machine) -> list[tuple[str, str]]:
    homes: list[tuple[str, str]] = []
    usual = os.path.join(machine.home, ".claude")
    if any(os.path.exists(os.path.join(usual, sign)) for sign in _SIGNS):
        homes.append((usual, os.path.join(usual, "projects")))
    config_home = machine.env.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(config_home):
        config_home = os.path.join(machine.home, ".config")
    moved = os.path.join(config_home, "claude", "projects")
    if os.path.isdir(moved):
        homes.append((os.path.dirname(moved), moved))
    if machine.platform == "darwin" and os.path.isdir(cowork_dir(machine)):
        homes.append((cowork_dir(machine), cowork_dir(machine)))
    return homes


def _readable_name(home: str) -> str:
    parent, name = os.path.split(home)
    if os.path.basename(home) == _COWORK[-1]:
        return "cowork"
    if name.lstrip(".") == "claude":
        name = os.path.basename(parent)
    return name.lstrip(".") or "home"


def _free_id(name: str, taken: set[str]) -> str:
    wanted = f"{DEFAULT_ACCOUNT_ID}:{name}" if name else DEFAULT_ACCOUNT_ID
    candidate, number = wanted, 2
    while candidate in taken:
        candidate, number = f"{wanted}-{number}", number + 1
    taken.add(candidate)
    return candidate
