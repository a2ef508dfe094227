"""`openusage budget`: what may be spent in a day, a week or a month, and how it stands."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from openusage_client import alert_tables, arguments, autostart
from openusage_client.commands.alerts import print_json, print_page
from openusage_client.decode import decode
from openusage_client.errors import EXIT_FAILURE, EXIT_OK, UsageError
from openusage_client.first_import import ready_status
from openusage_client.rpc import Connection
from openusage_proto import methods
from openusage_proto.alert_messages import Budgets

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_EPILOG: Final = """\
actions:
  list               every budget and what is spent of it (the default)
  set ID AMOUNT      make a budget, or change the amount and the named fields of one
  remove ID          take a budget away
  check [ID]         the same as list; exit code 1 when a budget is over, 0 when all are within

examples:
  openusage budget set all 200
  openusage budget set api 20 --project api --period week --alert-at 50,80,100
  openusage budget set cn 300 --currency CNY --provider moonshot
  openusage budget check all || echo stop

In USD the estimate for tokens counts, as in the reports; in another currency what tools recorded
in it. Amounts of different currencies are never added. What has no price is not in the amount, and
is said. `check` exits with 2 for a budget that does not exist and with 3 when no daemon answers.
Alerts at the shares of `--alert-at` are told while alerts are on: openusage alerts on
"""


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Describe the command's flags."""
    parser.epilog = _EPILOG
    parser.add_argument("action", nargs="?", default="list", choices=_ACTIONS, metavar="ACTION")
    parser.add_argument("id", nargs="?", metavar="ID", help="name of the budget")
    parser.add_argument(
        "amount",
        nargs="?",
        metavar="AMOUNT",
        type=arguments.positive_amount,
        help="what may be spent (set)",
    )
    fields = parser.add_argument_group("set")
    fields.add_argument("--period", choices=("day", "week", "month"), help="default: month")
    fields.add_argument("--currency", metavar="CODE", help="default: USD")
    fields.add_argument("--account", metavar="ID", help="only this account; '' for all")
    fields.add_argument("--provider", metavar="NAME", help="only this service, tool or vendor")
    fields.add_argument("--project", metavar="NAME", help="only this repository: name or directory")
    fields.add_argument("--model", metavar="NAME", help="only this model")
    fields.add_argument(
        "--alert-at",
        metavar="PERCENTS",
        type=percents,
        help="shares at which to alert, e.g. 50,80,100 (default: 80,100)",
    )
    arguments.add_json_flag(parser)
    arguments.add_connection_flags(parser)


def percents(text: str) -> list[float]:
    """
    Numbers of a comma list.

    Raises:
        argparse.ArgumentTypeError: one is none, or not from 1 to 1000.
    """
    try:
        found = [float(part.strip().removesuffix("%")) for part in text.split(",")]
    except ValueError:
        found = [0.0]
    if not all(1 <= percent <= 1000 for percent in found):
        raise argparse.ArgumentTypeError(f"{text!r}: write shares from 1 to 1000, e.g. 50,80,100")
    return found


def run(options: argparse.Namespace) -> int:
    """Do what the action says."""
    fields = _fields(options)
    if options.action != "set" and (fields or options.amount is not None):
        raise UsageError("an amount and its flags go with set")
    if options.action == "list" and options.id:
        raise UsageError("`openusage budget list` takes no ID; `check ID` shows one budget")
    if options.action == "set" and (not options.id or options.amount is None):
        raise UsageError("`openusage budget set` needs an ID and an amount, e.g. set all 200")
    if options.action == "set" and not _ID.fullmatch(options.id):
        raise UsageError(
            f"{options.id!r} is no name for a budget; write up to 40 letters, digits, `.`, `_`, `-`"
        )
    if options.action == "remove" and not options.id:
        raise UsageError("`openusage budget remove` needs the ID of a budget")
    with autostart.connect(autostart=not options.no_autostart) as connection:
        return _ACTIONS[options.action](connection, options)


def _fields(options: argparse.Namespace) -> dict[str, Any]:
    given = {
        "period": options.period,
        "currency": options.currency,
        "account": options.account,
        "provider": options.provider,
        "project": arguments.project(options.project),
        "model": options.model,
        "alert_at": options.alert_at,
    }
    return {name: value for name, value in given.items() if value is not None}


def _show(connection: Connection, options: argparse.Namespace, only: str | None) -> Budgets:
    ready_status(connection)
    answer = connection.call(methods.BUDGETS, id=only)
    budgets = decode(answer, Budgets)
    if options.json:
        print_json(answer)
    else:
        print_page(alert_tables.budget_lines, budgets.budgets, options)
    return budgets


def _list(connection: Connection, options: argparse.Namespace) -> int:
    _show(connection, options, None)
    return EXIT_OK


def _check(connection: Connection, options: argparse.Namespace) -> int:
    budgets = _show(connection, options, options.id)
    return EXIT_FAILURE if any(budget.over for budget in budgets.budgets) else EXIT_OK


def _set(connection: Connection, options: argparse.Namespace) -> int:
    budget = {"amount": options.amount, **_fields(options)}
    connection.call(methods.SETTINGS_UPDATE, changes={"budgets": {options.id: budget}})
    _show(connection, options, options.id)
    return EXIT_OK


def _remove(connection: Connection, options: argparse.Namespace) -> int:
    # refuses a name that there is not
    connection.call(methods.BUDGETS, id=options.id)
    connection.call(methods.SETTINGS_UPDATE, changes={"budgets": {options.id: None}})
    if options.json:
        print_json({"removed": options.id})
    else:
        print(f"{options.id}: removed")
    return EXIT_OK


_ACTIONS: Final[Mapping[str, Callable[[Connection, argparse.Namespace], int]]] = {
    "list": _list,
    "set": _set,
    "remove": _remove,
    "check": _check,
}
