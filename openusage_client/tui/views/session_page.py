"""The page of one session: what it was, its tools, its turns; a pure function of the state."""

from __future__ import annotations

from collections.abc import Sequence

from openusage_client.formatting import (
    format_clock,
    format_cost,
    format_count,
    format_duration,
    format_money,
    format_tokens,
)
from openusage_client.tui.analytics.figures import hidden_accounts
from openusage_client.tui.layout import Line, clip_line
from openusage_client.tui.sessions import asking
from openusage_client.tui.state import AppState
from openusage_client.tui.text import cell_width, clean, clip_middle, pad, wrap
from openusage_client.tui.views import wording
from openusage_client.tui.views.sessions_list import account_titles, lasted_s
from openusage_client.tui.views.wording import UNKNOWN
from openusage_proto.messages import NamedCount
from openusage_proto.session_messages import SessionRow, Sessions, SessionTurn


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
    account = account_titles(state).get(row.account_id) or row.account_id
    where = clean(row.project) or UNKNOWN
    began, ended = (
        format_clock(text, state.now) for text in (row.first_activity, row.last_activity)
    )
    facts = [
        ("When", f"{began} to {ended}, {format_duration(lasted_s(row))}"),
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
