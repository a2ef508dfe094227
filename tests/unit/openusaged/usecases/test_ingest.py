"""`ingest_turn` parameters become events; bad ones are refused with field and reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from openusage_proto.messages import IngestParams, Turn
from openusaged.core.errors import InvalidEvent
from openusaged.core.models import Account
from openusaged.providers.base import Machine
from openusaged.usecases.ingest import Ingest, parse_time

NOW = 1_795_000_000_000


def make(accounts: list[Account] | None = None, home: str = "/nowhere") -> Ingest:
    return Ingest(
        machine=Machine(env={"HOME": home}, home=home),
        now_ms=lambda: NOW,
        accounts=lambda: accounts or [],
    )


def test_turn_becomes_one_event() -> None:
    """Every field of a turn is in the event; money is kept in 1e-9."""
    turn = Turn(
        occurred_at="2026-11-01T10:00:00+01:00",
        provider="Acme",
        model="m",
        message_id="m1",
        input_tokens=5,
        cache_read_tokens=4,
        cache_write_5m_tokens=3,
        cache_write_1h_tokens=2,
        output_tokens=9,
        reasoning_tokens=1,
        cost=0.25,
        currency="eur",
        tool_name="t",
        lines_added=3,
    )
    (event,) = make().turn(IngestParams(source="My_Tool", turn=turn), turn).events
    assert event.source == event.client == "my_tool"
    assert event.channel == "rpc"
    assert event.ts_ms == 1_793_523_600_000
    assert (event.provider, event.currency, event.cost_nano) == ("acme", "EUR", 250_000_000)
    assert (event.input, event.cache_read, event.cache_write_5m, event.cache_write_1h) == (
        5,
        4,
        3,
        2,
    )
    assert (event.output, event.reasoning, event.requests) == (9, 1, None)
    assert event.account_id == ""


def test_time_falls_back_to_observation_then_now() -> None:
    """Without a time of its own an event happened when it was observed, else now."""
    turn = Turn(message_id="m")
    observed = IngestParams(source="s", turn=turn, observed_at=NOW - 5)
    assert make().turn(observed, turn).events[0].ts_ms == NOW - 5
    assert make().turn(IngestParams(source="s", turn=turn), turn).events[0].ts_ms == NOW


def test_delivery_id_identifies_a_turn_without_ids() -> None:
    """A repeated delivery of an event without ids is recognised; with ids they count."""
    bare, named = Turn(), Turn(message_id="m")
    ingest = make()
    params = IngestParams(source="s", turn=bare, delivery_id="d1")
    assert ingest.turn(params, bare).events[0].turn_id == "delivery:d1"
    params = IngestParams(source="s", turn=named, delivery_id="d1")
    assert ingest.turn(params, named).events[0].turn_id == ""


def test_a_known_source_belongs_to_its_account() -> None:
    """A source that is one of our providers goes to its account, a named account wins."""
    turn = Turn(message_id="m")
    ingest = make([Account(id="codex-cli", provider_id="codex")])
    assert ingest.turn(IngestParams(source="codex", turn=turn), turn).events[0].account_id == (
        "codex-cli"
    )
    params = IngestParams(source="codex", turn=turn, account_id="other")
    assert ingest.turn(params, turn).events[0].account_id == "other"


@pytest.mark.parametrize(
    ("turn", "field"),
    [
        (Turn(occurred_at="yesterday"), "turn.occurred_at"),
        (Turn(occurred_at="2026-01-01T00:00:00"), "turn.occurred_at"),
        (Turn(cost=-1), "turn.cost"),
        (Turn(cost=float("inf")), "turn.cost"),
        (Turn(input_tokens=-4), "input"),
        (Turn(occurred_at=5), "occurred_at"),
    ],
)
def test_bad_turn_names_its_field(turn: Turn, field: str) -> None:
    """What is wrong with a turn is said by field."""
    with pytest.raises(InvalidEvent) as caught:
        make().turn(IngestParams(source="s", turn=turn), turn)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        (1_700_000_000, 1_700_000_000_000),
        (1_700_000_000_000, 1_700_000_000_000),
        ("2023-11-14T22:13:20Z", 1_700_000_000_000),
        ("2023-11-14T22:13:20.5+00:00", 1_700_000_000_500),
    ],
)
def test_times(value: str | int | None, expected: int | None) -> None:
    """Epoch seconds, epoch milliseconds and ISO with zone are understood."""
    assert parse_time(value, "f") == expected


def test_unknown_source_of_a_payload_lists_the_known_ones() -> None:
    """A payload of a tool without hooks is refused with the names of those that have them."""
    with pytest.raises(InvalidEvent, match="claude_code"):
        make().payload(IngestParams(source="nobody", payload={}), {})


def test_payload_goes_to_the_account_of_its_log(tmp_path: Path) -> None:
    """The account whose home holds the named transcript owns the event; its log is woken."""
    homes = []
    for name in ("one", "two"):
        projects = tmp_path / name / "projects" / "p"
        projects.mkdir(parents=True)
        (projects / "s.jsonl").write_text("")
        homes.append(tmp_path / name)
    accounts = [
        Account(id=f"claude-code:{home.name}", provider_id="claude_code", home=str(home))
        for home in homes
    ]
    ingest = Ingest(
        machine=Machine(env={"CLAUDE_CONFIG_DIR": ",".join(map(str, homes))}, home=str(tmp_path)),
        now_ms=lambda: NOW,
        accounts=lambda: accounts,
    )
    transcript = str(homes[1] / "projects" / "p" / "s.jsonl")
    payload = {
        "hook_event_name": "PostToolUse",
        "session_id": "s",
        "transcript_path": transcript,
        "cwd": "/w",
        "tool_name": "Bash",
        "tool_use_id": "toolu_1",
    }
    accepted = ingest.payload(IngestParams(source="claude_code", payload=payload), payload)
    assert list(accepted.wake_paths) == [transcript]
    assert [event.account_id for event in accepted.events] == ["claude-code:two"]
    assert ingest.claude_accounts() == {"claude-code:one", "claude-code:two"}
