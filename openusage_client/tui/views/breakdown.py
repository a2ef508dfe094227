"""Breakdowns: ranked rows with share bars, count lines and the days' sparkline."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

from openusage_client.formatting import format_count, format_tokens
from openusage_client.tui.layout import Line, clip_line, pick
from openusage_client.tui.text import bar, cell_width, clean, clip_middle, pad, sparkline
from openusage_client.tui.views import wording
from openusage_proto.messages import DayTotals, NamedCount, NamedTotals, Totals

SPARK_DAYS: Final = 14
NOTHING: Final = Totals()
_MIN_SPARK_DAYS: Final = 4
_NAME_MIN: Final = 12


def basis(rows: Sequence[NamedTotals]) -> str:
    """
    What shares are of: `cost` when every row has a price, else `tokens`, else `requests`.

    One basis orders the rows and sizes their bars; a share of a cost that is partly unknown would
    be a wrong number.
    """
    priced = all(
        row.totals.cost_basis != "unpriced" and not row.totals.unpriced_requests for row in rows
    )
    if priced and any(row.totals.cost_usd > 0 for row in rows):
        return "cost"
    return "tokens" if any(row.totals.total_tokens for row in rows) else "requests"


def weight(totals: Totals, by: str) -> float:
    """A group's figure in the given basis."""
    if by == "cost":
        return totals.cost_usd
    return float(totals.total_tokens if by == "tokens" else totals.requests)


def ranked(rows: Sequence[NamedTotals]) -> list[NamedTotals]:
    """The rows, largest share first."""
    by = basis(rows)
    return sorted(rows, key=lambda row: -weight(row.totals, by))


def render_breakdown(
    heading: str,
    rows: Sequence[NamedTotals],
    width: int,
    limit: int = 0,
    note: Line | None = None,
) -> list[Line]:
    """
    A heading and one row per name, largest first; what `limit` cuts off is summed in a last row.

    A row is `name ███░ 78% 9.1M ≈$32.10 412 requests`; columns are shed as the width shrinks.
    """
    if not rows:
        return []
    by = basis(rows)
    order = ranked(rows)
    whole = sum(weight(row.totals, by) for row in order) or 1.0
    shown = order[:limit] if limit and len(order) > limit + 1 else order
    rest = order[len(shown) :]
    cells: list[tuple[str, float, str, str, str]] = [
        _cells(wording.name(row), row.totals, weight(row.totals, by) / whole) for row in shown
    ]
    if rest:
        share = sum(weight(row.totals, by) for row in rest) / whole
        cells.append((f"{len(rest)} more", share, *_sum_cells([row.totals for row in rest])))
    table = _table(cells, width)
    head: Line = [(heading, "heading"), (f" by {by}", "muted")]
    noted = [[*head, (" · ", "muted"), *note]] if note else []
    return [pick([*noted, head], width), *table]


def _cells(name: str, totals: Totals, share: float) -> tuple[str, float, str, str, str]:
    return (
        name,
        share,
        format_tokens(totals.total_tokens),
        wording.cost(totals),
        format_count(totals.requests),
    )


def _sum_cells(parts: Sequence[Totals]) -> tuple[str, str, str]:
    """Tokens, cost and requests of several groups together."""
    bases = {part.cost_basis for part in parts}
    other: dict[str, float] = {}
    for part in parts:
        for currency, amount in part.other_costs.items():
            other[currency] = other.get(currency, 0.0) + amount
    joined = Totals(
        cost_usd=sum(part.cost_usd for part in parts),
        cost_basis=bases.pop() if len(bases) == 1 else "mixed",
        unpriced_requests=sum(
            part.unpriced_requests or (part.requests if part.cost_basis == "unpriced" else 0)
            for part in parts
        ),
        other_costs=other,
    )
    return (
        format_tokens(sum(part.total_tokens for part in parts)),
        wording.cost(joined),
        format_count(sum(part.requests for part in parts)),
    )


def _table(cells: Sequence[tuple[str, float, str, str, str]], width: int) -> list[Line]:
    token_cells = max(cell_width(row[2]) for row in cells)
    cost_cells = max(cell_width(row[3]) for row in cells)
    count_cells = max(cell_width(row[4]) for row in cells)
    names = max(cell_width(row[0]) for row in cells)
    # Where costs are hidden, their column is gone with its gap.
    cost_gap = "  " if cost_cells else ""
    fixed = 2 + 5 + 1 + token_cells + len(cost_gap) + cost_cells
    with_tokens = not cost_cells or width - fixed >= min(names, _NAME_MIN)
    if not with_tokens:
        fixed -= token_cells + 1
        cost_gap = " "
        fixed -= 1
    with_requests = width - fixed - count_cells - 6 >= names + 8
    if with_requests:
        fixed += count_cells + 6
    room = width - fixed
    if room - 1 >= min(names, _NAME_MIN) + 6:
        bar_cells = max(6, min(24, room - 1 - names))
        name_cells = min(names, room - 1 - bar_cells)
    else:
        bar_cells, name_cells = 0, max(4, min(names, room))
    lines: list[Line] = []
    for index, (name, share, tokens, amount, count) in enumerate(cells):
        filled, track = bar(share, bar_cells)
        line: Line = [
            ("  ", "text"),
            (pad(clip_middle(name, name_cells), name_cells), "text"),
            (" " if bar_cells else "", "text"),
            (filled, f"series.{index % 6}"),
            (track, "track"),
            (pad(wording.share(share), 5, ">"), "value"),
            (" " + pad(tokens, token_cells, ">") if with_tokens else "", "muted"),
            (cost_gap + pad(amount, cost_cells, ">"), "cost"),
        ]
        if with_requests:
            line.append(("  " + pad(count, count_cells, ">") + " req", "muted"))
        lines.append(clip_line(line, width))
    return lines


def render_counts(
    heading: str, rows: Sequence[NamedCount], width: int, note: str = ""
) -> list[Line]:
    """One line: `Tools  Bash 412 · Read 380 · 9 more`."""
    if not rows:
        return []
    order = sorted(rows, key=lambda row: -row.calls)
    candidates = []
    for shown in range(min(len(order), 8), 0, -1):
        line: Line = [(heading, "heading"), (f" {note}  " if note else "  ", "muted")]
        for index, row in enumerate(order[:shown]):
            if index:
                line.append((" · ", "muted"))
            line += [(clean(row.name), "text"), (f" {format_count(row.calls)}", "value")]
            if row.errors:
                line.append((f" ({format_count(row.errors)} failed)", "warn"))
        if len(order) > shown:
            line.append((f" · {len(order) - shown} more", "muted"))
        candidates.append(line)
    return [pick(candidates, width)]


def day_series(
    days: Sequence[DayTotals], today: date, since: date | None, limit: int = SPARK_DAYS
) -> list[tuple[date, Totals]]:
    """The last `limit` days up to today, days without events as zero, none before `since`."""
    known = {day.date: day.totals for day in days}
    start = today - timedelta(days=limit - 1)
    if since is not None and since > start:
        start = since
    count = (today - start).days + 1
    dates = [start + timedelta(days=offset) for offset in range(max(0, count))]
    return [(day, known.get(day.isoformat(), Totals())) for day in dates]


def render_sparkline(
    days: Sequence[DayTotals],
    now: datetime,
    since: date | None,
    width: int,
    *,
    full: bool = False,
) -> list[Line]:
    """
    `14 days  ▁▂▅█▃  peak 4.5M on Mar 3`; nothing for fewer than four days.

    With `full` cost and requests have a line each below the tokens.
    """
    series = day_series(days, now.date(), since)
    if len(series) < _MIN_SPARK_DAYS:
        return []
    values = [float(totals.total_tokens) for _, totals in series]
    if max(values) <= 0:
        return []
    best = max(series, key=lambda item: item[1].total_tokens)
    heading = f"{len(series)} days"
    spark: Line = [(heading, "heading"), ("  ", "text"), (sparkline(values), "spark")]
    peak = f"peak {format_tokens(best[1].total_tokens)} on {best[0]:%a} {best[0]:%b} {best[0].day}"
    last = series[-1][1]
    today = f"  {format_tokens(last.total_tokens)} tokens today"
    if not full:
        return [pick([[*spark, (f"  {peak}", "muted")], spark], width)]
    lines = [pick([[*spark, (f"{today} · {peak}", "muted")], [*spark, (today, "muted")], spark],
                  width)]  # fmt: skip
    indent = " " * len(heading)
    costs = [totals.cost_usd for _, totals in series]
    if max(costs) > 0:
        amount = wording.cost(last) or wording.UNKNOWN
        line: Line = [(f"{indent}  ", "text"), (sparkline(costs), "cost")]
        lines.append(pick([[*line, (f"  {amount} today", "muted")], line], width))
    counts = [float(totals.requests) for _, totals in series]
    if max(counts) > 0:
        line = [(f"{indent}  ", "text"), (sparkline(counts), "accent")]
        words = f"  {format_count(last.requests)} requests today"
        lines.append(pick([[*line, (words, "muted")], line], width))
    return lines
