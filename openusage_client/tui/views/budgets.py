"""
Budgets on screen: a word in the header of the first screen, a panel of the analytics screen.

Asked for only where the settings have any, so that nobody else pays for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openusage_client.formatting import (
    PERIOD_WORDS,
    format_clock,
    format_money,
    format_percent,
)
from openusage_client.tui.layout import Line, clip_line, pick
from openusage_client.tui.state import AppState
from openusage_client.tui.text import cell_width, clean, clip_middle, pad
from openusage_client.tui.views.gauge import bar_spans
from openusage_client.tui.watching import Question
from openusage_proto import methods

if TYPE_CHECKING:
    from openusage_proto.alert_messages import BudgetState

PLACE: Final = "budgets"
_NEAR_PERCENT: Final = 80.0
"""The first share that is told by itself, see `alert_at` of a budget."""
_NAME_CELLS: Final = 16
_BAR_CELLS: Final = (16, 10)
_FIXED_CELLS: Final = 8
"""The margin, the blank before the bar and the share."""


def questions(state: AppState) -> tuple[Question, ...]:
    """How the budgets of the settings stand."""
    if not state.preferences.document.get("budgets"):
        return ()
    from openusage_proto.alert_messages import Budgets

    return (Question(PLACE, methods.BUDGETS, (), Budgets),)


def note(state: AppState) -> tuple[Line, Line]:
    """The budget that matters most, in full and short; empty without any."""
    found = _known(state)
    if not found:
        return [], []
    first = max(found, key=lambda one: (one.over, one.over_at is not None, one.used_percent))
    role = _role(first)
    words = f"budget {clip_middle(clean(first.id), _NAME_CELLS)}"
    share = format_percent(first.used_percent)
    amount = "" if _hides(state) else f" of {format_money(first.amount, first.currency)}"
    more = sum(_role(one) != "ok" for one in found) - (role != "ok")
    others = f" and {more} more" if more > 0 else ""
    value = "value" if role == "ok" else role
    long: Line = [(f"{words} ", "muted"), (share, value), (f"{amount}{others}   ", "muted")]
    return long, [(f"{words} ", "muted"), (share, value), ("   ", "muted")]


def panel(state: AppState, width: int) -> list[Line]:
    """Every budget: how much of it is spent, and whether it will last; empty without any."""
    found = _known(state)
    if not found:
        return []
    names = [clean(one.id) for one in found]
    cells = min(_NAME_CELLS, max(map(cell_width, names)))
    words = [_words(state, one) for one in found]
    # Bars are as long as leaves every row its amounts.
    room = width - cells - _FIXED_CELLS - max(cell_width(forms[1]) for forms in words)
    bar = next((cells for cells in _BAR_CELLS if cells <= room), 0)
    lines: list[Line] = [[("Budgets", "heading"), (" what may be spent", "muted")]]
    for name, one, forms in zip(names, found, words, strict=True):
        role = _role(one)
        start: Line = [("  ", "text"), (pad(clip_middle(name, cells), cells), "text")]
        if bar:
            start += [(" ", "text"), *bar_spans(one.used_percent / 100, bar, role)]
        start.append((pad(format_percent(one.used_percent), 5, ">"), role))
        lines.append(pick([[*start, (form, "muted")] for form in (*forms, "")], width))
        if one.problem:
            lines.append([("    ", "text"), (clean(one.problem), "warn")])
    return [clip_line(line, width) for line in lines]


def _known(state: AppState) -> list[BudgetState]:
    answer = state.answers.get(PLACE)
    if answer is None or answer.value is None or not state.preferences.document.get("budgets"):
        return []
    found: list[BudgetState] = answer.value.budgets
    return found


def _hides(state: AppState) -> bool:
    """Whether amounts of money are hidden from whoever looks over a shoulder."""
    return state.preferences.hide_costs is True


def _role(budget: BudgetState) -> str:
    if budget.over:
        return "crit"
    return "warn" if budget.over_at or budget.used_percent >= _NEAR_PERCENT else "ok"


def _words(state: AppState, budget: BudgetState) -> list[str]:
    """What is spent of how much, and what it comes to; from the fullest form to the shortest."""
    period = PERIOD_WORDS.get(budget.period, budget.period)
    ends = ""
    if budget.over:
        ends = "over"
    elif budget.over_at:
        ends = f"until {format_clock(budget.over_at, state.now)}"
    if _hides(state):
        return [f" {period}{f', {ends}' if ends else ''}", f" {ends or period}"]
    mark = "≈" if budget.basis in ("estimate", "mixed") and budget.spent else ""
    least = "≥" if budget.unpriced_requests else ""
    amount = format_money(budget.amount, budget.currency)
    spent = f" {least}{mark}{format_money(budget.spent, budget.currency)} of {amount}"
    if not ends and budget.projected is not None:
        ends = f"≈{format_money(budget.projected, budget.currency)} at its end"
    full = f"{spent} {period}{f', {ends}' if ends else ''}"
    return [full, f"{spent}{f', {ends}' if budget.over or budget.over_at else ''}", f" of {amount}"]
