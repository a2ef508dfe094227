"""Token arithmetic and leniency of OpenCode's records."""

from __future__ import annotations

import pytest

from openusaged.core.models import HOOK
from openusaged.providers.opencode.records import (
    Cache,
    Message,
    Session,
    Step,
    Tokens,
    ToolCall,
    message_events,
    parse_message,
    parse_tokens,
    parse_tool,
    tool_event,
)


class TestReasoning:
    @pytest.mark.parametrize(
        ("tokens", "output"),
        [
            pytest.param(
                Tokens(input=103, output=48, reasoning=19, cache=Cache(2017), total=2187),
                67,
                id="1.18-output-excludes-reasoning",
            ),
            pytest.param(
                Tokens(input=103, output=67, reasoning=19, cache=Cache(2017), total=2187),
                67,
                id="1.2.27-output-includes-reasoning",
            ),
            pytest.param(
                Tokens(input=103, output=67, reasoning=19, cache=Cache(2017)),
                67,
                id="1.1.11-no-total",
            ),
            pytest.param(Tokens(output=5, reasoning=19), 24, id="more-reasoning-than-output"),
            pytest.param(Tokens(input=10, total=30), 20, id="total-without-output"),
            pytest.param(
                Tokens(input=10, reasoning=20, total=30), 20, id="reasoning-and-no-output"
            ),
            pytest.param(Tokens(input=10, output=4, total=9), 4, id="total-too-small"),
        ],
    )
    def test_output_includes_it_once(self, tokens: Tokens, output: int) -> None:
        """Whichever way a version counts, output holds reasoning exactly once."""
        assert tokens.output_with_reasoning == output

    def test_steps_are_read_each_by_its_own_total(self) -> None:
        """Steps of a message are normalised before they are summed."""
        step = Step(tokens=Tokens(input=1, output=4, reasoning=2, total=7))
        tokens, requests = Message(id="m", steps=(step, step)).usage
        assert (tokens.output_with_reasoning, tokens.reasoning, requests) == (12, 4, 2)

    def test_message_that_accumulates_wins_over_fewer_steps(self) -> None:
        """A message that holds more than its steps do keeps its own numbers."""
        step = Step(tokens=Tokens(input=1))
        message = Message(id="m", tokens=Tokens(input=9), steps=(step, step))
        assert message.usage == (Tokens(input=9), 1)


class TestStatus:
    @pytest.mark.parametrize(
        ("changes", "status"),
        [
            ({"finish": "stop"}, "ok"),
            ({"finish": "error"}, "error"),
            ({"error": "APIError"}, "error"),
            ({"error": "MessageAbortedError"}, "aborted"),
            ({"finish": "cancelled"}, "aborted"),
        ],
    )
    def test_status(self, changes: dict, status: str) -> None:
        """Errors and interruptions are told apart by class name and finish reason."""
        message = Message(id="m", created_ms=1, completed_ms=2, **changes)
        assert [event.status for event in message_events(message, HOOK)] == [status]


def test_message_without_parent_completes_no_turn() -> None:
    """Without a user message there is no turn to count."""
    [event] = message_events(Message(id="m", created_ms=1, completed_ms=2), HOOK)
    assert event.message_id == "m"


def test_tool_of_a_fork_copy_is_none() -> None:
    """Tool calls of copied messages were counted with the original."""
    message = Message(id="m", created_ms=1, session=Session(created_ms=2))
    assert tool_event(ToolCall(id="c", name="bash", status="completed"), message, HOOK, ()) is None


def test_parse_message_takes_older_spellings() -> None:
    """Model and agent of older versions lie elsewhere; the session knows the directory."""
    message = parse_message(
        {"id": "m", "model": {"providerID": "p", "modelID": "x"}, "mode": "build", "error": True},
        Session(directory="/w"),
        (),
    )
    assert (message.provider, message.model, message.agent) == ("p", "x", "build")
    assert (message.cwd, message.error) == ("/w", "error")


@pytest.mark.parametrize("value", [None, "5", True, -1, float("nan"), float("inf"), [], 1 << 60])
def test_what_is_no_count_is_zero(value: object) -> None:
    """Strings, booleans, negative and absurd numbers are no token counts."""
    assert parse_tokens({"input": value, "cache": value}) == Tokens()


def test_whole_floats_are_counts() -> None:
    """JavaScript may write 5.0."""
    assert parse_tokens({"input": 5.0}).input == 5


def test_parse_tool_of_nothing() -> None:
    """A part without its fields is an unsettled call."""
    assert not parse_tool({}).is_settled
