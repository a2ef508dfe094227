"""The list of sessions: a pure function of the state and a width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from openusage_client.formatting import (
    format_clock,
    format_count,
    format_duration,
    format_tokens,
    parse_iso,
)
from openusage_client.tui.analytics.figures import hidden_accounts
from openusage_client.tui.layout import Line, clip_line, fit_line, spread
from openusage_client.tui.sessions import asking
from openusage_client.tui.sessions.keys import SESSIONS
from openusage_client.tui.sessions.model import SORT_WORDS
from openusage_client.tui.state import AppState
from openusage_client.tui.text import cell_width, clean, clip_middle, pad
from openusage_client.tui.views import wording
from openusage_client.tui.views.wording import UNKNOWN, period_title
from openusage_proto.session_messages import SessionRow, Sessions

STAYING: Final = 2
"""Lines above the list that do not scroll."""
_GAP: Final = 2
_COLUMNS: Final[tuple[tuple[str, str, int, int, int], ...]] = (
    # (heading, align, least cells, most cells, dropped in this order when there is no room)
    ("last active", "<", 12, 14, 0),
    ("lasted", ">", 6, 7, 5),
    ("account", "<", 8, 18, 3),
    ("project", "<", 10, 30, 0),
    ("branch", "<", 6, 24, 6),
    ("model", "<", 10, 30, 4),
    ("turns", ">", 5, 7, 2),
    ("tools", ">", 5, 7, 7),
    ("tokens", ">", 6, 6, 0),
    ("cost", ">", 4, 16, 0),
)


def height(state: AppState) -> int:
    """Lines of the list that scroll."""
    page = asking.listed(state)
    if page is None or not page.sessions:
        return 1
    return len(page.sessions) + (1 if page.total > len(page.sessions) else 0)


def render_sessions(state: AppState, width: int) -> list[Line]:
    """Two lines that stay, then a line per session."""
    page = asking.listed(state)
    answer = asking.list_answer(state)
    title = _title(state, page, width)
    if answer is not None and answer.error:
        return [title, [], [(f"  {clean(answer.error)}", "warn")]]
    if page is None:
        return [title, [], [("  reading …", "muted")]]
    if not page.sessions:
        return [title, [], [(f"  {_nothing(state)}", "muted")]]
    hidden = hidden_accounts(state)
    titles = account_titles(state)
    cells = [_cells(row, state, titles, costs=row.account_id not in hidden) for row in
             page.sessions]  # fmt: skip
    places, widths = _fit(cells, width - 3)
    head: Line = [("   ", "text")]
    sort = _sorted_column(state)
    for at, cell in zip(places, widths, strict=True):
        name = _COLUMNS[at][0]
        role = "accent" if name == sort else "muted"
        arrow = ("▲" if state.sessions.ascending else "▼") if name == sort else ""
        text = f"{name}{arrow}" if cell_width(name) + len(arrow) <= cell else name
        head += [(pad(text, cell, _COLUMNS[at][1]), role), (" " * _GAP, "text")]
    chosen = asking.selected_index(state)
    lines = [title, clip_line(head, width)]
    for index, row in enumerate(cells):
        lines.append(_row(row, places, widths, width, on=index == chosen))
    more = page.total - len(page.sessions)
    if more > 0:
        words = f"   {format_count(more)} more: filter with / or choose a shorter window with W"
        lines.append([(words, "muted")])
    return lines


def _title(state: AppState, page: Sessions | None, width: int) -> Line:
    left: Line = [(" Sessions ", "title")]
    if page is not None:
        unit = "session" if page.total == 1 else "sessions"
        left.append((f" {format_count(page.total)} {unit}", "value"))
        left.append((f" · {period_title(state.window)}", "muted"))
    wanted = state.filters.get(SESSIONS, "")
    if wanted:
        left.append((f" · /{clean(wanted)}", "accent"))
    if page is not None and asking.is_awaited(state):
        left.append(("  reading …", "warn"))
    direction = "▲" if state.sessions.ascending else "▼"
    right: Line = [(f"by {SORT_WORDS[state.sessions.sort]} {direction} ", "muted")]
    return spread(left, right, width)


def _nothing(state: AppState) -> str:
    if state.filters.get(SESSIONS):
        return "No session matches. Esc shows all again."
    if state.window != "all":
        return "No session was active in this window; w chooses a longer one."
    return "No session yet: use one of the tools once."


def account_titles(state: AppState) -> dict[str, str]:
    """What people see of each account id."""
    accounts = state.model.accounts if state.model else []
    return {account.account_id: account.title for account in accounts}


def _sorted_column(state: AppState) -> str:
    return {
        "activity": "last active",
        "duration": "lasted",
        "requests": "turns",
    }.get(state.sessions.sort, state.sessions.sort)


def _cells(
    row: SessionRow, state: AppState, titles: dict[str, str], *, costs: bool
) -> tuple[str, ...]:
    names = [clean(name) for name in row.models]
    model = names[0] if names else UNKNOWN
    if len(names) > 1:
        model += f" +{len(names) - 1}"
    return (
        format_clock(row.last_activity, state.now),
        format_duration(lasted_s(row)),
        clean(titles.get(row.account_id) or row.account_id or row.client),
        clean(row.project) or UNKNOWN,
        clean(row.branch),
        model,
        format_count(row.totals.requests),
        format_count(row.tool_calls) if row.tool_calls else UNKNOWN,
        format_tokens(row.totals.total_tokens),
        wording.cost(row.totals) if costs else "",
    )


def lasted_s(row: SessionRow) -> float:
    """Seconds between first and last activity; 0 where one of them is no time."""
    try:
        began = parse_iso(row.first_activity)
        return max(0.0, (parse_iso(row.last_activity) - began).total_seconds())
    except ValueError:
        return 0.0


def _fit(cells: Sequence[Sequence[str]], width: int) -> tuple[list[int], list[int]]:
    """Which columns there is room for, and how wide each is."""
    needs = {}
    for at, (name, _, least, most, _) in enumerate(_COLUMNS):
        longest = max(cell_width(row[at]) for row in cells)
        if longest:
            needs[at] = (least, max(min(most, longest), least, len(name)))
    kept = list(needs)
    while True:
        whole = sum(needs[at][0] for at in kept) + _GAP * (len(kept) - 1)
        spare = [at for at in kept if _COLUMNS[at][4]]
        if whole <= width or not spare:
            break
        kept.remove(max(spare, key=lambda at: _COLUMNS[at][4]))
    room = width - whole
    widths = []
    for at in kept:
        least, wish = needs[at]
        more = max(0, min(room, wish - least))
        # Words give way to each other evenly; figures come first and are short.
        widths.append(least + more if _COLUMNS[at][1] == ">" else least)
        room -= more if _COLUMNS[at][1] == ">" else 0
    for place, at in enumerate(kept):
        if _COLUMNS[at][1] == "<":
            wanting = [one for one in kept[place:] if _COLUMNS[one][1] == "<"]
            fair = max(0, room) // len(wanting)
            later = sum(min(max(0, needs[one][1] - needs[one][0]), fair) for one in wanting[1:])
            more = max(0, min(needs[at][1] - widths[place], room - later))
            widths[place] += more
            room -= more
    return kept, widths


_ROLES: Final = {"tokens": "value", "cost": "cost", "project": "text", "last active": "label"}


def _row(
    row: Sequence[str], places: Sequence[int], widths: Sequence[int], width: int, *, on: bool
) -> Line:
    line: Line = [(" ▸ " if on else "   ", "row.on.accent" if on else "text")]
    for at, cell in zip(places, widths, strict=True):
        name, align = _COLUMNS[at][0], _COLUMNS[at][1]
        role = _ROLES.get(name, "muted")
        if on:
            role = "row.on" if role in ("value", "text", "cost", "label") else "row.on.muted"
        line += [
            (pad(clip_middle(row[at], cell), cell, align), role),
            (" " * _GAP, "row.on" if on else "text"),
        ]
    return fit_line(clip_line(line, width), width, "row.on" if on else "text")
