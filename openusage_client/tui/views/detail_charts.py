"""The charts of an account's page: one value per day with a cursor that reads it out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Final

from openusage_client.formatting import format_cost, format_count, format_tokens
from openusage_client.tui.layout import Line, clip_line
from openusage_client.tui.text import cell_width, clean
from openusage_client.tui.views.chart import (
    Axis,
    Curve,
    bar_chart,
    legend,
    line_chart,
    long_day,
    short_day,
)
from openusage_client.tui.views.detail_cards import Given, money_kind
from openusage_client.tui.views.detail_page import Card, Spot
from openusage_proto.activity_messages import Activity, ActivityDays

MAX_CURVES: Final = 4


def day_cursor(given: Given) -> int:
    """How many days before the last one the cursor stands, within what there is."""
    days = len(given.activity.dates) if given.activity else 0
    return max(0, min(given.state.detail.cursor, days - 1))


def axis_of(given: Given, activity: Activity, words: Callable[[float], str], focused: bool) -> Axis:  # noqa: FBT001
    """The chart's axis; the cursor only shows where it can be moved."""
    return Axis(
        dates=[date.fromisoformat(day) for day in activity.dates],
        width=max(20, given.width - 2),
        height=5 if given.width < 70 else 7,
        words=words,
        cursor=day_cursor(given) if focused else None,
    )


def _tokens(value: float) -> str:
    return format_tokens(round(value))


def _counts(value: float) -> str:
    return format_tokens(round(value)) if value >= 10_000 else format_count(round(value))


def _dollars(value: float) -> str:
    """An amount on a scale: the heading says what kind of money it is."""
    return format_cost(value, estimate=False)


def trend_cards(given: Given) -> list[Card]:
    """A chart per series, then lines by model, client, project and MCP server."""
    activity = given.activity
    if activity is None or len(activity.dates) < 2 or not any(activity.days.requests):
        if given.waiting:
            return [Card(id="trends", title="Trends", lines=[
                [("Trends", "heading")], [(f"  {given.waiting}", "muted")],
            ])]  # fmt: skip
        return []
    cards = [_bars(given, activity, "tokens", "Tokens", activity.days.tokens, _tokens, "series.0")]
    groups = (
        ("models", "Tokens by model", activity.models, _tokens),
        ("clients", "Tokens by client", activity.clients, _tokens),
        ("projects", "Tokens by project", activity.projects, _tokens),
        ("mcp", "Calls by MCP server", activity.mcp, _counts),
    )
    for name, title, rows, words in groups:
        if len(rows) > 1:
            cards.append(_lines(given, activity, name, title, rows, words))
    return cards


def cost_cards(given: Given) -> list[Card]:
    """Cost and requests one above the other, each on a scale of its own, with one cursor."""
    activity = given.activity
    if activity is None or len(activity.dates) < 2:
        return []
    cards = []
    if given.costs and any(activity.days.cost_usd):
        cards.append(
            _bars(given, activity, "cost", "Cost", activity.days.cost_usd, _dollars, "series.2")
        )
    if any(activity.days.requests):
        requests = [float(count) for count in activity.days.requests]
        cards.append(_bars(given, activity, "requests", "Requests", requests, _counts, "series.3"))
    return [Card(id="cost_requests", title=one.title, lines=one.lines, spots=one.spots)
            for one in cards]  # fmt: skip


def _bars(
    given: Given,
    activity: Activity,
    name: str,
    title: str,
    values: Sequence[float],
    words: Callable[[float], str],
    role: str,
) -> Card:
    spot = f"chart/{name}"
    focused = given.state.detail.focused("detail") == spot
    axis = axis_of(given, activity, words, focused)
    lines: list[Line] = [_heading(given, activity, title, name, focused=focused)]
    at = len(axis.dates) - 1 - day_cursor(given)
    summary = _summary(axis, values, words, given.width - 2)
    note = read_out(given, activity, at) if focused else summary
    lines.append([("  ", "text"), (note, "value" if focused else "muted")])
    lines += [[("  ", "text"), *line] for line in bar_chart(axis, values, role)]
    return Card(
        id="trends",
        title=title,
        lines=[clip_line(line, given.width) for line in lines],
        spots=[chart_spot(given, activity, spot, len(axis.dates))],
    )


def chart_spot(given: Given, activity: Activity, spot: str, days: int) -> Spot:
    """A chart's row: Enter and `e` are about the day under its cursor."""
    day = date.fromisoformat(activity.dates[len(activity.dates) - 1 - day_cursor(given)])
    figure = given.figure().at_day(day.isoformat(), long_day(day))
    return Spot(id=spot, line=0, figure=figure, opens=figure, days=days)


def _heading(given: Given, activity: Activity, title: str, name: str, *, focused: bool) -> Line:
    line: Line = [("  " if focused else "", "text"), (title, "heading"), (" per day", "muted")]
    if name == "cost":
        line.append((f" {money_kind(given)}", "muted"))
        if activity.days.unpriced:
            line.append(
                (f" · {format_count(activity.days.unpriced)} requests without price", "warn")
            )
        if activity.other_currencies:
            others = ", ".join(map(clean, activity.other_currencies))
            line.append((f" · USD only, not {others}", "warn"))
    if focused:
        line.append(("  ←→ day · Enter its sessions", "muted"))
    return clip_line(line, given.width)


def read_out(given: Given, activity: Activity, at: int) -> str:
    """The day under the cursor with all that is known of it."""
    days = activity.days
    parts = [f"{format_tokens(days.tokens[at])} tokens"]
    if given.costs and any(days.cost_usd):
        parts.append(format_cost(days.cost_usd[at]))
    parts.append(f"{format_count(days.requests[at])} requests")
    return f"{long_day(date.fromisoformat(activity.dates[at]))}: {' · '.join(parts)}"


def _summary(axis: Axis, values: Sequence[float], words: Callable[[float], str], width: int) -> str:
    """Total, mean of the active days and the peak, as much of it as there is room for."""
    active = [value for value in values if value > 0]
    if not active:
        return "nothing"
    best = max(range(len(values)), key=lambda index: values[index])
    total = f"{words(sum(values))} in all"
    mean = f"{words(sum(active) / len(active))} on an active day"
    peak = f"peak {words(values[best])} on {short_day(axis.dates[best])}"
    forms = (f"{total} · {mean} · {peak}", f"{total} · {peak}", total)
    return next((form for form in forms if cell_width(form) <= width), total)


def _lines(
    given: Given,
    activity: Activity,
    name: str,
    title: str,
    rows: Sequence[ActivityDays],
    words: Callable[[float], str],
) -> Card:
    spot = f"chart/{name}"
    focused = given.state.detail.focused("detail") == spot
    axis = axis_of(given, activity, words, focused)
    at = len(axis.dates) - 1 - day_cursor(given)
    curves = [
        Curve(
            name=row.label or row.name,
            values=[float(value) for value in (row.requests if name == "mcp" else row.tokens)],
            role=f"series.{index}",
        )
        for index, row in enumerate(rows[:MAX_CURVES])
    ]
    lines: list[Line] = [_heading(given, activity, title, name, focused=focused)]
    if focused:
        lines.append([("  ", "text"), (f"{long_day(axis.dates[at])}:", "value")])
        figures = [words(curve.values[at]) for curve in curves]
    else:
        # The line is there in any case: what has the focus does not move what is below it.
        lines.append([("  ", "text"), (f"sums of {len(axis.dates)} days", "muted")])
        figures = [words(sum(curve.values)) for curve in curves]
    lines += [[("  ", "text"), *line] for line in line_chart(axis, curves)]
    lines += [[("  ", "text"), *line] for line in legend(curves, figures, given.width - 2)]
    if len(rows) > MAX_CURVES:
        lines.append([(f"  {len(rows) - MAX_CURVES} more without a line", "muted")])
    return Card(
        id="trends",
        title=title,
        lines=[clip_line(line, given.width) for line in lines],
        spots=[chart_spot(given, activity, spot, len(axis.dates))],
    )


# ------------------------------------------------------------------ heat maps
