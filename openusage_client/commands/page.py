"""`openusage report --html FILE`: everything as one self-contained page."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import Any

from openusage_client import arguments, autostart
from openusage_client.commands.export import write_private
from openusage_client.decode import decode
from openusage_client.errors import EXIT_OK
from openusage_client.first_import import ready_status
from openusage_client.rpc import Connection
from openusage_proto import methods
from openusage_proto.messages import ReadModel, Report

SESSIONS = 25


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Describe the command's flags."""
    parser.epilog = (
        "The page loads nothing and runs no script: it can be mailed or archived as it is.\n"
        "It is written whole or not at all, readable by you only (0600).\n\n"
        "examples:\n"
        "  openusage report --html usage.html\n"
        "  openusage report --html march.html --since 2026-03-01 --until 2026-03-31\n"
        "  openusage report --html - --redact > shared.html\n"
    )
    parser.add_argument("--html", metavar="FILE", required=True, help="file to write; - is stdout")
    arguments.add_range_flags(parser)
    arguments.add_zone_flag(parser)
    parser.add_argument("--provider", metavar="ID", help="only this service, tool or biller")
    parser.add_argument("--project", metavar="NAME", help="only this project; . is this repository")
    parser.add_argument("--account", metavar="ID", help="only this account")
    parser.add_argument(
        "--redact",
        action="store_true",
        help="number accounts, projects and sessions instead of naming them",
    )
    arguments.add_connection_flags(parser)


def run(options: argparse.Namespace) -> int:
    """Fetch the figures and write the page."""
    from openusage_client import preferences

    arguments.check_range(options.since, options.until)
    with autostart.connect(autostart=not options.no_autostart) as connection:
        ready_status(connection)
        shown = preferences.read(connection)
        reports, model = _ask(connection, options)
    # Loaded late: who only asks for help does not pay for the page.
    from openusage_client.formatting import parse_iso
    from openusage_client.page.document import page
    from openusage_client.page.figures import Figures
    from openusage_client.redaction import Redactor
    from openusage_client.report_tables import with_shown_costs, zone_of

    reports = {
        kind: with_shown_costs(report, shown, options.account) for kind, report in reports.items()
    }
    model = replace(
        model,
        accounts=[
            preferences.without_costs(account)
            if shown.hides_costs_of(account.account_id)
            else account
            for account in model.accounts
            if options.provider is None or account.provider_id == options.provider.lower()
        ],
    )
    if options.redact:
        redactor = Redactor()
        model = redactor.model(model)
        reports = {kind: redactor.report(report) for kind, report in reports.items()}
    now = parse_iso(model.generated_at).astimezone(zone_of(model.timezone))
    figures = Figures(
        model=model,
        daily=reports["daily"],
        models=reports["models"],
        projects=reports["projects"],
        sessions=reports["session"],
    )
    text = page(figures, now, redacted=options.redact)
    if options.html == "-":
        sys.stdout.write(text)
    else:
        write_private(options.html, text)
    return EXIT_OK


def _ask(
    connection: Connection, options: argparse.Namespace
) -> tuple[dict[str, Report], ReadModel]:
    wanted: dict[str, Any] = {
        "since": options.since,
        "until": options.until,
        "tz": options.timezone or arguments.local_zone(),
        "provider": options.provider,
        "project": arguments.project(options.project),
        "account": options.account,
    }
    special: dict[str, dict[str, Any]] = {
        "daily": {"breakdown": True},
        "models": {"top": SESSIONS},
        "projects": {"top": SESSIONS},
        "session": {"sort": "cost", "top": SESSIONS},
    }
    reports = {
        kind: decode(connection.call(methods.REPORT, kind=kind, **wanted, **more), Report)
        for kind, more in special.items()
    }
    accounts = None if options.account is None else [options.account]
    model = connection.call(methods.READ_MODEL, window="1d", tz=wanted["tz"], accounts=accounts)
    return reports, decode(model, ReadModel)
