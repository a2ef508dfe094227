"""One account as a framed tile, in as much detail as there is room for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Final

from openusage_client.tui import limits
from openusage_client.tui.layout import Line, box, clip_line, column_width, flow, line_width, pick
from openusage_client.tui.state import AppState
from openusage_client.tui.text import clean, pad, wrap
from openusage_client.tui.views import breakdown, gauge, wording
from openusage_client.tui.views.wording import period_title
from openusage_proto.messages import AccountSnapshot, Totals, Usage

__all__ = ["MAX_LEVEL", "first_day", "period_title", "render_tile", "tile_blocks"]

MAX_LEVEL: Final = 5
"""Level 0 has what may stop a user and what was used; each level above adds breakdowns."""
_TWO_COLUMNS_FROM: Final = 96
_TOP: Final = 3


def render_tile(
    state: AppState,
    account: AccountSnapshot,
    width: int,
    level: int,
    *,
    selected: bool = False,
    airy: bool = False,
) -> list[Line]:
    """
    The account's tile, `width` cells wide; its height follows from the level of detail.

    `airy` puts an empty line between its blocks.
    """
    inner = max(1, width - 4)
    columns = 2 if inner >= _TWO_COLUMNS_FROM and level > 0 else 1
    part = column_width(inner, columns)
    blocks = [block for block in tile_blocks(state, account, part, level) if block]
    body = flow(blocks, columns, inner) if columns > 1 else _stack(blocks, airy=airy)
    if not body:
        body = [[("no figures yet: use the tool once, or press r", "muted")]]
    word, role = wording.status_words(account)
    note, note_role = wording.staleness(account, state.now)
    provider = state.providers.get(account.provider_id)
    title: Line = [(wording.title(account), "title.selected" if selected else "title")]
    if provider and clean(provider.title) not in wording.title(account):
        title.append((f" · {clean(provider.title)}", "muted"))
    foot: Line = [(note, note_role)] if note else []
    return box(title, [(word, role)], body, foot, width, heavy=selected)


def _stack(blocks: list[list[Line]], *, airy: bool) -> list[Line]:
    """Blocks one below the other."""
    out: list[Line] = []
    for block in blocks:
        if out and airy:
            out.append([])
        out.extend(block)
    return out


def tile_blocks(
    state: AppState, account: AccountSnapshot, width: int, level: int
) -> list[list[Line]]:
    """The blocks of a tile at a level of detail; blocks without data are empty."""
    head = [*_advice(account, width), *_limits(state, account, width, level)]
    usage = account.usage
    if usage is None:
        return [head]
    blocks = [head]
    for at, render in _USAGE_BLOCKS:
        if level >= at:
            blocks.append(render(state, usage, width))
    return blocks


def _advice(account: AccountSnapshot, width: int) -> list[Line]:
    text = wording.advice(account)
    role = wording.status_words(account)[1]
    return [[(line, role)] for line in wrap(text, width, 2)]


def _limits(state: AppState, account: AccountSnapshot, width: int, level: int) -> list[Line]:
    """Gauges, balances and what was used, with one label column for all of them."""
    gauges = limits.gauges(account, state.providers.get(account.provider_id))
    if level == 0:
        # What is far from its limit may give way to more accounts; what is near never does.
        gauges = gauges[:2] + [
            item
            for item in gauges[2:]
            if (limits.used_percent(item[1]) or 0.0) >= state.preferences.thresholds.warn
        ]
    figures = limits.figures(account)
    names = [label for label, _ in gauges] + [limits.label(metric) for metric in figures]
    periods = _periods(state, account)
    cells = gauge.label_width([*names, *(name for name, _ in periods)], width)
    lines = gauge.render_gauges(gauges, state.now, state.preferences.thresholds, width, cells)
    for metric in figures:
        name = pad(clean(limits.label(metric)), cells)
        lines.append(
            clip_line([(name, "label"), (" ", "text"), (wording.metric_value(metric), "value")],
                      width)
        )  # fmt: skip
    rows = [
        ([(pad(name, cells), "label"), (" ", "text")], wording.totals_line(totals))
        for name, totals in periods
    ]
    if level == 0 and len(rows) == 2:
        second: Line = [("   ", "text"), (f"{periods[1][0]} ", "label"), *rows[1][1]]
        joined = [*rows[0][0], *rows[0][1][:3], *second]
        if line_width(joined) <= width:
            return [*lines, joined]
    lines += [pick([start + full, start + full[:3]], width) for start, full in rows]
    return lines


def _periods(state: AppState, account: AccountSnapshot) -> list[tuple[str, Totals]]:
    usage = account.usage
    if usage is None:
        return []
    window = state.model.window if state.model else state.window
    if window == "1d":
        return [("Today", usage.totals)]
    return [("Today", usage.today), (period_title(window), usage.totals)]


def first_day(state: AppState) -> date | None:
    """The local day the window starts on; None when it has no start."""
    if state.model is None or not state.model.since:
        return None
    return limits.moment(state.model.since).astimezone(state.now.tzinfo).date()


def _models(_state: AppState, usage: Usage, width: int) -> list[Line]:
    return breakdown.render_breakdown("Models", usage.models, width, _TOP)


def _spark(state: AppState, usage: Usage, width: int) -> list[Line]:
    return breakdown.render_sparkline(usage.days, state.now, first_day(state), width)


def _projects(_state: AppState, usage: Usage, width: int) -> list[Line]:
    return breakdown.render_breakdown("Projects", usage.projects, width, _TOP)


def _counts(_state: AppState, usage: Usage, width: int) -> list[Line]:
    return [
        *breakdown.render_counts("Tools", usage.tools, width),
        *breakdown.render_counts("MCP", usage.mcp, width),
        *breakdown.render_counts("Languages", usage.languages, width),
    ]


def _who(_state: AppState, usage: Usage, width: int) -> list[Line]:
    rows = usage.agents if len(usage.agents) > 1 else []
    clients = usage.clients if len(usage.clients) > 1 else []
    return [
        *breakdown.render_breakdown("Clients", clients, width, _TOP),
        *breakdown.render_breakdown("Agents", rows, width, _TOP),
    ]


_USAGE_BLOCKS: Final[tuple[tuple[int, Callable[[AppState, Usage, int], list[Line]]], ...]] = (
    (1, _models),
    (2, _spark),
    (3, _projects),
    (4, _counts),
    (5, _who),
)
