"""What single lines of the pi format bring, and what is known from the lines before them."""

from __future__ import annotations

import json

import pytest

from openusaged.core.identity import identity_of
from openusaged.core.models import UsageEvent
from openusaged.providers.shared.pi_lines import PiReader, billed_by, usage_of

AT = "2026-01-01T10:00:00.000Z"
AT_MS = 1_767_261_600_000
HEADER = {"type": "session", "version": 3, "id": "s1", "timestamp": AT, "cwd": "/srv/p"}


def reader(state: bytes = b"", **how: object) -> PiReader:
    return PiReader(state, source="pi", client="pi", session_id="file", mtime_ms=9, **how)


def read(of: PiReader, *records: object) -> list[UsageEvent]:
    return [
        event
        for record in records
        for event in of.read(
            record.encode() if isinstance(record, str) else json.dumps(record).encode()
        )
    ]


def answer(entry_id: str = "e1", timestamp: object = AT, **message: object) -> dict[str, object]:
    usage = {"input": 10, "output": 5}
    return {
        "type": "message",
        "id": entry_id,
        "timestamp": timestamp,
        "message": {"role": "assistant", "usage": usage, **message},
    }


def call(call_id: str, **more: object) -> dict[str, object]:
    return {
        "type": "toolCall",
        "id": call_id,
        "name": "read",
        "arguments": {"path": "a.py"},
        **more,
    }


def result(call_id: str, *, failed: bool = True) -> dict[str, object]:
    message = {"role": "toolResult", "toolCallId": call_id, "isError": failed}
    return {"type": "message", "id": "r", "timestamp": AT, "message": message}


def test_state_carries_session_model_and_open_calls():
    """A reader that goes on from a state knows the header, the model and the calls before it."""
    first = reader()
    switch = {"type": "model_change", "data": {"provider": "anthropic", "modelId": "claude-x"}}
    read(first, HEADER, switch, answer(content=[call("t1")]))
    usage, failure = read(reader(first.state()), answer("e2"), result("t1"))
    assert (usage.session_id, usage.cwd) == ("s1", "/srv/p")
    assert (usage.model, usage.provider) == ("claude-x", "anthropic")
    assert (failure.tool_call_id, failure.status) == (f"{AT_MS}:t1", "error")


@pytest.mark.parametrize(
    ("prefers_message_time", "line", "own", "wanted"),
    [
        (False, AT, AT_MS + 7, AT_MS),
        (True, AT, AT_MS + 7, AT_MS + 7),
        (True, AT, "odd", AT_MS),
        (False, "odd", AT_MS + 7, AT_MS + 7),
        (False, None, None, 9),
    ],
)
def test_time_of_an_answer(prefers_message_time, line, own, wanted):
    """Line or message, whichever the program trusts; the file's time when there is neither."""
    of = reader(prefers_message_time=prefers_message_time)
    [event] = read(of, _timed(line, own))
    assert event.ts_ms == wanted


def _timed(line: object, own: object) -> dict[str, object]:
    record = answer(timestamp=line)
    assert isinstance(record["message"], dict)
    record["message"]["timestamp"] = own
    return record


def test_header_does_not_rename_a_fixed_session():
    """Where the file's name is the session, the header only tells the directory."""
    [event] = read(reader(fixed_session=True), HEADER, answer())
    assert (event.session_id, event.cwd) == ("file", "/srv/p")


def test_same_entry_in_another_file_is_the_same():
    """A fork's copy has the same identity, another answer with the same id has not."""
    [one], [copy], [other] = (
        read(reader(), {**HEADER, "id": session}, answer("e1", at))
        for session, at in (("a", AT), ("b", AT), ("c", "2026-01-01T10:00:01Z"))
    )
    assert identity_of(one) == identity_of(copy) != identity_of(other)


def test_model_of_another_vendor_does_not_take_the_remembered_one():
    """A message that names its model is billed by that model's vendor, not by the last one."""
    switch = {"type": "model_change", "provider": "anthropic", "modelId": "claude-x"}
    known, own = read(reader(), switch, answer(), answer("e2", model="gpt-5"))
    assert (known.provider, own.provider) == ("anthropic", "openai")


def test_entries_of_other_kinds_say_nothing():
    """Neither prompts nor settings, damaged or foreign lines bring an event."""
    lines = [
        "[]",
        "{",
        {"type": "message", "message": "odd"},
        {"type": "message", "message": {"role": "user", "usage": {"input": 1}}},
        {"type": "branch_summary", "message": {"role": "assistant", "usage": {"input": 1}}},
        {"type": "custom", "customType": "model-snapshot", "data": "odd"},
        answer(usage=None),
        answer(usage={}, content=["odd", {"type": "text", "text": "PLANTED"}]),
        result("never"),
    ]
    assert read(reader(), *lines) == []


def test_call_that_succeeded_is_told_once():
    """A good result changes nothing about its call."""
    events = read(reader(), answer(usage={}, content=[call("t1")]), result("t1", failed=False))
    assert [(event.event_type, event.status) for event in events] == [("tool_usage", "ok")]


def test_mcp_tools_and_odd_arguments():
    """A tool's name tells its server; arguments of another shape tell no language."""
    blocks = [call("t1", name="mcp__Docs__find", arguments="odd"), call("t2", arguments=None)]
    events = read(reader(), answer(usage={}, content=blocks))
    assert [(event.mcp_server, event.mcp_function, event.language) for event in events] == [
        ("docs", "find", ""),
        ("", "", ""),
    ]


@pytest.mark.parametrize(
    ("usage", "wanted"),
    [
        ({"input": 1, "output": 2, "cacheRead": 3, "cacheWrite": 4}, (1, 3, 4, 0, 2, None)),
        ({"cacheWrite": 4, "cacheWrite1h": 9}, (0, 0, 0, 4, 0, None)),
        ({"input": 1, "totalTokens": 9}, (1, 0, 0, 0, 8, None)),
        ({"input": 1, "output": 2, "totalTokens": 9}, (1, 0, 0, 0, 8, None)),
        ({"input": 1, "output": 2, "totalTokens": 2}, (1, 0, 0, 0, 2, None)),
        ({"output": 2, "reasoning": 7}, (0, 0, 0, 0, 2, 2)),
        ({"input": -3, "output": "4", "cacheRead": True}, (0, 0, 0, 0, 4, None)),
    ],
)
def test_buckets_of_usage(usage, wanted):
    """Writes for an hour are part of all writes; what only the total knows is output."""
    names = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning")
    found = usage_of(usage)
    assert tuple(found[name] for name in names) == wanted


@pytest.mark.parametrize("usage", [None, [], {}, {"input": 0, "totalTokens": 0}])
def test_nothing_used_is_no_usage(usage):
    """Zeros and other shapes are no response."""
    assert usage_of(usage) == {}


@pytest.mark.parametrize(
    ("vendor", "model", "wanted"),
    [
        ("openai-codex", "gpt-5.2", "openai"),
        ("Amazon-Bedrock", "claude-x", "aws"),
        ("groq", "llama-4", "groq"),
        ("", "grok-4", "x-ai"),
        ("", "unheard", ""),
    ],
)
def test_who_bills(vendor, model, wanted):
    """pi's ways to a vendor are named like everywhere else."""
    assert billed_by(vendor, model) == wanted


@pytest.mark.parametrize(
    ("message", "cost"),
    [
        ({"usage": {"input": 1, "cost": {"total": 0.01234}}}, 12_340_000),
        ({"usage": {"input": 1, "cost": {"total": 0}}, "cost": {"total": 0.5}}, 500_000_000),
        ({"usage": {"input": 1, "cost": {"total": 0}}}, None),
        ({"usage": {"input": 1, "cost": 3}}, None),
    ],
)
def test_logged_cost(message, cost):
    """A cost above 0 is kept to the last digit; 0 is what a subscription costs."""
    assert [event.cost_nano for event in read(reader(), answer(**message))] == [cost]
