"""One account as a framed tile, in as much detail as there is room for."""

from __future__ import annotations

from typing import Final

from openusage_client.preferences import HIDDEN
from openusage_client.tui.layout import Line, box, column_width, flow, line_width, pick
from openusage_client.tui.state import AppState
from openusage_client.tui.text import clean, pad, wrap
from openusage_client.tui.views import wording
from openusage_client.tui.views.days import first_day
from openusage_client.tui.views.limit_section import label_cells
from openusage_client.tui.views.sections import LIMITS, Drawing, chosen_sections, section_blocks
from openusage_client.tui.views.wording import period_title
from openusage_proto.messages import AccountSnapshot, Totals

__all__ = ["MAX_LEVEL", "first_day", "period_title", "render_tile", "tile_blocks"]

MAX_LEVEL: Final = 5
"""Level 0 has what may stop a user and what was used; each level above adds sections."""
_TWO_COLUMNS_FROM: Final = 96


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
        body = [[(words, "muted")] for words in wrap(wording.nothing_yet(account), inner, 2)]
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
    """What must be said, then the sections; what was used stands below the limits."""
    expanded = account.account_id in state.expanded
    given = Drawing(state=state, account=account, width=width, level=level, expanded=expanded)
    blocks = section_blocks(given)
    start = _advice(state, account, width)
    cells = label_cells(state, account, level, width)
    used = _used(state, account, width, cells, level)
    order = [section.id for section in chosen_sections(state.preferences) if section.level <= level]
    if order and order[0] == LIMITS and blocks and _has_limits(account):
        return [[*start, *blocks[0], *used], *blocks[1:]]
    return [[*start, *used], *blocks]


def _has_limits(account: AccountSnapshot) -> bool:
    return bool(account.metrics)


def _advice(state: AppState, account: AccountSnapshot, width: int) -> list[Line]:
    text = wording.advice(account, state.providers.get(account.provider_id))
    role = wording.status_words(account)[1]
    return [[(line, role)] for line in wrap(text, width, 3)]


def _used(
    state: AppState, account: AccountSnapshot, width: int, cells: int, level: int
) -> list[Line]:
    """What was used today and in the window, in the label column of the limits."""
    rows = [
        ([(pad(name, cells), "label"), (" ", "text")], wording.totals_line(totals))
        for name, totals in _periods(state, account)
    ]
    if level == 0 and len(rows) == 2:
        second: Line = [("   ", "text"), (f"{_periods(state, account)[1][0]} ", "label")]
        joined = [*rows[0][0], *rows[0][1][:3], *second, *rows[1][1]]
        if line_width(joined) <= width:
            return [joined]
    lines = [
        pick([start + full, start + full[:3], [*start, full[0], (" tokens", "muted")]], width)
        if len(full) > 1
        else pick([start + full], width)
        for start, full in rows
    ]
    if level >= MAX_LEVEL and rows and account.usage is not None and _hides_costs(account):
        lines.append(pick([[(pad("", cells + 1), "text"), ("costs hidden, c shows them", "muted")],
                           []], width))  # fmt: skip
    return lines


def _hides_costs(account: AccountSnapshot) -> bool:
    return account.usage is not None and account.usage.totals.cost_basis == HIDDEN


def _periods(state: AppState, account: AccountSnapshot) -> list[tuple[str, Totals]]:
    usage = account.usage
    if usage is None:
        return []
    window = state.model.window if state.model else state.window
    if window == "1d":
        return [("Today", usage.totals)]
    return [("Today", usage.today), (period_title(window), usage.totals)]
