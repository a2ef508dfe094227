"""
The first start on a machine with AI tools: what was found, what is read, what never, two offers.

One screen of plain text before the dashboard, and only on a terminal.  The answers are kept in the
settings (`integrations.<tool>.declined`, `integrations.service`), so nobody is asked twice; who
interrupts it is asked again next time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from openusage_client import autostart, terminal
from openusage_client.commands import integrations
from openusage_client.decode import decode
from openusage_client.errors import DaemonNotRunning
from openusage_client.report_tables import wrap
from openusage_client.rpc import Connection
from openusage_client.tui.text import clip
from openusage_proto import locations, methods
from openusage_proto.errors import RpcError
from openusage_proto.integration_messages import (
    IntegrationInfo,
    IntegrationResult,
    Integrations,
)
from openusage_proto.messages import AccountInfo, Accounts
from openusage_proto.values import dataclass

SWITCH: Final = "OPENUSAGE_FIRST_RUN"
SERVICE: Final = "service"
TIMEOUT_S: Final = 60.0
MOST_ACCOUNTS: Final = 10
"""More would push the questions off a screen of 24 lines."""

_READS: Final = (
    "token counts, models, times, costs, folders and tool names from these tools' own records,"
    " and limits from the vendors your accounts are with"
)
_NEVER: Final = "prompts, answers, what tools read or wrote; and nothing is sent to anybody else"
_YES: Final = frozenset({"y", "yes"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """What can be offered on this machine."""

    accounts: Sequence[AccountInfo]
    unwired: Sequence[IntegrationInfo]
    manager: str
    """What could run the daemon as a service; "" when nothing could, or one runs already."""


def greet(options: argparse.Namespace) -> None:
    """Show the screen and ask, once per machine."""
    if not terminal.is_interactive() or os.environ.get(SWITCH) == "0" or already_answered():
        return
    try:
        with autostart.connect(
            autostart=not options.no_autostart, timeout_s=TIMEOUT_S
        ) as connection:
            if connection.call(methods.STATUS).get("demo"):
                return
            offers = look(connection)
            if not offers.accounts and not offers.unwired:
                return
            _converse(connection, offers, options)
    except (DaemonNotRunning, RpcError):
        return  # the dashboard says what is wrong, and goes on trying


def already_answered() -> bool:
    """
    Whether the settings hold an answer; a file that cannot be read is left to the daemon to report.

    Read here and not asked for, so that every later start costs one small file.
    """
    try:
        with open(locations.settings_path(), encoding="utf-8-sig") as file:
            kept = json.load(file)["integrations"][SERVICE]
    except (FileNotFoundError, KeyError):
        return False
    except (OSError, ValueError, TypeError):
        return True
    return isinstance(kept, dict)


def look(connection: Connection) -> Offers:
    """Ask the daemon what there is, and the system what could run it."""
    accounts = decode(connection.call(methods.ACCOUNTS), Accounts).accounts
    answer = connection.call(methods.INTEGRATIONS, environment=integrations.environment())
    unwired = [
        info
        for info in decode(answer, Integrations).integrations
        if info.detected and info.state == "missing"
    ]
    used = [account for account in accounts if account.enabled]
    return Offers(accounts=used, unwired=unwired, manager=_manager())


def _manager() -> str:
    """What `openusaged install` would use, "" when it could not or need not."""
    done = _openusaged("install", "--check", quiet=True)
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return ""
    return "" if found.get("installed") else str(found.get("manager", ""))


def _openusaged(*arguments: str, quiet: bool) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "openusaged", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=quiet,
        text=True,
        check=False,
    )


def welcome_lines(offers: Offers, width: int | None, style: terminal.Style) -> list[str]:
    """The screen above the questions."""
    lines = [style.paint("Welcome to OpenUsage.", "bold"), "", "Found on this machine:"]
    titles = max((len(_title(one)) for one in offers.accounts), default=0)
    for account in offers.accounts[:MOST_ACCOUNTS]:
        line = f"  {_title(account).ljust(titles)}  {_where(account)}"
        lines.append(clip(line, width, style.ellipsis) if width else line)
    if len(offers.accounts) > MOST_ACCOUNTS:
        lines.append(f"  and {len(offers.accounts) - MOST_ACCOUNTS} more: openusage detect")
    lines.append("")
    for label, words in (("It reads ", _READS), ("It never keeps ", _NEVER)):
        first, *rest = wrap(f"{label}{words}.", width)
        lines += [style.paint(label, "bold") + first.removeprefix(label), *rest]
    lines.append("")
    return lines


def _title(account: AccountInfo) -> str:
    return account.title or account.account_id


def _where(account: AccountInfo) -> str:
    if account.home:
        return _short(account.home)
    if account.variable:
        return f"${account.variable}"
    return account.source or account.origin


def _short(path: str) -> str:
    home = locations.home()
    return "~" + path[len(home) :] if path.startswith(home + os.sep) else path


# -------------------------------------------------------------- questions


def _converse(connection: Connection, offers: Offers, options: argparse.Namespace) -> None:
    style = terminal.style_of(sys.stdout, no_color=options.no_color)
    width = terminal.width_of(sys.stdout)
    for line in welcome_lines(offers, width, style):
        print(line)
    wire, install = False, False
    if offers.unwired:
        names = ", ".join(info.title for info in offers.unwired)
        for line in wrap(
            f"Hooks in {names} bring every turn the moment it ends; without them the logs are"
            " watched. Each file is kept beside the changed one.",
            width,
        ):
            print(line)
        wire = _wants_hooks(connection, offers.unwired, style)
        print()
    if offers.manager:
        for line in wrap(
            f"As a service ({offers.manager}) it runs from log-in on and comes back after a crash;"
            " without one it starts with `openusage`.",
            width,
        ):
            print(line)
        install = _ask("Install the service? [y/N]") in _YES
        print()
    if wire:
        _wire(connection, offers.unwired)
    _remember(connection, offers, wire=wire, install=install)
    if install:
        # Last, because it replaces the daemon that this connection leads to.
        _openusaged("install", quiet=False)
    print("Later: `openusage integrations`, `openusaged install`, and --help.")
    _ask("Enter opens the dashboard.")


def _wants_hooks(
    connection: Connection, unwired: Sequence[IntegrationInfo], style: terminal.Style
) -> bool:
    while True:
        answer = _ask("Install the hooks? [y/N, d shows the changes]")
        if answer != "d":
            return answer in _YES
        for info in unwired:
            try:
                plan = _install(connection, info.id, dry_run=True)
            except RpcError as error:
                print(f"{info.title}: {error.detail}")
                continue
            print("\n".join(integrations.change_lines(plan, style)))


def _wire(connection: Connection, unwired: Sequence[IntegrationInfo]) -> None:
    """One tool after the other; one that is refused does not keep the others from theirs."""
    for info in unwired:
        try:
            result = _install(connection, info.id, dry_run=False)
        except RpcError as error:
            print(f"{info.title}: {error.detail}")
            continue
        print("\n".join(integrations.done_lines(result)))


def _install(connection: Connection, name: str, *, dry_run: bool) -> IntegrationResult:
    answer = connection.call(
        methods.INTEGRATION_INSTALL,
        id=name,
        environment=integrations.environment(),
        dry_run=dry_run,
    )
    return decode(answer, IntegrationResult)


def _remember(connection: Connection, offers: Offers, *, wire: bool, install: bool) -> None:
    """Keep the answers; where they cannot be kept, the question comes again."""
    kept: dict[str, Mapping[str, bool]] = {
        SERVICE: {"declined": bool(offers.manager and not install)}
    }
    if not wire:
        kept.update({info.id: {"declined": True} for info in offers.unwired})
    try:
        connection.call(methods.SETTINGS_UPDATE, changes={"integrations": kept})
    except RpcError as error:
        print(f"openusage: the answers could not be kept: {error.detail}", file=sys.stderr)


def _ask(question: str) -> str:
    print(question, end=" ", flush=True)
    return sys.stdin.readline().strip().lower()
