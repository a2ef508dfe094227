"""
The columns of each kind of report, and what stands in their cells.

Separate from `report_tables`, which makes the page around them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from openusage_client.formatting import (
    UNKNOWN,
    format_cost,
    format_count,
    format_duration,
    format_local,
    format_percent,
)
from openusage_client.preferences import HIDDEN
from openusage_client.tables import Column, Row, Table
from openusage_client.terminal import Style
from openusage_proto.messages import Report, ReportRow, Totals

INCOMPLETE: Final = "+?"
"""Follows an amount that lacks requests without a known price."""
ESTIMATES: Final = frozenset({"estimate", "mixed"})

TITLES: Final = {
    "daily": ("Daily usage", "DAY"),
    "weekly": ("Weekly usage", "WEEK"),
    "monthly": ("Monthly usage", "MONTH"),
    "session": ("Sessions", "SESSION"),
    "blocks": ("5-hour blocks", "BLOCK START"),
    "models": ("Models", "MODEL"),
    "projects": ("Projects", "PROJECT"),
    "branches": ("Branches", "PROJECT · BRANCH"),
}
_SHORT_MODELS: Final = 2

_Number = Callable[[int | None], str]


class Context(NamedTuple):
    """What turns a row into cells: style, time zone and how a number is written."""

    style: Style
    now: datetime
    number: _Number
    plan: float | None = None


def cost_cell(row: ReportRow | Totals, style: Style) -> str:
    """The amount and what it is: `≈` an estimate, `+?` some lack a price; empty when hidden."""
    if row.cost_basis == HIDDEN:
        return ""
    if row.cost_basis == "unpriced":
        return "?"
    cost = format_cost(row.cost_usd, estimate=row.cost_basis in ESTIMATES, approx=style.approx)
    return cost + INCOMPLETE if row.unpriced_requests else cost


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


def table_of(report: Report, context: Context) -> Table:
    """The report's rows under the columns of its kind, with child rows and the totals."""
    if report.kind == "session":
        return _session_table(report, context)
    if report.kind == "blocks":
        return _block_table(report, context)
    if report.kind in ("projects", "branches"):
        return _place_table(report, context)
    return _period_table(report, context)


def _period_table(report: Report, context: Context) -> Table:
    """Days, weeks, months and models."""
    has_children = any(row.model_breakdown or row.breakdown for row in report.rows)
    columns: tuple[Column, ...] = (
        Column(TITLES.get(report.kind, ("", report.kind.upper()))[1], "<", shrink_to=12),
        # With a breakdown the lines below name the models in full.
        Column("MODELS", "<", rank=5, shrink_to=None if has_children else 12),
        Column("INPUT", rank=2),
        Column("OUTPUT", rank=1),
        Column("CACHE W", rank=4),
        Column("CACHE R", rank=3),
        Column("TOTAL"),
        Column("COST"),
        Column("VALUE"),
    )
    if context.plan is None:
        columns = columns[:-1]
    if report.kind == "models":
        columns = (columns[0], *columns[2:])

    def cells(row: ReportRow, label: str, models: str) -> list[str]:
        number = context.number
        return [
            label,
            *([] if report.kind == "models" else [models]),
            number(row.input_tokens),
            number(row.output_tokens),
            number(row.cache_creation_tokens),
            number(row.cache_read_tokens),
            number(row.total_tokens),
            cost_cell(row, context.style),
            *([] if context.plan is None else [_value(row, report, context.plan)]),
        ]

    return Table(columns, _with_children(report, cells, context))


def _value(row: ReportRow, report: Report, plan: float) -> str:
    """How many times over a month's use would have paid for the plan."""
    if row is report.totals or row.cost_basis in (HIDDEN, "unpriced"):
        return ""
    return f"{row.cost_usd / plan:.1f}x"


def _place_table(report: Report, context: Context) -> Table:
    """Projects and branches."""
    title = TITLES[report.kind][1].replace(" · ", context.style.separator)
    columns = (
        Column(title, "<", shrink_to=20),
        Column("SESSIONS", rank=3),
        Column("INPUT", rank=6),
        Column("OUTPUT", rank=4),
        Column("CACHE", rank=5),
        Column("TOTAL"),
        Column("COST"),
        Column("SHARE", rank=2),
        Column("LAST ACTIVITY", "<", rank=1),
    )
    whole = report.totals.cost_usd

    def cells(row: ReportRow, label: str, _models: str) -> list[str]:
        number = context.number
        share = (
            ""
            if not whole or row.cost_basis == HIDDEN
            else format_percent(100 * row.cost_usd / whole)
        )
        return [
            label,
            "" if row.sessions is None else format_count(row.sessions),
            number(row.input_tokens),
            number(row.output_tokens),
            number(row.cache_creation_tokens + row.cache_read_tokens),
            number(row.total_tokens),
            cost_cell(row, context.style),
            share,
            format_local(row.last_activity, context.now) if row.last_activity else "",
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
        Column("ACCOUNT", "<", rank=2, shrink_to=8),
        Column("STATE", "<", rank=1),
        Column("USED", rank=3),
        Column("INPUT", rank=7),
        Column("OUTPUT", rank=6),
        Column("TOTAL"),
        Column("COST"),
        Column("BURN $/h", rank=5),
        Column("PROJECTED", rank=4),
    )

    several = len({row.account for row in report.rows}) > 1

    def cells(row: ReportRow, label: str, _models: str) -> list[str]:
        number, approx = context.number, context.style.approx
        burn, projected = row.burn_rate_usd_per_hour, row.projected_cost_usd
        is_total = row is report.totals
        no_burn = "" if is_total or row.cost_basis == HIDDEN else UNKNOWN
        start = format_local(row.start, context.now) if row.start and not is_total else label
        return [
            start,
            (row.account or "") if several else "",
            "" if is_total else _block_state(row),
            "" if row.used_percent is None else format_percent(row.used_percent),
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
            for child in (row.model_breakdown or []) + (row.breakdown or [])
        ]
    rows.append(Row(cells(report.totals, "TOTAL", ""), "total"))
    return rows
