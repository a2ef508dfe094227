"""The table of `openusage reconcile`: the vendor's figure, ours, the difference, the verdict."""

from __future__ import annotations

import sys
from typing import Any, Final

from openusage_client.decode import decode
from openusage_client.formatting import (
    UNKNOWN,
    format_cost,
    format_count,
    format_money,
    format_tokens,
)
from openusage_client.preferences import Preferences
from openusage_client.report_tables import wrap
from openusage_client.tables import Column, Row, Table, render
from openusage_client.terminal import Style, style_of, width_of
from openusage_proto.report_messages import ReconcileRow, ReconcileSide, Reconciliation

_VERDICTS: Final = {
    "agrees": "agrees",
    "vendor_more": "vendor has more",
    "local_more": "more here",
    "not_comparable": "cannot compare",
}
_WINDOWS: Final = {"cycle": "billing cycle", "month": "this month", "all": "all time"}


def print_comparison(
    answer: dict[str, Any], shown: Preferences, *, models: bool, no_color: bool
) -> None:
    """Print the answer of `reconcile` for this terminal."""
    style = style_of(sys.stdout, no_color=no_color)
    page = comparison_lines(
        decode(answer, Reconciliation),
        shown,
        models=models,
        width=width_of(sys.stdout),
        style=style,
    )
    for line in page:
        print(line)


def comparison_lines(
    answer: Reconciliation, shown: Preferences, *, models: bool, width: int | None, style: Style
) -> list[str]:
    """The whole page; no line wider than `width`."""
    rows = [row for row in answer.rows if models or not (row.date and row.model)]
    lines = [style.paint("Vendor's figures and ours", "bold"), ""]
    if not rows:
        lines += wrap("No account has a vendor that reports usage.", width)
    else:
        columns = (
            Column("ACCOUNT", "<", shrink_to=10),
            Column("PERIOD", "<", shrink_to=10),
            Column("MODEL", "<", rank=1, shrink_to=12),
            Column("VENDOR"),
            Column("HERE"),
            Column("DIFFERENCE", rank=2),
            Column("VENDOR $", rank=3),
            Column("HERE $", rank=4),
            Column("VERDICT", "<", shrink_to=8),
        )
        variants = [
            Table(columns, [_row(row, shown, style, short=short) for row in rows])
            for short in (False, True)
        ]
        lines += render(variants, width, style)
    notes = sorted({f"{row.account}: {row.reason}." for row in rows if row.reason})
    if answer.accounts_without_report:
        names = ", ".join(answer.accounts_without_report)
        notes.append(f"Without figures of their vendor: {names}.")
    if rows:
        notes.append("Neither side is added to the other; both saw the same requests.")
    if notes:
        lines += ["", *(style.paint(line, "dim") for note in notes for line in wrap(note, width))]
    return lines


def _row(row: ReconcileRow, shown: Preferences, style: Style, *, short: bool) -> Row:
    number = format_tokens if short else format_count
    hidden = shown.hides_costs_of(row.account)
    difference = row.token_difference
    model = row.model or row.group
    if difference is not None:
        text = ("+" if difference > 0 else "") + number(difference)
    elif row.cost_difference is not None and not hidden:
        text = ("+" if row.cost_difference > 0 else "") + format_cost(
            row.cost_difference, estimate=False
        )
    else:
        text = UNKNOWN
    return Row(
        [
            row.account,
            row.date or _WINDOWS.get(row.window, row.window),
            model,
            _amount(row.vendor, short=short),
            UNKNOWN if row.local is None else _amount(row.local, short=short),
            text,
            "" if hidden else _money(row.vendor, style),
            "" if hidden or row.local is None else _money(row.local, style),
            _VERDICTS.get(row.verdict, row.verdict),
        ],
        "child" if row.date and row.model else "row",
    )


def _amount(side: ReconcileSide, *, short: bool) -> str:
    if side.total_tokens is not None:
        return (format_tokens if short else format_count)(side.total_tokens)
    return UNKNOWN if side.requests is None else f"{format_count(side.requests)} req"


def _money(side: ReconcileSide, style: Style) -> str:
    if side.cost is None:
        return UNKNOWN if side.cost_basis != "unpriced" else "?"
    if side.currency != "USD":
        return format_money(side.cost, side.currency)
    return format_cost(
        side.cost, estimate=side.cost_basis in ("estimate", "mixed"), approx=style.approx
    )
