"""
One line per account, for a narrow pane beside an agent: name, tightest limit, reset, what was used.

Columns are given up one by one as the width shrinks; the name and the limit stay to the last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from openusage_client.formatting import format_duration, format_tokens
from openusage_client.preferences import HIDDEN
from openusage_client.tui import limits
from openusage_client.tui.layout import Line, clip_line, scroll_to
from openusage_client.tui.state import AppState
from openusage_client.tui.text import cell_width, clean, clip_middle, pad
from openusage_client.tui.views import wording
from openusage_client.tui.views.account_rows import tightest
from openusage_client.tui.views.gauge import share_words
from openusage_client.tui.views.view import select, stepped
from openusage_client.tui.watching import Question
from openusage_proto.messages import AccountSnapshot, ReadModel, Totals
from openusage_proto.methods import READ_MODEL
from openusage_proto.values import dataclass

PERIODS: Final = (("today", "today"), ("7d", "7 days"), ("30d", "30 days"))
_PLACE: Final = "compact:"
"""Place of the answers, with the window's name behind it."""
_NAME_MIN: Final = 10
_NAME_MAX: Final = 32
_START: Final = 3
"""Cells before the name: mark of the selection, state, space."""


@dataclass(frozen=True, slots=True)
class _Column:
    """A column: heading, cells, alignment, and the piece of text for an account."""

    name: str
    cells: int
    align: str
    text: Callable[[AppState, AccountSnapshot], tuple[str, str]]


class Compact:
    """The compact view."""

    def render(self, state: AppState, width: int, room: int) -> tuple[list[Line], str]:
        """Headings and one line per account."""
        columns, name_cells = _fit(state, width)
        lines = [_heading(columns, name_cells, width)]
        rows = max(1, room - 1)
        offset = _offset(state, rows)
        for index, account in enumerate(state.accounts[offset : offset + rows], offset):
            chosen = index == state.selected_index
            lines.append(_row(state, account, columns, name_cells, width, selected=chosen))
        lines += [[] for _ in range(room - len(lines))]
        count = len(state.accounts)
        if count <= rows:
            return lines[:room], ""
        up = "▲" if offset else " "
        down = "▼" if offset + rows < count else " "
        return lines[:room], f"{state.selected_index + 1} of {count} {up}{down}"

    def move(self, state: AppState, _width: int, _room: int, across: int, down: int) -> AppState:
        """One line up or down."""
        return stepped(state, across + down)

    def page(self, state: AppState, _width: int, room: int, direction: int) -> AppState:
        """A screen of lines."""
        return select(state, state.selected_index + direction * max(1, room - 2))

    def end(self, state: AppState, _width: int, _room: int, *, last: bool) -> AppState:
        """To the first or the last account."""
        return select(state, len(state.accounts) - 1 if last else 0)

    def follow(self, state: AppState, _width: int, _room: int) -> AppState:
        """The list shows the selected one by itself."""
        return state

    def account_at(self, state: AppState, _width: int, room: int, _x: int, y: int) -> str:
        """The account of the line."""
        index = _offset(state, max(1, room - 1)) + y - 1
        return state.accounts[index].account_id if 0 <= index < len(state.accounts) and y else ""

    def wheel(
        self, state: AppState, _width: int, _room: int, _x: int, _y: int, delta: int
    ) -> AppState:
        """Moves the selection."""
        return select(state, state.selected_index + (1 if delta > 0 else -1))


COMPACT = Compact()


def questions(state: AppState) -> tuple[Question, ...]:
    """The windows that this view shows beside the chosen one."""
    if state.view != "compact" or state.model is None:
        return ()
    return tuple(
        Question(
            name=_PLACE + window,
            method=READ_MODEL,
            params=(("window", window), ("tz", state.model.timezone or None)),
            kind=ReadModel,
        )
        for window in ("7d", "30d")
        if window != state.model.window
    )


def _offset(state: AppState, rows: int) -> int:
    at = state.selected_index
    return scroll_to(at, at + 1, at - rows // 2, rows, len(state.accounts))


def _fit(state: AppState, width: int) -> tuple[list[_Column], int]:
    """The columns there is room for, in the order they are drawn, and the cells of the name."""
    longest = max((cell_width(wording.title(item)) for item in state.accounts), default=0)
    wanted = max(_NAME_MIN, min(longest, _NAME_MAX))
    spent = any(_amount(state, item, "30d") for item in state.accounts)
    today, week, month = (_period(key, name) for key, name in PERIODS)
    money = [_money(key) for key, _ in PERIODS] if spent else []
    used = _Column("tightest limit", 14, "<", _used)
    reset, of = _Column("resets", 8, ">", _reset), _Column("", 16, "<", _limit)
    # In the order in which they are taken in.
    order = [used, today, month, reset, week, of, *money[::2], *money[1:2]]
    taken: list[_Column] = []
    for column in order:
        # A short name is worth less than a column more, a cut one is worth more than that.
        name_cells = wanted if column in (of, *money) else _NAME_MIN
        cells = sum(item.cells + 1 for item in taken)
        if _START + name_cells + cells + column.cells + 1 <= width:
            taken.append(column)
    drawn = [
        column
        for column in (used, of, reset, today, *money[:1], week, *money[1:2], month, *money[2:])
        if column in taken
    ]
    room = width - _START - sum(column.cells + 1 for column in drawn)
    return drawn, max(1, min(wanted, room))


def _heading(columns: Sequence[_Column], name_cells: int, width: int) -> Line:
    line: Line = [(" " * _START + pad("account", name_cells), "muted")]
    line += [(" " + pad(column.name, column.cells, column.align), "muted") for column in columns]
    return clip_line(line, width)


def _row(
    state: AppState,
    account: AccountSnapshot,
    columns: Sequence[_Column],
    name_cells: int,
    width: int,
    *,
    selected: bool,
) -> Line:
    word, role = wording.status_words(account)
    name = pad(clip_middle(wording.title(account), name_cells), name_cells)
    line: Line = [
        ("┃" if selected else " ", "border.selected"),
        (f"{word[:1]} ", role),
        (name, "title.selected" if selected else "title"),
    ]
    for column in columns:
        text, text_role = column.text(state, account)
        line.append((" " + pad(text, column.cells, column.align), text_role))
    return clip_line(line, width)


def _used(state: AppState, account: AccountSnapshot) -> tuple[str, str]:
    """How much of the tightest limit is used; else what is left, else why nothing is known."""
    limit = tightest(state, account)
    if limit is not None:
        stale = bool(account.stale_since)
        role = limits.severity(limit.percent, state.preferences.thresholds)
        text = share_words(limit.percent, left=state.preferences.show_remaining)
        return (f"{text} stale" if stale else text), ("muted" if stale else role)
    if account.status in {"AUTH_REQUIRED", "ERROR"}:
        word, role = wording.status_words(account)
        return word[2:], role
    for metric in limits.figures(account):
        if metric.remaining is not None:
            return wording.amount_left(metric), "value"
    return wording.UNKNOWN, "muted"


def _limit(state: AppState, account: AccountSnapshot) -> tuple[str, str]:
    limit = tightest(state, account)
    return (f"of {clean(limit.label)}", "muted") if limit else ("", "muted")


def _reset(state: AppState, account: AccountSnapshot) -> tuple[str, str]:
    limit = tightest(state, account)
    if limit is None or not limit.metric.resets_at:
        return "", "muted"
    left = (limits.moment(limit.metric.resets_at) - state.now).total_seconds()
    return (format_duration(left) if left >= 60 else "now"), "muted"


def _period(key: str, name: str) -> _Column:
    def text(state: AppState, account: AccountSnapshot) -> tuple[str, str]:
        totals = _totals(state, account, key)
        if totals is None:
            return wording.UNKNOWN, "muted"
        return format_tokens(totals.total_tokens), "value" if totals.total_tokens else "muted"

    return _Column(name, 7, ">", text)


def _money(key: str) -> _Column:
    return _Column("", 10, "<", lambda state, account: (_amount(state, account, key), "cost"))


def _amount(state: AppState, account: AccountSnapshot, key: str) -> str:
    """A period's cost; empty where there is none to show."""
    totals = _totals(state, account, key)
    hidden = account.usage is not None and account.usage.totals.cost_basis == HIDDEN
    if totals is None or hidden or not totals.requests:
        return ""
    return wording.cost(totals)


def _totals(state: AppState, account: AccountSnapshot, key: str) -> Totals | None:
    """What an account has used in a period; None while that is not known."""
    if key == "today":
        return account.usage.today if account.usage else None
    answer = state.answers.get(_PLACE + key)
    model: ReadModel | None = answer.value if answer else None
    if state.model is not None and state.model.window == key:
        model = state.model
    for item in model.accounts if model else ():
        if item.account_id == account.account_id:
            return item.usage.totals if item.usage else None
    return None
