"""What the keys of the sessions screens do: choose, order, open, go to the neighbour."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from openusage_client.tui.effects import Command, Outcome, Size
from openusage_client.tui.sessions import asking
from openusage_client.tui.sessions.keys import SESSION, SESSIONS
from openusage_client.tui.sessions.model import SORT_WORDS, SORTS
from openusage_client.tui.state import AppState, scrolled
from openusage_client.tui.views import frame, sessions_list


def _select(state: AppState, size: Size, index: int) -> AppState:
    """The state with another session chosen and in view."""
    rows = asking.rows(state)
    if not rows:
        return state
    index = max(0, min(index, len(rows) - 1))
    key = (rows[index].source, rows[index].session_id)
    state = replace(state, sessions=replace(state.sessions, selected=key))
    room = max(1, frame.content_height(size.height) - sessions_list.STAYING)
    last = max(0, sessions_list.height(state) - room)
    offset = min(state.scroll.get(SESSIONS, 0), last)
    return scrolled(state, SESSIONS, min(max(offset, index - room + 1), index))


def clicked(state: AppState, size: Size, _x: int, line: int) -> tuple[AppState, str]:
    """A session is chosen; the one that is chosen is opened."""
    room = max(1, frame.content_height(size.height) - sessions_list.STAYING)
    offset = min(state.scroll.get(SESSIONS, 0), max(0, sessions_list.height(state) - room))
    index = offset + line - sessions_list.STAYING
    if line < sessions_list.STAYING or index >= len(asking.rows(state)):
        return state, ""
    if index == asking.selected_index(state):
        return state, "sessions.show"
    return _select(state, size, index), ""


def _step(delta: int) -> Command:
    return lambda state, size: (_select(state, size, asking.selected_index(state) + delta), ())


def _page(direction: int) -> Command:
    def command(state: AppState, size: Size) -> Outcome:
        step = max(1, frame.content_height(size.height) - sessions_list.STAYING - 1)
        return _select(state, size, asking.selected_index(state) + direction * step), ()

    return command


def _end(last: bool) -> Command:  # noqa: FBT001
    return lambda state, size: (_select(state, size, len(asking.rows(state)) if last else 0), ())


def _sort(state: AppState, _size: Size) -> Outcome:
    look = state.sessions
    sort = SORTS[(SORTS.index(look.sort) + 1) % len(SORTS)]
    look = replace(look, sort=sort, ascending=False, selected=("", ""))
    words = f"ordered by {SORT_WORDS[sort]}"
    return scrolled(replace(state, sessions=look, notice=words), SESSIONS, 0), ()


def _reverse(state: AppState, _size: Size) -> Outcome:
    look = replace(state.sessions, ascending=not state.sessions.ascending, selected=("", ""))
    return scrolled(replace(state, sessions=look), SESSIONS, 0), ()


def _show(state: AppState, _size: Size) -> Outcome:
    rows = asking.rows(state)
    if not rows:
        return state, ()
    row = rows[asking.selected_index(state)]
    key = (row.source, row.session_id)
    state = replace(
        state,
        sessions=replace(state.sessions, selected=key, opened=key),
        screens=(*state.screens, SESSION),
    )
    return scrolled(state, SESSION, 0), ()


def _neighbour(delta: int) -> Command:
    def command(state: AppState, size: Size) -> Outcome:
        rows = asking.rows(state)
        index = asking.selected_index(state) + delta
        if not 0 <= index < len(rows):
            words = "this is the last one" if delta > 0 else "this is the first one"
            return replace(state, notice=words), ()
        state = _select(state, size, index)
        look = replace(state.sessions, opened=state.sessions.selected)
        return scrolled(replace(state, sessions=look), SESSION, 0), ()

    return command


def _open(state: AppState, _size: Size) -> Outcome:
    return replace(state, screens=(*state.screens, SESSIONS)), ()


COMMANDS: Final[dict[str, Command]] = {
    "sessions.open": _open,
    "sessions.down": _step(1),
    "sessions.up": _step(-1),
    "sessions.page.down": _page(1),
    "sessions.page.up": _page(-1),
    "sessions.first": _end(last=False),
    "sessions.last": _end(last=True),
    "sessions.sort": _sort,
    "sessions.reverse": _reverse,
    "sessions.show": _show,
    "session.next": _neighbour(1),
    "session.previous": _neighbour(-1),
}
