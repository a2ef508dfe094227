"""`openusage alerts`: what is watched and how that is changed, what was told, a test, silence."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from openusage_client import alert_rules, alert_tables, arguments, autostart
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
  set RULE             make a rule (--on KIND), or change the named fields of one
  remove RULE          take a rule away; a built-in one is then as it was from the start
  on [RULE]            switch alerts on, or one rule
  off [RULE]           switch alerts off, or one rule

examples:
  openusage alerts on
  openusage alerts set week --on limit --window 7d --at 60
  openusage alerts set credits --on balance --provider openrouter --below 5
  openusage alerts off limit-95
  openusage alerts test desktop
  openusage alerts mute pace --for 4h
  openusage alerts history -n 5 --json

Rules, quiet hours and ways are settings: see docs/alerts.md. `test` exits with 1 when a way failed.
"""


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Describe the command's flags."""
    parser.epilog = _EPILOG
    parser.add_argument("action", nargs="?", default="list", choices=_ACTIONS, metavar="ACTION")
    parser.add_argument("name", nargs="?", metavar="NAME", help="a rule, or a way (test)")
    parser.add_argument(
        "--for",
        dest="silence",
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
    alert_rules.add_flags(parser)
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
    if options.silence is not None and options.action != "mute":
        raise UsageError("--for goes with mute")
    if options.limit is not None and options.action != "history":
        raise UsageError("-n goes with history")
    if options.name and options.action in ("list", "history"):
        raise UsageError(f"`openusage alerts {options.action}` takes no name")
    if options.action != "set" and (options.kind or alert_rules.fields_of(options)):
        raise UsageError("--on and the fields of a rule go with set")
    if options.action == "remove" and not options.name:
        raise UsageError("`openusage alerts remove` needs the name of a rule")
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
    return _silence(connection, options, 60 if options.silence is None else options.silence)


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


def _set(connection: Connection, options: argparse.Namespace) -> int:
    change = alert_rules.change_of(options)
    if not options.kind:
        _check_rule(connection, options.name, "; --on KIND makes a new one")
    _change_rule(connection, options.name, change)
    return _list(connection, options)


def _remove(connection: Connection, options: argparse.Namespace) -> int:
    _check_rule(connection, options.name)
    _change_rule(connection, options.name, None)
    return _list(connection, options)


def _switch(connection: Connection, options: argparse.Namespace) -> int:
    enabled = options.action == "on"
    if options.name:
        _check_rule(connection, options.name)
        _change_rule(connection, options.name, {"enabled": None if enabled else False})
    else:
        connection.call(methods.SETTINGS_UPDATE, changes={"alerts": {"enabled": enabled}})
    return _list(connection, options)


def _change_rule(connection: Connection, name: str, change: dict[str, Any] | None) -> None:
    connection.call(methods.SETTINGS_UPDATE, changes={"alerts": {"rules": {name: change}}})


def _check_rule(connection: Connection, name: str, hint: str = "") -> None:
    """
    Refuse a rule that there is not, and one of a budget.

    Raises:
        UsageError: with the names there are.
    """
    if name.startswith("budget:"):
        raise UsageError(f"{name} comes from a budget; `openusage budget` changes that")
    rules = decode(connection.call(methods.ALERTS), Alerts).rules
    known = [rule.id for rule in rules if not rule.id.startswith("budget:")]
    if name not in known:
        raise UsageError(f"rule: there is no {name!r}; known: {', '.join(known)}{hint}")


_ACTIONS: Final[Mapping[str, Callable[[Connection, argparse.Namespace], int]]] = {
    "list": _list,
    "history": _history,
    "test": _test,
    "mute": _mute,
    "unmute": _unmute,
    "set": _set,
    "remove": _remove,
    "on": _switch,
    "off": _switch,
}
