"""What makes two reports the same event."""

from __future__ import annotations

import msgspec
import pytest

from openusaged.core.identity import identity_of, reuse_identity_of
from openusaged.core.models import UsageEvent

BASE = UsageEvent(source="codex", channel="jsonl", event_type="message_usage", ts_ms=5)


def make(**fields) -> UsageEvent:
    return msgspec.structs.replace(BASE, **fields)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("session_id", "other"),
        ("parent_session_id", "other"),
        ("cwd", "/elsewhere"),
        ("repo_root", "/elsewhere"),
        ("branch", "other"),
        ("channel", "hook"),
        ("account_id", "other"),
        ("client", "other"),
        ("status", "error"),
        ("is_sidechain", True),
    ],
)
@pytest.mark.parametrize("ids", [{"message_id": "m"}, {}], ids=["id", "fingerprint"])
def test_identity_copied_history_stays_the_same(field, value, ids) -> None:
    """Session, directory, channel and account are never part of an identity."""
    assert identity_of(make(**ids)) == identity_of(make(**ids, **{field: value}))


def test_identity_first_existing_id_decides() -> None:
    """Tool call, message, request, turn: the first that exists hides the others."""
    ids = {"tool_call_id": "c", "message_id": "m", "request_id": "r", "turn_id": "u"}
    while ids:
        first = next(iter(ids))
        identity = identity_of(make(**ids))
        assert identity == identity_of(make(**{first: ids[first]}, ts_ms=99, output=7))
        assert identity != identity_of(make(**(ids | {first: "x"})))
        del ids[first]


def test_identity_fields_and_kinds_never_collide() -> None:
    """One text as different ids, of different kinds or sources, is different events."""
    events = [
        *(make(**{name: "x"}) for name in ("tool_call_id", "message_id", "request_id", "turn_id")),
        make(message_id="x", source="opencode"),
        make(message_id="x", event_type="reconcile_adjustment"),
        make(tool_call_id="x", event_type="tool_usage"),
        make(turn_id="x", event_type="turn_completed"),
    ]
    assert len({identity_of(event) for event in events}) == len(events)


def test_identity_turn_is_its_turn_id() -> None:
    """A completed turn is the same whichever message it ended with."""
    turn = make(event_type="turn_completed", turn_id="u", message_id="m1", tool_call_id="c")
    other = make(event_type="turn_completed", turn_id="u", message_id="m2")
    assert identity_of(turn) == identity_of(other)
    assert identity_of(make(event_type="turn_completed", output=1)) != identity_of(
        make(event_type="turn_completed", output=2)
    )


def test_identity_tools_without_call_ids_are_fingerprinted() -> None:
    """Two tool calls of one message are two events even when the tool gives no call ids."""
    first = make(event_type="tool_usage", message_id="m", tool_name="Read")
    second = make(event_type="tool_usage", message_id="m", tool_name="Edit")
    assert identity_of(first) != identity_of(second)
    assert identity_of(first) == identity_of(msgspec.structs.replace(first, session_id="s"))


@pytest.mark.parametrize("field", ["ts_ms", "input", "output", "cost_nano", "requests"])
def test_fingerprint_tells_numbers_apart(field) -> None:
    """Without ids, another time, count or cost is another event."""
    assert identity_of(BASE) != identity_of(make(**{field: 77}))


def test_identity_fits_a_signed_64_bit_integer_and_is_stable() -> None:
    """The hash is kept for ever: this value may never change."""
    assert identity_of(make(message_id="msg_1")) == STABLE
    values = [identity_of(make(message_id=str(number))) for number in range(200)]
    assert all(-(1 << 63) <= value < 1 << 63 and value for value in values)
    assert any(value < 0 for value in values)


def test_identity_lone_surrogates_hash() -> None:
    """Ids out of broken JSON have an identity, too."""
    assert identity_of(make(message_id="\ud800")) != identity_of(make(message_id="\ud801"))


def test_reuse_identity_needs_both_ids() -> None:
    """Only a message id with a request id can be told apart from a reused one."""
    assert reuse_identity_of(make(message_id="m")) == 0
    assert reuse_identity_of(make(request_id="r")) == 0
    both = reuse_identity_of(make(message_id="m", request_id="r"))
    assert both not in (0, identity_of(make(message_id="m", request_id="r")))
    assert both != reuse_identity_of(make(message_id="m", request_id="r2"))


@pytest.mark.parametrize("kind", ["tool_usage", "turn_completed"])
def test_reuse_identity_is_for_responses_only(kind) -> None:
    """Tool calls and turns share the ids of one response: these do not tell them apart."""
    ids = {"message_id": "m", "request_id": "r", "tool_call_id": "c", "turn_id": "u"}
    assert reuse_identity_of(make(event_type=kind, **ids)) == 0


STABLE = 4394681667490850072
