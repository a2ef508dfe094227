"""What the visible screen wants to know besides the read model: nothing, unless it is looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from openusage_client.tui import keymap
from openusage_client.tui.analytics import asking as analytics_asking
from openusage_client.tui.detail.asking import detail_questions, drill_questions, explain_questions
from openusage_client.tui.sessions import asking as sessions_asking
from openusage_client.tui.state import AppState
from openusage_client.tui.views import overview
from openusage_client.tui.watching import Question

_BY_SCREEN: Final[Mapping[str, Callable[[AppState], tuple[Question, ...]]]] = {
    keymap.MAIN: overview.questions,
    keymap.DETAIL: detail_questions,
    "drill": drill_questions,
    "explain": explain_questions,
    "analytics": analytics_asking.questions,
    "sessions": sessions_asking.list_questions,
    "session": sessions_asking.session_questions,
}


def wanted(state: AppState) -> tuple[Question, ...]:
    """The questions of the visible screen."""
    ask = _BY_SCREEN.get(state.screen)
    return ask(state) if ask else ()
