"""What the keys of the analytics screen do, and those that lead from screen to screen."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from openusage_client.tui.analytics.keys import ANALYTICS
from openusage_client.tui.analytics.model import SORTS
from openusage_client.tui.effects import Command, Outcome, Size
from openusage_client.tui.sessions.keys import SESSIONS
from openusage_client.tui.state import AppState, scrolled

ROUND: Final = ("main", ANALYTICS, SESSIONS)


def _open(state: AppState, _size: Size) -> Outcome:
    return replace(state, screens=(*state.screens, ANALYTICS)), ()


def _turn(step: int) -> Command:
    def command(state: AppState, _size: Size) -> Outcome:
        at = ROUND.index(state.screen) if state.screen in ROUND else 0
        name = ROUND[(at + step) % len(ROUND)]
        return replace(state, screens=("main",) if name == "main" else ("main", name)), ()

    return command


def _sort(state: AppState, _size: Size) -> Outcome:
    sort = SORTS[(SORTS.index(state.analytics.sort) + 1) % len(SORTS)]
    state = replace(state, analytics=replace(state.analytics, sort=sort))
    return replace(scrolled(state, ANALYTICS, 0), notice=f"ordered by {sort}"), ()


COMMANDS: Final[dict[str, Command]] = {
    "analytics.open": _open,
    "analytics.sort": _sort,
    "screen.next": _turn(1),
    "screen.previous": _turn(-1),
}
