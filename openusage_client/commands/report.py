"""`openusage daily|weekly|...|branches`: one report of the daemon, as table, JSON or CSV."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, Final, TextIO

from openusage_client import arguments, autostart
from openusage_client.errors import EXIT_OK, ProtocolError
from openusage_client.first_import import ready_status
from openusage_proto import methods

_EXAMPLES: Final = {
    "daily": "  openusage daily --since 2026-03-01 --until 2026-03-07\n"
    "  openusage daily -b --provider anthropic\n"
    "  openusage daily --by agent --order desc --top 14\n"
    "  openusage daily --json -z Asia/Kathmandu | jq '.totals.total_tokens'",
    "weekly": "  openusage weekly --week-start sunday\n  openusage weekly --project api",
    "monthly": "  openusage monthly -b\n  openusage monthly --mode display\n"
    "  openusage monthly --account claude-code --plan 200",
    "session": "  openusage session --since 2026-03-01\n  openusage session --project api --json\n"
    "  openusage session --sort cost --top 10",
    "blocks": "  openusage blocks --since 2026-03-01\n"
    "  openusage blocks --provider anthropic --json",
    "models": "  openusage models --since 2026-03-01\n  openusage models --by account --csv",
    "projects": "  openusage projects --top 10\n"
    "  openusage projects --project . -b       this repository, with its worktrees",
    "branches": "  openusage branches --project .\n"
    "  openusage branches --project . --branch feature/login\n"
    "  openusage branches --pr 128             what a pull request cost so far",
}
_FOLD: Final = 200
"""Rows from which on JSON has one row a line: still readable, and many times faster to write."""

# Left out of the JSON when null, empty, false or 0; every other field is always there.
_ABSENT_WHEN_EMPTY: Final = frozenset(
    {
        "provider",
        "account",
        "project",
        "branch",
        "models",
        "reasoning_tokens",
        "other_costs",
        "approximate_models",
        "model_breakdown",
        "breakdown",
        "start",
        "end",
        "last_activity",
        "active",
        "window_source",
        "time_remaining_seconds",
        "burn_rate_usd_per_hour",
        "projected_cost_usd",
        "since",
        "until",
        "history_starts",
        "note",
    }
)
# Left out only when null: their 0 says something.
_ABSENT_WHEN_NULL: Final = frozenset({"used_percent", "sessions"})


def configure(parser: argparse.ArgumentParser, name: str) -> None:
    """Describe the flags of one kind of report."""
    parser.epilog = f"examples:\n{_EXAMPLES[name]}\n"
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print JSON instead of a table")
    output.add_argument("--csv", action="store_true", help="print CSV, one line per row or child")
    _add_filters(parser, name)
    _add_arrangement(parser, name)
    arguments.add_mode_flag(parser)
    parser.add_argument(
        "--offline",
        action="store_true",
        help="say so in the result; a report never uses the network, with or without this flag",
    )
    if name == "weekly":
        arguments.add_week_start_flag(parser)
    if name == "monthly":
        parser.add_argument(
            "--plan",
            metavar="USD",
            type=arguments.positive_amount,
            help="what a month of the subscription costs: shows how many times over it was used",
        )
    arguments.add_connection_flags(parser)


def _add_filters(parser: argparse.ArgumentParser, name: str) -> None:
    group = parser.add_argument_group("which usage")
    arguments.add_range_flags(group)
    arguments.add_zone_flag(group)
    group.add_argument(
        "--provider", metavar="ID", help="only this service, tool or biller, e.g. codex, anthropic"
    )
    group.add_argument(
        "--project",
        metavar="NAME",
        help="only this project (any case); a path means the repository that holds it, . this one",
    )
    group.add_argument("--account", metavar="ID", help="only this account")
    group.add_argument("--model", metavar="NAME", help="only this model")
    group.add_argument("--branch", metavar="NAME", help="only this branch")
    if name in ("branches", "projects", "session", "daily"):
        group.add_argument(
            "--pr",
            metavar="N",
            type=arguments.positive_number,
            help="only the branch of this pull request of the repository in this directory",
        )


def _add_arrangement(parser: argparse.ArgumentParser, name: str) -> None:
    group = parser.add_argument_group("how it is shown")
    group.add_argument(
        "-b",
        "--breakdown",
        action="store_true",
        help="one more line per tool" if name == "models" else "one more line per model",
    )
    group.add_argument(
        "--by",
        metavar="WHAT",
        choices=arguments.BREAKDOWNS,
        help=f"break down by something else: {', '.join(arguments.BREAKDOWNS)}",
    )
    group.add_argument(
        "--top-models",
        metavar="N",
        type=arguments.positive_number,
        help="the N costliest lines of each breakdown, and one for the others",
    )
    group.add_argument(
        "--top",
        metavar="N",
        type=arguments.whole_number,
        help="N rows and one for the others; 0 is all"
        + (" (default: 1000)" if name == "session" else " (default)"),
    )
    group.add_argument(
        "--sort",
        choices=("key", "cost", "tokens", "requests", "activity"),
        help="order by (default: "
        + ("cost)" if name in ("models", "projects", "branches") else "time)"),
    )
    group.add_argument("--order", choices=("asc", "desc"), help="smallest or largest first")


def run(options: argparse.Namespace) -> int:
    """Fetch the report and print it."""
    arguments.check_range(options.since, options.until)
    parameters = _parameters(options)
    with autostart.connect(autostart=not options.no_autostart) as connection:
        status = ready_status(connection)
        report = connection.call(methods.REPORT, **parameters)
        if not isinstance(report, dict):
            raise ProtocolError("the daemon's `report` answer is malformed")
        if options.offline:
            report["offline"] = True
            notes = [report.get("note"), "offline: nothing was asked over the network"]
            report["note"] = "; ".join(note for note in notes if note)
        if options.json:
            write_json(without_empty(report), sys.stdout)
            return EXIT_OK
        if options.csv:
            from openusage_client import report_csv

            report_csv.write(report, sys.stdout)
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
        filtered=_is_filtered(options),
        plan=getattr(options, "plan", None),
        no_color=options.no_color,
    )
    return EXIT_OK


def _is_filtered(options: argparse.Namespace) -> bool:
    names = ("provider", "project", "account", "model", "branch", "pr")
    return any(getattr(options, name, None) for name in names)


def _parameters(options: argparse.Namespace) -> dict[str, Any]:
    project, branch = arguments.project(options.project), options.branch
    if getattr(options, "pr", None):
        from openusage_client import pull_requests

        project, branch = pull_requests.branch_of(options.pr, project)
    return {
        "kind": options.command,
        "since": options.since,
        "until": options.until,
        "tz": options.timezone or arguments.local_zone(),
        "provider": options.provider,
        "project": project,
        "account": options.account,
        "model": options.model,
        "branch": branch,
        "mode": options.mode,
        "breakdown": bool(options.breakdown or options.by or options.top_models),
        "breakdown_by": options.by,
        "top_models": options.top_models,
        "top": options.top,
        "sort": options.sort,
        "order": options.order,
        "week_start": getattr(options, "week_start", None),
    }


def write_json(document: dict[str, Any], out: TextIO) -> None:
    """A document for people and programs: indented, or a row a line when there are many."""
    rows = document.get("rows", [])
    if len(rows) <= _FOLD:
        out.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        return
    encode = json.JSONEncoder(ensure_ascii=False).encode
    lines = []
    for key, value in document.items():
        if key == "rows":
            text = "[\n    " + ",\n    ".join(map(encode, value)) + "\n  ]"
        else:
            text = encode(value)
        lines.append(f"  {encode(key)}: {text}")
    out.write("{\n" + ",\n".join(lines) + "\n}\n")


def without_empty(value: Any) -> Any:
    """The JSON value without the fields that are documented as absent when empty."""
    if isinstance(value, list):
        return [without_empty(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: without_empty(item) if isinstance(item, list | dict) else item
        for key, item in value.items()
        if item or key not in _ABSENT_WHEN_EMPTY
        if item is not None or key not in _ABSENT_WHEN_NULL
    }
