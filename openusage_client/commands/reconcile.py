"""`openusage reconcile`: what vendors report of an account's usage beside what was counted here."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from openusage_client import arguments, autostart
from openusage_client.commands.report import write_json
from openusage_client.errors import EXIT_OK, ProtocolError
from openusage_client.first_import import ready_status
from openusage_proto import methods


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Describe the command's flags."""
    parser.epilog = (
        "The two are never added up: the same requests are in both. A difference is no error by\n"
        "itself: other machines, the vendor's own site and discounts all make one.\n"
        "Days are the vendor's (UTC). `openusage explain` shows how a number here is made.\n\n"
        "examples:\n"
        "  openusage reconcile\n"
        "  openusage reconcile --account openrouter --models\n"
        "  openusage reconcile --json | jq '.rows[] | select(.verdict == \"local_more\")'\n"
    )
    arguments.add_json_flag(parser)
    parser.add_argument("--account", metavar="ID", help="only this account")
    parser.add_argument("--models", action="store_true", help="the models of each day, too")
    parser.add_argument(
        "--mode",
        choices=("calculate", "display", "auto"),
        default="calculate",
        help="how the cost here is made, as in the reports (default: calculate)",
    )
    arguments.add_connection_flags(parser)


def run(options: argparse.Namespace) -> int:
    """Fetch the comparison and print it."""
    with autostart.connect(autostart=not options.no_autostart) as connection:
        ready_status(connection)
        answer = connection.call(methods.RECONCILE, account=options.account, mode=options.mode)
        if not isinstance(answer, dict) or not isinstance(answer.get("rows"), list):
            raise ProtocolError("the daemon's `reconcile` answer is malformed")
        if options.json:
            write_json(known_only(answer), sys.stdout)
            return EXIT_OK
        from openusage_client import preferences, reconcile_table

        shown = preferences.read(connection)
    reconcile_table.print_comparison(
        answer, shown, models=options.models, no_color=options.no_color
    )
    return EXIT_OK


def known_only(value: Any) -> Any:
    """The JSON value without fields that are null or an empty text."""
    if isinstance(value, list):
        return [known_only(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: known_only(item) for key, item in value.items() if item is not None and item != ""}
