"""The question behind the analytics screen."""

from __future__ import annotations

from openusage_client.tui.state import AppState
from openusage_client.tui.views import budgets
from openusage_client.tui.watching import Question
from openusage_proto import methods
from openusage_proto.analytics_messages import Analytics


def questions(state: AppState) -> tuple[Question, ...]:
    """All accounts in the screen's window, and in the one before it; the budgets."""
    zone = (("tz", state.model.timezone),) if state.model and state.model.timezone else ()
    params = (("window", state.window), *zone, ("top", 20))
    return (Question("analytics", methods.ANALYTICS, params, Analytics), *budgets.questions(state))
