"""The questions behind the sessions screens, and what is known of the answers."""

from __future__ import annotations

from openusage_client.tui.sessions.keys import SESSIONS
from openusage_client.tui.sessions.model import LISTED, TURNS
from openusage_client.tui.state import AppState
from openusage_client.tui.watching import Answer, Question
from openusage_proto import methods
from openusage_proto.session_messages import SessionRow, Sessions


def list_questions(state: AppState) -> tuple[Question, ...]:
    """The page of sessions in the screen's window, order and filter."""
    look = state.sessions
    params = (
        ("window", state.window),
        *_zone(state),
        ("text", state.filters.get(SESSIONS, "")),
        ("sort", look.sort),
        ("order", "asc" if look.ascending else "desc"),
        ("limit", LISTED),
    )
    return (Question("sessions", methods.SESSIONS, params, Sessions),)


def session_questions(state: AppState) -> tuple[Question, ...]:
    """The open session with its turns; the list behind it, for the way to its neighbours."""
    source, session = state.sessions.opened
    params = (("session", session), ("source", source), ("turns", TURNS), *_zone(state))
    return (Question("session", methods.SESSIONS, params, Sessions),)


def listed(state: AppState) -> Sessions | None:
    """The last page that came, also while another one is awaited."""
    answer = state.answers.get("sessions")
    value = answer.value if answer is not None else None
    return value if isinstance(value, Sessions) else None


def list_answer(state: AppState) -> Answer | None:
    """The last answer to a question for a page; its question may be an earlier one."""
    return state.answers.get("sessions")


def is_awaited(state: AppState) -> bool:
    """True while the page on screen is that of an earlier question."""
    answer = list_answer(state)
    return answer is None or answer.question != list_questions(state)[0]


def opened(state: AppState) -> Answer | None:
    """The answer about the open session; None while it is awaited."""
    answer = state.answers.get("session")
    return answer if answer is not None and answer.question == session_questions(state)[0] else None


def opened_row(state: AppState) -> SessionRow | None:
    """The open session; None while it is awaited or when it is not known."""
    answer = opened(state)
    page = answer.value if answer is not None else None
    if not isinstance(page, Sessions) or not page.sessions:
        return None
    source, _ = state.sessions.opened
    return next((row for row in page.sessions if row.source == source), page.sessions[0])


def rows(state: AppState) -> list[SessionRow]:
    """The sessions that are listed."""
    page = listed(state)
    return page.sessions if page is not None else []


def selected_index(state: AppState) -> int:
    """Place of the chosen session; 0 when it is not listed."""
    return _place(state, state.sessions.selected)


def _place(state: AppState, key: tuple[str, str]) -> int:
    for index, row in enumerate(rows(state)):
        if (row.source, row.session_id) == key:
            return index
    return 0


def _zone(state: AppState) -> tuple[tuple[str, str], ...]:
    return (("tz", state.model.timezone),) if state.model and state.model.timezone else ()
