"""
`openusaged install` and `openusaged uninstall`: says what it does, then does it.

What these need is imported when they run: `openusaged status` must not pay for it.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from openusaged.service.managers import Manager

Add = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]
OneStep = Callable[[], int]
Say = Callable[[str], None]

MANAGERS: Final = ("systemd", "launchd", "autostart", "cron")
_INSTALL: Final = "run the daemon from log-in on: systemd, launchd, autostart or cron"


def configure(add: Add, start: OneStep, stop: OneStep, say: Say) -> None:
    """Describe both commands; `start` and `stop` are for managers that do neither themselves."""

    def run_install(arguments: argparse.Namespace) -> int:
        return _install(arguments, start, stop, say)

    def run_uninstall(_arguments: argparse.Namespace) -> int:
        return _uninstall(stop, say)

    sub = add("install", run_install, _INSTALL)
    sub.add_argument("--manager", choices=MANAGERS, default="", help="not the best one")
    sub.add_argument("--dry-run", action="store_true", help="show the files, write nothing")
    sub.add_argument("--check", action="store_true", help="say as JSON what is and could be")
    add("uninstall", run_uninstall, "stop the service and remove its files; data stays")


def _install(arguments: argparse.Namespace, start: OneStep, stop: OneStep, say: Say) -> int:
    from openusaged.service import installing

    host = installing.host_of(os.environ)
    if arguments.check:
        say(json.dumps(installing.state(host, arguments.manager)))
        return 0
    planned = installing.plan(host, arguments.manager)
    if arguments.dry_run:
        for path, data in planned.texts.items():
            say(f"# {path}\n{os.fsdecode(data)}")
        names = ", ".join(planned.environment.values) or "nothing"
        say(f"# {planned.wanted.environment} (0600) would hold: {names}")
        return 0
    if not planned.manager.starts:
        # The old one may be of another version.
        code = stop()
        if code:
            return code
    installing.install(host, planned)
    done = "updated" if planned.before else "installed"
    say(f"service {done}: {planned.manager.name}, version {planned.wanted.version}")
    for path in planned.texts:
        say(f"  {path}")
    held = planned.environment
    say(f"  {planned.wanted.environment}: {', '.join(held.values) or 'no variable'}")
    if held.dropped:
        say(f"  no account reads these any more, they were removed: {', '.join(held.dropped)}")
    if held.unusable:
        say(f"  these have a line break and were left out: {', '.join(held.unusable)}")
    for note in planned.manager.notes():
        say(f"  {note}")
    return 0 if planned.manager.starts else start()


def _uninstall(stop: OneStep, say: Say) -> int:
    from openusaged.service import installing

    host = installing.host_of(os.environ)
    gone = installing.uninstall(host)
    if not gone:
        say("no service is installed")
        return 0
    for path in gone:
        say(f"removed {path}")
    return stop()


def start_installed() -> bool:
    """Start the daemon through its service; False when there is none that could."""
    supervisor = _supervisor()
    return supervisor is not None and supervisor.start()


def stop_installed() -> None:
    """Tell the service, if there is one, that its daemon is not wanted now."""
    supervisor = _supervisor()
    if supervisor is not None:
        supervisor.stop()


def _supervisor() -> Manager | None:
    from openusaged.service import installing

    host = installing.host_of(os.environ)
    found = installing.supervisor(host)
    if found is None or found.usable():
        return None
    return found
