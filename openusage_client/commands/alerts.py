"""`openusage alerts`: what is watched, what was told, a test, and silence for a while."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from openusage_client import alert_tables, arguments, autostart
from openusage_client.decode import decode
from openusage_client.errors import EXIT_FAILURE, EXIT_OK, UsageError
from openusage_client.formatting import format_clock
from openusage_client.rpc import Connection
from openusage_client.terminal import style_of, width_of
from openusage_proto import methods
from openusage_proto.alert_messages import AlertMuteResult, Alerts, AlertTestResult

TIMEOUT_S: Final = 60.0
"""A test waits for every way, up to ten seconds each."""
HISTORY: Final = 20
SCHEMA_VERSION: Final = 1
_UNIT_MINUTES: Final = {"m": 1, "h": 60, "d": 1440}

_EPILOG: Final = """\
actions:
  list                 the rules, what of them holds, and the ways alerts go out (the default)
  history              the latest alerts and what became of them
  test [WAY]           send a sample now: desktop, tmux, command or webhook (default: each set one)
  mute [RULE]          silence a rule, or all of them; --for says how long
  unmute [RULE]        end that
  on, off              switch alerts on or off

examples:
  openusage alerts on
  openusage alerts test desktop
  openusage alerts mute pace --for 4h
  openusage alerts history -n 5 --json

Rules, quiet hours and ways are settings: see docs/configuration.md. `test` exits with 1 when a way
failed.
"""


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Describe the command's flags."""
    parser.epilog = _EPILOG
    parser.add_argument("action", nargs="?", default="list", choices=_ACTIONS, metavar="ACTION")
    parser.add_argument("name", nargs="?", metavar="NAME", help="a rule, or a way (test)")
    parser.add_argument(
        "--for",
        dest="minutes",
        metavar="TIME",
        type=minutes,
        help="how long it is silent, e.g. 30m, 4h, 2d (mute; default: 1h)",
    )
    parser.add_argument(
        "-n",
        "--limit",
        metavar="N",
        type=arguments.positive_number,
        help=f"how many alerts (history; default: {HISTORY})",
    )
    arguments.add_json_flag(parser)
    arguments.add_connection_flags(parser)


def minutes(text: str) -> int:
    """
    Minutes of `30m`, `4h` or `2d`.

    Raises:
        argparse.ArgumentTypeError: it is no such time.
    """
    found = re.fullmatch(r"([1-9]\d{0,5})([mhd])", text.strip().lower())
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write e.g. 30m, 4h or 2d")
    return int(found[1]) * _UNIT_MINUTES[found[2]]


def run(options: argparse.Namespace) -> int:
    """Do what the action says."""
    if options.minutes is not None and options.action != "mute":
        raise UsageError("--for goes with mute")
    if options.limit is not None and options.action != "history":
        raise UsageError("-n goes with history")
    if options.name and options.action not in ("test", "mute", "unmute"):
        raise UsageError(f"`openusage alerts {options.action}` takes no name")
    with autostart.connect(autostart=not options.no_autostart, timeout_s=TIMEOUT_S) as connection:
        return _ACTIONS[options.action](connection, options)


def print_json(answer: Mapping[str, Any]) -> None:
    """An answer as a document with its version."""
    document = {"schema_version": SCHEMA_VERSION, **answer}
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def print_page(page: Callable[..., list[str]], what: Any, options: argparse.Namespace) -> None:
    """A page of `alert_tables` for this terminal, now."""
    lines = page(
        what,
        now=datetime.now().astimezone(),
        width=width_of(sys.stdout),
        style=style_of(sys.stdout, no_color=options.no_color),
    )
    print("\n".join(lines))


def _list(connection: Connection, options: argparse.Namespace) -> int:
    answer = connection.call(methods.ALERTS)
    if options.json:
        print_json(answer)
    else:
        print_page(alert_tables.alert_lines, decode(answer, Alerts), options)
    return EXIT_OK


def _history(connection: Connection, options: argparse.Namespace) -> int:
    answer = connection.call(methods.ALERTS, history=options.limit or HISTORY)
    if options.json:
        print_json(answer)
    else:
        print_page(alert_tables.history_lines, decode(answer, Alerts).history, options)
    return EXIT_OK


def _test(connection: Connection, options: argparse.Namespace) -> int:
    answer = connection.call(methods.ALERT_TEST, channel=options.name)
    result = decode(answer, AlertTestResult)
    if options.json:
        print_json(answer)
    else:
        for name, problem in result.deliveries.items():
            print(f"{name}: {problem or 'sent'}")
    return EXIT_FAILURE if any(result.deliveries.values()) else EXIT_OK


def _mute(connection: Connection, options: argparse.Namespace) -> int:
    return _silence(connection, options, 60 if options.minutes is None else options.minutes)


def _unmute(connection: Connection, options: argparse.Namespace) -> int:
    return _silence(connection, options, 0)


def _silence(connection: Connection, options: argparse.Namespace, length: int) -> int:
    answer = connection.call(methods.ALERT_MUTE, rule=options.name, minutes=length)
    if options.json:
        print_json(answer)
        return EXIT_OK
    result = decode(answer, AlertMuteResult)
    what = result.rule or "all rules"
    now = datetime.now().astimezone()
    until = format_clock(result.muted_until, now)
    print(f"{what}: silent until {until}" if result.muted_until else f"{what}: no longer muted")
    return EXIT_OK


def _switch(connection: Connection, options: argparse.Namespace) -> int:
    enabled = options.action == "on"
    connection.call(methods.SETTINGS_UPDATE, changes={"alerts": {"enabled": enabled}})
    return _list(connection, options)


_ACTIONS: Final[Mapping[str, Callable[[Connection, argparse.Namespace], int]]] = {
    "list": _list,
    "history": _history,
    "test": _test,
    "mute": _mute,
    "unmute": _unmute,
    "on": _switch,
    "off": _switch,
}
