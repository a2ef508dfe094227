"""One account in full: every limit, every breakdown, every day of the window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from openusage_client.formatting import (
    format_count,
    format_local,
    format_percent,
    format_tokens,
)
from openusage_client.tui import limits
from openusage_client.tui.layout import Line, clip_line, column_width, flow
from openusage_client.tui.state import AppState
from openusage_client.tui.text import bar, cell_width, clean, pad, wrap
from openusage_client.tui.views import breakdown, gauge, wording
from openusage_client.tui.views.tile import first_day, period_title
from openusage_proto.messages import AccountSnapshot, NamedCount, Totals, Usage

_TWO_COLUMNS_FROM: Final = 110
_THREE_COLUMNS_FROM: Final = 190
_MAX_DAYS: Final = 366


def render_detail(state: AppState, width: int) -> list[Line]:
    """All lines of the selected account's page for a width; empty when there is no account."""
    account = state.account
    if account is None:
        return []
    outer = max(1, width - 2)
    columns = 1 + (width >= _TWO_COLUMNS_FROM) + (width >= _THREE_COLUMNS_FROM)
    inner = column_width(outer, columns)
    page = [*_title(state, account, outer), []]
    page += flow(_sections(state, account, inner), columns, outer)
    return [[(" ", "text"), *line] if line else [] for line in page]


def _title(state: AppState, account: AccountSnapshot, width: int) -> list[Line]:
    word, role = wording.status_words(account)
    provider = state.providers.get(account.provider_id)
    kind = clean(provider.title if provider else account.provider_id)
    name = wording.title(account)
    kind = f" · {kind}" if kind and kind not in name else ""
    lines: list[Line] = [[(name, "title"), (f"{kind}  ", "muted"), (word, role)]]
    lines += [[(part, role)] for part in wrap(wording.advice(account), width, 4)]
    note, note_role = wording.staleness(account, state.now)
    if note:
        lines += [[(part, note_role)] for part in wrap(note, width, 3)]
    return [clip_line(line, width) for line in lines]


def _sections(state: AppState, account: AccountSnapshot, width: int) -> list[list[Line]]:
    usage = account.usage
    sections = [_limits(state, account, width)]
    if usage is not None:
        sections += [
            _totals(state, usage),
            breakdown.render_breakdown("Models", usage.models, width),
            breakdown.render_breakdown("Projects", usage.projects, width),
            breakdown.render_breakdown("Clients", usage.clients, width),
            breakdown.render_breakdown("Agents", usage.agents, width),
            breakdown.render_breakdown("Billed through", usage.providers, width),
            _counts("Tools", usage.tools, width),
            _counts("MCP", usage.mcp, width),
            _counts("Languages", usage.languages, width),
            _days(state, usage, width),
        ]
    sections.append(_facts(account, state, width))
    return [[clip_line(line, width) for line in section] for section in sections]


def _limits(state: AppState, account: AccountSnapshot, width: int) -> list[Line]:
    gauges = limits.gauges(account, state.providers.get(account.provider_id))
    figures = limits.figures(account)
    if not gauges and not figures:
        return []
    labels = [label for label, _ in gauges] + [limits.label(metric) for metric in figures]
    cells = gauge.label_width(labels, width - 2)
    lines = gauge.render_gauges(gauges, state.now, state.preferences.thresholds, width - 2, cells)
    for metric in figures:
        lines.append(
            [(pad(clean(limits.label(metric)), cells), "label"), (" ", "text"),
             (wording.metric_value(metric), "value")]
        )  # fmt: skip
    return [[("Limits", "heading")], *[[("  ", "text"), *line] for line in lines]]


def _totals(state: AppState, usage: Usage) -> list[Line]:
    """What was used, by kind of token; the kinds add up to the total."""
    window = state.model.window if state.model else state.window
    groups = [(period_title(window), usage.totals)]
    if window != "1d":
        groups.insert(0, ("Today", usage.today))
    rows = [
        ("Input", [format_tokens(group.input_tokens) for _, group in groups]),
        ("Output", [format_tokens(group.output_tokens) for _, group in groups]),
        ("Cache read", [format_tokens(group.cache_read_tokens) for _, group in groups]),
        ("Cache write", [format_tokens(group.cache_creation_tokens) for _, group in groups]),
        ("Total tokens", [format_tokens(group.total_tokens) for _, group in groups]),
        ("Cost", [wording.cost(group) for _, group in groups]),
        ("Requests", [format_count(group.requests) for _, group in groups]),
        ("Cache hits", [_cache_hits(group) for _, group in groups]),
    ]
    if usage.totals.reasoning_tokens:
        reasoning = [format_tokens(group.reasoning_tokens) for _, group in groups]
        rows.insert(2, ("  of it reasoning", reasoning))
    # A row without any word is one the user does not want to see.
    rows = [(name, values) for name, values in rows if any(values)]
    names = max(cell_width(name) for name, _ in rows)
    cells = max(10, *(cell_width(value) for _, values in rows for value in values))
    head: Line = [("Used", "heading"), (" " * (names - 2), "text")]
    head += [("  " + pad(name, cells, ">"), "label") for name, _ in groups]
    lines = [head]
    for name, values in rows:
        role = "cost" if name == "Cost" else "value" if name == "Total tokens" else "text"
        line: Line = [("  ", "text"), (pad(name, names), "label")]
        lines.append(line + [("  " + pad(value, cells, ">"), role) for value in values])
    sessions = f"  {format_count(usage.sessions)} sessions"
    if usage.turns:
        sessions += f" · {format_count(usage.turns)} turns"
    return [*lines, [(sessions, "muted")]]


def _cache_hits(totals: Totals) -> str:
    """Share of the prompt that came from the cache; `-` when nothing was sent."""
    prompt = totals.input_tokens + totals.cache_read_tokens + totals.cache_creation_tokens
    return format_percent(totals.cache_read_tokens / prompt * 100 if prompt else None)


def _counts(heading: str, rows: Sequence[NamedCount], width: int) -> list[Line]:
    if not rows:
        return []
    ranked = sorted(rows, key=lambda row: -row.calls)
    top = ranked[0].calls or 1
    names = min(max(cell_width(clean(row.name)) for row in ranked), max(8, width // 2))
    cells = max(cell_width(format_count(row.calls)) for row in ranked)
    room = max(0, min(24, width - names - cells - 22))
    lines: list[Line] = [[(heading, "heading"), (" by calls", "muted")]]
    for index, row in enumerate(ranked):
        filled, track = bar(row.calls / top, room)
        line: Line = [
            ("  ", "text"),
            (pad(clean(row.name), names), "text"),
            (" ", "text"),
            (filled, f"series.{index % 6}"),
            (track, "track"),
            (" " + pad(format_count(row.calls), cells, ">"), "value"),
        ]
        if row.errors:
            line.append((f"  {format_count(row.errors)} failed", "warn"))
        if row.aborted:
            line.append((f"  {format_count(row.aborted)} stopped", "muted"))
        if row.lines_added or row.lines_removed:
            line.append((f"  +{format_count(row.lines_added)}", "ok"))
            line.append((f" -{format_count(row.lines_removed)}", "crit"))
        lines.append(line)
    return lines


def _days(state: AppState, usage: Usage, width: int) -> list[Line]:
    """One row per local day with activity, newest first; runs of idle days are one row."""
    if not usage.days:
        return []
    series = breakdown.day_series(usage.days, state.now.date(), first_day(state), _MAX_DAYS)
    while series and not series[0][1].requests and not series[0][1].total_tokens:
        series.pop(0)
    if not series:
        return []
    top = max(totals.total_tokens for _, totals in series) or 1
    cost_cells = max(cell_width(wording.cost(totals)) for _, totals in series)
    room = max(0, min(24, width - 13 - 8 - cost_cells - 4))
    lines: list[Line] = [[("Days", "heading"), (" newest first", "muted")]]
    idle = 0
    for day, totals in reversed(series):
        if not totals.requests and not totals.total_tokens:
            idle += 1
            continue
        if idle:
            lines.append(_idle(idle))
            idle = 0
        filled, track = bar(totals.total_tokens / top, room)
        lines.append(
            [
                (f"  {day:%a} {day:%b} {day.day:>2}  ", "label"),
                (filled, "spark"),
                (track, "track"),
                (pad(format_tokens(totals.total_tokens), 7, ">"), "value"),
                ("  " + pad(wording.cost(totals), cost_cells, ">"), "cost"),
            ]
        )
    return lines


def _idle(days: int) -> Line:
    return [(f"  {days} day{'' if days == 1 else 's'} without use", "muted")]


def _facts(account: AccountSnapshot, state: AppState, width: int) -> list[Line]:
    """Plan and source as the provider reports them, and when."""
    rows = [(clean(name).replace("_", " "), clean(value)) for name, value in
            sorted(account.attributes.items())]  # fmt: skip
    rows.append(("account", clean(account.account_id)))
    if account.fetched_at:
        moment = limits.moment(account.fetched_at).isoformat()
        rows.append(("last good check", format_local(moment, state.now)))
    names = min(max(cell_width(name) for name, _ in rows), max(8, width // 2))
    lines: list[Line] = [[("About", "heading")]]
    for name, value in rows:
        parts = wrap(value, max(1, width - names - 4)) or ["-"]
        for index, part in enumerate(parts):
            start = pad(name if index == 0 else "", names)
            lines.append([("  ", "text"), (start, "label"), ("  ", "text"), (part, "text")])
    return lines
