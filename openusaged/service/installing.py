"""Installs, removes and describes the service; decides which manager, and refuses to go back."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping

from openusage_proto import locations
from openusage_proto.values import dataclass
from openusaged.core.errors import LifecycleError
from openusaged.providers.base import Machine
from openusaged.service import environment, managers, program
from openusaged.service.fallbacks import Autostart, Cron
from openusaged.service.launchd import Launchd
from openusaged.service.managers import Host, Installed, Manager, Wanted
from openusaged.service.systemd import Systemd


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an installation will do."""

    manager: Manager
    wanted: Wanted
    texts: Mapping[str, bytes]
    environment: environment.Snapshot
    before: Installed


def host_of(env: Mapping[str, str], platform: str = sys.platform) -> Host:
    """This machine."""
    return Host(env=env, home=locations.home(env), platform=platform, uid=os.geteuid())


def all_managers(host: Host) -> tuple[Manager, ...]:
    """Every manager, the best first."""
    return Systemd(host), Launchd(host), Autostart(host), Cron(host)


def chosen(host: Host, name: str = "") -> Manager:
    """
    The manager of that name, or the best that works here.

    Raises:
        LifecycleError: none does, with what each of them says.
    """
    refused = []
    for manager in all_managers(host):
        if name and manager.name != name:
            continue
        reason = manager.usable()
        if not reason:
            return manager
        refused.append(f"{manager.name}: {reason}")
    raise LifecycleError(
        f"no service can be installed here ({'; '.join(refused)}); without one, `openusage` starts"
        " the daemon when it is needed, and `openusaged run --foreground` runs it under any other"
        " supervisor"
    )


def existing(host: Host) -> tuple[Manager, Installed] | None:
    """What is installed now, whoever manages it."""
    for manager in all_managers(host):
        if manager.name == "cron" and not host.has("crontab"):
            continue
        found = manager.installed()
        if found:
            return manager, found
    return None


def supervisor(host: Host) -> Manager | None:
    """The installed manager that starts and stops the daemon itself, if it is one of those."""
    return next((one for one in all_managers(host) if one.starts and one.installed()), None)


def state(host: Host, name: str = "") -> dict[str, str]:
    """The manager of what is installed, the one that would be used, and why there is none."""
    there = existing(host)
    installed = there[0].name if there is not None else ""
    try:
        program.command()
        return {"installed": installed, "manager": chosen(host, name).name, "reason": ""}
    except LifecycleError as exc:
        return {"installed": installed, "manager": "", "reason": str(exc)}


def plan(host: Host, name: str = "", command: list[str] | None = None) -> Plan:
    """
    What to do, nothing done yet.

    Raises:
        LifecycleError: it cannot be installed here, or a newer version is installed.
    """
    manager = chosen(host, name)
    before = manager.installed()
    version = program.version()
    newer = bool(before.version) and program.is_older(version, before.version)
    # An older version cannot read a newer one's database; only when the newer has gone from the
    # machine is there nothing to go back from.
    if newer and os.path.exists(before.program):
        raise LifecycleError(
            f"the service runs version {before.version} ({before.program}), this is {version}:"
            " it is not replaced by an older one; to go back on purpose, `openusaged uninstall`"
            " first"
        )
    path = environment.path_of(host.env)
    machine = Machine(env=host.env, home=host.home, platform=host.platform)
    wanted = Wanted(
        command=command or program.command(),
        version=version,
        environment=path,
        socket=locations.socket_path(host.env),
        log=os.path.join(locations.state_dir(host.env), "service.log"),
    )
    for text in (*wanted.command, wanted.environment, wanted.socket):
        if any(character in text for character in "\n\r\0"):
            raise LifecycleError(f"a path with a line break cannot be made a service: {text!r}")
    return Plan(
        manager=manager,
        wanted=wanted,
        texts=manager.texts(wanted),
        environment=environment.snapshot(
            host.env, environment.wanted_names(machine), environment.read(path)
        ),
        before=before,
    )


def install(host: Host, planned: Plan) -> None:
    """
    Write, tell the manager, and make it the one that runs.

    Raises:
        LifecycleError: the manager refuses, with what it said.
        ConfigError: a file is a link that leads nowhere.
    """
    os.makedirs(locations.state_dir(host.env), mode=0o700, exist_ok=True)
    environment.write(planned.wanted.environment, planned.environment.values)
    other = existing(host)
    if other is not None and other[0].name != planned.manager.name:
        remove_files(*other)
    for path, data in planned.texts.items():
        managers.write_file(path, data)
    planned.manager.enable(planned.wanted)


def uninstall(host: Host) -> list[str]:
    """Take out whatever is installed, and the environment file; the paths that have gone."""
    gone = []
    while (found := existing(host)) is not None:
        removed = remove_files(*found)
        gone += removed
        if not removed:
            break
    path = environment.path_of(host.env)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
        gone.append(path)
    return gone


def remove_files(manager: Manager, found: Installed) -> list[str]:
    """Stop and forget one manager's service."""
    manager.disable()
    for path in found.files:
        if os.path.isabs(path):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
    manager.forgotten()
    return list(found.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing about the installed service: is it well, what was found, what to do."""

    well: bool
    found: str
    fix: str = ""


def examine(host: Host) -> Iterator[Finding]:
    """What the doctor says about the service; names of variables, never their values."""
    there = existing(host)
    if there is None:
        yield Finding(
            well=True,
            found="not installed; `openusage` starts the daemon when it is needed",
            fix="openusaged install",
        )
        return
    manager, found = there
    version = program.version()
    if found.program and not os.path.exists(found.program):
        yield Finding(
            well=False,
            found=f"{manager.name} starts {found.program}, which has gone",
            fix="openusaged install",
        )
    elif found.version != version:
        yield Finding(
            well=False,
            found=f"{manager.name} was set up by version {found.version or 'unknown'}, this is"
            f" {version}",
            fix="openusaged install"
            if program.is_older(found.version, version)
            else f"upgrade this copy; {found.program} is newer",
        )
    else:
        yield Finding(well=True, found=f"{manager.name}, {found.files[0]}")
    reason = manager.usable()
    if reason:
        yield Finding(
            well=False,
            found=f"{manager.name} cannot be asked from here ({reason})",
            fix="log in as this user, not through su or sudo",
        )
    yield from _environment(host)


def _environment(host: Host) -> Iterator[Finding]:
    path = environment.path_of(host.env)
    try:
        held = environment.read(path)
        mode = os.stat(path).st_mode & 0o777
    except FileNotFoundError:
        held, mode = {}, 0o600
    except OSError as exc:
        yield Finding(well=False, found=f"{path}: {exc.strerror}", fix="openusaged install")
        return
    if mode & 0o077:
        yield Finding(well=False, found=f"{path} may be read by others", fix=f"chmod 600 {path}")
    machine = Machine(env=host.env, home=host.home, platform=host.platform)
    changed = environment.differing(host.env, environment.wanted_names(machine), held)
    if changed:
        yield Finding(
            well=False,
            found=f"changed since the service was installed: {', '.join(changed)}",
            fix="openusaged install",
        )
