"""`openusage explain`: where a number of a report comes from, as a page or JSON."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date, datetime, timedelta
from typing import Any, Final

from openusage_client import arguments, autostart
from openusage_client.errors import EXIT_OK, ProtocolError, UsageError
from openusage_client.first_import import ready_status
from openusage_proto import methods

_EXAMPLES: Final = """\
examples:
  openusage explain daily 2026-11-20
  openusage explain daily 2026-11-20 --model claude-sonnet-4-5
  openusage explain monthly 2026-11 --project api --json
  openusage explain session 0198c1d2-6f1c
  openusage explain models claude-opus-4-5 --since 2026-11-01

The first word is a report, the second the key of one of its rows; `total` explains the sum.
"""
KEYS: Final = {
    "daily": "a day, YYYY-MM-DD",
    "weekly": "a day of the week, YYYY-MM-DD",
    "monthly": "a month, YYYY-MM",
    "session": "a session's id",
    "blocks": "when the block began, e.g. 2026-11-20T10:00",
    "models": "a model",
    "projects": "a project's path, label or folder",
    "branches": "a branch",
    "total": "",
}
_NAMED: Final = {"models": "model", "projects": "project", "branches": "branch"}
BLOCK_HOURS: Final = 5


def configure(parser: argparse.ArgumentParser, name: str) -> None:  # noqa: ARG001
    """Describe the flags of the command."""
    parser.epilog = _EXAMPLES
    parser.add_argument("report", choices=tuple(KEYS), help="the report the number stands in")
    parser.add_argument(
        "key", nargs="?", metavar="KEY", help="the row: a day, month, session, model, ..."
    )
    arguments.add_json_flag(parser)
    arguments.add_range_flags(parser)
    arguments.add_zone_flag(parser)
    parser.add_argument("--model", metavar="NAME", help="only this model")
    parser.add_argument("--provider", metavar="ID", help="only what this provider bills")
    parser.add_argument("--project", metavar="NAME", help="only this project (any case)")
    parser.add_argument("--branch", metavar="NAME", help="only this branch")
    parser.add_argument("--account", metavar="ID", help="only this account")
    parser.add_argument("--client", metavar="ID", help="only this tool")
    arguments.add_mode_flag(parser)
    arguments.add_week_start_flag(parser)
    parser.add_argument(
        "--events",
        type=_count,
        default=0,
        metavar="N",
        help="list the latest N events one by one (at most 500)",
    )
    arguments.add_connection_flags(parser)


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number <= 500:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to 500")
    return number


def run(options: argparse.Namespace) -> int:
    """Ask the daemon and print the page."""
    params = question(options)
    with autostart.connect(autostart=not options.no_autostart) as connection:
        status = ready_status(connection)
        answer = connection.call(methods.EXPLAIN, **params)
        if not isinstance(answer, dict):
            raise ProtocolError("the daemon's `explain` answer is malformed")
        if options.json:
            json.dump(answer, sys.stdout, indent=2, ensure_ascii=False)
            sys.stdout.write("\n")
            return EXIT_OK
        from openusage_client import preferences

        shown = preferences.read(connection)
    _print(
        answer,
        costs=not shown.hides_costs_of(options.account),
        demo=bool(status.get("demo")),
        no_color=options.no_color,
    )
    return EXIT_OK


def question(options: argparse.Namespace) -> dict[str, Any]:
    """
    The parameters of `explain` for a report's row.

    Raises:
        UsageError: the key is missing or is none of that report.
    """
    kind, key = options.report, options.key
    if kind == "total" and key:
        raise UsageError(f"`explain total` takes no key; did you mean --model or --project {key}?")
    if kind != "total" and not key:
        raise UsageError(f"`explain {kind}` needs {KEYS[kind]}")
    arguments.check_range(options.since, options.until)
    params: dict[str, Any] = {
        name: value
        for name in ("model", "provider", "project", "branch", "account", "client")
        if (value := getattr(options, name))
    }
    params |= {
        "tz": options.timezone or arguments.local_zone(),
        "mode": options.mode,
        "events": options.events,
    }
    if kind in ("daily", "weekly", "monthly", "blocks") and (options.since or options.until):
        raise UsageError(
            f"`explain {kind}` has its range in the key; leave out --since and --until"
        )
    if kind in _NAMED:
        params[_NAMED[kind]] = key
    elif kind == "session":
        params["session"] = key
    since, until = _range(options)
    if since or until:
        params |= {"since": since, "until": until}
    elif kind != "session":
        params["window"] = "all"
    return params


def _range(options: argparse.Namespace) -> tuple[str | None, str | None]:
    kind, key = options.report, options.key or ""
    if kind == "daily":
        return (day := _day(key).isoformat()), day
    if kind == "weekly":
        named = _day(key)
        ahead = (named.weekday() + 1) % 7 if options.week_start == "sunday" else named.weekday()
        first = named - timedelta(days=ahead)
        return first.isoformat(), (first + timedelta(days=6)).isoformat()
    if kind == "monthly":
        return _month(key)
    if kind == "blocks":
        return _block(key)
    return options.since, options.until


def _day(text: str) -> date:
    try:
        return date.fromisoformat(arguments.iso_date(text))
    except argparse.ArgumentTypeError as error:
        raise UsageError(str(error)) from None


def _month(text: str) -> tuple[str, str]:
    try:
        first = date.fromisoformat(f"{text}-01")
    except ValueError:
        raise UsageError(f"{text!r} is no month; write YYYY-MM, e.g. 2026-11") from None
    following = (first + timedelta(days=32)).replace(day=1)
    return first.isoformat(), (following - timedelta(days=1)).isoformat()


def _block(text: str) -> tuple[str, str]:
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        start = None
    if start is None or len(text) <= len("2026-11-20"):
        raise UsageError(f"{text!r} is no time; write e.g. 2026-11-20T10:00") from None
    end = start + timedelta(hours=BLOCK_HOURS)
    return start.isoformat(timespec="seconds"), end.isoformat(timespec="seconds")


def _print(answer: dict[str, Any], *, costs: bool, demo: bool, no_color: bool) -> None:
    from openusage_client import terminal
    from openusage_client.decode import decode
    from openusage_client.explain_page import explain_lines
    from openusage_proto.explain_messages import Explanation

    decoded = decode(answer, Explanation)
    style = terminal.style_of(sys.stdout, no_color=no_color)
    width = terminal.width_of(sys.stdout) or 200
    lines = explain_lines(decoded, now=_now(decoded.timezone), width=width, costs=costs)
    if demo:
        print(style.paint("sample data", "yellow"))
    for line in lines:
        print("".join(_painted(style, text, role) for text, role in line).rstrip())


def _now(zone: str) -> datetime:
    from zoneinfo import ZoneInfo

    try:
        return datetime.now(ZoneInfo(zone))
    except (ValueError, OSError, KeyError):
        return datetime.now().astimezone()


_ROLES: Final = {
    "heading": "bold",
    "value": "bold",
    "cost": "green",
    "muted": "dim",
    "warn": "yellow",
}


def _painted(style: Any, text: str, role: str) -> str:
    if not style.unicode:
        for rich, plain in (("≈", style.approx), ("…", style.ellipsis), ("·", "|"), ("—", "-")):
            text = text.replace(rich, plain)
    found = _ROLES.get(role)
    return style.paint(text, found) if found and text.strip() else text
