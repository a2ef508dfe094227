"""The questions behind the detail screens, as functions of what is looked at."""

from __future__ import annotations

from typing import Any, TypeVar

from openusage_client.tui.detail.model import DAYS, EVENTS, TURNS, Figure
from openusage_client.tui.state import AppState
from openusage_client.tui.watching import Answer, Question
from openusage_proto import methods
from openusage_proto.activity_messages import Activity, Series
from openusage_proto.explain_messages import Explanation

T = TypeVar("T")


def detail_questions(state: AppState) -> tuple[Question, ...]:
    """Days, hours and measured points of the selected account."""
    account = state.account
    if account is None:
        return ()
    return activity_question(state), series_question(state)


def drill_questions(state: AppState) -> tuple[Question, ...]:
    """What the last step of the way down lists."""
    return (drill_question(state),) if state.detail.trail else ()


def explain_questions(state: AppState) -> tuple[Question, ...]:
    """The explanation of the number in question; a limit's is at hand already."""
    figure = state.detail.figure
    if figure is None:
        return ()
    if figure.metric:
        return (series_question(state),)
    return (explain_question(state),)


def activity_question(state: AppState) -> Question:
    """The selected account over time."""
    account = state.account
    named = Figure(account=account.account_id if account else "")
    return _question(state, "activity", methods.ACTIVITY, Activity, named, top=8)


def series_question(state: AppState) -> Question:
    """The measured points of the selected account's limits and balances."""
    account = state.account
    params = (("account", account.account_id if account else ""), *_zone(state))
    return Question("series", methods.SERIES, params, Series)


def explain_question(state: AppState) -> Question:
    """The number that is being explained."""
    figure = state.detail.figure or Figure()
    return _question(state, "explain", methods.EXPLAIN, Explanation, figure, sessions=5)


def drill_question(state: AppState) -> Question:
    """What lies below the last step."""
    figure = state.detail.trail[-1]
    if figure.level == DAYS:
        return _question(state, "drill", methods.ACTIVITY, Activity, figure, top=0)
    if figure.level == EVENTS:
        return _question(
            state, "drill", methods.EXPLAIN, Explanation, figure, sessions=1, events=TURNS
        )
    return _question(state, "drill", methods.EXPLAIN, Explanation, figure, sessions=TURNS)


def answer_to(state: AppState, question: Question) -> Answer | None:
    """The answer there is to exactly this question; None while it is awaited."""
    answer = state.answers.get(question.name)
    return answer if answer is not None and answer.question == question else None


def value_of(state: AppState, question: Question, kind: type[T]) -> T | None:
    """The value of the answer to this question, when there is one."""
    answer = answer_to(state, question)
    return answer.value if answer is not None and isinstance(answer.value, kind) else None


def _question(
    state: AppState, name: str, method: str, kind: type[Any], figure: Figure, **more: Any
) -> Question:
    params: list[tuple[str, Any]] = list(figure.filters)
    if figure.account:
        params.append(("account", figure.account))
    if figure.since:
        params += [("since", figure.since), ("until", figure.until)]
    else:
        params.append(("window", state.window))
    return Question(name, method, (*params, *_zone(state), *more.items()), kind)


def _zone(state: AppState) -> tuple[tuple[str, str], ...]:
    """The zone of the read model, so that its days and these are the same."""
    return (("tz", state.model.timezone),) if state.model and state.model.timezone else ()
