"""
`openusaged doctor`: looks at everything that has ever kept a daemon from working.

Reads only.  Every check says what was found and, when something is wrong, what to do about it.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from openusage_proto import locations
from openusage_proto.errors import RpcError
from openusage_proto.integration_messages import CALLER_VARIABLES
from openusage_proto.methods import INTEGRATIONS, PROTOCOL_VERSION
from openusage_proto.values import dataclass
from openusaged.config import settings_file
from openusaged.instance_lock import holder_pid
from openusaged.probe import NothingAnswers, call
from openusaged.service import installing, program

FINE: Final = "ok"
WARNED: Final = "warning"
FAILED: Final = "failed"

HOOKS_SWITCH: Final = "OPENUSAGE_TELEMETRY_ENABLED"
OFF_WORDS: Final = ("0", "false", "no", "off")
MIN_INOTIFY_WATCHES: Final = 8192
SPOOL_ALARM: Final = 1000
MIN_FREE_BYTES: Final = 16 << 20
"""Four times what the database's write-ahead log may grow to."""
DAMAGED_SUFFIX: Final = ".corrupt"
"""How `storage.salvage` names what it sets aside; Pony takes too long to import for one word."""
EARLIEST_PLAUSIBLE_S: Final = 1_735_689_600
"""2025-01-01: a clock before this has never been set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    name: str
    state: str
    found: str
    fix: str = ""

    def as_dict(self) -> dict[str, str]:
        """For `--json`."""
        return asdict(self)


def examine(env: Mapping[str, str]) -> list[Check]:
    """All checks, in the order in which one thing depends on another."""
    steps: Sequence[Callable[[Mapping[str, str]], Iterator[Check]]] = (
        _directories,
        _disk,
        _lock_and_socket,
        _service,
        _database,
        _spool,
        _hooks,
        _settings,
        _inotify,
        _clock,
    )
    return [check for step in steps for check in step(env)]


def render(checks: Sequence[Check]) -> str:
    """One line per check, fixes below."""
    lines = []
    for check in checks:
        lines.append(f"{check.state:<8} {check.name:<10} {check.found}")
        if check.fix:
            lines.append(f"{'':<8} {'':<10} -> {check.fix}")
    bad = sum(check.state != FINE for check in checks)
    lines.append("everything looks fine" if not bad else f"{bad} of {len(checks)} need attention")
    return "\n".join(lines) + "\n"


def _directories(env: Mapping[str, str]) -> Iterator[Check]:
    for name, path in (
        ("state", locations.state_dir(env)),
        ("config", locations.config_dir(env)),
    ):
        try:
            info = os.stat(path)
        except FileNotFoundError:
            yield _missing(name, path)
            continue
        except OSError as exc:
            yield Check(
                name=name, state=FAILED, found=f"{path}: {exc.strerror}", fix=f"ls -ld {path}"
            )
            continue
        if not stat.S_ISDIR(info.st_mode):
            yield Check(
                name=name, state=FAILED, found=f"{path} is no directory", fix="move it away"
            )
        elif info.st_uid != os.geteuid() or not os.access(path, os.W_OK | os.X_OK):
            yield _unwritable(name, path, info)
        elif name == "state" and stat.S_IMODE(info.st_mode) & 0o077:
            yield Check(
                name=name,
                state=WARNED,
                found=f"{path} is open to others (mode {stat.S_IMODE(info.st_mode):04o})",
                fix=f"chmod 700 {path} (the daemon does it when it starts)",
            )
        else:
            yield Check(name=name, state=FINE, found=path)


def _missing(name: str, path: str) -> Check:
    """A directory that is not there is no trouble where it can be made."""
    parent = _nearest_directory(path)
    if os.access(parent, os.W_OK | os.X_OK):
        return Check(name=name, state=FINE, found=f"{path} (not there yet, is made when needed)")
    return Check(
        name=name,
        state=FAILED,
        found=f"{path} cannot be made: {parent} cannot be written",
        fix=f"ls -ld {parent}",
    )


def _unwritable(name: str, path: str, info: os.stat_result) -> Check:
    if info.st_uid != os.geteuid():
        found, fix = f"owner {info.st_uid}", f"chown -R {os.geteuid()} {path}"
    else:
        found, fix = f"mode {stat.S_IMODE(info.st_mode):04o}", f"chmod 700 {path}"
    return Check(name=name, state=FAILED, found=f"{path} cannot be written ({found})", fix=fix)


def _nearest_directory(path: str) -> str:
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def _disk(env: Mapping[str, str]) -> Iterator[Check]:
    path = _nearest_directory(locations.state_dir(env))
    room = os.statvfs(path)
    free = room.f_bavail * room.f_frsize
    # Some network file systems do not tell their size.
    enough = not room.f_blocks or free >= MIN_FREE_BYTES
    yield Check(
        name="disk",
        state=FINE if enough else FAILED,
        found=f"{free >> 20} MiB free at {path}",
        fix="" if enough else "make room: nothing can be stored",
    )


def _lock_and_socket(env: Mapping[str, str]) -> Iterator[Check]:
    try:
        pid = holder_pid(locations.lock_path(env))
    except NotADirectoryError:  # which has been said by now
        pid = None
    path = locations.socket_path(env)
    if pid is None:
        yield Check(name="daemon", state=WARNED, found="not running", fix="openusaged start")
    else:
        yield Check(name="daemon", state=FINE, found=f"running, pid {pid}")
    length = len(os.fsencode(path))
    if length > locations.MAX_SOCKET_PATH_BYTES:
        yield Check(
            name="socket",
            state=FAILED,
            found=f"path of {length} bytes, at most {locations.MAX_SOCKET_PATH_BYTES} work: {path}",
            fix="set OPENUSAGE_TELEMETRY_SOCKET to a shorter path, for daemon and clients",
        )
        return
    yield from _socket(path, running=pid is not None)


def _socket(path: str, *, running: bool) -> Iterator[Check]:
    try:
        info = os.lstat(path)
    except OSError:
        state = FAILED if running else FINE
        fix = "openusaged restart" if running else ""
        yield Check(name="socket", state=state, found=f"nothing at {path}", fix=fix)
        return
    if not stat.S_ISSOCK(info.st_mode):
        yield Check(name="socket", state=FAILED, found=f"{path} is no socket", fix="move it away")
        return
    if stat.S_IMODE(info.st_mode) & 0o077:
        yield Check(
            name="socket",
            state=WARNED,
            found=f"{path} is open to others (mode {stat.S_IMODE(info.st_mode):04o})",
            fix="openusaged restart",
        )
    try:
        status = call(path, "status")
    except NothingAnswers as exc:
        if running:
            yield Check(name="socket", state=FAILED, found=str(exc), fix="openusaged restart")
        else:
            yield Check(name="socket", state=FINE, found=f"{path} (left over, is replaced)")
        return
    except RpcError as exc:
        yield Check(name="socket", state=FAILED, found=f"{path}: {exc}", fix="openusaged restart")
        return
    yield Check(name="socket", state=FINE, found=path)
    yield _version(status)


def _version(status: Mapping[str, Any]) -> Check:
    """Whether the daemon that runs is the one that is installed."""
    installed = program.version()
    found = f"{status['version']}, protocol {status['protocol']}"
    if status["protocol"] != PROTOCOL_VERSION or status["version"] != installed:
        return Check(
            name="version",
            state=WARNED,
            found=f"running {found}; installed {installed}, protocol {PROTOCOL_VERSION}",
            fix="openusaged restart",
        )
    return Check(name="version", state=FINE, found=found)


def _service(env: Mapping[str, str]) -> Iterator[Check]:
    for finding in installing.examine(installing.host_of(env)):
        state = FINE if finding.well else WARNED
        yield Check(name="service", state=state, found=finding.found, fix=finding.fix)


def _database(env: Mapping[str, str]) -> Iterator[Check]:
    path = locations.database_path(env)
    aside = f"{path}{DAMAGED_SUFFIX}"
    if os.path.exists(aside):
        yield Check(
            name="database",
            state=WARNED,
            found=f"a damaged one was set aside, what could be read was taken over: {aside}",
            fix="delete it when no history is missing",
        )
    if not os.path.exists(path):
        yield Check(name="database", state=FINE, found=f"{path} (not there yet)")
        return
    try:
        connection = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=2.0)
        try:
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.Error as exc:
        yield Check(
            name="database",
            state=FAILED,
            found=f"{path}: {exc}",
            fix="openusaged restart repairs a damaged file and keeps one copy of it",
        )
        return
    mode = stat.S_IMODE(os.stat(path).st_mode)
    if mode & 0o077:
        yield Check(
            name="database",
            state=WARNED,
            found=f"{path} is open to others (mode {mode:04o})",
            fix=f"chmod 600 {path}",
        )
    yield Check(
        name="database",
        state=FINE,
        found=f"{path}, {os.path.getsize(path) >> 10} KiB, {tables} tables and indexes",
    )


def _spool(env: Mapping[str, str]) -> Iterator[Check]:
    path = locations.spool_dir(env)
    waiting = _count_json(path)
    rejected = _count_json(os.path.join(path, "rejected"))
    if rejected:
        yield Check(
            name="spool",
            state=WARNED,
            found=f"{rejected} events could not be used",
            fix=f"the reason is beside each in {path}/rejected; delete them when done",
        )
    if waiting > SPOOL_ALARM:
        yield Check(
            name="spool",
            state=WARNED,
            found=f"{waiting} events wait in {path}",
            fix="start the daemon, or see its log why it does not take them",
        )
    else:
        yield Check(name="spool", state=FINE, found=f"{waiting} events wait")


def _hooks(env: Mapping[str, str]) -> Iterator[Check]:
    """How hooks are wired, and why one that is wired says nothing."""
    given = {name: env[name] for name in CALLER_VARIABLES if env.get(name)}
    try:
        answer = call(locations.socket_path(env), INTEGRATIONS, params={"environment": given})
    except (NothingAnswers, RpcError):
        return  # the checks above have said why
    if env.get(HOOKS_SWITCH, "").strip().lower() in OFF_WORDS:
        yield Check(
            name="hooks",
            state=WARNED,
            found=f"{HOOKS_SWITCH} switches them off in this environment",
            fix=f"unset {HOOKS_SWITCH}",
        )
    for info in answer["integrations"]:
        if info["detected"] or info["state"] != "missing":
            yield _hook(info)


def _hook(info: Mapping[str, Any]) -> Check:
    name, state = info["id"], info["state"]
    reasons = [*info["reasons"], *(why for place in info["places"] for why in place["reasons"])]
    if info["delivery"] == "silent":
        return Check(
            name="hooks",
            state=WARNED,
            found=f"{name}: its logs grow, its hook says nothing (last event"
            f" {info['last_event_at'] or 'never'})",
            fix=info["delivery_reason"],
        )
    verb = "install" if state in ("missing", "partial") else "upgrade"
    fix = "" if state == "ready" else f"openusage integrations {verb} {name}"
    if state == "missing":
        found = f"{name} is not wired; its logs are watched instead"
        return Check(name="hooks", state=FINE, found=found, fix=fix)
    last = f"last event {info['last_event_at']}" if info["last_event_at"] else "no event yet"
    found = f"{name} is {state}, {last}" + "".join(f"; {reason}" for reason in reasons)
    return Check(name="hooks", state=FINE if state == "ready" else WARNED, found=found, fix=fix)


def _count_json(path: str) -> int:
    try:
        with os.scandir(path) as entries:
            return sum(entry.name.endswith(".json") for entry in entries)
    except OSError:
        return 0


def _settings(env: Mapping[str, str]) -> Iterator[Check]:
    path = locations.settings_path(env)
    loaded = settings_file.load(path, env)
    state = WARNED if loaded.usable else FAILED
    for warning in loaded.warnings:
        yield Check(name="settings", state=state, found=warning, fix=f"edit {path}")
    if not loaded.warnings:
        yield Check(
            name="settings", state=FINE, found=path if loaded.exists else f"{path} (defaults)"
        )


def _inotify(_env: Mapping[str, str]) -> Iterator[Check]:
    path = "/proc/sys/fs/inotify/max_user_watches"
    try:
        with open(path, encoding="ascii") as file:
            watches = int(file.read())
    except (OSError, ValueError):
        return  # another operating system: no such limit
    if watches < MIN_INOTIFY_WATCHES:
        yield Check(
            name="watches",
            state=WARNED,
            found=f"the system allows {watches} watched directories",
            fix="sysctl fs.inotify.max_user_watches=65536 (until then changes are found by scans)",
        )
    else:
        yield Check(name="watches", state=FINE, found=f"{watches} directories may be watched")


def _clock(env: Mapping[str, str]) -> Iterator[Check]:
    now = time.time()
    if now < EARLIEST_PLAUSIBLE_S:
        yield Check(
            name="clock",
            state=FAILED,
            found=time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now)),
            fix="set the system's clock; events are counted to the wrong days",
        )
    else:
        yield Check(
            name="clock", state=FINE, found=time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
        )
    zone = env.get("TZ", "").lstrip(":")
    if not zone:
        yield Check(name="zone", state=FINE, found=f"the system's ({time.tzname[0]})")
        return
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        yield Check(
            name="zone",
            state=WARNED,
            found=f"TZ={zone} is no IANA name",
            fix="set TZ to a name like Europe/Berlin, or unset it",
        )
    else:
        yield Check(name="zone", state=FINE, found=zone)
