"""Fields of database rows: the usual ones decode at once, odd ones cost only themselves."""

from __future__ import annotations

import json

import pytest

from openusaged.providers.opencode.records import Cache, Session, Step, Tokens, ToolCall
from openusaged.providers.opencode.rows import MESSAGE_PATHS, PART_PATHS, message_of, part_of

USUAL_MESSAGE = {
    "$.parentID": "msg_0",
    "$.providerID": "anthropic",
    "$.modelID": "claude-sonnet-4-5",
    "$.agent": "build",
    "$.path.cwd": "/home/dev",
    "$.cost": 0.25,
    "$.tokens": {"input": 5, "output": 7, "reasoning": 2, "cache": {"read": 3, "write": 1}},
    "$.time.created": 1_700_000_000_000,
    "$.time.completed": 1_700_000_001_000,
    "$.finish": "stop",
}
USUAL_TOOL = {
    "$.type": "tool",
    "$.callID": "call_1",
    "$.tool": "edit",
    "$.state.status": "Completed",
    "$.state.time.start": 1_700_000_000_500,
    "$.state.input.filePath": "/home/dev/a.py",
    "$.state.metadata.filediff.additions": 4,
    "$.state.metadata.filediff.deletions": 0,
}
USUAL_STEP = {"$.type": "step-finish", "$.cost": 0.5, "$.tokens": {"input": 5, "total": 5}}


def array(paths: tuple[str, ...], values: dict[str, object]) -> bytes:
    return json.dumps([values.get(path) for path in paths]).encode()


def message(changes: dict[str, object], session: Session | None = None, **flags: bool):
    return message_of(
        "msg_1",
        array(MESSAGE_PATHS, USUAL_MESSAGE | changes),
        "ses_1",
        session or Session(),
        (),
        is_summary=flags.get("is_summary", False),
        has_error=flags.get("has_error", False),
    )


def part(usual: dict[str, object], changes: dict[str, object]) -> Step | ToolCall | None:
    return part_of("prt_1", array(PART_PATHS, usual | changes))


def test_usual_message_has_all_fields() -> None:
    """Every field of a row of today arrives in its place."""
    made = message({})
    assert (made.id, made.session_id, made.parent_id) == ("msg_1", "ses_1", "msg_0")
    assert (made.provider, made.model, made.agent) == ("anthropic", "claude-sonnet-4-5", "build")
    assert (made.cwd, made.cost, made.finish, made.error) == ("/home/dev", 0.25, "stop", "")
    assert made.tokens == Tokens(input=5, output=7, reasoning=2, cache=Cache(3, 1))
    assert made.completed_ms - made.created_ms == 1000


def test_older_spellings_fill_what_is_absent() -> None:
    """Model, agent and directory come from where older versions keep them."""
    absent = dict.fromkeys(("$.providerID", "$.modelID", "$.agent", "$.path.cwd", "$.tokens"))
    older = {"$.model.providerID": "openai", "$.model.modelID": "gpt-5", "$.mode": "plan"}
    made = message(absent | older, Session(directory="/home/dev/old"))
    assert (made.provider, made.model, made.agent) == ("openai", "gpt-5", "plan")
    assert made.cwd == "/home/dev/old"
    assert made.tokens is None


@pytest.mark.parametrize(
    ("path", "value", "field", "expected"),
    [
        ("$.parentID", 7, "parent_id", ""),
        ("$.providerID", ["x"], "provider", ""),
        ("$.path.cwd", 3, "cwd", ""),
        ("$.cost", "free", "cost", 0.0),
        ("$.cost", -1, "cost", 0.0),
        ("$.tokens", "many", "tokens", None),
        ("$.tokens", {"input": 5.0, "output": -4, "cache": 3}, "tokens", Tokens(input=5)),
        ("$.tokens", {"input": None, "output": True, "total": 9}, "tokens", Tokens(total=9)),
        ("$.time.completed", 1.7e12, "completed_ms", 1_700_000_000_000),
        ("$.time.completed", "late", "completed_ms", 0),
        ("$.finish", {"reason": "stop"}, "finish", ""),
    ],
)
def test_odd_field_costs_only_itself(path, value, field, expected) -> None:
    """A field of another type is unknown, a whole float a count; the others stay as they are."""
    usual, made = message({}), message({path: value})
    assert getattr(made, field) == expected
    others = set(usual.__struct_fields__) - {field}
    assert {name: getattr(made, name) for name in others} == {
        name: getattr(usual, name) for name in others
    }


def test_error_has_a_name_even_without_one() -> None:
    """A message with an error is told by its class, or as an error when that is unknown."""
    assert message({"$.error.name": "APIError"}, has_error=True).error == "APIError"
    assert message({}, has_error=True).error == "error"


def test_tool_call_has_all_fields() -> None:
    """A tool part becomes a call; without a call id its own id names it."""
    made = part(USUAL_TOOL, {})
    assert made == ToolCall(
        id="call_1",
        name="edit",
        status="completed",
        started_ms=1_700_000_000_500,
        file="/home/dev/a.py",
        lines_added=4,
        lines_removed=0,
    )
    assert part(USUAL_TOOL, {"$.callID": None}).id == "prt_1"


def test_odd_tool_call_keeps_the_rest() -> None:
    """Odd arguments and counts of a call are unknown, its name and outcome stay."""
    made = part(
        USUAL_TOOL,
        {"$.state.input.filePath": ["a"], "$.state.metadata.filediff.additions": "4"},
    )
    assert (made.file, made.lines_added, made.lines_removed) == ("", None, 0)
    assert (made.id, made.name, made.status) == ("call_1", "edit", "completed")


def test_step_has_tokens_and_cost() -> None:
    """A step-finish part is one request; odd tokens of it are none."""
    assert part(USUAL_STEP, {}) == Step(cost=0.5, tokens=Tokens(input=5, total=5))
    assert part(USUAL_STEP, {"$.tokens": 1}) == Step(cost=0.5, tokens=Tokens())
    assert part(USUAL_STEP, {"$.tokens": None}) == Step(cost=0.5, tokens=Tokens())


@pytest.mark.parametrize("kind", ["text", None, 3])
def test_other_parts_are_nothing(kind) -> None:
    """A text that merely quotes the words is neither a step nor a call."""
    assert part(USUAL_TOOL, {"$.type": kind}) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data.replace(b"stop", b"\xff").replace(b"edit", b"\xff"),
        lambda data: data.replace(b"[", b"[1e999,", 1),
    ],
    ids=["cut", "no UTF-8", "absurd number"],
)
def test_undecodable_row_is_passed_over(damage) -> None:
    """What cannot be decoded costs its own row and raises nothing."""
    data = damage(array(MESSAGE_PATHS, USUAL_MESSAGE))
    made = message_of("m", data, "s", Session(), (), is_summary=False, has_error=False)
    assert made is None
    assert part_of("p", damage(array(PART_PATHS, USUAL_TOOL))) is None
