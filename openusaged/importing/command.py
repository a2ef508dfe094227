"""
`openusaged import-go` and `openusaged import-ccusage`: reads, asks what is held, sends, says.

What these need is imported when they run: `openusaged status` must not pay for it.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from openusage_proto import locations
from openusaged.core.errors import ConfigError

if TYPE_CHECKING:
    import sqlite3
    from datetime import tzinfo

    from openusaged.importing.sending import Tally

Add = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]
OneStep = Callable[[], int]
Say = Callable[[str], None]


def configure(add: Add, start: OneStep, say: Say) -> None:
    """Describe both commands; `start` brings up a daemon when none runs."""

    def run_go(arguments: argparse.Namespace) -> int:
        return start() or _import_go(arguments, say)

    def run_ccusage(arguments: argparse.Namespace) -> int:
        from openusaged.runtime.local_zone import local_zone_name

        return start() or _import_ccusage(
            arguments, arguments.timezone or local_zone_name(os.environ), say
        )

    go = add("import-go", run_go, "take over the history of the Go OpenUsage (only read)")
    go.add_argument("path", metavar="PATH", help="its telemetry.db")
    daily = add(
        "import-ccusage", run_ccusage, "fill days whose logs are gone from a ccusage daily report"
    )
    daily.add_argument("path", metavar="FILE", help="what `ccusage daily --json` printed")
    daily.add_argument("-z", "--timezone", default="", help="whose days they are (default: local)")


def _import_go(arguments: argparse.Namespace, say: Say) -> int:
    from openusaged.importing import go_database, sending
    from openusaged.importing.copies import Copies
    from openusaged.importing.sending import GO_MARK, Sender, Tally

    path = locations.socket_path()
    found = go_database.rows(arguments.path)
    first = next(found, None)
    sending.wait_for_first_import(path)
    days = sending.held_days(path, "UTC", GO_MARK)
    sessions = sending.held_sessions(path, go_database.CODEX)
    accounts = sending.accounts_of(path)
    tally, copies = Tally(), Copies()
    with Sender(path, tally) as sender:
        for row in _chain(first, found):
            item = go_database.imported(row)
            if isinstance(item, str):
                tally.skipped += 1
            elif copies.is_copy(item):
                tally.copies += 1
            elif item.day in days.imported.get(item.tool, ()):
                # Ids meet what a log has brought, but not the sums of another import.
                tally.held += 1
            elif item.by_identity or not (
                item.session in sessions if item.session else days.holds(item.tool, item.day)
            ):
                account = sending.account_for(accounts, item.tool, item.account_id)
                sender.send(item.source, account, item.turn)
            else:
                tally.held += 1
    _report(tally, GO_MARK, say)
    return 0


def _chain(first: sqlite3.Row | None, rest: Iterator[sqlite3.Row]) -> Iterator[sqlite3.Row]:
    if first is not None:
        yield first
        yield from rest


def _import_ccusage(arguments: argparse.Namespace, zone: str, say: Say) -> int:
    from openusaged.importing import ccusage, sending
    from openusaged.importing.sending import CCUSAGE_MARK, Sender, Tally

    path = locations.socket_path()
    days = list(ccusage.day_sums(ccusage.read(arguments.path), _zone(zone)))
    sending.wait_for_first_import(path)
    held = sending.held_days(path, zone, CCUSAGE_MARK)
    accounts = sending.accounts_of(path)
    tally = Tally()
    with Sender(path, tally) as sender:
        for item in days:
            if isinstance(item, str):
                tally.skipped += 1
            elif held.holds(item.tool, item.day):
                tally.held += 1
            else:
                account = sending.account_for(accounts, item.tool, "")
                sender.send(ccusage.SOURCE, account, item.turn)
    _report(tally, CCUSAGE_MARK, say)
    return 0


def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as exc:
        raise ConfigError(f"{name!r} is no time zone; use a name like Europe/Berlin") from exc


def _report(tally: Tally, mark: str, say: Say) -> None:
    say(f"{tally.accepted} imported, {tally.known} were there already")
    if tally.held:
        say(f"{tally.held} left out: of days or sessions that are covered already")
    if tally.copies:
        say(f"{tally.copies} left out: copies that forks made of other messages")
    if tally.skipped:
        say(f"{tally.skipped} left out: without tokens, cost or a time that can be read")
    for reason, count in sorted(tally.reasons.items()):
        say(f"{count} refused: {reason}")
    if tally.accepted:
        say(f"they are marked: their client ends in {mark} (openusage daily --by client)")
