"""The local days of the window that is shown."""

from __future__ import annotations

from datetime import date

from openusage_client.tui import limits
from openusage_client.tui.state import AppState


def first_day(state: AppState) -> date | None:
    """The local day the window starts on; None when it has no start."""
    if state.model is None or not state.model.since:
        return None
    return limits.moment(state.model.since).astimezone(state.now.tzinfo).date()
