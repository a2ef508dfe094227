"""What the visible screen wants to know besides the read model: nothing, unless it is looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from openusage_client.tui import keymap
from openusage_client.tui.late import late
from openusage_client.tui.state import AppState
from openusage_client.tui.views import overview
from openusage_client.tui.watching import Question

_BY_SCREEN: Final[Mapping[str, Callable[[AppState], tuple[Question, ...]]]] = {
    keymap.MAIN: overview.questions,
    keymap.DETAIL: late("detail.asking", "detail_questions"),
    keymap.DRILL: late("detail.asking", "drill_questions"),
    keymap.EXPLAIN: late("detail.asking", "explain_questions"),
    keymap.ANALYTICS: late("analytics.asking", "questions"),
    keymap.SESSIONS: late("sessions.asking", "list_questions"),
    keymap.SESSION: late("sessions.asking", "session_questions"),
}


def wanted(state: AppState) -> tuple[Question, ...]:
    """The questions of the visible screen."""
    ask = _BY_SCREEN.get(state.screen)
    return ask(state) if ask else ()
