"""
A report as a table for people: which columns, which words, which notes below.

Separate from the command so that `--json` never loads it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from openusage_client.decode import decode
from openusage_client.formatting import format_count, format_money, format_tokens, parse_iso
from openusage_client.preferences import Preferences, row_without_costs
from openusage_client.report_columns import (
    ESTIMATES,
    INCOMPLETE,
    TITLES,
    Context,
    cost_cell,
    short_models,
    table_of,
)
from openusage_client.tables import render
from openusage_client.terminal import Style, style_of, width_of
from openusage_client.tui.text import cell_width, clip
from openusage_proto.messages import Report

__all__ = [
    "INCOMPLETE",
    "cost_cell",
    "cost_notes",
    "print_report",
    "report_lines",
    "report_notes",
    "short_models",
    "with_shown_costs",
    "wrap",
    "zone_of",
]


def print_report(
    answer: dict[str, Any],
    shown: Preferences,
    *,
    account: str | None,
    demo: bool,
    filtered: bool,
    no_color: bool,
    plan: float | None = None,
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
        plan: USD that a month of the subscription costs.
    """
    report = with_shown_costs(decode(answer, Report), shown, account)
    style = style_of(sys.stdout, no_color=no_color)
    now = parse_iso(report.generated_at).astimezone(zone_of(report.timezone))
    lines = report_lines(
        report,
        now=now,
        demo=demo,
        filtered=filtered,
        plan=plan,
        width=width_of(sys.stdout),
        style=style,
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
    plan: float | None = None,
) -> list[str]:
    """The whole page: heading, table, notes; no line wider than `width`."""
    title, _ = TITLES.get(report.kind, (report.kind, report.kind.upper()))
    heading = style.separator.join(
        part
        for part in (title, _range(report), report.timezone, "DEMO DATA" if demo else "")
        if part
    )
    variants = [
        table_of(report, Context(style, now, number, plan))
        for number in (format_count, format_tokens)
    ]
    lines = [style.paint(_cut(heading, width, style), "bold"), ""]
    lines += render(variants, width, style)
    notes = report_notes(report, style)
    notes += _history_notes(report, filtered=filtered)
    if plan is not None:
        notes.append(
            f"VALUE is the cost by list prices over the plan's {format_money(plan, 'USD')}."
        )
    if notes:
        lines += ["", *(style.paint(line, "dim") for note in notes for line in wrap(note, width))]
    return lines


def _history_notes(report: Report, *, filtered: bool) -> list[str]:
    """Where history starts, for who might take the first row for the beginning of everything."""
    if not report.rows:
        # A note on blocks without any says that only the latest were looked at: there are others.
        latest = report.kind == "blocks" and bool(report.note)
        bounded = filtered or latest or bool(report.since or report.until)
        return ["No usage matches." if bounded else "No usage yet."]
    starts = report.history_starts
    if report.since:
        late = starts is not None and starts > report.since
        return [f"History starts on {starts}; nothing earlier is known."] if late else []
    if filtered or report.until or report.kind == "blocks":
        return []
    if starts is None and report.kind == "daily":
        starts = min(row.key for row in report.rows)
    return [f"History starts on {starts}."] if starts else []


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


def hanging(lead: str, text: str, width: int | None) -> list[str]:
    """A text behind a lead; what does not fit goes on below it, in the same column."""
    indent = cell_width(lead)
    first, *more = wrap(text, width and max(20, width - indent)) or [""]
    return [f"{lead}{first}", *(" " * indent + line for line in more)]


def cost_notes(
    bases: Sequence[str], unpriced: Sequence[str], other: dict[str, float], style: Style
) -> list[str]:
    """What the marks of the amounts mean, each said once and only when it is there."""
    notes = []
    if ESTIMATES.intersection(bases):
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
    if report.approximate_models:
        names = ", ".join(report.approximate_models)
        notes.append(f"A guessed price was used for: {names}; see `openusage pricing`.")
    troubled = [source for source in report.sources if source.note]
    notes += [f"{source.account}: {source.note}." for source in troubled]
    if report.note:
        notes.append(f"note: {report.note}")
    return notes


def _range(report: Report) -> str:
    if report.since and report.until:
        return f"{report.since} to {report.until}"
    if report.since:
        return f"since {report.since}"
    return f"until {report.until}" if report.until else ""


def _cut(text: str, width: int | None, style: Style) -> str:
    return text if width is None else clip(text, width, style.ellipsis)
