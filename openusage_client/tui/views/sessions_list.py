"""The list of sessions and the page of one: pure functions of the state and a width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from openusage_client.formatting import (
    format_clock,
    format_cost,
    format_count,
    format_duration,
    format_money,
    format_tokens,
    parse_iso,
)
from openusage_client.tui.analytics.figures import hidden_accounts
from openusage_client.tui.layout import Line, clip_line, fit_line, spread
from openusage_client.tui.sessions import asking
from openusage_client.tui.sessions.keys import SESSIONS
from openusage_client.tui.sessions.model import SORT_WORDS
from openusage_client.tui.state import AppState
from openusage_client.tui.text import cell_width, clean, clip_middle, pad, wrap
from openusage_client.tui.views import wording
from openusage_client.tui.views.wording import UNKNOWN, period_title
from openusage_proto.messages import NamedCount
from openusage_proto.session_messages import SessionRow, Sessions, SessionTurn

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
    titles = _titles(state)
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


def _titles(state: AppState) -> dict[str, str]:
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
        format_duration(_lasted_s(row)),
        clean(titles.get(row.account_id) or row.account_id or row.client),
        clean(row.project) or UNKNOWN,
        clean(row.branch),
        model,
        format_count(row.totals.requests),
        format_count(row.tool_calls) if row.tool_calls else UNKNOWN,
        format_tokens(row.totals.total_tokens),
        wording.cost(row.totals) if costs else "",
    )


def _lasted_s(row: SessionRow) -> float:
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


# ----------------------------------------------------------------- one session


def render_session(state: AppState, width: int) -> list[Line]:
    """What one session was, its tools, and its turns, the latest first."""
    answer = asking.opened(state)
    _, ident = state.sessions.opened
    title: Line = [(f" Session {clean(ident)}", "title")]
    if answer is None:
        return [clip_line(title, width), [], [("  reading …", "muted")]]
    page, row = answer.value, asking.opened_row(state)
    if row is None or not isinstance(page, Sessions):
        words = clean(answer.error) or "The daemon does not know this session any more."
        return [clip_line(title, width), [], [(f"  {words}", "warn")]]
    costs = row.account_id not in hidden_accounts(state)
    lines = [clip_line(title, width), [], *_facts(row, state, width, costs=costs), []]
    if page.tools:
        lines += [*_tools(page.tools, width), []]
    lines += _turns(page, row, state, width, costs=costs)
    return lines


def _facts(row: SessionRow, state: AppState, width: int, *, costs: bool) -> list[Line]:
    totals = row.totals
    account = _titles(state).get(row.account_id) or row.account_id
    where = clean(row.project) or UNKNOWN
    began, ended = (
        format_clock(text, state.now) for text in (row.first_activity, row.last_activity)
    )
    facts = [
        ("When", f"{began} to {ended}, {format_duration(_lasted_s(row))}"),
        ("Account", clean(account) or "(no account)"),
        ("Tool", clean(row.client) or UNKNOWN),
        ("Project", f"{where} @ {clean(row.branch)}" if row.branch else where),
        ("Models", ", ".join(map(clean, row.models)) or UNKNOWN),
        ("Tokens", f"{format_tokens(totals.total_tokens)}: {wording.kinds(totals)}"),
        ("Turns", f"{format_count(totals.requests)}, {format_count(row.tool_calls)} tool calls"),
    ]
    if costs:
        facts.append(("Cost", wording.cost(totals)))
    if row.parent_session_id:
        facts.append(("Part of", clean(row.parent_session_id)))
    lines: list[Line] = []
    for name, text in facts:
        for index, part in enumerate(wrap(text, max(8, width - 12)) or [UNKNOWN]):
            role = "cost" if name == "Cost" else "text"
            lines.append([(f"  {name if not index else '':<9} ", "label"), (part, role)])
    return [clip_line(line, width) for line in lines]


def _tools(tools: Sequence[NamedCount], width: int) -> list[Line]:
    words = " · ".join(_tool(one) for one in tools)
    lines: list[Line] = [[("  Tools", "heading")]]
    return [*lines, *([("  ", "text"), (part, "text")] for part in
                      wrap(words, max(8, width - 3), 4))]  # fmt: skip


def _tool(one: NamedCount) -> str:
    failed = f", {one.errors} failed" if one.errors else ""
    return f"{clean(one.name)} {format_count(one.calls)}{failed}"


def _turns(
    page: Sessions, row: SessionRow, state: AppState, width: int, *, costs: bool
) -> list[Line]:
    kept, shown = page.turns_kept, len(page.turns)
    note = f"the latest {shown} of {format_count(kept)}" if kept > shown else f"{shown}"
    lines: list[Line] = [[("  Turns", "heading"), (f" {note}, newest first", "muted")]]
    if not page.turns:
        words = "The details of this session are no longer kept, only its sums."
        return [*lines, [(f"  {words}", "muted")]]
    rows = [_turn(turn, state, costs=costs) for turn in reversed(page.turns)]
    names = ("when", "model", "in", "cache", "write", "out", "cost", "tools")
    widths = [max(cell_width(one[at]) for one in (names, *rows)) for at in range(len(names))]
    widths[1] = min(widths[1], 30 if width >= 100 else 18)
    dropped = {at for at in range(2, 8) if not any(one[at].strip() for one in rows)}
    for column in (4, 3, 7):
        fixed = sum(widths[at] + 2 for at in range(7) if at not in dropped) + 2
        if fixed <= width - (12 if 7 not in dropped else 0):
            break
        dropped.add(column)
    aligned = "<<>>>>><"
    roles = ("label", "text", "muted", "muted", "muted", "value", "cost", "muted")
    for index, one in enumerate((names, *rows)):
        line: Line = [("  ", "text")]
        for at, text in enumerate(one):
            if at in dropped:
                continue
            cell = pad(clip_middle(text, widths[at]), widths[at], aligned[at]) if at < 7 else text
            line.append((f"{cell}  " if at < 7 else cell, roles[at] if index else "muted"))
        lines.append(clip_line(line, width))
    missing = row.totals.requests - sum(turn.requests for turn in page.turns)
    if missing > 0 and kept <= shown:
        words = f"{format_count(missing)} earlier turns are only kept as sums"
        lines.append([(f"  {words}", "muted")])
    return lines


def _turn(turn: SessionTurn, state: AppState, *, costs: bool) -> tuple[str, ...]:
    who = f" ({clean(turn.agent)})" if turn.agent else ""
    amount = UNKNOWN if turn.estimate_usd is None else format_cost(turn.estimate_usd)
    if turn.recorded is not None and (turn.estimate_usd is None or turn.currency != "USD"):
        amount = format_money(turn.recorded, clean(turn.currency))
    failed = "✗ " if turn.status == "error" else ""
    return (
        format_clock(turn.at, state.now),
        failed + (clean(turn.model) or "(no model)") + who,
        _count(turn.input_tokens),
        _count(turn.cache_read_tokens),
        _count(turn.cache_creation_tokens),
        _count(turn.output_tokens),
        amount if costs else "",
        " ".join(f"{clean(one.name)}×{one.calls}" if one.calls > 1 else clean(one.name)  # noqa: RUF001
                 for one in turn.tools),
    )  # fmt: skip


def _count(value: int | None) -> str:
    return UNKNOWN if value is None else format_tokens(value)
