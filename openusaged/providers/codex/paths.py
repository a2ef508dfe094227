"""
Where Codex keeps its records: homes, rollout files, and the rollout of one thread.

`CODEX_HOME` moves everything (a comma list names several homes); without it `~/.codex` is the home
and `~/.config/codex` is only looked at for `auth.json`.  Rollouts lie in `sessions/YYYY/MM/DD/` and
move to `archived_sessions/` when a chat is archived.  Separate from the readers because hooks,
polls and scans all need it and none of it opens a file.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from openusaged.core.models import Account
from openusaged.providers.base import Machine, Unit
from openusaged.providers.shared.files import stat_unit, walk_units

PROVIDER_ID: Final = "codex"
DEFAULT_ACCOUNT_ID: Final = "codex-cli"
ROLLOUT_DIRS: Final = ("sessions", "archived_sessions")

_LAST_DATE_MS: Final = 253_000_000_000_000  # in the year 9987: later ones are random bits

# Codex's own bookkeeping beside the sessions: prompts, no usage.
_NO_ROLLOUTS: Final = frozenset({"history.jsonl", "session_index.jsonl"})


def codex_homes(machine: Machine) -> list[tuple[str, str]]:
    """Homes as (absolute path, origin) in the user's order, each once; they need not exist."""
    configured = machine.env.get("CODEX_HOME", "")
    entries = [entry.strip() for entry in configured.split(",") if entry.strip()]
    if not entries:
        return [(os.path.join(machine.home, ".codex"), "default")]
    homes: dict[str, str] = {}
    for entry in entries:
        homes.setdefault(_absolute(entry, machine), "env:CODEX_HOME")
    return list(homes.items())


def roots(machine: Machine) -> list[str]:
    """Where rollouts would lie, whether or not anything is there yet."""
    return [os.path.join(home, "sessions") for home, _ in codex_homes(machine)]


def discover(machine: Machine) -> Iterator[Account]:
    """One account per home that has rollouts, saved `codex exec --json` output or an auth file."""
    found: list[tuple[str, str, str]] = []
    for home, origin in codex_homes(machine):
        auth = _auth_file(home, machine)
        if auth or _has_rollouts(home) or (origin != "default" and any(_saved_output(home))):
            found.append((home, origin, auth))
    names = Counter(_home_name(home) for home, _, _ in found)
    for home, origin, auth in found:
        name = _home_name(home)
        is_default = home == os.path.join(machine.home, ".codex")
        account_id = DEFAULT_ACCOUNT_ID if is_default else f"{DEFAULT_ACCOUNT_ID}:{name}"
        if not is_default and names[name] > 1:
            # by path, not by position: the id must survive a reordered CODEX_HOME
            digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:6]
            account_id = f"{account_id}-{digest}"
        yield Account(
            id=account_id,
            provider_id=PROVIDER_ID,
            title="Codex" if is_default else f"Codex ({name})",
            home=home,
            paths={
                "sessions": os.path.join(home, "sessions"),
                "archived_sessions": os.path.join(home, "archived_sessions"),
                "config": os.path.join(home, "config.toml"),
                "auth": auth or os.path.join(home, "auth.json"),
            },
            origin=origin,
        )


def units(account: Account, machine: Machine) -> Iterator[Unit]:
    """
    Rollouts of a home in the order of their start times, so that parents precede their forks.

    A chat that is in `sessions` and in `archived_sessions` is one unit: the live copy.
    """
    del machine
    rollouts: dict[str, Unit] = {}
    for name in ROLLOUT_DIRS:
        root = os.path.join(account.home, name)
        for unit in walk_units(root, _is_jsonl):
            base = os.path.basename(unit.path)
            # archiving flattens the date directories; only a rollout's own name is unique
            key = base if base.startswith("rollout-") else os.path.relpath(unit.path, root)
            rollouts.setdefault(key, unit)
    if not _has_rollouts(account.home):
        yield from _saved_output(account.home)
        return
    for _, unit in sorted(rollouts.items(), key=lambda item: os.path.basename(item[0])):
        yield unit


def watch(account: Account, machine: Machine) -> list[str]:
    """Directories whose changes mean new usage."""
    del machine
    places = [os.path.join(account.home, name) for name in ROLLOUT_DIRS]
    if not _has_rollouts(account.home) and any(_saved_output(account.home)):
        places.append(account.home)
    return places


def find_rollout(home: str, thread_id: str) -> str:
    """
    Path of the rollout of a thread below a home, or an empty string.

    The thread id is a UUID of version 7, whose first 48 bits are its creation time: three date
    directories (the name is in local time) hold it unless it was archived.
    """
    if not thread_id or "/" in thread_id:
        return ""
    suffix = f"-{thread_id}.jsonl"
    for directory in _likely_directories(home, thread_id):
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    if entry.name.endswith(suffix):
                        return entry.path
        except OSError:
            continue
    if uuid7_ms(thread_id) is not None:
        return ""
    for name in ROLLOUT_DIRS:  # ids before UUID 7 do not say when the thread began
        root = os.path.join(home, name)
        for unit in walk_units(root, lambda base: base.endswith(suffix)):
            return unit.path
    return ""


def owned_rollout(path: str, machine: Machine) -> str:
    """
    `path` when it is a log of this user below one of the machine's Codex homes, else "".

    A hook names the path, so it is resolved first: no link may lead out of the home.
    """
    if not path.endswith(".jsonl"):
        return ""
    real = os.path.realpath(path)
    for home, _ in codex_homes(machine):
        root = os.path.realpath(home)
        if os.path.commonpath((root, real)) != root:
            continue
        unit = stat_unit(real)
        if unit is not None and os.stat(real).st_uid == os.getuid():
            return real
    return ""


def _absolute(entry: str, machine: Machine) -> str:
    if entry == "~" or entry.startswith("~/"):
        entry = machine.home + entry[1:]
    return os.path.normpath(os.path.join(machine.home, entry))


def _auth_file(home: str, machine: Machine) -> str:
    candidates = [os.path.join(home, "auth.json")]
    if home == os.path.join(machine.home, ".codex"):
        candidates.append(os.path.join(machine.home, ".config", "codex", "auth.json"))
    return next((path for path in candidates if os.path.isfile(path)), "")


def _has_rollouts(home: str) -> bool:
    return any(os.path.isdir(os.path.join(home, name)) for name in ROLLOUT_DIRS)


def _home_name(home: str) -> str:
    name = os.path.basename(home)
    if name in {".codex", "codex"}:
        name = os.path.basename(os.path.dirname(home))
    return name.lstrip(".") or "codex"


def _is_jsonl(name: str) -> bool:
    return name.endswith(".jsonl") and name not in _NO_ROLLOUTS


def _saved_output(home: str) -> Iterator[Unit]:
    yield from walk_units(home, _is_jsonl)


def uuid7_ms(identifier: str) -> int | None:
    """Creation time in epoch milliseconds that a UUID of version 7 carries; None for others."""
    digits = identifier.replace("-", "")
    if len(digits) != 32 or digits[12] != "7":
        return None
    try:
        created_ms = int(digits[:12], 16)
    except ValueError:
        return None
    return created_ms if created_ms <= _LAST_DATE_MS else None


def _likely_directories(home: str, thread_id: str) -> Iterator[str]:
    created_ms = uuid7_ms(thread_id)
    if created_ms is not None:
        created = datetime.fromtimestamp(created_ms / 1000, UTC)
        for days in (0, -1, 1):
            day = created + timedelta(days=days)
            yield os.path.join(home, "sessions", f"{day:%Y}", f"{day:%m}", f"{day:%d}")
    yield os.path.join(home, "archived_sessions")
