"""
Flags that several commands share, and the checks that turn a typing error into a helpful sentence.

Separate from `cli` so that a command's module can describe its own parser.
"""

from __future__ import annotations

import argparse
import os
from typing import Final

from openusage_client.errors import UsageError

WINDOWS: Final = ("1d", "3d", "7d", "30d", "all")
BREAKDOWNS: Final = ("model", "account", "provider", "client", "project", "branch", "agent")
_ZONE_MARK: Final = "zoneinfo/"
_LOCALTIME: Final = "/etc/localtime"
_TIMEZONE: Final = "/etc/timezone"
_ZONE_DIRECTORY: Final = "/usr/share/zoneinfo"


def add_connection_flags(parser: argparse.ArgumentParser) -> None:
    """Flags of every command."""
    group = parser.add_argument_group("general")
    group.add_argument(
        "--no-autostart",
        action="store_true",
        help="do not start the daemon; exit 3 when none answers",
    )
    group.add_argument(
        "--no-color", action="store_true", help="plain text (as with NO_COLOR in the environment)"
    )


def add_zone_flag(parser: argparse._ActionsContainer) -> None:
    """The one zone that decides which day an event belongs to."""
    parser.add_argument(
        "-z",
        "--timezone",
        metavar="ZONE",
        type=time_zone,
        help="IANA time zone that days are counted in, e.g. Asia/Kathmandu (default: local)",
    )


def add_json_flag(parser: argparse.ArgumentParser) -> None:
    """Machine-readable output, pure on stdout."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def add_range_flags(parser: argparse._ActionsContainer) -> None:
    """Inclusive local days."""
    parser.add_argument(
        "--since", metavar="DATE", type=iso_date, help="first day, e.g. 2026-03-01 (inclusive)"
    )
    parser.add_argument(
        "--until", metavar="DATE", type=iso_date, help="last day, e.g. 2026-03-31 (inclusive)"
    )


def add_mode_flag(parser: argparse.ArgumentParser) -> None:
    """Where costs come from."""
    parser.add_argument(
        "--mode",
        choices=("calculate", "display", "auto"),
        default="calculate",
        help="cost: from tokens and list prices, as logged by the tool, or logged else calculated"
        " (default: calculate)",
    )


def add_week_start_flag(parser: argparse.ArgumentParser) -> None:
    """The day that weeks begin with."""
    parser.add_argument(
        "--week-start",
        choices=("monday", "sunday"),
        default="monday",
        help="first day of a week (default: monday)",
    )


def add_dashboard_flags(parser: argparse.ArgumentParser) -> None:
    """How the dashboard opens; both win over the settings."""
    group = parser.add_argument_group("dashboard")
    group.add_argument(
        "--theme",
        metavar="NAME",
        type=theme,
        help="colours: a theme that comes along or your own, e.g. ember; a wrong name lists them"
        " (default: settings)",
    )
    group.add_argument(
        "--window",
        choices=WINDOWS,
        help="time range it opens with; 1d is since local midnight (default: settings)",
    )


def theme(text: str) -> str:
    """
    The name of a theme that exists.

    Raises:
        argparse.ArgumentTypeError: no such theme, with those there are.
    """
    from openusage_client.tui.theme import ThemeError
    from openusage_client.tui.theme_files import find

    try:
        find(text, os.environ)
    except ThemeError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def iso_date(text: str) -> str:
    """
    `YYYY-MM-DD` of a date given so or as `YYYYMMDD`.

    Raises:
        argparse.ArgumentTypeError: it is no date of the calendar.
    """
    from datetime import date

    try:
        # Week dates are ISO too, but nobody means them here.
        if "W" in text.upper():
            raise ValueError(text)
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no date; write YYYY-MM-DD, e.g. 2026-03-01"
        ) from None


def whole_number(text: str) -> int:
    """
    A number from 0 on.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number; write e.g. 10")
    return int(text)


def positive_number(text: str) -> int:
    """
    A number from 1 on, with or without a leading `#`.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    number = whole_number(text.removeprefix("#"))
    if number == 0:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def number(text: str) -> float:
    """
    A number from 0 on.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 on; write e.g. 90")
    return value


def positive_amount(text: str) -> float:
    """
    An amount of money above zero, with or without a leading `$`.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    try:
        amount = float(text.removeprefix("$"))
    except ValueError:
        amount = 0.0
    if not 0 < amount < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no amount; write e.g. 200")
    return amount


def project(name: str | None) -> str | None:
    """A project as the daemon takes it: paths absolute, because it does not stand where we do."""
    if name and name.startswith((".", "~", "/")):
        return os.path.abspath(os.path.expanduser(name))
    return name


def time_zone(text: str) -> str:
    """
    The name of a zone that exists.

    Raises:
        argparse.ArgumentTypeError: no such zone, with the closest names.
    """
    from zoneinfo import ZoneInfo, available_timezones

    try:
        return ZoneInfo(text).key
    except (ValueError, OSError, KeyError):
        from difflib import get_close_matches

        names = {name.rpartition("/")[2].lower(): name for name in available_timezones()}
        names |= {name.lower(): name for name in available_timezones()}
        close = get_close_matches(text.lower().replace(" ", "_"), list(names), n=3, cutoff=0.6)
        known = list(dict.fromkeys(names[name] for name in close))
        hint = f"did you mean {' or '.join(known)}?" if known else "write e.g. Europe/Paris or UTC"
        raise argparse.ArgumentTypeError(f"{text!r} is no time zone; {hint}") from None


def check_range(since: str | None, until: str | None) -> None:
    """
    Refuse a range that holds no day.

    Raises:
        UsageError: `since` lies after `until`.
    """
    if since and until and since > until:
        raise UsageError(f"--since {since} is after --until {until}; swap them")


def local_zone() -> str | None:
    """
    IANA name of the machine's zone, found without loading any zone; None leaves it to the daemon.

    TZ first (a leading colon is POSIX decoration), then the link at /etc/localtime, then
    /etc/timezone where a container has a copy instead of a link.
    """
    name = os.environ.get("TZ", "").removeprefix(":")
    if name:
        # "CET-1CEST" and the like are rules, not names, and the daemon wants a name.
        return name.rpartition(_ZONE_MARK)[2] if _zone_exists(name) else None
    try:
        target = os.readlink(_LOCALTIME)
    except OSError:
        return _zone_of_file(_TIMEZONE)
    found = target.rpartition(_ZONE_MARK)
    return found[2] if found[1] and found[2] else None


def _zone_of_file(path: str) -> str | None:
    try:
        with open(path, encoding="ascii") as file:
            name = file.readline().strip()
    except (OSError, UnicodeDecodeError):
        return None
    return name if name and _zone_exists(name) else None


def _zone_exists(name: str) -> bool:
    return os.path.isfile(os.path.join(_ZONE_DIRECTORY, name))
