"""The way down from a number: its days, the sessions of a day, the turns of a session."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from openusage_client.explain_page import (
    EVENT_ROLES,
    SESSION_ROLES,
    cost_words,
    event_cells,
    session_cells,
    table,
)
from openusage_client.formatting import format_cost, format_count, format_tokens
from openusage_client.preferences import HIDDEN
from openusage_client.tui.detail import asking
from openusage_client.tui.detail.model import DAYS, EVENTS, SESSIONS, Figure
from openusage_client.tui.layout import Line, clip_line
from openusage_client.tui.state import AppState
from openusage_client.tui.text import bar, cell_width, clean, pad
from openusage_client.tui.views.chart import long_day
from openusage_client.tui.views.detail_page import Card, Page, Spot, compose, marked
from openusage_proto.activity_messages import Activity
from openusage_proto.explain_messages import Explanation

_WORDS = {DAYS: "days", SESSIONS: "sessions", EVENTS: "turns"}


def shows_costs(state: AppState) -> bool:
    """False where the user does not want to see the selected account's costs."""
    usage = state.account.usage if state.account else None
    return usage is None or usage.totals.cost_basis != HIDDEN


def page(state: AppState, width: int) -> Page:
    """What the last step of the way down lists."""
    if not state.detail.trail:
        return Page()
    figure = state.detail.trail[-1]
    outer = max(1, width - 2)
    answer = asking.answer_to(state, asking.drill_question(state))
    title: Line = [(clean(figure.title), "title"), (f"  {_WORDS[figure.level]}", "muted")]
    if answer is None:
        return compose([clip_line(title, outer), [], [("reading …", "muted")]], [_EMPTY], 1, outer)
    if answer.error:
        head: list[Line] = [clip_line(title, outer), [], [(clean(answer.error), "warn")]]
        return compose(head, [_EMPTY], 1, outer)
    value = answer.value
    if isinstance(value, Activity):
        card = _days(figure, value, outer, costs=shows_costs(state))
    elif isinstance(value, Explanation) and figure.level == EVENTS:
        card = _events(state, value, outer)
    elif isinstance(value, Explanation):
        card = _sessions(state, figure, value, outer)
    else:
        card = _EMPTY
    focus = state.detail.focused("drill")
    return compose([clip_line(title, outer), []], [marked(card, focus)], 1, outer)


def render_drill(state: AppState, width: int) -> list[Line]:
    """All lines of the screen."""
    return page(state, width).lines


_EMPTY = Card(id="drill", title="", lines=[[]])


def _days(figure: Figure, activity: Activity, width: int, *, costs: bool) -> Card:
    rows = [
        (date.fromisoformat(day), tokens, cost, requests)
        for day, tokens, cost, requests in zip(
            activity.dates,
            activity.days.tokens,
            activity.days.cost_usd,
            activity.days.requests,
            strict=True,
        )
        if tokens or requests
    ]
    rows.reverse()
    top = max((tokens for _, tokens, _, _ in rows), default=0) or 1
    amounts = [format_cost(cost) if costs else "" for _, _, cost, _ in rows]
    cells = max(map(cell_width, amounts), default=0)
    room = max(0, min(40, width - 14 - 8 - cells - 16))
    lines: list[Line] = []
    spots = []
    for (day, tokens, _, requests), amount in zip(rows, amounts, strict=True):
        filled, track = bar(tokens / top, room)
        step = figure.at_day(day.isoformat(), long_day(day))
        spots.append(Spot(id=f"day/{day}", line=len(lines), figure=step, opens=step))
        lines.append(
            [
                ("  ", "text"),
                (f"{day:%a} {day:%b} {day.day:>2}  ", "label"),
                (filled, "spark"),
                (track, "track"),
                (pad(format_tokens(tokens), 7, ">"), "value"),
                ("  " + pad(amount, cells, ">") if cells else "", "cost"),
                (pad(f"{format_count(requests)} req", 12, ">"), "muted"),
            ]
        )
    return _card(lines, spots, width, "nothing used on any day of the window")


def _sessions(state: AppState, figure: Figure, answer: Explanation, width: int) -> Card:
    costs = shows_costs(state)
    rows = [session_cells(row, state.now, costs=costs) for row in answer.sessions]
    lines = table(rows, SESSION_ROLES, width)
    spots = [
        Spot(
            id=f"session/{row.session_id}",
            line=index,
            figure=(step := figure.with_filter("session", row.session_id, row.session_id[:12])),
            opens=step,
        )
        for index, row in enumerate(answer.sessions)
    ]
    more = answer.sessions_total - len(answer.sessions)
    if more > 0:
        noun = "session" if more == 1 else "sessions"
        lines.append([(f"  {format_count(more)} more {noun}", "muted")])
    lines += _without_detail(answer)
    return _card(lines, spots, width, "no session is known for it")


def _events(state: AppState, answer: Explanation, width: int) -> Card:
    costs = shows_costs(state)
    rows = [event_cells(event, state.now, costs=costs) for event in answer.events]
    lines = table(rows, EVENT_ROLES, width)
    spots = [Spot(id=f"event/{index}", line=index) for index in range(len(lines))]
    totals = answer.totals
    amount = f" · {cost_words(totals)}" if costs else ""
    words = (
        f"{format_count(answer.events_total)} turns · {format_tokens(totals.total_tokens)} tokens"
    )
    lines.append([("  ", "text"), (words + amount, "value")])
    more = answer.events_total - len(answer.events)
    if more > 0:
        lines.append([(f"  {format_count(more)} earlier ones are not listed", "muted")])
    lines += _without_detail(answer)
    return _card(lines, spots, width, "no turn is known for it")


def _without_detail(answer: Explanation) -> list[Line]:
    if not answer.requests_without_detail:
        return []
    count = format_count(answer.requests_without_detail)
    since = (answer.detail_since or "")[:10]
    return [[(f"  {count} requests from before {since} are only kept as sums", "muted")]]


def _card(lines: list[Line], spots: Sequence[Spot], width: int, empty: str) -> Card:
    if not lines:
        lines = [[(f"  {empty}", "muted")]]
    clipped = [clip_line(line, width) for line in lines]
    return Card(id="drill", title="", lines=clipped, spots=spots)
