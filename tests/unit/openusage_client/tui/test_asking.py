"""Questions that take their time: one after the other, beside the figures."""

from __future__ import annotations

from queue import SimpleQueue

import pytest

from openusage_client.rpc import Connection
from openusage_client.tui.asking import Ask, Asker
from openusage_proto import locations, methods
from tests.support.scripted_peer import Hangup, Refusal, ScriptedPeer
from tests.support.waiting import wait_until


@pytest.fixture
def answers():
    """Where replies go."""
    return SimpleQueue()


@pytest.fixture
def asker(isolated_home, answers):
    """An asker against the discovered socket, with a variable of the user."""
    made = Asker(Connection, answers.put, {"CODEX_HOME": "/c"})
    yield made
    made.stop()
    if made.ident is not None:
        made.join(5)
        assert not made.is_alive()


def test_an_answer_comes_back_with_its_question(asker, answers):
    """Parameters as given; the environment only where the method takes it."""
    with ScriptedPeer({methods.ACCOUNTS: {"accounts": []}, methods.INTEGRATIONS: {}}) as peer:
        asker.ask(Ask(topic="a", method=methods.ACCOUNTS, params={"x": 1}))
        asker.ask(Ask(topic="b", method=methods.INTEGRATIONS))
        first, second = answers.get(timeout=5), answers.get(timeout=5)
        assert (first.ask.topic, first.result, first.error) == ("a", {"accounts": []}, "")
        assert second.ask.topic == "b"
        assert peer.params_of(methods.ACCOUNTS) == [{"x": 1}]
        assert peer.params_of(methods.INTEGRATIONS) == [{"environment": {"CODEX_HOME": "/c"}}]


def test_what_follows_is_asked_only_after_success(asker, answers):
    """A refused key makes no list to be read again."""
    again = Ask(topic="again", method=methods.ACCOUNTS)
    refused = Refusal(1003, "auth_required", {"detail": "the key was refused"})
    with ScriptedPeer({methods.CREDENTIAL_SET: [refused, {}], methods.ACCOUNTS: {}}) as peer:
        question = Ask(topic="key", method=methods.CREDENTIAL_SET, then=(again,))
        asker.ask(question)
        reply = answers.get(timeout=5)
        assert (reply.error, reply.slug) == ("the key was refused", "auth_required")
        asker.ask(question)
        assert [answers.get(timeout=5).ask.topic for _ in range(2)] == ["key", "again"]
        assert len(peer.params_of(methods.ACCOUNTS)) == 1


def test_no_daemon_is_an_answer_in_words(asker, answers):
    """And the next question is asked all the same."""
    asker.ask(Ask(topic="a", method=methods.ACCOUNTS))
    reply = answers.get(timeout=5)
    assert reply.result is None
    assert reply.error
    with ScriptedPeer({methods.ACCOUNTS: Hangup()}, locations.socket_path()):
        asker.ask(Ask(topic="b", method=methods.ACCOUNTS))
        assert answers.get(timeout=5).error


def test_stop_ends_the_thread_and_a_thread_is_only_started_for_a_question(asker, answers):
    """A dashboard without settings never has it."""
    assert asker.ident is None
    asker.ask(Ask(topic="a", method=methods.ACCOUNTS))
    answers.get(timeout=5)
    asker.stop()
    wait_until(lambda: not asker.is_alive())


def test_a_question_never_prints_its_parameters():
    """They may hold a key."""
    question = Ask(topic="key", method=methods.CREDENTIAL_SET, params={"key": "sk-planted-0001"})
    assert "planted" not in repr(question)
