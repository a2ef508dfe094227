"""
A report as a table for people: which columns, which words, which notes below.

Separate from the command so that `--json` never loads it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from openusage_client.decode import decode
from openusage_client.formatting import (
    UNKNOWN,
    format_cost,
    format_count,
    format_duration,
    format_local,
    format_money,
    format_tokens,
    parse_iso,
)
from openusage_client.preferences import HIDDEN, Preferences, row_without_costs
from openusage_client.tables import Column, Row, Table, render
from openusage_client.terminal import Style, style_of, width_of
from openusage_client.tui.text import clip
from openusage_proto.messages import Report, ReportRow, Totals

INCOMPLETE: Final = "+?"
"""Follows an amount that lacks requests without a known price."""

_TITLES: Final = {
    "daily": ("Daily usage", "DAY"),
    "weekly": ("Weekly usage", "WEEK"),
    "monthly": ("Monthly usage", "MONTH"),
    "session": ("Sessions", "SESSION"),
    "blocks": ("5-hour blocks", "BLOCK START"),
}
_SHORT_MODELS: Final = 2
_ESTIMATES: Final = frozenset({"estimate", "mixed"})

_Number = Callable[[int | None], str]


class Context(NamedTuple):
    """What turns a row into cells: style, time zone and how a number is written."""

    style: Style
    now: datetime
    number: _Number


def print_report(
    answer: dict[str, Any],
    shown: Preferences,
    *,
    account: str | None,
    demo: bool,
    filtered: bool,
    no_color: bool,
) -> None:
    """
    Print the answer of `report` for this terminal.

    Args:
        answer: the result.
        shown: what the settings say about costs.
        account: the account it is about; None for a sum over all.
        demo: the figures are generated.
        filtered: it shows a part only.
        no_color: plain text.
    """
    report = with_shown_costs(decode(answer, Report), shown, account)
    style = style_of(sys.stdout, no_color=no_color)
    now = parse_iso(report.generated_at).astimezone(zone_of(report.timezone))
    lines = report_lines(
        report, now=now, demo=demo, filtered=filtered, width=width_of(sys.stdout), style=style
    )
    for line in lines:
        print(line)


def zone_of(name: str) -> tzinfo | None:
    """The zone an answer was computed in; None (the local one) when this machine lacks it."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return None


def report_lines(
    report: Report,
    *,
    now: datetime,
    width: int | None,
    style: Style,
    demo: bool = False,
    filtered: bool = False,
) -> list[str]:
    """The whole page: heading, table, notes; no line wider than `width`."""
    title, _ = _TITLES.get(report.kind, (report.kind, report.kind.upper()))
    heading = style.separator.join(
        part
        for part in (title, _range(report), report.timezone, "DEMO DATA" if demo else "")
        if part
    )
    variants = [
        _table(report, Context(style, now, number)) for number in (format_count, format_tokens)
    ]
    lines = [style.paint(_cut(heading, width, style), "bold"), ""]
    lines += render(variants, width, style)
    notes = report_notes(report, style)
    filtered = filtered or bool(report.since or report.until)
    if not report.rows:
        notes.insert(0, "No usage matches." if filtered else "No usage yet.")
    elif report.kind == "daily" and not filtered:
        notes.append(f"History starts on {report.rows[0].key}.")
    if notes:
        lines += ["", *(style.paint(line, "dim") for note in notes for line in wrap(note, width))]
    return lines


def with_shown_costs(report: Report, shown: Preferences, account: str | None) -> Report:
    """The report without the costs that the settings hide: a row's account decides, else all."""
    rows = [
        row_without_costs(row) if shown.hides_costs_of(row.account or account) else row
        for row in report.rows
    ]
    if not shown.hides_costs_of(account):
        return replace(report, rows=rows)
    return replace(report, rows=rows, totals=row_without_costs(report.totals), unpriced_models=[])


def wrap(text: str, width: int | None) -> list[str]:
    """A note in lines of at most `width` cells."""
    if width is None:
        return [text]
    from openusage_client.tui import text as cells

    return cells.wrap(cells.clean(text), width)


def cost_cell(row: ReportRow | Totals, style: Style) -> str:
    """The amount and what it is: `≈` an estimate, `+?` some lack a price; empty when hidden."""
    if row.cost_basis == HIDDEN:
        return ""
    if row.cost_basis == "unpriced":
        return "?"
    cost = format_cost(row.cost_usd, estimate=row.cost_basis in _ESTIMATES, approx=style.approx)
    return cost + INCOMPLETE if row.unpriced_requests else cost


def cost_notes(
    bases: Sequence[str], unpriced: Sequence[str], other: dict[str, float], style: Style
) -> list[str]:
    """What the marks of the amounts mean, each said once and only when it is there."""
    notes = []
    if _ESTIMATES.intersection(bases):
        notes.append(f"{style.approx}$ is the API list price of these tokens, not a bill.")
    if unpriced:
        notes.append(
            f"{INCOMPLETE} no price is known for: {', '.join(unpriced)}. Their tokens are counted,"
            " their cost is missing; add a price in custom-pricing.json."
        )
    if other:
        amounts = ", ".join(format_money(amount, name) for name, amount in sorted(other.items()))
        notes.append(f"Recorded in other currencies and not in the total: {amounts}.")
    return notes


def report_notes(report: Report, style: Style) -> list[str]:
    """Everything that belongs under the table."""
    rows = [*report.rows, report.totals]
    bases = [row.cost_basis for row in rows if row.cost_usd]
    notes = cost_notes(bases, report.unpriced_models, report.totals.other_costs, style)
    troubled = [source for source in report.sources if source.note]
    notes += [f"{source.account}: {source.note}." for source in troubled]
    if report.note:
        notes.append(f"note: {report.note}")
    return notes


def short_models(models: Sequence[str]) -> str:
    """The first two names, shortened, and how many more there are."""
    names = [_short_model(name) for name in models[:_SHORT_MODELS]]
    more = len(models) - len(names)
    return ", ".join(names) + (f", +{more}" if more else "") or UNKNOWN


def _short_model(name: str) -> str:
    short = name.rpartition("/")[2]
    head, dash, tail = short.rpartition("-")
    # A release date says nothing to a reader that the family name does not.
    return head if dash and len(tail) == 8 and tail.isdecimal() else short


def _range(report: Report) -> str:
    if report.since and report.until:
        return f"{report.since} to {report.until}"
    if report.since:
        return f"since {report.since}"
    return f"until {report.until}" if report.until else ""


def _cut(text: str, width: int | None, style: Style) -> str:
    return text if width is None else clip(text, width, style.ellipsis)


def _table(report: Report, context: Context) -> Table:
    if report.kind == "session":
        return _session_table(report, context)
    if report.kind == "blocks":
        return _block_table(report, context)
    has_children = any(row.model_breakdown for row in report.rows)
    columns = (
        Column(_TITLES.get(report.kind, ("", report.kind.upper()))[1], "<", shrink_to=12),
        # With a breakdown the lines below name the models in full.
        Column("MODELS", "<", rank=5, shrink_to=None if has_children else 12),
        Column("INPUT", rank=2),
        Column("OUTPUT", rank=1),
        Column("CACHE W", rank=4),
        Column("CACHE R", rank=3),
        Column("TOTAL"),
        Column("COST"),
    )

    def cells(row: ReportRow, label: str, models: str) -> list[str]:
        number = context.number
        return [
            label,
            models,
            number(row.input_tokens),
            number(row.output_tokens),
            number(row.cache_creation_tokens),
            number(row.cache_read_tokens),
            number(row.total_tokens),
            cost_cell(row, context.style),
        ]

    return Table(columns, _with_children(report, cells, context))


def _session_table(report: Report, context: Context) -> Table:
    columns = (
        Column("SESSION", "<", shrink_to=24),
        Column("MODELS", "<", rank=4, shrink_to=10),
        Column("INPUT", rank=3),
        Column("OUTPUT", rank=2),
        Column("TOTAL"),
        Column("COST"),
        Column("LAST ACTIVITY", "<", rank=1),
    )

    def cells(row: ReportRow, label: str, models: str) -> list[str]:
        number = context.number
        return [
            label,
            models,
            number(row.input_tokens),
            number(row.output_tokens),
            number(row.total_tokens),
            cost_cell(row, context.style),
            format_local(row.last_activity, context.now) if row.last_activity else "",
        ]

    return Table(columns, _with_children(report, cells, context))


def _block_table(report: Report, context: Context) -> Table:
    columns = (
        Column("BLOCK START", "<", shrink_to=16),
        Column("STATE", "<", rank=1),
        Column("INPUT", rank=5),
        Column("OUTPUT", rank=4),
        Column("TOTAL"),
        Column("COST"),
        Column("BURN $/h", rank=3),
        Column("PROJECTED", rank=2),
    )

    def cells(row: ReportRow, label: str, _models: str) -> list[str]:
        number, approx = context.number, context.style.approx
        burn, projected = row.burn_rate_usd_per_hour, row.projected_cost_usd
        is_total = row is report.totals
        no_burn = "" if is_total or row.cost_basis == HIDDEN else UNKNOWN
        start = format_local(row.start, context.now) if row.start and not is_total else label
        return [
            start,
            "" if is_total else _block_state(row),
            number(row.input_tokens),
            number(row.output_tokens),
            number(row.total_tokens),
            cost_cell(row, context.style),
            format_cost(burn, approx=approx) if burn else no_burn,
            format_cost(projected, approx=approx) if projected else "",
        ]

    return Table(columns, _with_children(report, cells, context))


def _block_state(row: ReportRow) -> str:
    if not row.active:
        return "done"
    left = row.time_remaining_seconds
    return "ACTIVE" if left is None else f"ACTIVE {format_duration(left)} left"


def _with_children(
    report: Report, cells: Callable[[ReportRow, str, str], list[str]], context: Context
) -> list[Row]:
    rows = []
    for row in report.rows:
        rows.append(Row(cells(row, row.label, short_models(row.models))))
        rows += [
            Row(cells(child, f"  {context.style.branch}{child.label}", ""), "child")
            for child in row.model_breakdown or ()
        ]
    rows.append(Row(cells(report.totals, "TOTAL", ""), "total"))
    return rows
