"""
Plain tables that fit: columns give way by priority, names are cut before numbers are lost.

A table is laid out in variants, best first (all digits, then short ones); the first that fits with
all its columns wins, else the last one loses columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from openusage_client.terminal import Style
from openusage_client.tui.text import cell_width, clean, clip, pad

_GAP: Final = "  "
_ROLES: Final = {"child": "dim", "total": "bold"}
UNLIMITED_NAME_CELLS: Final = 60
"""A flexible column grows to this where the width has no bound (a pipe)."""


class Column(NamedTuple):
    """
    One column.

    A column without a word in any of its rows is left out.  `align` is `<` or `>`.  `rank` 0 never
    goes; of the others the highest goes first.  `shrink_to` is what a flexible column may be cut to
    (None: its cells are numbers and are never cut).
    """

    title: str
    align: str = ">"
    rank: int = 0
    shrink_to: int | None = None


class Row(NamedTuple):
    """One line: a cell per column and what it is (`row`, `child`, `total`)."""

    cells: Sequence[str]
    role: str = "row"


class Table(NamedTuple):
    """Columns and rows of one variant."""

    columns: Sequence[Column]
    rows: Sequence[Row]


def render(variants: Sequence[Table], width: int | None, style: Style) -> list[str]:
    """
    The lines of the first variant that fits whole, else of the last one with fewer columns.

    No line is wider than `width`, whatever it takes.
    """
    variants = [_without_blank_columns(table) for table in variants]
    if width is None:
        table = variants[0]
        sizes = [
            size if column.shrink_to is None else min(size, UNLIMITED_NAME_CELLS)
            for column, size in zip(table.columns, _natural(table), strict=True)
        ]
        return _lines(table, list(range(len(sizes))), sizes, None, style)
    for table in variants:
        natural = _natural(table)
        if sum(natural) + len(_GAP) * (len(natural) - 1) <= width:
            break
    shown = list(range(len(table.columns)))
    fitted = _fit(table, shown, natural, width)
    while fitted is None and (index := _least_wanted(table, shown)) is not None:
        shown.remove(index)
        fitted = _fit(table, shown, natural, width)
    return _lines(table, shown, fitted or natural, width, style)


def _without_blank_columns(table: Table) -> Table:
    """The table without columns that say nothing in any row (hidden costs, no active block)."""
    if all(row.role == "total" for row in table.rows):
        return table
    said = [any(row.cells[index] for row in table.rows) for index in range(len(table.columns))]
    return Table(
        [column for column, keep in zip(table.columns, said, strict=True) if keep],
        [
            row._replace(cells=[cell for cell, keep in zip(row.cells, said, strict=True) if keep])
            for row in table.rows
        ],
    )


def _natural(table: Table) -> list[int]:
    sizes = [cell_width(column.title) for column in table.columns]
    for row in table.rows:
        for index, cell in enumerate(row.cells):
            sizes[index] = max(sizes[index], cell_width(clean(cell)))
    return sizes


def _fit(table: Table, shown: list[int], sizes: list[int], width: int) -> list[int] | None:
    """Sizes in which the shown columns fit, names shrunk as far as allowed; None if they do not."""
    sizes = list(sizes)
    excess = sum(sizes[index] for index in shown) + len(_GAP) * (len(shown) - 1) - width
    # The widest name gives first, so that two names end up alike.
    while excess > 0:
        candidates = [
            (sizes[index], index)
            for index in shown
            if (least := table.columns[index].shrink_to) is not None and sizes[index] > least
        ]
        if not candidates:
            return None
        widest = max(candidates)[1]
        sizes[widest] -= 1
        excess -= 1
    return sizes


def _least_wanted(table: Table, shown: list[int]) -> int | None:
    ranked = [(table.columns[index].rank, index) for index in shown if table.columns[index].rank]
    return max(ranked)[1] if ranked else None


def _lines(
    table: Table, shown: list[int], sizes: list[int], width: int | None, style: Style
) -> list[str]:
    def line(cells: Sequence[str], role: str = "") -> str:
        parts = []
        for index in shown:
            cell = clip(clean(cells[index]), sizes[index], style.ellipsis)
            parts.append(pad(cell, sizes[index], table.columns[index].align))
        text = _GAP.join(parts).rstrip()
        if width is not None:
            text = clip(text, width, style.ellipsis)
        return style.paint(text, role) if role else text

    lines = [line([column.title for column in table.columns], "bold")]
    for row in table.rows:
        if row.role == "total":
            lines.append(line(["-" * size for size in sizes]))
        lines.append(line(row.cells, _ROLES.get(row.role, "")))
    return lines
