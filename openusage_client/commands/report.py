"""`openusage daily|weekly|monthly|session|blocks`: one report of the daemon, as table or JSON."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, Final

from openusage_client import arguments, autostart
from openusage_client.errors import EXIT_OK, ProtocolError
from openusage_client.first_import import ready_status
from openusage_proto import methods

_EXAMPLES: Final = {
    "daily": "  openusage daily --since 2026-03-01 --until 2026-03-07\n"
    "  openusage daily -b --provider anthropic\n"
    "  openusage daily --json -z Asia/Kathmandu | jq '.totals.total_tokens'",
    "weekly": "  openusage weekly --week-start sunday\n  openusage weekly --project api",
    "monthly": "  openusage monthly -b\n  openusage monthly --mode display",
    "session": "  openusage session --since 2026-03-01\n  openusage session --project api --json",
    "blocks": "  openusage blocks --since 2026-03-01\n"
    "  openusage blocks --provider anthropic --json",
}

# Left out of the JSON when null, empty, false or 0; every other field is always there.
_ABSENT_WHEN_EMPTY: Final = frozenset(
    {
        "provider",
        "account",
        "project",
        "models",
        "reasoning_tokens",
        "other_costs",
        "approximate_models",
        "model_breakdown",
        "start",
        "end",
        "last_activity",
        "active",
        "time_remaining_seconds",
        "burn_rate_usd_per_hour",
        "projected_cost_usd",
        "since",
        "until",
        "note",
    }
)


def configure(parser: argparse.ArgumentParser, name: str) -> None:
    """Describe the flags of one kind of report."""
    parser.epilog = f"examples:\n{_EXAMPLES[name]}\n"
    arguments.add_json_flag(parser)
    arguments.add_range_flags(parser)
    arguments.add_zone_flag(parser)
    parser.add_argument("--provider", metavar="ID", help="only what this provider bills")
    parser.add_argument("--project", metavar="NAME", help="only this project (any case)")
    parser.add_argument("--account", metavar="ID", help="only this account")
    parser.add_argument(
        "--mode",
        choices=("calculate", "display", "auto"),
        default="calculate",
        help="cost: from tokens and list prices, as logged by the tool, or logged else calculated"
        " (default: calculate)",
    )
    if name != "blocks":
        parser.add_argument(
            "-b", "--breakdown", action="store_true", help="one more line per model"
        )
    if name == "weekly":
        parser.add_argument(
            "--week-start",
            choices=("monday", "sunday"),
            default="monday",
            help="first day of a week (default: monday)",
        )
    arguments.add_connection_flags(parser)


def run(options: argparse.Namespace) -> int:
    """Fetch the report and print it."""
    arguments.check_range(options.since, options.until)
    with autostart.connect(autostart=not options.no_autostart) as connection:
        status = ready_status(connection)
        report = connection.call(
            methods.REPORT,
            kind=options.command,
            since=options.since,
            until=options.until,
            tz=options.timezone or arguments.local_zone(),
            provider=options.provider,
            project=options.project,
            account=options.account,
            mode=options.mode,
            breakdown=getattr(options, "breakdown", False),
            week_start=getattr(options, "week_start", None),
        )
        if not isinstance(report, dict):
            raise ProtocolError("the daemon's `report` answer is malformed")
        if options.json:
            json.dump(without_empty(report), sys.stdout, indent=2, ensure_ascii=False)
            sys.stdout.write("\n")
            return EXIT_OK
        # Only a table needs the wire's dataclasses, which take longer to load than a report to
        # fetch.
        from openusage_client import preferences, report_tables

        shown = preferences.read(connection)
    report_tables.print_report(
        report,
        shown,
        account=options.account,
        demo=bool(status.get("demo")),
        filtered=bool(options.provider or options.project or options.account),
        no_color=options.no_color,
    )
    return EXIT_OK


def without_empty(value: Any) -> Any:
    """The JSON value without the fields that are documented as absent when empty."""
    if isinstance(value, list):
        return [without_empty(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: without_empty(item)
        for key, item in value.items()
        if item or key not in _ABSENT_WHEN_EMPTY
    }
