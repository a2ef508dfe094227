"""`openusage overview`: one line per account, what is tight and what was used."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from openusage_client import arguments, autostart, preferences
from openusage_client.decode import decode
from openusage_client.errors import EXIT_OK
from openusage_client.first_import import ready_status
from openusage_client.formatting import (
    UNKNOWN,
    format_ago,
    format_clock,
    format_percent,
    format_reset,
    format_tokens,
    parse_iso,
)
from openusage_client.headroom import most_room, tightest_limit
from openusage_client.report_tables import cost_cell, cost_notes, wrap, zone_of
from openusage_client.tables import Column, Row, Table, render
from openusage_client.terminal import Style, style_of, width_of
from openusage_client.tui.text import clip
from openusage_proto import methods
from openusage_proto.messages import AccountSnapshot, ReadModel, Totals

WINDOWS: Final = ("1d", "7d", "30d")
SCHEMA_VERSION: Final = 1

_STATUS_WORDS: Final = {
    "OK": "ok",
    "NEAR_LIMIT": "near limit",
    "LIMITED": "limit reached",
    "AUTH_REQUIRED": "sign in again",
    "ERROR": "check failed",
    "UNSUPPORTED": "usage only",
    "UNKNOWN": "not checked yet",
}
_HEALTHY: Final = frozenset({"OK", "UNSUPPORTED", "UNKNOWN", "NEAR_LIMIT"})


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Describe the command's flags."""
    parser.epilog = "examples:\n  openusage overview\n  openusage overview --json -z UTC\n"
    arguments.add_json_flag(parser)
    arguments.add_zone_flag(parser)
    arguments.add_connection_flags(parser)


def run(options: argparse.Namespace) -> int:
    """Fetch three windows and print them side by side."""
    zone = options.timezone or arguments.local_zone()
    with autostart.connect(autostart=not options.no_autostart) as connection:
        ready_status(connection)
        models = {
            window: decode(connection.call(methods.READ_MODEL, window=window, tz=zone), ReadModel)
            for window in WINDOWS
        }
        if options.json:
            json.dump(overview_json(models), sys.stdout, indent=2, ensure_ascii=False)
            sys.stdout.write("\n")
            return EXIT_OK
        shown = preferences.read(connection)
    flat = [
        account.title or account.account_id
        for account in models[WINDOWS[-1]].accounts
        if shown.hides_flat_rate(account)
    ]
    models = {window: shown.applied(model) for window, model in models.items()}
    style = style_of(sys.stdout, no_color=options.no_color)
    width = width_of(sys.stdout)
    for line in overview_lines(models, width=width, style=style):
        print(line)
    if flat:
        note = (
            f"{', '.join(flat)}: on a flat rate, so its tokens have no price here;"
            " `openusage daily` has it."
        )
        print("\n".join(style.paint(part, "dim") for part in wrap(note, width)))
    return EXIT_OK


def overview_json(models: dict[str, ReadModel]) -> dict[str, Any]:
    """The three windows as one object: accounts with `usage` per window, totals per window."""
    longest = models[WINDOWS[-1]]
    accounts = []
    for account in longest.accounts:
        entry = asdict(account)
        entry["usage"] = {
            window: asdict(totals) if (totals := _usage(model, account.account_id)) else None
            for window, model in models.items()
        }
        accounts.append(entry)
    free = most_room(longest.accounts)
    return {
        "schema_version": SCHEMA_VERSION,
        "generated_at": longest.generated_at,
        "timezone": longest.timezone,
        "importing": longest.importing,
        "demo": longest.demo,
        "accounts": accounts,
        "most_room": free.account_id if free is not None else None,
        "totals": {
            window: asdict(model.totals) if model.totals else None
            for window, model in models.items()
        },
        "unmapped": [asdict(item) for item in longest.unmapped],
        "unpriced_models": longest.unpriced_models,
    }


def overview_lines(models: dict[str, ReadModel], *, width: int | None, style: Style) -> list[str]:
    """The whole page; no line wider than `width`."""
    longest = models[WINDOWS[-1]]
    now = parse_iso(longest.generated_at).astimezone(zone_of(longest.timezone))
    parts = ["OpenUsage", f"{now:%Y-%m-%d %H:%M}", longest.timezone]
    heading = style.separator.join([*parts, "DEMO DATA"] if longest.demo else parts)
    lines = [style.paint(clip(heading, width or len(heading), style.ellipsis), "bold")]
    if longest.accounts:
        lines += ["", *render(_variants(models, now, style), width, style)]
    notes = _notes(models, now, style)
    if notes:
        lines += ["", *(style.paint(part, "dim") for note in notes for part in wrap(note, width))]
    return lines


def _variants(models: dict[str, ReadModel], now: datetime, style: Style) -> list[Table]:
    columns = (
        Column("ACCOUNT", "<", shrink_to=10),
        Column("STATUS", "<", rank=2, shrink_to=9),
        Column("TIGHTEST LIMIT", "<", rank=1, shrink_to=12),
        Column("TODAY"),
        Column("7 DAYS", rank=4),
        Column("30 DAYS", rank=3),
    )
    longest = models[WINDOWS[-1]]
    tables = []
    for detail in (2, 1, 0):
        rows = [
            Row(
                [
                    account.title or account.account_id,
                    _status_words(account),
                    _limit_cell(account, now, detail),
                    *(
                        _usage_cell(_usage(model, account.account_id), style)
                        for model in models.values()
                    ),
                ]
            )
            for account in longest.accounts
        ]
        totals = [_usage_cell(model.totals, style) for model in models.values()]
        rows.append(Row(["TOTAL", "", "", *totals], "total"))
        tables.append(Table(columns, rows))
    return tables


def _status_words(account: AccountSnapshot) -> str:
    if account.status == "UNKNOWN" and account.message:
        return "unclear"  # asked, and the answer did not tell
    if account.status == "UNKNOWN" and account.usage is not None and not account.metrics:
        return "usage only"  # there may be nothing to ask; its records are known
    return _STATUS_WORDS.get(account.status, account.status.lower())


def _limit_cell(account: AccountSnapshot, now: datetime, detail: int) -> str:
    """`5h 42% used`, with the reset's time (detail 1) and what is left until then (2)."""
    found = tightest_limit(account.metrics)
    if found is None:
        return UNKNOWN
    metric, percent = found
    # Windows of a plan are known by their length; any other figure needs its own name.
    name = metric.window if metric.unit == "%" and metric.window else metric.label or metric.key
    text = f"{name} {format_percent(percent)} used"
    if detail and metric.resets_at:
        reset = format_reset if detail == 2 else format_clock
        text += f", resets {reset(metric.resets_at, now)}"
    return text


def _usage(model: ReadModel, account_id: str) -> Totals | None:
    for account in model.accounts:
        if account.account_id == account_id and account.usage is not None:
            return account.usage.totals
    return None


def _usage_cell(totals: Totals | None, style: Style) -> str:
    if totals is None:
        return UNKNOWN
    return f"{format_tokens(totals.total_tokens)} {cost_cell(totals, style)}".rstrip()


def _notes(models: dict[str, ReadModel], now: datetime, style: Style) -> list[str]:
    longest = models[WINDOWS[-1]]
    notes = []
    if not longest.accounts:
        notes.append(
            "No AI tool was found on this machine. `openusage demo` shows sample data; a tool in an"
            " unusual place can be named under `accounts` in settings.json."
        )
    free = most_room(longest.accounts)
    if free is not None:
        room = _limit_cell(free, now, detail=2)
        notes.append(f"Most room left: {free.title or free.account_id} ({room}).")
    for account in longest.accounts:
        name = account.title or account.account_id
        if account.status not in _HEALTHY or (account.status == "UNKNOWN" and account.message):
            words = _status_words(account)
            notes.append(f"{name}: {words}{': ' + account.message if account.message else ''}")
        if account.metrics and account.stale_since:
            reason = f": {account.stale_reason}" if account.stale_reason else ""
            notes.append(f"{name}: limits are from {format_ago(account.fetched_at, now)}{reason}")
    for item in longest.unmapped:
        who = item.account_id or item.provider or item.source
        notes.append(
            f"{format_tokens(item.totals.total_tokens)} tokens of {item.source} ({who}) belong to"
            f" no account: {item.suggestion}"
        )
    totals = [model.totals for model in models.values() if model.totals]
    other = longest.totals.other_costs if longest.totals else {}
    bases = [item.cost_basis for item in totals if item.cost_usd]
    return notes + cost_notes(bases, longest.unpriced_models, other, style)
