"""The cards of an account's page that need no dates: limits, money, breakdowns, counts, facts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from openusage_client.formatting import (
    format_cost,
    format_count,
    format_percent,
    format_tokens,
)
from openusage_client.preferences import HIDDEN
from openusage_client.tui import limits
from openusage_client.tui.detail import forecast
from openusage_client.tui.detail.model import Figure
from openusage_client.tui.layout import Line, clip_line
from openusage_client.tui.state import AppState
from openusage_client.tui.text import bar, cell_width, clean, clip_middle, pad
from openusage_client.tui.views import breakdown, gauge, wording
from openusage_client.tui.views.chart import long_day
from openusage_client.tui.views.detail_page import Card, Spot, widest
from openusage_client.tui.views.tile import period_title
from openusage_proto.activity_messages import Activity, Series
from openusage_proto.messages import AccountSnapshot, Metric, NamedCount, NamedTotals, Totals
from openusage_proto.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the cards are made of."""

    state: AppState
    account: AccountSnapshot
    width: int
    activity: Activity | None = None
    series: Series | None = None
    waiting: str = ""
    """Why there is no activity: words for where charts would be."""

    @property
    def window(self) -> str:
        """The window of the figures on screen."""
        return self.state.model.window if self.state.model else self.state.window

    @property
    def costs(self) -> bool:
        """False where the user does not want to see costs."""
        usage = self.account.usage
        return usage is None or usage.totals.cost_basis != HIDDEN

    def figure(self, *filters: tuple[str, str], words: str = "") -> Figure:
        """The account's number, or the part of it with these filters."""
        name = wording.title(self.account)
        title = f"{name} · {clean(words)}" if words else name
        return Figure(account=self.account.account_id, title=title, filters=filters)


def usage_card(given: Given) -> Card | None:
    """Every limit with its reset and pace, then figures without a ceiling that are no money."""
    account, width = given.account, given.width - 2
    gauges = limits.gauges(account, given.state.providers.get(account.provider_id))
    figures = [metric for metric in limits.figures(account) if not metric.money_kind]
    if not gauges and not figures:
        return None
    cells = gauge.label_width(
        [name for name, _ in gauges] + [limits.label(metric) for metric in figures], width
    )
    left = given.state.preferences.show_remaining
    lines: list[Line] = [[("Limits", "heading"), (" left" if left else " used so far", "muted")]]
    spots = []
    thresholds = given.state.preferences.thresholds
    blocks = gauge.gauge_blocks(
        gauges, given.state.now, thresholds, width, cells, left=left, foretold=_foretold(given)
    )
    for (_, metric), block in zip(gauges, blocks, strict=True):
        spots.append(_limit_spot(given, metric, len(lines)))
        lines += [[("  ", "text"), *line] for line in block]
    for metric in figures:
        spots.append(_limit_spot(given, metric, len(lines)))
        lines.append(_metric_line(metric, cells))
    return Card(id="usage", title="Limits", lines=lines, spots=spots)


def _foretold(given: Given) -> frozenset[str]:
    """Limits whose future the forecast card tells by habits: the pace would contradict it."""
    of = habits_of(given)
    now = given.state.now
    found = (
        (metric.key, forecast.limit_forecast(metric, of, now)) for metric in given.account.metrics
    )
    return frozenset(key for key, one in found if one is not None and one.by == "habits")


def habits_of(given: Given) -> forecast.Habits | None:
    """What a usual week of the account looks like, in money where its costs are shown."""
    activity = given.activity
    if activity is None or activity.history_since is None:
        return None
    since = date.fromisoformat(activity.history_since)
    priced = given.costs and any(hour.cost_usd for hour in activity.hours)
    unit = "cost" if priced else "tokens"
    return forecast.habits(activity.hours, since, given.state.now, unit)


def _limit_spot(given: Given, metric: Metric, line: int) -> Spot:
    name = f"{wording.title(given.account)} · {clean(limits.label(metric))}"
    figure = Figure(account=given.account.account_id, title=name, metric=metric.key)
    return Spot(id=f"metric/{metric.key}", line=line, figure=figure)


def _metric_line(metric: Metric, cells: int) -> Line:
    name = pad(clean(limits.label(metric)), cells)
    return [("  ", "text"), (name, "label"), (" ", "text"), (wording.metric_value(metric), "value")]


def used_card(given: Given) -> Card | None:
    """What was used, by kind of token; the kinds add up to the total."""
    usage = given.account.usage
    if usage is None:
        return None
    groups = [(period_title(given.window), usage.totals)]
    if given.window != "1d":
        groups.insert(0, ("Today", usage.today))
    rows = [(name, [words(group) for _, group in groups]) for name, words in _KINDS]
    if usage.totals.reasoning_tokens:
        reasoning = [format_tokens(group.reasoning_tokens) for _, group in groups]
        rows.insert(2, ("  of it reasoning", reasoning))
    # A row without any word is one the user does not want to see.
    rows = [(name, values) for name, values in rows if any(values)]
    names = max(cell_width(name) for name, _ in rows)
    cells = max(10, *(cell_width(value) for _, values in rows for value in values))
    head: Line = [("Used", "heading"), (" " * (names - 2), "text")]
    head += [("  " + pad(name, cells, ">"), "label") for name, _ in groups]
    lines: list[Line] = [head]
    spots = []
    for name, values in rows:
        role = "cost" if name == "Cost" else "value" if name == "Total tokens" else "text"
        if name in ("Total tokens", "Cost"):
            figure = given.figure()
            spots.append(Spot(id=f"used/{name}", line=len(lines), figure=figure, opens=figure))
        line: Line = [("  ", "text"), (pad(name, names), "label")]
        lines.append(line + [("  " + pad(value, cells, ">"), role) for value in values])
    sessions = f"  {format_count(usage.sessions)} sessions"
    if usage.turns:
        sessions += f" · {format_count(usage.turns)} turns"
    return Card(id="usage", title="Used", lines=[*lines, [(sessions, "muted")]], spots=spots)


def cache_hits(totals: Totals) -> str:
    """Share of the prompt that came from the cache; unknown when nothing was sent."""
    prompt = totals.input_tokens + totals.cache_read_tokens + totals.cache_creation_tokens
    return format_percent(totals.cache_read_tokens / prompt * 100 if prompt else None)


WEEK_DAYS: Final = 7
_KINDS: Final = (
    ("Input", lambda group: format_tokens(group.input_tokens)),
    ("Output", lambda group: format_tokens(group.output_tokens)),
    ("Cache read", lambda group: format_tokens(group.cache_read_tokens)),
    ("Cache write", lambda group: format_tokens(group.cache_creation_tokens)),
    ("Total tokens", lambda group: format_tokens(group.total_tokens)),
    ("Cost", wording.cost),
    ("Requests", lambda group: format_count(group.requests)),
    ("Cache hits", cache_hits),
)


def spending_card(given: Given) -> Card | None:
    """Money that is not nothing, each amount with its period and what kind of money it is."""
    usage = given.account.usage
    if not given.costs:
        return None
    rows: list[tuple[str, str, Figure | None]] = []
    if usage is not None:
        today = given.state.now.date().isoformat()
        if _costs(usage.today) and given.window != "1d":
            rows.append(("Today", wording.cost(usage.today), given.figure().at_day(today, "today")))
        week = _calendar_week(given)
        if week is not None and given.window not in ("1d", "7d"):
            rows.append(week)
        if _costs(usage.totals):
            rows.append((period_title(given.window), wording.cost(usage.totals), given.figure()))
        active = sum(1 for day in usage.days if day.totals.total_tokens)
        if usage.totals.cost_usd > 0 and active > 1 and given.window != "all":
            each = format_cost(usage.totals.cost_usd / active)
            rows.append((f"Per active day ({active})", each, None))
    money = [metric for metric in limits.figures(given.account) if metric.money_kind]
    if not rows and not money:
        return None
    labels = [name for name, _, _ in rows] + [clean(limits.label(metric)) for metric in money]
    cells = widest(labels, max(8, given.width // 2))
    lines: list[Line] = [[("Spending", "heading"), (f" {money_kind(given)}", "muted")]]
    spots = []
    for name, amount, figure in rows:
        if figure is not None:
            spots.append(Spot(id=f"spent/{name}", line=len(lines), figure=figure, opens=figure))
        lines.append([("  ", "text"), (pad(name, cells), "label"), (f"  {amount}", "cost")])
    for metric in money:
        spots.append(_limit_spot(given, metric, len(lines)))
        lines.append(_metric_line(metric, cells + 1))
    return Card(id="spending", title="Spending", lines=lines, spots=spots)


def _costs(totals: Totals) -> bool:
    return totals.cost_usd > 0 or totals.unpriced_requests > 0 or bool(totals.other_costs)


def money_kind(given: Given) -> str:
    """What the account's costs are, in words."""
    basis = given.account.usage.totals.cost_basis if given.account.usage else ""
    return {
        "estimate": "by list price",
        "recorded": "as the tool recorded it",
        "mixed": "by list price, in part as recorded",
    }.get(basis, "")


def _calendar_week(given: Given) -> tuple[str, str, Figure | None] | None:
    """
    Cost of today and the six days before; None for nothing, or where that cannot be said.

    It is named by its first day: the window of 7 days, here and in the overview, is 168 hours.
    """
    activity = given.activity
    if activity is None or len(activity.dates) < WEEK_DAYS:
        return None
    spent = sum(activity.days.cost_usd[-WEEK_DAYS:])
    first = date.fromisoformat(activity.dates[-WEEK_DAYS])
    return (f"Since {long_day(first)}", format_cost(spent), None) if spent else None


def breakdown_card(
    given: Given,
    card: str,
    title: str,
    rows: Sequence[NamedTotals],
    filter_name: str,
) -> Card | None:
    """Ranked rows with their share, each of them a way down to its days and sessions."""
    if not rows:
        return None
    lines = breakdown.render_breakdown(title, rows, given.width)
    by = breakdown.basis(rows)
    ranked = sorted(rows, key=lambda row: -breakdown.weight(row.totals, by))
    spots = []
    for index, row in enumerate(ranked):
        figure = given.figure((filter_name, row.name), words=wording.name(row))
        spots.append(Spot(id=f"{card}/{row.name}", line=index + 1, figure=figure, opens=figure))
    return Card(id=card, title=title, lines=lines, spots=spots)


def models_card(given: Given) -> Card | None:
    """All models, and what went in and came out of each."""
    usage = given.account.usage
    card = breakdown_card(given, "models", "Models", usage.models if usage else (), "model")
    if card is None or usage is None:
        return None
    return Card(
        id="models",
        title="Models",
        lines=[*card.lines, *_in_and_out(usage.models, given.width)],
        spots=card.spots,
    )


def _in_and_out(rows: Sequence[NamedTotals], width: int) -> list[Line]:
    """A pair of bars per model on one scale: the prompt with its cache, and the answer."""
    known = [row for row in rows if row.totals.total_tokens]
    if not known or width < 40:
        return []
    prompts = [row.totals.total_tokens - row.totals.output_tokens for row in known]
    top = max(1, *prompts, *(row.totals.output_tokens for row in known))
    names = widest([wording.name(row) for row in known], max(8, width // 3))
    # Two spaces, the name, and for each bar its word and a figure of six cells.
    room = max(4, min(24, (width - names - 25) // 2))
    lines: list[Line] = [[], [("  In and out", "label"), (" prompt with cache, answer", "muted")]]
    for row, prompt in zip(known, prompts, strict=True):
        line: Line = [("  ", "text"), (pad(clip_middle(wording.name(row), names), names), "text")]
        for word, value, role in (
            ("in", prompt, "series.0"),
            ("out", row.totals.output_tokens, "series.1"),
        ):
            filled, track = bar(value / top, room)
            line += [
                (f"  {word} ", "label"), (filled, role), (track, "track"),
                (pad(format_tokens(value), 6, ">"), "value"),
            ]  # fmt: skip
        lines.append(clip_line(line, width))
    return lines


def counts_card(given: Given, card: str, title: str, rows: Sequence[NamedCount]) -> Card | None:
    """Calls by name, with what failed and what was stopped."""
    if not rows:
        return None
    ranked = sorted(rows, key=lambda row: -row.calls)
    top = ranked[0].calls or 1
    names = widest([clean(row.name) for row in ranked], max(8, given.width // 2))
    cells = max(cell_width(format_count(row.calls)) for row in ranked)
    room = max(0, min(24, given.width - names - cells - 22))
    done = sum(row.calls for row in ranked)
    failed = sum(row.errors for row in ranked)
    head: Line = [(title, "heading"), (f" {format_count(done)} calls", "muted")]
    if failed and done:
        share = format_percent((done - failed) / done * 100)
        head.append((f" · {share} succeeded", "muted"))
    lines: list[Line] = [head]
    for index, row in enumerate(ranked):
        filled, track = bar(row.calls / top, room)
        line: Line = [
            ("  ", "text"),
            (pad(clip_middle(clean(row.name), names), names), "text"),
            (" ", "text"),
            (filled, f"series.{index % 6}"),
            (track, "track"),
            (" " + pad(format_count(row.calls), cells, ">"), "value"),
        ]
        if row.errors:
            line.append((f"  {format_count(row.errors)} failed", "warn"))
        if row.aborted:
            line.append((f"  {format_count(row.aborted)} stopped", "muted"))
        lines.append(clip_line(line, given.width))
    return Card(id=card, title=title, lines=lines)


def code_card(given: Given) -> Card | None:
    """Lines added and removed, all together and by language."""
    usage = given.account.usage
    if usage is None:
        return None
    edits = [row for row in usage.tools if row.lines_added or row.lines_removed]
    by_language = [row for row in usage.languages if row.lines_added or row.lines_removed]
    rows = edits or by_language
    if not rows:
        return None
    added, removed = sum(row.lines_added for row in rows), sum(row.lines_removed for row in rows)
    lines: list[Line] = [
        [("Code", "heading"), (" lines written by the agent", "muted")],
        _lines_row("all", added, removed, added + removed, given.width),
    ]
    top = added + removed
    by_language.sort(key=lambda row: -(row.lines_added + row.lines_removed))
    lines += [
        _lines_row(clean(row.name), row.lines_added, row.lines_removed, top, given.width)
        for row in by_language
    ]
    return Card(id="code_stats", title="Code", lines=lines)


def _lines_row(name: str, added: int, removed: int, top: int, width: int) -> Line:
    room = max(0, min(30, width - 44))
    plus = round(added / top * room) if top else 0
    minus = round(removed / top * room) if top else 0
    return clip_line(
        [
            ("  ", "text"), (pad(name, 14), "text"), (" ", "text"),
            ("█" * plus, "ok"), ("█" * minus, "crit"),
            ("░" * max(0, room - plus - minus), "track"),
            (pad(f"+{format_count(added)}", 9, ">"), "ok"),
            (pad(f"-{format_count(removed)}", 9, ">"), "crit"),
        ],
        width,
    )  # fmt: skip
