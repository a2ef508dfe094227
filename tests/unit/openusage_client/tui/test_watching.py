"""Watched questions: asked once, again only when figures change and not too often."""

from __future__ import annotations

import pytest

from openusage_client.errors import ProtocolError
from openusage_client.tui import watching
from openusage_client.tui.watching import Answer, Question, Watching
from openusage_proto.activity_messages import Series
from openusage_proto.errors import RpcError

SERIES = Question("series", "series", (("account", "a"),), Series)
OTHER = Question("series", "series", (("account", "b"),), Series)


class Daemon:
    """Answers `series` and remembers for whom."""

    def __init__(self):
        self.asked = []
        self.answer = {"seq": 1, "account": "a", "series": []}

    def call(self, method, **params):
        assert method == "series"
        self.asked.append(params["account"])
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set."""

    class Clock:
        now = 100.0

    monkeypatch.setattr(watching.time, "monotonic", lambda: Clock.now)
    return Clock


def test_a_question_is_asked_once_per_change_and_not_too_often(clock):
    """The same sequence is not asked again, a new one only after a pause."""
    answers = []
    watch, daemon = Watching(answers.append), Daemon()
    assert watch.due_s(1) is None
    watch.want([SERIES])
    assert watch.due_s(1) == 0.0
    watch.ask(daemon, 1)
    watch.ask(daemon, 1)
    assert (daemon.asked, watch.due_s(1)) == (["a"], None)
    assert answers == [Answer(SERIES, Series(seq=1, account="a", series=[]))]
    assert watch.due_s(2) == watching.AGAIN_S
    watch.ask(daemon, 2)
    assert daemon.asked == ["a"]
    clock.now += watching.AGAIN_S
    assert watch.due_s(2) == 0.0
    watch.ask(daemon, 2)
    assert daemon.asked == ["a", "a"]


def test_what_is_no_longer_wanted_is_forgotten(clock):
    """Another account's question replaces this one's; coming back asks afresh."""
    watch, daemon = Watching(lambda _answer: None), Daemon()
    for wanted in ([SERIES], [OTHER], [SERIES, SERIES], []):
        watch.want(wanted)
        watch.ask(daemon, 1)
    assert daemon.asked == ["a", "b", "a"]
    watch.want([SERIES])
    watch.ask(daemon, 1)
    watch.forget()
    watch.ask(daemon, 1)
    assert daemon.asked == ["a", "b", "a", "a", "a"]


def test_a_refusal_is_an_answer_and_nonsense_is_an_error(clock):
    """A name nobody knows is said on the screen; a broken answer breaks the connection."""
    answers = []
    watch, daemon = Watching(answers.append), Daemon()
    daemon.answer = RpcError(-32602, "invalid_params", {"detail": "there is no 'a'"})
    watch.want([SERIES])
    watch.ask(daemon, 1)
    assert answers == [Answer(SERIES, error="there is no 'a'")]
    daemon.answer = {"seq": "x"}
    watch.want([OTHER])
    with pytest.raises(ProtocolError):
        watch.ask(daemon, 1)
