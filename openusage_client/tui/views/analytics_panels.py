"""The panels of the analytics screen: each from figures and a width to lines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from openusage_client.formatting import format_cost, format_count, format_percent, format_tokens
from openusage_client.preferences import HIDDEN
from openusage_client.tui.analytics.figures import (
    Figures,
    Item,
    change,
    measure,
    measured_by,
    ranked,
    relative,
)
from openusage_client.tui.layout import Line, clip_line, pick
from openusage_client.tui.limits import gauges, is_limit, severity, used_percent
from openusage_client.tui.state import AppState
from openusage_client.tui.text import bar, cell_width, clean, clip_middle, pad, sparkline
from openusage_client.tui.views import wording
from openusage_client.tui.views.chart import long_day, short_day
from openusage_client.tui.views.gauge import bar_spans
from openusage_proto.messages import Totals

ROWS: Final = 6
_SPARK: Final = 14
_CHANGE_CELLS: Final = 6
_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_HEAT: Final = " ░▒▓█"


def leaders(
    heading: str, items: Sequence[Item], figures: Figures, sort: str, width: int,
    *, sparks: bool = False, limit: int = ROWS,
) -> list[Line]:  # fmt: skip
    """
    Ranked rows `name ▁▂▅ 61% 9.1M ≈$32.10 +18%`, in the order of the screen.

    The share is of what the rows are measured by, which the heading names.
    """
    by = measured_by(sort, items, costs=figures.costs)
    order = ranked(items, sort, by)
    if not order:
        return []
    whole = sum(measure(item.totals, by) for item in order) or 1.0
    shown, rest = order[:limit], order[limit:]
    amounts = [wording.cost(item.totals) for item in shown]
    tokens = [_amount_of(item.totals, by) for item in shown]
    cost_cells = max(map(cell_width, amounts), default=0)
    token_cells = max(map(cell_width, tokens), default=0)
    compared = figures.previous is not None
    names = [clean(item.label) or "(none)" for item in shown]
    fixed = 2 + 5 + 1 + token_cells + (2 + cost_cells if cost_cells else 0)
    fixed += 1 + _CHANGE_CELLS if compared else 0
    longest = max(map(cell_width, names))
    room = width - fixed - 1
    picture = min(_SPARK if sparks else 16, max(0, room - min(longest, 20)))
    picture = picture if picture >= 5 else 0
    name_cells = max(4, min(longest, room - picture))
    lines: list[Line] = [[(heading, "heading"), (f" by {sort}, share of {by}", "muted")]]
    for index, item in enumerate(shown):
        share = measure(item.totals, by) / whole
        known = by != "cost" or item.totals.cost_basis not in (HIDDEN, "unpriced")
        line: Line = [("  ", "text"), (pad(clip_middle(names[index], name_cells), name_cells),
                                       "text"), (" ", "text")]  # fmt: skip
        if picture and sparks:
            line.append((pad(sparkline(item.days[-picture:]), picture), "spark"))
        elif picture:
            filled, track = bar(share, picture)
            line += [(filled, f"series.{index % 6}"), (track, "track")]
        line += [
            (pad(wording.share(share) if known else wording.UNKNOWN, 5, ">"), "value"),
            (" " + pad(tokens[index], token_cells, ">"), "muted"),
            ("  " + pad(amounts[index], cost_cells, ">") if cost_cells else "", "cost"),
        ]
        if compared:
            line.append((" " + pad(_change_words(item, by), _CHANGE_CELLS, ">"), "label"))
        lines.append(line)
    if rest:
        share = sum(measure(item.totals, by) for item in rest) / whole
        lines.append([(f"  {len(rest)} more, {wording.share(share)}", "muted")])
    return [clip_line(line, width) for line in lines]


def _amount_of(totals: Totals, by: str) -> str:
    if by == "requests" or not totals.total_tokens:
        return f"{format_count(totals.requests)}"
    return format_tokens(totals.total_tokens)


def _change_words(item: Item, by: str) -> str:
    hidden = by == "cost" and item.totals.cost_basis in (HIDDEN, "unpriced")
    if item.previous is None or hidden:
        return ""
    return relative(measure(item.totals, by), measure(item.previous, by))


def changes(figures: Figures, sort: str, width: int) -> list[Line]:
    """What differs most from the period before: models, projects and tools."""
    if figures.previous is None:
        return []
    by = measured_by(sort, figures.models, costs=figures.costs)
    found = [
        (kind, item, change(item, by))
        for kind, items in (
            ("model", figures.models),
            ("project", figures.projects),
            ("tool", figures.clients),
        )
        for item in items
    ]
    found = sorted((one for one in found if one[2]), key=lambda one: -abs(one[2]))[: ROWS + 2]
    if not found:
        return []
    lines: list[Line] = [[("What changed", "heading"), (f" in {by}", "muted")]]
    cells = max(cell_width(clean(item.label)) for _, item, _ in found)
    name_cells = max(8, min(cells, width - 2 - 9 - 12 - 8))
    for kind, item, difference in found:
        sign = "+" if difference > 0 else "-"
        words = f"{sign}{_measured(abs(difference), by)}"
        lines.append(
            [
                ("  ", "text"),
                (pad(kind, 8), "muted"),
                (pad(clip_middle(clean(item.label), name_cells), name_cells), "text"),
                (pad(words, 12, ">"), "value"),
                (pad(_change_words(item, by), 7, ">"), "label"),
            ]
        )
    return [clip_line(line, width) for line in lines]


def _measured(amount: float, by: str) -> str:
    if by == "cost":
        return format_cost(amount, estimate=False)
    return format_tokens(round(amount)) if by == "tokens" else format_count(round(amount))


def pressure(state: AppState, shown: frozenset[str] | None, width: int) -> list[Line]:
    """Limits nearest their end, one line each."""
    found = []
    for account in state.model.accounts if state.model else ():
        if shown is not None and account.account_id not in shown:
            continue
        for label, metric in gauges(account, state.providers.get(account.provider_id)):
            percent = used_percent(metric)
            if percent is not None and is_limit(metric):
                found.append((percent, account, label, metric))
    found.sort(key=lambda one: (-one[0], one[1].account_id, one[2]))
    if not found:
        return []
    names = [f"{wording.title(account)} · {clean(label)}" for _, account, label, _ in found[:ROWS]]
    cells = max(8, min(max(map(cell_width, names)), width - 2 - 11 - 18))
    lines: list[Line] = [[("Nearest their limit", "heading"), (" of all accounts", "muted")]]
    for name, (percent, account, _, metric) in zip(names, found, strict=False):
        role = severity(percent, state.preferences.thresholds)
        room = max(0, min(16, width - 2 - cells - 1 - 10 - 16))
        resets = wording.reset_forms(metric, state.now)
        late = " (stale)" if account.stale_since else ""
        line: Line = [
            ("  ", "text"),
            (pad(clip_middle(name, cells), cells), "text"),
            (" ", "text"),
            *(bar_spans(percent / 100, room, role) if room >= 6 else []),
            (pad(format_percent(percent), 5, ">"), role),
            (" used", "muted"),
        ]
        tail = [f" · {text}{late}" for text in resets[1:]] or [late]
        lines.append(pick([[*line, (text, "muted")] for text in (*tail, "")], width))
    more = len(found) - ROWS
    if more > 0:
        lines.append([(f"  {more} more limits", "muted")])
    return lines


def efficiency(figures: Figures, width: int) -> list[Line]:
    """Cost per thousand tokens of each model with a known price, cheapest first."""
    rated = [
        (item.totals.cost_usd / item.totals.total_tokens * 1000, item)
        for item in figures.models
        if item.totals.total_tokens
        and item.totals.cost_usd > 0
        and not item.totals.unpriced_requests
    ]
    if not rated:
        return []
    rated.sort(key=lambda one: (one[0], one[1].label))
    shown = rated[: ROWS + 2]
    amounts = [f"{_rate(rate, item)} / 1K" for rate, item in shown]
    cells = max(map(cell_width, amounts))
    names = max(8, min(max(cell_width(clean(one.label)) for _, one in shown), width - cells - 14))
    lines: list[Line] = [
        [("Efficiency", "heading"), (" cost per 1K tokens, cheapest first", "muted")]
    ]
    for (_, item), amount in zip(shown, amounts, strict=True):
        line: Line = [
            ("  ", "text"),
            (pad(clip_middle(clean(item.label), names), names), "text"),
            ("  " + pad(amount, cells, ">"), "cost"),
        ]
        line.append((f"  {format_tokens(item.totals.total_tokens)} tokens", "muted"))
        lines.append(clip_line(line, width))
    left = len(rated) - len(shown)
    if left > 0:
        lines.append([(f"  {left} more", "muted")])
    return lines


def _rate(rate: float, item: Item) -> str:
    text = f"${rate:.4f}" if rate < 0.1 else f"${rate:.2f}"
    return text if item.totals.cost_basis == "recorded" else f"≈{text}"


def peak(figures: Figures, width: int) -> list[Line]:
    """The busiest day, weekday and hour, by tokens."""
    if not any(figures.tokens):
        return []
    at = max(range(len(figures.tokens)), key=lambda index: figures.tokens[index])
    by_weekday = [0] * 7
    by_hour = [0] * 24
    for (weekday, hour), tokens in figures.hours.items():
        by_weekday[weekday] += tokens
        by_hour[hour] += tokens
    day = date.fromisoformat(figures.dates[at])
    lines: list[Line] = [[("Peak activity", "heading"), (" by tokens", "muted")]]
    facts = [("busiest day", long_day(day), figures.tokens[at])]
    if any(by_hour):
        weekday = max(range(7), key=by_weekday.__getitem__)
        hour = max(range(24), key=by_hour.__getitem__)
        facts.append(("busiest weekday", _WEEKDAYS[weekday], by_weekday[weekday]))
        facts.append(("busiest hour", f"{hour:02}:00-{(hour + 1) % 24:02}:00", by_hour[hour]))
    for name, words, tokens in facts:
        lines.append(
            [
                ("  ", "text"),
                (pad(name, 16), "label"),
                (pad(words, 12), "value"),
                (f" {format_tokens(tokens)} tokens", "muted"),
            ]
        )
    if any(by_hour):
        lines.append([("  ", "text"), (pad("hours 0 to 23", 16), "label"),
                      (sparkline(by_hour), "spark")])  # fmt: skip
    return [clip_line(line, width) for line in lines]


def matrix(figures: Figures, sort: str, width: int) -> list[Line]:
    """Models by days: how dark a cell is says how the day compares with the model's busiest."""
    by = measured_by(sort, figures.models, costs=figures.costs)
    order = [item for item in ranked(figures.models, sort, by) if any(item.days)][: ROWS + 4]
    if not order or len(figures.dates) < 2:
        return []
    names = max(8, min(max(cell_width(clean(item.label)) for item in order), width // 3))
    room = max(1, width - names - 12)
    size = max(1, -(-len(figures.dates) // room))
    wide = max(1, min(3, room // max(1, -(-len(figures.dates) // size))))
    each = "a day" if size == 1 else f"{size} days"
    lines: list[Line] = [
        [
            ("Models over time", "heading"),
            (f" {each} per cell, darkest is the row's busiest", "muted"),
        ]
    ]
    first = 0
    for item in order:
        sums = _grouped(item.days, size)
        first = len(sums)
        top = max(sums) or 1
        cells = "".join(
            _HEAT[0 if value <= 0 else max(1, min(4, round(value / top * 4)))] * wide
            for value in sums
        )
        lines.append(
            [
                ("  ", "text"),
                (pad(clip_middle(clean(item.label), names), names), "text"),
                (" ", "text"),
                (cells, "spark"),
                (f" {format_tokens(item.totals.total_tokens)}", "muted"),
            ]
        )
    begin = short_day(date.fromisoformat(figures.dates[0]))
    end = short_day(date.fromisoformat(figures.dates[-1]))
    span = max(1, first * wide - len(begin) - len(end))
    if first * wide > len(begin) + len(end):
        lines.append([(" " * (names + 3), "text"), (begin + " " * span + end, "muted")])
    return [clip_line(line, width) for line in lines]


def _grouped(values: Sequence[int], size: int) -> list[int]:
    """Sums of so many neighbours, counted from the last."""
    head = len(values) % size
    groups = [sum(values[:head])] if head else []
    return groups + [sum(values[at : at + size]) for at in range(head, len(values), size)]
